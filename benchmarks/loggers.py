"""What following a run costs: processor time of each logger, against that of training.

    python benchmarks/loggers.py                    # those that are installed
    python benchmarks/loggers.py --images 40k --recipe mlp

A run is trained once, without a log. Its files are then written again, record by record, into an
empty run that a logger follows, as beside training: it catches up after each record, or, where it
pauses, as often as it would beside training that has a core of its own. Alternating with it, they
are written into a run that nobody follows. The difference is the logger's cost, of this process
with all its threads and of the processes that the library starts. What the library needs to be
imported and begun is given apart: it comes once. Times of waiting for a network are not processor
time.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import psutil

import ganvas
from ganvas.loggers.follower import Follower, following
from ganvas.loggers.names import LOGGERS
from ganvas.recipes import load_recipe
from ganvas.runs import Run
from ganvas.schedules import parse_count

ROUNDS = 5


def core_seconds() -> float:
    """Processor time of this process and of those that it has started."""
    times = [psutil.Process().cpu_times()]
    times += [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(each.user + each.system for each in times)


def empty_copy(run: Run, folder: Path) -> Run:
    """The run as it was before its first record."""
    for name in ("recipe.json", "data.json", "environment.json", "status.json"):
        shutil.copy2(run.directory / name, folder / name)
    (folder / "samples").mkdir()
    return Run(folder)


def replay(run: Run, copy: Run, follower: Follower | None, rate: float) -> None:
    """Write the files of a run again, as training does, and let the follower catch up.

    Args:
        run: what was trained.
        copy: an empty run.
        follower: of the copy.
        rate: images that training sees in a second of a core.
    """
    caught_up = -math.inf
    for kind, seen, what in sorted(contents(run), key=lambda content: content[1]):
        if kind == "samples":
            shutil.copy2(run.sample_path(seen), copy.sample_path(seen))
        else:
            files = {"history": copy.history, "findings": copy.findings, "scores": copy.scores}
            files[kind].append(what)
        if follower is not None and seen / rate >= caught_up + follower.pause:
            follower.catch_up()
            caught_up = seen / rate
    if follower is not None:
        follower.catch_up()


def contents(run: Run) -> Iterator[tuple[str, int, dict[str, object]]]:
    """Everything that training wrote and a logger reads: kind, images seen, record."""
    for kind, history in (
        ("history", run.history),
        ("findings", run.findings),
        ("scores", run.scores),
    ):
        for record in history.records():
            yield kind, record["images_seen"], record
    for path in run.sample_paths():
        yield "samples", int(path.stem), {}


@contextmanager
def fresh_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def measure(run: Run, name: str | None, rate: float) -> tuple[float, float]:
    """Core seconds to begin and end a log, and to write and follow the files of a run."""
    with fresh_folder() as folder:
        copy = empty_copy(run, folder)
        began = core_seconds()
        with following(copy, name) if name else nullcontext() as follower:
            ready = core_seconds()
            replay(run, copy, follower, rate)
            written = core_seconds()
        return ready - began + core_seconds() - written, written - ready


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="dcgan")
    parser.add_argument("--images", default="20k")
    arguments = parser.parse_args()
    with fresh_folder() as folder:
        for variable in ("WANDB_MODE", "TRACKIO_DIR", "MLFLOW_TRACKING_URI"):
            os.environ.pop(variable, None)
        os.environ |= {
            "WANDB_MODE": "offline",
            "TRACKIO_DIR": str(folder / "trackio"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        }
        images = parse_count(arguments.images)
        recipe = dataclasses.replace(load_recipe(arguments.recipe), images=images)
        began = time.process_time()
        run = ganvas.train(recipe, "fashion", folder / "run", quiet=True)
        training = time.process_time() - began
        records, grids = len(run.history.records()), len(run.sample_paths())
        print(
            f"{arguments.recipe} on fashion, {arguments.images} images: {training:.1f} core "
            f"seconds, {records} records, {grids} grids"
        )
        names = [name for name, kind in LOGGERS.items() if kind.is_installed()]
        rate = images / training
        first = {name: measure(run, name, rate)[0] for name in names}
        rounds = [
            {name: measure(run, name, rate) for name in [None, *names]} for _ in range(ROUNDS)
        ]
        for name in names:
            costs = [each[name][1] - each[None][1] for each in rounds]
            cost = statistics.median(costs)
            begin = statistics.median(each[name][0] for each in rounds)
            print(
                f"{name}: {cost:.3f} s ({min(costs):.3f} to {max(costs):.3f}), "
                f"{cost / training:.2%} of training, {1_000 * cost / (records + grids):.1f} ms for "
                f"each record or grid; to begin and end {begin:.2f} s, the first time "
                f"{first[name]:.2f} s"
            )


if __name__ == "__main__":
    main()
