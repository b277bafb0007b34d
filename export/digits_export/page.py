"""The export of a page network: convert, quantize, hold to what it saw before, describe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx

from digits_calibration.ranges import METHODS
from digits_export import activations, convert, quantize
from digits_export.layout import take_channels_last
from digits_export.recipe import Recipe
from digits_runtime.contract import PageContract
from digits_runtime.errors import GateError
from digits_runtime.page_network import PageNetwork
from digits_train import page_run, page_samples
from digits_train.page_net import as_channels
from digits_train.page_run import PageScore
from digits_train.page_samples import PageInk

# Points of the validation glyphs, found or named, that int8 may lose.
ALLOWED = 0.5
# Pages to calibrate on, crops of them, and pages to judge by.
_PAGES, _CROPS, _JUDGED = 39, 48, 104
# Largest difference between torch and ONNX, in scores of about ten.
_SAME = 1e-2


@dataclass(frozen=True, slots=True)
class ExportedPage:
    """A page network that passed the gate.

    Attributes:
        content: The ONNX file.
        contract: What it says of itself.
        before: What the float network saw.
        after: What the file sees.
        training: The command that makes such a run again.
    """

    content: bytes
    contract: PageContract
    before: PageScore
    after: PageScore
    training: str


def export(
    folder: Path,
    *,
    int8: bool,
    recipe: Recipe | None,
    allowed: float,
    data_dir: Path | None,
    say: Callable[[str], None],
) -> ExportedPage:
    """Export the page network in `folder`, as float or int8.

    Args:
        folder: Of the run.
        int8: Quantize.
        recipe: How; None to try every way to choose ranges and keep the best.
        allowed: Points of the validation glyphs that int8 may lose.
        data_dir: Folder of the data sets, to calibrate on.
        say: Takes one line for each thing done.

    Raises:
        InputError: The run or its data cannot be read.
        GateError: The model is not good enough to leave.
    """
    state, network, parent = page_run.load(folder)
    judged = [
        page_samples.page_ink(page_samples.scene(number, validation=True))
        for number in range(_JUDGED)
    ]
    plain = PageContract(
        labels=state.labels,
        precision="float",
        data=state.data,
        seed=state.settings.seed,
        parent=parent,
    )
    model = convert.page_to_onnx(network)
    described = _described(model, plain)
    reader = PageNetwork(described, provider="cpu")
    torch_maps = page_run.torch_maps(network, judged[0].ink)
    for ours, theirs in zip(reader.maps(judged[0].ink), torch_maps, strict=True):
        if not np.allclose(ours, theirs, atol=_SAME):
            raise GateError("the float model does not compute what torch does; nothing was written")
    before = page_run.score(reader.maps, judged)
    say(f"float: {before}")
    settings = state.settings
    training = (
        f"digits-train page --data {','.join(settings.data)} --scenes {settings.scenes} "
        f"--steps {settings.steps} --seed {settings.seed}"
        + (f" --init {settings.init}" if settings.init else "")
    )
    accuracy = {f"float {key}": share for key, share in before.shares().items()}
    if not int8:
        contract = replace(plain, accuracy=accuracy)
        return ExportedPage(_described(model, contract), contract, before, before, training)
    recipes = [recipe] if recipe else [Recipe(ranges=method) for method in METHODS]
    crops = _crops(state.settings.seed, state.settings.data, data_dir)
    held = activations.calibrate(model, crops)
    tried = []
    for each in recipes:
        quantized = quantize.to_int8(model, held, each)
        contract = replace(plain, precision="int8", recipe=each.to_dict())
        maps = PageNetwork(_described(quantized, contract), provider="cpu").maps
        seen = page_run.score(maps, judged)
        say(f"{each}: {seen}")
        tried.append((seen.found + seen.named - seen.invented, quantized, contract, seen))
    _, quantized, contract, after = max(tried, key=lambda one: one[0])
    lost = 100 * max(before.found - after.found, before.named - after.named) / before.glyphs
    if lost > allowed:
        raise GateError(
            f"the int8 model loses {lost:.2f} points of the validation glyphs, {allowed:g} are "
            "allowed; nothing was written. Train longer, or allow more"
        )
    accuracy |= {f"int8 {key}": share for key, share in after.shares().items()}
    contract = replace(contract, accuracy=accuracy)
    return ExportedPage(_described(quantized, contract), contract, before, after, training)


def _described(model: onnx.ModelProto, contract: PageContract) -> bytes:
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    take_channels_last(whole)
    convert.shorten_names(whole)
    onnx.checker.check_model(whole, full_check=True)
    return convert.to_bytes(whole, contract)


def _crops(seed: int, data: tuple[str, ...], data_dir: Path | None) -> np.ndarray:
    """Crops as those trained on: uint8 `[n, 4, 256, 64]`."""
    rng = np.random.default_rng(seed)
    written = page_samples.hands(data, data_dir, seed)
    pages: list[PageInk] = [
        page_samples.page_ink(page_samples.scene(number, validation=False))
        for number in range(_PAGES)
    ]
    return np.stack(
        [
            as_channels(page_samples.crop(pages[number % _PAGES], written, rng)[0])
            for number in range(_CROPS)
        ]
    )
