"""Every loss against an independent formula, and its known properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ganvas.objectives.losses import LOSSES, bce_discriminator


def entropy(logits: Tensor, target: float) -> Tensor:
    targets = torch.full_like(logits, target)
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def squares(logits: Tensor, target: float) -> Tensor:
    return F.mse_loss(logits, torch.full_like(logits, target), reduction="none")


def margin(logits: Tensor, side: float, least: float) -> Tensor:
    """max(0, least - side * logit)."""
    zeros = torch.zeros_like(logits)
    sides = torch.full_like(logits, side)
    return F.margin_ranking_loss(logits, zeros, sides, margin=least, reduction="none")


class Formulas(NamedTuple):
    discriminator: Callable[[Tensor, Tensor, float], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]


FORMULAS = {
    "minimax": Formulas(
        lambda real, fake, target: entropy(real, target) + entropy(fake, 0.0),
        lambda fake, real: -entropy(fake, 0.0),
    ),
    "non-saturating": Formulas(
        lambda real, fake, target: entropy(real, target) + entropy(fake, 0.0),
        lambda fake, real: entropy(fake, 1.0),
    ),
    "least-squares": Formulas(
        lambda real, fake, target: 0.5 * squares(real, target) + 0.5 * squares(fake, 0.0),
        lambda fake, real: 0.5 * squares(fake, 1.0),
    ),
    "hinge": Formulas(
        lambda real, fake, target: margin(real, 1.0, target) + margin(fake, -1.0, 1.0),
        lambda fake, real: -1.0 * fake,
    ),
    "wasserstein": Formulas(
        lambda real, fake, target: -(target * real - fake),
        lambda fake, real: -1.0 * fake,
    ),
    "relativistic": Formulas(
        lambda real, fake, target: entropy(real - fake, target),
        lambda fake, real: entropy(fake - real, 1.0),
    ),
}

EVERY_LOSS = pytest.mark.parametrize("name", sorted(LOSSES))


def logits(seed: int, count: int = 50) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(count, generator=random, dtype=torch.float64)


def test_every_loss_has_a_reference_formula() -> None:
    assert set(FORMULAS) == set(LOSSES)


@EVERY_LOSS
@pytest.mark.parametrize("real_label", [1.0, 0.9])
def test_discriminator_loss_is_the_published_formula(name: str, real_label: float) -> None:
    real, fake = logits(0), logits(1)
    ours = LOSSES[name].discriminator(real, fake, real_label)
    torch.testing.assert_close(ours, FORMULAS[name].discriminator(real, fake, real_label))


@EVERY_LOSS
def test_generator_loss_is_the_published_formula(name: str) -> None:
    real, fake = logits(2), logits(3)
    ours = LOSSES[name].generator(fake, real)
    torch.testing.assert_close(ours, FORMULAS[name].generator(fake, real))


@EVERY_LOSS
def test_players_pull_fake_logits_in_opposite_directions(name: str) -> None:
    real = torch.tensor([0.1], dtype=torch.float64, requires_grad=True)
    fake = torch.tensor([0.1], dtype=torch.float64, requires_grad=True)
    for_real, for_fake = torch.autograd.grad(
        LOSSES[name].discriminator(real, fake, 1.0).sum(), (real, fake)
    )
    (for_generator,) = torch.autograd.grad(
        LOSSES[name].generator(fake, real.detach()).sum(), (fake,)
    )
    assert for_real < 0 < for_fake
    assert for_generator < 0


@EVERY_LOSS
def test_generator_sees_real_exactly_where_the_loss_says_so(name: str) -> None:
    loss = LOSSES[name]
    fake = logits(4)
    depends = not torch.equal(loss.generator(fake, logits(5)), loss.generator(fake, logits(6)))
    assert depends == loss.generator_sees_real


def test_only_the_relativistic_generator_sees_real() -> None:
    assert [name for name, loss in LOSSES.items() if loss.generator_sees_real] == ["relativistic"]


@EVERY_LOSS
@pytest.mark.parametrize("real_logit", [-1e4, 0.0, 1e4])
@pytest.mark.parametrize("fake_logit", [-1e4, 0.0, 1e4])
def test_extreme_logits_give_finite_losses_and_gradients(
    name: str, real_logit: float, fake_logit: float
) -> None:
    real = torch.tensor([real_logit], requires_grad=True)
    fake = torch.tensor([fake_logit], requires_grad=True)
    for target in (1.0, 0.9):
        value = LOSSES[name].discriminator(real, fake, target)
        assert value.isfinite().all()
        gradients = torch.autograd.grad(value.sum(), (real, fake))
        assert all(gradient.isfinite().all() for gradient in gradients)
    value = LOSSES[name].generator(fake, real.detach())
    assert value.isfinite().all()
    assert torch.autograd.grad(value.sum(), fake)[0].isfinite().all()


def generator_pull(name: str, fake_logit: float) -> float:
    fake = torch.tensor([fake_logit], dtype=torch.float64, requires_grad=True)
    value = LOSSES[name].generator(fake, torch.zeros_like(fake)).sum()
    return float(torch.autograd.grad(value, fake)[0])


def test_minimax_gradient_vanishes_for_a_confident_discriminator_and_non_saturating_does_not() -> (
    None
):
    assert abs(generator_pull("minimax", -20.0)) < 1e-8
    assert generator_pull("non-saturating", -20.0) == pytest.approx(-1.0)
    assert generator_pull("minimax", 0.0) == generator_pull("non-saturating", 0.0) == -0.5


@pytest.mark.parametrize(("real_count", "fake_count"), [(1, 1), (3, 1), (1, 3)])
@pytest.mark.parametrize("alpha", [1.0, 0.9])
def test_best_discriminator_under_smoothing_is_alpha_p_over_p_plus_q(
    real_count: int, fake_count: int, alpha: float
) -> None:
    """Salimans 2016, section 3.4 with beta = 0, at one image where p : q is the two counts."""
    best = alpha * real_count / (real_count + fake_count)
    logit = torch.tensor(best, dtype=torch.float64).logit().requires_grad_(True)
    elsewhere = torch.zeros((), dtype=torch.float64)
    loss = real_count * bce_discriminator(logit, elsewhere, alpha) + fake_count * bce_discriminator(
        elsewhere, logit, alpha
    )
    (slope,) = torch.autograd.grad(loss, logit)
    assert float(slope) == pytest.approx(0.0, abs=1e-12)


def test_least_squares_optimum_between_equal_densities_is_half_the_smoothed_target() -> None:
    both = torch.linspace(-2, 2, 4001, dtype=torch.float64)
    values = LOSSES["least-squares"].discriminator(both, both, 0.9)
    assert float(both[values.argmin()]) == pytest.approx(0.45, abs=1e-3)


@pytest.mark.parametrize("shift", [-7.0, 3.0])
def test_smoothing_breaks_the_shift_invariance_of_the_wasserstein_loss(shift: float) -> None:
    loss = LOSSES["wasserstein"].discriminator
    real, fake = logits(7), logits(8)
    shifted = {target: loss(real + shift, fake + shift, target) for target in (1.0, 0.9)}
    torch.testing.assert_close(shifted[1.0], loss(real, fake, 1.0))
    torch.testing.assert_close(
        shifted[0.9] - loss(real, fake, 0.9), torch.full_like(real, 0.1 * shift)
    )


def test_relativistic_loss_pairs_by_position_and_ignores_a_common_shift() -> None:
    loss = LOSSES["relativistic"].discriminator
    real, fake = logits(9), logits(10)
    torch.testing.assert_close(loss(real + 5, fake + 5, 1.0), loss(real, fake, 1.0))
    assert not torch.allclose(loss(real, fake.flip(0), 1.0), loss(real, fake, 1.0))
