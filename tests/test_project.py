"""What the project says of itself elsewhere than in code."""

from __future__ import annotations

import re
import shlex
import tomllib
from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
# The first versions without a known hole that matters here: paths out of a model's folder in onnx,
# code run by torch's `weights_only` loading, decoders in OpenCV.
FLOORS = {"onnx": "1.21", "torch": "2.10", "opencv-python-headless": "4.12"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LINES = [*PROJECT["dependencies"], *chain.from_iterable(EXTRAS.values())]
ASKED = [Requirement(line) for line in LINES]


@pytest.mark.parametrize("name", FLOORS)
def test_holes_that_are_known_are_below_the_floor(name: str) -> None:
    (asked,) = {requirement for requirement in ASKED if requirement.name == name}
    major, minor = map(int, FLOORS[name].split("."))
    assert FLOORS[name] in asked.specifier
    assert f"{major}.{minor - 1}.99" not in asked.specifier


def test_every_dependency_is_pinned_within_its_range() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    named = (line.split("==") for line in lines if not line.startswith("#"))
    pins = {canonicalize_name(name): pin for name, pin in named}
    for requirement in ASKED:
        if requirement.name != "digits-edge":
            assert pins[requirement.name] in requirement.specifier, requirement


def _commands(page: Path) -> list[str]:
    """Lines of a page's code blocks that start with one of our commands."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.split(" ")[0] in PROJECT["scripts"]]


PAGES = [page for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))] if _commands(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_the_documentation_exist(page: Path) -> None:
    for line in _commands(page):
        name, *words = shlex.split(re.split(r" [|>&] |>", line)[0], comments=True)
        command = typer.main.get_command(import_module(PROJECT["scripts"][name].split(":")[0]).app)
        context = typer.Context(command)
        known = {option for given in command.get_params(context) for option in given.opts}
        assert getattr(command, "invoke_without_command", True) or words[0] in command.commands
        for inner in getattr(command, "commands", {}):
            if inner in words:
                below = command.commands[inner]
                known |= {option for given in below.get_params(context) for option in given.opts}
        unknown = {word.split("=")[0] for word in words if word.startswith("-") and len(word) > 1}
        assert unknown <= known, line


def test_contributing_has_every_target_of_the_makefile() -> None:
    targets = re.findall(
        r"^([a-z-]+):.*?(?:## .*)?$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    told = (ROOT / "CONTRIBUTING.md").read_text()
    assert [name for name in targets if f"`make {name}" not in told] == ["clean"]
