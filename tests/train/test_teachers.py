from __future__ import annotations

import pytest
import torch

from digits_runtime.contract import DIGITS, InkSpec
from digits_runtime.errors import InputError
from digits_train import architectures, trainer
from digits_train.checkpoint import AVERAGE, Checkpoint, Settings, State
from digits_train.teachers import Teachers

CPU = torch.device("cpu")


def state_of(*data: str, rejects: bool = True, labels: tuple[str, ...] = DIGITS) -> State:
    settings = Settings(data=data, epochs=1, negatives=0.12 if rejects else 0.0)
    return trainer.fresh(settings, labels, dict.fromkeys(data, "of no matter"), InkSpec(), "lenet5")


def run_that_says(label: int, state: State) -> Checkpoint:
    """One whose logits are the same for every glyph: 5 for a label, 0 for the others."""
    network = architectures.build(state.architecture)
    tensors = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    last = list(tensors)[-1]
    tensors[last] = 5 * torch.nn.functional.one_hot(torch.tensor(label), len(tensors[last])).float()
    return Checkpoint(state, {AVERAGE + name: value for name, value in tensors.items()}, "")


def asked(runs: list[Checkpoint], origins: list[int]) -> list[list[float]]:
    teachers = Teachers(runs, state_of("mnist", "synth"), CPU)
    return teachers.answers(torch.zeros(len(origins), 1, 28, 28), torch.tensor(origins)).tolist()


def says(**shares: float) -> list[float]:
    return [shares.get(f"at_{place}", 0.0) for place in range(11)]


def test_specialists_alone_answer_for_their_own_sets() -> None:
    general = run_that_says(3, state_of("mnist", "synth", "print"))
    specialist = run_that_says(7, state_of("mnist"))
    other = run_that_says(8, state_of("mnist", "print"))
    one, two, rest = says(at_7=5.0), says(at_7=2.5, at_8=2.5), says(at_3=5.0)
    assert asked([general, specialist], [0, 1, 2, 0]) == [one, rest, rest, one]
    assert asked([general, specialist, other], [1, 0]) == [rest, two]
    assert asked([general, specialist], [1, 1]) == [rest, rest]


def test_without_one_that_knows_all_everybody_answers_for_everything() -> None:
    runs = [run_that_says(3, state_of("synth")), run_that_says(7, state_of("mnist"))]
    assert asked(runs, [0, 1, 2]) == [says(at_3=2.5, at_7=2.5)] * 3


def test_one_that_knows_none_of_the_sets_is_no_specialist() -> None:
    runs = [run_that_says(3, state_of("mnist", "synth")), run_that_says(7, state_of("print"))]
    assert asked(runs, [0, 2]) == [says(at_3=2.5, at_7=2.5)] * 2


def test_one_that_never_learnt_what_is_no_glyph_holds_it_for_unlikely() -> None:
    state = state_of("mnist", "synth", rejects=False)
    (row,) = asked([run_that_says(3, state)], [2])
    assert row == says(at_3=5.0)


@pytest.mark.parametrize(
    ("pupil", "fault"),
    [
        (state_of("synth", labels=("A", "B")), "--teacher has other classes"),
        (state_of("synth", rejects=False), "--teacher knows what is no glyph"),
    ],
)
def test_one_that_answers_another_question_is_refused(pupil: State, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        Teachers([run_that_says(0, state_of("synth"))], pupil, CPU)
