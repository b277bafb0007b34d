from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from digits_export import command as export_command
from digits_export import page as page_export
from digits_runtime.errors import GateError, InputError
from digits_runtime.page_network import PLACED, QUARTERS, PageNetwork, sightings
from digits_train import checkpoint, command, data, page_run, page_samples
from digits_train.page_net import PlacedLabel, loss, targets

SIDE = 256
GLYPHS = [
    PlacedLabel(3, 20, 30, 18, 26),
    PlacedLabel(1, 44, 32, 6, 24),
    PlacedLabel(8, 120, 60, 60, 90),
    PlacedLabel(0, 30, 190, 30, 31),
]


def _maps(glyphs: list[PlacedLabel]) -> list[np.ndarray]:
    """Maps that show just what they should."""
    found = []
    for target in targets(glyphs, SIDE):
        n = len(target.labels)
        out = np.zeros((PLACED + 10, n, n), np.float32)
        score = np.log(
            np.clip(target.centres, 1e-4, 1 - 1e-4) / np.clip(1 - target.centres, 1e-4, 1)
        )
        out[:QUARTERS] = score.reshape(n, 2, n, 2).transpose(1, 3, 0, 2).reshape(4, n, n)
        out[QUARTERS:PLACED] = target.sizes
        np.put_along_axis(out[PLACED:], target.labels[None], 9, axis=0)
        found.append(out)
    return found


def test_what_the_maps_should_show_is_read_from_them() -> None:
    seen = sightings(_maps(GLYPHS))
    assert len(seen.boxes) == len(GLYPHS)
    for label, x, y, w, h in GLYPHS:
        far = np.abs(seen.boxes - (x, y, w, h)).max(axis=1)
        assert far.min() <= 4
        assert seen.rows[far.argmin()].argmax() == label


def test_a_glyph_mostly_outside_of_the_crop_counts_neither_way() -> None:
    fine, _ = targets([PlacedLabel(3, -15, 30, 18, 26)], SIDE)
    assert fine.centres.max() == 0
    assert fine.counted.min() == 0


def test_right_maps_lose_less_than_others() -> None:
    wanted = [[target] for target in targets(GLYPHS, SIDE)]
    right = loss([torch.from_numpy(out)[None] for out in _maps(GLYPHS)], wanted)
    wrong = loss([torch.from_numpy(out)[None] for out in _maps(GLYPHS[:2])], wanted)
    assert float(right) < 0.3 * float(wrong)


@pytest.mark.usefixtures("few_glyphs")
def test_crops_hold_their_glyphs_and_equal_seeds_give_equal_crops() -> None:
    page = page_samples.page_ink(page_samples.scene(1, validation=True))
    written = page_samples.hands(("synth",), None, 0)
    assert (written.labels == -1).any()
    for seed in range(12):
        (one, glyphs), (same, others) = (
            page_samples.crop(page, written, np.random.default_rng(seed)) for _ in range(2)
        )
        assert one.shape == (SIDE, SIDE)
        assert np.array_equal(one, same)
        assert glyphs == others
        for glyph in glyphs:
            whole = glyph.x >= 0 and glyph.x + glyph.w <= SIDE
            if whole and glyph.y >= 0 and glyph.y + glyph.h <= SIDE:
                rows = slice(int(glyph.y), int(glyph.y + glyph.h) + 1)
                assert one[rows, int(glyph.x) : int(glyph.x + glyph.w) + 1].max() > 20


@pytest.fixture(scope="module")
def page_run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "_SYNTH_COUNT", {"train": 4, "validation": 2, "test": 2})
        told = CliRunner().invoke(
            command.app,
            ["page", "--output", str(folder), "--data", "synth", "--scenes", "3", "--steps", "2"],
        )
    assert told.exit_code == 0, told.output
    return folder


def test_a_run_is_saved_and_loaded(page_run_folder: Path) -> None:
    assert page_run.is_page_run(page_run_folder)
    state, network, sha256 = page_run.load(page_run_folder)
    assert state.step == 2
    assert set(state.accuracy) == {"found", "named", "invented"}
    assert len(sha256) == 64
    pixels = torch.zeros((1, 4, 64, 16), dtype=torch.uint8)
    assert [tuple(out.shape) for out in network(pixels)] == [(1, 16, 8, 8), (1, 16, 4, 4)]


def test_a_page_run_is_no_glyph_run_nor_the_other_way(
    page_run_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="lacks 'ink'"):
        checkpoint.load(page_run_folder)
    assert not page_run.is_page_run(tmp_path)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name, count in (("_PAGES", 2), ("_CROPS", 2), ("_JUDGED", 2)):
        monkeypatch.setattr(page_export, name, count)
    return page_export


@pytest.mark.usefixtures("quick", "few_glyphs")
def test_an_int8_export_computes_what_the_float_one_does(page_run_folder: Path) -> None:
    target = page_run_folder / "page.onnx"
    maps = []
    page = page_samples.page_ink(page_samples.scene(3, validation=True))
    for options in ([], ["--recipe", "minmax:channel:s7"]):
        told = CliRunner().invoke(
            export_command.app, [str(page_run_folder), "-o", str(target), *options]
        )
        assert told.exit_code == 0, told.output
        network = PageNetwork(target, provider="cpu")
        assert network.contract.precision == ("int8" if options else "float")
        maps.append(network.maps(page.ink))
        assert target.with_suffix(".md").read_text().startswith("# page.onnx\n")
    for whole, small in zip(*maps, strict=True):
        assert np.abs(whole - small).max() < 0.1 * np.abs(whole).max() + 0.1


@pytest.mark.usefixtures("quick", "few_glyphs")
def test_an_int8_model_that_lost_too_much_is_refused(
    page_run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([page_run.PageScore(100, 99, 98, 0), page_run.PageScore(100, 98, 98, 0)])
    monkeypatch.setattr(page_run, "score", lambda *_: next(scores))
    with pytest.raises(GateError, match=r"loses 1\.00 points"):
        page_export.export(
            page_run_folder,
            int8=True,
            recipe=page_export.Recipe(),
            allowed=0.5,
            data_dir=None,
            say=lambda _: None,
        )
