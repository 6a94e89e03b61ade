"""What several ranks must agree on: what they train, when they stop, and what the others do
while the first one writes, measures and talks (see `ganvas.processes`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import IntEnum
from functools import partial
from pathlib import Path

import torch
from torch.nn.modules.batchnorm import _BatchNorm

import ganvas
from ganvas.checksum import checksum
from ganvas.data.preparation import PreparedData
from ganvas.errors import (
    DataError,
    Diverged,
    Interrupted,
    RankLost,
    RecipeError,
    RunError,
    Unhealthy,
)
from ganvas.objectives.objective import Objective
from ganvas.precision import Precision
from ganvas.processes import ProcessGroup
from ganvas.progress import progress_bar
from ganvas.recipes import Recipe
from ganvas.recipes.recipe import nearest_multiples
from ganvas.runs import Run
from ganvas.torchrun import launch
from ganvas.training.scoring import score_average
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from ganvas.training.stop import StopRequest


class Word(IntEnum):
    """What a rank has to say after a step; the highest counts, for all of them."""

    GO_ON = 0
    STOP = 1
    """A signal asked this rank to stop."""
    MEASURE = 2
    """The first rank scores the generator: each does its share, and has another word."""
    UNHEALTHY = 3
    """The first rank found that training fails, and the recipe says not to go on."""


def follow(run: Run, recipe: Recipe, state: TrainState, data: PreparedData) -> None:
    """What every rank but the first does: the same steps as `trainer.fit`, and listen after each.

    Raises:
        Interrupted, Diverged, Unhealthy: when the first rank does, at the same step.
        GanvasError: the generator cannot be scored, on this rank or another.
        RankLost: another process is gone.
    """
    objective = Objective.build(recipe.objective)
    with StopRequest() as stop:
        while state.images_seen < recipe.images:
            train_step(state, recipe, objective)
            while (word := hear(state, stop)) == Word.MEASURE:
                score_average(run, recipe, state, data, partial(progress_bar, quiet=True))
            if word == Word.UNHEALTHY:
                raise Unhealthy("training fails; the first process says how")
            if word == Word.STOP:
                state.means.settle()  # as the first one does before it saves
            if word == Word.STOP and state.images_seen < recipe.images:
                state.processes.barrier()  # the first one has saved
                raise interrupted(run, state)


def hear(state: TrainState, stop: StopRequest) -> int:
    """What the ranks have to say, to which this one adds only that it was asked to stop."""
    return state.processes.all_reduce_max(Word.STOP if stop else Word.GO_ON)


def interrupted(run: Run, state: TrainState) -> Interrupted:
    """What a run that was stopped says."""
    return Interrupted(
        f"saved at {state.images_seen:,} images, which gave {run.sample_path(state.images_seen)}; "
        f"go on with: ganvas resume {run.directory}"
    )


def lost(run: Run, error: RankLost) -> RankLost:
    """What a run says that has lost one of its processes."""
    return RankLost(
        f"{error}, and the run ends at its last checkpoint. Go on, with as many processes as you "
        f"like: ganvas resume {run.directory}"
    )


def writing(run: Run, processes: ProcessGroup) -> AbstractContextManager[None]:
    """The run's lock, held by the first rank for all."""
    return run.lock() if processes.is_main else nullcontext()


@contextmanager
def leaving(processes: ProcessGroup) -> Iterator[None]:
    """Part from the others at the end, and where all of them stop alike."""
    try:
        yield
    except (Interrupted, Diverged, Unhealthy):
        processes.shut_down()
        raise
    processes.shut_down()


# -- What cannot be trained together ---------------------------------------------------------------


def refuse_unshareable(recipe: Recipe, processes: ProcessGroup, device: torch.device) -> None:
    """Raise a `RecipeError` unless every batch can be shared equally, and no pack be torn.

    Batches can be normalised together where torch can do that.
    """
    unit = processes.size * recipe.objective.pac
    problems = []
    for name in ("batch", "generator_batch"):
        count = getattr(recipe, name)
        if count is None or count % unit == 0:
            continue
        packs = (
            f" in packs of {recipe.objective.pac} (objective.pac)" if unit > processes.size else ""
        )
        problems.append(
            f"{name}: {count} images cannot be shared equally by {processes.size} "
            f"processes{packs}. "
            f"Nearest: {nearest_multiples(count, unit)} images, or "
            f"{nearest_divisors(count // recipe.objective.pac, processes.size)} processes"
        )
    if recipe.sync_batch_norm and device.type != "cuda":
        problems.append(
            f"sync_batch_norm: works on CUDA only, and this is {device.type}. Set it off: each "
            "process then normalises its own part of a batch"
        )
    if problems:
        raise RecipeError(problems)


def nearest_divisors(count: int, than: int) -> str:
    """`2 or 4`: the divisors of `count` next below and above."""
    divisors = [number for number in range(1, count + 1) if count % number == 0]
    below = [number for number in divisors if number < than][-1:]
    above = [number for number in divisors if number > than][:1]
    return " or ".join(map(str, below + above))


def refuse_single_images(recipe: Recipe, state: TrainState) -> None:
    """Raise a `RecipeError` where a rank would normalise a batch of one."""
    processes, pac = state.processes, recipe.objective.pac
    problems = []
    for player, network in (("generator", state.generator), ("discriminator", state.discriminator)):
        normalised = any(
            isinstance(module, _BatchNorm) and not isinstance(module, torch.nn.SyncBatchNorm)
            for module in network.modules()
        )
        fewest = 2 * processes.size * (pac if player == "discriminator" else 1)
        counts = [count for count in (recipe.batch, recipe.generator_batch) if count is not None]
        if normalised and processes.size > 1 and min(counts) < fewest:
            problems.append(
                f"batch: the {player}'s batch normalisation needs at least two samples in each of "
                f"{processes.size} processes, so at least {fewest}, got {min(counts)}"
            )
    if problems:
        raise RecipeError(problems)


def agree_on_precision(state: TrainState) -> None:
    """Let all ranks calculate in float32 unless all of them have bfloat16."""
    found = state.processes.all_gather_object(dataclasses.astuple(state.precision))
    if {name for name, _ in found} == {"fp32", "bf16"}:
        rank, why = next((rank, why) for rank, (name, why) in enumerate(found) if name == "fp32")
        state.precision = Precision("fp32", f"process {rank}: {why}")


def refuse_differences(
    processes: ProcessGroup, recipe: Recipe, data: PreparedData, device: torch.device, seed: int
) -> None:
    """Raise the same error on all ranks unless all of them are about to train the same.

    Raises:
        DataError: some see other images than the first one. RunError: they differ in another way.
    """
    mine = {
        "images": data.fingerprint,
        "recipe": recipe.to_json(),
        "seed": str(seed),
        "device": device.type,
        "version of ganvas": ganvas.__version__,
        "version of torch": torch.__version__,
    }
    shown = processes.all_gather_object({**mine, "place": data.location})
    lines = []
    for what in mine:
        others = [rank for rank, one in enumerate(shown) if one[what] != shown[0][what]]
        if others and what == "images":
            places = "; ".join(f"process {rank} has {shown[rank]['place']}" for rank in others)
            lines.append(
                f"images: {places}, and that is not what process 0 has at {shown[0]['place']}"
            )
        elif others:
            differing = ", ".join(str(rank) for rank in others)
            lines.append(f"{what}: other in process {differing} than in process 0")
    if lines:
        kind = DataError if lines[0].startswith("images") else RunError
        text = "the processes of this run do not see the same. Give all of them the same:"
        raise kind("\n  ".join([text, *lines]))


def refuse_other_state(run: Run, state: TrainState) -> None:
    """Raise a `RunError` unless all ranks have read the same checkpoint.

    The run directory has to lie where all machines see it.
    """
    if state.processes.size == 1:
        return
    found = state.processes.all_gather_object(checksum(state.tensors(), state.values()))
    others = [str(rank) for rank, one in enumerate(found) if one != found[0]]
    if others:
        raise RunError(
            f"process {', '.join(others)} sees another checkpoint in {run.directory} than process "
            "0. Put the run directory where all machines see the same"
        )


# -- Restarts --------------------------------------------------------------------------------------


def run_of_this_launch(out: Path | str | None) -> str | None:
    """The run that these processes trained before torchrun started them again; None without one.

    Args:
        out: where it is, if it was said.
    """
    name = launch()
    if name is None:
        return None
    places = Path("runs").glob("*/recipe.json") if out is None else [Path(out) / "recipe.json"]
    for place in places:
        if place.exists() and Run.open(place.parent).read_environment().get("launch") == name:
            return str(place.parent)
    return None


def is_over(run: Run, images: int | None) -> bool:
    """Whether a run that torchrun started again has nothing left to do.

    Raises:
        Interrupted, Diverged, Unhealthy: it ended in this way, and starting again changes nothing.
    """
    status = run.read_status()
    reason = f"{run.directory}: {status.reason}"
    match status.status:
        case "finished":
            return images is None or images <= status.images_seen
        case "interrupted":
            raise Interrupted(f"stopped on request; go on with: ganvas resume {run.directory}")
        case "diverged":
            raise Diverged(reason)
        case "unhealthy":
            raise Unhealthy(reason)
    return False
