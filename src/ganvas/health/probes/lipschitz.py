"""How steep the discriminator is: at images, between images, and at most.

A Wasserstein loss means something only for a discriminator that is K-Lipschitz (Arjovsky 2017).
The gradient at an image and the ratio between two images are lower bounds of K, the product of the
layers' norms is an upper one (Miyato 2018, eq. 7): the truth lies between, seldom near the product.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganvas.health.probes.subject import NotMeasurable, Numbers, Subject
from ganvas.networks import Maxout
from ganvas.networks.blocks import (
    MeanPool,
    PoolingConvolution,
    PostactivationBlock,
    PreactivationBlock,
    Shortcut,
    SumPool,
    UpsamplingConvolution,
)
from ganvas.networks.convolutions import Convolution, TransposedConvolution
from ganvas.networks.grouped import (
    BilinearDoubling,
    BilinearHalving,
    GroupedBlock,
    WeightedSum,
)

AFFINE = (
    nn.Linear,
    nn.Conv2d,
    nn.ConvTranspose2d,
    Convolution,
    TransposedConvolution,
    nn.AvgPool2d,
    UpsamplingConvolution,
    PoolingConvolution,
    BilinearDoubling,
    BilinearHalving,
    WeightedSum,
    Shortcut,
    SumPool,
    MeanPool,
)
"""Layers x -> A x + b, whose Lipschitz constant is the largest singular value of A."""
REARRANGING = (nn.Identity, nn.Flatten, nn.Unflatten)
CONTRACTING = (nn.ReLU, nn.Tanh, nn.Sigmoid)
"""Entry by entry, with slopes of 0 to 1."""
BODIES: dict[type[nn.Module], tuple[str, ...]] = {
    PreactivationBlock: ("enter", "convolution1", "between", "convolution2"),
    PostactivationBlock: ("convolution1", "between", "convolution2", "norm"),
}
"""What a residual block's way through its layers passes; a last ReLU changes nothing."""
NORMALISING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)

STEPS = 24
"""Of `operator_norm`. After 24, seven layers of the architectures' kinds, weights N(0, 0.02), were
0.00 to 0.14 % below their norms by 1,500 power iterations; after 12, 0.3 to 1.5 %."""
EXHAUSTED = 1e-5
"""What is left of a direction in float32 when only rounding is."""
TOO_NEAR = 1e-4
"""Pairs nearer than this share of the median distance tell of rounding, not of steepness."""


def input_gradients(subject: Subject) -> Numbers:
    """|d logit / d image|_2 on reals, fakes and between the two (Gulrajani 2017, eq. 3).

    Of a batch-normalised discriminator it is the gradient of the sum of all logits, which includes
    what an image does to the others of its batch.
    """
    batches = {
        "real": subject.judged_real,
        "fake": subject.judged_fake,
        "between": subject.judged_between,
    }
    numbers: Numbers = {}
    for name, judged in batches.items():
        numbers[f"probe/input_gradient/{name}"] = float(judged.slopes.mean())
        numbers[f"probe/input_gradient/{name}_largest"] = float(judged.slopes.max())
    return numbers


def empirical(subject: Subject) -> Numbers:
    """The largest |D(a) - D(b)| / |a - b|_2 over all pairs of reals and fakes."""
    batches = (subject.judged_real, subject.judged_fake)
    logits = torch.cat([judged.logits for judged in batches])
    packs = torch.cat([judged.packs for judged in batches]).flatten(1)
    distances = torch.cdist(packs, packs, compute_mode="donot_use_mm_for_euclid_dist")
    distinct = distances > TOO_NEAR * distances.median()
    if not distinct.any():
        raise NotMeasurable("all images are the same")
    differences = (logits[:, None] - logits).abs()
    return {"probe/lipschitz/empirical": float((differences / distances)[distinct].max())}


def bound(subject: Subject) -> Numbers:
    """No pair of images anywhere can have a larger ratio (Miyato 2018, eq. 7).

    Raises NotMeasurable where there is no bound, or none is known; it says for which layer.
    """
    for name, module in subject.discriminator.named_modules():
        if isinstance(module, NORMALISING):  # before the work on all other layers is done
            reason = "a layer that divides by the spread of what it sees has no bound"
            raise NotMeasurable(f"{name} ({type(module).__name__}): {reason}")
    shown = torch.zeros_like(subject.judged_real.packs[:1])
    largest, _ = bound_of(subject.discriminator, shown, subject.random)
    return {"probe/lipschitz/bound": largest}


def bound_of(
    module: nn.Module, shown: Tensor, random: torch.Generator, name: str = ""
) -> tuple[float, Tensor]:
    """An upper bound of a module's Lipschitz constant, and what it makes of `shown`.

    A chain has the product of its parts, a residual block the sum of its two ways.

    Args:
        shown: (1, ...), of the shape that the module gets; its values do not matter.
        name: where the module is, for the reason.

    Raises:
        NotMeasurable: no bound is known of a layer.
    """
    if runs_as(module, nn.Sequential):
        return chain(parts_of(module), shown, random, name)
    if isinstance(module, PreactivationBlock | PostactivationBlock):
        body = [(part, module.get_submodule(part)) for part in BODIES[type(module)]]
        total, made = chain(body, shown, random, name)
        if module.shortcut is not None:
            total += bound_of(module.shortcut, shown, random, f"{name}.shortcut")[0]
        return total, made
    if isinstance(module, GroupedBlock):
        total, _ = bound_of(module.body, shown, random, f"{name}.body")
        return 1 + total, shown
    with torch.no_grad():
        made = module(shown.clone())
    if runs_as(module, *AFFINE):
        return operator_norm(module, shown, random), made
    if runs_as(module, *REARRANGING, *CONTRACTING) or takes_the_largest(module):
        return 1.0, made
    if isinstance(module, nn.LeakyReLU):
        return max(1.0, abs(module.negative_slope)), made
    where = name or "the discriminator"
    raise NotMeasurable(f"{where} ({type(module).__name__}): no bound of such a layer is known")


def chain(
    parts: list[tuple[str, nn.Module]], shown: Tensor, random: torch.Generator, name: str
) -> tuple[float, Tensor]:
    """One part after the other: the product."""
    product = 1.0
    for key, part in parts:
        factor, shown = bound_of(part, shown, random, f"{name}.{key}" if name else key)
        product *= factor
    return product, shown


def parts_of(whole: nn.Module) -> list[tuple[str, nn.Module]]:
    """A chain's parts by name, one that is used twice being there twice."""
    everything = whole.named_modules(remove_duplicate=False)
    return [(name, part) for name, part in everything if name and "." not in name]


def runs_as(module: nn.Module, *kinds: type[nn.Module]) -> bool:
    """Whether a module computes what one of these kinds does.

    A subclass with a forward of its own may do anything; one that only makes its weight in another
    way, as under spectral normalisation, does the same.
    """
    return any(type(module).forward is kind.forward for kind in kinds)


def takes_the_largest(module: nn.Module) -> bool:
    """Whether it is the maxout unit, which the architecture's file defines where it is built.

    Each unit takes the largest of its own pieces, and |max a - max b| <= max |a - b| <= |a - b|_2.
    """
    kind = type(module)
    return (kind.__module__, kind.__name__) == (Maxout.__module__, "Largest")


def operator_norm(layer: nn.Module, shown: Tensor, random: torch.Generator) -> float:
    """The largest singular value of an affine layer at this size, stride and padding included.

    Golub and Kahan 1965: the best that the span of v, A^T A v, (A^T A)^2 v, ... has to offer, from
    a random v. A v and A^T u come from autograd, so no matrix is made. What is found is never above
    the truth, but for rounding, and of layers with random weights, whose largest singular values
    lie close together, at most 0.2 % below (`STEPS`).

    Args:
        layer: x -> A x + b.
        shown: (1, ...), of the shape that the layer gets.
    """
    x = torch.zeros_like(shown, requires_grad=True)
    y = layer(x)
    pull = torch.zeros_like(y, requires_grad=True)
    # A^T pull, a function of pull whose own gradient gives A v without the bias.
    (pulled,) = torch.autograd.grad(y, x, pull, create_graph=True)
    v = torch.randn(x.shape, generator=random, device=x.device, dtype=x.dtype)
    basis, made = x.new_zeros(STEPS, x.numel()), y.new_zeros(STEPS, y.numel())
    for step in range(STEPS):  # a GPU is not waited for
        v, span = v.flatten(), basis[:step]
        before = v.norm()
        for _ in range(2):  # once leaves what rounding puts back
            v = torch.addmv(v, span.T, span @ v, alpha=-1)
        length = v.norm()
        # Where the span holds all that A makes of v it is exact, and nothing may come to it.
        v = v * torch.where(length > EXHAUSTED * before, 1 / length, 0)
        (u,) = torch.autograd.grad(pulled, pull, v.view_as(x), retain_graph=True)  # A v
        basis[step], made[step] = v, u.flatten()
        (v,) = torch.autograd.grad(y, x, u, retain_graph=True)  # A^T A v
    squares = torch.linalg.eigvalsh((made @ made.T).double().cpu())
    return float(squares[-1].clamp_min(0).sqrt())
