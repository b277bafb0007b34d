"""A run from its options to its folder: gathers the data, trains, shows how it goes."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lightning_fabric import Fabric

from digits_runtime.contract import InkSpec
from digits_runtime.errors import InputError
from digits_train import checkpoint, progress, record, report, trainer
from digits_train.architectures import LEARNING_RATES, NAMES
from digits_train.checkpoint import Checkpoint, Settings, State
from digits_train.data.glyphs import GlyphSet
from digits_train.devices import choose_precision, first_process, open_fabric
from digits_train.gather import (
    check_every_label,
    choose_labels,
    is_folder,
    load_split,
    samples,
    to_train_on,
)
from digits_train.trainer import Trainer

# The weights behind the bundled models, for `--init bundled` and `--init bundled-alnum`.
_BUNDLED = Path(__file__).parent / "bundled"
BUNDLED = {"bundled": _BUNDLED / "digits", "bundled-alnum": _BUNDLED / "alnum"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a new run is asked for; the fields are the options of `digits-train`."""

    data: tuple[str, ...]
    classes: str | None = None
    arch: str | None = None
    init: str | None = None
    pretrained: Path | None = None
    teachers: tuple[str, ...] = ()
    epochs: int = 20
    clean: bool = False
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    data_dir: Path | None = None


def start(output: Path, asked: Request) -> State:
    """Train a new run in `output`.

    Raises:
        InputError: An option or a data set cannot be used, or `output` already holds a run.
    """
    if asked.arch not in (None, *NAMES):
        raise InputError(f"--arch {asked.arch!r}: give one of {', '.join(NAMES)}")
    if not asked.data:
        raise InputError("--data names no set; give mnist, unipen, synth or a folder by class")
    check_free(output)
    if asked.init and asked.pretrained:
        raise InputError("--init and --pretrained are two starts; give one")
    donor, teachers = _run_at(asked.init), _runs_at(asked.teachers)
    labels = choose_labels(asked.classes, asked.data)
    arch, settings = _settled(asked, donor)
    fabric = open_fabric(asked.device, settings.precision)
    ink = donor.state.ink if donor else InkSpec()
    training = load_split(settings, "train", labels, asked.data_dir)
    sources = {source.name: source.sha256 for source in training}
    if len(sources) < len(training):
        raise InputError(f"--data {','.join(asked.data)} names a set twice; give each once")
    state = trainer.fresh(settings, labels, sources, ink, arch, donor)
    return begin(
        output,
        state,
        fabric,
        asked.data_dir,
        training=training,
        start=donor,
        teachers=teachers,
        pretrained=asked.pretrained,
    )


def check_free(output: Path) -> None:
    """Make sure that a new run would not take the place of another.

    Raises:
        InputError: The folder holds a run.
    """
    if (output / checkpoint.STATE).exists():
        raise InputError(
            f"{output} already holds a run; go on with --resume {output} or choose another --output"
        )


def _settled(asked: Request, donor: Checkpoint | None) -> tuple[str, Settings]:
    """The architecture and the settings that a request comes to."""
    arch = asked.arch or (donor.state.architecture.name if donor else NAMES[0])
    # A folder's place in full, so that the run can be resumed and exported from anywhere.
    places = (str(Path(name).resolve()) if is_folder(name) else name for name in asked.data)
    settings = Settings(
        data=tuple(places),
        epochs=asked.epochs,
        seed=asked.seed,
        init=asked.init,
        teachers=asked.teachers,
        learning_rate=LEARNING_RATES[arch],
        precision=choose_precision(asked.device, asked.precision),
    )
    if asked.clean:
        settings = dataclasses.replace(settings, negatives=0.0, pictured=0.0)
    return arch, settings


def begin(
    output: Path,
    state: State,
    fabric: Fabric,
    data_dir: Path | None,
    *,
    training: Sequence[GlyphSet] = (),
    start: Checkpoint | None = None,
    teachers: Sequence[Checkpoint] = (),
    pretrained: Path | None = None,
) -> State:
    """Train a state that has no epoch behind it, in a folder that `check_free` has let pass.

    Raises:
        InputError: The folder cannot be made, or the data cannot be used.
    """
    training = training or load_split(state.settings, "train", state.labels, data_dir)
    try:
        output.mkdir(parents=True, exist_ok=True)
        ours = not any(output.iterdir())
    except OSError as error:
        raise InputError(
            f"cannot make the folder {output}: {error.strerror}; choose another --output"
        ) from None
    try:
        with _alone(output, fabric):
            return _train(
                output,
                state,
                training,
                fabric,
                data_dir,
                start=start,
                teachers=teachers,
                pretrained=pretrained,
            )
    finally:
        # A run that saved nothing leaves nothing; what others put there is not ours to remove.
        if ours and fabric.is_global_zero and not (output / checkpoint.STATE).exists():
            record.remove(output)


def resume(output: Path, *, device: str, data_dir: Path | None) -> State:
    """Go on with the run in `output` from its last finished epoch.

    Raises:
        InputError: There is no run, or its data is not what it was.
    """
    loaded = checkpoint.load(output)
    state = loaded.state
    settings = state.settings
    fabric = open_fabric(device, settings.precision)
    teachers = _runs_at(settings.teachers)
    training = load_split(settings, "train", state.labels, data_dir)
    for source in training:
        if state.data.get(source.name) != source.sha256:
            raise InputError(
                f"{source.name} is not the data this run was started with; "
                "restore it or start a new run"
            )
    if state.epoch >= settings.epochs:
        raise InputError(f"{output} has finished its {settings.epochs} epochs; nothing is left")
    with _alone(output, fabric):
        return _train(output, state, training, fabric, data_dir, start=loaded, teachers=teachers)


def several(output: Path, asked: Request, seeds: int) -> list[State]:
    """Train the same run with so many seeds in a row, each in its own folder of `output`.

    Those already finished there are left as they are and one begun is gone on with, so that the
    same command, typed again, does what is left.

    Raises:
        InputError: As `start` does, or a folder holds a run that was asked for otherwise.
    """
    states = []
    for seed in range(asked.seed, asked.seed + seeds):
        folder, mine = output / f"seed-{seed}", dataclasses.replace(asked, seed=seed)
        if not (folder / checkpoint.STATE).exists():
            states.append(start(folder, mine))
            continue
        state = checkpoint.load(folder).state
        labels = choose_labels(mine.classes, mine.data)
        wanted = (*_settled(mine, _run_at(mine.init)), labels)
        if (state.architecture.name, state.settings, state.labels) != wanted:
            raise InputError(f"{folder} holds another run than this; choose another --output")
        if state.epoch < asked.epochs:
            state = resume(folder, device=asked.device, data_dir=asked.data_dir)
        states.append(state)
    for name in states[0].accuracy if first_process() else ():
        figures = [100 * state.accuracy[name] for state in states]
        spread = statistics.stdev(figures) if len(figures) > 1 else 0.0
        print(  # noqa: T201
            f"{name}: mean {statistics.mean(figures):.2f} %, standard deviation {spread:.2f}, "
            f"of {len(figures)} seeds ({', '.join(f'{figure:.2f}' for figure in figures)})"
        )
    return states


def _run_at(place: str | None) -> Checkpoint | None:
    if place is None:
        return None
    return _runs_at((place,))[0]


def _runs_at(places: Sequence[str]) -> list[Checkpoint]:
    return [checkpoint.load(BUNDLED.get(place, Path(place))) for place in places]


@contextlib.contextmanager
def _alone(output: Path, fabric: Fabric) -> Iterator[None]:
    """Keep a second training out of the folder; the lock goes with the process, however it ends."""
    try:
        import fcntl
    except ImportError:  # Windows, where nothing of the kind is at hand
        yield
        return
    if not fabric.is_global_zero:
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
    fabric: Fabric,
    data_dir: Path | None,
    *,
    start: Checkpoint | None,
    teachers: Sequence[Checkpoint],
    pretrained: Path | None = None,
) -> State:
    settings = state.settings
    held_out = load_split(settings, "validation", state.labels, data_dir)
    check_every_label(state.labels, training, "learn")
    check_every_label(state.labels, held_out, "validate")
    validation = {source.name: samples([source], state.labels, state.ink) for source in held_out}
    say = progress.console.print if fabric.is_global_zero else _silent
    say(
        f"{sum(map(len, training)):,} training glyphs of {len(state.labels)} classes "
        f"({', '.join(source.name for source in training)}), "
        f"{sum(len(s.images) for s in validation.values()):,} to validate, on {fabric.device}"
    )
    run = Trainer(
        output,
        state,
        to_train_on(training, state, data_dir),
        validation,
        fabric,
        start=start,
        teachers=teachers,
        pretrained=pretrained,
        say=say,
    )
    if not fabric.is_global_zero:
        return run.run(_silent, _silent)
    state = progress.train(run, output)
    report.write(output, state, run.average.network, validation)
    for name, accuracy in state.accuracy.items():
        print(f"{name}: {100 * accuracy:.2f} % of the validation split right")  # noqa: T201
    return state


def _silent(_: object) -> None:
    pass
