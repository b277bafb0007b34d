"""Every file that fuzzing starts from, or that it once found, against its loader."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path

import pytest

from digits_runtime.errors import InputError

HERE = Path(__file__).parent
_SPEC = importlib.util.spec_from_file_location("fuzz", HERE / "field" / "fuzz.py")
assert _SPEC is not None
assert _SPEC.loader is not None
fuzz = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fuzz)

CASES = sorted(path for path in (HERE / "corpus").rglob("*") if path.is_file())


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_case_is_loaded_or_an_input_error(path: Path) -> None:
    with contextlib.suppress(InputError):
        fuzz.LOADERS[path.parent.name](path.read_bytes())


def test_every_loader_has_cases() -> None:
    assert {path.parent.name for path in CASES} == set(fuzz.LOADERS)
