from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from digits_runtime.commands.cam import _with_place, app
from digits_runtime.commands.config import load
from digits_runtime.errors import InputError

CLIP = Path(__file__).parents[1] / "data" / "clip.mp4"
NAMES = {"source": "source", "json": "as_json", "pixel-format": "pixel_format"}


def _run(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "cam.toml"
    path.write_text(f'source = "{CLIP}"\nframes = 2\njson = true\n')
    return path


def test_a_file_gives_options(config: Path) -> None:
    assert len(_run("--config", config).stdout.splitlines()) == 2


def test_the_environment_is_above_the_file_and_the_command_line_above_both(config: Path) -> None:
    assert len(_run("--config", config, DIGITS_CAM_FRAMES="3").stdout.splitlines()) == 3
    result = _run("--config", config, "--frames", "4", DIGITS_CAM_FRAMES="3")
    assert len(result.stdout.splitlines()) == 4


def test_the_environment_names_the_file(config: Path) -> None:
    assert len(_run(DIGITS_CAM_CONFIG=str(config)).stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"sauce = 1", "no option 'sauce'; there are: source"),
        (b"source = [1]", "source must be a text"),
        (b"source = ", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
        (b"source = " + b"[" * 4000, "is not TOML"),
        (b"a." * 16_000, "larger than 16 KiB"),
    ],
)
def test_what_is_no_configuration_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "cam.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        load(path, NAMES)
    result = _run("--config", path)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def test_a_missing_file_is_refused() -> None:
    result = _run("--config", "missing.toml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "missing.toml" in result.stderr


def test_keys_may_have_dashes_or_underscores(tmp_path: Path) -> None:
    path = tmp_path / "cam.toml"
    path.write_text('pixel_format = "MJPG"')
    assert load(path, NAMES) == {"pixel_format": "MJPG"}


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--size", "big", "640x480"), ("--crop", "1,2", "0,0,320,240"), ("--rotate", "45", "by 45")],
)
def test_options_that_make_no_sense_are_one_line(option: str, value: str, said: str) -> None:
    result = _run("--source", CLIP, option, value)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert said in line


def test_the_page_has_a_place_of_its_own() -> None:
    assert _with_place([]) == []
    assert _with_place(["--serve"]) == ["--serve="]
    assert _with_place(["--serve", "--json"]) == ["--serve=", "--json"]
    assert _with_place(["--serve", "0.0.0.0:80", "--json"]) == ["--serve", "0.0.0.0:80", "--json"]
