"""The ribbon camera of a Raspberry Pi, which no `/dev/videoN` shows as pictures.

By picamera2 where it imports (Debian's builds of it want Debian's numpy), else by the program
`rpicam-vid`, whose raw pictures come through a pipe.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from digits_runtime.capture import pipes
from digits_runtime.capture.settings import USUAL_RATE, USUAL_SIZE, Settings
from digits_runtime.errors import InputError

if TYPE_CHECKING:
    from digits_runtime.capture.grabbers import Grabber

# The image processors of all Pis pad rows of this format to as many pixels.
_STRIDE = 64
PROGRAMS = ("rpicam-vid", "libcamera-vid")  # its name now, and before 2024
_LONGEST_LOG = 1 << 20


def open_pi(camera: int, settings: Settings) -> Grabber:
    """Open a ribbon camera.

    Raises:
        InputError: There is neither picamera2 nor rpicam-vid, or no such camera.
    """
    try:
        from picamera2 import Picamera2
    except Exception:  # not there, or built for another numpy, which fails in several ways
        return PiPipe(camera, settings)
    return _Picamera(Picamera2, camera, settings)


class PiPipe:
    """Raw YUV pictures from `rpicam-vid`.

    Args:
        camera: Its number.
        settings: Size and rate to ask for.

    Raises:
        InputError: The program is not there.
    """

    def __init__(self, camera: int, settings: Settings) -> None:
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            raise InputError(
                "rpicam-vid is not installed, which reads a Raspberry Pi's ribbon camera: "
                "sudo apt install rpicam-apps"
            )
        self._size = settings.size or USUAL_SIZE
        self.number = 0
        self._image: NDArray[np.uint8] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close
        self._process = subprocess.Popen(  # noqa: S603 - no shell, and only numbers in it
            [
                program,
                *("--camera", str(camera), "--codec", "yuv420", "--nopreview", "--flush"),
                *("--width", str(self._size[0]), "--height", str(self._size[1])),
                *("--framerate", f"{settings.rate or USUAL_RATE:g}", "--timeout", "0"),
                *("--verbose", "0", "--output", "-"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    def grab(self) -> float | None:
        """Wait for a picture.

        Raises:
            InputError: The program ended; its last line says why.
        """
        stride = -(-self._size[0] // _STRIDE) * _STRIDE
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        self._image = pipes.read_raw(self._process.stdout, "yuv420", self._size, stride)
        if self._image is None:
            raise InputError(f"rpicam-vid ended: {self._last_words()}")
        self.number += 1
        return time.monotonic()

    def retrieve(self, into: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
        """The picture: uint8 BGR `[h, w, 3]`."""
        return self._image

    def close(self) -> None:
        """End the program."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _last_words(self) -> str:
        self._process.wait()
        self._log.seek(0)
        said = self._log.read(_LONGEST_LOG).decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(said) if line.strip()), "without a word")


class _Picamera:
    """Pictures by picamera2, with the sensor's own time."""

    def __init__(self, make: Any, camera: int, settings: Settings) -> None:
        try:
            self._camera = make(camera)
            self._camera.configure(
                self._camera.create_video_configuration(
                    # Its name for what has blue first in memory.
                    main={"size": settings.size or USUAL_SIZE, "format": "RGB888"},
                    controls={"FrameRate": settings.rate or USUAL_RATE},
                )
            )
            self._camera.start()
        except Exception as error:  # libcamera's errors have no family
            raise InputError(f"no ribbon camera {camera}: {error}; check its cable") from None
        self.number = 0
        self._image: NDArray[np.uint8] | None = None

    def grab(self) -> float | None:
        """Wait for a picture."""
        request = self._camera.capture_request()
        try:
            self._image = np.array(request.make_array("main"), np.uint8)
            stamp: int | None = request.get_metadata().get("SensorTimestamp")
        finally:
            request.release()
        self.number += 1
        now = time.monotonic()
        if stamp is None:
            return now
        # The sensor's clock goes on while the board sleeps, unlike the monotonic one.
        age: float = time.clock_gettime(time.CLOCK_BOOTTIME) - stamp / 1e9
        return now - max(0.0, age)

    def retrieve(self, into: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
        """The picture: uint8 BGR `[h, w, 3]`."""
        return self._image

    def close(self) -> None:
        """Let go of the camera."""
        self._camera.stop()
        self._camera.close()
