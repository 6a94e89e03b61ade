"""One training step: the discriminator's updates, then the generator's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganvas import images
from ganvas.data.stream import flip_half
from ganvas.errors import Diverged
from ganvas.objectives.augmentation import augment
from ganvas.objectives.objective import Objective, Shown, Terms
from ganvas.processes import ProcessGroup
from ganvas.randomness import draw_latents
from ganvas.recipes import Recipe
from ganvas.schedules import value_at
from ganvas.training.average import update_average
from ganvas.training.engine import Calculated
from ganvas.training.grids import is_grid_due
from ganvas.training.means import NamedNumbers, bad_gradient, term_to_blame
from ganvas.training.optimizers import Player, follow_schedules
from ganvas.training.state import TrainState


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
    state.processes.all_reduce_mean(state.statistics)
    update_average(
        state.pairs,
        images=state.images_seen - before,
        images_seen=state.images_seen,
        half_life=value_at(recipe.ema_half_life, state.images_seen),
        ramp_up=recipe.ema_ramp_up,
    )
    if state.images_seen >= recipe.images or is_looked_at(state, recipe, before):
        state.means.settle()


def is_looked_at(state: TrainState, recipe: Recipe, before: int) -> bool:
    """Whether anything is written or measured after the step from `before` images to now."""
    every = recipe.intervals
    intervals = (every.history, every.checkpoint, every.probes, recipe.evaluation.every)
    return is_grid_due(state, every.samples, before) or any(
        state.crossed(n, before) for n in intervals
    )


def make_fakes(state: TrainState, recipe: Recipe, count: int) -> Tensor:
    """The generator's images for `count` new latents (N, C, H, W), N of them this rank's part."""
    latents = draw_latents(count, recipe.latent_dim, state.random["latents"], state.processes)
    generator = state.precision.through(state.generator)
    key = ("fakes", str(count), str(torch.is_grad_enabled()))
    (fakes,) = state.engine.run(key, lambda latents: (generator(latents),), latents)
    return fakes


def next_real(state: TrainState, recipe: Recipe, count: int) -> Tensor:
    """This rank's part of the next `count` real images (N, C, H, W) in [-1, 1] on the device."""
    pixels = state.stream.next(count, state.processes).images
    random = state.random["augmentation"]
    if recipe.data.flip:
        pixels = flip_half(pixels, random, state.processes)
    if recipe.data.dequantize:
        return images.to_signed_dequantized(pixels, random, state.processes)
    return images.to_signed(pixels)


def as_shown(state: TrainState, recipe: Recipe, batch: Tensor) -> Tensor:
    """What the discriminator sees of this rank's images (N, C, H, W), real or fake."""
    probability = value_at(recipe.augmentation, state.images_seen)
    return augment(batch, probability, state.random["augmentation"], state.processes)


def update_discriminator(
    state: TrainState, recipe: Recipe, objective: Objective, real: Tensor, fake: Tensor
) -> None:
    """One update of the discriminator on a real and a fake batch, which are left as they are.

    Penalties are taken at what it sees, which may be augmented.
    """
    judge = state.precision.through(state.discriminator)
    real, fake = (as_shown(state, recipe, batch.detach()) for batch in (real, fake))
    shown = objective.show(
        real,
        fake,
        step=state.discriminator_steps,
        images_seen=state.images_seen,
        random=state.random["penalties"],
        processes=state.processes,
    )
    penalties = list(shown.weights)

    player = state.player("discriminator", recipe)

    def calculate(real: Tensor, fake: Tensor, share: Tensor, weights: Tensor) -> Calculated:
        due = dict(zip(penalties, weights.unbind(), strict=True))
        terms, batch = objective.judged(judge, Shown(real, fake, share, due))
        logits = [batch.real_logits.mean(), batch.fake_logits.mean()]
        return with_gradients(terms, logits, player.weights)

    weights = torch.tensor(list(shown.weights.values()), dtype=real.dtype)
    weights = weights.to(state.device, non_blocking=True)  # a GPU is not waited for
    tensors = (shown.real, shown.fake, shown.share, weights)
    calculated = state.engine.run(("discriminator", *penalties), calculate, *tensors)
    loss = PlayersLoss(
        terms=("adversarial", *penalties),
        observed=("logits/real", "logits/fake"),
        again=lambda: objective.judged(judge, shown)[0],
    )
    update(state, player, calculated, loss)
    objective.enforce(state.discriminator)
    state.images_seen += recipe.batch
    state.discriminator_steps += 1


def update_generator(
    state: TrainState, recipe: Recipe, objective: Objective, real: Tensor, fake: Tensor
) -> None:
    """One update of the generator through fakes that remember how they were made.

    The discriminator is judged through but not changed.
    """
    judge = state.precision.through(state.discriminator)
    shown = as_shown(state, recipe, fake)
    if objective.loss.generator_sees_real:
        real = as_shown(state, recipe, real)

    def calculate(shown: Tensor, real: Tensor) -> Calculated:
        terms = objective.generator_terms(judge, shown, real)
        return with_gradients(terms, [], [shown])

    frozen = state.player("discriminator", recipe).weights
    for weight in frozen:
        weight.requires_grad_(False)
    leaf = shown.detach().requires_grad_(True)
    row, slope = state.engine.run(("generator",), calculate, leaf, real)
    for weight in frozen:
        weight.requires_grad_(True)
    if shown is not fake:
        (slope,) = torch.autograd.grad(shown, fake, slope)
    player = state.player("generator", recipe)
    gradients = back_through(state, player.weights, fake, slope)
    update(state, player, (row, *gradients), PlayersLoss(terms=("adversarial",)))


def back_through(
    state: TrainState, weights: Sequence[Tensor], fake: Tensor, slope: Tensor
) -> Calculated:
    """The gradient for each of the generator's weights, from that at the fakes it has made.

    A piece of its own: what judges the fakes can then be compiled and recorded without what made
    them, and augmentation may stand between the two.
    """

    def calculate(fake: Tensor, slope: Tensor) -> Calculated:
        # If recording fails half way, the same fakes are gone back through once more.
        return gradients_of(fake, weights, slope, keep=state.engine.recording)

    return state.engine.run(("back",), calculate, fake, slope)


def with_gradients(terms: Terms, observed: list[Tensor], tensors: Sequence[Tensor]) -> Calculated:
    """One row of the terms and what is observed beside them; the gradient of the terms' sum for
    each tensor, laid out in memory like it."""
    row = torch.stack([value.detach() for value in (*terms.values(), *observed)])
    return row, *gradients_of(torch.stack(list(terms.values())).sum(), tensors)


def gradients_of(
    outputs: Tensor, tensors: Sequence[Tensor], slope: Tensor | None = None, keep: bool = False
) -> Calculated:
    """The gradient of outputs, weighed by a slope of their shape, for each tensor, laid out in
    memory like it; zeros where nothing depends on it.

    Args:
        keep: what is needed to go back is needed again.
    """
    found = torch.autograd.grad(
        outputs, tensors, slope, retain_graph=keep, allow_unused=True, materialize_grads=True
    )
    return tuple(map(laid_out_like, found, tensors))


def laid_out_like(gradient: Tensor, weight: Tensor) -> Tensor:
    """The gradient in the strides of its weight, as fused optimizers ask for."""
    if gradient.stride() == weight.stride():
        return gradient
    return torch.empty_like(weight).copy_(gradient)


@dataclass(frozen=True)
class PlayersLoss:
    """What the numbers in a row of `with_gradients` are called, and how they came about."""

    terms: tuple[str, ...]
    observed: tuple[str, ...] = ()
    again: Callable[[], Terms] = dict
    """Calculates the terms once more, to see which of several is to blame."""


def update(state: TrainState, player: Player, calculated: Calculated, loss: PlayersLoss) -> None:
    """Minimise the sum of one player's terms by one optimizer step, if all is finite.

    A GPU is not waited for: there `RunningMeans.settle` looks whether all was finite, later.
    """
    row, *gradients = calculated
    # From here on all ranks hold the same, and whatever is not finite anywhere stops them all.
    state.processes.all_reduce_mean([*gradients, row])
    (norm,) = state.engine.recorder.run(("norm", player.name, *loss.terms), norm_of, *gradients)
    names = (*(f"loss/{name}" for name in loss.terms), *loss.observed, "gradient_norm")
    numbers = NamedNumbers(player.name, names, torch.cat([row, norm[None]]))
    if state.device.type == "cuda":
        state.means.add_later(numbers)
    else:
        measured = numbers.by_name()
        if not all(map(math.isfinite, measured.values())):
            culprit = find_culprit(measured, loss, player.network, state.processes)
            raise Diverged(f"{player.name}: {culprit}")
        state.means.add(player.name, measured)
    step_optimizer(state, player, gradients, loss)


def norm_of(*gradients: Tensor) -> Calculated:
    """The length of all gradients as one vector."""
    return (torch.nn.utils.get_total_norm(gradients),)


def step_optimizer(
    state: TrainState, player: Player, gradients: Sequence[Tensor], loss: PlayersLoss
) -> None:
    """Change one player's weights, with the settings that are due now.

    A piece too while these stay as they are, because a recording keeps them: one for each set of
    them, and of terms, whose gradients lie in places of their own.
    """

    def step(*gradients: Tensor) -> Calculated:
        for weight, gradient in zip(player.weights, gradients, strict=True):
            weight.grad = gradient
        player.optimizer.step()
        return ()

    before = player.in_force
    follow_schedules(player.optimizer, player.settings, state.images_seen)
    if player.in_force == before:
        key = ("update", player.name, *before, *loss.terms)
        state.engine.recorder.run(key, step, *gradients)
    else:
        step(*gradients)


def find_culprit(
    measured: Mapping[str, float], loss: PlayersLoss, network: nn.Module, processes: ProcessGroup
) -> str:
    """Name what is not finite on any rank: a term, or else the term whose gradient is not."""
    blamed = term_to_blame(measured)
    if blamed is not None:
        return blamed
    found = processes.all_gather_object(term_with_bad_gradient(loss.again(), network))
    culprit = next((name for name in found if name is not None), None)
    return bad_gradient(culprit)


def term_with_bad_gradient(terms: Terms, network: nn.Module) -> str | None:
    """The first term whose own gradient is not finite."""
    weights = list(network.parameters())
    for name, term in terms.items():
        for gradient in torch.autograd.grad(term, weights, retain_graph=True, allow_unused=True):
            if gradient is not None and not gradient.isfinite().all():
                return name
    return None
