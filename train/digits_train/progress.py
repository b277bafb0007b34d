"""Shows a run while it goes on: a bar on a terminal, a line an epoch, logs in its folder."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from digits_train import record, trainer
from digits_train.checkpoint import State
from digits_train.trainer import Trainer

console = Console(stderr=True)

_COLUMNS = (
    TextColumn("epoch {task.fields[epoch]}"),
    BarColumn(bar_width=24),
    TaskProgressColumn(),
    TextColumn("loss {task.fields[loss]} acc {task.fields[accuracy]} lr {task.fields[rate]}"),
    TimeElapsedColumn(),
    TextColumn("left"),
    TimeRemainingColumn(elapsed_when_finished=False),
)


def train(run: Trainer, output: Path) -> State:
    """Train to the end and log every epoch; Ctrl-C, or SIGTERM, says how to go on and is raised."""
    settings = run.settings
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    record.started(output, run.device)
    curves = record.Curves(output, run.state.epoch)
    blank: dict[str, Any] = dict.fromkeys(("epoch", "loss", "accuracy", "rate"), "-")
    total = run.steps * settings.epochs
    with Progress(*_COLUMNS, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total, completed=run.steps * run.state.epoch, **blank)

        def show(now: trainer.Progress) -> None:
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
            record.log(output, state.history)
            curves.add(entry)
            figures = ", ".join(f"{name} {100 * v:.2f} %" for name, v in state.accuracy.items())
            console.print(
                f"epoch {state.epoch}/{settings.epochs} loss {entry['loss']:.4f}, "
                f"augmented training {100 * entry['accuracy']:.2f} %, {figures}"
            )

        try:
            return run.run(show, saved)
        except KeyboardInterrupt:
            if run.state.epoch:
                console.print(f"stopped; go on with: digits-train --resume {output}")
            else:
                console.print("stopped before the first epoch was done; nothing was saved")
            raise
        finally:
            signal.signal(signal.SIGTERM, former)
            curves.close()
