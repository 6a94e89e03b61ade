"""The state of two processes and of one: the cases, and the program of each process."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import sys
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from torch import Tensor, distributed

from ganvas import tensor_file
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.errors import Diverged
from ganvas.growth import Growth
from ganvas.networks.running_statistics import running_statistics
from ganvas.objectives.losses import LOSSES, Loss
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import (
    ObjectiveSettings,
    Penalties,
    PenaltySettings,
    Regularisers,
    RegulariserSettings,
)
from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.recipes import PlayerSettings, Recipe, checked
from ganvas.schedules import Adaptive, Ramp
from ganvas.training.growing import grow_if_due
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.commands import Command, finish
from tests.builders.tiny import small, tiny_data, tiny_recipe

STEPS = 8
"""More than one epoch, and steps enough with and without what is due at every second one."""
STEPS_OF_ADAPTIVE = 32
"""So many that an adaptive probability is corrected twice."""
BATCH = 64
SIDE = 12
SIZE = (SIDE, SIDE)
SINGLE = "single"
"""The folder of what was trained in single precision."""

LAZY = Penalties(**{name: PenaltySettings(weight=0.5, every=2) for name in PENALTIES})
ADAM = PlayerSettings(learning_rate=1e-3)
RMSPROP = PlayerSettings(optimizer="rmsprop", learning_rate=1e-3, beta1=0.0, beta2=0.99)
CONVOLUTIONS = small("dcgan", generator={"norm": "layer"}, discriminator={"norm": "layer"})


def one_penalty(name: str) -> ObjectiveSettings:
    return ObjectiveSettings(penalties=Penalties(**{name: PenaltySettings(weight=1.0)}))


CASES: dict[str, dict[str, Any]] = {
    **{f"loss {name}": {"objective": ObjectiveSettings(loss=name)} for name in LOSSES},
    **{f"penalty {name}": {"objective": one_penalty(name)} for name in PENALTIES},
    "relativistic in packs, every penalty at every second step": {
        "objective": ObjectiveSettings(loss="relativistic", pac=2, penalties=LAZY),
    },
    "clipped, rmsprop, three steps": {
        "objective": ObjectiveSettings(loss="wasserstein", clip_weights=0.05),
        "generator": RMSPROP,
        "discriminator": RMSPROP,
        "discriminator_steps": 3,
    },
    "spectral norm, fakes of the generator's own, smoothed": {
        "objective": ObjectiveSettings(loss="hinge", spectral_norm=True, real_label=0.9),
        "generator_batch": 36,
    },
    "convolutions, penalty, flipped, dequantized": {
        "networks": CONVOLUTIONS,
        "objective": one_penalty("gradient_penalty"),
        "data": DataSettings(size=SIZE, flip=True, dequantize=True),
    },
    "augmented in packs, relativistic, every penalty": {
        "objective": ObjectiveSettings(loss="relativistic", pac=2, penalties=LAZY),
        "augmentation": Ramp(shape="linear", start=0.0, end=0.8, images=5 * BATCH),
    },
    "averages of logits": {
        "objective": ObjectiveSettings(penalties=Penalties(lecam=PenaltySettings(weight=1.0))),
    },
    "adaptive augmentation in packs": {
        "objective": ObjectiveSettings(pac=2),
        "augmentation": Adaptive(target=0.51, images=5_000),
        "augmentation_policy": "diffaugment",
    },
    "growing, coarse stages frozen": {
        "networks": CONVOLUTIONS,
        "data": DataSettings(size=(2 * SIDE, 2 * SIDE)),
        "grow": Growth(heights=(SIDE, 2 * SIDE), ends=(5 * BATCH,)),
        "grow_freeze": True,
    },
    "styles mixed, path lengths, groups of images": {
        "networks": small("style", discriminator={"deviation_group": 4}),
        "batch": 16,
        "objective": one_penalty("r1"),
        "regularisers": Regularisers(path_length=RegulariserSettings(weight=1.0, every=2)),
        "style_mixing": 0.5,
    },
}  # fmt: skip
"""Every loss and penalty, and everything else that chance or the place in a batch decides."""

IN_SINGLE = [name for name in CASES if name.startswith(("loss", "penalty"))]
"""Cases that are compared in single precision too."""

OF_GENERATOR = {"regularisers", "style_mixing"}
"""Fields of a case that are the generator's."""

NORMALISED = {"networks": small("dcgan", discriminator={"norm": "batch"})}


def recipe_of(changes: dict[str, Any]) -> Recipe:
    plain = {
        "networks": small("mlp", generator={"width": 8}, discriminator={"width": 8}),
        "data": DataSettings(size=SIZE, flip=True),
        "batch": BATCH,
        "images": 100_000,
        "generator": ADAM,
        "discriminator": ADAM,
        "ema_half_life": 500,
    }
    of_generator = {key: changes[key] for key in OF_GENERATOR & changes.keys()}
    others = {key: value for key, value in changes.items() if key not in OF_GENERATOR}
    recipe = tiny_recipe(**{**plain, **others})
    player = dataclasses.replace(recipe.generator, **of_generator)
    return checked(dataclasses.replace(recipe, generator=player))


def data_of(recipe: Recipe) -> PreparedData:
    """Noise in torch's default precision, or as pixels where these are dequantized."""
    data = tiny_data(150, held_out=30 if isinstance(recipe.augmentation, Adaptive) else 0)
    height, width = recipe.data.size
    pixels = np.tile(data.images, (1, 1, 2, 2))[:, :, :height, :width]
    kind = np.float64 if torch.get_default_dtype() == torch.float64 else np.float32
    images = pixels if recipe.data.dequantize else pixels.astype(kind) / kind(127.5) - kind(1)
    return dataclasses.replace(data, images=images)


def start(recipe: Recipe, processes: ProcessGroup) -> TrainState:
    state = TrainState.start(recipe, data_of(recipe), 0, torch.device("cpu"), processes)
    state.augmentation.chance = 0.0  # an adaptive probability moves, however few are held out
    return state


def trained(recipe: Recipe, processes: ProcessGroup, steps: int | None = None) -> TrainState:
    if steps is None:
        steps = STEPS_OF_ADAPTIVE if isinstance(recipe.augmentation, Adaptive) else STEPS
    state = start(recipe, processes)
    for _ in range(steps):
        grow_if_due(recipe, state)
        train_step(state, recipe)
    return state


def numbers_of(state: TrainState) -> dict[str, Tensor]:
    """All that a checkpoint holds, and the sums for the history."""
    sums = {f"sum/{name}": torch.tensor(total) for name, total in state.metrics.sums.items()}
    return {**state.tensors(), **sums}


# -- The program of one process --------------------------------------------------------------------


def main(folder: Path) -> None:
    """Train every case with the other process, some in both precisions; leave the results."""
    torch.set_num_threads(1)
    processes = ProcessGroup.join()
    train_cases(IN_SINGLE, folder / SINGLE, processes)
    torch.set_default_dtype(torch.float64)
    train_cases(CASES, folder, processes)
    half_way = trained(recipe_of(CASES["penalty gradient_penalty"]), processes, STEPS // 2)
    path = path_of(folder, processes.rank, "half way")
    tensor_file.write(path, half_way.tensors(), half_way.values())
    results = {
        "errors when process 1 breaks": [
            divergence(processes, player) for player in ("D", "G", "gradient")
        ],
        "statistics": [statistics(processes, steps) for steps in (1, 3)],
        "resumes bit for bit": resumes_bit_for_bit(processes),
        "largest": processes.all_reduce_max(processes.rank + 5),
        "gathered": processes.all_gather_object(
            {"rank": processes.rank, "text": "ä" * processes.rank}
        ),
        "broadcast": processes.broadcast_object(lambda: f"from process {processes.rank}"),
    }
    processes.barrier()
    group = weakref.ref(distributed.group.WORLD)
    processes.shut_down()
    results["group is gone"] = group() is None
    (folder / f"{processes.rank}.json").write_text(json.dumps(results))


def train_cases(names: Iterable[str], folder: Path, processes: ProcessGroup) -> None:
    """Write the state that each case ends in, in torch's default precision."""
    folder.mkdir(exist_ok=True)
    for name in names:
        state = trained(recipe_of(CASES[name]), processes)
        tensor_file.write(path_of(folder, processes.rank, name), numbers_of(state), state.values())


def divergence(processes: ProcessGroup, player: str) -> str:
    """This process's error when a loss of process 1 alone is not finite, or its gradient."""

    def spoil(logits: Tensor) -> Tensor:
        if processes.is_main:
            return logits
        return (logits - logits.detach()).sqrt() if player == "gradient" else logits * float("nan")

    def discriminator(real: Tensor, fake: Tensor, target: float) -> Tensor:
        return fake - real if player == "G" else spoil(fake - real)

    def generator(fake: Tensor, real: Tensor) -> Tensor:
        return spoil(-fake) if player == "G" else -fake

    recipe = recipe_of(CASES["penalty r1"])
    state = start(recipe, processes)
    state.objective = dataclasses.replace(state.objective, loss=Loss(discriminator, generator))
    try:
        train_step(state, recipe)
    except Diverged as error:
        return str(error)
    return "no error"


def statistics(processes: ProcessGroup, steps: int) -> list[float]:
    """Running statistics of batch normalisation; the generator's first means come first."""
    state = trained(recipe_of(NORMALISED), processes, steps)
    networks = (state.generator, state.discriminator, state.ema)
    values: list[float] = torch.cat(running_statistics(*networks)).tolist()
    return values


def resumes_bit_for_bit(processes: ProcessGroup) -> bool:
    """Whether a run that is stopped and resumed ends as one without a stop."""
    recipe = recipe_of(NORMALISED)
    straight = trained(recipe, processes, 4)
    stopped = trained(recipe, processes, 2)
    processes.broadcast(list(stopped.tensors().values()))
    resumed = start(recipe, processes)
    resumed.restore(stopped.tensors(), stopped.values())
    for _ in range(2):
        train_step(resumed, recipe)
    ours, theirs = numbers_of(resumed), numbers_of(straight)
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


def path_of(folder: Path, rank: int, name: str) -> Path:
    return folder / f"{name}-{rank}.safetensors"


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first of pytest's workers to need it makes for all of them."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / name
    with FileLock(shared / f"{name}.lock"):
        if not (folder / "made").exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            (folder / "made").touch()
    return folder


def in_two_processes(program: str, folder: Path) -> None:
    """Run a module as two processes that find each other without torchrun.

    Args:
        program: its name; it is called with the folder, where it writes its results.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    module = f"runpy.run_module({program!r}, run_name='__main__')"
    text = f"import runpy, sys\nsys.argv[1:] = [{str(folder)!r}]\n{module}"
    pair = []
    for rank in range(2):
        identity = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
        pair.append(Command(text, {**os.environ, **identity, **address}))
    try:
        results = [finish(process) for process in pair]
    finally:
        for process in pair:
            process.kill()
    assert [result.code for result in results] == [0, 0], results


def train_in_two_processes(folder: Path) -> None:
    """Run `main` as two processes."""
    in_two_processes(__name__, folder)


def train_alone(name: str) -> TrainState:
    return trained(recipe_of(CASES[name]), SINGLE_PROCESS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
