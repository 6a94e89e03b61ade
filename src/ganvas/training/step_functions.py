"""The tensor functions of a step: what the engine runs eagerly, compiled, or as CUDA graphs.

Each is a function of tensors alone, so that its kernels can be captured. Whatever chance or time
decides (latents, alpha, penalty weights) is drawn before and passed in as a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor, nn

from ganvas.networks import Role, average_heads, bind_labels
from ganvas.networks.styles import StyleBased, StyleMixing, training_styles
from ganvas.networks.weights import trainable_matrices
from ganvas.objectives.batch import BoundNetwork, DiscriminatorBatch, Reconstruct, bind_reconstruct
from ganvas.objectives.objective import Objective
from ganvas.objectives.regularisers import GeneratorPass, StyleSteps
from ganvas.objectives.weighted import weighted_means
from ganvas.precision import Precision
from ganvas.training.engine import Engine, TensorFunction, Tensors
from ganvas.training.gradients import gradients_of, scalars_and_gradients
from ganvas.training.optimizers import Player


class TrainedPlayers(Protocol):
    """The part of a `TrainState` that the functions of a step read."""

    @property
    def generator(self) -> nn.Module: ...

    @property
    def discriminator(self) -> nn.Module: ...

    @property
    def objective(self) -> Objective: ...

    @property
    def precision(self) -> Precision: ...

    @property
    def engine(self) -> Engine: ...

    @property
    def device(self) -> torch.device: ...

    @property
    def path_average(self) -> Tensor: ...

    def player(self, role: Role) -> Player: ...


class StepFunctions:
    """The functions of one state, each wrapped by its engine when it is first needed.

    A function that depends on more than its tensors (which penalties are due, whether gradients are
    recorded) exists once for each such choice, which is part of its key.
    """

    def __init__(self, state: TrainedPlayers) -> None:
        self._state = state
        self._wrapped: dict[Hashable, TensorFunction] = {}

    def generate(
        self, latents: Tensor, labels: Tensor | None, mixing: StyleMixing | None = None
    ) -> Tensor:
        """latents (N, Z) -> images (N, C, H, W), with history if gradients are enabled."""
        labels = self._state.player("generator").used_labels(labels)

        def make() -> TensorFunction:
            if mixing is not None:
                return self._mixing_generator()
            generator = self._state.precision.through(self._state.generator)
            return lambda latents, *labels: (generator(latents, *labels),)

        # The number of samples decides a graph's memory; so does recording the history.
        key = ("generate", len(latents), torch.is_grad_enabled(), mixing is not None)
        run = self._function(key, make)
        (images,) = run(latents, *(mixing or ()), *label_arguments(labels))
        return images

    def _mixing_generator(self) -> TensorFunction:
        """(latents, others, crossover, labels) -> images of mixed styles."""
        network, precision = self._state.generator, self._state.precision
        assert isinstance(network, StyleBased)

        def generate(
            latents: Tensor, others: Tensor, crossover: Tensor, *labels: Tensor
        ) -> Tensors:
            styles, synthesise = bind_styles(
                network, precision, StyleMixing(others, crossover), *labels
            )
            return (synthesise(styles(latents)),)

        return generate

    def discriminator(self, *labels: Tensor) -> BoundNetwork:
        """The discriminator in the dtype of training, with the labels bound if it takes some."""
        network = self._state.precision.through(self._state.discriminator)
        return bind_labels(network, *labels)

    def reconstruct(self, *labels: Tensor) -> Reconstruct | None:
        """The discriminator's `reconstruct`, likewise; None if it has no such method."""
        return bind_reconstruct(self._state.discriminator, self._state.precision, *labels)

    def discriminator_gradients(self, batch: DiscriminatorBatch) -> tuple[Tensor, Tensors]:
        """Loss terms and mean logits of real and fake images in one tensor, and gradients."""
        state, penalties = self._state, tuple(batch.penalty_weights)

        def calculate(
            real: Tensor,
            fake: Tensor,
            alpha: Tensor,
            noise: Tensor,
            logit_averages: Tensor,
            weights: Tensor,
            *labels: Tensor,
        ) -> Tensors:
            traced = replace(
                batch,
                real=real,
                fake=fake,
                alpha=alpha,
                noise=noise,
                logit_averages=logit_averages,
                discriminator=self.discriminator(*labels),
                penalty_weights=dict(zip(penalties, weights.unbind(), strict=True)),
                reconstruct=None if batch.reconstruct is None else self.reconstruct(*labels),
            )
            terms = state.objective.discriminator_terms(traced)
            logits = [traced.real_logits.mean(), traced.fake_logits.mean()]
            return scalars_and_gradients(terms, logits, state.player("discriminator").weights)

        run = self._function(("discriminator", *penalties), lambda: calculate)
        weights = torch.tensor(list(batch.penalty_weights.values()), dtype=batch.real.dtype)
        weights = weights.to(state.device, non_blocking=True)  # a GPU is not waited for
        tensors = (batch.real, batch.fake, batch.alpha, batch.noise, batch.logit_averages, weights)
        scalars, *gradients = run(*tensors, *label_arguments(batch.labels))
        return scalars, tuple(gradients)

    def evaluated_logits(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """The discriminator's logits (N,) of images (N, C, H, W), without a trace in the network.

        In evaluation mode running statistics and the vectors of spectral norms stay as they are,
        and a logit depends on no other image of the batch. Those of several heads are averaged.
        """
        state = self._state
        labels = state.player("discriminator").used_labels(labels)

        def calculate(images: Tensor, *labels: Tensor) -> Tensors:
            with torch.no_grad(), evaluating(state.discriminator):
                logits = self.discriminator(*labels)(images)
            return (average_heads(logits),)

        run = self._function(("logits", len(images)), lambda: calculate, compiled=False)
        (logits,) = run(images, *label_arguments(labels))
        return logits

    def generator_loss_gradient(
        self, fake: Tensor, real: Tensor, labels: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The generator's loss terms in one tensor, and their gradient at its images.

        Args:
            fake: (N, C, H, W), a leaf that requires grad.
            real: compared with by relativistic losses only.
        """
        state = self._state
        labels = state.player("discriminator").used_labels(labels)

        def calculate(fake: Tensor, real: Tensor, *labels: Tensor) -> Tensors:
            terms = state.objective.generator_terms(self.discriminator(*labels), fake, real)
            return scalars_and_gradients(terms, [], [fake])

        run = self._function(("generator",), lambda: calculate)
        scalars, gradient = run(fake, real, *label_arguments(labels))
        return scalars, gradient

    def generator_backward(self, fake: Tensor, grad_outputs: Tensor) -> Tensors:
        """The gradient for each of the generator's weights, from the gradient at its images.

        A function of its own: the discriminator's part can then be captured without the
        generator's, and augmentation may stand between the two.
        """
        state = self._state

        def calculate(fake: Tensor, grad_outputs: Tensor) -> Tensors:
            # If capturing fails half way, the same graph is gone through once more.
            retain_graph = state.engine.is_capturing
            weights = state.player("generator").weights
            return gradients_of(fake, weights, grad_outputs, retain_graph)

        return self._function(("backward",), lambda: calculate, compiled=False)(fake, grad_outputs)

    def regulariser_gradients(
        self,
        latents: Tensor,
        labels: Tensor | None,
        mixing: StyleMixing | None,
        due: dict[str, float],
        noise: Tensor,
    ) -> tuple[Tensor, Tensors]:
        """Regularisation terms in one tensor, and gradients for the generator's weights.

        Beside the terms, the mean path length if its regulariser is due.

        Args:
            noise: of `path_noise` if that is due, else empty.
        """
        state, names = self._state, tuple(due)
        labels = state.player("generator").used_labels(labels)
        network = state.generator
        # Not in the function: torch.compile cannot follow it.
        styled = network if isinstance(network, StyleBased) else None

        def calculate(
            latents: Tensor, weights: Tensor, noise: Tensor, path_average: Tensor, *others: Tensor
        ) -> Tensors:
            mixed = None if mixing is None else StyleMixing(*others[:2])
            labels = others if mixing is None else others[2:]
            generator = bind_labels(state.precision.through(network), *labels)
            steps = None
            if styled is not None:
                steps = bind_styles(styled, state.precision, mixed, *labels)
            matrices = trainable_matrices(network)
            batch = GeneratorPass(latents, generator, matrices, steps, noise, path_average)
            due = dict(zip(names, weights.unbind(), strict=True))
            terms = weighted_means(state.objective.regularisers, batch, due)
            observed = [batch.path_lengths.detach().mean()] if "path_length" in names else []
            return scalars_and_gradients(terms, observed, state.player("generator").weights)

        run = self._function(("regularisers", mixing is not None, *names), lambda: calculate)
        weights = torch.tensor(list(due.values()), dtype=latents.dtype)
        weights = weights.to(state.device, non_blocking=True)
        leaf = latents.detach().requires_grad_(True)
        tensors = (leaf, weights, noise, state.path_average, *(mixing or ()))
        scalars, *gradients = run(*tensors, *label_arguments(labels))
        return scalars, tuple(gradients)

    def gradient_norm(self, player: Player, terms: tuple[str, ...], gradients: Tensors) -> Tensor:
        """The norm of all gradients as one vector."""

        def calculate(*gradients: Tensor) -> Tensors:
            return (torch.nn.utils.get_total_norm(gradients),)

        key = ("norm", player.role, *terms)
        (norm,) = self._function(key, lambda: calculate, compiled=False)(*gradients)
        return norm

    def optimizer_step(self, player: Player, terms: tuple[str, ...], gradients: Tensors) -> None:
        """Move one player's weights.

        A captured step keeps its learning rate and betas, and reads gradients where they were: so
        there is one for each setting, and for each set of terms.
        """

        def calculate(*gradients: Tensor) -> Tensors:
            player.step(gradients)
            return ()

        key = ("step", player.role, *player.hyperparameters, *terms)
        self._function(key, lambda: calculate, compiled=False)(*gradients)

    def _function(
        self, key: Hashable, make: Callable[[], TensorFunction], compiled: bool = True
    ) -> TensorFunction:
        if key not in self._wrapped:
            self._wrapped[key] = self._state.engine.wrap(make(), compiled)
        return self._wrapped[key]


def bind_styles(
    network: StyleBased, precision: Precision, mixing: StyleMixing | None, *labels: Tensor
) -> StyleSteps:
    """A generator's two steps in the dtype of training, with labels and mixing bound."""
    return StyleSteps(
        precision.through(lambda latents: training_styles(network, latents, labels, mixing)),
        precision.through(network.synthesise),
    )


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """While entered, the network is in evaluation mode."""
    network.eval()
    try:
        yield
    finally:
        network.train()


def label_arguments(labels: Tensor | None) -> tuple[Tensor, ...]:
    """The labels as further arguments: none of a network that takes none."""
    return () if labels is None else (labels,)
