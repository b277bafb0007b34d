"""Every file that fuzzing starts from, or that it once found, against its loader."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from digits_runtime.errors import InputError

HERE = Path(__file__).parent
_SPEC = importlib.util.spec_from_file_location("fuzz", HERE / "field" / "fuzz.py")
assert _SPEC is not None
assert _SPEC.loader is not None
fuzz = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fuzz)

CASES = sorted(path for path in (HERE / "corpus").rglob("*") if path.is_file())

DAMAGED = 100


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_case_is_loaded_or_an_input_error(path: Path) -> None:
    with contextlib.suppress(InputError):
        fuzz.LOADERS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", fuzz.LOADERS)
def test_damaged_cases_are_loaded_or_an_input_error(name: str) -> None:
    """What `make fuzz` does for hours, for a moment and without coverage to guide it."""
    rng = np.random.default_rng(0)
    seeds = [
        np.frombuffer(path.read_bytes(), np.uint8) for path in CASES if path.parent.name == name
    ]
    for _ in range(DAMAGED):
        case = seeds[rng.integers(len(seeds))].copy()
        for place in rng.integers(len(case), size=rng.integers(1, 8)):
            case[place] = rng.integers(256)
        with contextlib.suppress(InputError):
            fuzz.LOADERS[name](case[: rng.integers(1, 2 * len(case))].tobytes())


def test_every_loader_has_cases() -> None:
    assert {path.parent.name for path in CASES} == set(fuzz.LOADERS)
