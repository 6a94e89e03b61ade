"""How training is watched: probes into the history, what the rules find into findings.jsonl.

A finding is written when it begins ("onset"), when a watch becomes a failure ("worse") and when it
is over ("end"): the file tells the story, and what is open can be read from it at any time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas import images
from ganvas.data.preparation import PreparedData
from ganvas.errors import Unhealthy
from ganvas.health.assessment import apply_rules, health_status
from ganvas.health.evidence import Evidence
from ganvas.health.finding import Finding, HealthStatus
from ganvas.health.probes import run_probes
from ganvas.health.probes.context import ProbeContext
from ganvas.objectives.objective import Objective
from ganvas.randomness import derive_seed, draw_latents, named_generator
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.runs.history import Record
from ganvas.schedules import value_at
from ganvas.training.state import TrainState

LOOK_BACK = 1_000
"""Records that the rules look back on while training."""

LOOKED_AT = 64
"""Images of each kind that a probe looks at."""


class Watch:
    """Looks after the health of one run: what is wrong now, since when, and how that changed."""

    def __init__(
        self, run: Run, recipe: Recipe, objective: Objective, data: PreparedData, state: TrainState
    ) -> None:
        self.findings: tuple[Finding, ...] = ()
        self._verdict: HealthStatus | None = None
        self._run, self._recipe, self._objective = run, recipe, objective
        self._records = deque(run.history.records(), maxlen=LOOK_BACK)
        self._open = open_findings(run.findings.records())
        self._training_images = len(data.training)
        seed = run.read_environment()["seed"]
        shown, held_out = (
            min(LOOKED_AT, len(indices)) // objective.pac * objective.pac
            for indices in (data.training, data.held_out)
        )
        self._real = some_of(data, data.training, shown, seed, state.device)
        self._held_out = some_of(data, data.held_out, held_out, seed, state.device)
        grid = named_generator(seed, "grid")  # the images that the grids show
        self._latents = draw_latents(shown, recipe.latent_dim, grid).to(state.device)

    def in_words(self) -> str:
        """The verdict for the live line; nothing before the first probe."""
        first = f": {self.findings[0].symptom}" if self.findings else ""
        return f"{self._verdict or ''}{first}"

    def probe(self, state: TrainState) -> Record:
        """Measure, on copies, what the rules want to know; training does not notice."""
        recipe, seen = self._recipe, state.images_seen
        numbers, snapshot = run_probes(
            self._probe_context(state),
            value_at(recipe.generator.learning_rate, seen),
            value_at(recipe.discriminator.learning_rate, seen),
        )
        if snapshot is not None:
            state.followed = (*state.followed, snapshot)[-2:]
        return numbers

    def _probe_context(self, state: TrainState) -> ProbeContext:
        """Training's networks and optimizers, and the images to probe them with."""
        seed = derive_seed(self._run.read_environment()["seed"], "probes")
        seen = state.images_seen
        return ProbeContext(
            generator=state.generator,
            discriminator=state.discriminator,
            ema=state.average,
            generator_optimizer=state.generator_optimizer,
            discriminator_optimizer=state.discriminator_optimizer,
            objective=self._objective,
            latents=self._latents,
            real=self._real,
            held_out=self._held_out,
            previous_snapshots=state.followed,
            images_seen=seen,
            discriminator_steps=state.discriminator_steps,
            random=named_generator(seed, f"at {seen}", state.device),
            precision=state.precision,
        )

    def take(self, record: Record) -> None:
        """Remember a record of the history."""
        self._records.append(record)

    def judge(self, images_seen: int) -> list[Record]:
        """Apply the rules to all that was taken; returns and writes down what has changed."""
        evidence = self.evidence()
        self.findings = apply_rules(evidence)
        self._verdict = health_status(evidence, self.findings)
        events = changes(self._open, self.findings, images_seen)
        for event in events:
            self._run.findings.append(event)
        self._open = open_findings(events, self._open)
        return events

    def evidence(self) -> Evidence:
        """What the rules look at."""
        return Evidence(
            records=tuple(self._records),
            recipe=self._recipe,
            training_images=self._training_images,
            scores=tuple(self._run.scores.records()),
        )

    def refuse_failure(self, images_seen: int) -> None:
        """Raise `Unhealthy` where training fails and the recipe says not to go on."""
        failing = [finding for finding in self.findings if finding.verdict == "failing"]
        if not failing or self._recipe.on_failure == "warn":
            return
        first = failing[0]
        change = first.advice[0]
        reason = f"{first.symptom}: {first.meaning}"
        self._run.write_status("unhealthy", images_seen, reason)
        healthy = self._run.last_healthy_checkpoint()
        kept = (
            "There is no healthy checkpoint yet."
            if healthy is None
            else f"The last healthy checkpoint is {self._run.checkpoint_path(healthy)}."
        )
        raise Unhealthy(
            f"training was stopped at {images_seen:,} images, {reason} {kept} "
            f"Try {change.flag} (in recipes {change.field}). The whole diagnosis: ganvas diagnose "
            f"{self._run.directory}"
        )


def some_of(
    data: PreparedData, indices: npt.NDArray[np.int64], count: int, seed: int, device: torch.device
) -> Tensor:
    """`count` of the images with these indices, always the same: (count, C, H, W) in [-1, 1]."""
    random = np.random.default_rng(derive_seed(seed, "images that probes look at"))
    chosen = np.sort(random.choice(indices, count, replace=False))
    return images.to_signed(torch.from_numpy(data.images[chosen]).to(device))


def changes(
    before: dict[str, HealthStatus], findings: tuple[Finding, ...], images_seen: int
) -> list[Record]:
    """What began, got worse or ended, as records of findings.jsonl.

    Args:
        before: the verdict of every finding that was open.
        findings: those that are open now.
        images_seen: now.
    """
    now = {"images_seen": images_seen}
    events: list[Record] = []
    for finding in findings:
        known = before.get(finding.symptom)
        if known is None:
            events.append({"event": "onset", **now, **finding.to_table()})
        elif known == "watch" and finding.verdict == "failing":
            events.append({"event": "worse", **now, **finding.to_table()})
    gone = set(before) - {finding.symptom for finding in findings}
    return events + [{"event": "end", **now, "symptom": symptom} for symptom in sorted(gone)]


def open_findings(
    events: list[Record], before: Mapping[str, HealthStatus] | None = None
) -> dict[str, HealthStatus]:
    """The worst verdict of every finding that began and did not end, by symptom.

    Args:
        events: records of findings.jsonl.
        before: what was open before them.
    """
    found = dict(before or {})
    for event in events:
        match event["event"]:
            case "onset" | "worse":
                found[event["symptom"]] = event["verdict"]
            case "end":
                found.pop(event["symptom"], None)
    return found
