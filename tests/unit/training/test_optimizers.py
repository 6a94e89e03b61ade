"""A player's weights train, but for the moments when gradients only pass through."""

from __future__ import annotations

from torch import nn

from ganvas.recipes import CATALOG
from ganvas.training.optimizers import Player


def test_weights_train_again_after_an_error_while_they_are_frozen() -> None:
    player = Player.start("discriminator", nn.Linear(2, 1), CATALOG["dcgan"]().discriminator)
    try:
        with player.frozen():
            assert not any(weight.requires_grad for weight in player.weights)
            raise RuntimeError("out of memory")
    except RuntimeError:
        pass
    assert all(weight.requires_grad for weight in player.weights)
