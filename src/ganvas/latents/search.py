"""The way from starts to the latents of pictures: the published schedule, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ganvas.images import to_uint8
from ganvas.latents.distances import Description, Distance, total
from ganvas.latents.latents import Latents, images_of
from ganvas.metrics.features import FULL_PRECISION
from ganvas.randomness import named_generator

LEARNING_RATE, BETAS = 0.1, (0.9, 0.999)
RAMP_UP, RAMP_DOWN = 0.05, 0.25
"""Fractions of the steps in which the learning rate rises, and falls to 0."""
NOISE, NOISE_END = 0.05, 0.75
"""Noise on the latents at first, in units of their spread, and when it ends, as a fraction."""

PULL = 0.01
"""Weight of the pull to the sphere, where the latents of training lie."""

MOMENTS = 48
"""Images of the way from the start to the projection."""


@dataclass(frozen=True)
class SearchPlan:
    """How far to search from how many starts.

    spread: the root of the summed variances of latents or styles; for latents sqrt(Z).
    one_style: move one style for all layers, not one for each.
    """

    steps: int
    starts: int
    seed: int
    spread: float
    one_style: bool = False


def learning_rate(t: float) -> float:
    """At the fraction t of the steps: a linear rise, then constant, then a cosine to 0."""
    down = min(1.0, (1 - t) / RAMP_DOWN)
    up = min(1.0, t / RAMP_UP)
    return LEARNING_RATE * up * (0.5 - 0.5 * math.cos(down * math.pi))


def noise_strength(t: float) -> float:
    """At the fraction t of the steps, in units of the spread of latents."""
    return NOISE * max(0.0, 1 - t / NOISE_END) ** 2


def sphere_pull(latents: Tensor) -> Tensor:
    """How far latents (N, Z) are from the sphere of radius sqrt(Z), (N,): (|z| - sqrt(Z))^2.

    The lengths of normal latents have a variance of about 1/2 around it, whatever Z is.
    """
    radius = latents.square().sum(1).sqrt()
    return (radius - math.sqrt(latents.shape[1])).square()


class Search:
    """The starts of some pictures on their way: all move at once, picture by picture in the rows.

    Args:
        starts: (N * plan.starts, ...).
        of_targets: what the distance compares, of the picture of each start.
    """

    def __init__(
        self,
        network: nn.Module,
        distance: Distance,
        plan: SearchPlan,
        starts: Latents,
        of_targets: Description,
    ) -> None:
        self.network, self.distance, self.plan = network, distance, plan
        self.starts, self.of_targets = starts, of_targets
        values = starts.values[:, :1] if plan.one_style else starts.values
        self.moving = values.detach().clone().requires_grad_()
        self.way: list[Tensor] = []
        """The nearest image to each picture at some steps, uint8 (N, C, H, W)."""

    def steps(self) -> Iterator[int]:
        """Make all steps; gives the number of those that are done after each."""
        plan, moving = self.plan, self.moving
        adam = torch.optim.Adam([moving], betas=BETAS)
        random = named_generator(plan.seed, "noise of projection")
        count = min(MOMENTS, plan.steps)
        moments = set(np.linspace(0, plan.steps - 1, count).astype(int).tolist())
        for step in range(plan.steps):
            t = step / plan.steps
            adam.param_groups[0]["lr"] = learning_rate(t)
            with FULL_PRECISION():
                images, terms = self.outcome(moving + self.noise(t, random))
                loss = total(terms).sum()
                if self.starts.space == "z":
                    loss = loss + PULL * sphere_pull(moving).sum()
                adam.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                adam.step()
            if step in moments:
                self.way.append(to_uint8(images.detach()[self.best_rows(terms)]))
            yield step + 1

    def noise(self, t: float, random: torch.Generator) -> Tensor:
        """The noise at the fraction t of the steps: of each start, the same for every picture."""
        starts, shape = self.plan.starts, self.moving.shape
        drawn = torch.randn((starts, *shape[1:]), generator=random)
        repeats = [shape[0] // starts, *[1] * (len(shape) - 1)]
        return drawn.repeat(repeats).to(self.moving.device) * (self.plan.spread * noise_strength(t))

    def outcome(self, values: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The images (R, C, H, W) at these values, and the terms of their distances, each (R,)."""
        images = images_of(self.network, self.latents_at(values))
        return images, self.distance.terms(self.distance.describe(images), self.of_targets)

    def latents_at(self, values: Tensor) -> Latents:
        """The values as latents: one style is that of all layers."""
        if self.starts.space == "w":
            values = values.expand(-1, self.starts.values.shape[1], -1)
        return Latents(values, self.starts.labels, self.starts.space)

    def best_rows(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The row of the nearest start of each picture, (N,)."""
        distances = total(terms).detach().view(-1, self.plan.starts)
        first = torch.arange(len(distances), device=distances.device) * self.plan.starts
        return first + distances.argmin(1)

    def nearest(self) -> tuple[Latents, Tensor, Mapping[str, Tensor]]:
        """Of each picture the start that is nearest now: latents, images, terms of distances."""
        with torch.no_grad(), FULL_PRECISION():
            images, terms = self.outcome(self.moving)
        best = self.best_rows(terms)
        latents = self.latents_at(self.moving.detach())[best]
        return latents, images[best], {name: term[best] for name, term in terms.items()}
