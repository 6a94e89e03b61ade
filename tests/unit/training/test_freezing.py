"""FreezeD: which stages keep their weights, and how many can."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganvas.errors import RecipeError
from ganvas.networks import DISCRIMINATORS, Dimensions, ImageShape
from ganvas.training.freezing import freeze_stages, frozen_stages
from ganvas.training.growing import with_averages
from tests.builders.tiny import narrow


def discriminator(family: str) -> nn.Module:
    network: nn.Module = narrow(DISCRIMINATORS[family]).build(Dimensions(ImageShape(1, 16, 16), 6))
    return network


@pytest.mark.parametrize("family", sorted(DISCRIMINATORS))
def test_the_stages_nearest_to_the_image_freeze_first_and_the_last_always_trains(
    family: str,
) -> None:
    weighted = [n for n, stage in discriminator(family).named_children() if [*stage.parameters()]]
    for count in range(len(weighted)):
        network = discriminator(family)
        freeze_stages(network, count)
        assert frozen_stages(network) == weighted[:count]
        trainable = {
            name.partition(".")[0] for name, w in network.named_parameters() if w.requires_grad
        }
        assert trainable == set(weighted[count:])


def test_freezing_every_stage_is_an_error_that_says_how_many_there_are() -> None:
    with pytest.raises(RecipeError) as caught:
        freeze_stages(discriminator("dcgan"), 3)
    (problem,) = caught.value.problems
    assert problem == (
        "freeze_discriminator: at most 2 of this discriminator's 3 stages can keep their weights, "
        "as the last must train; got 3"
    )


def test_stages_that_train_no_more_take_their_averages() -> None:
    """Else the EMA of later stages would belong to other features (Sauer 2022's code)."""
    names = ("grid.0.weight", "grid2.0.weight", "image.weight")
    tensors = {
        f"{network}/{name}": torch.tensor(10 * place + index)
        for place, network in enumerate(("generator", "discriminator", "ema"))
        for index, name in enumerate(names)
    }
    changed = {name: int(value) for name, value in with_averages(tensors, ["grid"]).items()}
    assert changed == {name: int(value) for name, value in tensors.items()} | {
        "generator/grid.0.weight": 20
    }
