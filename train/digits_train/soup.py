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
    """Average runs into a new one.

    Args:
        folders: Of finished runs, two at least, of equal settings but for their seed.
        output: Folder of the new run.
        data_dir: Folder of the data sets of the runs.
        say: Takes one line for each run and one for their mean.

    Returns:
        Accuracy by validation set, 0 to 1, of each run by its folder, and of their `mean`.

    Raises:
        InputError: The runs differ in more than their seed or did not start from the same weights,
            or `output` holds a run.
    """
    run.check_free(output)
    if len({folder.resolve() for folder in folders}) < 2:
        raise InputError("a mean needs two runs at least; give the folders of several seeds")
    loaded = [checkpoint.load(folder) for folder in folders]
    first = loaded[0]
    for folder, other in zip(folders, loaded, strict=True):
        _check_alike(folder, other, folders[0], first)
    state = first.state
    held_out = {
        source.name: gather.samples([source], state.labels, state.ink)
        for source in gather.load_split(state.settings, "validation", state.labels, data_dir)
    }
    averaged = Checkpoint(state, _mean(loaded), "")
    accuracies: dict[str, dict[str, float]] = {}
    for name, each in [*zip(map(str, folders), loaded, strict=True), ("mean", averaged)]:
        network = each.network()
        accuracies[name] = {
            source: inference.accuracy(network, samples, len(state.labels), torch.device("cpu"))
            for source, samples in held_out.items()
        }
        shares = accuracies[name].items()
        say(f"{name}: " + ", ".join(f"{source} {100 * share:.2f} %" for source, share in shares))
    mean = replace(
        state,
        epoch=state.settings.epochs,
        accuracy=accuracies["mean"],
        history=(),
        averaged=tuple(each.sha256 for each in loaded),
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


def _check_alike(folder: Path, other: Checkpoint, first_folder: Path, first: Checkpoint) -> None:
    if other.state.epoch < other.state.settings.epochs:
        raise InputError(f"{folder} is not finished; go on with digits-train --resume {folder}")
    if not other.state.parent or other.state.parent != first.state.parent:
        raise InputError(
            f"{folder} and {first_folder} did not start from the same weights, so nothing of one "
            "corresponds to the other's; give runs with the same --init"
        )
    if _but_for_the_seed(other.state) != _but_for_the_seed(first.state):
        raise InputError(
            f"{folder} and {first_folder} differ in more than their seed; "
            "give runs of one digits-train --seeds"
        )


def _but_for_the_seed(state: State) -> State:
    settings = replace(state.settings, seed=0)
    return replace(state, settings=settings, data={}, accuracy={}, history=())


def _mean(runs: Sequence[Checkpoint]) -> dict[str, torch.Tensor]:
    """Of the averaged weights alone: what is ready to evaluate and export."""
    names = [name for name in runs[0].tensors if name.startswith(AVERAGE)]
    return {
        name: torch.stack([each.tensors[name] for each in runs]).mean(dim=0)
        if runs[0].tensors[name].is_floating_point()
        else runs[0].tensors[name]
        for name in names
    }
