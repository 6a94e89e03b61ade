"""One training step: the discriminator's updates, then the generator's, then its EMA."""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.data.stream import Batch
from ganvas.objectives.lecam import update_averages
from ganvas.objectives.regularisers import path_noise, update_path_average
from ganvas.objectives.weighted import due_weights
from ganvas.recipes import Recipe
from ganvas.training.inputs import GeneratorInputs, draw_generator_inputs, next_real_batch
from ganvas.training.memory import measure_memory
from ganvas.training.state import TrainState
from ganvas.training.step_functions import label_arguments
from ganvas.training.updates import LossNames, apply_update


def train_step(state: TrainState, recipe: Recipe) -> None:
    """Update the discriminator `discriminator_steps` times, the generator and its EMA once.

    Raises:
        Diverged: a loss term or gradient is not finite. On a CPU, before the update that it would
            spoil; on a GPU, at the next `flush`, before anything is written.
    """
    before = state.images_seen
    for index in range(recipe.discriminator_steps):
        last = index == recipe.discriminator_steps - 1
        real = next_real_batch(state, recipe, recipe.batch)
        inputs = draw_generator_inputs(state, recipe, recipe.batch, real.labels)
        # The generator learns from the last fakes too, unless it gets some of its own.
        with torch.set_grad_enabled(last and recipe.generator_batch is None):
            fake = state.functions.generate(*inputs)
        update_discriminator(state, recipe, real, fake)
    if recipe.fresh_reals_for_generator and state.objective.loss.generator_sees_real:
        # The generator learns nothing from them, so they are not counted as seen.
        real = next_real_batch(state, recipe, recipe.generator_batch or recipe.batch)
    if recipe.generator_batch is not None:
        inputs = draw_generator_inputs(state, recipe, recipe.generator_batch, real.labels)
        fake = state.functions.generate(*inputs)
    update_generator(state, recipe, inputs, fake, real)
    state.processes.all_reduce_mean(state.running_statistics)
    state.update_ema(recipe, images=state.images_seen - before)
    state.update_label_strength(recipe)


def update_discriminator(state: TrainState, recipe: Recipe, real: Batch, fake: Tensor) -> None:
    """One update on augmented images; `apply_update` averages gradients over all processes."""
    player = state.player("discriminator")
    labels = player.used_labels(real.labels)
    real_images, fake_images = state.augment(real.images, fake.detach())
    batch = state.objective.prepare_batch(
        real_images,
        fake_images,
        state.functions.discriminator(*label_arguments(labels)),
        labels=labels,
        logit_averages=state.logit_averages,
        reconstruct=state.functions.reconstruct(*label_arguments(labels)),
        step=state.discriminator_steps,
        images_seen=state.images_seen,
        random=state.random["penalties"],
        processes=state.processes,
    )
    scalars, gradients = state.functions.discriminator_gradients(batch)
    names = LossNames(
        terms=("adversarial", *batch.penalty_weights),
        observed=("logits/real", "logits/fake"),
        recompute_terms=lambda: state.objective.discriminator_terms(batch),
    )
    apply_update(state, player, scalars, gradients, names)
    state.objective.after_update(state.discriminator)
    if state.objective.uses_logit_averages:
        update_averages(state.logit_averages, scalars[-2:])  # observed, of all processes
    before = state.images_seen
    state.images_seen += recipe.batch
    state.discriminator_steps += 1
    measured = state.augmentation.update(before, state.images_seen, lambda: measure_memory(state))
    state.metrics.add("augmentation", measured)


def update_generator(
    state: TrainState, recipe: Recipe, inputs: GeneratorInputs, fake: Tensor, real: Batch
) -> None:
    """One update through images with history; gradients pass through the discriminator."""
    (augmented,) = state.augment(fake)
    sees_real = state.objective.loss.generator_sees_real
    (real_images,) = state.augment(real.images) if sees_real else (real.images,)
    leaf = augmented.detach().requires_grad_(True)
    with state.player("discriminator").frozen():
        scalars, grad_outputs = state.functions.generator_loss_gradient(
            leaf, real_images, inputs.labels
        )
    if augmented is not fake:  # nothing was augmented at probability 0
        (grad_outputs,) = torch.autograd.grad(augmented, fake, grad_outputs)
    gradients = state.functions.generator_backward(fake, grad_outputs)
    generator_step = state.discriminator_steps // recipe.discriminator_steps - 1
    due = due_weights(state.objective.regularisers, generator_step, state.images_seen)
    if due:
        noise = fake.new_empty(0)
        if "path_length" in due:
            noise = path_noise(fake, state.random["penalties"], state.processes)
        terms, regularising = state.functions.regulariser_gradients(*inputs, due, noise)
        scalars = torch.cat([scalars, terms])
        gradients = tuple(torch._foreach_add(gradients, regularising))
    observed = ("path_length",) if "path_length" in due else ()
    names = LossNames(("adversarial", *due), observed)
    apply_update(state, state.player("generator"), scalars, gradients, names)
    if observed:
        update_path_average(state.path_average, scalars[-1:])  # of all processes
