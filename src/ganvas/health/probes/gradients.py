"""Gradients along the depth of each network, and the relative size of the next update."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganvas.health.probes.context import (
    NotMeasurable,
    ProbeContext,
    ProbeValues,
    trainable,
)
from ganvas.health.probes.norms import row_norms
from ganvas.networks.attention import SelfAttention
from ganvas.networks.blocks import Shortcut
from ganvas.networks.excitation import Beside
from ganvas.networks.labels import ConditionalBatchNorm, LabelEmbedding
from ganvas.networks.modulated import ImageOutput, MappingNetwork

BESIDE = (
    *(Beside, SelfAttention, Shortcut, LabelEmbedding, ConditionalBatchNorm),
    *(MappingNetwork, ImageOutput),
)
"""Modules whose weights add no depth (`layers`)."""


def generator_gradients(context: ProbeContext) -> ProbeValues:
    """Of the generator's loss on the context's latents."""
    return layer_gradients("generator", context.generator, context.generator_gradients)


def discriminator_gradients(context: ProbeContext) -> ProbeValues:
    """Of the discriminator's loss on reals and fakes, with the penalties that are due."""
    return layer_gradients("discriminator", context.discriminator, context.discriminator_gradients)


def generator_slope(context: ProbeContext) -> ProbeValues:
    """Whether the generator's gradients decay or grow on their way back to the latents."""
    return depth_slope("generator", context.generator, context.generator_gradients)


def discriminator_slope(context: ProbeContext) -> ProbeValues:
    """Whether the discriminator's gradients decay or grow on their way back to the image."""
    return depth_slope("discriminator", context.discriminator, context.discriminator_gradients)


def generator_update(context: ProbeContext) -> ProbeValues:
    """The generator's next update. Moves it; the cached gradients stay valid."""
    before = copy_weights(context.generator)
    apply_update(context.generator, context.generator_optimizer, context.generator_gradients)
    return relative_update("generator", before, context.generator)


def discriminator_update(context: ProbeContext) -> ProbeValues:
    """The discriminator's next update, clipping included. Moves it, too."""
    network = context.discriminator
    before = copy_weights(network)
    apply_update(network, context.discriminator_optimizer, context.discriminator_gradients)
    context.objective.after_update(network)
    return relative_update("discriminator", before, network)


def layer_gradients(player: str, network: nn.Module, gradients: list[Tensor]) -> ProbeValues:
    """The gradient's norm over all weights, and its root mean square in each layer."""
    rms = rms_per_layer(network, gradients)
    return {
        f"probe/gradient/{player}/norm": float(tensor_norms(gradients).norm()),
        f"probe/gradient/{player}/first": float(rms[0]),
        f"probe/gradient/{player}/last": float(rms[-1]),
        f"probe/gradient/{player}/layers": rms.tolist(),
    }


def depth_slope(player: str, network: nn.Module, gradients: list[Tensor]) -> ProbeValues:
    """The slope of ln(RMS gradient) over the layer's number, by least squares; 1 / layer.

    How gradients grow or decay with depth (Gulrajani 2017, section 3.2, figure 1b). Above 0 they
    decay on their way back to the first layer, below 0 they grow.

    Raises NotMeasurable where a layer has no gradient, or there is only one layer.
    """
    rms = rms_per_layer(network, gradients)
    idle = int((rms == 0).sum())
    if idle:
        raise NotMeasurable(f"{idle} of {len(rms)} layers have no gradient at all")
    if len(rms) == 1:
        raise NotMeasurable("one layer has no slope")
    positions = torch.arange(len(rms), dtype=rms.dtype)
    positions = positions - positions.mean()
    slope = (positions * rms.log()).sum() / positions.square().sum()
    return {f"probe/gradient/{player}/slope": float(slope)}


def rms_per_layer(network: nn.Module, gradients: list[Tensor]) -> Tensor:
    """The root mean square gradient of each layer of `layers`; (n,)."""
    by_weight = dict(zip(trainable(network), gradients, strict=True))
    by_layer = [by_weight[weight] for weight in layers(network)]
    sizes = torch.tensor([gradient.numel() for gradient in by_layer])
    return tensor_norms(by_layer) / sizes.sqrt()


def layers(network: nn.Module) -> list[nn.Parameter]:
    """The weights of convolutions and linear layers, in the order in which they are defined.

    That is from input to output. What lies beside that path is left out: a shortcut's convolution,
    excitations, attention, which has no gradient at first, a second stack, decoders, what each grid
    adds to an image, and what labels add, which has none while their strength is 0. So is a mapping
    network, whose stored weights learn slowly by being large (`equalised`): their gradients have
    another scale. A frozen layer has neither gradient nor update.
    """
    beside = {w for m in network.modules() if isinstance(m, BESIDE) for w in m.parameters()}
    return [w for w in trainable(network) if w.dim() >= 2 and w not in beside]


def tensor_norms(tensors: list[Tensor]) -> Tensor:
    """The Euclidean norm of each tensor, (n,), in float64 on the CPU."""
    return torch.cat([row_norms(tensor.reshape(1, -1)) for tensor in tensors]).cpu().double()


def apply_update(network: nn.Module, optimizer: Optimizer, gradients: list[Tensor]) -> None:
    """Apply these gradients as training's next step would."""
    for weight, gradient in zip(trainable(network), gradients, strict=True):
        weight.grad = gradient
    optimizer.step()


def relative_update(player: str, before: list[Tensor], network: nn.Module) -> ProbeValues:
    """|change| / |weight| over all layers with non-zero weights: the median and the largest."""
    pairs = zip(copy_weights(network), before, strict=True)
    sizes = tensor_norms(before)
    ratios = (tensor_norms([new - old for new, old in pairs]) / sizes)[sizes > 0]
    return {
        f"probe/update/{player}": float(ratios.quantile(0.5)),
        f"probe/update/{player}_largest": float(ratios.max()),
    }


def copy_weights(network: nn.Module) -> list[Tensor]:
    """A copy of the layers' weights."""
    return [weight.detach().clone() for weight in layers(network)]
