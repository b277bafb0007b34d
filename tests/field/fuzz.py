"""Fuzzes one loader with libFuzzer through atheris; `make fuzz` does all of them.

    python tests/field/fuzz.py model -runs=1000000 -rss_limit_mb=512 tests/corpus/model

A loader may take what it is given or raise InputError; anything else, more memory than the limit,
or more than the time limit for a case is a finding. atheris is in no extra: it has no wheels for
every Python (pip install atheris).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gzip
import io
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from digits_runtime.errors import InputError

# Files that loaders open by name lie in memory where the system has such a place.
_SHARED = Path("/dev/shm")  # noqa: S108 - only where it is, else the usual place
_FOLDER = Path(tempfile.mkdtemp(dir=_SHARED if _SHARED.is_dir() else None))


def model(content: bytes) -> None:
    from digits_runtime.vetting import vet

    vet(content, "it", 512)


def session(content: bytes) -> None:
    """Past the vetting onnxruntime has its say, and the model runs."""
    import numpy as np

    from digits_runtime.session import Session

    opened = Session(content, provider="cpu")
    size = opened.contract.ink.size
    opened.probabilities(np.zeros((2, 1, size, size), np.uint8))


def picture(content: bytes) -> None:
    from digits_runtime import pictures

    pictures.decode(content, "it")


def contract(content: bytes) -> None:
    from digits_runtime.contract import Contract

    Contract.from_json(content.decode("utf-8", "replace"))


def signature(content: bytes) -> None:
    from digits_runtime import trust

    path, keys = _FOLDER / "m.onnx", _FOLDER / "maker.pub"
    trust.signature_of(path).write_bytes(content)
    keys.write_bytes(content)
    trust.verify(b"", path, keys)


def idx(content: bytes) -> None:
    from digits_train.data import mnist

    path = _FOLDER / "idx.gz"
    path.write_bytes(content if content[:2] == b"\x1f\x8b" else gzip.compress(content, 1))
    mnist.read_idx(path)


def npz(content: bytes) -> None:
    from digits_train.data import npz as archive

    path = _FOLDER / "glyphs.npz"
    path.write_bytes(content)
    archive.load(path)


def unipen(content: bytes) -> None:
    from digits_train.data import unipen as characters

    folder = _FOLDER / "unipen"
    folder.mkdir(exist_ok=True)
    (folder / "strokes.npz").write_bytes(content)
    characters.load("train", _FOLDER, classes=["0", "1"], rendering="strokes", seed=0)


def checkpoint(content: bytes) -> None:
    from digits_train import checkpoint as run

    document, _, tensors = content.partition(b"\0\0\0\0")
    (_FOLDER / run.STATE).write_bytes(document)
    (_FOLDER / "checkpoint-x.safetensors").write_bytes(tensors)
    run.load(_FOLDER)


def config(content: bytes) -> None:
    """As `digits-cam --config` takes it, up to where the source would be opened."""
    import typer

    from digits_runtime.capture import address, settings
    from digits_runtime.commands import config as config_file
    from digits_runtime.outputs import address as listening

    path = _FOLDER / "cam.toml"
    path.write_bytes(content)
    command, names = _camera()
    config_file.load(path, names)
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            given = command.make_context("digits-cam", ["--config", str(path)]).params
        except (typer.Exit, typer.BadParameter, typer.Abort):
            return
    address.parse(given["source"])
    settings.parse_rotation(given["rotate"])
    for option, parse in (
        ("size", settings.parse_size),
        ("crop", settings.parse_crop),
        ("serve", functools.partial(listening.parse, port=1)),
    ):
        if given[option] is not None:
            parse(given[option])


@functools.cache
def _camera() -> tuple[Any, dict[str, str]]:
    """The command, and its parameters by their options."""
    import typer

    from digits_runtime.commands import cam, config

    command = typer.main.get_command(cam.app)
    return command, config._names(typer.Context(command))


def stream(content: bytes) -> None:
    """The first byte says how many bytes come at once; however they come, the cuts are the same."""
    from digits_runtime.capture import pipes
    from digits_runtime.capture.settings import Settings

    class Dripping(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return super().read1(1 + drops)

    drops, body = next(iter(content), 0), content[1:]
    cut = list(pipes.jpegs(io.BytesIO(body).read1))
    assert list(pipes.jpegs(Dripping(body).read1)) == cut
    for _ in pipes.images(io.BytesIO(body), Settings()):
        pass


def requests(content: bytes) -> None:
    """What a visitor sends, over a socket, to the very server that the page has."""
    _visited().run(content)


class _Page:
    """The page without its thread: one loop, in which visits follow each other."""

    def __init__(self) -> None:
        from starlette.applications import Starlette
        from starlette.types import Receive, Scope, Send

        from digits_runtime.outputs import address
        from digits_runtime.outputs.metrics import Metrics
        from digits_runtime.outputs.web import guard, live, page, pulse, server
        from digits_runtime.reader import Reader
        from digits_runtime.reading import Reading

        class Blind(Reader):
            """What is drawn becomes a frame like any other; the reader has no part in this."""

            def read(self, *_: object, **__: object) -> Reading:
                return Reading(())

        # Who guesses tokens, and who looks on, need not be waited for here.
        guard._WRONG_TOKEN_SECONDS = page._IDLE_SECONDS = 0
        routes = page._routes(live.Live(redact=False), pulse.Pulse(), Blind())
        app = Starlette(routes=[*routes, Metrics().route()])
        where = address.parse("127.0.0.1:8000", 8000)
        guarded = [guard.Guard(app, where, 8000, token) for token in (None, "a-token-of-the-test")]
        self.faults: list[object] = []

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await guarded[self.turn](scope, receive, send)
            except Exception as error:  # uvicorn would answer 500 and go on
                self.faults.append(error)

        self.turn = 0
        self.config = server.bounded(watched)
        self.config.load()
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _, context: self.faults.append(context))

    def run(self, content: bytes) -> None:
        """The first byte says whether a token is asked for; `PART` is where the visitor waits."""
        self.turn = content[0] % 2 if content else 0
        self.loop.run_until_complete(self._visit(content[1:].split(_PART)))
        if self.faults:
            raise AssertionError(self.faults)

    async def _visit(self, parts: list[bytes]) -> None:
        from uvicorn.server import ServerState

        state = ServerState()
        visitor, here = socket.socketpair()
        with visitor:
            visitor.setblocking(False)
            await self.loop.connect_accepted_socket(
                lambda: self.config.http_protocol_class(self.config, state, {}), here
            )
            answer = asyncio.ensure_future(self._drain(visitor))
            with contextlib.suppress(OSError):
                for part in parts:
                    await self.loop.sock_sendall(visitor, part)
                    for _ in range(_TURNS):
                        await asyncio.sleep(0)
                visitor.shutdown(socket.SHUT_WR)
            await answer
            while state.tasks:
                await asyncio.wait(state.tasks)

    async def _drain(self, visitor: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while await self.loop.sock_recv(visitor, 1 << 16):
                pass


_PART = b"\n----\n"
# Of the loop, in which an app gets as far as it does without more bytes.
_TURNS = 8


@functools.cache
def _visited() -> _Page:
    return _Page()


LOADERS: dict[str, Callable[[bytes], None]] = {
    loader.__name__: loader
    for loader in (
        model,
        session,
        picture,
        contract,
        signature,
        idx,
        npz,
        unipen,
        checkpoint,
        config,
        stream,
        requests,
    )
}


def main() -> None:
    """Entry point: the loader's name, then libFuzzer's own options."""
    import atheris  # type: ignore[import-untyped]

    name, *options = sys.argv[1:]
    loader = LOADERS[name]
    ours = atheris.instrument_imports(include=["digits_runtime", "digits_train"])
    with ours, contextlib.suppress(InputError):
        loader(b"")

    def once(content: bytes) -> None:
        with contextlib.suppress(InputError):
            loader(content)

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    atheris.Setup([sys.argv[0], *options], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
