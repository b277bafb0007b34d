from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from digits_runtime import ink, paper
from digits_runtime.contract import DIGITS, METADATA_KEY, PageContract
from digits_runtime.errors import InputError
from digits_runtime.page import Candidate, Page
from digits_runtime.page_network import BUNDLED_PAGE, PageNetwork, Sightings, sightings
from digits_runtime.session import BUNDLED
from digits_runtime.sightings import joined, weighed
from digits_train.scenes import Scene, compose

NETWORK = PageNetwork(provider="cpu")


def _ink(scene: Scene) -> NDArray[np.uint8]:
    return paper.find_ink(ink.to_grey(scene.frame, "dark"), "dark")


def _near(box: NDArray[np.float64], true: tuple[int, ...]) -> bool:
    middle, other = box[:2] + box[2:] / 2, np.array(true[:2]) + np.array(true[2:]) / 2
    return bool((np.abs(middle - other) < 0.25 * max(true[2:])).all())


@pytest.mark.parametrize("height", [18, 30, 60, 110])
def test_every_glyph_is_seen_where_it_is(height: int) -> None:
    scene = compose(["3071", "5482"], np.random.default_rng(height), glyph_height=height)
    seen = NETWORK.look(_ink(scene))
    for line in scene.lines:
        for glyph in line:
            assert any(_near(box, glyph.box) for box in seen.boxes)


def test_a_large_page_of_small_glyphs_is_shrunk_less() -> None:
    scene = compose(["3071", "5482"], np.random.default_rng(4), glyph_height=22)
    page = np.zeros((960, 1280), np.uint8)
    page[:480, :640] = _ink(scene)[:480, :640]
    seen = NETWORK.look(page, 22)
    assert seen.scale == 1
    for line in scene.lines:
        for glyph in line:
            assert any(_near(box, glyph.box) for box in seen.boxes)
    assert NETWORK.look(page).scale == NETWORK.look(page, 90).scale == 2


def test_nothing_is_seen_on_empty_paper() -> None:
    assert len(NETWORK.look(_ink(compose([], np.random.default_rng(2)))).boxes) == 0


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (17, 333), (700, 1280), (1280, 700)])
def test_a_page_may_have_any_size(shape: tuple[int, int]) -> None:
    page = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    seen = NETWORK.look(page)
    assert seen.rows.shape == (len(seen.boxes), 11)


def test_boxes_of_a_large_page_are_in_its_own_pixels() -> None:
    scene = compose(["3071"], np.random.default_rng(1), glyph_height=80)
    large = cv2.resize(_ink(scene), None, fx=2, fy=2)
    seen = NETWORK.look(np.asarray(large, np.uint8))
    for glyph in scene.lines[0]:
        twice = tuple(2 * side for side in glyph.box)
        assert any(_near(box, twice) for box in seen.boxes)


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 6))
def test_of_any_maps_no_glyph_is_seen_twice(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    maps = [rng.normal(0, 8, (16, n * height, n * width)).astype(np.float32) for n in (2, 1)]
    seen = sightings(maps)
    np.testing.assert_allclose(seen.rows.sum(axis=1), 1, atol=1e-5)
    assert np.isfinite(seen.boxes).all()
    middles = {tuple(middle) for middle in seen.boxes[:, :2] + seen.boxes[:, 2:] / 2}
    assert len(middles) == len(seen.boxes)


def test_the_bundled_network_is_small_and_describes_itself() -> None:
    assert BUNDLED_PAGE.stat().st_size < 150_000
    contract = NETWORK.contract
    assert contract.labels == DIGITS
    assert contract.precision == "int8"
    assert PageContract.from_json(contract.to_json()) == contract


# What is refused


def _model(nodes: list[onnx.NodeProto], channels: int = 4) -> bytes:
    weights = numpy_helper.from_array(np.ones((16, 4, 3, 3), np.float32), "w")
    graph = helper.make_graph(
        nodes,
        "page",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", "H", "W", channels])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 16, "h", "w"])
            for name in ("fine", "coarse")
        ],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: PageContract(DIGITS, "float").to_json()})
    content: bytes = model.SerializeToString()
    return content


def _plain(pad: int = 1, fine: str = "fine") -> list[onnx.NodeProto]:
    return [
        helper.make_node("Transpose", ["pixels"], ["first"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["first"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["x", "w"], [fine], pads=[pad] * 4),
        helper.make_node("Conv", ["x", "w"], ["coarse"], pads=[pad] * 4),
    ]


def test_a_network_that_keeps_the_contract_is_taken() -> None:
    assert PageNetwork(_model(_plain()), provider="cpu").contract.labels == DIGITS


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"no model", "damaged or no model"),
        (BUNDLED.read_bytes(), "nothing in it makes 'fine'|its input is not|takes 'glyphs'"),
        (_model(_plain(fine="other")), "nothing in it makes 'fine'"),
        (_model(_plain(), channels=3), r"not of the shape \[N, h, w, 4\]"),
        (_model(_plain(pad=20_000)), "multiply-adds for a page|MiB for a page"),
        (_model([helper.make_node("Loop", ["pixels"], ["fine"])]), "uses Loop"),
    ],
)
def test_what_is_no_page_network_is_refused_in_a_line(content: bytes, fault: str) -> None:
    with pytest.raises(InputError, match=fault) as refused:
        PageNetwork(content, provider="cpu")
    assert len(str(refused.value).splitlines()) == 1


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no-such"):
        PageNetwork(tmp_path / "no-such.onnx", provider="cpu")


def test_a_glyph_models_description_is_not_a_page_networks() -> None:
    with pytest.raises(InputError, match="'task' = 'glyph'"):
        PageContract.from_json('{"schema": 1, "task": "glyph"}')


# What was seen and what was found


def _rows(*labels: int) -> NDArray[np.float32]:
    rows = np.full((len(labels), 11), 0.001, np.float32)
    rows[np.arange(len(labels)), labels] = 0.99
    return rows


def _page(*boxes: tuple[int, int, int, int]) -> tuple[Page, NDArray[np.uint8]]:
    page = np.zeros((200, 300), np.uint8)
    found = []
    for x, y, w, h in boxes:
        page[y : y + h, x : x + w] = 200
        found.append(Candidate((x, y, w, h), np.full((h, w), 200, np.uint8), cut=False))
    return Page([found]), page


def test_what_both_agree_on_keeps_its_own_ink() -> None:
    page, on = _page((20, 50, 20, 40))
    ((one,),) = joined(page, on, Sightings(np.array([[21.0, 52, 20, 38]]), _rows(7))).lines
    assert one.box == (20, 50, 20, 40)
    assert one.hint is not None
    assert one.hint.argmax() == 7


def test_two_seen_in_one_are_cut_apart() -> None:
    page, on = _page((20, 50, 40, 40))
    on[55:85, 26:36] = on[55:85, 44:54] = 0
    seen = Sightings(np.array([[20.0, 50, 20, 40], [40, 50, 20, 40]]), _rows(3, 4))
    ((left, right),) = joined(page, on, seen).lines
    assert left.box[0] + left.box[2] <= right.box[0] + 2
    assert [int(np.argmax(c.hint)) for c in (left, right) if c.hint is not None] == [3, 4]


def test_a_stem_and_a_loop_that_are_one_glyph_for_sure_stay_one() -> None:
    page, on = _page((20, 50, 40, 40), (100, 50, 40, 40))
    on[55:85, 106:116] = on[55:85, 124:134] = 0
    boxes = [[x, 50.0, 20, 40] for x in (20, 40, 100, 120)]
    seen = Sightings(np.array(boxes), _rows(1, 0, 1, 0))
    asked: list[int] = []

    def is_one(candidate: Candidate) -> bool:
        asked.append(candidate.box[0])
        return candidate.box[0] == 20

    ((one, *others),) = joined(page, on, seen, {}, is_one).lines
    assert one is page.lines[0][0]
    assert asked == [20, 100]
    assert len(others) == 2


def test_what_was_not_seen_is_rather_no_glyph() -> None:
    page, on = _page((20, 50, 20, 40), (150, 50, 20, 40))
    lines = joined(page, on, Sightings(np.array([[20.0, 50, 20, 40]]), _rows(3))).lines
    hints = {c.box[0]: c.hint for line in lines for c in line}
    assert hints[20] is not None
    assert hints[20].argmax() == 3
    assert hints[150] is not None
    assert hints[150].argmax() == 10


def test_a_glyph_too_large_to_be_seen_is_not_taken_for_its_loops() -> None:
    page, on = _page((100, 20, 90, 160))
    ((one,),) = joined(page, on, Sightings(np.array([[110.0, 30, 60, 60]]), _rows(0))).lines
    assert one.box == (100, 20, 90, 160)
    assert one.hint is None


def test_a_glyph_in_a_candidate_too_large_to_be_seen_is_not_there_twice() -> None:
    # What is left of a rule hangs on to a digit.
    page, on = _page((50, 20, 84, 140))
    on[90:, :57] = on[90:, 60:] = on[40:70, 77:113] = on[20:90, :57] = 0
    ((one,),) = joined(page, on, Sightings(np.array([[57.0, 20, 76, 70]]), _rows(5))).lines
    assert one.box[3] < 90


def test_a_glyph_without_a_candidate_is_cut_out_of_the_ink() -> None:
    _, on = _page((20, 50, 20, 40))
    ((one,),) = joined(Page([]), on, Sightings(np.array([[19.0, 49, 22, 42]]), _rows(1))).lines
    x, y, w, h = one.box
    assert (abs(x - 20) <= 2, abs(y - 50) <= 2, abs(w - 20) <= 4, abs(h - 40) <= 4) == (True,) * 4
    assert one.ink.max() > 100


def test_where_nothing_was_seen_there_is_rather_no_glyph() -> None:
    page, on = _page((20, 50, 20, 40))
    ((one,),) = joined(page, on, Sightings(np.zeros((0, 4)), _rows())).lines
    assert one.hint is not None
    assert one.hint.argmax() == 10


def test_what_stands_close_to_a_seen_glyph_is_no_part_of_it() -> None:
    # Seen too broad, the first reaches far into the second, which was not seen.
    page, on = _page((20, 50, 24, 45), (40, 55, 36, 42))
    (line,) = joined(page, on, Sightings(np.array([[20.0, 50, 46, 46]]), _rows(0))).lines
    assert [one.box[0] for one in line] == [20, 40]


def test_a_bar_of_a_seen_glyph_is_a_part_of_it() -> None:
    page, on = _page((20, 60, 30, 40), (30, 50, 24, 6))
    lines = joined(page, on, Sightings(np.array([[20.0, 50, 34, 50]]), _rows(5))).lines
    assert [[one.box for one in line] for line in lines] == [[(20, 60, 30, 40)]]


def test_sure_pieces_stay_whatever_was_seen_of_what_they_were() -> None:
    # They slant, so that one lies above the other.
    page, on = _page((100, 50, 20, 40), (124, 50, 30, 40), (130, 50, 34, 40), (170, 50, 20, 40))
    pieces = page.lines[0][1:3]
    seen = Sightings(np.array([[100.0, 50, 20, 40], [126, 50, 36, 40]]), _rows(3, 8))
    (line,) = joined(page, on, seen, {id(piece.ink): 0 for piece in pieces}).lines
    assert [one.box[0] for one in line] == [100, 124, 130, 170]
    assert line[1].hint is None or line[1].hint.argmax() == 8


@pytest.mark.parametrize("first", [(100, 50, 20, 40), (100, 50, 36, 42)])
def test_what_stands_beside_sure_pieces_is_no_part_of_what_was_seen_of_all(
    first: tuple[int, int, int, int],
) -> None:
    # The second of these first pieces is by itself most of what was seen.
    page, on = _page(first, (138, 50, 12, 40), (152, 62, 7, 24))
    pieces = page.lines[0][:2]
    seen = Sightings(np.array([[98.0, 48, 62, 44]]), _rows(7))
    parents = dict.fromkeys((id(piece.ink) for piece in pieces), 1)
    (line,) = joined(page, on, seen, parents).lines
    assert [one.box[0] for one in line] == [100, 138, 152]
    assert [one.hint for one in line[:2]] == [None, None]


def _told(**labels: float) -> NDArray[np.float32]:
    row = np.full((1, 11), 1e-4, np.float32)
    for label, probability in labels.items():
        row[0, int(label[1:])] = probability
    return row


def test_a_name_that_only_the_network_is_sure_of_needs_little_of_the_model() -> None:
    # An 8 of which half a loop is lost.
    model = _told(_2=0.5, _6=0.4, _8=0.08)
    assert weighed(model, _told(_8=0.98), 0.9)[0, 8] > 0.9
    np.testing.assert_array_equal(weighed(model, _told(_8=0.9), 0.9), model)
    # But something.
    nothing = _told(_2=0.5, _6=0.49)
    np.testing.assert_array_equal(weighed(nothing, _told(_8=0.98), 0.9), nothing)
