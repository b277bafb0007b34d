from __future__ import annotations

import gzip
import hashlib
import http.server
import random
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from digits_runtime.errors import InputError
from digits_train.data import download
from digits_train.data.download import fetch, gunzip

CONTENT = random.Random(0).randbytes(300_000)  # noqa: S311
PACKED = gzip.compress(CONTENT, mtime=0)
SHA256 = hashlib.sha256(CONTENT).hexdigest()

# Given the number of the request and its Range header: status, extra headers, stated body, how
# much of it is sent.
Answer = Callable[[int, str | None], tuple[int, dict[str, str], bytes, int]]


class Mirror:
    """A server on the loopback that answers as told and remembers the ranges asked of it."""

    def __init__(self, answer: Answer) -> None:
        self.ranges: list[str | None] = []
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.ranges.append(self.headers.get("Range"))
                status, headers, body, sent = answer(len(mirror.ranges), mirror.ranges[-1])
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:sent])

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/file.gz"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answer], Mirror]]:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "_PAUSES_S", (0.0, 0.0, 0.0))
    mirrors: list[Mirror] = []

    def start(answer: Answer) -> Mirror:
        mirrors.append(Mirror(answer))
        return mirrors[-1]

    yield start
    for mirror in mirrors:
        mirror.close()


def whole(_count: int, asked: str | None) -> tuple[int, dict[str, str], bytes, int]:
    """Answer as a sound server that knows ranges."""
    start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0  # type: ignore[index]
    if start >= len(PACKED):
        return 416, {"Content-Range": f"bytes */{len(PACKED)}"}, b"", 0
    if not asked:
        return 200, {}, PACKED, len(PACKED)
    span = f"bytes {start}-{len(PACKED) - 1}/{len(PACKED)}"
    return 206, {"Content-Range": span}, PACKED[start:], len(PACKED)


def no_ranges(_count: int, _asked: str | None) -> tuple[int, dict[str, str], bytes, int]:
    return 200, {}, PACKED, len(PACKED)


def absent(_count: int, _asked: str | None) -> tuple[int, dict[str, str], bytes, int]:
    return 404, {}, b"", 0


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_downloaded_into_a_folder_made_for_it(
    serve: Callable[[Answer], Mirror], tmp_path: Path
) -> None:
    target = tmp_path / "deep" / "file.gz"
    assert fetch([serve(whole).url], target, SHA256) == target
    assert target.read_bytes() == PACKED
    assert left_in(target.parent) == ["file.gz"]


def test_a_file_that_is_there_is_not_downloaded_again(tmp_path: Path) -> None:
    target = tmp_path / "file.gz"
    target.write_bytes(PACKED)
    assert fetch([], target, SHA256) == target


def test_a_transfer_cut_off_is_resumed_where_it_stopped(
    serve: Callable[[Answer], Mirror], tmp_path: Path
) -> None:
    def cut_once(count: int, asked: str | None) -> tuple[int, dict[str, str], bytes, int]:
        status, headers, body, sent = whole(count, asked)
        return status, headers, body, 100_000 if count == 1 else sent

    mirror = serve(cut_once)
    target = fetch([mirror.url], tmp_path / "file.gz", SHA256)
    assert gunzip(target, 1 << 20) == CONTENT
    assert mirror.ranges == [None, "bytes=100000-"]


def test_a_part_left_by_an_interrupted_call_is_resumed(
    serve: Callable[[Answer], Mirror], tmp_path: Path
) -> None:
    (tmp_path / "file.gz.part").write_bytes(PACKED[:5000])
    mirror = serve(whole)
    assert fetch([mirror.url], tmp_path / "file.gz", SHA256).read_bytes() == PACKED
    assert mirror.ranges == ["bytes=5000-"]


def test_a_part_that_was_already_whole_is_only_checked(
    serve: Callable[[Answer], Mirror], tmp_path: Path
) -> None:
    (tmp_path / "file.gz.part").write_bytes(PACKED)
    assert fetch([serve(whole).url], tmp_path / "file.gz", SHA256).read_bytes() == PACKED


def test_a_server_that_ignores_ranges_sends_the_file_anew(
    serve: Callable[[Answer], Mirror], tmp_path: Path
) -> None:
    (tmp_path / "file.gz.part").write_bytes(PACKED[:5000])
    assert fetch([serve(no_ranges).url], tmp_path / "file.gz", SHA256).read_bytes() == PACKED


def test_a_part_of_something_else_is_thrown_away_and_the_file_fetched_afresh(
    serve: Callable[[Answer], Mirror], tmp_path: Path
) -> None:
    (tmp_path / "file.gz.part").write_bytes(b"x" * 5000)
    mirror = serve(whole)
    assert fetch([mirror.url], tmp_path / "file.gz", SHA256).read_bytes() == PACKED
    assert mirror.ranges == ["bytes=5000-", None]


def test_a_part_longer_than_the_file_is_thrown_away(
    serve: Callable[[Answer], Mirror], tmp_path: Path
) -> None:
    (tmp_path / "file.gz.part").write_bytes(PACKED + b"more")
    assert fetch([serve(whole).url], tmp_path / "file.gz", SHA256).read_bytes() == PACKED


def test_an_answer_to_another_range_is_not_pieced_together(
    serve: Callable[[Answer], Mirror], tmp_path: Path
) -> None:
    def astray(count: int, asked: str | None) -> tuple[int, dict[str, str], bytes, int]:
        if asked:
            return 206, {"Content-Range": f"bytes 7-9/{len(PACKED)}"}, PACKED[7:10], 3
        return whole(count, asked)

    (tmp_path / "file.gz.part").write_bytes(PACKED[:5000])
    assert fetch([serve(astray).url], tmp_path / "file.gz", SHA256).read_bytes() == PACKED


def test_a_mirror_without_the_file_gives_way_to_the_next(
    serve: Callable[[Answer], Mirror], tmp_path: Path
) -> None:
    first, second = serve(absent), serve(whole)
    fetch([first.url, second.url], tmp_path / "file.gz", SHA256)
    assert len(first.ranges) == len(second.ranges) == 1


def test_a_busy_server_is_asked_again(serve: Callable[[Answer], Mirror], tmp_path: Path) -> None:
    def busy_once(count: int, asked: str | None) -> tuple[int, dict[str, str], bytes, int]:
        return (503, {}, b"", 0) if count == 1 else whole(count, asked)

    assert fetch([serve(busy_once).url], tmp_path / "file.gz", SHA256).read_bytes() == PACKED


def test_wrong_content_is_refused_and_nothing_left(
    serve: Callable[[Answer], Mirror], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="wrong content, sha256"):
        fetch([serve(whole).url], tmp_path / "file.gz", "0" * 64)
    assert left_in(tmp_path) == []


def test_a_server_that_keeps_breaking_off_leaves_the_part_for_next_time(
    serve: Callable[[Answer], Mirror], tmp_path: Path
) -> None:
    def trickle(count: int, asked: str | None) -> tuple[int, dict[str, str], bytes, int]:
        status, headers, body, _ = whole(count, asked)
        return status, headers, body, 1000

    with pytest.raises(InputError, match="broke off after 4,000 of"):
        fetch([serve(trickle).url], tmp_path / "file.gz", SHA256)
    assert (tmp_path / "file.gz.part").read_bytes() == PACKED[:4000]


def test_an_interruption_leaves_the_part_for_next_time(
    serve: Callable[[Answer], Mirror], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    mirror = serve(whole)
    with monkeypatch.context() as patch:
        patch.setattr("rich.progress.Progress.advance", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch([mirror.url], tmp_path / "file.gz", SHA256)
    kept = (tmp_path / "file.gz.part").stat().st_size
    assert kept > 0
    fetch([mirror.url], tmp_path / "file.gz", SHA256)
    assert mirror.ranges[1] == f"bytes={kept}-"


def test_an_endless_answer_is_stopped(
    serve: Callable[[Answer], Mirror], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_LIMIT", 100_000)
    with pytest.raises(InputError, match="sends more than 100,000 bytes"):
        fetch([serve(whole).url], tmp_path / "file.gz", SHA256)
    assert left_in(tmp_path) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/file.gz cannot be written"):
        fetch([], tmp_path / "file" / "file.gz", SHA256)


def test_offline_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # Not listening: whoever connects is refused.
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/file.gz"
        with pytest.raises(InputError, match=r"DIGITS_DATA/mnist .*--data-dir") as caught:
            fetch([url], tmp_path / "mnist" / "file.gz", SHA256)
    assert "refused" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/file.gz"])
def test_only_web_addresses_are_opened(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown url type"):
        fetch([url], tmp_path / "file.gz", SHA256)


def test_a_redirect_to_another_kind_of_address_is_not_followed(
    serve: Callable[[Answer], Mirror], tmp_path: Path
) -> None:
    def astray(_count: int, _asked: str | None) -> tuple[int, dict[str, str], bytes, int]:
        return 302, {"Location": "ftp://127.0.0.1/file.gz"}, b"", 0

    with pytest.raises(InputError, match="could not be downloaded"):
        fetch([serve(astray).url], tmp_path / "file.gz", SHA256)


def test_decompression_stops_at_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(1 << 20)))
    with pytest.raises(InputError, match="unpacks to more than 1,000 bytes"):
        gunzip(path, 1000)
    assert gunzip(path, 1 << 20) == bytes(1 << 20)
