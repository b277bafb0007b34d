"""Draw the README's picture, docs/page.jpg: a generated page as the bundled model reads it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from digits_runtime import Reader
from digits_train import scenes

TARGET = Path(__file__).parents[2] / "docs" / "page.jpg"
GREEN = (60, 150, 40)


def main() -> None:
    scene = scenes.compose(["31415926", "2718", "16180"], np.random.default_rng(11), ruled=True)
    page = scene.frame.copy()
    for line in Reader().read(scene.frame).lines:
        for glyph in line:
            x, y, width, height = glyph.box
            cv2.rectangle(page, (x - 3, y - 3), (x + width + 3, y + height + 3), GREEN, 1)
            place = (x - 3, y - 8)
            cv2.putText(page, glyph.label, place, cv2.FONT_HERSHEY_SIMPLEX, 0.7, GREEN, 2)
    cv2.imwrite(str(TARGET), page, [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
