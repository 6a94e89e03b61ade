"""Choosing and building the networks of a recipe's two players."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ganvas.networks import Dimensions, Discriminator, Generator, ImageShape
from ganvas.recipes.recipe import Recipe
from ganvas.schedules import value_at

if TYPE_CHECKING:
    from torch import nn

NETWORK_FIELDS = ("network", "generator.network", "discriminator.network")
"""Fields whose value may be a network's name: of both players, or of one."""


CONDITIONAL = "-conditional"
"""Ends the names of recipes whose networks take labels."""


def exchange_networks(recipe: Recipe, generator: str = "", discriminator: str = "") -> Recipe:
    """The recipe with other networks by name, each with its own defaults.

    A player that already has the named network keeps its fields. The recipe's name lists the
    exchanged networks: dcgan-resnet, dcgan-resnet-generator, dcgan-resnet-discriminator.

    Args:
        generator, discriminator: names of networks; empty keeps the player's own.

    Raises:
        ValueError: no such network; the message names the nearest.
    """
    new_generator = new_discriminator = None
    if generator not in ("", recipe.generator.network.name):
        new_generator = Generator.named(generator)
    if discriminator not in ("", recipe.discriminator.network.name):
        new_discriminator = Discriminator.named(discriminator)
    if new_generator and new_discriminator and generator == discriminator:
        suffixes = [generator]
    else:
        suffixes = [
            f"{network.name}-{network.role}"
            for network in (new_generator, new_discriminator)
            if network is not None
        ]
    exchanged = recipe.with_networks(new_generator, new_discriminator)
    return replace(exchanged, name="-".join([recipe.name, *suffixes]))


def conditional(recipe: Recipe) -> Recipe:
    """The recipe with networks that take labels, which are then learned; unchanged if one of them
    cannot.

    The relativistic loss compares a real with a fake image, which must share their label. So the
    generator's step takes the discriminator's last real images with its fakes, not new ones.
    """
    generator = recipe.generator.network.conditional()
    discriminator = recipe.discriminator.network.conditional()
    if generator is None or discriminator is None:
        return recipe
    changed = recipe.with_networks(generator, discriminator)
    reuses_fakes = recipe.objective.loss == "relativistic" and recipe.generator_batch is None
    if reuses_fakes and not recipe.discriminator.network.uses_labels:
        changed = replace(changed, fresh_reals_for_generator=False)
    if changed.data.labels in ("scores", "off"):
        changed = replace(changed, data=replace(changed.data, labels="on"))
    if changed == recipe or recipe.name.endswith(CONDITIONAL):
        return changed
    return replace(changed, name=f"{recipe.name}{CONDITIONAL}")


def unconditional(recipe: Recipe) -> Recipe:
    """The recipe with networks that take no labels."""
    changed = recipe.with_networks(
        recipe.generator.network.unconditional(), recipe.discriminator.network.unconditional()
    )
    return replace(changed, name=recipe.name.removesuffix(CONDITIONAL))


def build_networks(
    recipe: Recipe, shape: ImageShape, num_labels: int, later_doublings: int = 0
) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator; `randomness.seeded_weights` decides what weights draw from.

    The discriminator is built for packs of `objective.pac` images.

    Args:
        num_labels: of the images; ignored by networks that take no labels.
        later_doublings: how many doublings of the size remain (`Recipe.later_doublings`).
    """
    dimensions = Dimensions(shape, recipe.latent_dim, num_labels, later_doublings)
    pack = replace(shape, channels=recipe.objective.pac * shape.channels)
    generator = recipe.generator.network.build(dimensions)
    discriminator = recipe.discriminator.network.build(replace(dimensions, image=pack))
    return generator, discriminator


def initial_networks(
    recipe: Recipe, shape: ImageShape, num_labels: int, seed: int, later_doublings: int = 0
) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator before the first image, a function of the arguments alone."""
    from ganvas.networks.labels import set_label_strength
    from ganvas.objectives.objective import Objective
    from ganvas.randomness import seeded_weights

    objective = Objective.build(recipe.objective)
    with seeded_weights(seed):
        generator, discriminator = build_networks(recipe, shape, num_labels, later_doublings)
        for network in (generator, discriminator):
            set_label_strength(network, value_at(recipe.label_strength, 0))
        objective.prepare(discriminator)
    return generator, discriminator


def count_weights(recipe: Recipe, shape: ImageShape, num_labels: int) -> tuple[int, int]:
    """How many weights the generator and the discriminator have, without allocating them."""
    import torch

    with torch.device("meta"):
        networks = build_networks(recipe, shape, num_labels)
    generator, discriminator = (
        sum(weight.numel() for weight in network.parameters()) for network in networks
    )
    return generator, discriminator
