"""Network cameras that fail: how soon each is read again, and how old frames are.

    make test-camera

Both kinds of camera are real servers in a process of their own (`network_camera.py`). Every frame
has its number in the picture, so its age is known without trusting the reader.
"""

from __future__ import annotations

import time

import numpy as np
from camera_process import Camera
from recovery import Recovery, measured_start, wait_for

from digits_runtime.capture.frame import Source
from digits_runtime.capture.settings import Settings
from digits_runtime.capture.source import open_source

RATE = 30.0
SLOW_S = 0.4
MOST_INTERVALS = 2.0


def failures(kind: str, recovery: Recovery) -> None:
    camera = Camera(kind)
    settings = Settings(timeout=2.0)
    with open_source(camera.url, settings) as source:
        recovery.again(source, time.monotonic(), f"{kind}: first opening, not judged", judged=False)
        recovery.read(source, 1)
        camera.tell("stall")
        recovery.read(source, 1)
        recovery.again(source, camera.tell("resume"), f"{kind}: silent for 1 s")
        recovery.read(source, 1)
        camera.tell("stall")
        recovery.lost(source)
        recovery.read(source, 5)
        recovery.again(
            source, camera.tell("resume"), f"{kind}: silent until given up, and 5 s more"
        )
        recovery.read(source, 1)
        for away in (0.5, 5):
            camera.kill()
            recovery.lost(source)
            recovery.read(source, away)
            recovery.again(source, camera.start(), f"{kind}: killed, {away:g} s away")
            recovery.read(source, 1)
        camera.tell("garbage")
        recovery.lost(source)
        recovery.read(source, 2)
        recovery.again(source, camera.tell("resume"), f"{kind}: garbage")
        recovery.read(source, 1)
        recovery.again(source, camera.tell("size 320 240"), f"{kind}: another size")
        # Over HTTP, OpenCV goes on giving the size that it began with.
        height = 240 if kind == "rtsp" else 480
        wait_for("the other size", lambda: _height(source) == height)
    camera.kill()


def _height(source: Source) -> int | None:
    frame = source.next(1.0)
    return None if frame is None else frame.image.shape[0]


def ages(kind: str) -> float:
    """Median age, in frame intervals, of what a reader that takes 0.4 s a frame is given."""
    camera = Camera(kind)
    found = []
    with open_source(camera.url) as source:
        for count, frame in enumerate(source):
            found.append(camera.age(frame.image))
            time.sleep(SLOW_S)
            if count == 20:
                break
    camera.kill()
    median, worst = float(np.median(found[1:])), max(found[1:])
    print(f"  {kind}: {median:.2f} intervals of {1e3 / RATE:.0f} ms, at most {worst:.2f}")
    return median


def main() -> None:
    measured_start()
    recovery = Recovery()
    print("seconds from the camera's return to the first frame read:")
    for kind in ("http", "rtsp"):
        failures(kind, recovery)
    print(recovery.verdict())
    print(f"age of a frame when a reader that takes {SLOW_S:g} s for each asks for it:")
    if max(ages("http"), ages("rtsp")) > MOST_INTERVALS:
        raise SystemExit(f"FAILED: frames are older than {MOST_INTERVALS:g} intervals")


if __name__ == "__main__":
    main()
