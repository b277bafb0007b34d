"""Opens whatever a source's address names."""

from __future__ import annotations

from digits_runtime.capture.address import parse
from digits_runtime.capture.frame import Source
from digits_runtime.capture.settings import Settings


def open_source(
    source: str | int, settings: Settings | None = None, *, patient: bool = False
) -> Source:
    """Open a camera, a stream, a file or standard input.

    Args:
        source: A camera's number, `/dev/videoN`, its name or serial number; `pi` or `pi:1` for a
            Raspberry Pi's ribbon camera; an http or rtsp address; a video file, a picture, a folder
            of pictures; `-` for standard input.
        settings: Size, rate, format, rotation, crop, timeout.
        patient: Whether to wait for a camera or stream that is not there yet. Once it was there it
            is always waited for.

    Raises:
        InputError: Nothing is called so. What cannot be opened raises it from `next`.
    """
    address = parse(str(source))
    settings = settings or Settings()
    if address.live:
        from digits_runtime.capture.live import Live

        return Live(address, settings, patient=patient)
    from digits_runtime.capture.recorded import Recorded

    return Recorded(address, settings)
