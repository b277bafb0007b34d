from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from digits_runtime.capture import memory
from digits_runtime.capture.memory import Memory, attach

SHAPE = (48, 64, 3)


def test_both_sides_see_the_same_frames() -> None:
    ours = Memory(SHAPE, 3)
    theirs = attach(ours.name, SHAPE, 3)
    ours.forget_name()
    theirs[1] = 7
    assert ours.frames.shape == (3, *SHAPE)
    assert int(ours.frames.sum()) == 7 * 48 * 64 * 3


def test_frames_outlive_the_name_and_everything_else() -> None:
    ours = Memory(SHAPE, 2)
    frame = ours.frames[1]
    ours.forget_name()
    ours.forget_name()
    assert not Path(ours.name).exists()
    del ours
    frame[:] = 9
    assert int(frame.min()) == 9


def test_without_room_in_memory_the_folder_for_temporary_files_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallocate = memory.os.posix_fallocate
    tried = []

    def full_at_first(handle: int, offset: int, size: int) -> None:
        tried.append(size)
        if len(tried) == 1:
            raise OSError(28, "No space left on device")
        fallocate(handle, offset, size)

    monkeypatch.setattr(memory, "_PLACES", (str(tmp_path), None))
    monkeypatch.setattr(memory.os, "posix_fallocate", full_at_first)
    ours = Memory(SHAPE, 1)
    assert Path(ours.name).parent != tmp_path
    assert list(tmp_path.iterdir()) == []
    assert np.array_equal(ours.frames, np.zeros((1, *SHAPE)))
    ours.forget_name()


def test_nowhere_any_room_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(memory.os, "posix_fallocate", full)
    monkeypatch.setattr(memory.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(OSError, match="No space"):
        Memory(SHAPE, 1)
    assert list(tmp_path.iterdir()) == []
