"""Reads many pictures, in this process or in several, and gives what was read in their order."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path

import cv2

from digits_runtime.errors import DigitsError, InputError
from digits_runtime.reader import Reader
from digits_runtime.reading import Reading

# What a picture gives: one that cannot be read does not stop the others.
Outcome = Reading | InputError

# Pictures handed to a process at once, and how many such chunks wait for each.
_CHUNK = 8
_AHEAD = 4


def read_one(reader: Reader, path: Path, source: str = "") -> Outcome:
    """Read a picture, or say why it cannot be read."""
    try:
        return reader.read(path, source=source)
    except InputError as error:
        return error


def in_processes(make: Callable[[], Reader], paths: Sequence[Path], jobs: int) -> Iterator[Outcome]:
    """Read pictures in several processes, each with a reader of its own on one thread.

    Args:
        make: Gives a reader; must pickle.
        paths: Pictures.
        jobs: Processes.

    Yields:
        What each picture gave, in the order of `paths`.

    Raises:
        DigitsError: A process died.
    """
    chunks = (paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK))
    # Spawned on every system: a fork would copy locks that other threads hold.
    pool = ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), initializer=_prepare, initargs=(make,)
    )
    waiting: deque[Future[list[Outcome]]] = deque()
    try:
        with _children_deaf_to_ctrl_c():
            waiting.extend(pool.submit(_read_chunk, chunk) for chunk in islice(chunks, jobs))
        waiting.extend(pool.submit(_read_chunk, chunk) for chunk in islice(chunks, jobs * _AHEAD))
        while waiting:
            yield from waiting.popleft().result()
            waiting.extend(pool.submit(_read_chunk, chunk) for chunk in islice(chunks, 1))
    except BrokenProcessPool:
        raise DigitsError(
            "a reading process died, perhaps for want of memory; give fewer --jobs"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _children_deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started here leave Ctrl-C, which a terminal sends to all, to this one."""
    if threading.current_thread() is not threading.main_thread():
        yield  # where Ctrl-C never arrives
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# The reader of a process of the pool.
_reader: Reader


def _prepare(make: Callable[[], Reader]) -> None:
    global _reader
    # Windows does not pass on what is ignored.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # The processes are what runs side by side.
    cv2.setNumThreads(1)
    _reader = make()


def _read_chunk(paths: Sequence[Path]) -> list[Outcome]:
    return [read_one(_reader, path) for path in paths]


def _end_with_parent() -> None:
    """End this process where its parent was killed, since it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
