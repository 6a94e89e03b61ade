"""The generator's exponential moving average against its closed form."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganvas.training.ema import EmaPairs, ema_copy, update_ema

LONG_AGO = 10**9
"""Images seen after which the ramp-up is over."""


def constant(value: float) -> nn.Linear:
    layer = nn.Linear(3, 2).double()
    with torch.no_grad():
        for weight in layer.parameters():
            weight.fill_(value)
    return layer


def weight(network: nn.Module) -> float:
    values = torch.cat([parameter.flatten() for parameter in network.parameters()])
    assert values.min() == values.max()
    return float(values[0])


def move_ema(target: nn.Module, average: nn.Module, images: int, half_life: int) -> None:
    pairs = EmaPairs.of(average, target)
    update_ema(pairs, images=images, images_seen=LONG_AGO, half_life=half_life, rampup=0.1)


@pytest.mark.parametrize("images", [1, 10, 50])
def test_half_of_the_way_is_left_after_one_half_life(images: int) -> None:
    average, target = ema_copy(constant(0.0)), constant(1.0)
    for step in range(1, 3 * 100 // images + 1):
        move_ema(target, average, images, half_life=100)
        assert weight(average) == pytest.approx(1 - 0.5 ** (step * images / 100))
    assert weight(average) == pytest.approx(7 / 8)


def test_ema_is_the_weighted_sum_of_all_past_weights() -> None:
    average = ema_copy(constant(5.0))
    keep = 0.5 ** (64 / 1000)
    targets = [1.0, -2.0, 4.0, 0.5]
    for value in targets:
        move_ema(constant(value), average, 64, half_life=1000)
    expected = 5.0 * keep**4
    expected += sum((1 - keep) * keep ** (3 - index) * value for index, value in enumerate(targets))
    assert weight(average) == pytest.approx(expected)


def test_half_life_of_zero_copies_the_weights() -> None:
    average, target = ema_copy(constant(0.0)), constant(0.3)
    move_ema(target, average, 64, half_life=0)
    assert weight(average) == 0.3


@pytest.mark.parametrize("images_seen", [640, 6_400, 64_000])
@pytest.mark.parametrize("rampup_fraction", [0.1, 0.5, 1.0])
def test_half_life_is_at_most_a_fraction_of_the_images_seen(
    images_seen: int, rampup_fraction: float
) -> None:
    average = ema_copy(constant(0.0))
    update_ema(
        EmaPairs.of(average, constant(1.0)),
        images=64,
        images_seen=images_seen,
        half_life=10**12,
        rampup=rampup_fraction,
    )
    assert weight(average) == pytest.approx(1 - 0.5 ** (64 / (rampup_fraction * images_seen)))


def test_initial_weights_lose_their_influence_early() -> None:
    average, target = ema_copy(constant(1.0)), constant(0.0)
    for step in range(1, 20):
        update_ema(
            EmaPairs.of(average, target),
            images=64,
            images_seen=64 * step,
            half_life=10_000,
            rampup=0.1,
        )
    assert weight(average) < 1e-6


def test_running_statistics_are_averaged_and_counters_copied() -> None:
    generator = nn.Sequential(nn.BatchNorm1d(2)).double()
    average = ema_copy(generator)
    generator(torch.tensor([[1.0, 10.0], [3.0, 30.0]], dtype=torch.float64))
    move_ema(generator, average, 100, half_life=100)
    ours, theirs = average[0], generator[0]  # type: ignore[index]
    torch.testing.assert_close(ours.running_mean, theirs.running_mean / 2)
    torch.testing.assert_close(ours.running_var, (1 + theirs.running_var) / 2)
    assert ours.num_batches_tracked == theirs.num_batches_tracked == 1


def test_copy_stays_in_eval_mode_and_shares_no_memory() -> None:
    generator = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = ema_copy(generator)
    assert generator.training
    assert not any(module.training for module in average.modules())
    assert not any(parameter.requires_grad for parameter in average.parameters())

    def addresses(network: nn.Module) -> set[int]:
        tensors: list[Tensor] = list(network.state_dict().values())
        return {tensor.data_ptr() for tensor in tensors}

    assert addresses(generator).isdisjoint(addresses(average))
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    move_ema(generator, average, 64, half_life=10)
    assert all(torch.equal(before[name], value) for name, value in generator.state_dict().items())


def test_without_ramp_up_the_half_life_is_whole_from_the_first_image() -> None:
    average = ema_copy(constant(0.0))
    pairs = EmaPairs.of(average, constant(1.0))
    update_ema(pairs, images=64, images_seen=64, half_life=64, rampup=0.0)
    assert weight(average) == 0.5
