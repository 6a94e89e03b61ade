"""Augmentation of the discriminator's inputs: which policy, and with which probability.

Real and fake images are transformed at random in the same way, which delays overfitting of the
discriminator on few images. As long as the probability is well below 1, the generator still learns
images without the transformations. A policy is twice differentiable.

The probability is fixed, scheduled, or adaptive: an integral controller raises it while the
discriminator ranks training images too high above held-out ones, and lowers it otherwise.
"""

from __future__ import annotations

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

    @classmethod
    def start(cls, schedule: AdaptiveSchedule, policy: PolicyName = "ada") -> Augmentation:
        """The augmentation before the first image; an adaptive probability starts at 0."""
        first = 0.0 if isinstance(schedule, Adaptive) else value_at(schedule, 0)
        return cls(POLICIES[policy], schedule, first)

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
        self.probability = next_probability(self.probability, memory, schedule, images)
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


def next_probability(probability: float, memory: float, schedule: Adaptive, images: int) -> float:
    """One step of the integral controller of Karras 2020 (ADA), section 2.2.

    The paper measures r_t, the sign of the logits of training images. It has no meaning for losses
    that leave the level of the logits open (wasserstein, relativistic); ranks do for every loss.

    Args:
        probability: before the step.
        memory: the measured fraction of pairs in which a training image is ranked above a held-out
            one.
        schedule: the target of that fraction, and the images for a change of 1.
        images: seen since the last step.
    """
    above = (memory > schedule.target) - (memory < schedule.target)
    moved = probability + above * images / schedule.ramp
    return min(max(moved, 0.0), LARGEST_ADAPTIVE)
