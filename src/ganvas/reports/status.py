"""How a run stands, in words: the headline, what one would do next, and its numbers."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

import torch

from ganvas.diagnosis import Diagnosis
from ganvas.errors import RecipeError
from ganvas.formatting import format_count, format_duration, format_number, format_weights
from ganvas.health.advice import apply_change
from ganvas.health.examine import all_look_from
from ganvas.health.finding import Change, Verdict
from ganvas.metrics.names import more_is_better
from ganvas.networks import ImageShape
from ganvas.recipes import Recipe
from ganvas.reports import words
from ganvas.reports.attempts import Attempt
from ganvas.reports.commands import Command, flags_of, training_command
from ganvas.runs import Run
from ganvas.runs.history import Record

State = Literal["finished", "running", "broken off", "interrupted", "diverged", "unhealthy"]

NEW_RUN = "runs/changed"
"""Where suggested commands write, as an example."""


@dataclass(frozen=True)
class Standing:
    """How a run stands.

    seen: images; budget: how many it shall see.
    word: the verdict on its health.
    """

    state: State
    seen: int
    budget: int
    word: Verdict
    headline: str
    meaning: str


@dataclass(frozen=True)
class Fact:
    """One number of the run."""

    term: str
    value: str
    note: str = ""


def status_of(run: Run, found: Diagnosis, rewinds: int = 0) -> Standing:
    """The verdict first, then where training stands."""
    state = state_of(run, found.status)
    seen = max(found.images_seen, run.read_status()["images_seen"])
    budget = run.read_recipe().images
    first = found.findings[0] if found.findings else None
    symptom = "" if first is None else words.symptom(first.symptom)
    verdict = {
        "healthy": "Healthy" if state == "finished" else "Healthy so far",
        "watch": f"To be watched: {symptom}",
        "failing": f"Failing: {symptom}",
        "too early to tell": "Too early to tell whether it is healthy",
        "not judged": "Health was not judged",
    }[found.verdict]
    if state == "diverged":
        verdict = "Diverged"
    if rewinds:
        verdict += " after one rewind" if rewinds == 1 else f" after {rewinds} rewinds"
    of = f"{seen:,} of {budget:,} images"
    where = {
        "finished": f"trained on {seen:,} images",
        "running": f"training now, at {of}",
        "broken off": f"broken off at {of}",
        "interrupted": f"interrupted at {of}",
        "diverged": f"stopped at {of}",
        "unhealthy": f"stopped at {of}",
    }[state]
    headline = f"{verdict}; {where}"
    return Standing(state, seen, budget, found.verdict, headline, meaning(run, found))


def state_of(run: Run, status: str) -> State:
    """The status in the files; a run that says running while nobody writes it was broken off."""
    if status == "running" and not run.is_being_written():
        return "broken off"
    known: dict[str, State] = {
        "running": "running",
        "interrupted": "interrupted",
        "diverged": "diverged",
        "unhealthy": "unhealthy",
    }
    return known.get(status, "finished")


def meaning(run: Run, found: Diagnosis) -> str:
    """What the verdict means, in a sentence or two."""
    reason = ""
    if found.status == "diverged":
        reason = words.sentence(run.read_status().get("reason", ""))
    if found.findings:
        others = len(found.findings) - 1
        more = f" {others} more below." if others else ""
        return f"{reason} {found.findings[0].meaning}{more}".strip()
    if reason:
        return reason
    if found.verdict == "too early to tell":
        looked = found.possible - len(found.unable)
        return (
            f"No symptom of sick training shows, but only {looked} of the {found.possible} that "
            "this recipe can show could be looked for yet; Health below says from when on the "
            "others are."
        )
    if found.verdict == "healthy":
        return (
            "No symptom of sick training shows. That says how training goes, not how good the "
            "images are: scores beside those of real images say that."
        )
    return " ".join(found.reservations) or "Nothing was probed, so there is nothing to judge by."


def next_steps(run: Run, found: Diagnosis, stands: Standing) -> list[Command]:
    """What one would do now, the most useful first; at most three."""
    path = shlex.quote(str(run.directory))
    steps = []
    if found.findings and found.findings[0].advice:
        first = found.findings[0].advice[0]
        changed = changed_command(run, first)
        if changed is not None:
            steps.append(changed)
    unfinished = stands.state in ("broken off", "interrupted")
    if unfinished and stands.word != "failing":
        steps.append(Command(f"ganvas resume {path}", "Go on exactly where it stopped."))
    if stands.state == "running":
        steps.append(Command(f"ganvas report {path}", "It is still training: look again later."))
    steps += after_scores(run, stands, path)
    return steps[:3]


def changed_command(run: Run, change: Change) -> Command | None:
    """A new run with one change; None where the recipe cannot take it."""
    recipe = run.read_recipe()
    try:
        changed = apply_change(recipe, change)
    except RecipeError:
        return None
    about = f"Train anew with {change.flag}: {change.why}."
    if flags_of(changed) is not None:
        return training_command(run, changed, about, NEW_RUN)
    # The run's own recipe as a file, and the change where one sees it.
    command = training_command(run, recipe, about, NEW_RUN)
    return replace(command, line=f"{command.line} {change.flag}")


def after_scores(run: Run, stands: Standing, path: str) -> Iterator[Command]:
    """What the scores suggest."""
    records = run.scores.records()
    if not records and stands.seen > 0 and run.can_be_scored():
        yield Command(f"ganvas evaluate {path}", "Measure how good the images are.")
    best, course = run.best(), deciding_scores(run)
    if best is not None and course and is_worse(course[-1], best, course):
        yield Command(
            f"ganvas sample {path} --checkpoint best",
            f"The best score was at {best:,} images: take the generator of then.",
        )
    elif stands.state == "finished" and stands.word == "too early to tell":
        images = max(2 * stands.budget, all_look_from(run.read_recipe()))
        yield Command(
            f"ganvas resume {path} --images {images}",
            "Train on, until every symptom can be looked for.",
        )
    elif stands.state == "finished" and stands.word != "failing":
        improving = len(course) > 2 and course[-1]["images_seen"] == best
        why = "The score was still getting better" if improving else "It may get better"
        yield Command(
            f"ganvas resume {path} --images {2 * stands.budget}", f"{why}: train twice as long."
        )


def deciding_scores(run: Run) -> list[Record]:
    """The scores while training by which the best checkpoint is chosen, oldest first."""
    records = [one for one in run.scores.records() if one["while_training"]]
    names = [one["metric"] for one in records]
    return [one for one in records if one["metric"] == names[0]]


def is_worse(last: Record, best: int, course: list[Record]) -> bool:
    """Whether the last score is worse than the best one by more than both intervals."""
    then = next((one for one in course if one["images_seen"] == best), last)
    if more_is_better(last["metric"]):
        return bool(last["interval"][1] < then["interval"][0])
    return bool(last["interval"][0] > then["interval"][1])


def facts(run: Run, stands: Standing, taken: list[Attempt]) -> list[Fact]:
    """The numbers of the run."""
    recipe, data, environment = run.read_recipe(), run.read_data(), run.read_environment()
    history = taken[-1].history
    shape = ImageShape(**data["shape"])
    training = data["images"] - data["held_out"]
    epochs = stands.seen / max(1, training)
    kind = "points" if shape.is_point else f"images, {shape}"
    loss = recipe.objective.loss
    about = f"{recipe.architecture.name}, {loss} loss; seed {environment['seed']}"
    found = [
        Fact("Recipe", recipe.name, about),
        Fact("Data", data["name"], f"{training:,} {kind}; {data['held_out']:,} held out"),
        Fact("Images seen", f"{stands.seen:,}", f"of {stands.budget:,}; {epochs:.1f} times over"),
    ]
    if history:
        rates = [one["images_per_second"] for one in history if "images_per_second" in one]
        memory = max(one.get("memory_mb", 0) for one in history)
        spent = format_duration(history[-1]["seconds"])
        rate = f"typically {median(rates):,.0f} images/s"
        found.append(
            Fact(
                "Time training",
                spent,
                f"{rate}; without what was given up" if len(taken) > 1 else rate,
            )
        )
        found.append(Fact("Memory", f"{memory:,.0f} MB", "at most"))
    found += score_fact(run)
    device, name = environment["device"], environment["device_name"]
    if device == "cpu":
        threads = environment["threads"]
        name = f"{name}, {format_count(threads, 'thread')}"
    both = " + ".join(format_weights(size) for size in weights_of(recipe, shape))
    return [
        *found,
        Fact("Weights", both, "generator + discriminator"),
        Fact("Device", device, name),
    ]


def score_fact(run: Run) -> list[Fact]:
    """The newest score, of those measured last its first; none where none was measured."""
    records = run.scores.records()
    if not records:
        return []
    last = records[-1]
    same = (last["images_seen"], last["while_training"])
    first = next(one for one in records if (one["images_seen"], one["while_training"]) == same)
    floor = f"real images {format_number(first['floor'])}"
    better = "higher" if more_is_better(first["metric"]) else "lower"
    return [Fact(first["metric"], format_number(first["value"]), f"{floor}; {better} is better")]


def weights_of(recipe: Recipe, shape: ImageShape) -> tuple[int, int]:
    """How many numbers the generator and the discriminator hold, counted without making them."""
    with torch.device("meta"):
        networks = recipe.architecture.build_packed(shape, recipe.latent_dim, recipe.objective.pac)
    generator, discriminator = (
        sum(weight.numel() for weight in network.parameters()) for network in networks
    )
    return generator, discriminator
