"""What reaches the weights: gradients along the depth of each player, and how far a step moves."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganvas.health.probes.norms import norms
from ganvas.health.probes.subject import NotMeasurable, Numbers, Subject
from ganvas.networks.blocks import Shortcut


def generator_gradients(subject: Subject) -> Numbers:
    """Of the generator's loss on the subject's latents."""
    return along("generator", subject.generator, subject.generator_gradients)


def discriminator_gradients(subject: Subject) -> Numbers:
    """Of the discriminator's loss on reals and fakes, with the penalties that are due."""
    return along("discriminator", subject.discriminator, subject.discriminator_gradients)


def generator_slope(subject: Subject) -> Numbers:
    """Whether the generator's gradients fade or grow on their way back to the latents."""
    return slope("generator", subject.generator, subject.generator_gradients)


def discriminator_slope(subject: Subject) -> Numbers:
    """Whether the discriminator's gradients fade or grow on their way back to the image."""
    return slope("discriminator", subject.discriminator, subject.discriminator_gradients)


def generator_update(subject: Subject) -> Numbers:
    """The generator's next update. Changes the subject: only its gradients are true afterwards."""
    before = weights_of(subject.generator)
    step(subject.generator, subject.generator_optimizer, subject.generator_gradients)
    return change("generator", before, subject.generator)


def discriminator_update(subject: Subject) -> Numbers:
    """The discriminator's next update and what clipping makes of it. Changes the subject."""
    network = subject.discriminator
    before = weights_of(network)
    step(network, subject.discriminator_optimizer, subject.discriminator_gradients)
    subject.objective.enforce(network)
    return change("discriminator", before, network)


def along(player: str, network: nn.Module, gradients: list[Tensor]) -> Numbers:
    """A gradient's norm over all weights, and its root mean square in each layer."""
    rms = per_layer(network, gradients)
    return {
        f"probe/gradient/{player}/norm": float(lengths(gradients).norm()),
        f"probe/gradient/{player}/first": float(rms[0]),
        f"probe/gradient/{player}/last": float(rms[-1]),
        f"probe/gradient/{player}/layers": rms.tolist(),
    }


def slope(player: str, network: nn.Module, gradients: list[Tensor]) -> Numbers:
    """The slope of ln(RMS gradient) over the layer's number, by least squares; 1 / layer.

    How gradients grow or decay with depth (Gulrajani 2017, section 3.2, figure 1b). They run from
    the output backwards: above 0 they fade on their way to the first layer, below 0 they grow.

    Raises NotMeasurable where a layer has no gradient, or there is only one layer.
    """
    rms = per_layer(network, gradients)
    idle = int((rms == 0).sum())
    if idle:
        raise NotMeasurable(f"{idle} of {len(rms)} layers have no gradient at all")
    if len(rms) == 1:
        raise NotMeasurable("one layer has no slope")
    places = torch.arange(len(rms), dtype=rms.dtype)
    places = places - places.mean()
    steepness = (places * rms.log()).sum() / places.square().sum()
    return {f"probe/gradient/{player}/slope": float(steepness)}


def per_layer(network: nn.Module, gradients: list[Tensor]) -> Tensor:
    """The root mean square gradient of each of the `layers`; (n,)."""
    of_weight = dict(zip(network.parameters(), gradients, strict=True))
    deep = [of_weight[weight] for weight in layers(network)]
    sizes = torch.tensor([gradient.numel() for gradient in deep])
    return lengths(deep) / sizes.sqrt()


def layers(network: nn.Module) -> list[nn.Parameter]:
    """The weights of convolutions and linear layers, in the order in which they are defined.

    That is from input to output. A shortcut's convolution lies beside the depth and is left out.
    """
    modules = network.modules()
    beside = {w for m in modules if isinstance(m, Shortcut) for w in m.parameters()}
    return [w for w in network.parameters() if w.dim() >= 2 and w not in beside]


def lengths(tensors: list[Tensor]) -> Tensor:
    """The Euclidean norm of each tensor, (n,), for people: float64 on the CPU."""
    return torch.cat([norms(tensor.reshape(1, -1)) for tensor in tensors]).cpu().double()


def step(network: nn.Module, optimizer: Optimizer, gradients: list[Tensor]) -> None:
    """What training's next step would do with these gradients."""
    for weight, gradient in zip(network.parameters(), gradients, strict=True):
        weight.grad = gradient
    optimizer.step()


def change(player: str, before: list[Tensor], network: nn.Module) -> Numbers:
    """|change| / |weight| of each layer that is not zero yet: the median and the largest."""
    pairs = zip(weights_of(network), before, strict=True)
    sizes = lengths(before)
    ratios = (lengths([after - earlier for after, earlier in pairs]) / sizes)[sizes > 0]
    return {
        f"probe/update/{player}": float(ratios.quantile(0.5)),
        f"probe/update/{player}_largest": float(ratios.max()),
    }


def weights_of(network: nn.Module) -> list[Tensor]:
    """A copy of the layers' weights."""
    return [weight.detach().clone() for weight in layers(network)]
