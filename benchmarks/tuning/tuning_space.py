"""A search space: which values of which fields are tried, from which recipe, at what budgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Len
from scipy.stats import qmc

from ganvas.errors import StudyError
from ganvas.recipes.files import Problems, Table, read_fields, read_table
from ganvas.schedules import parse_count, parse_duration
from ganvas.studies.reading import merged, read_study
from ganvas.studies.study import Study

Changes = dict[str, Any]
"""Values of fields by their dotted names; empty for the base."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """What is searched, read from a TOML file."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    base: str
    """The recipe that configurations change. It runs in every rung, to compare with."""
    data: str
    shared: Table
    """Fields that the base and all configurations have, as in a study's file."""
    fields: dict[str, list[Any]]
    """The values of each field, by its dotted name. The base's own value should be one of them."""
    configurations: Annotated[int, Ge(2)]
    """How many are drawn for the first rung, besides the base."""
    images: tuple[Annotated[int, Ge(1)], ...] = ()
    """The budget of a run in each rung, in images seen."""
    time: tuple[Annotated[float, Gt(0)], ...] = ()
    """Or in seconds of training."""
    eta: Annotated[float, Gt(1)] = 3
    """A rung keeps one of so many configurations for the next."""
    metric: str = "fd-lite0"
    """The early score that decides."""
    samples: Annotated[int, Ge(100)] = 1_000
    finalists: Annotated[int, Ge(1)] = 4
    """How many are compared with the base in the end."""
    final_images: Annotated[int, Ge(1)]
    final_seeds: Annotated[int, Ge(1)] = 5
    final_samples: Annotated[int, Ge(100)] = 5_000
    final_metrics: Annotated[tuple[str, ...], Len(1)] = (
        *("fd-lite0", "swd", "fd-classifier", "c2st", "fd-self"),
    )
    """The metrics of the final comparison; the first decides, the others share no network."""
    seed: int = 0
    """Decides which configurations are drawn."""

    @property
    def rungs(self) -> int:
        """How many rungs there are before the final comparison."""
        return len(self.images) or len(self.time)

    def survivors(self, rung: int, configurations: int) -> int:
        """How many of so many configurations a rung keeps, the first rung being 1."""
        kept = -int(-configurations // self.eta)  # rounded up
        return min(configurations, self.finalists if rung == self.rungs else kept)

    def configurations_drawn(self) -> dict[str, Changes]:
        """The configurations of the first rung by name, as a function of the space alone.

        A Latin hypercube, so every value of a field occurs about equally often. A configuration
        that equals the base or an earlier one is left out.
        """
        points = qmc.LatinHypercube(len(self.fields), rng=self.seed).random(self.configurations)
        candidates = {
            f"candidate-{number}": {
                name: values[int(position * len(values))]
                for position, (name, values) in zip(point, self.fields.items(), strict=True)
            }
            for number, point in enumerate(points)
        }
        study = self.study(candidates, images=self.final_images)
        known = {study.canonical(study.base)}
        drawn: dict[str, Changes] = {}
        for arm in study.arms:
            recipe = study.canonical(arm.recipe)
            if recipe not in known:
                known.add(recipe)
                drawn[f"c{len(drawn) + 1:02d}"] = candidates[arm.name]
        return drawn

    def study(self, configurations: dict[str, Changes], **settings: Any) -> Study:
        """The base and configurations by name as a study, with these settings of it.

        Raises:
            StudyError: a field that does not exist, or a value or a combination that cannot be.
        """
        arms = [{"name": name, **nested(changes)} for name, changes in configurations.items()]
        table = {"base": self.base, "data": self.data, "shared": self.shared, "arms": arms}
        return read_study({**table, **settings}, "the space")

    def rung(self, rung: int, configurations: dict[str, Changes]) -> Study:
        """The study of one rung: one seed, and runs that health calls failing stop early."""
        budget = self.images[rung - 1 : rung] or self.time[rung - 1 : rung]
        return self.study(
            configurations,
            **{"images" if self.images else "time": budget[0]},
            seeds=1,
            metrics=[self.metric],
            samples=self.samples,
            evaluations=0,
            stop_early=True,
        )

    def final(self, configurations: dict[str, Changes]) -> Study:
        """The comparison of the finalists with the base."""
        return self.study(
            configurations,
            images=self.final_images,
            seeds=self.final_seeds,
            metrics=list(self.final_metrics),
            samples=self.final_samples,
            evaluations=0,
        )


PARSERS: dict[str, Callable[[str], float]] = {"images": parse_count, "time": parse_duration}


def read_space(path: Path) -> Space:
    """The space in a TOML file, its fields and values checked.

    Raises:
        StudyError: with every problem found.
    """
    table = read_table(path, StudyError)
    invalid: Problems = {}
    for name, parse in PARSERS.items():
        try:
            if name in table:
                table[name] = [parse(str(value)) for value in table[name]]
        except (TypeError, ValueError) as error:
            invalid[name] = f"{name}: {error}"
            del table[name]
    missing = [name for name in ("base", "data", "fields", "configurations") if name not in table]
    invalid |= {name: f"{name}: missing" for name in missing}
    fillers = {"base": "dcgan", "data": "", "shared": {}, "fields": {}, "configurations": 2}
    table = {**fillers, "final_images": 1, **table}
    space: Space = read_fields(Space, table, (), invalid)
    if ("images" in table) == ("time" in table) and invalid.keys().isdisjoint(PARSERS):
        invalid["images"] = "images or time: give the budgets of the rungs in one of the two"
    for name, values in space.fields.items():
        if len(values) < 2:
            invalid[name] = f"fields.{name}: expected two or more values, got {values}"
    if invalid:
        raise StudyError(list(invalid.values()), str(path))
    space.configurations_drawn()  # finds fields and values that the recipe does not have
    return space


def nested(changes: Changes) -> Table:
    """Values by dotted names, as the nested tables of a study's file."""
    table: Table = {}
    for name, value in changes.items():
        for part in reversed(name.split(".")):
            value = {part: value}
        table = merged(table, value)
    return table
