"""Gradients of loss terms, as the step's tensor functions return them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganvas.objectives.weighted import Terms
from ganvas.training.engine import Tensors


def scalars_and_gradients(
    terms: Terms, observed: Sequence[Tensor], tensors: Sequence[Tensor]
) -> Tensors:
    """The terms and what is observed beside them, in one tensor; then the gradient of the terms'
    sum for each tensor."""
    scalars = torch.stack([value.detach() for value in (*terms.values(), *observed)])
    return scalars, *gradients_of(torch.stack(list(terms.values())).sum(), tensors)


def gradients_of(
    outputs: Tensor,
    tensors: Sequence[Tensor],
    grad_outputs: Tensor | None = None,
    retain_graph: bool = False,
) -> Tensors:
    """The gradient of outputs for each tensor, in its strides; zeros where nothing depends on it.

    Args:
        grad_outputs: weights of the outputs, in their shape; None for a scalar.
        retain_graph: the graph is needed again.
    """
    gradients = torch.autograd.grad(
        outputs,
        tensors,
        grad_outputs,
        retain_graph=retain_graph,
        allow_unused=True,
        materialize_grads=True,
    )
    return tuple(map(match_strides, gradients, tensors))


def match_strides(gradient: Tensor, weight: Tensor) -> Tensor:
    """The gradient in the strides of its weight, as fused optimizers need it."""
    if gradient.stride() == weight.stride():
        return gradient
    return torch.empty_like(weight).copy_(gradient)
