"""A short look at the answers of an emulated board; `make test-arm` has the whole of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EMULATED = ROOT / "build" / "arm"


@pytest.mark.skipif(
    not (EMULATED / "python").exists(), reason="no emulated ARM: `make arm-python` builds it"
)
def test_int8_answers_of_an_emulated_raspberry_pi_are_those_of_this_machine() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "field" / "arm.py", EMULATED, "--short"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("equal bit for bit") == 6
