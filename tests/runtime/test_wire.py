from __future__ import annotations

import onnx
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from digits_runtime import vetting, wire
from digits_runtime.errors import InputError
from digits_runtime.session import BUNDLED
from digits_runtime.wire import Budget, Field, read

WHOLE = BUNDLED.read_bytes()
SCHEMA = {
    1: Field("number", "int"),
    2: Field("name", "text"),
    3: Field("numbers", "int", many=True),
    4: Field("part", {1: Field("number", "int")}),
    5: Field("share", "float"),
    6: Field("blob", "bytes"),
}


def _read(content: bytes, fields: int = 100) -> dict[str, object]:
    return read(memoryview(content), SCHEMA, Budget(fields))


def _refused(content: bytes, fields: int = 100) -> str:
    with pytest.raises(InputError) as refused:
        _read(content, fields)
    return str(refused.value)


def test_every_kind_of_field_is_read() -> None:
    content = (
        b"\x08\x96\x01\x12\x02ab\x18\x01\x1a\x02\x02\x03\x22\x02\x08\x07\x2d\0\0\x80?\x32\x01\0"
    )
    assert _read(content) == {
        "number": 150,
        "name": "ab",
        "numbers": [1, 2, 3],
        "part": {"number": 7},
        "share": b"\0\0\x80?",
        "blob": b"\0",
    }


def test_a_negative_number_takes_ten_bytes() -> None:
    assert _read(b"\x08" + b"\xff" * 9 + b"\x01")["number"] == -1


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\x08", "cut short"),
        (b"\x12\x05ab", "cut short"),
        (b"\x12\xff\xff\xff\xff\x7fab", "cut short"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "not protobuf"),
        (b"\x0b\x0c", "not protobuf"),  # a group
        (b"\x48\x01", "field 9"),
        (b"\x08\x01\x08\x02", "'number' twice"),
        (b"\x22\x00\x22\x00", "'part' twice"),
        (b"\x12\x01\xff", "no text"),
        (b"\x0a\x01\x01", "another type"),
        (b"\x10\x01", "another type"),
        (b"\x15\0\0\0\0", "another type"),
    ],
)
def test_what_two_readers_could_take_differently_is_refused(content: bytes, fault: str) -> None:
    assert fault in _refused(content)


def test_fields_are_paid_for_packed_or_not_and_at_any_depth() -> None:
    assert "more parts" in _refused(b"\x18\x01" * 11, 10)
    assert "more parts" in _refused(b"\x1a\x0b" + b"\x01" * 11, 10)
    assert "more parts" in _refused(b"\x22\x02\x08\x07", 1)


def _as_onnx_reads(message: onnx.ModelProto) -> list[object]:
    graph = message.graph
    return [
        message.ir_version,
        [(entry.key, entry.value) for entry in message.metadata_props],
        [
            (
                node.op_type,
                node.domain,
                list(node.input),
                list(node.output),
                [(a.name, a.i, list(a.ints)) for a in node.attribute],
            )
            for node in graph.node
        ],
        [(t.name, list(t.dims), t.data_type, t.raw_data) for t in graph.initializer],
        [value.name for value in graph.input],
    ]


def _as_we_read(content: bytes) -> list[object]:
    model = read(memoryview(content), vetting.MODEL, Budget(50_000))
    graph = model.get("graph") or read(memoryview(b""), vetting.MODEL[7].kind, Budget(1))  # type: ignore[arg-type]
    return [
        model.get("ir_version", 0),
        [(entry.get("key", ""), entry.get("value", "")) for entry in model["metadata_props"]],
        [
            (
                node.get("op_type", ""),
                node.get("domain", ""),
                node["input"],
                node["output"],
                [(a.get("name", ""), a.get("i", 0), a["ints"]) for a in node["attribute"]],
            )
            for node in graph["node"]
        ],
        [
            (t.get("name", ""), t["dims"], t.get("data_type", 0), t.get("raw_data", b""))
            for t in graph["initializer"]
        ],
        [value.get("name", "") for value in graph["input"]],
    ]


def test_a_whole_model_is_read_as_onnx_reads_it() -> None:
    assert _as_we_read(WHOLE) == _as_onnx_reads(onnx.ModelProto.FromString(WHOLE))


@given(
    st.lists(
        st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=4)),
        min_size=1,
        max_size=4,
    )
)
def test_a_damaged_model_is_refused_or_read_as_onnx_reads_it(
    changes: list[tuple[int, bytes]],
) -> None:
    damaged = bytearray(WHOLE)
    for place, content in changes:
        damaged[place : place + len(content)] = content
    try:
        ours = _as_we_read(bytes(damaged))
    except InputError:
        return
    try:
        theirs = onnx.ModelProto.FromString(bytes(damaged))
    except DecodeError:
        return  # onnxruntime will refuse it too
    assert ours == _as_onnx_reads(theirs)


def test_the_module_reads_numbers_on_their_own() -> None:
    assert wire.integers(memoryview(b"\x01\xac\x02"), Budget(2)) == [1, 300]
