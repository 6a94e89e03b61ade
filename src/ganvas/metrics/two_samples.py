"""Can a network that never saw another image tell samples from real images?"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganvas.errors import GanvasError
from ganvas.metrics.estimate import Estimate, proportion
from ganvas.metrics.features import FULL_PRECISION
from ganvas.metrics.inputs import identical_warnings
from ganvas.metrics.small_network import (
    DIMENSION,
    Indices,
    convolutions,
    index_batches,
    input_size,
    prepared,
    to_device,
    train_network,
)
from ganvas.progress import no_progress
from ganvas.randomness import derive_seed, named_generator, seeded_weights

FEWEST = 100
"""Images of each kind: half of them to train on, the other half to test."""

IMAGES_SEEN = 12_000
"""Images that training takes, counting repeats, however many there are."""

BATCH = 64
LEARNING_RATE = 1e-3


def two_sample_test(real: Tensor, fake: Tensor, seed: int) -> Estimate:
    """How often a classifier of real images and samples is right on images that it never saw.

    The classifier two-sample test (Lopez-Paz and Oquab 2017, section 3): a small network is trained
    from scratch on one half of real images and samples, as many of each, and tested on the others.
    0.5 is chance: it finds no difference. For perfect samples the number of right answers is
    binomial, however much the network has overfitted. The interval is over new test images, with
    the network fixed.

    Args:
        real: uint8 (n, C, H, W), C 1 to 4, sides of at least 12.
        fake: uint8 (m, C, H, W). The first min(n, m) of both are used.
        seed: decides the initial weights and the order of images.

    Returns:
        The accuracy, 0 to 1, with the detail `test_images`.

    Raises:
        GanvasError: fewer than `FEWEST` images, or too small ones.
    """
    count = min(len(real), len(fake))
    if count < FEWEST:
        raise GanvasError(
            f"c2st needs at least {FEWEST} samples and as many held-out images; got {len(fake)} "
            f"and {len(real)}"
        )
    size = input_size(real.shape[2], real.shape[3], "c2st")
    half = count // 2
    with FULL_PRECISION():
        network = _trained(real[:half], fake[:half], size, seed)
        right = _right_answers(network, real[half:count], size, is_fake=False)
        right += _right_answers(network, fake[half:count], size, is_fake=True)
    tested = 2 * (count - half)
    warnings = identical_warnings(real=real[:count].flatten(1), generated=fake[:count].flatten(1))
    estimate = proportion(right, tested, warnings)
    return replace(
        estimate,
        method="Wilson, over test images with the network fixed",
        details={"test_images": tested},
    )


def _trained(real: Tensor, fake: Tensor, size: tuple[int, int], seed: int) -> nn.Module:
    """A network whose logit is positive for samples, trained on as many of both."""
    with seeded_weights(derive_seed(seed, "c2st")):
        layers = convolutions(size, channels=real.shape[1], normalised=False)
        network = nn.Sequential(*layers, nn.ReLU(), nn.Linear(DIMENSION, 1))
    to_device(network, real.device)
    images = prepared(torch.cat([real, fake]), size)
    targets = torch.cat([images.new_zeros(len(real)), images.new_ones(len(fake))])
    random = named_generator(seed, "order of the images of c2st")

    def loss_of(indices: Indices) -> Tensor:
        chosen = torch.from_numpy(indices).to(images.device)
        logits: Tensor = network(images[chosen])[:, 0]
        return functional.binary_cross_entropy_with_logits(logits, targets[chosen])

    train_network(
        network,
        index_batches(len(images), BATCH, random),
        loss_of,
        total=IMAGES_SEEN,
        learning_rate=LEARNING_RATE,
        on_progress=no_progress,
        name="the network of c2st",
    )
    return network


def _right_answers(network: nn.Module, images: Tensor, size: tuple[int, int], is_fake: bool) -> int:
    """Of how many images the network says correctly whether they are samples."""
    right = 0
    with torch.no_grad():
        for batch in torch.split(images, TEST_BATCH):
            logits: Tensor = network(prepared(batch, size))[:, 0]
            right += int(((logits > 0) == is_fake).sum())
    return right


TEST_BATCH = 256  # images in memory at a time
