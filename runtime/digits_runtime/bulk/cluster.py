"""Reads many pictures on a cluster, with Ray Data: one reader an actor.

Ray finds the cluster: the one that the environment's RAY_ADDRESS names or that runs on this
machine, or else a small one is started here for the time being. Every machine needs digits-edge
with the extra `ray`, and sees the pictures and the model under the same paths.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.bulk.readers import Outcome, read_one
from digits_runtime.reader import Reader

# Pictures an actor is handed at once.
_BATCH = 32

Batch = dict[str, NDArray[np.object_]]


def on_ray(
    make: Callable[[], Reader], paths: Sequence[Path], actors: int | None
) -> Iterator[Outcome]:
    """Read pictures on a Ray cluster.

    Args:
        make: Gives a reader; must pickle.
        paths: Pictures, under paths that hold on every machine.
        actors: How many read; by default one for each processor of the cluster.

    Yields:
        What each picture gave, in the order of `paths`.
    """
    # Ray reports use to its makers and its own doings to the terminal unless told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import ray
    import ray.data

    ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = True
        items = [{"path": str(path.absolute()), "source": str(path)} for path in paths]
        outcomes = ray.data.from_items(items).map_batches(
            _Actor,
            fn_constructor_args=(make,),
            batch_size=_BATCH,
            compute=ray.data.ActorPoolStrategy(size=actors or int(ray.cluster_resources()["CPU"])),
            num_cpus=1,
        )
        for row in outcomes.iter_rows():
            yield row["outcome"]
    finally:
        ray.shutdown()


class _Actor:
    """One reader, and the batches it is given."""

    def __init__(self, make: Callable[[], Reader]) -> None:
        cv2.setNumThreads(1)
        self._reader = make()

    def __call__(self, batch: Batch) -> dict[str, Any]:
        outcomes = np.empty(len(batch["path"]), object)
        for index, (path, source) in enumerate(zip(batch["path"], batch["source"], strict=True)):
            outcomes[index] = read_one(self._reader, Path(path), source)
        return {"outcome": outcomes}
