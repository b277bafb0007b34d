"""Averages the weights of runs that went on from the same ones, apart only by their seed.

Wortsman et al. 2022, "Model soups": such runs end in one wide valley, whose middle errs less than
the runs around it, and costs no more than one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from digits_runtime.errors import InputError
from digits_train import checkpoint, gather, inference, record, report, run
from digits_train.checkpoint import AVERAGE, Checkpoint, State


def soup(
    folders: Sequence[Path],
    output: Path,
    *,
    data_dir: Path | None,
    say: Callable[[str], None],
) -> dict[str, dict[str, float]]:
    """Average runs into a new one, which says of itself what the one of the lowest seed does.

    Args:
        folders: Of finished runs, two at least, of equal settings but for their seeds, which
            differ; in any order.
        output: Folder of the new run.
        data_dir: Folder of the data sets of the runs.
        say: Takes one line for each run and one for their mean.

    Returns:
        Accuracy by validation set, 0 to 1, of each run by its folder, and of their `mean`; what of
        those sets is generated is so for the lowest seed.

    Raises:
        InputError: The runs differ in more than their seed or did not start from the same weights,
            one is damaged, or `output` holds a run.
    """
    run.check_free(output)
    runs = sorted(
        ((str(folder), checkpoint.load(folder)) for folder in folders),
        key=lambda each: each[1].state.settings.seed,
    )
    if len(runs) < 2 or len({each.state.settings.seed for _, each in runs}) < len(runs):
        raise InputError("a mean needs two seeds at least, each once; give their folders")
    for other in runs[1:]:
        _check_alike(runs[0], other)
    state = runs[0][1].state
    held_out = {
        source.name: gather.samples([source], state.labels, state.ink)
        for source in gather.load_split(state.settings, "validation", state.labels, data_dir)
    }
    accuracies: dict[str, dict[str, float]] = {}

    def measured(name: str, each: Checkpoint) -> None:
        network = each.network()
        shares = {
            source: inference.accuracy(network, samples, len(state.labels), torch.device("cpu"))
            for source, samples in held_out.items()
        }
        accuracies[name] = shares
        each_set = (f"{source} {100 * share:.2f} %" for source, share in shares.items())
        say(f"{name}: {', '.join(each_set)}")

    for name, each in runs:
        measured(name, each)
    averaged = Checkpoint(state, _mean(runs), "")
    measured("mean", averaged)
    mean = replace(
        state,
        accuracy=accuracies["mean"],
        history=(),
        averaged=tuple(each.sha256 for _, each in runs),
    )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the folder {output}: {error.strerror}; choose another --output"
        ) from None
    checkpoint.save(output, mean, averaged.tensors)
    record.started(output, torch.device("cpu"))
    report.write(output, mean, averaged.network(), held_out)
    return accuracies


def _check_alike(first: tuple[str, Checkpoint], other: tuple[str, Checkpoint]) -> None:
    (first_folder, one), (folder, two) = first, other
    for name, each in (first, other):
        if each.state.epoch < each.state.settings.epochs:
            raise InputError(f"{name} is not finished; go on with digits-train --resume {name}")
    if not two.state.parent or two.state.parent != one.state.parent:
        raise InputError(
            f"{folder} and {first_folder} did not start from the same weights, so nothing of one "
            "corresponds to the other's; give runs with the same --init"
        )
    if _but_for_the_seed(two.state) != _but_for_the_seed(one.state):
        raise InputError(
            f"{folder} and {first_folder} differ in more than their seed; "
            "give runs of one digits-train --seeds"
        )


def _but_for_the_seed(state: State) -> State:
    """What must be equal: of the data the names, since what is generated differs by seed."""
    settings = replace(state.settings, seed=0, init=None)
    data = dict.fromkeys(state.data, "")
    return replace(state, settings=settings, data=data, accuracy={}, history=())


def _mean(runs: Sequence[tuple[str, Checkpoint]]) -> dict[str, torch.Tensor]:
    """Of the averaged weights alone: what is ready to evaluate and export."""
    first = runs[0][1].tensors
    mean = {
        name: torch.stack([each.tensors[name] for _, each in runs]).mean(dim=0)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in first.items()
        if name.startswith(AVERAGE)
    }
    for folder, each in runs:
        if not all(bool(each.tensors[name].isfinite().all()) for name in mean):
            raise InputError(f"{folder} has weights that are no numbers; train that seed again")
    return mean
