"""`ganvas compare`: train several arms over several seeds, and say which is better."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from ganvas.cli.evaluate import METRIC_NAMES_HELP
from ganvas.cli.naming import naming_flags

if TYPE_CHECKING:
    from ganvas.studies.study import Study

Several = Annotated[list[str], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="FIELD=A,B")]
"""A flag that may be given more than once."""


def by_default(what: str) -> Any:
    """The help of a flag whose default depends on other flags, or on the study that goes on."""
    return tyro.conf.arg(help_behavior_hint=f"(default: {what})")


NOTHING = tyro.conf.arg(help_behavior_hint="")
"""The help of a flag that may be left out."""


@dataclass(frozen=True)
class Compare:
    """Compare recipes fairly: same seeds, same images, same budget; intervals, failures counted.

    Prints the plan before it begins. Killed or stopped, the same command goes on where it was; so
    does `ganvas compare DIRECTORY`.
    """

    study: Annotated[
        Path | None,
        tyro.conf.Positional,
        tyro.conf.arg(metavar="STUDY", help_behavior_hint=""),
    ] = None
    """A study's .toml or .json file, or the directory of a study to go on with."""
    recipes: Annotated[tuple[str, ...], NOTHING] = ()
    """Whole recipes to compare, the first of which is the base."""
    base: Annotated[str, NOTHING] = ""
    """The recipe that every --vary changes: a name, or a .toml or .json file."""
    vary: Several = field(default_factory=list)
    """FIELD=a,b,c: an arm for each value, which changes that field alone; may be repeated."""
    shared: Annotated[
        list[str], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="FIELD=VALUE")
    ] = field(default_factory=list)
    """FIELD=VALUE: what base and arms have alike, such as data.size=64; may be repeated."""
    data: Annotated[str | None, NOTHING] = None
    """Folder, .zip, .npz, .npy, .parquet, IDX folder, fashion, ring, grid, stacked:DATA."""
    seeds: Annotated[int | None, by_default("3")] = None
    """Runs of each arm. More than a study had are added to it."""
    images: Annotated[int | None, NOTHING] = None
    """Budget of each run in images seen."""
    time: Annotated[str | None, NOTHING] = None
    """Budget of each run in training time instead: 90s, 10m, 1h30m."""
    metrics: Annotated[
        tuple[str, ...],
        tyro.conf.arg(
            help=f"The first decides. {METRIC_NAMES_HELP}",
            help_behavior_hint="(default: fd-lite0,prdc-lite0; of points modes)",
        ),
    ] = ()
    samples: Annotated[int | None, by_default("5k")] = None
    """Images generated for the final scores of each run."""
    evaluations: Annotated[int | None, by_default("4")] = None
    """Scores of each run while training, for the curves; 0: none."""
    out: Annotated[Path | None, by_default("studies/BASE-DATA")] = None
    """Study directory to make or go on with."""
    workers: Annotated[int | None, by_default("one for each core or GPU")] = None
    """Runs at a time on this machine."""
    dask: Annotated[str | None, NOTHING] = None
    """Address of a dask scheduler whose workers do the runs (pip install 'ganvas[cluster]')."""
    stop_early: bool = False
    """End runs that health calls failing; they count as failed."""
    plan: bool = False
    """Print the plan, measured by a short trial of every arm, and stop there."""

    def run(self) -> None:
        """Plan, and unless --plan was given train, score and compare."""
        from ganvas.studies.running import compare, plan_study

        study, out = self.asked()
        do = plan_study if self.plan else compare
        do(study, out, workers=self.workers, dask=self.dask)

    def asked(self) -> tuple[Study | Path, Path | None]:
        """The study, or the directory of one that is to go on as it is; and where it lies.

        Raises:
            StudyError: with everything wrong in any arm.
        """
        from ganvas.errors import StudyError
        from ganvas.recipes.recipe import read_table
        from ganvas.studies.directory import StudyDirectory
        from ganvas.studies.study import Study
        from ganvas.studies.variations import study_table

        known = self.flags()
        flags = {name: value for name, value in known.items() if value is not None}
        arms = self.recipes or self.base or self.vary or self.shared
        typed = known if self.study is None else flags  # what a file says is called as it is there
        if self.study is not None and self.study.suffix not in (".toml", ".json"):
            started = StudyDirectory.open(self.study)
            unused = [*(["arms"] if arms else []), *(flags.keys() - {"seeds", "data"})]
            if unused or self.out is not None:
                text = "is started; only --seeds and --data can be given anew"
                raise StudyError([text], str(self.study))
            if not flags:
                return self.study, None
            anew = {"data": started.data["location"], **flags}
            with naming_flags(typed):
                return replace(started.study, **anew).checked(str(self.study)), self.study
        if self.study is not None:
            if arms:
                text = "names the arms itself: give no --recipes, --base, --vary, --shared"
                raise StudyError([text], str(self.study))
            table, where = read_table(self.study, StudyError), str(self.study)
        else:
            table = study_table(self.base, self.vary, self.recipes, self.shared)
            where = "compare"
        for name, other in (("images", "time"), ("time", "images")):
            if name in flags and other not in flags:
                table.pop(other, None)  # the file's budget gives way to the command line's
        with naming_flags(typed):
            return Study.from_table({**table, **flags}, where), self.out

    def flags(self) -> dict[str, Any]:
        """The study's own fields; None where nothing was said."""
        return {
            "data": self.data,
            "seeds": self.seeds,
            "images": self.images,
            "time": self.time,
            "metrics": self.metrics or None,
            "samples": self.samples,
            "evaluations": self.evaluations,
            "stop_early": self.stop_early or None,
        }
