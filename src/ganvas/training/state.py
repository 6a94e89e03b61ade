"""Everything that training changes: one object, one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ganvas.data.pixels import pixel_store
from ganvas.data.preparation import PreparedData
from ganvas.data.stream import ImageStream
from ganvas.devices import make_current
from ganvas.networks import ImageShape
from ganvas.objectives.objective import Objective
from ganvas.precision import FP32, Precision, choose_precision
from ganvas.processes import SINGLE_PROCESS, ProcessGroup, running_statistics, to_sync_batch_norm
from ganvas.randomness import derive_seed, seeded_weights, training_generators
from ganvas.recipes import Recipe
from ganvas.runs.checkpoint import select_prefix
from ganvas.training.average import Pairs, averaged_copy
from ganvas.training.engine import Compile, Eager, Engine, choose_engine
from ganvas.training.means import RunningMeans
from ganvas.training.optimizers import Player, make_optimizer, restore_optimizer


@dataclass
class TrainState:
    """Both players and their optimizers, the average, the stream, every random generator.

    What a checkpoint holds, and who trains. All ranks hold the same: any number of them can go on
    with what any other number has saved. Two states with equal content continue bit for bit alike
    on the same machine and versions, with as many processes.
    """

    generator: nn.Module
    discriminator: nn.Module
    average: nn.Module
    pairs: Pairs
    """What the average follows, tensor by tensor."""
    statistics: list[Tensor]
    """What both players' batch normalisation gathers."""
    generator_optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer
    stream: ImageStream
    random: dict[str, torch.Generator]
    device: torch.device
    processes: ProcessGroup = SINGLE_PROCESS
    precision: Precision = FP32
    engine: Engine = field(default_factory=Eager)
    means: RunningMeans = field(default_factory=RunningMeans)
    followed: tuple[Tensor, ...] = ()
    """What the generator made of the same latents at the last two probes, oldest first."""
    images_seen: int = 0
    discriminator_steps: int = 0

    @classmethod
    def start(
        cls,
        recipe: Recipe,
        objective: Objective,
        data: PreparedData,
        seed: int,
        device: torch.device,
        processes: ProcessGroup = SINGLE_PROCESS,
        compiled: Compile = "auto",
    ) -> TrainState:
        """The state before the first image, a function of recipe, data and seed alone.

        Weights are drawn on the CPU, so that every device starts from the same; processors of
        several kinds may round them differently, so all ranks take those of the first.

        Raises:
            DeviceError: the recipe wants bf16, which the device lacks.
        """
        make_current(device)
        shape: ImageShape = data.shape
        with seeded_weights(seed):
            networks = recipe.architecture.build_packed(shape, recipe.latent_dim, objective.pac)
            objective.prepare(networks.discriminator)
        generator, discriminator = (place(network, device) for network in networks)
        if recipe.sync_batch_norm and processes.size > 1:
            generator, discriminator = map(to_sync_batch_norm, (generator, discriminator))
        for network in (generator, discriminator):
            processes.broadcast(list(network.state_dict().values()))
        average = averaged_copy(generator)
        return cls(
            generator=generator,
            discriminator=discriminator,
            average=average,
            pairs=Pairs.of(average, generator),
            statistics=running_statistics(generator, discriminator),
            generator_optimizer=make_optimizer(generator, recipe.generator),
            discriminator_optimizer=make_optimizer(discriminator, recipe.discriminator),
            stream=ImageStream(data, seed, pixels=pixel_store(device, data.images)),
            random=training_generators(seed, device),
            device=device,
            processes=processes,
            precision=choose_precision(recipe.precision, device, generator, discriminator),
            engine=choose_engine(compiled, recipe, device, processes),
        )

    def let_go(self) -> None:
        """Give back the memory of networks, optimizers, graphs and images on a GPU.

        The state is then of no more use.
        """
        for network in self.modules().values():
            network.zero_grad(set_to_none=True)
            network.to("meta")
        for optimizer in self.optimizers().values():
            optimizer.state.clear()
            optimizer.param_groups.clear()
        self.stream.release_memory()
        self.followed = ()
        self.pairs, self.statistics = Pairs([], [], []), []
        self.engine = Eager("given up")

    def crossed(self, every: int, before: int) -> bool:
        """Whether a multiple of `every` images came since `before` were seen; never of 0."""
        return every > 0 and self.images_seen // every > before // every

    def player(self, name: Literal["generator", "discriminator"], recipe: Recipe) -> Player:
        """One player, with what its recipe says."""
        if name == "generator":
            return Player(name, self.generator, self.generator_optimizer, recipe.generator)
        optimizer = self.discriminator_optimizer
        return Player(name, self.discriminator, optimizer, recipe.discriminator)

    def modules(self) -> dict[str, nn.Module]:
        """The three networks by the names that a checkpoint gives them."""
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average,
        }

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The two optimizers by the names that a checkpoint gives them."""
        return {
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def tensors(self) -> dict[str, Tensor]:
        """Everything that is a tensor, by a name with slashes."""
        found = {}
        for name, module in self.modules().items():
            for key, tensor in module.state_dict().items():
                found[f"{name}/{key}"] = tensor
        for name, optimizer in self.optimizers().items():
            for index, entries in optimizer.state_dict()["state"].items():
                for key, tensor in entries.items():
                    found[f"{name}/{index}/{key}"] = tensor
        for name, generator in self.random.items():
            found[f"random/{name}"] = generator.get_state()
        for index, made in enumerate(self.followed):
            found[f"followed/{index}"] = made
        return found

    def values(self) -> dict[str, Any]:
        """Everything that is a plain number."""
        return {
            "images_seen": self.images_seen,
            "discriminator_steps": self.discriminator_steps,
            "drawn": self.stream.samples_drawn,
            "sums": self.means.sums,
            "counts": self.means.counts,
        }

    def restore(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> bool:
        """Become the state that `tensors` and `values` were taken from.

        Returns:
            Whether chance goes on too. Each kind of device has random numbers of its own kind;
            those of another begin anew, as a function of the seed and the images seen.
        """
        for name, module in self.modules().items():
            module.load_state_dict(select_prefix(tensors, name))
        for name, optimizer in self.optimizers().items():
            restore_optimizer(optimizer, select_prefix(tensors, name))
        same_kind = True
        for name, generator in self.random.items():
            kept = tensors[f"random/{name}"]
            if kept.shape == generator.get_state().shape:
                generator.set_state(kept)
            else:
                same_kind = False
                seed = generator.initial_seed()
                generator.manual_seed(derive_seed(seed, str(values["images_seen"])))
        followed = select_prefix(tensors, "followed")
        self.followed = tuple(followed[name].to(self.device) for name in sorted(followed))
        self.images_seen = values["images_seen"]
        self.discriminator_steps = values["discriminator_steps"]
        self.stream.samples_drawn = values["drawn"]
        self.means = RunningMeans(values["sums"], values["counts"])
        return same_kind


def place(network: nn.Module, device: torch.device) -> nn.Module:
    """Move a network; on CPUs with channels innermost, where convolutions are then faster.

    Grouped ones are not: in float32 an R3GAN's step takes a tenth longer so.
    """
    network = network.to(device)
    convolutions = nn.Conv2d | nn.ConvTranspose2d
    grouped = any(isinstance(at, convolutions) and at.groups > 1 for at in network.modules())
    for weight in network.parameters():
        if device.type == "cpu" and weight.dim() == 4 and not grouped:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return network
