"""One training step: the discriminator's updates, then the generator's, then its EMA."""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas import images
from ganvas.data.stream import Batch, flip_half
from ganvas.recipes import Recipe
from ganvas.schedules import value_at
from ganvas.training.ema import update_ema
from ganvas.training.inputs import GeneratorInputs, draw_generator_inputs, uses_labels
from ganvas.training.state import TrainState
from ganvas.training.step_functions import optional
from ganvas.training.updates import LossNames, apply_update


def train_step(state: TrainState, recipe: Recipe) -> None:
    """Update the discriminator `discriminator_steps` times, the generator and its EMA once.

    Raises:
        Diverged: a loss term or gradient is not finite; raised before the update it would spoil.
    """
    before = state.images_seen
    for remaining in reversed(range(recipe.discriminator_steps)):
        real = next_real_batch(state, recipe, recipe.batch)
        inputs = draw_generator_inputs(state, recipe, recipe.batch, real.labels)
        # The generator learns from the last fakes too, unless it gets some of its own.
        with torch.set_grad_enabled(remaining == 0 and recipe.generator_batch is None):
            fake = state.functions.generate(inputs.latents, inputs.labels)
        update_discriminator(state, recipe, real, fake)
    if recipe.generator_batch is not None:
        inputs = draw_generator_inputs(state, recipe, recipe.generator_batch, real.labels)
        fake = state.functions.generate(inputs.latents, inputs.labels)
    if recipe.fresh_reals_for_generator and state.objective.loss.generator_sees_real:
        # The generator learns nothing from them, so they are not counted as seen.
        real = next_real_batch(state, recipe, recipe.generator_batch or recipe.batch)
    update_generator(state, recipe, inputs, fake, real)
    state.processes.all_reduce_mean(state.running_statistics)
    update_ema(
        state.ema_pairs,
        images=state.images_seen - before,
        images_seen=state.images_seen,
        half_life=value_at(recipe.ema_half_life, state.images_seen),
        rampup=recipe.ema_rampup,
    )


def next_real_batch(state: TrainState, recipe: Recipe, count: int) -> Batch:
    """This process's part of the next `count` real images: (N, C, H, W) in [-1, 1], on the device.

    Labels are int64 (N,), or None if no network takes any.
    """
    pixels, labels = state.stream.next(count, state.processes)
    labels = labels.to(state.device) if labels is not None and uses_labels(recipe) else None
    random = state.random["augmentation"]
    if recipe.data.flip:
        pixels = flip_half(pixels, random, state.processes)
    if recipe.data.dequantize:
        return Batch(images.to_signed_dequantized(pixels, random, state.processes), labels)
    return Batch(images.to_signed(pixels), labels)


def augmented(state: TrainState, batch: Tensor) -> Tensor:
    """Images (N, C, H, W), real or fake, as the discriminator sees them."""
    return state.augmentation(batch, state.random["augmentation"], state.processes)


def update_discriminator(state: TrainState, recipe: Recipe, real: Batch, fake: Tensor) -> None:
    """One update of the discriminator on real and fake images.

    Penalties are computed at what it sees, which may be augmented.
    """
    player = state.player("discriminator")
    labels = player.labels(real.labels)
    batch = state.objective.prepare_batch(
        augmented(state, real.images),
        augmented(state, fake.detach()),
        state.functions.discriminator(*optional(labels)),
        labels=labels,
        step=state.discriminator_steps,
        images_seen=state.images_seen,
        random=state.random["penalties"],
        processes=state.processes,
    )
    scalars, *gradients = state.functions.discriminator_gradients(batch)
    names = LossNames(
        terms=("adversarial", *batch.penalty_weights),
        observed=("logits/real", "logits/fake"),
        recompute_terms=lambda: state.objective.discriminator_terms(batch),
    )
    apply_update(state, player, scalars, tuple(gradients), names)
    state.objective.after_update(state.discriminator)
    state.images_seen += recipe.batch
    state.discriminator_steps += 1
    state.augmentation.update(state.images_seen)


def update_generator(
    state: TrainState, recipe: Recipe, inputs: GeneratorInputs, fake: Tensor, real: Batch
) -> None:
    """One update of the generator, through images that remember how they were generated.

    Gradients pass through the discriminator but do not change it.
    """
    seen = augmented(state, fake)
    real_images = real.images
    if state.objective.loss.generator_sees_real:
        real_images = augmented(state, real_images)
    leaf = seen.detach().requires_grad_(True)
    with state.player("discriminator").frozen():
        scalars, grad_outputs = state.functions.generator_loss_gradient(
            leaf, real_images, inputs.labels
        )
    if seen is not fake:
        (grad_outputs,) = torch.autograd.grad(seen, fake, grad_outputs)
    gradients = state.functions.generator_backward(fake, grad_outputs)
    step = state.discriminator_steps // recipe.discriminator_steps - 1
    due = state.objective.regulariser_weights(step, state.images_seen)
    if due:
        terms, *more = state.functions.regulariser_gradients(inputs.latents, inputs.labels, due)
        scalars = torch.cat([scalars, terms])
        gradients = torch._foreach_add(gradients, more)
    player = state.player("generator")
    apply_update(state, player, scalars, tuple(gradients), LossNames(("adversarial", *due)))
