from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from digits_runtime.capture.health import Health
from digits_runtime.outputs.lines import JsonLines, LiveView, PlainLines
from digits_runtime.reading import Glyph, Reading
from digits_runtime.tracking import Stable

FRAME = np.zeros((48, 64, 3), np.uint8)
READING = Reading(((Glyph("4", 0.9, (1, 2, 3, 4)), Glyph("2", 0.9, (5, 2, 3, 4))),))
NUMBER = Stable("42", 0.81, 7.0)
HEALTH = Health("running", 5, rate=29.6, age=0.03)


def test_json_has_the_reading_and_what_is_announced(capsys: pytest.CaptureFixture[str]) -> None:
    output = JsonLines()
    output.show(FRAME, READING, None, HEALTH)
    output.show(FRAME, READING, NUMBER, HEALTH)
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {**READING.to_dict(), "number": None}
    assert second["number"] == {"text": "42", "confidence": 0.81, "since": 7.0}


def test_plain_lines_are_printed_once_for_each_announcement(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = PlainLines()
    surer, again = replace(NUMBER, confidence=0.9), replace(NUMBER, since=9.0)
    for number in (None, NUMBER, surer, None, again, Stable("1\n2", 1.0, 10.0)):
        output.show(FRAME, READING, number, HEALTH)
    assert capsys.readouterr().out == "42\n\n42\n1\n2\n"


def test_the_live_view_keeps_numbers_and_refreshes_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    output = LiveView()
    output.show(FRAME, READING, NUMBER, HEALTH)
    output.show(FRAME, READING, NUMBER, HEALTH)
    output.idle(Health("reconnecting", message="unplugged\x1b[2J", source="0"))
    output.close()
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert "42" in printed.split("\n")[0]
    last = printed.split("\n")[1]
    assert "running · 30 frames/s · 30 ms old" in last
    assert "reconnecting · unplugged?[2J" in last
    assert "\x1b[2J" not in last
