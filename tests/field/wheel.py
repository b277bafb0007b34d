"""Check an environment that holds the wheel alone: what is in it, and that it reads a picture.

make wheel-check
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from digits_train import scenes

DIRECT = {"numpy", "opencv-python-headless", "onnxruntime", "typer"}
FORBIDDEN = {"torch", "onnx", "safetensors"}


def run(environment: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(environment / "bin" / command), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=tempfile.gettempdir(),
    )


def main() -> None:
    environment = Path(sys.argv[1]).resolve()
    listed = run(environment, "python", "-m", "pip", "list", "--format", "json")
    names = {package["name"].lower() for package in json.loads(listed.stdout)}
    assert names >= DIRECT, names
    assert not names & FORBIDDEN, names
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.png"
        scene = scenes.compose(["27183"], np.random.default_rng(0), glyph_height=90)
        cv2.imwrite(str(page), scene.frame)
        read = run(environment, "digits-read", str(page))
    assert (read.returncode, read.stdout) == (0, "27183\n"), read
    for command, extra in (("digits-train", "train"), ("digits-export", "export")):
        arguments = ["--output", "x"] if command == "digits-train" else ["x"]
        refused = run(environment, command, *arguments)
        assert refused.returncode == 2, refused
        assert f"pip install 'digits-edge[{extra}]'" in refused.stderr, refused
        assert refused.stderr.count("\n") == 1, refused
    for command in ("digits-cam", "digits-bench", "digits-doctor", "digits-train", "digits-export"):
        assert run(environment, command, "--help").returncode == 0, command
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
