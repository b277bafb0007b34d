"""Which models a session opens, and what it says of those that it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from digits_runtime.contract import ALNUM, DIGITS
from digits_runtime.errors import InputError
from digits_runtime.session import BUNDLED, BUNDLED_FLOAT, NAMED, Session

from .small_models import CONTRACT, small_onnx, some_glyphs


def _refused(model: Path | bytes) -> str:
    with pytest.raises(InputError) as refused:
        Session(model)
    (line,) = str(refused.value).splitlines()
    return line


# What is opened


def test_a_model_that_keeps_the_contract_is_opened_from_bytes_and_from_a_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(small_onnx())
    glyphs, _ = some_glyphs(5)
    assert Session(path).contract == Session(small_onnx()).contract == CONTRACT
    np.testing.assert_array_equal(
        Session(path).logits(glyphs), Session(small_onnx()).logits(glyphs)
    )


def test_the_bundled_models_say_what_they_are(bundled: Session, bundled_float: Session) -> None:
    assert bundled.contract.precision == "int8"
    assert bundled_float.contract.precision == "float"
    for session in (bundled, bundled_float):
        assert session.contract.labels == DIGITS
        assert session.contract.rejects
        assert session.contract.data
        assert session.contract.parent


def test_the_bundled_int8_model_is_at_most_100_kilobytes() -> None:
    assert BUNDLED.stat().st_size <= 100_000


def test_bundled_models_go_by_name(tmp_path: Path) -> None:
    assert Session("digits").contract.labels == DIGITS
    letters = Session("alnum")
    assert letters.contract.labels == ALNUM
    assert letters.contract.precision == "int8"
    assert NAMED["alnum"].stat().st_size <= 200_000
    _refused(tmp_path / "alnum")


# What is refused


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    assert "cannot read the model" in _refused(tmp_path / "missing.onnx")


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    assert "is not a file" in _refused(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a model\nat all\n", b"\0" * 1000, b"\xff" * 1000])
def test_what_is_no_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(content)
    assert str(path) in _refused(path)
    assert "the model" in _refused(content)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("model", [BUNDLED, BUNDLED_FLOAT], ids=lambda model: str(model.name))
def test_a_truncated_model_is_refused(model: Path, share: float) -> None:
    content = model.read_bytes()
    _refused(content[: int(share * len(content))])


def test_a_file_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)  # sparse: no byte of it is on disk
    assert "larger than 64 MiB" in _refused(path)


def test_someone_elses_model_is_refused_with_the_remedy() -> None:
    line = _refused(small_onnx(description=None))
    assert "does not describe itself" in line
    assert "digits-export" in line


@pytest.mark.parametrize("description", ["", "{", "[]", "null", '{"schema": 99}'])
def test_a_model_with_a_broken_description_is_refused(description: str) -> None:
    assert "the model: its " in _refused(small_onnx(description=description))


@pytest.mark.parametrize(
    "other",
    [
        lambda: small_onnx(given="input"),
        lambda: small_onnx(answer="output"),
        lambda: small_onnx(classes=10),
        lambda: small_onnx(classes=12),
        lambda: small_onnx(shape=("N", 1, 32, 32)),
        lambda: small_onnx(shape=("N", 3, 28, 28)),
        lambda: small_onnx(shape=("N", 28, 28)),
        lambda: small_onnx(shape=("N", 1, 28, 27)),
        lambda: small_onnx(shape=(1, 1, 28, 28)),
        lambda: small_onnx(kind=TensorProto.FLOAT),
        lambda: small_onnx(kind=TensorProto.INT8),
        lambda: small_onnx(inputs=2),
    ],
    ids=[
        "input name",
        "output name",
        "a class less",
        "a class more",
        "input size",
        "colour",
        "no channel",
        "not square",
        "fixed batch",
        "float input",
        "int8 input",
        "two inputs",
    ],
)
def test_a_graph_unlike_its_description_is_refused(other: Callable[[], bytes]) -> None:
    line = _refused(other())
    # Either its graph is seen to be odd before it is loaded, or it does not fit its contract.
    assert "differ from its own description" in line or "no model of digits-edge" in line
    assert "digits-export" in line


def test_a_model_with_an_unknown_operator_is_refused() -> None:
    model = onnx.load_from_string(small_onnx())
    model.graph.node[0].op_type = "Read"
    assert "uses Read" in _refused(model.SerializeToString())


def test_a_model_of_tensors_outside_its_file_is_refused(tmp_path: Path) -> None:
    model = onnx.load_from_string(small_onnx())
    path = tmp_path / "mine.onnx"
    onnx.save_model(
        model, path, save_as_external_data=True, location="tensors.bin", size_threshold=0
    )
    _refused(path)


def test_a_provider_this_machine_lacks_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "digits_runtime.session.ort.get_available_providers", lambda: ["CPUExecutionProvider"]
    )
    with pytest.raises(
        InputError, match=r"no cuda provider.*pip install 'onnxruntime-gpu\[cuda,cudnn\]'"
    ):
        Session(BUNDLED, provider="cuda")


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_an_onnxruntime_for_cuda_without_its_libraries_is_the_cpu_or_an_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("digits_runtime.session.ort.get_available_providers", lambda: providers)
    assert Session(BUNDLED).provider == "cpu"
    with pytest.raises(InputError, match="asked for cuda, but onnxruntime runs on CPU"):
        Session(BUNDLED, provider="cuda")
    assert capfd.readouterr() == ("", "")


def test_without_a_gpu_auto_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "digits_runtime.session.ort.get_available_providers", lambda: ["CPUExecutionProvider"]
    )
    assert Session(BUNDLED).provider == "cpu"
