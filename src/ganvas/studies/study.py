"""A study: a base recipe, arms that each change something, and what all of them share.

Every arm trains with the same seeds. A seed gives the same order of images, the same held-out
images and the same latents for the sample grids in every arm, so arms are compared seed by seed.
`studies.reading` makes studies from files and checks them.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Gt

from ganvas.metrics.names import parse_metrics
from ganvas.networks import network_table
from ganvas.recipes import Recipe, recipe_table
from ganvas.recipes.files import without_none
from ganvas.recipes.recipe import EvaluationSettings

if TYPE_CHECKING:
    from ganvas.recipes.files import Table

METRICS = ("fd-lite0", "prdc-lite0")
"""The default metrics; the first score decides."""

MIN_SEEDS = 3
"""No verdict is given below so many seeds: if runs end well or badly at random, two differences
agree in one study of eight."""

SAMPLES = 5_000
"""Images generated for the final scores of a run, at most, where a study does not say how many."""

EVALUATIONS = 4
"""Scores while a run trains, at most, where a study does not say how many."""

SAMPLES_WHILE_TRAINING = 1_000
"""Images per score while training: enough to draw a curve, few enough to be cheap."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One arm of a study: the recipe it trains, and the arm it is compared with."""

    name: str
    """Unique in the study; names the arm's folder and its row in every table."""
    recipe: Recipe
    """Complete. The study replaces its budget and its evaluation."""
    against: str = ""
    """The arm it is compared with, which must be listed before it; empty: the base."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """Which recipes are compared, on what data, for how long, how often, and by which metrics.

    The budget is either a number of images or a time. A time is converted to images once, when the
    study starts: a short measurement gives each arm's throughput, and throughput x time is the
    arm's budget in images. So learning rates decay to their end as they should, and a killed study
    resumes bit for bit. The time that each run took is reported.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    base: Recipe
    arms: tuple[Arm, ...] = ()
    """Besides the base. Without any, the study shows how much the base varies over seeds."""
    data: str = ""
    """Name or path of the data."""
    seeds: Annotated[int, Ge(1)] = 3
    """Each arm is trained with the seeds 0 to seeds - 1."""
    images: Annotated[int, Ge(1)] | None = None
    """Budget of every run in images seen."""
    time: Annotated[float, Gt(0)] | None = None
    """Budget of every run in seconds of training."""
    metrics: tuple[str, ...] = METRICS
    """Metric families or single scores; the first score decides."""
    samples: Annotated[int, Ge(100)] | None = None
    """Images generated for the final scores of a run; None: chosen when the study is planned, so
    that scores take at most a third of its time."""
    evaluations: Annotated[int, Ge(0)] | None = None
    """Scores while training, evenly spaced, by the first metric only; 0: none; None: chosen in the
    same way."""
    stop_early: bool = False
    """Stop runs that health calls failing; they count as failed."""
    quality: float | None = None
    """The time to reach this value of the deciding score is reported; None: the median final score
    of the base's runs."""

    @property
    def all_arms(self) -> tuple[Arm, ...]:
        """Every arm, the base first. All but the base name the arm they are compared with."""
        base = self.base.name
        arms = (dataclasses.replace(arm, against=arm.against or base) for arm in self.arms)
        return (Arm(name=base, recipe=self.base), *arms)

    @property
    def sample_count(self) -> int:
        """Samples of the final scores; the most that may be chosen, before there is a plan."""
        return SAMPLES if self.samples is None else self.samples

    @property
    def evaluation_count(self) -> int:
        """Scores while training; the most that may be chosen, before there is a plan."""
        return EVALUATIONS if self.evaluations is None else self.evaluations

    @property
    def scores(self) -> tuple[str, ...]:
        """Full names of all scores that the metrics ask for; the first decides."""
        metrics = parse_metrics(self.metrics)
        return tuple(metric.full_name(score) for metric in metrics for score in metric.scores)

    def with_choices_of(self, planned: Study) -> Study:
        """The study, scored as one that was planned where it does not say how itself."""
        return dataclasses.replace(
            self,
            samples=planned.samples if self.samples is None else self.samples,
            evaluations=planned.evaluations if self.evaluations is None else self.evaluations,
        )

    def arm(self, name: str) -> Arm:
        """The arm of this name; KeyError if there is none."""
        return {arm.name: arm for arm in self.all_arms}[name]

    def families(self) -> dict[str, tuple[Arm, ...]]:
        """The arms, by the arm they are compared with. The base's family comes first.

        Holm's correction is over one family.
        """
        families: dict[str, tuple[Arm, ...]] = {self.base.name: ()}
        for arm in self.all_arms[1:]:
            families[arm.against] = (*families.get(arm.against, ()), arm)
        return families

    def changes(self, name: str) -> dict[str, Any]:
        """The fields in which an arm differs from the one it is compared with, as plain values."""
        arm = self.arm(name)
        if not arm.against:
            return {}
        return differences(self.arm(arm.against).recipe, arm.recipe)

    def recipe_for(self, arm: Arm, images: int) -> Recipe:
        """The recipe that a run of the arm trains: its own, with the study's budget and evaluation.

        Args:
            images: the budget of the arm's runs.
        """
        evaluation = EvaluationSettings(
            every=self.evaluation_interval(images),
            metrics=self.metrics[:1],
            samples=SAMPLES_WHILE_TRAINING,
        )
        return self._with_budget(arm.recipe, arm.name, images, evaluation).with_fixed_schedules()

    def evaluation_interval(self, images: int) -> int:
        """Images between two scores while training, for a budget of `images`; 0: never."""
        return math.ceil(images / self.evaluation_count) if self.evaluation_count else 0

    def canonical(self, recipe: Recipe) -> Recipe:
        """The recipe without what the study decides. Two arms are equal if these are."""
        return self._with_budget(recipe, "arm", 1, EvaluationSettings())

    def _with_budget(
        self, recipe: Recipe, name: str, images: int, evaluation: EvaluationSettings
    ) -> Recipe:
        return dataclasses.replace(
            recipe,
            name=name,
            images=images,
            evaluation=evaluation,
            on_failure="stop" if self.stop_early else recipe.on_failure,
        )

    def to_table(self) -> Table:
        """The complete study as plain values: the content of study.json."""
        table = {entry.name: getattr(self, entry.name) for entry in dataclasses.fields(self)}
        arms = [
            {"name": arm.name, "against": arm.against, "recipe": recipe_table(arm.recipe)}
            for arm in self.all_arms[1:]
        ]
        complete = {"base": recipe_table(self.base), "metrics": list(self.metrics), "arms": arms}
        return {**table, **complete}

    def to_json(self) -> str:
        """The complete study as JSON."""
        return json.dumps(self.to_table(), indent=2) + "\n"

    def to_toml(self) -> str:
        """The complete study as TOML (fields that are None are left out)."""
        import tomli_w

        return tomli_w.dumps(without_none(self.to_table()))


def differences(before: Recipe, after: Recipe) -> dict[str, Any]:
    """The fields in which `after` differs from `before`, as dotted names with plain values.

    For another network: its name, and the fields that differ from its own defaults. Name,
    budget and evaluation are left out, because the study decides them.
    """
    old, new = recipe_table(before), recipe_table(after)
    for table in (old, new):
        for name in ("name", "images", "evaluation"):
            del table[name]
    names: dict[str, Any] = {}
    exchanged: dict[str, Any] = {}
    for role, player in (("generator", after.generator), ("discriminator", after.discriminator)):
        if old[role]["network"]["name"] == new[role]["network"]["name"]:
            continue
        fields, defaults = new[role].pop("network"), network_table(type(player.network)())
        names[f"{role}.network"] = fields.pop("name")
        exchanged |= {
            f"{role}.network.{name}": value
            for name, value in fields.items()
            if value != defaults[name]
        }
    if len(names) == 2 and len({*names.values()}) == 1:
        names = {"network": names["generator.network"]}
    return {**names, **exchanged, **_changed_values(old, new)}


def _changed_values(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    before = flat_values(old)
    return {name: value for name, value in flat_values(new).items() if before[name] != value}


def flat_values(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every plain value of nested tables, by its dotted name."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        values |= flat_values(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return values


def format_changes(changes: Mapping[str, Any]) -> str:
    """Changes as they are written in a study's file."""
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in changes.items())
