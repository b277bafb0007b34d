"""Score the readings of the demo's clip against its truth.

python tests/score_clip.py READINGS.jsonl [--exact]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

TRUTH = Path(__file__).parent / "data" / "clip.json"


def score(readings: Path) -> tuple[int, int, int]:
    """Count frames read exactly, frames in all, and empty frames in which something was read."""
    truth = json.loads(TRUTH.read_text())["frames"]
    texts = [json.loads(line)["text"] for line in readings.read_text().splitlines()]
    if len(texts) != len(truth):
        sys.exit(f"{readings} has {len(texts)} readings, the clip has {len(truth)} frames")
    exact = sum(text == true for text, true in zip(texts, truth, strict=True))
    invented = sum(bool(text) for text, true in zip(texts, truth, strict=True) if not true)
    return exact, len(truth), invented


def main() -> None:
    path, *options = sys.argv[1:]
    exact, frames, invented = score(Path(path))
    print(f"{path}: {exact} of {frames} frames read exactly, {invented} empty ones misread")
    if "--exact" in options and exact < frames:
        sys.exit("the bundled model must read every frame exactly")


if __name__ == "__main__":
    main()
