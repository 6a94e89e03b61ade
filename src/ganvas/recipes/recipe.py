"""A recipe: all settings of a training run, as one frozen dataclass.

It is pure data. `files.py` reads and writes it, and `rules.py` checks combinations of fields.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

import tyro
from annotated_types import Ge, Le, Lt

from ganvas.data.settings import DataSettings
from ganvas.growth import Growth
from ganvas.networks import Discriminator, Generator, ImageShape
from ganvas.objectives.settings import ObjectiveSettings, PolicyName, Regularisers
from ganvas.schedules import AdaptiveSchedule, Ramp, Schedule, ScheduledValue, multiply

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

AnySettings = TypeVar("AnySettings", bound="DataclassInstance")

OnFailure = Literal["warn", "stop", "rewind"]
"""What training does when health fails."""

STRICT: dict[str, Any] = {
    "extra": "forbid",
    "allow_inf_nan": False,
    "revalidate_instances": "always",
}
"""How pydantic checks settings of files and of Python: no unknown field, no infinite number."""

TRAINED_WEIGHTS_RATE = 0.25
"""Learning rates that start from trained weights, as a fraction of those from random ones."""

_FLAGS_WITHOUT_PREFIX = tyro.conf.arg(name="")  # on the command line it is --size, not --data.size


@dataclass(frozen=True, kw_only=True)
class PlayerSettings:
    """How one player's weights are updated."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    optimizer: Literal["adam", "rmsprop"] = "adam"
    """adam (Kingma 2015) or rmsprop (Tieleman 2012, without momentum)."""
    learning_rate: Schedule = 2e-4
    """Step size: a number, or a schedule such as linear:2e-4:0."""
    beta1: Annotated[float, Ge(0.0), Lt(1.0)] = 0.5
    """Decay of the running mean of gradients (adam only; rmsprop: 0)."""
    beta2: Schedule = 0.999
    """Decay of the running mean of squared gradients; a number or a schedule."""


@dataclass(frozen=True, kw_only=True)
class GeneratorSettings(PlayerSettings):
    """The generator: its network, its optimizer, its regularisers and how styles are mixed."""

    network: Generator
    regularisers: Regularisers = field(default_factory=Regularisers)
    style_mixing: Annotated[float, Ge(0.0), Le(1.0)] = 0.0
    """Probability that an image takes the styles of its finer layers from other latents (Karras
    2019, section 3.1: 0.9); needs a network with a style space. 0: off."""


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSettings(PlayerSettings):
    """The discriminator: its network and its optimizer."""

    network: Discriminator


AnyPlayer = TypeVar("AnyPlayer", GeneratorSettings, DiscriminatorSettings)


def generator(network: Generator, learning: PlayerSettings | None = None) -> GeneratorSettings:
    """A generator with these optimizer settings; None takes the defaults."""
    return GeneratorSettings(network=network, **vars(learning or PlayerSettings()))


def discriminator(
    network: Discriminator, learning: PlayerSettings | None = None
) -> DiscriminatorSettings:
    """A discriminator with these optimizer settings; None takes the defaults."""
    return DiscriminatorSettings(network=network, **vars(learning or PlayerSettings()))


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Images between two writes into the run directory."""

    history: Annotated[int, Ge(1)] = 2_000
    """A line of history.jsonl: means of every loss term since the line before."""
    samples: Annotated[int, Ge(1)] = 20_000
    """A grid of the same latents; earlier ones at 1k images, 3k, 9k, ..."""
    checkpoint: Annotated[int, Ge(1)] = 20_000
    """A checkpoint of everything; a kill loses at most the images since."""
    probes: Annotated[int, Ge(0)] = 4_000
    """Probes of the health of training, which the rules of ganvas diagnose read; 0: never."""


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """Scores while training. The first metric decides which checkpoint is the best."""

    every: Annotated[int, Ge(0)] = 0
    """Images between two evaluations, which keep the best checkpoint; 0: none."""
    metrics: tuple[str, ...] = ("fd-lite0",)
    """What to measure (ganvas evaluate --help), with commas between."""
    samples: Annotated[int, Ge(100)] = 2_000
    """Generated images per evaluation."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All settings of a training run, except the data set and the seed.

    Generator, discriminator, loss, penalties and constraint are independent choices. Lengths are in
    images seen: real images that the discriminator was trained on.

    Values are checked where a recipe is used (`ganvas.recipes.checked`), all at once, and not when
    it is made.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    generator: GeneratorSettings
    discriminator: DiscriminatorSettings
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    data: Annotated[DataSettings, _FLAGS_WITHOUT_PREFIX] = field(default_factory=DataSettings)
    intervals: Intervals = field(default_factory=Intervals)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    name: str = "custom"
    """What the run is called in tables and directories."""
    images: Annotated[int, Ge(1), Le(10**12)] = 200_000
    """How many images to train on, repeats counted."""
    batch: Annotated[int, Ge(2)] = 64
    """Real images, and as many fakes, per discriminator step."""
    generator_batch: Annotated[int, Ge(2)] | None = None
    """New fakes per generator step; by default the discriminator's last ones serve again."""
    fresh_reals_for_generator: bool = False
    """Draw new reals for the generator's step, if its loss uses them; not counted as seen."""
    discriminator_steps: Annotated[int, Ge(1)] = 1
    """Discriminator steps per generator step."""
    latent_dim: Annotated[int, Ge(1)] = 128
    """Length of the latent vector that the generator makes an image from."""
    ema_half_life: Schedule = 10_000
    """Images after which a weight counts half in the generator's moving average; 0: no average."""
    ema_rampup: Annotated[float, Ge(0.0), Le(1.0)] = 0.1
    """The half-life is at most this fraction of the images seen, at each size where networks grow
    (Karras 2020: 0.05); 0: off."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Dtype of the networks while training: bf16 is faster where the device has it (auto)."""
    augmentation: AdaptiveSchedule = 0.0
    """Probability of each transformation of images: a number, a ramp or adaptive:0.6; 0: off."""
    augmentation_policy: PolicyName = "ada"
    """Which transformations: ada (Karras 2020) or diffaugment (Zhao 2020), milder, for photos."""
    label_strength: Schedule = 1.0
    """How much labels count in networks that take them, 0 to 1. A ramp such as linear:0:1:60k-120k
    learns all labels together first, which few images a label need (Shahbazi 2022)."""
    grow: Growth | None = None
    """Sizes to train at one after another, each twice the one before: 16,32,64, in equal shares of
    the budget; or 16:50k,32:100k,64, with the images at which each ends. None: one size."""
    grow_freeze: bool = False
    """The generator's stages stop training when finer ones are added (Sauer 2022)."""
    freeze_discriminator: Annotated[int, Ge(0)] = 0
    """How many stages of the discriminator, from the image on, never train (Mo 2020, FreezeD)."""
    sync_batch_norm: bool = False
    """Batch normalisation over the images of all processes, not each one's own (CUDA only)."""
    on_failure: OnFailure = "warn"
    """When health fails: warn; stop with exit code 3; or rewind and apply the first advice."""

    def image_shape(self, channels: int) -> ImageShape:
        """The shape of the images that both networks are built for."""
        return ImageShape(channels, *self.data.size)

    def later_doublings(self, images_seen: int) -> int:
        """How many doublings of the size remain after so many images; 0 unless networks grow."""
        return 0 if self.grow is None else self.grow.later_doublings(images_seen)

    def size_start(self, later_doublings: int) -> int:
        """Images seen when the size with this many remaining doublings began."""
        return 0 if self.grow is None else self.grow.start(later_doublings)

    def size_at(self, images_seen: int) -> tuple[int, int]:
        """Height and width at which the networks train after so many images."""
        now = self.image_shape(1).halved(self.later_doublings(images_seen))
        return now.height, now.width

    def shares(self) -> list[tuple[int, float]]:
        """The `later_doublings` of every size, smallest first, and its fraction of the budget."""
        lengths = [self.images] if self.grow is None else self.grow.lengths(self.images)
        fractions = [length / self.images for length in lengths]
        return list(zip(reversed(range(len(lengths))), fractions, strict=True))

    @property
    def images_per_step(self) -> int:
        """Images that one training step sees: a batch for each update of the discriminator."""
        return self.batch * self.discriminator_steps

    @property
    def batch_unit(self) -> int:
        """How many neighbours in a batch belong together: packs, or groups of them, stay whole."""
        return self.objective.pac * self.discriminator.network.group_size

    @property
    def takes_labels(self) -> bool:
        """Whether either network takes labels."""
        return self.generator.network.uses_labels or self.discriminator.network.uses_labels

    def with_fixed_schedules(self) -> Recipe:
        """This recipe with every open schedule ending at its budget, as a run stores it."""
        return map_schedules(self, lambda value: value.with_budget(self.images))

    def with_budget(self, images: int) -> Recipe:
        """This recipe with another budget; schedules that end with the old one end with the new."""

        def with_new_end(value: ScheduledValue) -> ScheduledValue:
            if isinstance(value, Ramp) and value.images == self.images and value.after < images:
                return dataclasses.replace(value, images=images)
            return value

        return dataclasses.replace(map_schedules(self, with_new_end), images=images)

    def for_trained_weights(self) -> Recipe:
        """This recipe for weights of an earlier run: a quarter of the learning rates, no ramp-up.

        With the usual rates the first steps undo what was learned. The EMA starts from trained
        weights too, which it need not forget (Karras 2020's code, ADA, does both).
        """
        return dataclasses.replace(
            self,
            generator=_slower(self.generator),
            discriminator=_slower(self.discriminator),
            ema_rampup=0.0,
        )

    def with_networks(
        self, generator: Generator | None = None, discriminator: Discriminator | None = None
    ) -> Recipe:
        """This recipe with other networks; None keeps the player's own."""
        recipe = self
        if generator is not None:
            player = dataclasses.replace(self.generator, network=generator)
            recipe = dataclasses.replace(recipe, generator=player)
        if discriminator is not None:
            opponent = dataclasses.replace(self.discriminator, network=discriminator)
            recipe = dataclasses.replace(recipe, discriminator=opponent)
        return recipe


def _slower(player: AnyPlayer) -> AnyPlayer:
    """A player with the learning rate that suits trained weights."""
    rate = multiply(player.learning_rate, TRAINED_WEIGHTS_RATE)
    return dataclasses.replace(player, learning_rate=rate)


def map_schedules(
    settings: AnySettings, change: Callable[[ScheduledValue], ScheduledValue]
) -> AnySettings:
    """`settings`, a frozen dataclass, with every scheduled value inside it changed."""
    changes: dict[str, Any] = {}
    for entry in dataclasses.fields(settings):
        value = getattr(settings, entry.name)
        if isinstance(value, ScheduledValue):
            changes[entry.name] = change(value)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            changes[entry.name] = map_schedules(value, change)
    return dataclasses.replace(settings, **changes)


def flag_of(field: str) -> str:
    """The command-line flag of a field: `--size` for data.size."""
    return f"--{field.removeprefix('data.').replace('_', '-')}"  # see _FLAGS_WITHOUT_PREFIX
