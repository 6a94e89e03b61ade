"""`ganvas compare`: train several arms over several seeds, and test which is better."""

from __future__ import annotations

import itertools
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from ganvas.cli.evaluate import METRIC_NAMES_HELP
from ganvas.cli.flag_names import errors_with_flag_names
from ganvas.command_line import ganvas_command
from ganvas.terminal import print_lines

if TYPE_CHECKING:
    from ganvas.studies.plan import Plan
    from ganvas.studies.study import Study

RepeatedFlag = Annotated[list[str], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="FIELD=A,B")]
"""A flag that may be given more than once."""


def by_default(what: str) -> Any:
    """Help for a flag whose default depends on other flags, or on the study that is continued."""
    return tyro.conf.arg(help_behavior_hint=f"(default: {what})")


OPTIONAL = tyro.conf.arg(help_behavior_hint="")
"""Help without a default, for a flag that may be left out."""


@dataclass(frozen=True)
class Compare:
    """Compare recipes fairly: same seeds, same images, same budget; intervals, failures counted.

    Prints a plan first, and writes a report at the end. After a stop or a kill, the same command
    continues where it was; so does `ganvas compare DIRECTORY`.
    """

    study: Annotated[
        Path | None,
        tyro.conf.Positional,
        tyro.conf.arg(metavar="STUDY", help_behavior_hint=""),
    ] = None
    """A study's .toml or .json file, or the directory of a study to continue."""
    recipes: Annotated[tuple[str, ...], OPTIONAL] = ()
    """Whole recipes to compare; the first is the base."""
    base: Annotated[str, OPTIONAL] = ""
    """The recipe that every --vary changes: a name, or a .toml or .json file."""
    vary: RepeatedFlag = field(default_factory=list)
    """FIELD=a,b,c: one arm per value, which changes only that field; may be repeated."""
    shared: Annotated[
        list[str], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="FIELD=VALUE")
    ] = field(default_factory=list)
    """FIELD=VALUE: for base and arms alike, such as data.size=64; may be repeated."""
    data: Annotated[str | None, OPTIONAL] = None
    """Folder, .zip, .npz, .npy, .parquet, IDX folder, fashion, ring, grid, stacked:DATA."""
    verify: bool = False
    """Read every image file again, even where size and time stamp are those of the last start."""
    seeds: Annotated[int | None, by_default("3")] = None
    """Runs per arm. A study can be continued with more seeds."""
    images: Annotated[int | None, OPTIONAL] = None
    """Budget of each run in images seen."""
    time: Annotated[str | None, OPTIONAL] = None
    """Or budget of each run in training time: 90s, 10m, 1h30m."""
    metrics: Annotated[
        tuple[str, ...],
        tyro.conf.arg(
            help=f"The first decides. {METRIC_NAMES_HELP}",
            help_behavior_hint="(default: fd-lite0,prdc-lite0; of points modes)",
        ),
    ] = ()
    samples: Annotated[int | None, by_default("5k, or fewer: see --evaluations")] = None
    """Images generated for the final scores of each run."""
    evaluations: Annotated[
        int | None, by_default("4, or fewer if scores would take more than a third of the time")
    ] = None
    """Scores per run while training, for the curves; 0: none."""
    out: Annotated[Path | None, by_default("studies/BASE-DATA")] = None
    """Study directory to create or continue."""
    workers: Annotated[int | None, by_default("one for each core or GPU")] = None
    """Runs at a time on this machine."""
    dask: Annotated[str | None, OPTIONAL] = None
    """Address of a dask scheduler whose workers do the runs (pip install 'ganvas[cluster]')."""
    stop_early: bool = False
    """Stop runs that health calls failing; they count as failed."""
    plan: bool = False
    """Measure throughput for a few seconds, print the plan and cheaper ones, and stop there."""

    def run(self) -> None:
        """Print the plan; without --plan, train, score, compare and report too."""
        from ganvas.reports.report import report
        from ganvas.studies.running import compare, plan_study

        study, out = self.read_study()
        if self.plan:
            planned = plan_study(
                study, out, workers=self.workers, dask=self.dask, verify=self.verify
            )
            if not planned.started:  # else only its seeds could be changed
                print("\n".join(self.cheaper(planned.study, planned.plan)))
            return
        results = compare(study, out, workers=self.workers, dask=self.dask, verify=self.verify)
        print_lines(f"report: {report(results.directory.path, quiet=False)}")

    def cheaper(self, study: Study, plan: Plan) -> list[str]:
        """The commands of cheaper studies, each with its duration and its price."""
        from ganvas.formatting import format_estimate
        from ganvas.studies.plan import savings

        lines = []
        for saving in savings(study, plan):
            duration = (
                "" if saving.seconds is None else f"about {format_estimate(saving.seconds)}; "
            )
            changes: dict[str, Any] = {"plan": False, saving.field: saving.value}
            command = replace(self, **changes).command_line()
            lines += [f"{duration}{saving.price}:", f"  {command}"]
        return ["", "cheaper, if you can do without something:", *lines] if lines else []

    def command_line(self) -> str:
        """The command with these arguments."""
        words: list[str | Path] = [] if self.study is None else [self.study]
        for entry in fields(self)[1:]:
            value = getattr(self, entry.name)
            default = entry.default if entry.default_factory is MISSING else entry.default_factory()
            if value == default:
                continue
            flag = f"--{entry.name.replace('_', '-')}"
            match value:
                case True:
                    words.append(flag)
                case list():  # a flag that may be repeated
                    words += itertools.chain.from_iterable((flag, item) for item in value)
                case tuple():
                    words += [flag, ",".join(value)]
                case _:
                    words += [flag, value if isinstance(value, Path) else str(value)]
        return ganvas_command("compare", *words)

    def read_study(self) -> tuple[Study | Path, Path | None]:
        """The study, or the directory of one to continue as it is; and its output directory.

        Raises:
            StudyError: with every problem found in any arm.
        """
        from ganvas.errors import StudyError
        from ganvas.recipes.files import read_table
        from ganvas.studies.reading import read_study
        from ganvas.studies.variations import study_table

        known = self.study_fields()
        given = {name: value for name, value in known.items() if value is not None}
        names_arms = bool(self.recipes or self.base or self.vary or self.shared)
        if self.study is None:
            table = study_table(self.base, self.vary, self.recipes, self.shared)
            where = "compare"
        elif self.study.suffix not in (".toml", ".json"):
            return self._continue(self.study, given, names_arms)
        elif names_arms:
            text = "names the arms itself: give no --recipes, --base, --vary, --shared"
            raise StudyError([text], str(self.study))
        else:
            table, where = read_table(self.study, StudyError), str(self.study)
        for name, other in (("images", "time"), ("time", "images")):
            if name in given and other not in given:
                table.pop(other, None)  # the command line's budget replaces the file's
        # Fields that a file sets keep their names in messages.
        with errors_with_flag_names(known if self.study is None else given):
            return read_study({**table, **given}, where), self.out

    def _continue(
        self, directory: Path, given: dict[str, Any], names_arms: bool
    ) -> tuple[Study | Path, Path | None]:
        """A study that was started already, perhaps with more seeds, or with its data moved."""
        from ganvas.errors import StudyError
        from ganvas.studies.directory import StudyDirectory
        from ganvas.studies.reading import check_study

        started = StudyDirectory.open(directory)
        if names_arms or given.keys() - {"seeds", "data"} or self.out is not None:
            text = "was started already; only --seeds and --data can be changed"
            raise StudyError([text], str(directory))
        if not given:
            return directory, None
        with errors_with_flag_names(given):
            changes = {"data": started.data["location"], **given}
            return check_study(replace(started.study, **changes), str(directory)), directory

    def study_fields(self) -> dict[str, Any]:
        """The study's own fields; None for those that were not given."""
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
