"""Training in several processes: checks before the start, the shutdown, and restarts by torchrun.

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
from ganvas.command_line import ganvas_command
from ganvas.data.prepared import PreparedData
from ganvas.errors import (
    DataError,
    Diverged,
    Interrupted,
    RecipeError,
    RunError,
    Unhealthy,
)
from ganvas.precision import Precision
from ganvas.processes import ProcessGroup
from ganvas.recipes import Recipe, recipe_json
from ganvas.recipes.rules import nearest_multiples
from ganvas.runs import Run
from ganvas.runs.file_names import RECIPE_JSON, RUNS
from ganvas.storage import given_path
from ganvas.torchrun import launch
from ganvas.training.state import TrainState


def run_lock(run: Run, processes: ProcessGroup) -> AbstractContextManager[None]:
    """The run's lock, which rank 0 holds for all processes."""
    return run.lock() if processes.is_main else nullcontext()


@contextmanager
def shut_down_process_group(processes: ProcessGroup) -> Iterator[None]:
    """Shut down the process group at the end, and after errors that all processes raise alike."""
    try:
        yield
    except (Interrupted, Diverged, Unhealthy):
        processes.shut_down()
        raise
    processes.shut_down()


# -- What must hold before training starts ---------------------------------------------------------


def check_batch_is_divisible(recipe: Recipe, processes: ProcessGroup, device: torch.device) -> None:
    """Raise a `RecipeError` unless the processes can share every batch equally, in whole packs and
    groups.

    Also raise it if the recipe wants synchronised batch normalisation on a device without it.
    """
    unit = processes.size * recipe.batch_unit
    problems = []
    for name in ("batch", "generator_batch"):
        count = getattr(recipe, name)
        if count is None or count % unit == 0:
            continue
        packs = f" in {about_unit(recipe)}" if recipe.batch_unit > 1 else ""
        problems.append(
            f"{name}: {count} images cannot be shared equally by {processes.size} "
            f"processes{packs}. "
            f"Nearest: {nearest_multiples(count, unit)} images, or "
            f"{nearest_divisors(count // recipe.batch_unit, processes.size)} processes"
        )
    if recipe.sync_batch_norm and device.type != "cuda":
        problems.append(
            f"sync_batch_norm: works on CUDA only, and this is {device.type}. Set it off: each "
            "process then normalises its own part of a batch"
        )
    if problems:
        raise RecipeError(problems)


def about_unit(recipe: Recipe) -> str:
    """What must stay whole: packs, or groups of images, or of packs."""
    pac, group = recipe.objective.pac, recipe.discriminator.network.group_size
    packs = f"packs of {pac} (objective.pac)"
    groups = f"groups of {group} (discriminator.network.deviation_group)"
    if group == 1:
        return packs
    return f"{groups} {packs}" if pac > 1 else groups


def nearest_divisors(count: int, near: int) -> str:
    """`2 or 4`: the divisors of `count` next below and above `near`."""
    divisors = [number for number in range(1, count + 1) if count % number == 0]
    below = [number for number in divisors if number < near][-1:]
    above = [number for number in divisors if number > near][:1]
    return " or ".join(map(str, below + above))


def check_batch_norm_samples(recipe: Recipe, state: TrainState) -> None:
    """Raise a `RecipeError` if batch normalisation would see a single sample in a process."""
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
    choices = state.processes.all_gather_object(dataclasses.astuple(state.precision))
    if {name for name, _ in choices} == {"fp32", "bf16"}:
        rank, why = next((rank, why) for rank, (name, why) in enumerate(choices) if name == "fp32")
        state.precision = Precision("fp32", f"process {rank}: {why}")


def check_same_inputs(
    processes: ProcessGroup, recipe: Recipe, data: PreparedData, device: torch.device, seed: int
) -> None:
    """Raise the same error on all processes unless all of them have the same inputs.

    Raises:
        DataError: some processes have other images than process 0.
        RunError: they differ in another way.
    """
    own_inputs = {
        "images": data.fingerprint,
        "recipe": recipe_json(recipe),
        "seed": str(seed),
        "device": device.type,
        "version of ganvas": ganvas.__version__,
        "version of torch": torch.__version__,
    }
    inputs = processes.all_gather_object({**own_inputs, "location": data.location})
    lines = []
    for name in own_inputs:
        differing = [rank for rank, theirs in enumerate(inputs) if theirs[name] != inputs[0][name]]
        if differing and name == "images":
            locations = "; ".join(
                f"process {rank} has {inputs[rank]['location']}" for rank in differing
            )
            lines.append(
                f"images: {locations}, which differs from what process 0 has at "
                f"{inputs[0]['location']}"
            )
        elif differing:
            ranks = ", ".join(str(rank) for rank in differing)
            lines.append(f"{name}: differs between process {ranks} and process 0")
    if lines:
        error = DataError if lines[0].startswith("images") else RunError
        text = "the processes of this run do not see the same inputs. Give all of them the same:"
        raise error("\n  ".join([text, *lines]))


def check_same_state(run: Run, state: TrainState) -> None:
    """Raise a `RunError` unless all processes have read the same checkpoint.

    The run directory must be on storage that all machines share.
    """
    if state.processes.size == 1:
        return
    checksums = state.processes.all_gather_object(checksum(state.tensors(), state.values()))
    differing = [str(rank) for rank, theirs in enumerate(checksums) if theirs != checksums[0]]
    if differing:
        raise RunError(
            f"process {', '.join(differing)} has read another checkpoint in {run.directory} than "
            "process 0. Put the run directory on storage that all machines share"
        )


# -- Restarts --------------------------------------------------------------------------------------


def find_run_of_launch(out: Path | str | None) -> str | None:
    """The run that these processes trained before torchrun restarted them; None without one.

    Args:
        out: the run's directory, if the command names one.
    """
    name = launch()
    if name is None:
        return None
    recipes = RUNS.glob(f"*/{RECIPE_JSON}") if out is None else [given_path(out) / RECIPE_JSON]
    for recipe in recipes:
        if recipe.parent.suffix == ".tmp":
            continue  # a draft that another process fills
        if recipe.exists() and Run.open(recipe.parent).read_environment().get("launch") == name:
            return str(recipe.parent)
    return None


def is_over(run: Run, images: int | None) -> bool:
    """Whether a run that torchrun restarted has nothing left to do.

    Raises:
        Interrupted, Diverged, Unhealthy: the run ended in this way, and a restart cannot help.
    """
    status = run.read_status()
    reason = f"{run.directory}: {status.reason}"
    match status.status:
        case "finished":
            return images is None or images <= status.images_seen
        case "interrupted":
            command = ganvas_command("resume", run.directory)
            raise Interrupted(f"stopped on request; go on with: {command}")
        case "diverged":
            raise Diverged(reason)
        case "unhealthy":
            raise Unhealthy(reason)
    return False
