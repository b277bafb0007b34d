"""Fuzzes one loader with libFuzzer through atheris; `make fuzz` does all of them.

    python tests/field/fuzz.py model -runs=1000000 -rss_limit_mb=512 tests/corpus/model

A loader may take what it is given or raise InputError; anything else, more memory than the limit,
or more than the time limit for a case is a finding. atheris is in no extra: it has no wheels for
every Python (pip install atheris).
"""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

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


LOADERS: dict[str, Callable[[bytes], None]] = {
    loader.__name__: loader
    for loader in (model, session, picture, contract, signature, idx, npz, unipen, checkpoint)
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
