"""Downloads a gzip file once: resumed when cut off, checked by hash, in place only when whole."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from digits_runtime.errors import InputError

# No file that is fetched, packed or unpacked, comes near this.
_LIMIT = 1 << 28
_TIMEOUT_S = 20
_PAUSES_S = (0.2, 1.0, 3.0)
_CHUNK = 1 << 16


class _UnavailableError(Exception):
    """This mirror does not have the file, or cannot be reached: asking it again is no use."""


class _CutOffError(Exception):
    """The transfer ended early; what came is kept, and asking again may bring the rest."""


def fetch(urls: Sequence[str], target: Path, sha256: str) -> Path:
    """Download a `.gz` to `target`, unless it is there already.

    What has arrived is kept beside the target as `.part` and resumed, in this call, or in the next
    one after an interruption.

    Args:
        urls: Mirrors of the file, http or https, tried in order.
        target: Where the file goes; its folder is made.
        sha256: Of the *decompressed* bytes: mirrors compress the same content differently.

    Returns:
        `target`.

    Raises:
        InputError: No mirror delivered the file, what they delivered has another hash, or it cannot
            be written.
    """
    if target.is_file():
        return target
    part = target.with_name(target.name + ".part")
    faults = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for url in urls:
            try:
                _fetch_from(url, part, sha256)
            except _UnavailableError as fault:
                faults.append(f"{urlsplit(url).hostname}: {fault}")
                continue
            os.replace(part, target)
            return target
    except OSError as error:
        raise InputError(
            f"{target} cannot be written: {error.strerror}; make room for it"
        ) from error
    raise InputError(
        f"{target.name} could not be downloaded ({'; '.join(faults)}); go online, or put the file "
        f"in DIGITS_DATA/{target.parent.name} (or FOLDER/{target.parent.name} and pass "
        "--data-dir FOLDER)"
    )


def gunzip(path: Path, limit: int) -> bytes:
    """Decompress a gzip file of at most `limit` bytes decompressed.

    Raises:
        InputError: The file is missing, not gzip, damaged, cut short, or larger.
    """
    try:
        with gzip.open(path) as file:
            data = file.read(limit + 1)
    except gzip.BadGzipFile as error:
        raise InputError(f"{path} is not a sound gzip file: {error}; replace it") from error
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path} is cut short or damaged: {error}; replace it") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise InputError(f"{path} unpacks to more than {limit:,} bytes; it is not the right file")
    return data


def _fetch_from(url: str, part: Path, sha256: str) -> None:
    """Bring the whole, right file to `part`, or raise _UnavailableError."""
    fault = ""
    for pause in (0.0, *_PAUSES_S):
        time.sleep(pause)
        resumed = part.exists()
        try:
            _transfer(url, part)
        except _CutOffError as error:
            fault = str(error)
            continue
        fault = _fault_in(part, sha256)
        if not fault:
            return
        part.unlink()
        # A left-over start, perhaps of another mirror's file, may be to blame: once more, afresh.
        if not resumed:
            break
    raise _UnavailableError(fault)


def _fault_in(part: Path, sha256: str) -> str:
    try:
        found = hashlib.sha256(gunzip(part, _LIMIT)).hexdigest()
    except InputError as error:
        return str(error)
    return "" if found == sha256 else f"wrong content, sha256 {found[:12]}… not {sha256[:12]}…"


def _transfer(url: str, part: Path) -> None:
    """Append to `part` what it still lacks, or write it anew if the server will not resume."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310
    try:
        response = _opener().open(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                if error.headers.get("Content-Range") == f"bytes */{have}":
                    return  # Nothing is lacking: it was interrupted between the end and the check.
                part.unlink()
                raise _CutOffError("the partial file did not fit the server's") from error
            if error.code >= 500 or error.code in (408, 429):
                raise _CutOffError(f"the server answered {error.code}") from error
            raise _UnavailableError(f"the server answered {error.code}") from error
    except urllib.error.URLError as error:
        raise _UnavailableError(str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _CutOffError(f"no answer: {error}") from error
    with response:
        resumes = response.status == http.HTTPStatus.PARTIAL_CONTENT
        if resumes and not re.match(rf"bytes {have}-", response.headers.get("Content-Range") or ""):
            part.unlink()
            raise _CutOffError("the server sent another range than was asked for")
        _receive(response, part, have if resumes else 0)


def _receive(response: http.client.HTTPResponse, part: Path, have: int) -> None:
    length = response.headers.get("Content-Length", "")
    total = have + int(length) if length.isdecimal() else None
    progress = Progress(
        TextColumn(part.stem),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with progress, part.open("ab" if have else "wb") as file:
        task = progress.add_task("", total=total, completed=have)
        while True:
            try:
                chunk = response.read(_CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise _CutOffError(f"the transfer broke off: {error}") from error
            if not chunk:
                break
            have += len(chunk)
            if have > _LIMIT:
                part.unlink()
                raise _UnavailableError(f"the server sends more than {_LIMIT:,} bytes")
            file.write(chunk)
            progress.advance(task, len(chunk))
    if total is not None and have < total:
        raise _CutOffError(f"the transfer broke off after {have:,} of {total:,} bytes")


def _opener() -> urllib.request.OpenerDirector:
    # Not urlopen: that also opens file: and ftp:, and follows a redirect there.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener
