"""Truncation in closed form: of latents, of styles, of styles with labels."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.labels import LabelSet
from ganvas.latents.latents import Latents, generate_batches, images_of
from ganvas.latents.settings import check_truncation
from ganvas.latents.truncation import truncate
from ganvas.metrics.prdc import prdc
from ganvas.networks.styles import StyleBased
from tests.builders.generators import small_generator
from tests.builders.toys import LATENT_DIM, Normalising, Pixels, ToyStyle, toy_generator

MEAN = torch.tensor([1.0, 2.0, 3.0, 4.0])
MEANS = torch.stack([MEAN, 10 * MEAN, -MEAN])
"""Of three labels."""
LABELS = LabelSet(("red", "green", "blue"), (6, 3, 1))


def drawn(n: int = 5, labels: Tensor | None = None) -> Latents:
    return Latents(torch.randn(n, LATENT_DIM, generator=torch.Generator().manual_seed(0)), labels)


def test_one_changes_nothing_bit_for_bit() -> None:
    latents = drawn()
    for network in (Pixels(), ToyStyle(MEAN)):
        assert truncate(network, latents, 1) is latents
    plain = toy_generator()
    assert (plain.sample(70, seed=3) == plain.sample(70, seed=3, truncation=1)).all()


def test_latents_of_other_networks_are_scaled() -> None:
    labels = torch.tensor([0, 1, 2, 0, 1])
    latents = drawn(labels=labels)
    truncated = truncate(Pixels(), latents, 0.3)
    assert truncated.space == "z"
    assert torch.equal(truncated.values, 0.3 * latents.values)
    assert truncated.labels is labels


@pytest.mark.parametrize("psi", [0.0, 0.3, 1.5])
def test_styles_move_towards_their_mean(psi: float) -> None:
    network, latents = ToyStyle(MEAN), drawn()
    assert isinstance(network, StyleBased)
    truncated = truncate(network, latents, psi)
    assert truncated.space == "w"
    assert truncated.values.shape == (5, 3, LATENT_DIM)
    expected = MEAN + psi * (3 * latents.values + 1 - MEAN)
    torch.testing.assert_close(images_of(network, truncated).flatten(1), expected)


def test_styles_of_a_label_move_towards_the_mean_of_that_label() -> None:
    network, labels = ToyStyle(MEANS), torch.tensor([2, 0, 1, 1, 2])
    latents = drawn(labels=labels)
    styles = 3 * latents.values + 1 + 10 * labels[:, None]
    pairs = zip(MEANS[labels], styles, strict=True)
    expected = torch.stack([mean + 0.6 * (w - mean) for mean, w in pairs])
    truncated = truncate(network, latents, 0.6)
    assert truncated.labels is None
    torch.testing.assert_close(images_of(network, truncated).flatten(1), expected)


def test_styles_of_a_mixture_move_towards_the_mixture_of_means() -> None:
    network = ToyStyle(MEANS)
    mixtures = torch.tensor([[0.25, 0.75, 0.0]])
    truncated = truncate(network, Latents(torch.zeros(1, LATENT_DIM), mixtures), 0)
    torch.testing.assert_close(truncated.values[:, 0], 0.25 * MEANS[:1] + 0.75 * MEANS[1:2])


def test_styles_that_do_not_say_their_label_move_towards_the_nearest_mean() -> None:
    styles = torch.stack([MEANS[1] + 0.5, MEANS[2] - 0.5])[:, None].repeat(1, 3, 1)
    styles[:, 0] += 0.1  # one layer apart
    truncated = truncate(ToyStyle(MEANS), Latents(styles, space="w"), 0.5)
    means = torch.stack([MEANS[1], MEANS[2]])[:, None]
    torch.testing.assert_close(truncated.values, means + 0.5 * (styles - means))


def test_zero_gives_the_mean_image_for_all() -> None:
    for network, pixels in ((Pixels(), torch.zeros(4)), (ToyStyle(MEAN), MEAN)):
        generator = toy_generator(network).truncated(0)
        images = torch.cat(list(generator.batches(3)))
        assert torch.equal(images.flatten(1), pixels.expand(3, -1))
    labelled = toy_generator(ToyStyle(MEANS), LABELS).truncated(0)
    images = torch.cat(list(labelled.batches(6, labels=torch.tensor([0, 1, 2, 2, 1, 0]))))
    assert torch.equal(images.flatten(1), MEANS[torch.tensor([0, 1, 2, 2, 1, 0])])


def test_walks_are_truncated_as_samples_are() -> None:
    generator = toy_generator(ToyStyle(MEAN / 10))
    walk = generator.truncated(0.2).interpolate(2, steps=3, seed=5)
    assert (walk[[0, -1]] == generator.sample(2, seed=5, truncation=0.2)).all()
    assert (generator.truncated(0).interpolate(2, 3) == generator.sample(4, truncation=0)).all()


def test_gradients_reach_the_latents() -> None:
    for network in (Pixels(), ToyStyle(MEAN)):
        values = torch.ones(1, LATENT_DIM, requires_grad=True)
        images_of(network, truncate(network, Latents(values), 0.5)).sum().backward()
        assert values.grad is not None
        slope = 0.5 if isinstance(network, Pixels) else 1.5
        torch.testing.assert_close(values.grad, torch.full((1, LATENT_DIM), slope))


def test_recall_falls_and_precision_does_not_the_more_is_truncated() -> None:
    """Real images are standard normal, and so are those of the generator before truncation."""
    real = torch.randn(400, LATENT_DIM, generator=torch.Generator().manual_seed(9))
    scores = []
    for psi in (1.0, 0.7, 0.4):
        generator = toy_generator().truncated(psi)
        fake = torch.cat(list(generator.batches(400))).flatten(1)
        scores.append(prdc(real, fake))
    precision, recall = (
        [score[name].value for score in scores] for name in ("precision", "recall")
    )
    assert precision == sorted(precision)
    assert recall == sorted(recall, reverse=True)
    assert precision[0] < precision[-1]
    assert recall[0] - recall[-1] > 0.5


@pytest.mark.parametrize("psi", [-1.0, 2.1, 70.0, float("nan"), float("inf")])
def test_a_truncation_out_of_range_is_refused(psi: float) -> None:
    with pytest.raises(GanvasError, match="expected 0 to 2, got"):
        check_truncation(psi)
    with pytest.raises(GanvasError, match="expected 0 to 2, got"):
        toy_generator().sample(1, truncation=psi)


def test_a_generator_that_normalises_its_latents_is_refused() -> None:
    for generator in (toy_generator(Normalising()), small_generator("fastgan")):
        with pytest.raises(GanvasError, match="do not depend on the length of its latents"):
            generator.truncated(0.7)
        assert generator.truncated(1) == generator
    for family in ("dcgan", "resnet", "r3gan", "mlp"):
        small_generator(family).truncated(0.7)


def test_a_truncated_generator_says_so() -> None:
    assert "truncation 0.7" in repr(toy_generator().truncated(0.7))
    assert "truncation" not in repr(toy_generator().truncated(1))


def test_styles_cannot_be_truncated_without_a_style_space() -> None:
    styles = Latents(torch.zeros(1, 3, LATENT_DIM), space="w")
    with pytest.raises(TypeError, match="style space"):
        list(generate_batches(Pixels(), truncate(Pixels(), styles, 0.5)))
