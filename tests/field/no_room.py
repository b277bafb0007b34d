"""A full disk, a read-only folder: one line each, what was there is whole, and work goes on.

    python tests/field/no_room.py full         # readonly

The savers and the commands meet a disk without room, or one that is read-only: a file system of
its own, mounted in a namespace (unshare), since the mode of a folder does not hold back root.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import pytest
import torch
from commands import CLIP, LOOSE, TEXT, draw_data, finish, run, run_and_kill
from savers import SAVERS, check

from digits_export import keys
from digits_runtime.errors import InputError


def contents(folder: Path) -> dict[Path, bytes]:
    """All files there, but for the mark of a killed run, which the next one may take away."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path: path.read_bytes() for path in paths}


def refused(folder: Path) -> None:
    """Every saver and command says so in a line, and what was there stays as it was."""
    before = contents(folder)
    for save in SAVERS:
        with pytest.raises(InputError) as caught:
            save(folder, 2)
        assert len(str(caught.value).splitlines()) == 1
    glyphs, pages, outside = (folder.parent / name for name in ("glyphs", "pages", "half"))
    for words in (
        ["digits-train", "--data", glyphs, "--epochs", 1, "--output", folder / "new"],
        ["digits-train", "--resume", folder / "half"],
        ["digits-export", outside, "-o", folder / "new.onnx", *LOOSE],
        ["digits-cam", "collect", folder / "mine", "--source", pages, *TEXT],
        ["digits-cam", "--source", CLIP, "--record", folder / "seen"],
        ["digits-cam", "--source", CLIP, "--record", folder / "new.mp4"],
    ):
        process = run(*words)
        said = process.communicate()[1]
        assert process.returncode == 2, (words, process.returncode, said)
        errors = [line for line in said.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, said
        assert "Traceback" not in said, said
        print(f"  {words[0]}: {errors[0].replace(str(folder), 'FOLDER')}")
    after = contents(folder)
    assert after == before, {path for path, _ in after.items() ^ before.items()}


def meet(fault: str, place: Path) -> None:
    """In a namespace of one's own: mount a small disk, fill it or forbid it, then free it again."""
    folder, filler = place / "disk", place / "disk" / "filler"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "none", folder], check=True)
    shutil.copytree(place / "half", folder / "half")
    shutil.copy(place / "maker.key", folder)
    for save in SAVERS:
        save(folder, 1)
    if fault == "full":
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 12))
    else:
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    refused(folder)
    if fault == "full":
        filler.unlink()
    else:
        subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
    for save in SAVERS:
        save(folder, 3)
    assert check(folder) == 3
    finish("digits-train", "--resume", folder / "half")
    print(f"{fault}: each says so in a line, what was there is whole; afterwards a run is resumed")


def mounted(fault: str, place: Path) -> None:
    """Start `meet` where one may mount."""
    draw_data(place)
    half = place / "half"
    run_and_kill(half, 0, ["--data", place / "glyphs", "--epochs", 20, "--output", half])
    keys.for_signing(place / "maker", p256=False)
    unshare = ["unshare", "--map-root-user", "--mount", sys.executable, __file__, "meet", fault]
    subprocess.run([*unshare, place], check=True)


def main() -> None:
    """Meet the fault that is asked for; `meet` is how this starts itself, where it may mount."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    match sys.argv[1:]:
        case ["meet", fault, place]:
            meet(fault, Path(place))
        case [("full" | "readonly") as fault]:
            with tempfile.TemporaryDirectory() as place:
                mounted(fault, Path(place))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
