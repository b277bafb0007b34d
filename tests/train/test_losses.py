from __future__ import annotations

import torch

from digits_train import losses


def test_rare_classes_count_more_and_a_glyph_one_in_the_mean() -> None:
    labels = torch.tensor([0] * 90 + [1] * 10)
    weights = losses.rarity(labels, 2)
    assert weights[1] / weights[0] == 3
    torch.testing.assert_close(weights[labels].mean(), torch.tensor(1.0))


def test_classes_of_one_size_weigh_the_same() -> None:
    torch.testing.assert_close(losses.rarity(torch.arange(4), 4), torch.ones(4))


def test_who_answers_as_the_teacher_does_has_nothing_to_learn_from_it() -> None:
    logits = torch.randn(8, 11, generator=torch.Generator().manual_seed(0))
    labels, none = logits.argmax(1), torch.tensor(1.0)
    half, other = losses.taught(none, logits, logits, labels), logits.roll(1, 1)
    assert losses.taught(none, logits, other, other.argmax(1)) > half
    torch.testing.assert_close(half, losses.taught(none, logits + 5, logits, labels))


def test_what_a_teacher_takes_for_another_class_is_learnt_as_its_label() -> None:
    none, mistaken = torch.tensor(0.0), torch.tensor([[1.0, 6.0, 2.0]])
    label = torch.tensor([2])
    right = losses.taught(none, torch.tensor([[1.0, 2.0, 6.0]]), mistaken, label)
    assert right == 0 < losses.taught(none, mistaken, mistaken, label)
