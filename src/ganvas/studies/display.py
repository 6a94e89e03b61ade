"""What the terminal shows of a study: its plan, its progress, and its results."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich import progress as rich_progress
from rich.console import Console

from ganvas.evaluation.failures import failure_lines
from ganvas.formatting import (
    format_bytes,
    format_clock,
    format_count,
    format_estimate,
    format_interval,
    format_number,
    format_short,
    format_signed,
)
from ganvas.studies.comparison import ArmComparison
from ganvas.studies.directory import RunKey, StudyDirectory
from ganvas.studies.forecast import StudyForecast
from ganvas.studies.outcome import Outcome
from ganvas.studies.plan import Plan
from ganvas.studies.results import StudyResults
from ganvas.studies.statistics import Effect
from ganvas.studies.study import MIN_SEEDS, SAMPLES_WHILE_TRAINING, Study, format_changes
from ganvas.studies.throughput import measured_arms
from ganvas.studies.worker import Job
from ganvas.terminal import printable
from ganvas.training.pace import SECONDS

SECONDS_BETWEEN_LINES = 60.0
"""Minimum time between two progress lines in a log file; each run that ends has its own line."""


class StudyDisplay:
    """Shows a study's progress, updated in place while `live` is entered. `quiet` shows nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(quiet=quiet, highlight=False, soft_wrap=True)
        self.live = self._line()
        self._task = self.live.add_task("", total=None, status="starting")
        self._last_line = time.monotonic()

    def _line(
        self, *columns: rich_progress.ProgressColumn, transient: bool = False
    ) -> rich_progress.Progress:
        """A line that is updated in place, on a terminal only."""
        return rich_progress.Progress(
            rich_progress.TextColumn("{task.fields[status]}", markup=False),
            *columns,
            console=self._console,
            disable=self._console.quiet or not self._console.is_terminal,
            transient=transient,
        )

    def message(self, text: str) -> None:
        """Print a permanent line."""
        self.live.console.print(printable(text), markup=False)

    @contextmanager
    def measuring(self, arms: Sequence[str], total: int) -> Iterator[Callable[[], None]]:
        """While entered, shows the measurements' progress; gives a function to call after each."""
        self.message(
            f"measuring the throughput of {', '.join(arms)}, and how long a score of {arms[0]} "
            "takes, to plan the study; nothing is trained yet"
        )
        done = itertools.count(1)
        with self._line(rich_progress.TimeElapsedColumn(), transient=True) as line:
            task = line.add_task("", total=None, status="starting workers")

            def advance() -> None:
                status = f"{next(done)} of {format_count(total, 'measurement')} done"
                line.update(task, status=status)

            yield advance

    def plan(self, study: Study, plan: Plan) -> None:
        """Print what will be done, and an estimate of its duration: training and scores apart."""
        arms, runs = len(study.all_arms), study.seeds * len(study.all_arms)
        self.message(
            f"{format_count(arms, 'arm')} x {format_count(study.seeds, 'seed')} "
            f"= {format_count(runs, 'run')} · "
            f"about {format_estimate(plan.seconds(study))} on this machine "
            f"({plan.workers} at a time, {format_count(plan.threads, 'thread')} each) · "
            f"{format_bytes(plan.bytes(study))}"
        )
        scoring = plan.all_scoring_seconds(study, study.evaluation_count)
        rows = [("arm", "images", "images/s", "training", "scoring", "changes")]
        for arm in study.all_arms:
            of = f" (of {arm.against})" if arm.against not in ("", study.base.name) else ""
            rows.append(
                (
                    arm.name,
                    format_short(plan.images[arm.name]),
                    f"{plan.throughput[arm.name].images_per_second:,.0f}",
                    format_estimate(plan.training_seconds(arm.name)),
                    format_estimate(scoring),
                    format_changes(study.changes(arm.name)) + of if arm.against else "the base",
                )
            )
        self.message(aligned(rows))
        self.message(
            f"scoring is {plan.scoring_fraction(study):.0%} of the time: "
            f"{count_scores(study)}, {' '.join(study.metrics)}"
        )
        if plan.scoring_choice:
            self.message(plan.scoring_choice)
        measured = list(dict.fromkeys(measured_arms(study).values()))
        self.message(
            f"based on {SECONDS:g} s of training of {', '.join(measured)}, and on one small score; "
            "the estimate is corrected as runs end"
        )
        if arms > 1 and study.seeds < MIN_SEEDS:
            self.message(
                f"{format_count(study.seeds, 'seed')} cannot show a difference, whatever the "
                f"scores: use at least --seeds {MIN_SEEDS}"
            )

    def begin(self, directory: StudyDirectory, jobs: Sequence[Job]) -> None:
        """Print where the study is written, and which runs are done already; expect the others."""
        self.message(f"writing to {directory.path}")
        self._directory = directory
        self._study, self._plan = directory.study, directory.plan
        self._runs = len(directory.run_keys())
        self._failed = {key: run.failed for key, run in directory.outcomes().items()}
        """Of the runs that ended."""
        self._forecast = StudyForecast(directory, jobs)
        self._most_images: dict[RunKey, int] = {}
        retried = [f"{job.arm} seed {job.seed}" for job in jobs if job.attempt > 1]
        if retried:
            self.message(f"tried once more, because they crashed: {', '.join(retried)}")
            for job in jobs:
                self._failed.pop((job.arm, job.seed), None)
        if self._failed:
            self.message(f"{len(self._failed)} of {self._runs} runs are done already")

    def ended(self, outcome: Outcome) -> None:
        """Print how a run ended."""
        key = (outcome.arm, outcome.seed)
        self._failed[key] = outcome.failed
        self._forecast.run_ended(key, time.monotonic(), scored=bool(outcome.scores))
        score = [f"{metric} {value:.4g}" for metric, value in list(outcome.scores.items())[:1]]
        text = "  ·  ".join([f"{outcome.arm} seed {outcome.seed}: {outcome.describe()}", *score])
        self.message(f"[{len(self._failed)}/{self._runs}] {text}")
        for line in failure_lines(outcome.unmeasured):
            self.message(f"warning: {outcome.arm} seed {outcome.seed}: {line}")

    def update(self, running: Sequence[Job]) -> None:
        """Show the progress of all runs."""
        status = self.describe(running)
        self.live.update(self._task, status=status)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            self.message(status)

    def describe(self, running: Sequence[Job]) -> str:
        """Runs and images done, failures, the remaining time if known, and the current runs."""
        now = time.monotonic()
        stages = self._forecast.observe(running, now)
        for key, stage in stages.items():  # never fewer, after a run went back to a checkpoint
            self._most_images[key] = max(self._most_images.get(key, 0), stage.images)
        budgets = self._plan.images
        images = sum(budgets[arm] for arm, _ in self._failed)
        images += sum(n for key, n in self._most_images.items() if key not in self._failed)
        total = self._study.seeds * sum(budgets.values())
        failed, left = sum(self._failed.values()), self._forecast.seconds(now)
        parts = [
            f"{len(self._failed)} of {self._runs} runs",
            f"{failed} failed" if failed else "",
            f"{format_short(images)}/{format_short(total)} images",
            f"{format_clock(left)} left" if left else "",
            list_runs("training", [key for key, stage in stages.items() if not stage.scoring]),
            list_runs("scoring", [key for key, stage in stages.items() if stage.scoring]),
        ]
        return "  ".join(part for part in parts if part)

    def results(self, results: StudyResults) -> None:
        """Print the results."""
        self.message(verdict_table(results))
        for line in explanations(results):
            self.message(line)
        others = [metric for metric in results.metrics if metric != results.deciding]
        if others:
            self.message(f"\nother scores, without verdicts ({results.deciding} decides):")
            self.message(score_table(results, others))
        if results.recommendation:
            self.message(f"\nrecommendation: {results.recommendation}")
        self.message(f"all results: {results.directory.results_file}")


def count_scores(study: Study) -> str:
    """How many scores a run gets, with how many samples: `4 with 1k samples, and one with 5k`."""
    final = f"one with {format_short(study.sample_count)} at the end"
    if not study.evaluation_count:
        return f"{final} of each run"
    while_training = f"{study.evaluation_count} with {format_short(SAMPLES_WHILE_TRAINING)} samples"
    return f"{while_training} while a run trains, and {final}"


def list_runs(what: str, runs: Sequence[RunKey]) -> str:
    """`training mlp 0, mlp 1`; empty without a run."""
    return f"{what} {', '.join(f'{arm} {seed}' for arm, seed in runs)}" if runs else ""


def verdict_table(results: StudyResults) -> str:
    """Each arm by the deciding score."""
    base = results.study.base.name
    several = len({arm.against for arm in results.arms if arm.against}) > 1
    rows = [
        ("", results.deciding, "verdict" if several else f"against {base}", "failures", "images/s")
    ]
    for arm in results.arms:
        comparison = results.comparison(arm.name, results.deciding)
        verdict = "-" if comparison is None else format_comparison(comparison)
        rows.append(
            (
                arm.name,
                format_mean(results, arm.name, results.deciding),
                f"against {arm.against}: {verdict}" if several and arm.against else verdict,
                f"{len(arm.failures)} of {len(arm.outcomes)}",
                "-" if arm.cost is None else f"{arm.cost.images_per_second:,.0f}",
            )
        )
    return aligned(rows)


def score_table(results: StudyResults, metrics: Sequence[str]) -> str:
    """Means and intervals of other scores."""
    rows = [("", *metrics)]
    for arm in results.arms:
        rows.append((arm.name, *(format_mean(results, arm.name, metric) for metric in metrics)))
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines with aligned columns. Nothing is cut, because a log file has no width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(f"{c:{w}}" for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def format_mean(results: StudyResults, arm: str, metric: str) -> str:
    """`402 [388, 421]`."""
    summary = results.summary(arm, metric)
    if summary is None or summary.mean is None:
        return "-"
    return f"{format_number(summary.mean, 3)} {format_interval(summary.interval)}".rstrip()


def format_comparison(comparison: ArmComparison) -> str:
    """`better (-21 % [-30, -12])`: the verdict and the size of the effect.

    Where runs failed, ranks decide, and the size is of the others: its interval may not agree.
    """
    by_ranks = comparison.test == "ranks, failures last"
    decided_by_ranks = by_ranks and comparison.verdict in ("better", "worse")
    verdict = f"{comparison.verdict} by ranks" if decided_by_ranks else comparison.verdict
    effect, unit = comparison.effect, ""
    if effect is None:
        return verdict
    if comparison.scale == "log":
        effect, unit = as_percent(effect), " %"
    size = f"{format_signed(effect.value)}{unit}"
    if effect.interval is not None:
        low, high = effect.interval
        size += f" [{format_signed(low)}, {format_signed(high)}]"
    return f"{verdict} ({size}{' without failed runs' if by_ranks else ''})"


def as_percent(ratio: Effect) -> Effect:
    """A ratio of arm to base as the difference in percent of the base."""
    value, *interval = (100 * (x - 1) for x in (ratio.value, *(ratio.interval or ())))
    return Effect(value, (interval[0], interval[1]) if interval else None)


def explanations(results: StudyResults) -> list[str]:
    """The reason for each verdict, every failure with its reason, and the missing runs."""
    lines = []
    for arm in results.arms:
        comparison = results.comparison(arm.name, results.deciding)
        if comparison is not None:
            lines.append(f"  {arm.name}: {comparison.verdict}, by {comparison.why}")
    for arm in results.arms:
        for seed, outcome in arm.failures.items():
            lines.append(f"  {arm.name} seed {seed} {outcome.describe()}")
    if results.missing:
        lines.append(f"  not done yet: {format_count(len(results.missing), 'run')}")
    return lines
