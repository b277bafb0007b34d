"""Numbers beside words: lines of their own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.contract import Contract
from digits_runtime.page import Candidate
from digits_runtime.session import BUNDLED, Session
from digits_runtime.words import ends_a_word, words_apart

Row = NDArray[np.float32]


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Session(BUNDLED).contract


def _row(kind: str) -> Row:
    """Of a digit `d`, a letter `x`, a letter that looks like a digit `s`, or a doubt `?`."""
    row = np.full(11, 0.001, np.float32)
    row[10 if kind == "x" else 5] = {"?": 0.5}.get(kind, 0.99)
    return row


def _parts(written: str, contract: Contract, gap: int = 8, height: int = 60) -> list[str]:
    line, rows, kinds, x = [], [], [], 0
    for kind in written:
        if kind == " ":
            x += 45
            continue
        high = 8 if kind == "-" else height
        line.append(Candidate((x, 100, 40, high), np.full((high, 40), 200, np.uint8), cut=False))
        rows.append(_row("x" if kind == "-" else kind))
        kinds.append(kind)
        x += 40 + gap
    apart = words_apart(line, rows, contract)
    lengths = [len(part) for part, _ in apart]
    ends = np.cumsum([0, *lengths])
    return ["".join(kinds[a:b]) for a, b in itertools.pairwise(ends)]


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("xsx ddd", ["xsx", "ddd"]),
        ("ddd xsxs", ["ddd", "xsxs"]),
        ("xsx ddd xx", ["xsx", "ddd", "xx"]),
        ("ddd ddd", ["dddddd"]),
        ("dd?d ddd", ["dd?dddd"]),
        ("xsxddd", ["xsxddd"]),
        ("ddd- ddd", ["ddd-ddd"]),
        ("xsx dx", ["xsxdx"]),
        ("xd ddd", ["xdddd"]),
        ("x?d ddd", ["x?d", "ddd"]),
    ],
)
def test_a_line_is_parted_between_a_word_and_a_number(
    contract: Contract, written: str, parts: list[str]
) -> None:
    assert _parts(written, contract) == parts


@pytest.mark.parametrize(
    ("written", "inside", "word"),
    [
        ("xxd", slice(2, 3), True),
        ("xxdd", slice(2, 4), True),
        ("xd", slice(1, 2), False),
        ("xxddd", slice(2, 5), False),
        ("xx d", slice(2, 3), False),
        ("dxxx", slice(0, 1), True),
        ("dxx", slice(0, 1), False),
        ("d xxx", slice(0, 1), False),
        ("--d", slice(2, 3), False),
    ],
)
def test_few_digits_right_after_letters_or_before_several_are_letters(
    written: str, inside: slice, word: bool
) -> None:
    boxes, none, x = [], [], 0
    for kind in written:
        if kind == " ":
            x += 45
            continue
        boxes.append((x, 100, 40, 8 if kind == "-" else 60))
        none.append(kind != "d")
        x += 48
    assert ends_a_word(inside, boxes, none) is word
