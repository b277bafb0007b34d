from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from digits_train import data, run

# A shell has what it starts in the background ignore Ctrl-C, and programs pass that on to theirs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def few_glyphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `synth` so small that a run takes seconds."""
    monkeypatch.setattr(data, "_SYNTH_COUNT", {"train": 40, "validation": 20, "test": 20})


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "_SYNTH_COUNT", {"train": 40, "validation": 20, "test": 20})
        run.start(folder, run.Request(data=("synth",), epochs=2, device="cpu"))
    return folder


@pytest.fixture
def short_run(tmp_path: Path, trained_once: Path, few_glyphs: None) -> Path:
    """The folder of a finished run of two epochs on a few synthetic digits."""
    return Path(shutil.copytree(trained_once, tmp_path / "run"))
