"""A run of the page network, from generated scenes to a checkpoint, and how well it sees."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from digits_runtime.contract import DIGITS
from digits_runtime.errors import InputError
from digits_runtime.fields import Fields
from digits_runtime.page_network import sightings
from digits_train import checkpoint, page_samples
from digits_train.page_net import PageNet, as_channels, loss, targets
from digits_train.page_samples import Hands, PageInk

_BATCH = 16
_LEARNING_RATE, _WARM, _WEIGHT_DECAY = 2e-3, 100, 1e-3
# From this share of the steps on the rate falls to nothing.
_FALLING = 0.5
_AVERAGING = 500  # steps
_LARGEST_GRADIENT = 5.0
_SAVED_EVERY = 500
# A sighting and a glyph are one if their centres are this near, in sizes of the glyph.
_NEAR = 0.35


@dataclass(frozen=True, slots=True)
class PageSettings:
    """What a run was asked for.

    Attributes:
        data: Sets of glyphs that are written over the scenes.
        scenes: How many are generated.
        steps: Of 16 crops each.
        seed: Of weights and crops.
        init: The run whose weights it started from; None for chance.
    """

    data: tuple[str, ...]
    scenes: int
    steps: int
    seed: int = 0
    init: str | None = None


@dataclass(frozen=True, slots=True)
class PageState:
    """All of a run but its tensors.

    Attributes:
        labels: In the order of their scores.
        settings: What the run was asked for.
        data: Training sets by name, with the SHA-256 of their content.
        parent: SHA-256 of the tensors the run started from; empty for chance.
        step: Steps done.
        accuracy: Shares of validation glyphs, 0 to 1: found, named, and sightings that are none.
        task: Tells these checkpoints from those of glyph models.
    """

    labels: tuple[str, ...]
    settings: PageSettings
    data: Mapping[str, str]
    parent: str = ""
    step: int = 0
    accuracy: Mapping[str, float] = field(default_factory=dict)
    task: str = "page"


@dataclass(frozen=True, slots=True)
class PageScore:
    """How well pages are seen: counts of glyphs, found and named ones, and of sightings of none."""

    glyphs: int
    found: int
    named: int
    invented: int

    def shares(self) -> dict[str, float]:
        """As shares of the glyphs, 0 to 1."""
        counts = {"found": self.found, "named": self.named, "invented": self.invented}
        return {key: round(min(n / max(self.glyphs, 1), 1), 6) for key, n in counts.items()}

    def __str__(self) -> str:
        shares = self.shares()
        return (
            f"{100 * shares['found']:.2f} % of {self.glyphs} glyphs found, "
            f"{100 * shares['named']:.2f} % named, {self.invented} more seen that are none"
        )


def is_page_run(folder: Path) -> bool:
    """Whether a folder holds the checkpoint of a page network."""
    try:
        checkpoint.read(folder, lambda read: read.choice("task", ("page",)))
    except InputError:
        return False
    return True


def load(folder: Path) -> tuple[PageState, PageNet, str]:
    """Read a run: its state, its network ready to evaluate, and the SHA-256 of its tensors.

    Raises:
        InputError: There is none, or it is damaged.
    """
    state, tensors, sha256 = checkpoint.read(folder, _state)
    network = PageNet(len(state.labels))
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{folder} does not fit the page network ({reason}); train again"
        ) from None
    return state, network.eval(), sha256


def train(
    output: Path,
    settings: PageSettings,
    data_dir: Path | None,
    steps: Callable[[Iterable[int], str], Iterable[int]],
    say: Callable[[str], None],
) -> PageState:
    """Train a page network.

    Args:
        output: Folder of the run, which holds none yet.
        settings: What is asked for.
        data_dir: Folder of the named sets.
        steps: Shows progress over a range, of which the text says what it is.
        say: Takes one line for each thing done.

    Raises:
        InputError: A set cannot be read, or the run to start from cannot be used.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make {output} ({error.strerror}); choose another") from None
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    network, parent = PageNet(len(DIGITS)), ""
    if settings.init:
        _, network, parent = load(Path(settings.init))
    written = page_samples.hands(settings.data, data_dir, settings.seed)
    state = PageState(DIGITS, settings, written.sources, parent)
    pages = _generated(settings.scenes, validation=False, steps=steps)
    kept = _generated(max(settings.scenes // 10, 13), validation=True, steps=steps)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), _LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    running = 0.0
    for step in steps(range(settings.steps), "training"):
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, settings.steps)
        value = _step(network, optimizer, pages, written, rng)
        _average(averaged, network, step)
        running = value if step == 0 else 0.98 * running + 0.02 * value
        if (step + 1) % _SAVED_EVERY == 0 or step + 1 == settings.steps:
            seen = score(lambda ink: torch_maps(averaged, ink), kept)
            state = replace(state, step=step + 1, accuracy=seen.shares())
            checkpoint.save(output, state, averaged.state_dict())
            say(f"step {step + 1}: loss {running:.3f}; validation: {seen}")
    return state


def torch_maps(network: PageNet, ink: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """The maps of a page whose sides are multiples of 16."""
    with torch.inference_mode():
        found = network.eval()(torch.from_numpy(as_channels(ink))[None])
    return [np.asarray(out[0].numpy(), np.float32) for out in found]


def score(
    maps: Callable[[NDArray[np.uint8]], list[NDArray[np.float32]]], pages: Sequence[PageInk]
) -> PageScore:
    """Count what is seen on pages, by whatever makes maps of their ink."""
    glyphs = found = named = invented = 0
    for page in pages:
        seen = sightings(maps(page.ink))
        middles = seen.boxes[:, :2] + seen.boxes[:, 2:] / 2
        free = np.ones(len(middles), np.bool_)
        for label, x, y, w, h in page.glyphs:
            apart = np.abs(middles - (x + w / 2, y + h / 2)) / (max(w, 0.4 * h), h)
            far = np.where(free, apart.max(axis=1, initial=0), np.inf)
            if len(far) and far.min() <= _NEAR:
                nearest = int(far.argmin())
                free[nearest] = False
                found += 1
                named += int(seen.rows[nearest, :-1].argmax()) == label
        glyphs += len(page.glyphs)
        invented += int(free.sum())
    return PageScore(glyphs, found, named, invented)


def _generated(
    count: int, *, validation: bool, steps: Callable[[Iterable[int], str], Iterable[int]]
) -> list[PageInk]:
    what = "validation pages" if validation else "pages"
    return [
        page_samples.page_ink(page_samples.scene(number, validation=validation))
        for number in steps(range(count), what)
    ]


def _step(
    network: PageNet,
    optimizer: torch.optim.Optimizer,
    pages: Sequence[PageInk],
    written: Hands,
    rng: np.random.Generator,
) -> float:
    """Learn from one batch; its loss."""
    crops = [
        page_samples.crop(pages[int(rng.integers(len(pages)))], written, rng) for _ in range(_BATCH)
    ]
    pixels = torch.from_numpy(np.stack([as_channels(square) for square, _ in crops]))
    wanted = [targets(glyphs, page_samples.SIDE) for _, glyphs in crops]
    network.train()
    given = (pixels.float() / 255).contiguous(memory_format=torch.channels_last)
    value = loss(network(given), list(zip(*wanted, strict=True)))
    optimizer.zero_grad()
    value.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
    optimizer.step()
    return float(value.detach())


def _rate(step: int, steps: int) -> float:
    """The learning rate: warm-up, a plateau, then half a cosine."""
    done = (max(step / steps, _FALLING) - _FALLING) / (1 - _FALLING)
    return _LEARNING_RATE * min((step + 1) / _WARM, 1) * 0.5 * (1 + math.cos(math.pi * done))


@torch.no_grad()
def _average(averaged: PageNet, network: PageNet, step: int) -> None:
    """Move the averaged weights towards the network's."""
    share = max(1 / _AVERAGING, 20 / (step + 21))
    for mean, value in zip(
        averaged.state_dict().values(), network.state_dict().values(), strict=True
    ):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, share)
        else:
            mean.copy_(value)


def _state(read: Fields) -> PageState:
    read.choice("task", ("page",))
    asked = Fields(read.value("settings", dict), "its field 'settings'")
    return PageState(
        labels=read.labels("labels"),
        settings=PageSettings(
            data=tuple(asked.texts_in("data")),
            scenes=asked.number("scenes", int, 1, 10**7),
            steps=asked.number("steps", int, 1, 10**9),
            seed=asked.number("seed", int, 0, 2**32 - 1),
            init=asked.value("init", str) if asked.has("init") else None,
        ),
        data=read.texts("data"),
        parent=read.value("parent", str),
        step=read.number("step", int, 0, 10**9),
        accuracy=read.shares("accuracy"),
    )
