"""One training step: the discriminator's updates, then the generator's."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganvas import images
from ganvas.data.stream import flip_half
from ganvas.errors import Diverged
from ganvas.objectives.augmentation import augment
from ganvas.objectives.objective import Objective, Terms
from ganvas.randomness import draw_latents
from ganvas.ranks import Ranks
from ganvas.recipes import OptimizerSettings, Recipe
from ganvas.schedules import value_at
from ganvas.training.average import update_average
from ganvas.training.state import TrainState, follow_schedules


def train_step(state: TrainState, recipe: Recipe, objective: Objective) -> None:
    """Update the discriminator `discriminator_steps` times, the generator and its average once.

    Raises:
        Diverged: a loss term or gradient is not finite; raised before the update it would spoil.
    """
    before = state.images_seen
    for remaining in reversed(range(recipe.discriminator_steps)):
        real = next_real(state, recipe, recipe.batch)
        # The generator learns from the last fakes too, unless it is to get some of its own.
        with torch.set_grad_enabled(remaining == 0 and recipe.generator_batch is None):
            fake = make_fakes(state, recipe, recipe.batch)
        update_discriminator(state, recipe, objective, real, fake)
    if recipe.generator_batch is not None:
        fake = make_fakes(state, recipe, recipe.generator_batch)
    if recipe.generator_new_reals and objective.loss.generator_sees_real:
        # The generator learns nothing from them, so they are not counted as seen.
        real = next_real(state, recipe, recipe.generator_batch or recipe.batch)
    update_generator(state, recipe, objective, real, fake)
    state.ranks.average_statistics(state.generator, state.discriminator)
    update_average(
        state.average,
        state.generator,
        images=state.images_seen - before,
        images_seen=state.images_seen,
        half_life=value_at(recipe.ema_half_life, state.images_seen),
        ramp_up=recipe.ema_ramp_up,
    )


def make_fakes(state: TrainState, recipe: Recipe, count: int) -> Tensor:
    """The generator's images for `count` new latents (N, C, H, W), N of them this rank's part."""
    latents = draw_latents(count, recipe.latent_dim, state.random["latents"], state.ranks)
    fakes: Tensor = state.generator(latents)
    return fakes


def next_real(state: TrainState, recipe: Recipe, count: int) -> Tensor:
    """This rank's part of the next `count` real images (N, C, H, W) in [-1, 1] on the device."""
    batch = state.stream.next(count, state.ranks)
    pixels = batch.images.to(state.device, non_blocking=True)
    random = state.random["augmentation"]
    if recipe.data.flip:
        pixels = flip_half(pixels, random, state.ranks)
    if recipe.data.dequantize:
        return images.to_signed_dequantized(pixels, random, state.ranks)
    return images.to_signed(pixels)


def as_shown(state: TrainState, recipe: Recipe, batch: Tensor) -> Tensor:
    """What the discriminator sees of this rank's images (N, C, H, W), real or fake."""
    probability = value_at(recipe.augmentation, state.images_seen)
    return augment(batch, probability, state.random["augmentation"], state.ranks)


def update_discriminator(
    state: TrainState, recipe: Recipe, objective: Objective, real: Tensor, fake: Tensor
) -> None:
    """One update of the discriminator on a real and a fake batch, which are left as they are.

    Penalties are taken at what it sees, which may be augmented.
    """
    real, fake = (as_shown(state, recipe, batch.detach()) for batch in (real, fake))
    logits: Terms = {}

    def terms_of_loss() -> Terms:
        terms, batch = objective.discriminator_terms(
            state.discriminator,
            real,
            fake,
            step=state.discriminator_steps,
            images_seen=state.images_seen,
            random=state.random["penalties"],
            ranks=state.ranks,
        )
        with torch.no_grad():
            logits["logits/real"] = batch.real_logits.mean()
            logits["logits/fake"] = batch.fake_logits.mean()
        return terms

    update(
        "discriminator",
        state,
        state.discriminator,
        state.discriminator_optimizer,
        recipe.discriminator,
        terms_of_loss,
        logits,
    )
    objective.enforce(state.discriminator)
    state.images_seen += recipe.batch
    state.discriminator_steps += 1


def update_generator(
    state: TrainState, recipe: Recipe, objective: Objective, real: Tensor, fake: Tensor
) -> None:
    """One update of the generator through fakes that remember how they were made.

    The discriminator is judged through but not changed.
    """
    fake = as_shown(state, recipe, fake)
    if objective.loss.generator_sees_real:
        real = as_shown(state, recipe, real)
    state.discriminator.requires_grad_(False)
    update(
        "generator",
        state,
        state.generator,
        state.generator_optimizer,
        recipe.generator,
        lambda: objective.generator_terms(state.discriminator, fake, real),
        {},
    )
    state.discriminator.requires_grad_(True)


def update(
    player: str,
    state: TrainState,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: OptimizerSettings,
    terms_of_loss: Callable[[], Terms],
    observed: Terms,
) -> None:
    """Minimise the sum of one player's terms by one optimizer step, if all is finite.

    Args:
        observed: more scalars to put into the history, filled while the terms are computed.
    """
    terms = terms_of_loss()
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(torch.stack(list(terms.values())).sum())
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    losses = {f"loss/{name}": term for name, term in terms.items()}
    scalars = {**losses, **observed}
    values = torch.stack([value.detach() for value in scalars.values()])
    # From here on all ranks hold the same, and whatever is not finite anywhere stops them all.
    state.ranks.average([*gradients, values])
    norm = torch.nn.utils.get_total_norm(gradients)
    # One transfer for everything that is looked at: on a GPU each would be a wait of its own.
    numbers = torch.cat([values, norm[None]]).tolist()
    measured = dict(zip([*scalars, "gradient_norm"], numbers, strict=True))
    if not all(math.isfinite(number) for number in numbers):
        culprit = find_culprit(measured, terms, terms_of_loss, network, state.ranks)
        raise Diverged(f"{player}: {culprit}")
    follow_schedules(optimizer, settings, state.images_seen)
    optimizer.step()
    state.means.add({f"{player}/{name}": number for name, number in measured.items()})


def find_culprit(
    measured: dict[str, float],
    terms: Terms,
    terms_of_loss: Callable[[], Terms],
    network: nn.Module,
    ranks: Ranks,
) -> str:
    """Name what is not finite on any rank: a term, or else the term whose gradient is not."""
    for name in terms:
        value = measured[f"loss/{name}"]
        if not math.isfinite(value):
            return f"loss term {name} became {describe(value)}"
    if len(terms) == 1:
        return f"the gradient of loss term {next(iter(terms))} is not finite"
    found = ranks.exchange(term_with_bad_gradient(terms_of_loss(), network))
    culprit = next((name for name in found if name is not None), None)
    if culprit is None:
        return "the gradient of the summed loss terms is not finite"
    return f"the gradient of loss term {culprit} is not finite"


def term_with_bad_gradient(terms: Terms, network: nn.Module) -> str | None:
    """The first term whose own gradient is not finite."""
    weights = list(network.parameters())
    for name, term in terms.items():
        for gradient in torch.autograd.grad(term, weights, retain_graph=True, allow_unused=True):
            if gradient is not None and not gradient.isfinite().all():
                return name
    return None


def describe(number: float) -> str:
    """A non-finite number in words."""
    return "not a number" if math.isnan(number) else "infinite"
