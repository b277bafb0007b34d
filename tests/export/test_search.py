from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from digits_export import search
from digits_export.export import Order, export
from digits_export.gate import Limits, Parity
from digits_export.recipe import Recipe
from digits_export.search import Candidate

PARITY = Parity(0.99, 0.99, 3, 7000)


def candidate(recipe: Recipe, changed: int, noise: float, microseconds: float) -> Candidate:
    parity = replace(PARITY, changed=changed)
    return Candidate(recipe, onnx.ModelProto(), 1, parity, noise, 5, len(recipe.left), microseconds)


def first(*tried: Candidate, limits: Limits = Limits()) -> Candidate:  # noqa: B008
    return search._ranked(tried, 50, limits)[0]


def test_the_fewest_changed_answers_win_then_the_least_noise() -> None:
    some = candidate(Recipe("minmax"), 3, 40, 25)
    fewer = candidate(Recipe("mse"), 2, 38, 26)
    cleaner = candidate(Recipe("percentile"), 2, 39, 25)
    assert first(some, fewer).recipe == fewer.recipe
    assert first(some, fewer, cleaner).recipe == cleaner.recipe
    assert first(some, fewer).won


def test_what_is_slower_wins_no_answers_back() -> None:
    fast = candidate(Recipe(), 3, 40, 25)
    slow = candidate(Recipe(left=(2,)), 0, 45, 40)
    assert first(fast, slow).recipe == fast.recipe
    ranked = search._ranked([fast, slow], 50, Limits())
    assert "slower than the fastest" in ranked[1].verdict


def test_what_saturates_elsewhere_is_shown_but_does_not_win() -> None:
    safe = candidate(Recipe(), 3, 40, 25)
    full = candidate(Recipe(weights="s8"), 0, 45, 25)
    ranked = search._ranked([full, safe], 50, Limits())
    assert ranked[0].recipe == safe.recipe
    assert "saturate" in ranked[1].verdict


def test_none_wins_if_all_are_refused() -> None:
    slow = candidate(Recipe(), 3, 40, 60)
    assert not first(slow).won
    assert first(slow, limits=Limits(slower=True)).won
    assert "run in float" in first(replace(slow, in_float=1)).verdict


def test_the_search_tries_all_and_reports_why(
    short_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two methods of four: the others differ by nothing but time here.
    monkeypatch.setattr(search, "METHODS", ("minmax", "mse"))
    seen: list[tuple[int, int]] = []
    folder = tmp_path / "reports"
    result = export(
        short_run,
        Order("int8", limits=Limits(100, slower=True), reports=folder),
        say=lambda _: None,
        progress=lambda _, number, total: seen.append((number, total)),
    )
    report = json.loads((folder / "search.json").read_text())
    tried = report["candidates"]
    assert len(tried) == len(seen) == seen[0][1] == 12 + len(report["layers"])
    assert [number for number, _ in seen] == list(range(1, len(tried) + 1))
    assert all(row["verdict"] for row in tried)
    assert tried[0]["verdict"].startswith("won")
    assert result.contract.recipe["recipe"] == tried[0]["recipe"]
    assert tried[0]["recipe"] in (folder / "search.md").read_text()
    for name in ("search.png", "reliability.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    ranges = json.loads((folder / "ranges.json").read_text())
    assert ranges["samples_sha256"] in result.contract.recipe["calibration"]
