"""Combinations of a recipe's fields that cannot work, although each field alone can."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import NamedTuple

from ganvas.data.bit_depth import pixel_range_problem
from ganvas.data.decoding import background_problem
from ganvas.errors import GanvasError
from ganvas.formatting import format_image_size, format_list
from ganvas.growth import Growth
from ganvas.metrics.names import parse_metrics
from ganvas.networks import POINT, Discriminator, size_problem
from ganvas.objectives.settings import (
    PENALTIES_WITHOUT_GRADIENT,
    REGULARISERS_OF_STYLES,
    ZERO_CENTRED_PENALTIES,
)
from ganvas.recipes.recipe import PlayerSettings, Recipe
from ganvas.schedules import Adaptive, extremes, format_schedule


class Problem(NamedTuple):
    """A combination of fields that cannot work."""

    text: str
    """One line, starting with the field to change."""
    about: tuple[str, ...]
    """The fields involved, with dots."""


def problems(recipe: Recipe) -> list[Problem]:
    """All combinations of a recipe's fields that cannot work."""
    return [
        *_network_problems(recipe),
        *_data_problems(recipe),
        *_penalty_problems(recipe),
        *_reconstruction_problems(recipe),
        *_generator_problems(recipe),
        *_batch_problems(recipe),
        *_label_problems(recipe),
        *_label_strength_problems(recipe),
        *_player_problems("generator", recipe.generator),
        *_player_problems("discriminator", recipe.discriminator),
        *_schedule_problems(recipe),
        *_augmentation_problems(recipe),
        *_policy_problems(recipe),
        *_evaluation_problems(recipe),
        *_growth_problems(recipe),
    ]


def _network_problems(recipe: Recipe) -> Iterator[Problem]:
    """Networks that cannot be built for the images."""
    size = recipe.data.size
    channels = 3 if recipe.data.channels == "auto" else int(recipe.data.channels)
    wrong_sizes: set[str] = set()
    for role, player in (("generator", recipe.generator), ("discriminator", recipe.discriminator)):
        wrong_size = player.network.size_problem(*size)
        if wrong_size is not None:
            # Only whether points are supported depends on the network.
            network_field = (f"{role}.network",) if size == POINT else ()
            if wrong_size not in wrong_sizes:
                yield Problem(f"data.size: {wrong_size}", ("data.size", *network_field))
            wrong_sizes.add(wrong_size)
            continue
        for line in player.network.problems(recipe.image_shape(channels)):
            field_name = f"{role}.network.{line.partition(':')[0]}"
            about = (field_name, "data.size", "data.channels")
            yield Problem(f"{role}.network.{line}", about)


def _data_problems(recipe: Recipe) -> Iterator[Problem]:
    data = recipe.data
    for name in ("flip", "dequantize"):
        if data.size == POINT and getattr(data, name):
            text = f"data.{name}: 1x1 is the size of points, which are no pictures; set it off"
            yield Problem(text, (f"data.{name}", "data.size"))
    for name, default in (("labels", "scores"), ("frames", "first"), ("pixel_range", "full")):
        if data.size == POINT and getattr(data, name) != default:
            text = f"data.{name}: 1x1 is the size of points, no pictures; set it to {default}"
            yield Problem(text, (f"data.{name}", "data.size"))
    if not re.fullmatch(r"[\w.-]*\w", recipe.name):
        text = f"must be letters, digits, dots, - and _, it names a folder; got {recipe.name!r}"
        yield Problem(f"name: {text}", ("name",))
    wrong_background = background_problem(data.background)
    if wrong_background is not None:
        yield Problem(f"data.background: {wrong_background}", ("data.background",))
    wrong_range = pixel_range_problem(data.pixel_range)
    if wrong_range is not None:
        yield Problem(f"data.pixel_range: {wrong_range}", ("data.pixel_range",))
    if recipe.images < recipe.batch:
        text = f"the budget of {recipe.images} is less than one batch ({recipe.batch})"
        yield Problem(f"images: {text}", ("images", "batch"))


def _penalty_problems(recipe: Recipe) -> Iterator[Problem]:
    penalties, network = recipe.objective.penalties, recipe.discriminator.network
    for entry in dataclasses.fields(penalties):
        low, high = extremes(getattr(penalties, entry.name).weight)
        where = f"objective.penalties.{entry.name}.weight"
        if low < 0:
            yield Problem(f"{where}: must not be negative, got {low:g}", (where,))
        elif high > 0 and network.uses_batch_statistics:
            yield from _batch_statistics_problems(network, entry.name)


def _generator_problems(recipe: Recipe) -> Iterator[Problem]:
    """What the generator's network cannot be trained with."""
    regularisers, network = recipe.generator.regularisers, recipe.generator.network
    of_styles = []
    for entry in dataclasses.fields(regularisers):
        low, high = extremes(getattr(regularisers, entry.name).weight)
        where = f"generator.regularisers.{entry.name}.weight"
        if low < 0:
            yield Problem(f"{where}: must not be negative, got {low:g}", (where,))
        elif high > 0 and entry.name in REGULARISERS_OF_STYLES:
            of_styles.append(where)
    if recipe.generator.style_mixing > 0:
        of_styles.append("generator.style_mixing")
    able = sorted(name for name, other in network.table().items() if other.has_styles)
    for where in [] if network.has_styles else of_styles:
        text = (
            f"{where}: the generator network {network.name} has no style space; set it to 0, or "
            f"choose the generator.network {format_list(able, 'or')}"
        )
        yield Problem(text, (where, "generator.network"))


def _batch_statistics_problems(network: Discriminator, penalty: str) -> Iterator[Problem]:
    """Why a penalty has no meaning where a logit depends on more than one image."""
    where = f"objective.penalties.{penalty}.weight"
    if penalty in PENALTIES_WITHOUT_GRADIENT:
        return
    if network.group_size == 1:
        text = (
            f"{where}: under batch normalisation the discriminator's logit for an image "
            "depends on its whole batch, so the gradient at one image is undefined (Gulrajani "
            "2017, section 4). Set discriminator.network.norm to layer or none"
        )
        yield Problem(text, (where, "discriminator.network.norm"))
    elif penalty not in ZERO_CENTRED_PENALTIES:
        text = (
            f"{where}: under minibatch standard deviation the discriminator's logit for an image "
            "depends on its group, so the slope at one image, which this penalty asks to be 1, is "
            f"undefined. Set discriminator.network.deviation_group to 1, or choose "
            f"{format_list(list(ZERO_CENTRED_PENALTIES), 'or')}, which ask the gradient of a whole "
            "group to be 0"
        )
        yield Problem(text, (where, "discriminator.network.deviation_group"))


def _reconstruction_problems(recipe: Recipe) -> Iterator[Problem]:
    network = recipe.discriminator.network
    where = "objective.penalties.reconstruction.weight"
    weighted = extremes(recipe.objective.penalties.reconstruction.weight)[1] > 0
    if weighted and not network.reconstructs:
        text = (
            f"{where}: the discriminator network {network.name} has no decoders to reconstruct "
            "images with; set it to 0, or take the discriminator.network fastgan with its decoders "
            "on"
        )
        yield Problem(text, (where, "discriminator.network"))
    elif network.reconstructs and not weighted:
        text = (
            f"discriminator.network.decoders: they do nothing while {where} is 0; set that to 1, "
            "or the decoders off"
        )
        yield Problem(text, (where, "discriminator.network.decoders"))


def _batch_problems(recipe: Recipe) -> Iterator[Problem]:
    pac = recipe.objective.pac
    for name in ("batch", "generator_batch"):
        count = getattr(recipe, name)
        if count is not None and (count % pac or count < 2 * pac):
            text = (
                f"{name}: the discriminator sees {pac} samples together (objective.pac), so "
                f"it must be a multiple of {pac}, at least {2 * pac}, got {count}. "
                f"Nearest: {nearest_multiples(count, pac, fewest=2)}"
            )
            yield Problem(text, (name, "objective.pac"))
    group, unit = recipe.discriminator.network.group_size, recipe.batch_unit
    for name in ("batch", "generator_batch"):
        count = getattr(recipe, name)
        if group > 1 and count is not None and count % unit:
            packs = f" packs of {pac} (objective.pac)" if pac > 1 else ""
            text = (
                f"{name}: the discriminator compares groups of {group}{packs} "
                "(discriminator.network.deviation_group), so it must be a multiple of "
                f"{unit}, got {count}. Nearest: {nearest_multiples(count, unit)}"
            )
            yield Problem(text, (name, "discriminator.network.deviation_group"))
    # New reals are as many as the fakes.
    unpaired = (
        recipe.generator_batch not in (None, recipe.batch) and not recipe.fresh_reals_for_generator
    )
    if recipe.objective.loss == "relativistic" and unpaired:
        text = (
            "generator_batch: the relativistic loss pairs fakes with reals, so it must be "
            f"{recipe.batch} like batch (or left out), or fresh_reals_for_generator set, "
            f"got {recipe.generator_batch}"
        )
        about = ("generator_batch", "batch", "objective.loss", "fresh_reals_for_generator")
        yield Problem(text, about)


def _label_problems(recipe: Recipe) -> Iterator[Problem]:
    for role, player in (("generator", recipe.generator), ("discriminator", recipe.discriminator)):
        where, network = f"{role}.network", player.network
        if recipe.data.labels == "on" and network.conditional() is None:
            text = (
                f"{where}: {network.name} cannot take labels, and data.labels is on; set that to "
                "scores, or choose another network"
            )
            yield Problem(text, (where, "data.labels"))
    if recipe.data.labels in ("off", "scores") and recipe.takes_labels:
        text = (
            "data.labels: the networks take labels (generator.network.conditioning, "
            f"discriminator.network.conditioning), so it must be on, not {recipe.data.labels}. To "
            "learn none, take the recipe whose name does not end in -conditional"
        )
        yield Problem(text, ("data.labels", "generator.network", "discriminator.network"))
    if recipe.discriminator.network.uses_labels and recipe.objective.pac > 1:
        text = (
            f"objective.pac: the discriminator network {recipe.discriminator.network.name} takes "
            "one label per image, and a pack has several; set it to 1, or choose another "
            "discriminator.network"
        )
        yield Problem(text, ("objective.pac", "discriminator.network"))
    reused = recipe.fresh_reals_for_generator and recipe.generator_batch is None
    paired = recipe.objective.loss == "relativistic" and reused
    if recipe.discriminator.network.uses_labels and paired:
        text = (
            "fresh_reals_for_generator: the relativistic loss pairs reals with fakes, and a "
            f"discriminator that takes labels ({recipe.discriminator.network.name}) needs both of "
            "a pair to share one; set it off, or make new fakes too "
            f"(generator_batch = {recipe.batch})"
        )
        about = (
            *("fresh_reals_for_generator", "generator_batch"),
            *("objective.loss", "discriminator.network"),
        )
        yield Problem(text, about)


def _label_strength_problems(recipe: Recipe) -> Iterator[Problem]:
    low, high = extremes(recipe.label_strength)
    if low < 0 or high > 1:
        given = format_schedule(recipe.label_strength)
        yield Problem(f"label_strength: must be 0 to 1, got {given}", ("label_strength",))
    elif low < 1 and recipe.discriminator.network.needs_labels:
        text = (
            f"label_strength: the discriminator network {recipe.discriminator.network.name} has no "
            "logit without labels, which it needs while they count less; set it to 1, or choose "
            "another discriminator.network"
        )
        yield Problem(text, ("label_strength", "discriminator.network"))


def _player_problems(player: str, settings: PlayerSettings) -> Iterator[Problem]:
    rate = settings.learning_rate
    low, high = extremes(rate)
    if low < 0 or high <= 0:
        text = f"{player}.learning_rate: must be above 0, got {format_schedule(rate)}"
        yield Problem(text, (f"{player}.learning_rate",))
    if settings.optimizer == "rmsprop" and settings.beta1 != 0:
        text = f"{player}.beta1: rmsprop has no momentum, set it to 0, got {settings.beta1:g}"
        yield Problem(text, (f"{player}.beta1", f"{player}.optimizer"))
    low, high = extremes(settings.beta2)
    if low < 0 or high >= 1:
        given = format_schedule(settings.beta2)
        text = f"{player}.beta2: must be at least 0 and below 1, got {given}"
        yield Problem(text, (f"{player}.beta2",))


def _schedule_problems(recipe: Recipe) -> Iterator[Problem]:
    if extremes(recipe.ema_half_life)[0] < 0:
        given = format_schedule(recipe.ema_half_life)
        yield Problem(f"ema_half_life: must not be negative, got {given}", ("ema_half_life",))


def _augmentation_problems(recipe: Recipe) -> Iterator[Problem]:
    schedule = recipe.augmentation
    if isinstance(schedule, Adaptive):
        yield from _adaptive_problems(recipe, schedule)
    elif extremes(schedule)[0] < 0 or extremes(schedule)[1] > 1:
        text = f"augmentation: must be a probability, 0 to 1, got {format_schedule(schedule)}"
        yield Problem(text, ("augmentation",))
    if schedule != 0 and recipe.data.size == POINT:
        text = "augmentation: 1x1 is the size of points, which are no pictures; set it to 0"
        yield Problem(text, ("augmentation", "data.size"))


def _adaptive_problems(recipe: Recipe, schedule: Adaptive) -> Iterator[Problem]:
    if not 0.5 < schedule.target < 1:
        text = (
            "augmentation: the target of adaptive is the fraction of pairs in which the "
            "discriminator ranks a training image above a held-out one; it must be above 0.5, "
            f"where nothing is memorised, and below 1, got {schedule.target:g}"
        )
        yield Problem(text, ("augmentation",))
    if recipe.data.held_out == 0:
        text = (
            "augmentation: adaptive compares training images with held-out ones, and data.held_out "
            "is 0; set that to 0.1, or augmentation to a number such as 0.3"
        )
        yield Problem(text, ("augmentation", "data.held_out"))


def _policy_problems(recipe: Recipe) -> Iterator[Problem]:
    unused = not isinstance(recipe.augmentation, Adaptive) and extremes(recipe.augmentation)[1] == 0
    if recipe.augmentation_policy != "ada" and unused:
        text = (
            f"augmentation_policy: {recipe.augmentation_policy} does nothing while augmentation is "
            "0; set that to adaptive, or to a probability such as 0.3"
        )
        yield Problem(text, ("augmentation_policy", "augmentation"))


def _evaluation_problems(recipe: Recipe) -> Iterator[Problem]:
    try:
        parse_metrics(recipe.evaluation.metrics)
    except GanvasError as error:
        yield Problem(f"evaluation.metrics: {error}", ("evaluation.metrics",))


def _growth_problems(recipe: Recipe) -> Iterator[Problem]:
    growth = recipe.grow
    if growth is None:
        if recipe.grow_freeze:
            text = "grow_freeze: without grow no stages are added; set it off, or grow"
            yield Problem(text, ("grow_freeze", "grow"))
        return
    wrong_size = _growth_size_problem(growth, recipe.data.size)
    if wrong_size is not None:
        yield Problem(f"grow: {wrong_size}", ("grow", "data.size"))
    for role, player in (("generator", recipe.generator), ("discriminator", recipe.discriminator)):
        network = player.network
        if not network.grows:
            able = sorted(name for name, other in network.table().items() if other.grows)
            text = (
                f"{role}.network: {network.name} cannot grow, because it has no stages of one size "
                f"each; choose one of {', '.join(able)}, or leave out grow"
            )
            yield Problem(text, (f"{role}.network", "grow"))
    step = recipe.images_per_step
    if min(growth.lengths(recipe.images)) < step:
        text = (
            f"grow: each of the {len(growth.heights)} sizes needs at least one step of {step} "
            f"images, and {growth.text()} leaves one of them less of {recipe.images} images"
        )
        yield Problem(text, ("grow", "images", "batch", "discriminator_steps"))
    if recipe.freeze_discriminator:
        text = (
            "freeze_discriminator: growing replaces the discriminator's first stages, so none can "
            "keep its weights; set it to 0, or leave out grow"
        )
        yield Problem(text, ("freeze_discriminator", "grow"))


def _growth_size_problem(growth: Growth, size: tuple[int, int]) -> str | None:
    """Why images of this size cannot be grown to."""
    first, last = growth.heights[0], growth.heights[-1]
    height, width = size
    if last != height:
        return (
            f"it ends at a height of {last}, and data.size is {format_image_size(size)}; change "
            "one of them"
        )
    if width % (last // first):
        return (
            f"the width of {format_image_size(size)} cannot be halved as often as the height; "
            "start from a larger height"
        )
    too_small = size_problem(first, width * first // last)
    return None if too_small is None else f"the first {too_small}"


def nearest_multiples(count: int, unit: int, fewest: int = 1) -> str:
    """`60 or 66`: the multiples of `unit` next below and above, at least `fewest` times `unit`."""
    multiples = {max(count // unit, fewest) * unit, max(-(-count // unit), fewest) * unit}
    return " or ".join(map(str, sorted(multiples)))
