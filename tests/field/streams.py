"""Network cameras that fail: how soon each is read again, and how old frames are.

    make test-camera

Both kinds of camera are real servers in a process of their own (`network_camera.py`). Every frame
has its number in the picture, so its age is known without trusting the reader.
"""

from __future__ import annotations

import os
import subprocess
import time

import numpy as np
from camera_process import Camera
from recovery import Recovery, measured_start, wait_for
from soak import child

from digits_runtime.capture.frame import Source
from digits_runtime.capture.settings import Settings
from digits_runtime.capture.source import open_source

RATE = 30.0
SLOW_S = 0.4
STOPPED_S = 2.0
FRAMES = 30
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
        wait_for("the other size", lambda: _height(source) == 240)
    camera.kill()


def _height(source: Source) -> int | None:
    frame = source.next(1.0)
    return None if frame is None else frame.image.shape[0]


def ages(kind: str, late: str = "") -> bool:
    """Print how old frames are that a slow reader is given, in intervals, and judge the oldest.

    Args:
        kind: Of camera.
        late: `process` or `program`: what is stopped for a while in the middle.
    """
    camera = Camera(kind)
    found: list[float] = []
    with open_source(camera.url) as source:
        for count, frame in enumerate(source):
            found.append(camera.age(frame.image))
            if count == FRAMES // 2 and late:
                stop(child(os.getpid()) if late == "process" else os.getpid())
                # What came before the stop took hold is the newest there is until it ends.
                source.next(0)
            time.sleep(SLOW_S)
            if count == FRAMES:
                break
    camera.kill()
    shares = np.percentile(found[1:], [0, 50, 90, 100])
    what = f"{kind}, the {late} stopped for {STOPPED_S:g} s" if late else kind
    print(f"  {what}: {' '.join(f'{share:.2f}' for share in shares)}", flush=True)
    return float(shares[-1]) <= MOST_INTERVALS


def stop(pid: int | None) -> None:
    """Keep a process from running for a while, as a machine does that has too much to do."""
    script = f"kill -STOP {pid}; sleep {STOPPED_S}; kill -CONT {pid}"
    subprocess.Popen(["/bin/sh", "-c", script])
    time.sleep(0.1)


def main() -> None:
    measured_start()
    recovery = Recovery()
    print("seconds from the camera's return to the first frame read:")
    for kind in ("http", "rtsp"):
        failures(kind, recovery)
    print(recovery.verdict())
    print(
        f"age of the frames that a reader is given who takes {SLOW_S:g} s for each, in intervals "
        f"of {1e3 / RATE:.0f} ms (least, median, 90 %, oldest of {FRAMES}):"
    )
    judged = [ages(kind, late) for kind in ("http", "rtsp") for late in ("", "process", "program")]
    if not all(judged):
        raise SystemExit(f"FAILED: frames are older than {MOST_INTERVALS:g} intervals")


if __name__ == "__main__":
    main()
