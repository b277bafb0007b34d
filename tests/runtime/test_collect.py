from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from digits_export import keys
from digits_runtime.commands import cam
from digits_runtime.crops import Album, open_sealed
from digits_runtime.errors import InputError
from digits_runtime.reading import Glyph
from digits_train.scenes import compose

TEXT = "0123456789"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    scene = compose([TEXT] * 2, np.random.default_rng(3))
    path = tmp_path / "page.png"
    cv2.imwrite(str(path), scene.frame)
    return path


def _collect(*arguments: object) -> str:
    done = CliRunner().invoke(cam.app, ["collect", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.output


def test_lines_of_known_text_become_folders_of_labelled_crops(page: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    said = _collect(mine, "--source", page, "--text", TEXT)
    assert said.startswith("20 crops in")
    assert sorted(path.name for path in mine.iterdir()) == list(TEXT)
    for label in TEXT:
        crops = list((mine / label).iterdir())
        assert len(crops) == 2
        for path in crops:
            content = path.read_bytes()
            assert content.startswith(b"\x89PNG")
            assert b"eXIf" not in content
            assert b"tEXt" not in content


def test_a_line_of_another_length_is_left_out(page: Path, tmp_path: Path) -> None:
    said = _collect(tmp_path / "mine", "--source", page, "--text", "01234")
    assert "0 crops" in said
    assert "2 lines had not 5 glyphs" in said


def test_what_is_surely_read_is_not_kept(page: Path, tmp_path: Path) -> None:
    said = _collect(tmp_path / "mine", "--source", page)
    assert int(said.split()[0]) < 5


def test_a_glyph_is_kept_once_however_many_frames_show_it(page: Path, tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for name in ("a.png", "b.png"):
        (frames / name).write_bytes(page.read_bytes())
    assert "20 crops" in _collect(tmp_path / "mine", "--source", frames, "--text", TEXT)


def test_the_limit_ends_it(page: Path, tmp_path: Path) -> None:
    said = _collect(tmp_path / "mine", "--source", page, "--text", TEXT, "--limit", 3)
    assert "3 crops" in said


@pytest.mark.parametrize("text", ["a/b", "..,x", "?0"])
def test_text_that_cannot_name_folders_is_refused(text: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(cam.app, ["collect", str(tmp_path / "mine"), "--text", text])
    assert done.exit_code == 2
    assert not (tmp_path / "mine").exists()


def test_sealed_crops_open_with_the_private_key_alone(page: Path, tmp_path: Path) -> None:
    for name in ("home", "other"):
        assert CliRunner().invoke(keys.app, ["crops", str(tmp_path / name)]).exit_code == 0
    mine = tmp_path / "mine"
    options = ("--source", page, "--text", TEXT, "--seal-to", tmp_path / "home.pub")
    _collect(mine, *options)
    sealed = sorted(mine.rglob("*.*"))
    assert len(sealed) == 20
    assert all(path.name.endswith(".png.sealed") for path in sealed)
    assert not any(b"PNG" in path.read_bytes() for path in sealed)
    with pytest.raises(InputError, match="not sealed to this key"):
        open_sealed(sealed[0], tmp_path / "other.key")
    done = CliRunner().invoke(keys.app, ["open", str(mine), "--key", str(tmp_path / "home.key")])
    assert done.exit_code == 0, done.output
    assert len(list(mine.rglob("*.png"))) == 20
    assert not list(mine.rglob("*.sealed"))


def test_a_folder_that_cannot_be_written_to_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    frame = np.full((40, 40), 255, np.uint8)
    frame[10:30, 18:22] = 0
    with pytest.raises(InputError, match="cannot make"):
        Album(tmp_path / "file" / "x").keep(frame, Glyph("1", 0.9, (18, 10, 4, 20)), "1")
