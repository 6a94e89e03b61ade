"""How much the discriminator has memorised, as adaptive augmentation measures it.

The quantity is that of the health probe `probe/ranking/memory`: the fraction of (training,
held-out) pairs in which the discriminator ranks the training image higher.

- Images are new at every measurement, drawn from all that are trained on and all that are held out.
  Of a fixed choice, a few held-out images that look unusual would mislead the controller for the
  whole run; noise that is new each time averages out. That all held-out images are few remains, and
  the controller allows for it (`objectives.augmentation.chance_of_choice`).
- They are not augmented, which treats both kinds alike, needs no random numbers, and measures the
  images that the generator is to learn.
"""

from __future__ import annotations

import numpy as np

from ganvas import images
from ganvas.data.order import Indices
from ganvas.health.probes.logits import auc
from ganvas.objectives.packing import pack
from ganvas.randomness import derive_seed
from ganvas.training.state import TrainState

MEASURED_IMAGES = 64
"""Images of each kind, fewer where there are not as many."""


def measure_memory(state: TrainState) -> float:
    """P(logit of a training image > logit of a held-out one), the same number on every process.

    A function of the weights, the data, the seed and the images seen. It draws from none of the
    run's generators and changes nothing in the networks.
    """
    data, pac = state.stream.data, state.objective.pac
    random = np.random.default_rng(derive_seed(state.seed, f"memory at {state.images_seen}"))
    training, held_out = (
        draw_packs(indices, pac, random) for indices in (data.training, data.held_out)
    )
    packs = np.concatenate([training, held_out])  # (P, pac)
    # Every process computes some of the logits; the sum over processes has all of them.
    own = slice(state.processes.rank, None, state.processes.size)
    batch = state.stream.read(packs[own].reshape(-1))
    labels = None if batch.labels is None else batch.labels.to(state.device)
    logits = state.functions.evaluated_logits(pack(images.to_signed(batch.images), pac), labels)
    everyone = logits.new_zeros(len(packs))
    everyone[own] = logits
    state.processes.all_reduce_mean([everyone])  # a factor does not change ranks
    return auc(everyone[: len(training)], everyone[len(training) :])


def draw_packs(indices: Indices, pac: int, random: np.random.Generator) -> Indices:
    """Different images in packs, (P, pac)."""
    count = min(MEASURED_IMAGES, len(indices)) // pac * pac
    return random.choice(indices, count, replace=False).reshape(-1, pac)
