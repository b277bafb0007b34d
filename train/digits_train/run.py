"""A run from its options to its folder: gathers the data, trains, shows how it goes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from digits_runtime.contract import ALNUM, DIGITS, InkSpec
from digits_runtime.errors import InputError
from digits_runtime.fields import check_labels
from digits_train import checkpoint, trainer
from digits_train.checkpoint import Checkpoint, Settings, State
from digits_train.data import TRAINING_NAMES, folder
from digits_train.data import load as load_glyphs
from digits_train.data.glyphs import GlyphSet, Split
from digits_train.trainer import Samples, Trainer

# The weights behind the bundled model, for `--init bundled`.
BUNDLED = Path(__file__).parent / "bundled" / "digits"

_console = Console(stderr=True)


def start(
    output: Path,
    *,
    data: Sequence[str],
    classes: str | None,
    init: str | None,
    epochs: int,
    seed: int,
    device: str,
    data_dir: Path | None,
) -> State:
    """Train a new run in `output`.

    Raises:
        InputError: An option or a data set cannot be used, or `output` already holds a run.
    """
    where = choose_device(device)
    if not data:
        raise InputError("--data names no set; give mnist, unipen, synth or a folder by class")
    if (output / checkpoint.STATE).exists():
        raise InputError(
            f"{output} already holds a run; go on with --resume {output} or choose another --output"
        )
    donor = None
    if init is not None:
        donor = checkpoint.load(BUNDLED if init == "bundled" else Path(init))
    labels = choose_labels(classes, data)
    # A folder's place in full, so that the run can be resumed and exported from anywhere.
    places = [str(Path(name).resolve()) if _is_folder(name) else name for name in data]
    settings = Settings(data=tuple(places), epochs=epochs, seed=seed, init=init)
    ink = donor.state.ink if donor else InkSpec()
    training = load_split(settings, "train", labels, data_dir)
    sources = {source.name: source.sha256 for source in training}
    if len(sources) < len(training):
        raise InputError(f"--data {','.join(data)} names a set twice; give each once")
    parent = donor.sha256 if donor else ""
    state = trainer.fresh(settings, labels, sources, ink, parent)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the folder {output}: {error.strerror}; choose another --output"
        ) from None
    try:
        with _alone(output):
            return _train(output, state, training, where, data_dir, donor)
    finally:
        # A run that saved nothing leaves nothing: only an empty folder can be removed so.
        with contextlib.suppress(OSError):
            output.rmdir()


def resume(output: Path, *, device: str, data_dir: Path | None) -> State:
    """Go on with the run in `output` from its last finished epoch.

    Raises:
        InputError: There is no run, or its data is not what it was.
    """
    where = choose_device(device)
    loaded = checkpoint.load(output)
    state = loaded.state
    settings = state.settings
    training = load_split(settings, "train", state.labels, data_dir)
    for source in training:
        if state.data.get(source.name) != source.sha256:
            raise InputError(
                f"{source.name} is not the data this run was started with; "
                "restore it or start a new run"
            )
    if state.epoch >= settings.epochs:
        raise InputError(f"{output} has finished its {settings.epochs} epochs; nothing is left")
    with _alone(output):
        return _train(output, state, training, where, data_dir, loaded)


@contextlib.contextmanager
def _alone(output: Path) -> Iterator[None]:
    """Keep a second training out of the folder; the lock goes with the process, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows, where nothing of the kind is at hand
        yield
        return
    path = output / ".lock"
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                f"another training is at work in {output}; wait for it or choose another folder"
            ) from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _train(
    output: Path,
    state: State,
    training: Sequence[GlyphSet],
    device: torch.device,
    data_dir: Path | None,
    donor: Checkpoint | None,
) -> State:
    settings = state.settings
    held_out = load_split(settings, "validation", state.labels, data_dir)
    _check_every_label(state.labels, training, "learn")
    _check_every_label(state.labels, held_out, "validate")
    validation = {source.name: samples([source], state.labels, state.ink) for source in held_out}
    _console.print(
        f"{sum(map(len, training)):,} training glyphs of {len(state.labels)} classes "
        f"({', '.join(source.name for source in training)}), "
        f"{sum(len(s.images) for s in validation.values()):,} to validate, on {device}"
    )
    run = Trainer(
        output, state, samples(training, state.labels, state.ink), validation, device, donor
    )
    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("loss {task.fields[loss]} acc {task.fields[accuracy]} lr {task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    blank: dict[str, Any] = dict.fromkeys(("epoch", "loss", "accuracy", "rate"), "-")
    total = run.steps * settings.epochs
    with Progress(*columns, console=_console, disable=not _console.is_terminal) as bar:
        task = bar.add_task("", total=total, completed=run.steps * state.epoch, **blank)

        def report(now: trainer.Progress) -> None:
            bar.update(
                task,
                completed=now.epoch * now.steps + now.step,
                epoch=f"{now.epoch + 1}/{settings.epochs}",
                loss=f"{now.loss:.4f}",
                accuracy=f"{100 * now.accuracy:.2f}%",
                rate=f"{now.learning_rate:.1e}",
            )

        def saved(state: State) -> None:
            entry = state.history[-1]
            figures = ", ".join(f"{name} {100 * v:.2f} %" for name, v in state.accuracy.items())
            _console.print(
                f"epoch {state.epoch}/{settings.epochs} loss {entry['loss']:.4f}, "
                f"augmented training {100 * entry['accuracy']:.2f} %, {figures}"
            )

        try:
            state = run.run(report, saved)
        except KeyboardInterrupt:
            if run.state.epoch:
                _console.print(f"stopped; go on with: digits-train --resume {output}")
            else:
                _console.print("stopped before the first epoch was done; nothing was saved")
            raise
    for name, accuracy in state.accuracy.items():
        print(f"{name}: {100 * accuracy:.2f} % of the validation split right")  # noqa: T201
    return state


def _check_every_label(labels: Sequence[str], sources: Sequence[GlyphSet], use: str) -> None:
    there = {str(label) for source in sources for label in np.unique(source.labels)}
    for label in labels:
        if label not in there:
            raise InputError(
                f"the label {label!r} has no picture to {use} on; "
                "a class needs at least 3, one of them to validate"
            )


def load_split(
    settings: Settings, split: Split, labels: Sequence[str], data_dir: Path | None
) -> list[GlyphSet]:
    """Load one split of every source of a run."""
    return [
        load_glyphs(name, split, classes=labels, data_dir=data_dir, seed=settings.seed)
        for name in settings.data
    ]


def samples(sources: Sequence[GlyphSet], labels: Sequence[str], ink: InkSpec) -> Samples:
    """Normalise glyphs as the runtime does and index their labels."""
    index = {label: number for number, label in enumerate(labels)}
    return Samples(
        np.concatenate([source.normalised(ink) for source in sources]),
        np.array([index[str(label)] for source in sources for label in source.labels], np.int64),
    )


def choose_labels(classes: str | None, sources: Sequence[str]) -> tuple[str, ...]:
    """Turn `--classes` into labels: a name, or the labels themselves.

    Raises:
        InputError: There are fewer than two, or one twice.
    """
    if classes is None:
        folders = [Path(source) for source in sources if _is_folder(source)]
        if not folders:
            return DIGITS
        found = sorted({label for path in folders for label in folder.labels(path)})
        try:
            return check_labels(found)
        except InputError as error:
            raise InputError(f"--data {','.join(sources)}: of the labels {error}") from None
    if classes == "digits":
        return DIGITS
    if classes == "alnum":
        return ALNUM
    split = classes.split(",") if "," in classes else list(classes)
    try:
        return check_labels([label.strip() for label in split if label.strip()])
    except InputError as error:
        raise InputError(
            f"--classes {classes!r}: of the labels {error}; or give digits or alnum"
        ) from None


def _is_folder(source: str) -> bool:
    return source not in TRAINING_NAMES and Path(source).is_dir()


def choose_device(name: str) -> torch.device:
    """Turn `--device` into a device.

    Raises:
        InputError: It is unknown or not there.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"--device {name!r}: give auto, cpu or cuda")
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise InputError("--device cuda: this torch sees no CUDA GPU; use --device cpu")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and there) else "cpu")
