"""Runs inside the virtual machine of `camera_vm.sh`: a USB webcam fails in every way it can.

Prints seconds from the camera's return to the first frame read, and fails where that is more than
2 s and the start of a reading process there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from recovery import Recovery, measured_start, wait_for

from digits_runtime.capture import v4l2
from digits_runtime.capture.settings import Settings
from digits_runtime.capture.source import open_source

MODULES = ("vhci_hcd", "uvcvideo")
AWAY_S = 6


def main() -> None:
    for module in MODULES:
        subprocess.run([os.environ["BB"], "modprobe", module], check=True)
    script = Path(__file__).with_name("usb_webcam.py")
    camera = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, text=True)

    def tell(order: str) -> float:
        assert camera.stdin is not None
        camera.stdin.write(order + "\n")
        camera.stdin.flush()
        return time.monotonic()

    wait_for("the webcam", lambda: bool(v4l2.cameras()))
    (webcam,) = v4l2.cameras()
    print(f"{webcam}; {', '.join(map(str, v4l2.modes(webcam.path)))}", flush=True)
    start = measured_start(1)
    recovery = Recovery(start)
    # A machine that starts processes slowly gets its frames slowly, too.
    settings = Settings(pixel_format="MJPG", timeout=max(2.0, start / 3))
    with open_source("0", settings, patient=True) as source:
        recovery.again(source, time.monotonic(), "first opening, not judged", judged=False)
        recovery.read(source, 4)
        health = source.health()
        print(f"{health.rate:.1f} frames a second, newest {1e3 * (health.age or 0):.0f} ms old")
        for failure, end in (("freeze", "thaw"), ("garbage", "clean")):
            tell(failure)
            recovery.lost(source)
            recovery.read(source, 5)
            recovery.again(source, tell(end), failure)
            recovery.read(source, 2)
        for another in (False, True):
            # Held open by somebody, its number is not given again.
            handle = os.open("/dev/video0", os.O_RDWR | os.O_NONBLOCK) if another else None
            tell(f"unplug {AWAY_S}")
            wait_for("unplugging", lambda: not v4l2.cameras())
            recovery.lost(source)
            back = wait_for("plugging in", lambda: bool(v4l2.cameras()))
            recovery.again(source, back, f"unplugged, back as {v4l2.cameras()[0].path}")
            recovery.read(source, 2)
            if handle is not None:
                os.close(handle)
    camera.kill()
    print(recovery.verdict())


if __name__ == "__main__":
    main()
