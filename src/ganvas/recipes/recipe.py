"""A recipe: everything that decides a training run, as one frozen and complete value."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar

import tyro
from annotated_types import Ge, Gt, Le, Lt

from ganvas.data.settings import DataSettings
from ganvas.errors import GanvasError, RecipeError, did_you_mean
from ganvas.metrics.names import parse_metrics
from ganvas.networks import ARCHITECTURES, POINT, Architecture, ImageShape
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.schedules import Ramp, Schedule, extremes, format_schedule, with_budget

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from ganvas.recipes.reading import Table

AnySettings = TypeVar("AnySettings", bound="DataclassInstance")

OnFailure = Literal["warn", "stop", "rewind"]
"""What training does when it is found to fail."""

_FLAGS_WITHOUT_PREFIX = tyro.conf.arg(name="")  # on the command line it is --size, not --data.size


class Problem(NamedTuple):
    """A combination of fields that cannot be right."""

    text: str
    """One line, starting with the field to change."""
    about: tuple[str, ...]
    """The fields that decide it, with dots."""


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """How one player's weights are updated."""

    algorithm: Literal["adam", "rmsprop"] = "adam"
    """adam (Kingma 2015) or rmsprop (Tieleman 2012, without momentum)."""
    learning_rate: Schedule = 2e-4
    """Step size: a number, or a schedule such as linear:2e-4:0."""
    beta1: Annotated[float, Ge(0.0), Lt(1.0)] = 0.5
    """How much of the last update's direction is kept (adam only; rmsprop: 0)."""
    beta2: Schedule = 0.999
    """How much of the running mean of squared gradients is kept; it may be a schedule too."""


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """After how many images something is written into the run directory."""

    history: Annotated[int, Ge(1)] = 2_000
    """A line of history.jsonl: means of every loss term since the line before."""
    samples: Annotated[int, Ge(1)] = 20_000
    """A grid of the same latents; earlier ones at 1,000 images, 3,000, 9,000, ..."""
    checkpoint: Annotated[int, Ge(1)] = 20_000
    """A checkpoint of everything; a kill loses at most the images since."""
    probes: Annotated[int, Ge(0)] = 4_000
    """A look at the health of training, which the rules of ganvas diagnose read; 0: never."""


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """What is measured while training. The first score decides which checkpoint is the best."""

    every: Annotated[int, Ge(0)] = 0
    """Images between two evaluations, which keep the best checkpoint; 0: none."""
    metrics: tuple[str, ...] = ("fd-lite0",)
    """What to measure (ganvas evaluate --help), with commas between."""
    samples: Annotated[int, Ge(100)] = 2_000
    """Generated images an evaluation."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a training run, apart from the images and the seed.

    Architecture, loss, penalties and constraint are independent choices. Lengths are in images
    seen: real images shown to the discriminator.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    architecture: Architecture
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    generator: OptimizerSettings = field(default_factory=OptimizerSettings)
    discriminator: OptimizerSettings = field(default_factory=OptimizerSettings)
    data: Annotated[DataSettings, _FLAGS_WITHOUT_PREFIX] = field(default_factory=DataSettings)
    intervals: Intervals = field(default_factory=Intervals)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    name: str = "custom"
    """What the run is called in tables and directories."""
    images: Annotated[int, Ge(1)] = 200_000
    """How many images to train on, repeats counted."""
    batch: Annotated[int, Ge(2)] = 64
    """Real images, and as many fakes, a discriminator step."""
    generator_batch: Annotated[int, Ge(2)] | None = None
    """New fakes a generator step; by default the discriminator's last ones serve again."""
    generator_new_reals: bool = False
    """Draw new reals for the generator's step, if its loss looks at them; not counted as seen."""
    discriminator_steps: Annotated[int, Ge(1)] = 1
    """Discriminator steps a generator step."""
    latent_dim: Annotated[int, Ge(1)] = 128
    """Numbers that the generator makes an image from."""
    ema_half_life: Schedule = 10_000
    """Images after which a weight counts half in the averaged generator; 0: no averaging."""
    ema_ramp_up: Annotated[float, Gt(0.0), Le(1.0)] = 0.1
    """The half-life is at most this share of the images seen (Karras 2020, ADA: 0.05)."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """What networks calculate in while training: bf16 is faster where the device has it (auto)."""
    augmentation: Schedule = 0.0
    """Chance of each transformation of what the discriminator sees (Karras 2020, ADA); 0: off."""
    sync_batch_norm: bool = False
    """Batch normalisation over the images of all processes, not each one's own (CUDA only)."""
    on_failure: OnFailure = "warn"
    """When health fails: say so; stop with exit code 3; or go back and apply the first advice."""

    def image_shape(self, channels: int) -> ImageShape:
        """The shape that both networks are built for."""
        return ImageShape(channels, *self.data.size)

    def with_fixed_schedules(self) -> Recipe:
        """This recipe with every open schedule ended at its budget; what a run stores."""
        return fix_ramps(self, self.images)

    def problems(self) -> list[Problem]:
        """What cannot be right although each field alone can."""
        return [
            *self._size_problems(),
            *self._objective_problems(),
            *self._optimizer_problems(),
            *self._augmentation_problems(),
            *self._evaluation_problems(),
        ]

    def _size_problems(self) -> Iterator[Problem]:
        from ganvas.data.decoding import background_problem

        wrong_size = self.architecture.size_problem(*self.data.size)
        if wrong_size is not None:
            # Which architectures make points is their matter; any other size does not depend on it.
            decides = ("architecture.name",) if self.data.size == POINT else ()
            yield Problem(f"data.size: {wrong_size}", ("data.size", *decides))
        else:
            channels = 3 if self.data.channels == "auto" else int(self.data.channels)
            for line in self.architecture.problems(self.image_shape(channels)):
                field_name = f"architecture.{line.partition(':')[0]}"
                yield Problem(f"architecture.{line}", (field_name, "data.size", "data.channels"))
        for name in ("flip", "dequantize"):
            if self.data.size == POINT and getattr(self.data, name):
                text = f"data.{name}: 1x1 is the size of points, which are no pictures; set it off"
                yield Problem(text, (f"data.{name}", "data.size"))
        if not re.fullmatch(r"[\w.-]*\w", self.name):
            text = f"must be letters, digits, dots, - and _, it names a folder; got {self.name!r}"
            yield Problem(f"name: {text}", ("name",))
        wrong_background = background_problem(self.data.background)
        if wrong_background is not None:
            yield Problem(f"data.background: {wrong_background}", ("data.background",))
        if self.images < self.batch:
            text = f"the budget of {self.images} is less than one batch ({self.batch})"
            yield Problem(f"images: {text}", ("images", "batch"))

    def _objective_problems(self) -> Iterator[Problem]:
        for entry in dataclasses.fields(self.objective.penalties):
            low, high = extremes(getattr(self.objective.penalties, entry.name).weight)
            where = f"objective.penalties.{entry.name}"
            if low < 0:
                text = f"{where}.weight: must not be negative, got {low:g}"
                yield Problem(text, (f"{where}.weight",))
            elif high > 0 and self.architecture.couples_samples:
                text = (
                    f"{where}.weight: a batch-normalised discriminator judges each image by its "
                    "whole batch, so the gradient at one image is undefined (Gulrajani 2017, "
                    "section 4). Set architecture.discriminator_norm to layer or none"
                )
                yield Problem(text, (f"{where}.weight", "architecture.discriminator_norm"))
        pac = self.objective.pac
        for name in ("batch", "generator_batch"):
            count = getattr(self, name)
            if count is not None and (count % pac or count < 2 * pac):
                text = (
                    f"{name}: the discriminator judges {pac} samples together (objective.pac), so "
                    f"it must be a multiple of {pac}, at least {2 * pac}, got {count}. "
                    f"Nearest: {nearest_multiples(count, pac, fewest=2)}"
                )
                yield Problem(text, (name, "objective.pac"))
        # Reals that are drawn anew are as many as the fakes.
        uneven = self.generator_batch not in (None, self.batch) and not self.generator_new_reals
        if self.objective.loss == "relativistic" and uneven:
            text = (
                "generator_batch: the relativistic loss pairs fakes with reals, so it must be "
                f"{self.batch} like batch (or left out), or generator_new_reals set, "
                f"got {self.generator_batch}"
            )
            about = ("generator_batch", "batch", "objective.loss", "generator_new_reals")
            yield Problem(text, about)

    def _optimizer_problems(self) -> Iterator[Problem]:
        for player in ("generator", "discriminator"):
            settings: OptimizerSettings = getattr(self, player)
            rate = settings.learning_rate
            low, high = extremes(rate)
            if low < 0 or high <= 0:
                text = f"{player}.learning_rate: must be above 0, got {format_schedule(rate)}"
                yield Problem(text, (f"{player}.learning_rate",))
            if settings.algorithm == "rmsprop" and settings.beta1 != 0:
                text = (
                    f"{player}.beta1: rmsprop has no momentum, set it to 0, got {settings.beta1:g}"
                )
                yield Problem(text, (f"{player}.beta1", f"{player}.algorithm"))
            low, high = extremes(settings.beta2)
            if low < 0 or high >= 1:
                kept = format_schedule(settings.beta2)
                text = f"{player}.beta2: must be at least 0 and below 1, got {kept}"
                yield Problem(text, (f"{player}.beta2",))
        if extremes(self.ema_half_life)[0] < 0:
            kept = format_schedule(self.ema_half_life)
            yield Problem(f"ema_half_life: must not be negative, got {kept}", ("ema_half_life",))

    def _augmentation_problems(self) -> Iterator[Problem]:
        low, high = extremes(self.augmentation)
        if low < 0 or high > 1:
            given = format_schedule(self.augmentation)
            text = f"augmentation: must be a probability, 0 to 1, got {given}"
            yield Problem(text, ("augmentation",))
        elif high > 0 and self.data.size == POINT:
            text = "augmentation: 1x1 is the size of points, which are no pictures; set it to 0"
            yield Problem(text, ("augmentation", "data.size"))

    def _evaluation_problems(self) -> Iterator[Problem]:
        try:
            parse_metrics(self.evaluation.metrics)
        except GanvasError as error:
            yield Problem(f"evaluation.metrics: {error}", ("evaluation.metrics",))

    def checked(self, where: str = "recipe") -> Recipe:
        """This recipe, with every value of its field's type.

        Raises:
            RecipeError: with everything wrong, by type, range and combination.
        """
        if not isinstance(self.architecture, Architecture):
            text = f"expected a description such as DCGAN(), got {self.architecture!r}"
            raise RecipeError([f"architecture: {text}"], where)
        return Recipe.from_table(self.to_table(), where)

    def to_table(self) -> Table:
        """Plain values only: what JSON and TOML hold."""
        table: Table = _plain(self)
        table["architecture"] = {"name": self.architecture.name, **table["architecture"]}
        return table

    def to_json(self) -> str:
        """The complete recipe as JSON."""
        return json.dumps(self.to_table(), indent=2) + "\n"

    def to_toml(self) -> str:
        """The complete recipe as TOML (fields that are None are left out)."""
        import tomli_w

        return tomli_w.dumps(without_none(self.to_table()))

    @classmethod
    def from_table(cls, table: Table, where: str = "recipe") -> Recipe:
        """Read a recipe, and check it.

        Raises:
            RecipeError: with unknown keys (and the nearest known), wrong types, impossible values
                and impossible combinations, all at once.
        """
        from ganvas.recipes.reading import read_recipe

        return read_recipe(table, where)

    @classmethod
    def from_file(cls, path: Path) -> Recipe:
        """Read a .toml or .json recipe.

        Raises:
            RecipeError: no such file, not TOML or JSON, or a problem inside.
        """
        return cls.from_table(read_table(path), str(path))


def flag_of(field: str) -> str:
    """What the command line calls a field: `--size` for data.size."""
    return f"--{field.removeprefix('data.').replace('_', '-')}"  # see _FLAGS_WITHOUT_PREFIX


def nearest_multiples(count: int, unit: int, fewest: int = 1) -> str:
    """`60 or 66`: the multiples of `unit` next below and above, of at least `fewest` units."""
    multiples = {max(count // unit, fewest) * unit, max(-(-count // unit), fewest) * unit}
    return " or ".join(map(str, sorted(multiples)))


def architecture_type(name: str) -> type[Architecture]:
    """The architecture's description class.

    Raises:
        KeyError: no such architecture; the message names the nearest.
    """
    if name not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise KeyError(
            f"{name!r} is no architecture.{did_you_mean(name, ARCHITECTURES)} All: {known}"
        )
    return ARCHITECTURES[name]


def fix_ramps(settings: AnySettings, images: int) -> AnySettings:
    """`settings`, a frozen dataclass, with every open ramp inside it ended at `images`."""
    changes: dict[str, Any] = {}
    for entry in dataclasses.fields(settings):
        value = getattr(settings, entry.name)
        if isinstance(value, Ramp):
            changes[entry.name] = with_budget(value, images)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            changes[entry.name] = fix_ramps(value, images)
    return dataclasses.replace(settings, **changes)


def _plain(value: Any) -> Any:
    """Dataclasses as dicts, tuples as lists, ramps as the text that reads back to them."""
    if isinstance(value, Ramp):
        return format_schedule(value)
    if dataclasses.is_dataclass(value):
        return {
            entry.name: _plain(getattr(value, entry.name)) for entry in dataclasses.fields(value)
        }
    return list(value) if isinstance(value, tuple) else value


def without_none(table: Table) -> Table:
    """The table without the fields that are None, which TOML cannot hold."""
    cleaned: Table = {}
    for key, value in table.items():
        if isinstance(value, dict):
            cleaned[key] = without_none(value)
        elif isinstance(value, list):
            cleaned[key] = [without_none(one) if isinstance(one, dict) else one for one in value]
        elif value is not None:
            cleaned[key] = value
    return cleaned


def read_table(path: Path, kind: type[RecipeError] = RecipeError) -> Table:
    """What a .toml or .json file holds, still unchecked.

    Raises:
        RecipeError: of the kind given: no such file, or not TOML or JSON.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table: Table = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise kind([f"cannot be read: {reason}"], str(path)) from error
    except ValueError as error:  # both parsers' errors
        raise kind([f"not valid {path.suffix[1:].upper()}: {error}"], str(path)) from error
    if not isinstance(table, dict):
        raise kind([f"expected a table of fields, got {type(table).__name__}"], str(path))
    return table
