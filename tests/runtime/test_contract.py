from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits_runtime.contract import ALNUM, DIGITS, SCHEMA, Contract, InkSpec
from digits_runtime.errors import InputError

_short = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
_label = _short.filter(lambda text: text.isprintable() and "," not in text and text != "?")
_specs = st.integers(8, 256).flatmap(
    lambda size: st.builds(InkSpec, size=st.just(size), box=st.integers(4, size))
)
_contracts = st.builds(
    Contract,
    labels=st.lists(_label, min_size=2, max_size=40, unique=True).map(tuple),
    rejects=st.booleans(),
    ink=_specs,
    temperature=st.floats(1e-3, 1e3),
    threshold=st.floats(0, 1),
    precision=st.sampled_from(["float", "int8"]),
    data=st.dictionaries(_short, _short, max_size=3),
    seed=st.integers(0, 2**63),
    accuracy=st.dictionaries(_short, st.floats(0, 1), max_size=3),
    recipe=st.dictionaries(_short, _short, max_size=3),
    parent=st.text("0123456789abcdef", max_size=64),
)

CONTRACT = Contract(
    labels=DIGITS,
    rejects=True,
    ink=InkSpec(),
    temperature=0.5,
    threshold=0.9,
    precision="int8",
    data={"mnist": "ab"},
    accuracy={"float": 0.99},
    recipe={"format": "QDQ"},
    parent="cd",
)


def _one_line(error: InputError) -> None:
    assert len(str(error).splitlines()) == 1


def _document(**changes: object) -> dict[str, Any]:
    return {**json.loads(CONTRACT.to_json()), **changes}


@given(_contracts)
def test_what_is_written_is_read_back(contract: Contract) -> None:
    assert Contract.from_json(contract.to_json()) == contract


def test_equal_contracts_give_equal_text() -> None:
    turned = Contract.from_json(json.dumps(dict(reversed(_document().items()))))
    assert turned.to_json() == CONTRACT.to_json()


@pytest.mark.parametrize(("labels", "rejects", "classes"), [(DIGITS, True, 11), (ALNUM, False, 36)])
def test_not_a_glyph_is_one_class_more(
    labels: tuple[str, ...], rejects: bool, classes: int
) -> None:
    contract = Contract(labels, rejects, InkSpec(), 1.0, 0.5, "float")
    assert contract.classes == classes


def test_whole_numbers_pass_as_decimal_ones() -> None:
    contract = Contract.from_json(json.dumps(_document(temperature=1, threshold=1)))
    assert isinstance(contract.temperature, float)
    assert isinstance(contract.threshold, float)


def test_fields_of_a_later_version_are_ignored() -> None:
    assert Contract.from_json(json.dumps(_document(colour="blue"))) == CONTRACT


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        (field, wrong)
        for field in sorted(_document())
        for wrong in (None, [], 3.7, "xxx", True, {"a": []})
        if (field, wrong) not in [("rejects", True), ("parent", "xxx"), ("temperature", 3.7)]
    ],
)
def test_a_field_of_another_kind_is_named(field: str, wrong: object) -> None:
    with pytest.raises(InputError, match=repr(field)):
        Contract.from_json(json.dumps(_document(**{field: wrong})))


@pytest.mark.parametrize("field", sorted(set(_document())))
def test_a_missing_field_is_named(field: str) -> None:
    document = _document()
    del document[field]
    with pytest.raises(InputError, match=repr(field)):
        Contract.from_json(json.dumps(document))


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("schema", -1),
        ("task", "page"),
        ("temperature", 0),
        ("temperature", -1.0),
        ("temperature", 1e4),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("threshold", -0.1),
        ("threshold", 1.1),
        ("threshold", float("nan")),
        ("precision", "int4"),
        ("seed", -1),
        ("seed", 2**70),
        ("labels", []),
        ("labels", ["a"]),
        ("labels", ["a", ""]),
        ("labels", ["a", "?"]),
        ("labels", ["a", "b,c"]),
        ("labels", ["a", "b\n"]),
        ("labels", ["a", "\x1b[31m"]),
        ("labels", ["a", "\ud800"]),
        ("labels", ["a", 1]),
        ("labels", ["a", "b" * 65]),
        ("labels", [str(i) for i in range(4097)]),
        ("labels", ["0", "1", "0"]),
        ("labels", "0123456789"),
        ("data", {"mnist": 5}),
        ("recipe", {"format": None}),
        ("accuracy", {"float": "good"}),
        ("accuracy", {"float": True}),
    ],
)
def test_a_value_out_of_range_is_named(field: str, wrong: object) -> None:
    with pytest.raises(InputError, match=repr(field)):
        Contract.from_json(json.dumps(_document(**{field: wrong})))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -0.5, 1.5])
def test_an_accuracy_that_is_no_share_is_named(wrong: float) -> None:
    with pytest.raises(InputError, match="'accuracy'"):
        Contract.from_json(json.dumps(_document(accuracy={"float": wrong})))


@pytest.mark.parametrize("field", ["temperature", "threshold"])
def test_a_whole_number_too_large_for_a_float_is_named(field: str) -> None:
    with pytest.raises(InputError, match=repr(field)):
        Contract.from_json(json.dumps(_document(**{field: 10**400})))


@pytest.mark.parametrize(
    ("ink", "named"),
    [
        ({"box": 20}, "size"),
        ({"size": 28}, "box"),
        ({"size": 7, "box": 4}, "size"),
        ({"size": 257, "box": 20}, "size"),
        ({"size": 28, "box": 3}, "box"),
        ({"size": 28, "box": 29}, "box"),
        ({"size": 28.0, "box": 20}, "size"),
        ({"size": True, "box": 20}, "size"),
    ],
)
def test_an_input_size_that_cannot_be_is_named(ink: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=f"'ink'.*'{named}'"):
        Contract.from_json(json.dumps(_document(ink=ink)))


@pytest.mark.parametrize("schema", [0, SCHEMA + 1])
def test_another_schema_says_what_to_do(schema: int) -> None:
    with pytest.raises(InputError, match=f"schema {schema}.*export the model again"):
        Contract.from_json(json.dumps(_document(schema=schema)))


@pytest.mark.parametrize("text", ["", "{", "labels: 0", "\0", '{"schema": 1', "\ud800"])
def test_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not JSON"):
        Contract.from_json(text)


@pytest.mark.parametrize("text", ["[]", "1", "null", '"digits"'])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a JSON object"):
        Contract.from_json(text)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000])
def test_json_nested_deeply_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="nested too deeply"):
        Contract.from_json(text)


def test_a_number_of_a_million_digits_is_refused_quickly() -> None:
    text = CONTRACT.to_json().replace('"seed": 0', f'"seed": {"9" * 1_000_000}')
    with pytest.raises(InputError):
        Contract.from_json(text)


@given(st.text(max_size=200))
def test_any_text_is_a_contract_or_an_input_error(text: str) -> None:
    with pytest.raises(InputError):
        Contract.from_json(text)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(set(_document()))), _json)
def test_any_value_of_a_field_is_read_or_refused_in_one_line(field: str, value: object) -> None:
    try:
        Contract.from_json(json.dumps(_document(**{field: value})))
    except InputError as error:
        _one_line(error)
