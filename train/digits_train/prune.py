"""Makes a trained network of the project's own smaller: whole channels go, what is left is tuned.

The channels that matter least are those that batch norm scales down most (Liu et al. 2017, "Network
Slimming"). Whole channels, so that the smaller network is a plain network and faster on any engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from digits_runtime.errors import InputError
from digits_train import checkpoint, gather, inference, run
from digits_train.architectures import Architecture, Scaled, build, parameters
from digits_train.checkpoint import AVERAGE, Checkpoint, State
from digits_train.devices import open_fabric
from digits_train.fusion import LAYOUTS

# Multiples of this keep vector units full.
_STEP = 4


@dataclass(frozen=True, slots=True)
class Stage:
    """The network before pruning, after it, or after tuning: validation accuracy by set, 0 to 1."""

    name: str
    parameters: int
    accuracy: dict[str, float]


def prune(
    folder: Path,
    output: Path,
    *,
    to: float,
    epochs: int,
    device: str,
    data_dir: Path | None,
    say: Callable[[str], None],
) -> list[Stage]:
    """Prune the run in `folder` and fine-tune it into `output`, taught by what it was.

    Args:
        folder: Of a run of one of the project's own networks.
        output: Folder of the new run.
        to: Share of the parameters to keep at most, above 0 and below 1.
        epochs: Of fine-tuning.
        device: auto, cpu or cuda.
        data_dir: Folder of the data sets of the run.
        say: Takes one line a stage.

    Returns:
        The three stages.

    Raises:
        InputError: The run is of another architecture or cannot be made so small, or `output` holds
            a run.
    """
    run.check_free(output)
    loaded = checkpoint.load(folder)
    state = loaded.state
    if state.architecture.name not in LAYOUTS:
        raise InputError(
            f"{folder} is a {state.architecture.name}; only {', '.join(LAYOUTS)}, whose "
            "channels may be of any number, can be pruned"
        )
    network = loaded.network()
    smaller = shrunk(state.architecture, to)
    pruned = without_channels(network, state.architecture, smaller)
    held_out = {
        source.name: gather.samples([source], state.labels, state.ink)
        for source in gather.load_split(state.settings, "validation", state.labels, data_dir)
    }

    def stage(name: str, measured: Scaled) -> Stage:
        accuracy = {
            source: inference.accuracy(measured, samples, len(state.labels), torch.device("cpu"))
            for source, samples in held_out.items()
        }
        found = Stage(name, parameters(measured), accuracy)
        figures = ", ".join(f"{source} {100 * share:.2f} %" for source, share in accuracy.items())
        say(f"{name}: {found.parameters:,} parameters, {figures}")
        return found

    stages = [stage("before", network), stage("pruned", pruned)]
    fabric = open_fabric(device)
    settings = replace(
        state.settings,
        epochs=epochs,
        init=(place := str(folder.resolve())),
        teachers=(place,),
        precision="fp32",
        learning_rate=state.settings.learning_rate / 4,
    )
    fresh = State(
        labels=state.labels,
        rejects=state.rejects,
        ink=state.ink,
        architecture=smaller,
        settings=settings,
        data=state.data,
        parent=loaded.sha256,
    )
    start = Checkpoint(
        replace(state, architecture=smaller),
        {AVERAGE + name: tensor for name, tensor in pruned.state_dict().items()},
        loaded.sha256,
    )
    run.begin(output, fresh, fabric, data_dir, start=start, teachers=[loaded])
    stages.append(stage("tuned", checkpoint.load(output).network()))
    return stages


def shrunk(architecture: Architecture, to: float) -> Architecture:
    """The same network with fewer channels everywhere: at most this share of the parameters.

    Raises:
        InputError: Even the least that is left would be more.
    """
    limit = to * parameters(build(architecture))
    for percent in range(99, 0, -1):
        channels = tuple(
            min(count, max(_STEP, _STEP * round(count * percent / (100 * _STEP))))
            for count in architecture.channels
        )
        candidate = replace(architecture, channels=channels)
        if parameters(build(candidate)) <= limit:
            return candidate
    raise InputError(f"--to {to:g}: too few parameters would be left; ask for a larger share")


def without_channels(network: Scaled, old: Architecture, new: Architecture) -> Scaled:
    """Copy the channels that matter most into a smaller network."""
    source, target = network.state_dict(), build(new).state_dict()

    def keep(part: str, channels: torch.Tensor) -> None:
        for name in [name for name in target if name.startswith(f"inner.{part}.")]:
            tensor = source[name]
            target[name] = tensor[channels] if tensor.ndim else tensor

    kept: list[torch.Tensor] = []
    for depth, count in enumerate(new.channels):
        block = f"blocks.{depth - 1}" if depth else "stem"
        scale = source[f"inner.{block}.1.weight"].abs()
        kept.append(scale.argsort(descending=True, stable=True)[:count].sort().values)
        keep(block, kept[depth])
        if depth:
            weight = f"inner.{block}.0.weight"
            target[weight] = target[weight][:, kept[depth - 1]]
    places: list[torch.Tensor] = []
    offset = 0
    for number, depths in enumerate(LAYOUTS[old.name].pooled(old.size)):
        begin = offset
        pooled = []
        for depth in depths:
            pooled.append(kept[depth] + offset)
            offset += old.channels[depth]
        places.append(torch.cat(pooled))
        keep(f"pools.{number}", places[-1] - begin)
    target["inner.classifier.weight"] = source["inner.classifier.weight"][:, torch.cat(places)]
    target["inner.classifier.bias"] = source["inner.classifier.bias"]
    pruned = build(new)
    pruned.load_state_dict(target)
    return pruned.eval()
