"""A USB webcam in Python, plugged into the kernel's own USB stack; it can be frozen and unplugged.

    python tests/field/usb_webcam.py

A UVC 1.1 device (MJPG and YUYV, 640x480, 30 frames a second), spoken to over USB/IP through a
socket pair by the kernel's vhci_hcd, so that the real usbcore and uvcvideo make /dev/videoN of it.
Needs root and both modules; `camera_vm.sh` has them in a virtual machine. Obeys lines on stdin:
`freeze`, `thaw`, `garbage` (pictures that are none), `clean`, `unplug SECONDS` (until it is back).
"""

from __future__ import annotations

import contextlib
import functools
import socket
import struct
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np

VHCI = Path("/sys/devices/platform/vhci_hcd.0")
WIDTH, HEIGHT, RATE = 640, 480, 30
INTERVAL = 10**7 // RATE  # in units of 100 ns, as UVC counts
RAW_SIZE = WIDTH * HEIGHT * 2
PAYLOAD = 16_384
MJPG, YUYV = 1, 2

state = {"format": MJPG, "frozen": False, "garbage": False}


# Descriptors (USB Video Class 1.1).


def le(count: int, value: int) -> bytes:
    return value.to_bytes(count, "little")


def descriptor(*parts: int | bytes) -> bytes:
    body = b"".join(bytes([part]) if isinstance(part, int) else part for part in parts)
    return bytes([len(body) + 1]) + body


def frame_descriptor(subtype: int) -> bytes:
    sides = le(2, WIDTH) + le(2, HEIGHT)
    bits = le(4, RAW_SIZE * 8 * 5) + le(4, RAW_SIZE * 8 * RATE)
    size = le(4, RAW_SIZE)
    return descriptor(0x24, subtype, 1, 0, sides, bits, size, le(4, INTERVAL), 1, le(4, INTERVAL))


def control_header(total: int) -> bytes:
    return descriptor(0x24, 1, le(2, 0x110), le(2, total), le(4, 48_000_000), 1, 1)


def stream_header(total: int) -> bytes:
    return descriptor(0x24, 1, 2, le(2, total), 0x81, 0, 2, 0, 0, 0, 1, 0, 0)


def configuration() -> bytes:
    terminals = descriptor(0x24, 2, 1, le(2, 0x201), 0, 0, bytes(6), 3, bytes(3))
    terminals += descriptor(0x24, 3, 2, le(2, 0x101), 0, 1, 0)
    formats = descriptor(0x24, 6, 1, 1, 1, 1, 0, 0, 0, 0) + frame_descriptor(7)
    yuy2 = b"YUY2\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    formats += descriptor(0x24, 4, 2, 1, yuy2, 16, 1, 0, 0, 0, 0) + frame_descriptor(5)
    control = control_header(len(control_header(0)) + len(terminals)) + terminals
    stream = stream_header(len(stream_header(0)) + len(formats)) + formats
    body = descriptor(0x0B, 0, 2, 0x0E, 3, 0, 2)
    body += descriptor(4, 0, 0, 0, 0x0E, 1, 0, 2) + control
    body += descriptor(4, 1, 0, 1, 0x0E, 2, 0, 0) + stream
    body += descriptor(5, 0x81, 2, le(2, 512), 0)
    return descriptor(2, le(2, 9 + len(body)), 2, 1, 0, 0x80, 250) + body


DEVICE = descriptor(
    1, le(2, 0x200), 0xEF, 2, 1, 64, le(2, 0x1209), le(2, 0x5AFE), le(2, 0x100), 1, 2, 3, 1
)
CONFIGURATION = configuration()
STRINGS = {0: le(2, 0x409)}
for index, text in enumerate(("Test", "Python UVC Camera", "SN0001"), 1):
    STRINGS[index] = text.encode("utf-16-le")


def probe() -> bytes:
    """What the camera and the driver agree on."""
    middle = bytes(10) + le(4, RAW_SIZE) + le(4, PAYLOAD) + le(4, 48_000_000) + bytes(4)
    return le(2, 1) + bytes([state["format"], 1]) + le(4, INTERVAL) + middle


@functools.cache
def picture(digit: int, pixel_format: int) -> bytes:
    image = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    cv2.putText(image, str(digit), (WIDTH // 3, HEIGHT // 2), 0, 4, (40, 30, 30), 10)
    if pixel_format == MJPG:
        return cv2.imencode(".jpg", image, [1, 85])[1].tobytes()
    return cv2.cvtColor(image, cv2.COLOR_BGR2YUV_YUYV).tobytes()


class Camera:
    """Plugged in from the moment it is made."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair()
        self._pending: list[tuple[int, int]] = []
        self._asked = threading.Condition()
        self._sending = threading.Lock()
        self._gone = False
        lines = (VHCI / "status").read_text().splitlines()
        port = next(row.split()[1] for row in lines if row.startswith("hs") and " 004 " in row)
        (VHCI / "attach").write_text(f"{int(port)} {theirs.fileno()} {0x10002} 3")
        theirs.close()
        for work in (self._answer, self._stream):
            threading.Thread(target=work, daemon=True).start()

    def unplug(self) -> None:
        self._gone = True
        self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()

    def _answer(self) -> None:
        """USB/IP requests: control transfers at once, pictures when there are some."""
        with contextlib.suppress(OSError):
            while True:
                head = self._read(48)
                command, sequence, _, inward, endpoint = struct.unpack(">5I", head[:20])
                if command == 2:
                    self._cancel(sequence, struct.unpack(">I", head[20:24])[0])
                    continue
                length = struct.unpack(">I", head[24:28])[0]
                data = self._read(length) if not inward and length else b""
                if endpoint == 1:
                    with self._asked:
                        self._pending.append((sequence, length))
                        self._asked.notify()
                else:
                    self._control(sequence, bool(inward), head[40:48], data)
        self._gone = True

    def _cancel(self, sequence: int, cancelled: int) -> None:
        with self._asked:
            hit = [entry for entry in self._pending if entry[0] == cancelled]
            self._pending = [entry for entry in self._pending if entry[0] != cancelled]
            # An answer to what is no longer pending must be on its way before this one: the kernel
            # takes the camera for broken where it comes after.
            with self._sending:
                status = -104 if hit else 0
                self._line.sendall(struct.pack(">IIIIIi24x", 4, sequence, 0, 0, 0, status))

    def _control(self, sequence: int, inward: bool, setup: bytes, data: bytes) -> None:
        kind, request, value, where, length = struct.unpack("<BBHHH", setup)
        answer: bytes | None = b""
        if (kind, request) == (0x80, 6):
            wanted, number = value >> 8, value & 255
            answer = {1: DEVICE, 2: CONFIGURATION}.get(wanted)
            if wanted == 3 and number in STRINGS:
                answer = descriptor(3, STRINGS[number])
        elif kind == 0xA1 and where == 1:
            answer = {0x85: le(2, 34), 0x86: b"\3"}.get(request, probe())
        elif kind == 0x21 and where == 1:
            if request == 1 and len(data) > 2:
                state["format"] = YUYV if data[2] == YUYV else MJPG
        elif (kind, request) in ((0x80, 0), (0x81, 0), (0x82, 0)):
            answer = le(2, 0)
        elif kind & 0x60 == 0x20:
            answer = None  # a control that this camera does not have
        if answer is None:
            self._return(sequence, b"", status=-32)
        else:
            self._return(
                sequence, answer[:length] if inward else b"", None if inward else len(data)
            )

    def _stream(self) -> None:
        toggle, began, count = 0, time.monotonic(), 0
        with contextlib.suppress(OSError):
            while not self._gone:
                count += 1
                time.sleep(max(0.0, began + count / RATE - time.monotonic()))
                if state["frozen"] or not self._pending:
                    continue
                content, offset = picture(count % 10, state["format"]), 0
                if state["garbage"]:
                    content = bytes(len(content))
                while offset < len(content) and not self._gone:
                    with self._asked:
                        if not self._pending and not self._asked.wait(1):
                            break
                        sequence, length = self._pending.pop(0)
                        part = content[offset : offset + min(length, PAYLOAD) - 2]
                        offset += len(part)
                        ends = 2 if offset >= len(content) else 0
                        self._return(sequence, bytes([2, 0x80 | toggle | ends]) + part)
                toggle ^= 1
        self._gone = True

    def _return(
        self, sequence: int, data: bytes, length: int | None = None, status: int = 0
    ) -> None:
        size = len(data) if length is None else length
        head = struct.pack(">IIIIIiiiii8x", 3, sequence, 0, 0, 0, status, size, 0, 0, 0)
        with self._sending:
            self._line.sendall(head + data)

    def _read(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            more = self._line.recv(count - len(content))
            if not more:
                raise OSError
            content += more
        return content


def main() -> None:
    cv2.setNumThreads(1)
    camera = Camera()
    print("plugged in", flush=True)
    for line in sys.stdin:
        match line.split():
            case ["freeze"]:
                state["frozen"] = True
            case ["thaw"]:
                state["frozen"] = False
            case ["garbage"]:
                state["garbage"] = True
            case ["clean"]:
                state["garbage"] = False
            case ["unplug", seconds]:
                camera.unplug()
                time.sleep(float(seconds))
                camera = Camera()
                print("plugged in", flush=True)


if __name__ == "__main__":
    main()
