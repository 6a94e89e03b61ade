"""Everything that training changes: one object, one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ganvas.data.pixels import pixel_store
from ganvas.data.prepared import PreparedData
from ganvas.data.stream import ImageStream
from ganvas.devices import make_current
from ganvas.networks import ImageShape, Role
from ganvas.networks.labels import set_label_strength
from ganvas.networks.running_statistics import running_statistics, to_sync_batch_norm
from ganvas.objectives.augmentation import Augmentation
from ganvas.objectives.objective import Objective
from ganvas.precision import FP32, Precision, choose_precision
from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.randomness import derive_seed, training_generators
from ganvas.recipes import Recipe
from ganvas.recipes.players import build_networks, initial_networks
from ganvas.schedules import Ramp, value_at
from ganvas.tensor_file import select_prefix
from ganvas.training.ema import EmaPairs, ema_copy, update_ema
from ganvas.training.engine import Compile, Eager, Engine, choose_engine
from ganvas.training.freezing import freeze_coarse_stages, freeze_stages
from ganvas.training.metrics import MetricAccumulator
from ganvas.training.optimizers import Player, restore_optimizer
from ganvas.training.step_functions import StepFunctions


@dataclass
class TrainState:
    """Both players, the EMA, the stream, the augmentation, every random generator.

    What a checkpoint holds, and how a step runs. All processes hold the same: any number of them
    can resume what any other number has saved. Two states with equal content continue bit for bit
    alike on the same machine and versions, with as many processes.
    """

    players: dict[Role, Player]
    ema: nn.Module
    objective: Objective
    augmentation: Augmentation
    stream: ImageStream
    random: dict[str, torch.Generator]
    device: torch.device
    processes: ProcessGroup = SINGLE_PROCESS
    precision: Precision = FP32
    engine: Engine = field(default_factory=Eager)
    metrics: MetricAccumulator = field(default_factory=MetricAccumulator)
    snapshots: tuple[Tensor, ...] = ()
    """What the generator made of the same latents at the last two probes, oldest first."""
    num_labels: int = 0
    """How many labels the images have."""
    later_doublings: int = 0
    """How often the size at which the networks work is still to double."""
    seed: int = 0
    """The run's, which decided weights, order and latents."""
    images_seen: int = 0
    discriminator_steps: int = 0
    keeps_frozen: bool = False
    """Whether a checkpoint holds frozen parameters too: those of another run are no function of
    the seed."""

    def __post_init__(self) -> None:
        self._gather()
        averages = 2 if self.objective.uses_logit_averages else 0
        self.logit_averages = torch.zeros(averages, device=self.device)
        """(2,), moving averages of the mean logits of reals and fakes; empty if not in use."""
        lengths = 1 if self.objective.uses_path_average else 0
        self.path_average = torch.zeros(lengths, device=self.device)
        """(1,), the moving average of the generator's path lengths; empty if not in use."""

    @classmethod
    def start(
        cls,
        recipe: Recipe,
        data: PreparedData,
        seed: int,
        device: torch.device,
        processes: ProcessGroup = SINGLE_PROCESS,
        compile: Compile = "auto",
        later_doublings: int | None = None,
    ) -> TrainState:
        """The state before the first image, a function of the arguments alone.

        Args:
            later_doublings: how often the size is still to double; None: as before the first image.

        Raises:
            DeviceError: the recipe wants bf16, which the device lacks.
            RecipeError: the recipe freezes the whole discriminator.
        """
        make_current(device)
        if later_doublings is None:
            later_doublings = recipe.later_doublings(0)
        num_labels = len(data.label_names)
        players = initial_players(
            recipe, data.shape, num_labels, seed, device, processes, later_doublings
        )
        generator, discriminator = (player.network for player in players.values())
        return cls(
            players=players,
            ema=ema_copy(generator),
            objective=Objective.build(recipe.objective, recipe.generator.regularisers),
            augmentation=Augmentation.start(
                recipe.augmentation, recipe.augmentation_policy, len(data.held_out)
            ),
            stream=ImageStream(data, seed, pixels=pixel_store(device, data.images)),
            random=training_generators(seed, device),
            device=device,
            processes=processes,
            precision=choose_precision(recipe.precision, device, generator, discriminator),
            engine=choose_engine(compile, recipe, device, processes),
            num_labels=num_labels,
            later_doublings=later_doublings,
            seed=seed,
        )

    @property
    def generator(self) -> nn.Module:
        """The generator that trains."""
        return self.players["generator"].network

    @property
    def discriminator(self) -> nn.Module:
        """The discriminator that trains."""
        return self.players["discriminator"].network

    def player(self, role: Role) -> Player:
        """One of the two players."""
        return self.players[role]

    def update_label_strength(self, recipe: Recipe) -> None:
        """Set how much labels count now; the EMA follows as with weights."""
        if isinstance(recipe.label_strength, Ramp):
            strength = value_at(recipe.label_strength, self.images_seen)
            for network in (self.generator, self.discriminator):
                set_label_strength(network, strength)

    def augment(self, *batches: Tensor) -> Sequence[Tensor]:
        """Batches (N, C, H, W), real or fake, as the discriminator sees them."""
        return self.augmentation(batches, self.random["augmentation"], self.processes)

    def update_ema(self, recipe: Recipe, images: int) -> None:
        """Move the EMA towards the generator, after so many images since the last time.

        Stages that were added are untrained at first, so the ramp-up begins again at each size.
        """
        update_ema(
            self.ema_pairs,
            images=images,
            images_seen=self.images_seen - recipe.size_start(self.later_doublings),
            half_life=value_at(recipe.ema_half_life, self.images_seen),
            rampup=recipe.ema_rampup,
        )

    def use_engine(self, engine: Engine) -> None:
        """Run all further steps by another engine."""
        self.engine = engine
        self.functions = StepFunctions(self)

    def use_players(self, players: dict[Role, Player], later_doublings: int) -> None:
        """Train two other networks from now on, which need not have the size of those before.

        Random numbers, the stream and the augmentation continue; the EMA starts as the generator.
        """
        self.release_networks()
        self.players = players
        self.ema = ema_copy(self.generator)
        self.engine = self.engine.renewed()
        self.later_doublings = later_doublings
        self._gather()

    def _gather(self) -> None:
        """Gather once what every step reads of the networks."""
        self.ema_pairs = EmaPairs.of(self.ema, self.generator)
        self.running_statistics = running_statistics(self.generator, self.discriminator)
        self.functions = StepFunctions(self)

    def release_memory(self) -> None:
        """Free the memory of networks, optimizers, graphs and images on a GPU.

        The state cannot be used afterwards.
        """
        self.release_networks()
        self.stream.release_memory()
        self.use_engine(Eager("memory released"))

    def release_networks(self) -> None:
        """Free the memory of networks, optimizers and what belongs to them."""
        for network in self.modules().values():
            network.zero_grad(set_to_none=True)
            network.to("meta")
        for player in self.players.values():
            player.optimizer.state.clear()
            player.optimizer.param_groups.clear()
        self.snapshots = ()
        self.ema_pairs, self.running_statistics = EmaPairs([], [], []), []

    def modules(self) -> dict[str, nn.Module]:
        """The three networks by the names that a checkpoint gives them."""
        return {"generator": self.generator, "discriminator": self.discriminator, "ema": self.ema}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The two optimizers by the names that a checkpoint gives them."""
        return {f"{role}_optimizer": player.optimizer for role, player in self.players.items()}

    def tensors(self) -> dict[str, Tensor]:
        """Everything that is a tensor, by a name with slashes.

        Frozen parameters of the two players are left out if the seed decides them; those of the
        EMA are kept, because samples are drawn from a checkpoint alone.
        """
        tensors = {}
        for name, module in self.modules().items():
            frozen = set() if self.keeps_frozen else self._frozen(name)
            for key, tensor in module.state_dict().items():
                if key not in frozen:
                    tensors[f"{name}/{key}"] = tensor
        for name, optimizer in self.optimizers().items():
            for index, entries in optimizer.state_dict()["state"].items():
                for key, tensor in entries.items():
                    tensors[f"{name}/{index}/{key}"] = tensor
        for name, generator in self.random.items():
            tensors[f"random/{name}"] = generator.get_state()
        if self.objective.uses_logit_averages:
            tensors["logit_averages"] = self.logit_averages
        if self.objective.uses_path_average:
            tensors["path_average"] = self.path_average
        for index, snapshot in enumerate(self.snapshots):
            tensors[f"snapshots/{index}"] = snapshot
        return tensors

    def _frozen(self, module: str) -> set[str]:
        """Parameters that a checkpoint may lack: those that never train, but not the EMA's."""
        if module == "ema":
            return set()
        network = self.modules()[module]
        return {name for name, weight in network.named_parameters() if not weight.requires_grad}

    def values(self) -> dict[str, Any]:
        """Everything that is a plain number."""
        return {
            "images_seen": self.images_seen,
            "discriminator_steps": self.discriminator_steps,
            "drawn": self.stream.samples_drawn,
            "later_doublings": self.later_doublings,
            "sums": self.metrics.sums,
            "counts": self.metrics.counts,
            "augmentation": self.augmentation.state_dict(),
        }

    def restore(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> bool:
        """Become the state that `tensors` and `values` were taken from.

        Returns:
            Whether random numbers continue too. Each kind of device has its own; on another kind
            they start again, as a function of the seed and the images seen.
        """
        for name, module in self.modules().items():
            frozen = self._frozen(name)
            saved_weights = select_prefix(tensors, name)
            self.keeps_frozen |= not frozen.isdisjoint(saved_weights)
            load_weights(module, saved_weights, frozen)
        for name, optimizer in self.optimizers().items():
            restore_optimizer(optimizer, select_prefix(tensors, name))
        continues = True
        for name, generator in self.random.items():
            saved = tensors[f"random/{name}"]
            if saved.shape == generator.get_state().shape:
                generator.set_state(saved)
            else:
                continues = False
                seed = generator.initial_seed()
                generator.manual_seed(derive_seed(seed, str(values["images_seen"])))
        if self.objective.uses_logit_averages:
            self.logit_averages.copy_(tensors["logit_averages"])
        if self.objective.uses_path_average:
            self.path_average.copy_(tensors["path_average"])
        snapshots = select_prefix(tensors, "snapshots")
        self.snapshots = tuple(snapshots[name].to(self.device) for name in sorted(snapshots))
        self.images_seen = values["images_seen"]
        self.discriminator_steps = values["discriminator_steps"]
        self.stream.samples_drawn = values["drawn"]
        self.metrics = MetricAccumulator(values["sums"], values["counts"])
        self.augmentation.load_state_dict(values["augmentation"])
        return continues


def initial_players(
    recipe: Recipe,
    shape: ImageShape,
    num_labels: int,
    seed: int,
    device: torch.device,
    processes: ProcessGroup,
    later_doublings: int,
) -> dict[Role, Player]:
    """Both players before their first update, on a device.

    Weights are drawn on the CPU, so that every device starts from the same. Processors of different
    kinds may round them differently, so all processes take those of the first.

    Raises:
        RecipeError: the recipe freezes the whole discriminator.
    """
    networks = initial_networks(recipe, shape, num_labels, seed, later_doublings)
    freeze_stages(networks[1], recipe.freeze_discriminator)
    if recipe.grow_freeze and later_doublings < recipe.later_doublings(0):
        with torch.device("meta"):  # draws no weights
            coarser, _ = build_networks(recipe, shape, num_labels, later_doublings + 1)
        freeze_coarse_stages(networks[0], dict(coarser.named_children()))
    generator, discriminator = (to_device(network, device) for network in networks)
    if recipe.sync_batch_norm and processes.size > 1:
        generator, discriminator = map(to_sync_batch_norm, (generator, discriminator))
    for network in (generator, discriminator):
        processes.broadcast(list(network.state_dict().values()))
    return {
        "generator": Player.start("generator", generator, recipe.generator),
        "discriminator": Player.start("discriminator", discriminator, recipe.discriminator),
    }


def load_weights(module: nn.Module, tensors: dict[str, Tensor], frozen: set[str]) -> None:
    """Load a state dict that may lack frozen parameters, and nothing else."""
    own = module.state_dict()
    module.load_state_dict({**{name: own[name] for name in frozen}, **tensors})


def to_device(network: nn.Module, device: torch.device) -> nn.Module:
    """Move a network; on a CPU to channels_last, where convolutions are then faster.

    Not grouped convolutions: in float32 an R3GAN's step takes a tenth longer with them.
    """
    network = network.to(device)
    convolutions = nn.Conv2d | nn.ConvTranspose2d
    grouped = any(
        isinstance(layer, convolutions) and layer.groups > 1 for layer in network.modules()
    )
    for weight in network.parameters():
        if device.type == "cpu" and weight.dim() == 4 and not grouped:
            weight.data = channels_last(weight.data)
    return network


def channels_last(weight: Tensor) -> Tensor:
    """The kernels (O, I, H, W) in channels_last, with its strides also for a single channel.

    `contiguous` leaves those as they are, since they say the same; but torch decides by them in
    which layout a convolution's outputs are, and activations of mixed layouts are slow.
    """
    _, channels, height, width = weight.shape
    laid_out = weight.contiguous(memory_format=torch.channels_last)
    strides = (height * width * channels, 1, width * channels, channels)
    return laid_out.as_strided(weight.shape, strides)
