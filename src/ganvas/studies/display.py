"""What a person sees of a study: its plan, how far it is, and what it comes to."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich import progress as rich_progress

from ganvas.data.reading import Progress
from ganvas.formatting import (
    format_bytes,
    format_clock,
    format_count,
    format_estimate,
    format_number,
    format_short,
    format_signed,
)
from ganvas.studies.comparison import ArmComparison
from ganvas.studies.directory import StudyDirectory
from ganvas.studies.forecast import Forecast, Key
from ganvas.studies.outcome import Outcome
from ganvas.studies.plan import Plan
from ganvas.studies.results import StudyResults
from ganvas.studies.statistics import MIN_SEEDS, Effect
from ganvas.studies.study import Study, format_changes
from ganvas.studies.worker import Job
from ganvas.training.display import PatientConsole

SECONDS_BETWEEN_LINES = 60.0
"""A log file gets a line of progress at most this often, besides one for each run that ends."""


class StudyDisplay:
    """Shows how a study goes, in place while `live` is entered. `quiet` shows nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self._console = PatientConsole(quiet=quiet, highlight=False, soft_wrap=True)
        self.live = self._line()
        self._task = self.live.add_task("", total=None, status="starting")
        self._last_line = time.monotonic()

    def _line(self, transient: bool = False) -> rich_progress.Progress:
        """A line that changes in place, on a terminal."""
        return rich_progress.Progress(
            rich_progress.TextColumn("{task.fields[status]}", markup=False),
            console=self._console,
            disable=self._console.quiet or not self._console.is_terminal,
            transient=transient,
        )

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self.live.console.print(text, markup=False)

    @contextmanager
    def trying(self, arms: Sequence[str]) -> Iterator[Progress]:
        """While entered, says that arms are tried; gives a function to call with (done, total)."""
        self.say(
            f"trying {', '.join(arms)} for a few seconds each, and timing the scores of "
            f"{arms[0]}, to say how long the study takes; nothing is trained yet"
        )
        began = time.monotonic()
        with self._line(transient=True) as line:
            task = line.add_task("", total=None, status="starting workers")

            def show(done: int, total: int) -> None:
                took = format_clock(time.monotonic() - began)
                line.update(task, status=f"{done} of {format_count(total, 'trial')} done  {took}")

            yield show

    def plan(self, study: Study, plan: Plan) -> None:
        """Say what is going to be done, and about how long it takes."""
        arms, runs = len(study.all_arms), study.seeds * len(study.all_arms)
        self.say(
            f"{format_count(arms, 'arm')} x {format_count(study.seeds, 'seed')} "
            f"= {format_count(runs, 'run')} · "
            f"about {format_estimate(plan.seconds(study))} on this machine "
            f"({plan.workers} at a time, {format_count(plan.threads, 'thread')} each; "
            f"measured on short trials) · {format_bytes(plan.bytes(study))}"
        )
        rows = [("arm", "images", "images/s", "a run", "what it changes")]
        for arm in study.all_arms:
            of = f" (of {arm.against})" if arm.against not in ("", study.base.name) else ""
            rows.append(
                (
                    arm.name,
                    format_short(plan.images[arm.name]),
                    f"{plan.throughput[arm.name].images_per_second:,.0f}",
                    format_estimate(plan.run_seconds(study, arm.name)),
                    format_changes(study.changes(arm.name)) + of if arm.against else "the base",
                )
            )
        self.say(aligned(rows))
        if arms > 1 and study.seeds < MIN_SEEDS:
            self.say(
                f"{format_count(study.seeds, 'seed')} can show no difference, whatever the scores: "
                f"--seeds {MIN_SEEDS} is the least"
            )

    def begin(self, directory: StudyDirectory, jobs: Sequence[Job]) -> None:
        """Say what is left to do."""
        self._directory = directory
        self._study, self._plan = directory.study, directory.plan
        self._runs = len(directory.pairs())
        self._done = {key: one.failed for key, one in directory.outcomes().items()}
        self._forecast = Forecast(directory, jobs)
        self._most: dict[Key, int] = {}
        again = [f"{job.arm} seed {job.seed}" for job in jobs if job.attempt > 1]
        if again:
            self.say(f"tried once more, because they crashed: {', '.join(again)}")
            for job in jobs:
                self._done.pop((job.arm, job.seed), None)
        if self._done:
            self.say(f"{len(self._done)} of {self._runs} runs are done already")

    def ended(self, outcome: Outcome) -> None:
        """Say how a run ended."""
        key = (outcome.arm, outcome.seed)
        self._done[key] = outcome.failed
        self._forecast.ended(key, time.monotonic(), failed=not outcome.scores)
        told = [f"{metric} {value:.4g}" for metric, value in list(outcome.scores.items())[:1]]
        text = "  ·  ".join([f"{outcome.arm} seed {outcome.seed}: {outcome.describe()}", *told])
        self.say(f"[{len(self._done)}/{self._runs}] {text}")

    def update(self, running: Sequence[Job]) -> None:
        """Show how far everything is."""
        status = self.describe(running)
        self.live.update(self._task, status=status)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            self.say(status)

    def describe(self, running: Sequence[Job]) -> str:
        """Runs and images done, failures, the time left where it is known, and what goes on."""
        now = time.monotonic()
        stages = self._forecast.look(running, now)
        for key, stage in stages.items():  # a run that goes back to a checkpoint loses no image
            self._most[key] = max(self._most.get(key, 0), stage.images)
        budgets = self._plan.images
        images = sum(budgets[arm] for arm, _ in self._done)
        images += sum(most for key, most in self._most.items() if key not in self._done)
        total = self._study.seeds * sum(budgets.values())
        failed, left = sum(self._done.values()), self._forecast.seconds(now)
        parts = [
            f"{len(self._done)} of {self._runs} runs",
            f"{failed} failed" if failed else "",
            f"{format_short(images)}/{format_short(total)} images",
            f"{format_clock(left)} left" if left else "",
            doing("training", [key for key, stage in stages.items() if not stage.scoring]),
            doing("scoring", [key for key, stage in stages.items() if stage.scoring]),
        ]
        return "  ".join(part for part in parts if part)

    def results(self, results: StudyResults) -> None:
        """Print what the study comes to, and what one would do next."""
        self.say(verdict_table(results))
        for line in explanations(results):
            self.say(line)
        others = [metric for metric in results.metrics if metric != results.deciding]
        if others:
            self.say(f"\nbeside it, without verdicts ({results.deciding} decides):")
            self.say(score_table(results, others))
        if results.recommendation:
            self.say(f"\nrecommendation: {results.recommendation}")
        self.say(f"all of it: {results.directory.results_file}")
        self.say(f"next: ganvas report {results.directory.path}")


def doing(what: str, runs: Sequence[Key]) -> str:
    """`training mlp 0, mlp 1`; nothing where no run is in that stage."""
    return f"{what} {', '.join(f'{arm} {seed}' for arm, seed in runs)}" if runs else ""


def verdict_table(results: StudyResults) -> str:
    """Each arm by the score that decides."""
    base = results.study.base.name
    several = len({arm.against for arm in results.arms if arm.against}) > 1
    beside = "verdict" if several else f"against {base}"
    rows = [("", results.deciding, beside, "failures", "images/s")]
    for arm in results.arms:
        against = results.comparison(arm.name, results.deciding)
        words = "-" if against is None else in_a_word(against)
        rows.append(
            (
                arm.name,
                mean_of(results, arm.name, results.deciding),
                f"against {arm.against}: {words}" if several and arm.against else words,
                f"{len(arm.failures)} of {len(arm.outcomes)}",
                "-" if arm.cost is None else f"{arm.cost.images_per_second:,.0f}",
            )
        )
    return aligned(rows)


def score_table(results: StudyResults, metrics: Sequence[str]) -> str:
    """Means and intervals of further scores."""
    rows = [("", *metrics)]
    for arm in results.arms:
        rows.append((arm.name, *(mean_of(results, arm.name, metric) for metric in metrics)))
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines, columns apart; a log file is as wide as it takes, so nothing is cut."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(f"{c:{w}}" for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def mean_of(results: StudyResults, arm: str, metric: str) -> str:
    """`402 [388, 421]`."""
    summary = results.summary(arm, metric)
    if summary is None or summary.mean is None:
        return "-"
    if summary.interval is None:
        return format_number(summary.mean, 3)
    low, high = summary.interval
    return f"{format_number(summary.mean, 3)} [{format_number(low, 3)}, {format_number(high, 3)}]"


def in_a_word(against: ArmComparison) -> str:
    """`better (-21 % [-30, -12])`: the verdict and the size of the effect."""
    effect, unit = against.difference, ""
    if against.test == "paired t on logs" and against.ratio is not None:
        effect, unit = in_percent(against.ratio), " %"
    if effect is None:
        return against.verdict
    size = f"{format_signed(effect.value)}{unit}"
    if effect.interval is not None:
        low, high = effect.interval
        size += f" [{format_signed(low)}, {format_signed(high)}]"
    return f"{against.verdict} ({size})"


def in_percent(ratio: Effect) -> Effect:
    """A ratio as the percentage by which the arm lies above the base."""
    interval = ratio.interval
    return Effect(
        100 * (ratio.value - 1),
        None if interval is None else (100 * (interval[0] - 1), 100 * (interval[1] - 1)),
    )


def explanations(results: StudyResults) -> list[str]:
    """On what each verdict rests, every failure with its reason, and what is missing."""
    lines = []
    for arm in results.arms:
        against = results.comparison(arm.name, results.deciding)
        if against is not None:
            lines.append(f"  {arm.name}: {against.verdict}, by {against.why}")
    for arm in results.arms:
        for seed, outcome in arm.failures.items():
            lines.append(f"  {arm.name} seed {seed} {outcome.describe()}")
    if results.missing:
        lines.append(f"  not done yet: {format_count(len(results.missing), 'run')}")
    return lines
