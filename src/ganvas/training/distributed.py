"""What several processes must agree on before they train together, and how they part.

Without torchrun there is one process, and every check passes (see `ganvas.processes`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
from ganvas.precision import Precision
from ganvas.processes import ProcessGroup
from ganvas.recipes import Recipe, recipe_json
from ganvas.recipes.rules import nearest_multiples
from ganvas.runs import Run
from ganvas.torchrun import launch
from ganvas.training.state import TrainState


def interrupted(run: Run, state: TrainState) -> Interrupted:
    """The error of a run that was stopped on request."""
    return Interrupted(
        f"saved at {state.images_seen:,} images, which gave {run.sample_path(state.images_seen)}; "
        f"go on with: ganvas resume {run.directory}"
    )


def rank_lost_error(run: Run, error: RankLost) -> RankLost:
    """The error of a run that has lost one of its processes."""
    return RankLost(
        f"{error}, and the run ends at its last checkpoint. Go on, with as many processes as you "
        f"like: ganvas resume {run.directory}"
    )


def run_lock(run: Run, processes: ProcessGroup) -> AbstractContextManager[None]:
    """The run's lock, held by the first process for all."""
    return run.lock() if processes.is_main else nullcontext()


@contextmanager
def shut_down_process_group(processes: ProcessGroup) -> Iterator[None]:
    """Shut down the process group at the end, and where all processes stop alike."""
    try:
        yield
    except (Interrupted, Diverged, Unhealthy):
        processes.shut_down()
        raise
    processes.shut_down()


# -- What must hold before training starts ---------------------------------------------------------


def check_batch_is_divisible(recipe: Recipe, processes: ProcessGroup, device: torch.device) -> None:
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


def check_batch_norm_samples(recipe: Recipe, state: TrainState) -> None:
    """Raise a `RecipeError` where a process would normalise a batch of one."""
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
    """Train in float32 on all processes unless all of them have bfloat16."""
    found = state.processes.all_gather_object(dataclasses.astuple(state.precision))
    if {name for name, _ in found} == {"fp32", "bf16"}:
        rank, why = next((rank, why) for rank, (name, why) in enumerate(found) if name == "fp32")
        state.precision = Precision("fp32", f"process {rank}: {why}")


def check_same_inputs(
    processes: ProcessGroup, recipe: Recipe, data: PreparedData, device: torch.device, seed: int
) -> None:
    """Raise the same error on all processes unless all of them are about to train the same.

    Raises:
        DataError: some see other images than the first one. RunError: they differ in another way.
    """
    mine = {
        "images": data.fingerprint,
        "recipe": recipe_json(recipe),
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


def check_same_state(run: Run, state: TrainState) -> None:
    """Raise a `RunError` unless all processes have read the same checkpoint.

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


def find_run_of_launch(out: Path | str | None) -> str | None:
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
