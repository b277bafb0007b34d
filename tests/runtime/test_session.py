from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from digits_runtime.contract import ALNUM, DIGITS, METADATA_KEY, Contract, InkSpec
from digits_runtime.errors import InputError
from digits_runtime.ink import normalise
from digits_runtime.session import BUNDLED, BUNDLED_FLOAT, NAMED, Session
from digits_train import synth

Images = NDArray[np.uint8]

CONTRACT = Contract(DIGITS, True, InkSpec(), 1.0, 0.5, "float")


def _onnx(
    *,
    given: str = "glyphs",
    kind: int = TensorProto.UINT8,
    shape: tuple[int | str, ...] = ("N", 1, 28, 28),
    answer: str = "logits",
    classes: int = 11,
    description: str | None = CONTRACT.to_json(),
    inputs: int = 1,
) -> bytes:
    """A whole model, in the smallest graph that could keep the contract."""
    side = int(np.prod([n for n in shape[1:] if isinstance(n, int)]))
    weights = np.random.default_rng(0).normal(size=(side, classes)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", [given], ["cast"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["cast"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], [answer]),
        ],
        "glyphs",
        [helper.make_tensor_value_info(given, kind, list(shape))]
        + [
            helper.make_tensor_value_info(f"more{i}", TensorProto.UINT8, ["N"])
            for i in range(inputs - 1)
        ],
        [helper.make_tensor_value_info(answer, TensorProto.FLOAT, [shape[0], classes])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if description is not None:
        helper.set_model_props(model, {METADATA_KEY: description})
    return bytes(model.SerializeToString())


def _glyphs(count: int, seed: int = 0) -> tuple[Images, NDArray[np.int64]]:
    inks, labels = synth.generate(DIGITS, count, seed)
    seen = np.stack([normalise(ink, InkSpec()) for ink in inks])[:, None]
    return seen, labels.astype(np.int64)


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
    path.write_bytes(_onnx())
    glyphs, _ = _glyphs(5)
    assert Session(path).contract == Session(_onnx()).contract == CONTRACT
    np.testing.assert_array_equal(Session(path).logits(glyphs), Session(_onnx()).logits(glyphs))


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
    line = _refused(_onnx(description=None))
    assert "does not describe itself" in line
    assert "digits-export" in line


@pytest.mark.parametrize("description", ["", "{", "[]", "null", '{"schema": 99}'])
def test_a_model_with_a_broken_description_is_refused(description: str) -> None:
    assert "the model: its " in _refused(_onnx(description=description))


@pytest.mark.parametrize(
    "other",
    [
        lambda: _onnx(given="input"),
        lambda: _onnx(answer="output"),
        lambda: _onnx(classes=10),
        lambda: _onnx(classes=12),
        lambda: _onnx(shape=("N", 1, 32, 32)),
        lambda: _onnx(shape=("N", 3, 28, 28)),
        lambda: _onnx(shape=("N", 28, 28)),
        lambda: _onnx(shape=("N", 1, 28, 27)),
        lambda: _onnx(shape=(1, 1, 28, 28)),
        lambda: _onnx(kind=TensorProto.FLOAT),
        lambda: _onnx(kind=TensorProto.INT8),
        lambda: _onnx(inputs=2),
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
    model = onnx.load_from_string(_onnx())
    model.graph.node[0].op_type = "Read"
    assert "uses Read" in _refused(model.SerializeToString())


def test_a_model_of_tensors_outside_its_file_is_refused(tmp_path: Path) -> None:
    model = onnx.load_from_string(_onnx())
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


# What comes out


@pytest.mark.parametrize("count", [0, 1, 2, 511, 512, 513, 1025])
def test_any_number_of_glyphs_gives_as_many_rows(bundled: Session, count: int) -> None:
    glyphs = np.random.default_rng(0).integers(0, 256, (count, 1, 28, 28), dtype=np.uint8)
    for rows in (bundled.logits(glyphs), bundled.probabilities(glyphs)):
        assert rows.shape == (count, 11)
        assert rows.dtype == np.float32


def test_the_answer_does_not_depend_on_the_size_of_the_batch(
    bundled: Session, bundled_float: Session
) -> None:
    glyphs, _ = _glyphs(600)
    for session in (bundled, bundled_float):
        together = session.logits(glyphs)
        for size in (1, 7, 64):
            some = range(0, 600, 50) if size == 1 else range(0, 600 - size, 97)
            for start in some:
                alone = session.logits(glyphs[start : start + size])
                np.testing.assert_allclose(alone, together[start : start + size], atol=1e-4)


def test_a_glyph_alone_keeps_its_answer_whatever_is_asked_next(bundled: Session) -> None:
    glyphs, _ = _glyphs(20)
    rows = [bundled.logits(glyphs[place : place + 1]) for place in range(20)]
    again = [bundled.logits(glyphs[place : place + 1]) for place in range(20)]
    assert np.array_equal(np.concatenate(rows), np.concatenate(again))
    assert np.array_equal(bundled.logits(glyphs[::-1][:1]), rows[-1])


def test_glyphs_asked_one_by_one_from_several_threads_are_not_mixed_up(bundled: Session) -> None:
    glyphs, _ = _glyphs(8)
    alone = [bundled.logits(glyphs[place : place + 1]) for place in range(8)]

    def ask(place: int) -> bool:
        return all(
            np.array_equal(bundled.logits(glyphs[place : place + 1]), alone[place])
            for _ in range(200)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(8)))


@pytest.mark.parametrize("shape", [(1, 1, 1, 28), (1, 1, 14, 14), (1, 28, 28)])
def test_one_glyph_of_another_size_is_refused_as_several_are(
    bundled: Session, shape: tuple[int, ...]
) -> None:
    with pytest.raises(
        InputError, match=r"fails on glyphs uint8 .* it takes uint8 \[n, 1, 28, 28\]"
    ):
        bundled.logits(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("count", [1, 2])
def test_logits_that_are_no_numbers_are_refused(count: int) -> None:
    model = onnx.load_from_string(_onnx())
    weights = np.full((28 * 28, 11), np.nan, np.float32)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weights, "weights"))
    session = Session(model.SerializeToString(), provider="cpu")
    with pytest.raises(InputError, match="no numbers"):
        session.logits(np.zeros((count, 1, 28, 28), np.uint8))


@pytest.mark.parametrize("count", [1, 2])
def test_a_model_that_gives_too_many_rows_is_refused(count: int) -> None:
    model = onnx.load_from_string(_onnx())
    model.graph.node[-1].output[0] = "half"
    model.graph.node.append(helper.make_node("Concat", ["half", "half"], ["logits"], axis=0))
    session = Session(model.SerializeToString(), provider="cpu")
    with pytest.raises(InputError, match="export it again"):
        session.logits(np.zeros((count, 1, 28, 28), np.uint8))


def test_the_answer_does_not_depend_on_the_number_of_threads(bundled: Session) -> None:
    glyphs, _ = _glyphs(64)
    threaded = Session(BUNDLED, provider="cpu", threads=2)
    np.testing.assert_allclose(threaded.logits(glyphs), bundled.logits(glyphs), atol=1e-4)


def test_probabilities_are_calibrated_shares(bundled: Session) -> None:
    glyphs, _ = _glyphs(50)
    shares = bundled.probabilities(glyphs)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    assert shares.min() >= 0
    warm = bundled.logits(glyphs).astype(float) / bundled.contract.temperature
    expected = np.exp(warm - warm.max(axis=1, keepdims=True))
    np.testing.assert_allclose(shares, expected / expected.sum(axis=1, keepdims=True), atol=1e-5)


def test_float_and_int8_agree(bundled: Session, bundled_float: Session) -> None:
    glyphs, labels = _glyphs(1000, seed=5)
    small, full = bundled.logits(glyphs).argmax(axis=1), bundled_float.logits(glyphs).argmax(axis=1)
    assert (small == full).mean() >= 0.995
    assert (small == labels).mean() >= 0.97


def test_no_ink_is_never_surely_a_glyph(bundled: Session) -> None:
    empty = np.zeros((1, 1, 28, 28), np.uint8)
    assert bundled.probabilities(empty)[0, :10].max() < bundled.contract.threshold
