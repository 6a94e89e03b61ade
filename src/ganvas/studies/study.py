"""A study: a base recipe, arms that each change something, and what is the same for all.

Every arm trains with the same seeds, and a seed means the same order of images, the same held-out
images and the same latents of the grids in every arm. So arms are compared seed by seed.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Gt

from ganvas.data.settings import DataSettings
from ganvas.errors import GanvasError, StudyError, did_you_mean
from ganvas.metrics.names import parse_metrics
from ganvas.recipes import Recipe
from ganvas.recipes.recipe import EvaluationSettings, Problem, read_table, without_none

if TYPE_CHECKING:
    from ganvas.recipes.reading import Table

METRICS = ("fd-lite0", "prdc-lite0")
"""What is measured where nothing else is asked for; the first score decides."""

SAMPLES_WHILE_TRAINING = 1_000
"""Images of each score while training: enough to draw a curve, few enough to cost little."""

FREE_DATA_FIELDS = ("flip", "dequantize")
"""What arms may change about the data. All else would change the images they are scored against."""


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What one arm of a study does: what it trains, and which other arm it is compared with."""

    name: str
    """Unique in the study; names the arm's folder and its row in every table."""
    recipe: Recipe
    """Complete. Its budget and its evaluation give way to the study's."""
    against: str = ""
    """The arm it is compared with, which stands before it; empty: the base."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """Which recipes are compared, on what, how long, how often, and by which measure.

    A budget is either images or time. A time is turned into images once, when the study starts: a
    short trial of each arm gives its images a second, and rate x time is what that arm trains on.
    So learning rates fall to their end where they should, and a killed study goes on bit for bit.
    What the runs then took is reported.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    base: Recipe
    arms: tuple[Arm, ...] = ()
    """Beside the base. None: how much does the base vary over seeds?"""
    data: str = ""
    """What the data is called or where it lies."""
    seeds: Annotated[int, Ge(1)] = 3
    """Each arm is trained with the seeds 0 to seeds - 1."""
    images: Annotated[int, Ge(1)] | None = None
    """Budget of every run in images seen."""
    time: Annotated[float, Gt(0)] | None = None
    """Budget of every run in seconds of training."""
    metrics: tuple[str, ...] = METRICS
    """Families or scores; the first score decides."""
    samples: Annotated[int, Ge(100)] = 5_000
    """Images generated for the final scores of a run."""
    evaluations: Annotated[int, Ge(0)] = 4
    """Scores while training, evenly spread, by the first metric alone; 0: none."""
    stop_early: bool = False
    """End runs that health calls failing; they count as failed."""
    quality: float | None = None
    """The deciding score whose reaching is timed; None: what half of the base's runs end at."""

    @property
    def all_arms(self) -> tuple[Arm, ...]:
        """Every arm, the base first; all others name what they are compared with."""
        base = self.base.name
        arms = (dataclasses.replace(arm, against=arm.against or base) for arm in self.arms)
        return (Arm(name=base, recipe=self.base), *arms)

    @property
    def scores(self) -> tuple[str, ...]:
        """Full names of all scores that the metrics ask for; the first decides."""
        asked = parse_metrics(self.metrics)
        return tuple(metric.named(score) for metric in asked for score in metric.scores)

    def arm(self, name: str) -> Arm:
        """The arm of this name; KeyError without one."""
        return {one.name: one for one in self.all_arms}[name]

    def families(self) -> dict[str, tuple[Arm, ...]]:
        """The arms by what they are compared with. Holm's correction is over one such family."""
        found: dict[str, list[Arm]] = {}
        for arm in self.all_arms[1:]:
            found.setdefault(arm.against, []).append(arm)
        return {name: tuple(arms) for name, arms in found.items()}

    def changes(self, name: str) -> dict[str, Any]:
        """In which fields an arm differs from what it is compared with, as plain values."""
        arm = self.arm(name)
        if not arm.against:
            return {}
        return differences(self.arm(arm.against).recipe, arm.recipe)

    def recipe_for(self, arm: Arm, images: int) -> Recipe:
        """What a run of the arm trains: its recipe with the study's budget and evaluation.

        Args:
            images: the budget of the arm's runs.
        """
        evaluation = EvaluationSettings(
            every=self.evaluated_every(images),
            metrics=self.metrics[:1],
            samples=SAMPLES_WHILE_TRAINING,
        )
        return self._decide(arm.recipe, arm.name, images, evaluation).with_fixed_schedules()

    def evaluated_every(self, images: int) -> int:
        """After how many images of a budget a run is scored while it trains; 0: never."""
        return math.ceil(images / self.evaluations) if self.evaluations else 0

    def checked(self, where: str = "study") -> Study:
        """This study, with every value of its field's type.

        Raises:
            StudyError: with everything wrong in any arm.
        """
        return Study.from_table(self.to_table(), where)

    def problems(self) -> list[Problem]:
        """What cannot be right although each field and each recipe alone can."""
        return [*self._own_problems(), *self._name_problems(), *self._arm_problems()]

    def _own_problems(self) -> Iterator[Problem]:
        if (self.images is None) == (self.time is None):
            both = "one of the two, not both" if self.images is not None else "none is given"
            yield Problem(f"images or time: the budget of each run; {both}", ("images", "time"))
        if not self.data:
            yield Problem("data: what to train on is missing", ("data",))
        try:
            parse_metrics(self.metrics)
        except GanvasError as error:
            yield Problem(f"metrics: {error}", ("metrics",))

    def _name_problems(self) -> Iterator[Problem]:
        arms = self.all_arms
        names = [arm.name for arm in arms]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Problem(f"arm {name!r}: {names.count(name)} arms have this name", ())
        for one, other in combinations(sorted(set(names)), 2):
            if one.casefold() == other.casefold():
                text = "many file systems take it for the same folder; give it another name"
                yield Problem(
                    f"arm {other!r}: it differs from {one!r} in case only, and {text}", ()
                )
        for place, arm in enumerate(arms):
            if not re.fullmatch(r"[\w.-]*\w", arm.name):
                text = "a name must be letters, digits, dots, - and _, it names a folder"
                yield Problem(f"arm {arm.name!r}: {text}", (arm.name,))
            if arm.against and arm.against not in names[:place]:
                hint = did_you_mean(arm.against, names[:place])
                why = "must stand before it" if arm.against in names else f"is no arm.{hint}"
                yield Problem(f"arm {arm.name!r}: against: {arm.against!r} {why}", ())

    def _arm_problems(self) -> Iterator[Problem]:
        seen: list[tuple[str, Recipe]] = []
        for arm in self.all_arms:
            lines = [*self._budget_problems(arm), *incomparable(self.base, arm.recipe)]
            essence = self._essence(arm.recipe)
            twin = next((name for name, other in seen if other == essence), None)
            if twin not in (None, arm.name):  # of the same name, which is a problem of its own
                lines.append(f"it is the same as {twin!r}; nothing is changed")
            seen.append((arm.name, essence))
            for line in lines:
                yield Problem(f"arm {arm.name!r}: {line}", (arm.name,))

    def _budget_problems(self, arm: Arm) -> list[str]:
        """What is wrong with an arm's recipe under the study's budget, as far as it is known."""
        images = arm.recipe.batch if self.images is None else self.images
        recipe = dataclasses.replace(arm.recipe, images=images, name="arm")
        return [problem.text for problem in recipe.problems()]

    def _essence(self, recipe: Recipe) -> Recipe:
        """A recipe with name, budget and evaluation of any other, to tell whether they differ."""
        return self._decide(recipe, "arm", 1, EvaluationSettings())

    def _decide(
        self, recipe: Recipe, name: str, images: int, evaluation: EvaluationSettings
    ) -> Recipe:
        """The recipe with what the study decides in it."""
        return dataclasses.replace(
            recipe,
            name=name,
            images=images,
            evaluation=evaluation,
            on_failure="stop" if self.stop_early else recipe.on_failure,
        )

    def to_table(self) -> Table:
        """Plain values only, complete: what study.json holds and `from_table` reads."""
        table = {entry.name: getattr(self, entry.name) for entry in dataclasses.fields(self)}
        arms = [
            {"name": arm.name, "against": arm.against, "recipe": arm.recipe.to_table()}
            for arm in self.all_arms[1:]
        ]
        complete = {"base": self.base.to_table(), "metrics": list(self.metrics), "arms": arms}
        return {**table, **complete}

    def to_json(self) -> str:
        """The complete study as JSON."""
        return json.dumps(self.to_table(), indent=2) + "\n"

    def to_toml(self) -> str:
        """The complete study as TOML (fields that are None are left out)."""
        import tomli_w

        return tomli_w.dumps(without_none(self.to_table()))

    @classmethod
    def from_table(cls, table: Table, where: str = "study") -> Study:
        """Read a study, short or complete (see `studies.reading`), and check it.

        Raises:
            StudyError: with everything wrong in any arm.
        """
        from ganvas.studies.reading import read_study

        return read_study(table, where)

    @classmethod
    def from_file(cls, path: Path) -> Study:
        """Read a .toml or .json study.

        Raises:
            StudyError: no such file, not TOML or JSON, or problems inside.
        """
        return cls.from_table(read_table(path, StudyError), str(path))


def incomparable(base: Recipe, recipe: Recipe) -> list[str]:
    """Where a recipe would be scored against other images than the base."""
    lines = []
    for entry in dataclasses.fields(DataSettings):
        ours, bases = getattr(recipe.data, entry.name), getattr(base.data, entry.name)
        if entry.name not in FREE_DATA_FIELDS and ours != bases:
            lines.append(
                f"data.{entry.name}: {ours!r}, but the base has {bases!r}; scores against "
                "different images cannot be compared. For all arms alike: "
                f"shared.data.{entry.name}, or --shared data.{entry.name}=..."
            )
    return lines


def differences(before: Recipe, after: Recipe) -> dict[str, Any]:
    """The fields, with dots, in which `after` differs, and its plain values there.

    Of another architecture its name, and the fields that differ from that one's defaults. Name,
    budget and evaluation are left out: the study decides them.
    """
    old, new = before.to_table(), after.to_table()
    for table in (old, new):
        for name in ("name", "images", "evaluation"):
            del table[name]
    if old["architecture"]["name"] == new["architecture"]["name"]:
        return _leaves_that_differ(old, new)
    defaults = dataclasses.asdict(type(after.architecture)())
    fields = new.pop("architecture")
    exchanged = {"architecture": fields.pop("name")}
    changed = {k: v for k, v in fields.items() if defaults[k] != v}
    exchanged |= {f"architecture.{name}": value for name, value in changed.items()}
    return {**exchanged, **_leaves_that_differ(old, new)}


def _leaves_that_differ(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in new.items():
        if isinstance(value, dict):
            inner = _leaves_that_differ(old[key], value)
            found |= {f"{key}.{name}": leaf for name, leaf in inner.items()}
        elif old[key] != value:
            found[key] = value
    return found


def format_changes(changes: Mapping[str, Any]) -> str:
    """Changes as one would write them into a study's file."""
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in changes.items())
