"""Every penalty in closed form, on critics whose gradient is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganvas.objectives.batch import DiscriminatorBatch
from ganvas.objectives.penalties import PENALTIES, dragan_noise
from ganvas.processes import SINGLE_PROCESS

SHAPE = (5, 2, 3, 3)
DIRECTION = torch.randn(SHAPE[1:], generator=torch.Generator().manual_seed(0)).double()
DIRECTION /= DIRECTION.norm()

EVERY_PENALTY = pytest.mark.parametrize("name", sorted(PENALTIES))

PENALTY_OF_NORM: dict[str, Callable[[float], float]] = {
    "gradient_penalty": lambda norm: (norm - 1) ** 2,
    "one_sided_gradient_penalty": lambda norm: max(0.0, norm - 1) ** 2,
    "r1": lambda norm: norm**2 / 2,
    "r2": lambda norm: norm**2 / 2,
    "dragan": lambda norm: (norm - 1) ** 2,
}
"""Each penalty of a critic whose gradient has this norm everywhere."""

DERIVATIVE: dict[str, Callable[[float], float]] = {
    "gradient_penalty": lambda norm: 2 * (norm - 1),
    "one_sided_gradient_penalty": lambda norm: 2 * max(0.0, norm - 1),
    "r1": lambda norm: norm,
    "r2": lambda norm: norm,
    "dragan": lambda norm: 2 * (norm - 1),
}
"""The derivatives of `PENALTY_OF_NORM`."""


class Linear(nn.Module):
    """D(x) = <w, x> + 3, which counts its forward passes."""

    def __init__(self, norm: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(norm * DIRECTION)
        self.calls = 0

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        return (images * self.weight).flatten(1).sum(1) + 3


def bowl(images: Tensor) -> Tensor:
    """D(x) = |x|^2 / 2, whose gradient is x."""
    return images.square().flatten(1).sum(1) / 2


def images(seed: int, count: int = SHAPE[0]) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.rand((count, *SHAPE[1:]), generator=random, dtype=torch.float64) * 2 - 1


def batch_of(
    discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, seed: int = 0
) -> DiscriminatorBatch:
    real, fake = real.requires_grad_(True), fake.requires_grad_(True)
    random = torch.Generator().manual_seed(seed)
    alpha = torch.rand((len(real), 1, 1, 1), generator=random, dtype=real.dtype)
    noise = torch.rand(real.shape, generator=random, dtype=real.dtype)
    return DiscriminatorBatch(real, fake, None, alpha, noise, alpha[:0], discriminator, {})


def test_every_penalty_has_a_reference_formula() -> None:
    assert set(PENALTY_OF_NORM) == set(DERIVATIVE) == set(PENALTIES)


@EVERY_PENALTY
@pytest.mark.parametrize("norm", [0.25, 1.0, 3.0])
def test_penalty_of_a_linear_critic_equals_the_closed_form(name: str, norm: float) -> None:
    value = PENALTIES[name](batch_of(Linear(norm), images(1), images(2)))
    assert value.shape == (SHAPE[0],)
    expected = torch.full_like(value, PENALTY_OF_NORM[name](norm))
    torch.testing.assert_close(value, expected)


@EVERY_PENALTY
@pytest.mark.parametrize("norm", [0.25, 3.0])
def test_weight_gradient_equals_the_closed_form(name: str, norm: float) -> None:
    critic = Linear(norm)
    PENALTIES[name](batch_of(critic, images(1), images(2))).mean().backward()
    torch.testing.assert_close(critic.weight.grad, DERIVATIVE[name](norm) * DIRECTION)


@pytest.mark.parametrize("norm", [0.0, 0.5, 0.99])
def test_one_sided_penalty_of_a_flat_critic_is_zero_and_two_sided_is_not(
    norm: float,
) -> None:
    batch = batch_of(Linear(norm), images(1), images(2))
    assert PENALTIES["one_sided_gradient_penalty"](batch).eq(0).all()
    assert PENALTIES["gradient_penalty"](batch).gt(0).all()


def test_r1_depends_on_real_images_and_r2_on_fakes() -> None:
    real, fake = images(3), images(4)
    batch = batch_of(bowl, real, fake)
    torch.testing.assert_close(
        PENALTIES["r1"](batch), real.detach().flatten(1).norm(dim=1) ** 2 / 2
    )
    torch.testing.assert_close(
        PENALTIES["r2"](batch), fake.detach().flatten(1).norm(dim=1) ** 2 / 2
    )


@pytest.mark.parametrize("name", ["gradient_penalty", "one_sided_gradient_penalty"])
def test_interpolates_mix_real_and_fake_with_one_alpha_per_image(name: str) -> None:
    real, fake = images(5), images(6)
    value = PENALTIES[name](batch_of(bowl, real, fake, seed=7))
    random = torch.Generator().manual_seed(7)
    alpha = torch.rand((SHAPE[0], 1, 1, 1), generator=random, dtype=torch.float64)
    between = alpha * real.detach() + (1 - alpha) * fake.detach()
    norms = between.flatten(1).norm(dim=1)
    expected = torch.tensor([PENALTY_OF_NORM[name](float(norm)) for norm in norms]).double()
    torch.testing.assert_close(value, expected)


def test_dragan_looks_near_real_images() -> None:
    """At x + e d, with one e per image and one d per pixel; fakes do not matter."""
    real, fake = images(5), images(6)
    batch = batch_of(bowl, real, fake)
    near = real.detach() + batch.alpha * batch.noise
    expected = (near.flatten(1).norm(dim=1) - 1).square()
    torch.testing.assert_close(PENALTIES["dragan"](batch), expected)
    other = dataclasses.replace(batch, fake=images(9))
    assert torch.equal(PENALTIES["dragan"](other), PENALTIES["dragan"](batch))


def test_noise_of_dragan_is_uniform_up_to_half_the_deviation_of_the_batch() -> None:
    real = torch.randn((400, 1, 4, 4), generator=torch.Generator().manual_seed(0)).double() * 3
    real[:, :, 0] += 2
    most = float(np.std(real.numpy())) / 2
    random = torch.Generator().manual_seed(1)
    noise = dragan_noise(real, random, SINGLE_PROCESS)
    assert noise.shape == real.shape
    again = torch.rand(real.shape, generator=torch.Generator().manual_seed(1), dtype=real.dtype)
    torch.testing.assert_close(noise, most * again)


def test_alpha_is_uniform() -> None:
    """With fakes at 1 along a line and reals at 3, the bowl's gradient norm is 1 + 2 e."""
    count = 4000
    fake = DIRECTION.expand(count, *SHAPE[1:]).clone()
    batch = batch_of(bowl, 3 * fake, fake)
    alpha = PENALTIES["gradient_penalty"](batch).detach().sqrt() / 2
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    tenths = torch.histc(alpha, bins=10, min=0, max=1) / count
    torch.testing.assert_close(tenths, torch.full_like(tenths, 0.1), atol=0.02, rtol=0)


@pytest.mark.parametrize("name", ["r1", "r2"])
def test_gradients_of_a_network_equal_those_of_single_images(name: str) -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(4, 1), nn.Flatten(0)
    ).double()
    real, fake = images(8), images(9)
    value = PENALTIES[name](batch_of(critic, real, fake)).tolist()
    looked_at = (real if name == "r1" else fake).detach()
    step = 1e-6
    for index, image in enumerate(looked_at):
        slopes = []
        for pixel in torch.eye(image.numel()).double().view(-1, *image.shape):
            both_sides = torch.stack([image + step * pixel, image - step * pixel])
            above, below = critic(both_sides).tolist()
            slopes.append((above - below) / (2 * step))
        assert value[index] == pytest.approx(sum(slope**2 for slope in slopes) / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("names", "extra"),
    [
        (["r1", "r2"], 0),
        (["gradient_penalty"], 1),
        (["one_sided_gradient_penalty"], 1),
        (["dragan"], 1),
    ],
)
def test_logits_are_reused_and_only_interpolates_need_another_pass(
    names: list[str], extra: int
) -> None:
    critic = Linear(2.0)
    batch = batch_of(critic, images(1), images(2))
    assert batch.real_logits.shape == batch.fake_logits.shape
    before = critic.calls
    assert before == 2
    for name in names:
        PENALTIES[name](batch)
    assert critic.calls - before == extra
