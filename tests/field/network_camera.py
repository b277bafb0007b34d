"""A network camera that fails on request: HTTP MJPEG, or RTSP with RTP/JPEG (RFC 2435) over TCP.

    python tests/field/network_camera.py http|rtsp [PORT] [RATE]

Prints its port and the moment of frame 0 (seconds of the monotonic clock), then obeys lines on
standard input: `stall` (silent, connections stay open), `resume`, `size W H` (multiples of 8),
`garbage` (bytes that are no pictures). The number of each frame is in its lowest 16 rows, black and
white, so that its age can be told from the picture: `number_in` reads it.
"""

from __future__ import annotations

import functools
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

_BITS, _BLOCK = 16, 16
_PACKET = 1300

state = {"size": (640, 480), "stalled": False, "garbage": False}
kind = sys.argv[1] if len(sys.argv) > 1 else "http"
rate = float(sys.argv[3]) if len(sys.argv) > 3 else 30.0
began = time.monotonic()


@functools.cache
def page(width: int, height: int) -> NDArray[np.uint8]:
    """Three lines of seven digits on shaded paper, as the benchmark reads."""
    light = np.linspace(230, 140, 640)[None, :, None] * np.ones((480, 1, 3))
    paper = np.asarray(light + np.random.default_rng(0).normal(0, 3, light.shape), np.uint8)
    for row, text in enumerate(("3141592", "6535897", "9323846")):
        for column, glyph in enumerate(text):
            place = (40 + 82 * column, 120 + 130 * row)
            cv2.putText(paper, glyph, place, cv2.FONT_HERSHEY_SIMPLEX, 2.6, (60, 40, 40), 6)
    return np.asarray(cv2.resize(paper, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    image = page(width, height).copy()
    for bit in range(_BITS):
        image[-_BLOCK:, bit * _BLOCK : (bit + 1) * _BLOCK] = 255 * ((number >> bit) & 1)
    return image


def number_in(image: NDArray[np.uint8]) -> int:
    row = image[-_BLOCK // 2]
    return sum(
        int(row[bit * _BLOCK + _BLOCK // 2].mean() > 128) << bit
        for bit in range(min(_BITS, image.shape[1] // _BLOCK))
    )


def frames() -> Iterator[bytes]:
    """JPEGs in time; a late reader gets the newest."""
    number = -1
    while True:
        newest = int((time.monotonic() - began) * rate)
        if newest <= number or state["stalled"]:
            time.sleep(0.002)
            continue
        number = newest
        jpeg = cv2.imencode(".jpg", picture(number, *state["size"]), [1, 85])[1].tobytes()
        yield bytes(len(jpeg)) if state["garbage"] else jpeg


def http(client: socket.socket) -> None:
    client.recv(4096)
    client.sendall(
        b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=B\r\n\r\n"
    )
    for jpeg in frames():
        head = b"--B\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
        client.sendall(head + jpeg + b"\r\n")


def packets(jpeg: bytes, sequence: int, stamp: int) -> Iterator[bytes]:
    """RTP packets of one JPEG, whose tables travel in the first."""
    tables, kind_of, at = b"", 1, 2
    while True:
        marker, length = jpeg[at + 1], struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
        segment = jpeg[at + 4 : at + 2 + length]
        if marker == 0xDB:
            tables += b"".join(segment[i + 1 : i + 65] for i in range(0, len(segment), 65))
        elif marker == 0xC0:
            height, width = struct.unpack(">HH", segment[1:5])
            kind_of = 0 if segment[7] == 0x21 else 1
        elif marker == 0xDA:
            data = jpeg[at + 2 + length : -2]
            break
        at += 2 + length
    for offset in range(0, len(data), _PACKET):
        part = data[offset : offset + _PACKET]
        last = offset + len(part) >= len(data)
        head = struct.pack(">BBHII", 0x80, 26 | last << 7, sequence & 0xFFFF, stamp, 1)
        head += struct.pack(
            ">B3sBBBB", 0, offset.to_bytes(3, "big"), kind_of, 255, width // 8, height // 8
        )
        if offset == 0:
            head += struct.pack(">BBH", 0, 0, len(tables)) + tables
        yield head + part
        sequence += 1


def play(client: socket.socket, lock: threading.Lock) -> None:
    sequence = 1
    try:
        for jpeg in frames():
            stamp = int((time.monotonic() - began) * 90_000) & 0xFFFFFFFF
            sent = [jpeg[:_PACKET]] if state["garbage"] else packets(jpeg, sequence, stamp)
            for packet in sent:
                with lock:
                    client.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)
                sequence += 1
    except OSError:
        pass


def rtsp(client: socket.socket) -> None:
    lock, held = threading.Lock(), b""
    while True:
        while b"\r\n\r\n" not in held:
            if held[:1] == b"$" and len(held) >= 4:
                held = held[4 + struct.unpack(">H", held[2:4])[0] :]
                continue
            more = client.recv(4096)
            if not more:
                return
            held += more
        head, held = held.split(b"\r\n\r\n", 1)
        lines = head.decode(errors="replace").split("\r\n")
        method = lines[0].split()[0]
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        answer, body = f"RTSP/1.0 200 OK\r\nCSeq: {fields['cseq']}\r\nSession: 1\r\n", ""
        if method == "OPTIONS":
            answer += "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n"
        elif method == "DESCRIBE":
            body = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=t\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            body += "m=video 0 RTP/AVP 26\r\na=control:track0\r\n"
            answer += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP":
            answer += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        with lock:
            client.sendall((answer + "\r\n" + body).encode())
        if method == "PLAY":
            threading.Thread(target=play, args=(client, lock), daemon=True).start()
        elif method == "TEARDOWN":
            return


def serve(client: socket.socket) -> None:
    try:
        (http if kind == "http" else rtsp)(client)
    except OSError:
        pass
    finally:
        client.close()


def accept(listener: socket.socket) -> None:
    while True:
        client, _ = listener.accept()
        # Else the tail of a frame waits here for a delayed acknowledgement (Nagle), often
        # until the next frame. That would be this camera's own doing, not its reader's.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(client,), daemon=True).start()


def main() -> None:
    cv2.setNumThreads(1)
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    listener = socket.create_server(("127.0.0.1", port))
    print(listener.getsockname()[1], began, flush=True)
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
    for line in sys.stdin:
        match line.split():
            case ["stall"]:
                state["stalled"] = True
            case ["resume"]:
                state.update(stalled=False, garbage=False)
            case ["garbage"]:
                state["garbage"] = True
            case ["size", width, height]:
                state["size"] = (int(width), int(height))


if __name__ == "__main__":
    main()
