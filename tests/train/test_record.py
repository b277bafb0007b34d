"""What a run leaves beside its checkpoint."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from digits_train.record import Curves


def test_curves_interrupted_amid_a_write_do_not_wait_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curves = Curves(tmp_path, 0)
    closed = Mock()
    monkeypatch.setattr(curves._writer, "close", closed)
    curves.add({"epoch": 1.0, "loss": 0.5})
    curves.close()
    assert closed.call_count == 1
    monkeypatch.setattr(curves._writer, "flush", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        curves.add({"epoch": 2.0, "loss": 0.4})
    curves.close()
    assert closed.call_count == 1
