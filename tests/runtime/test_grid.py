from __future__ import annotations

import numpy as np
import pytest

from digits_runtime.reader import Reader
from digits_train import grids


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_grid_is_read_cell_by_cell_whichever_side_is_up(reader: Reader, turns: int) -> None:
    scene = grids.grid(2028)
    frame = np.ascontiguousarray(np.rot90(scene.frame, turns))
    reading = reader.read(frame)
    assert reading.grid is not None
    rows = reading.text.split("\n")
    assert [len(row) for row in rows] == [len(row) for row in scene.grid]
    read = [a == b for a, b in zip("".join(rows), "".join(scene.grid), strict=True) if b != "0"]
    assert np.mean(read) > 0.8
    cells = reading.to_dict()["grid"]
    assert isinstance(cells, list)
    assert len(cells) == len(rows)


def test_a_page_without_a_grid_has_none(reader: Reader) -> None:
    assert reader.read(np.full((480, 640), 220, np.uint8)).grid is None
