from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits_runtime.errors import InputError
from digits_runtime.files import whole_file, write_whole


@given(content=st.binary(max_size=1000))
def test_what_is_written_is_there(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("whole") / "model.onnx"
    write_whole(path, content)
    assert path.read_bytes() == content


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old and longer")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["model.onnx"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_the_older_file_alone(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    with pytest.raises(failure), whole_file(path) as temporary:  # noqa: PT012
        temporary.write_bytes(b"half of the n")
        raise failure
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.onnx"]


def test_a_full_disk_is_an_input_error_that_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with (  # noqa: PT012
        pytest.raises(InputError, match=r"cannot write .*No space left"),
        whole_file(path) as temporary,
    ):
        temporary.write_bytes(b"half")
        raise OSError(28, "No space left on device")
    assert os.listdir(tmp_path) == []


def test_while_it_is_written_the_file_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with whole_file(path) as temporary:
        temporary.write_bytes(b"new")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.suffix == ".onnx"
    assert path.read_bytes() == b"new"


def test_a_missing_folder_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "model.onnx"
    with pytest.raises(InputError, match=f"cannot write {path}: No such file"):
        write_whole(path, b"")


def test_a_folder_in_the_way_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.mkdir()
    with pytest.raises(InputError, match="cannot write"):
        write_whole(path, b"")
    assert os.listdir(tmp_path) == ["model.onnx"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of this kind are POSIX")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_any_new_file(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "model.onnx", b"")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert (tmp_path / "model.onnx").stat().st_mode & 0o777 == 0o666 & ~umask
