"""Augmentation of the discriminator's inputs: which policy, and with which probability.

Real and fake images are transformed at random in the same way, which delays overfitting of the
discriminator on few images. As long as the probability is well below 1, the generator still learns
images without the transformations. A policy is twice differentiable.

The probability is fixed, scheduled, or adaptive: an integral controller raises it while the
discriminator ranks training images too high above held-out ones, by more than their choice alone
explains, and lowers it otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganvas.objectives import ada, diffaugment
from ganvas.objectives.augment_random import Policy
from ganvas.objectives.settings import PolicyName
from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.schedules import Adaptive, AdaptiveSchedule, Ramp, value_at

POLICIES: dict[PolicyName, Policy] = {"ada": ada.augment, "diffaugment": diffaugment.augment}
"""Every policy by the name that recipes use."""

MEASURE_EVERY = 1_000
"""Images between two measurements of an adaptive probability.

With 64 images of each kind (`training.memory`) they take about one percent of a step.
"""
LARGEST_ADAPTIVE = 0.8
"""Above this an adaptive probability does not rise: transformations would leak into the generated
images. The paper's controller has no such limit (NVlabs/stylegan2-ada-pytorch, issue 175)."""
ONE_SIDED_95 = 1.645
"""Standard deviations of a normal distribution, above which 5 % lie."""


@dataclass
class Augmentation:
    """Augments the discriminator's real and fake images.

    Checkpoints hold its state, the probability.
    """

    policy: Policy
    schedule: AdaptiveSchedule
    """The probability as a function of images seen, or the target that it follows."""
    probability: float = 0.0
    """The current probability of each transformation."""
    chance: float = 0.0
    """What the choice of the held-out images alone may add to the measurement."""

    @classmethod
    def start(
        cls, schedule: AdaptiveSchedule, policy: PolicyName = "ada", held_out: int = 0
    ) -> Augmentation:
        """The augmentation before the first image; an adaptive probability starts at 0.

        Args:
            schedule: the probability, or the target that it follows.
            policy: the transformations.
            held_out: images held out; 0 where nothing is measured.
        """
        first = 0.0 if isinstance(schedule, Adaptive) else value_at(schedule, 0)
        return cls(
            POLICIES[policy], schedule, first, chance_of_choice(held_out) if held_out else 0.0
        )

    def update(
        self, before: int, images_seen: int, measure_memory: Callable[[], float]
    ) -> dict[str, float]:
        """Set the probability when images were seen.

        Args:
            before: images seen at the last call.
            measure_memory: the fraction of pairs in which the discriminator ranks a training image
                above a held-out one. Called when a measurement of an adaptive probability is due.

        Returns:
            Columns for the history: none where the probability is constant.
        """
        if isinstance(self.schedule, Adaptive):
            return self._follow(self.schedule, before, images_seen, measure_memory)
        self.probability = value_at(self.schedule, images_seen)
        return {"probability": self.probability} if isinstance(self.schedule, Ramp) else {}

    def _follow(
        self,
        schedule: Adaptive,
        before: int,
        images_seen: int,
        measure_memory: Callable[[], float],
    ) -> dict[str, float]:
        """Move an adaptive probability, if a measurement is due."""
        measurements = images_seen // MEASURE_EVERY - before // MEASURE_EVERY
        if measurements == 0:
            return {"probability": self.probability}
        memory = measure_memory()
        images = measurements * MEASURE_EVERY
        self.probability = next_probability(self.probability, memory, schedule, images, self.chance)
        return {"probability": self.probability, "memory": memory}

    def __call__(
        self,
        batches: Sequence[Tensor],
        random: torch.Generator,
        processes: ProcessGroup = SINGLE_PROCESS,
    ) -> Sequence[Tensor]:
        """The batches (N, C, H, W), transformed with the current probability."""
        return self.policy(batches, self.probability, random, processes)

    def state_dict(self) -> dict[str, float]:
        """The state for a checkpoint."""
        return {"probability": self.probability}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Restore the state of a checkpoint."""
        self.probability = state["probability"]


def chance_of_choice(held_out: int) -> float:
    """How far a discriminator that knows nothing may rank the held-out images below others.

    Images are held out once. Where they are few they may look less likely than the others by
    chance, and do so at every measurement: without this allowance 20 of 200 photographs raised the
    probability in runs that had memorised nothing. Against infinitely many training images, the
    fraction of pairs is then the mean of N uniform numbers, with the standard deviation
    1 / sqrt(12 N). This is the one-sided 95 % point.

    Args:
        held_out: N, at least 1.
    """
    return ONE_SIDED_95 / math.sqrt(12 * held_out)


def next_probability(
    probability: float, memory: float, schedule: Adaptive, images: int, chance: float = 0.0
) -> float:
    """One step of the integral controller of Karras 2020 (ADA), section 2.2.

    The paper measures r_t, the sign of the logits of training images. It has no meaning for losses
    that leave the level of the logits open (wasserstein, relativistic); ranks do for every loss.

    Args:
        probability: before the step.
        memory: the measured fraction of pairs in which a training image is ranked above a held-out
            one.
        schedule: the target of that fraction, and the images for a change of 1.
        images: seen since the last step.
        chance: it rises only if memory exceeds the target by more than this; it falls below the
            target.
    """
    above = (memory > schedule.target + chance) - (memory < schedule.target)
    moved = probability + above * images / schedule.ramp
    return min(max(moved, 0.0), LARGEST_ADAPTIVE)
