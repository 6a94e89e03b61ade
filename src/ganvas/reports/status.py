"""The status of a run: the headline, the next steps, and the run in numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from statistics import median

from ganvas.command_line import ganvas_command
from ganvas.diagnosis import Diagnosis
from ganvas.evaluation.summary import question_of
from ganvas.formatting import (
    format_count,
    format_duration,
    format_image_size,
    format_number,
    format_weights,
)
from ganvas.health.finding import HealthStatus
from ganvas.metrics.names import more_is_better
from ganvas.recipes import Recipe, count_weights
from ganvas.reports.attempts import Attempt
from ganvas.reports.commands import Command, command_with_change
from ganvas.reports.local_paths import folder_name
from ganvas.reports.texts import as_sentence, better_word, symptom_name
from ganvas.runs import Run
from ganvas.runs.history import TIMINGS, Record, records_with
from ganvas.runs.status import State

MOST_STEPS = 3
"""Next steps that are suggested."""


@dataclass(frozen=True)
class RunStatus:
    """How far a run got, and how healthy it is.

    seen: images; budget: how many it is to see.
    """

    state: State
    seen: int
    budget: int
    health: HealthStatus
    headline: str
    meaning: str


def status_of(run: Run, diagnosis: Diagnosis, rewinds: int = 0) -> RunStatus:
    """Health first, then how far training got."""
    saved = run.read_status()
    state = state_of(run)
    recipe = run.read_recipe()
    seen, budget = max(diagnosis.images_seen, saved.images_seen), recipe.images
    symptom = symptom_name(diagnosis.findings[0].symptom) if diagnosis.findings else ""
    health = {
        "healthy": "Healthy" if state == "finished" else "Healthy so far",
        "watch": f"To be watched: {symptom}",
        "failing": f"Failing: {symptom}",
        "too early to tell": "Too early to tell whether it is healthy",
        "not judged": "Health was not checked",
    }[diagnosis.verdict]
    if state == "diverged":
        health = "Diverged"
    if rewinds:
        health += f" after {'one rewind' if rewinds == 1 else f'{rewinds} rewinds'}"
    so_far = f"{seen:,} of {budget:,} images{size_so_far(recipe, seen)}"
    progress = {
        "finished": f"trained on {seen:,} images",
        "running": f"training now, at {so_far}",
        "stopped without saving": f"stopped without saving at {so_far}",
        "interrupted": f"interrupted at {so_far}",
    }.get(state, f"stopped at {so_far}")
    meaning = meaning_of(diagnosis, as_sentence(saved.reason) if state == "diverged" else "")
    return RunStatus(state, seen, budget, diagnosis.verdict, f"{health}; {progress}", meaning)


def size_so_far(recipe: Recipe, seen: int) -> str:
    """`, at 16x16` of a run that grows, after so many images; empty of others."""
    return "" if recipe.grow is None else f", at {format_image_size(recipe.size_at(seen))}"


def state_of(run: Run) -> State:
    """The run's state; a status that was never written is taken for finished."""
    state = run.state()
    return "finished" if state == "unknown" else state


def meaning_of(diagnosis: Diagnosis, reason: str) -> str:
    """What the headline means, in a sentence or two.

    Args:
        reason: why training diverged, as a sentence; empty if it did not.
    """
    if diagnosis.findings:
        others = len(diagnosis.findings) - 1
        more = f" {format_count(others, 'more finding')} below." if others else ""
        return f"{reason} {diagnosis.findings[0].meaning}{more}".strip()
    if reason:
        return reason
    if diagnosis.verdict == "too early to tell":
        checked = diagnosis.applicable - len(diagnosis.not_checked)
        return (
            f"No symptom of unhealthy training was found, but only {checked} of the "
            f"{diagnosis.applicable} symptoms that this recipe can show could be checked so far. "
            "The section Health says when the others can be."
        )
    if diagnosis.verdict == "healthy":
        return (
            "No symptom of unhealthy training was found. This says how training goes, not how good "
            "the images are: for that, compare the scores with those of real images."
        )
    return " ".join(diagnosis.caveats) or "No probes were taken, so health cannot be checked."


def next_steps(run: Run, diagnosis: Diagnosis, status: RunStatus) -> list[Command]:
    """What to do next, the most useful first; at most three."""
    return list(islice(_next_steps(run, diagnosis, status), MOST_STEPS))


def _next_steps(run: Run, diagnosis: Diagnosis, status: RunStatus) -> Iterator[Command]:
    path = folder_name(run.directory)
    if diagnosis.findings and diagnosis.findings[0].advice:
        command = command_with_change(run, diagnosis.findings[0].advice[0])
        if command is not None:
            yield command
    resume = ganvas_command("resume", path)
    if status.state == "interrupted" and status.health != "failing":
        yield Command(resume, "Continue exactly where it stopped.")
    if status.state == "stopped without saving" and status.health != "failing":
        saved = run.read_status().images_seen
        yield Command(resume, f"Continue where it was saved, at {saved:,} images.")
    if status.state == "running":
        about = "It is still training: make this report again."
        yield Command(ganvas_command("report", path), about)
    if not run.scores.records() and status.seen > 0 and run.can_be_scored():
        yield Command(ganvas_command("evaluate", path), "Measure how good the images are.")
    best, curve = run.best_checkpoint(), deciding_scores(run)
    if best is not None and curve and is_worse(curve[-1], best, curve):
        yield Command(
            ganvas_command("sample", path, "--checkpoint", "best"),
            f"The best score was at {best:,} images: use the generator of that checkpoint.",
        )
    elif status.state == "finished" and status.health != "failing":
        improving = len(curve) > 2 and curve[-1]["images_seen"] == best
        about = "The score was still improving" if improving else "It may improve further"
        about = "Some symptoms cannot be checked before" if diagnosis.too_early else about
        longer = ganvas_command("resume", path, "--images", diagnosis.longer_budget)
        yield Command(longer, f"{about}: train longer.")


def deciding_scores(run: Run) -> list[Record]:
    """The scores while training by which the best checkpoint is chosen, oldest first."""
    records = [record for record in run.scores.records() if record["while_training"]]
    return [record for record in records if record["metric"] == records[0]["metric"]]


def is_worse(last: Record, best: int, curve: list[Record]) -> bool:
    """Whether the last score is worse than the best one by more than both intervals."""
    top = next((record for record in curve if record["images_seen"] == best), last)
    if more_is_better(last["metric"]):
        return bool(last["interval"][1] < top["interval"][0])
    return bool(last["interval"][0] > top["interval"][1])


def facts(run: Run, status: RunStatus, attempts: list[Attempt]) -> Iterator[tuple[str, str, str]]:
    """The run in numbers: a term, its value, a note."""
    recipe, data, environment = run.read_recipe(), run.read_data(), run.read_environment()
    shape = run.read_shape()
    training = data["images"] - data["held_out"]
    kind = "points" if shape.is_point else f"images, {shape}"
    loss = recipe.objective.loss
    names = recipe.generator.network.name, recipe.discriminator.network.name
    networks = " against ".join(dict.fromkeys(names))
    note = f"{networks}, {loss} loss; seed {environment['seed']}"
    yield "Recipe", recipe.name, note
    yield "Data", data["name"], f"{training:,} {kind}; {data['held_out']:,} held out"
    if recipe.grow is not None:
        size = format_image_size(recipe.size_at(status.seen))
        yield "Size", size, f"grows: {recipe.grow.in_words()}"
    epochs = status.seen / max(1, training)
    yield "Images seen", f"{status.seen:,}", f"of {status.budget:,}; {epochs:.1f} epochs"
    history = records_with(attempts[-1].history, *TIMINGS)
    if history:
        rates = [record["images_per_second"] for record in history]
        note = f"typically {median(rates):,.0f} images/s"
        note += "; without discarded attempts" if len(attempts) > 1 else ""
        yield "Training time", format_duration(history[-1]["seconds"]), note
        memory = max(record["memory_mb"] for record in history)
        yield "Memory", f"{memory:,.0f} MB", "at most"
    yield from score_fact(run)
    weights = count_weights(recipe, shape, len(data["labels"]))
    yield "Weights", " + ".join(map(format_weights, weights)), "generator + discriminator"
    device, name = environment["device"], environment["device_name"]
    if device == "cpu":
        name = f"{name}, {format_count(environment['threads'], 'thread')}"
    yield "Device", device, name


def score_fact(run: Run) -> Iterator[tuple[str, str, str]]:
    """The newest score: of several of the same images seen, the first that tells the quality."""
    records = run.scores.records()
    newest = [
        record
        for record in records
        if all(record[key] == records[-1][key] for key in ("images_seen", "while_training"))
    ]
    if newest:
        record = min(newest, key=lambda record: question_of(record["metric"]))
        metric, floor = record["metric"], format_number(record["floor"])
        note = f"real images {floor}; {better_word(metric)} is better"
        yield metric, format_number(record["value"]), note
