"""The discriminator's Lipschitz constant: gradients at images, ratios of pairs, an upper bound.

A Wasserstein loss means something only for a discriminator that is K-Lipschitz (Arjovsky 2017).
The gradient at an image and the ratio between two images are lower bounds of K, the product of the
layers' norms is an upper bound (Miyato 2018, eq. 7). K lies between them, seldom near the product.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganvas.health.probes.context import NotMeasurable, ProbeContext, ProbeValues
from ganvas.health.probes.norms import row_norms
from ganvas.networks import MaxoutDiscriminator
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
from ganvas.networks.equalised import (
    BRANCH_GAIN,
    HalvingLayers,
    ScaledLeakyReLU,
    Smoothing,
)
from ganvas.networks.grouped import (
    BilinearDoubling,
    BilinearHalving,
    GroupedBlock,
    WeightedPool,
)
from ganvas.networks.labels import (
    ConcatenatedLabels,
    LabelEmbedding,
    LabelledDiscriminator,
    LabelledLogit,
    LabelProjection,
    ProjectionDiscriminator,
)
from ganvas.networks.modulated import MappedLogit

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
    WeightedPool,
    Smoothing,
    Shortcut,
    SumPool,
    MeanPool,
)
"""Layers x -> A x + b, whose Lipschitz constant is the largest singular value of A."""
REARRANGING = (nn.Identity, nn.Flatten, nn.Unflatten)
CONTRACTING = (nn.ReLU, nn.Tanh, nn.Sigmoid)
"""Elementwise, with slopes of 0 to 1."""
BODIES: dict[type[nn.Module], tuple[str, ...]] = {
    PreactivationBlock: ("enter", "convolution1", "between", "convolution2"),
    PostactivationBlock: ("convolution1", "between", "convolution2", "norm"),
}
"""The layers on the residual branch of a block; a last ReLU does not change the bound."""
TAKING_LABELS = (
    ProjectionDiscriminator,
    LabelProjection,
    LabelledDiscriminator,
    LabelledLogit,
    MappedLogit,
    ConcatenatedLabels,
)
NORMALISING = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)

LANCZOS_STEPS = 24
"""Of `operator_norm`. With 24 steps, seven layers of the kinds in `networks`, weights N(0, 0.02),
were 0.00 to 0.14 % below their norms by 1,500 power iterations; with 12, 0.3 to 1.5 %."""
ROUNDING = 1e-5
"""The relative length of a float32 vector that consists of rounding errors only."""
MIN_RELATIVE_DISTANCE = 1e-4
"""Pairs nearer than this fraction of the median distance measure rounding errors only."""


def input_gradients(context: ProbeContext) -> ProbeValues:
    """|d logit / d image|_2 at reals, fakes and in between (Gulrajani 2017, eq. 3).

    For a batch-normalised discriminator it is the gradient of the sum of all logits, which includes
    the effect of an image on the rest of its batch.
    """
    batches = {
        "real": context.real_output,
        "fake": context.fake_output,
        "between": context.interpolated_output,
    }
    numbers: ProbeValues = {}
    for name, output in batches.items():
        numbers[f"probe/input_gradient/{name}"] = float(output.gradient_norms.mean())
        numbers[f"probe/input_gradient/{name}_largest"] = float(output.gradient_norms.max())
    return numbers


def empirical_constant(context: ProbeContext) -> ProbeValues:
    """The largest |D(a) - D(b)| / |a - b|_2 over all pairs of reals and fakes, of equal labels."""
    batches = (context.real_output, context.fake_output)
    logits = torch.cat([output.logits for output in batches])
    packs = torch.cat([output.packs for output in batches]).flatten(1)
    distances = torch.cdist(packs, packs, compute_mode="donot_use_mm_for_euclid_dist")
    distinct = distances > MIN_RELATIVE_DISTANCE * distances.median()
    for labels in context.discriminator_labels:  # reals and fakes have the same ones
        both = labels.repeat(2)
        distinct &= both[:, None] == both
    if not distinct.any():
        raise NotMeasurable("all images are the same")
    differences = (logits[:, None] - logits).abs()
    return {"probe/lipschitz/empirical": float((differences / distances)[distinct].max())}


def upper_bound(context: ProbeContext) -> ProbeValues:
    """An upper bound of |D(a) - D(b)| / |a - b|_2 for any two images (Miyato 2018, eq. 7).

    Of a discriminator that takes labels, for two images with one label, whichever that is.

    Raises NotMeasurable where there is no bound, or none is known, and names the layer.
    """
    for name, module in context.discriminator.named_modules():
        if isinstance(module, NORMALISING):  # before any layer's norm is computed
            reason = "a layer that divides by the spread of what it sees has no bound"
            raise NotMeasurable(f"{name} ({type(module).__name__}): {reason}")
    example = torch.zeros_like(context.real_output.packs[:1])
    module_bound(context.discriminator, example, None)  # fails before any norm is computed
    largest, _ = module_bound(context.discriminator, example, context.random)
    return {"probe/lipschitz/bound": largest}


def module_bound(
    module: nn.Module, example: Tensor, random: torch.Generator | None, name: str = ""
) -> tuple[float, Tensor]:
    """An upper bound of a module's Lipschitz constant, and an output of it for shapes.

    That of a sequence is the product over its modules, that of a residual block the sum of its two
    branches. Of a module that takes labels, it is the largest of those for one label each.

    Args:
        example: (1, ...), with the shape of the module's input; its values do not matter.
        random: draws where `operator_norm` starts. None: norms count as 1, which costs next to
            nothing and finds out whether all layers have a bound.
        name: the module's path, for the error message.

    Raises:
        NotMeasurable: no bound is known for a layer.
    """
    if has_forward_of(module, nn.Sequential):
        return sequential_bound(children_of(module), example, random, name)
    if isinstance(module, TAKING_LABELS):
        return labelled_bound(module, example, random, name)
    if isinstance(module, PreactivationBlock | PostactivationBlock):
        body = [(part, module.get_submodule(part)) for part in BODIES[type(module)]]
        total, output = sequential_bound(body, example, random, name)
        if module.shortcut is not None:
            total += module_bound(module.shortcut, example, random, f"{name}.shortcut")[0]
        return total, output
    if isinstance(module, GroupedBlock):
        total, _ = module_bound(module.body, example, random, f"{name}.body")
        return 1 + total, example
    if isinstance(module, HalvingLayers):
        return halving_bound(module, example, random, name)
    if isinstance(module, BilinearHalving):
        return bilinear_bound(module, example, random, name)
    with torch.no_grad():
        output = module(example.clone())
    if has_forward_of(module, *AFFINE):
        return 1.0 if random is None else operator_norm(module, example, random), output
    if has_forward_of(module, *REARRANGING, *CONTRACTING) or is_maxout(module):
        return 1.0, output
    if isinstance(module, nn.LeakyReLU):
        return max(1.0, abs(module.negative_slope)), output
    if isinstance(module, ScaledLeakyReLU):
        return module.gain, output
    where = name or "the discriminator"
    raise NotMeasurable(f"{where} ({type(module).__name__}): no bound of such a layer is known")


def sequential_bound(
    parts: list[tuple[str, nn.Module]],
    example: Tensor,
    random: torch.Generator | None,
    name: str,
) -> tuple[float, Tensor]:
    """The product over modules that run one after the other."""
    product = 1.0
    for key, part in parts:
        factor, example = module_bound(part, example, random, f"{name}.{key}" if name else key)
        product *= factor
    return product, example


def halving_bound(
    module: HalvingLayers, example: Tensor, random: torch.Generator | None, name: str
) -> tuple[float, Tensor]:
    """`module_bound` of a halving block, whose branches are added with a gain."""
    total, output = module_bound(module.body, example, random, f"{name}.body")
    if module.shortcut is not None:
        added, _ = module_bound(module.shortcut, example, random, f"{name}.shortcut")
        total = (total + added) * BRANCH_GAIN
    return total, output


def bilinear_bound(
    module: BilinearHalving, example: Tensor, random: torch.Generator | None, name: str
) -> tuple[float, Tensor]:
    """`module_bound` of a filter that is the same for all channels, and a convolution that is the
    same for all pixels: the norm of both is the product of their norms.
    """
    total = 1.0
    if random is not None:  # of one channel: torch differentiates groups one at a time
        total = operator_norm(BilinearHalving(1, 1).to(example), example[:, :1], random)
    with torch.no_grad():
        output = module(example)
    added, _ = module_bound(module.convolution, example, random, f"{name}.convolution")
    return total * added, output


def labelled_bound(
    module: nn.Module, example: Tensor, random: torch.Generator | None, name: str
) -> tuple[float, Tensor]:
    """`module_bound` of a module that takes labels, for the label with the largest bound."""
    match module:
        case LabelledDiscriminator():
            return sequential_bound(children_of(module), example, random, name)
        case ProjectionDiscriminator():
            *stages, logit, projection = children_of(module)
            total, features = sequential_bound(stages, example, random, name)
            head, output = sequential_bound([logit], features, random, name)
            added, _ = sequential_bound([projection], features, random, name)
            return total * (head + added), output
        case LabelProjection():  # <e, sum over n places>: |e| sqrt(n), where all places agree
            slope, features = module_bound(module.activation, example, random, f"{name}.activation")
            longest = longest_row(module.embedding) * float(module.strength.value)
            return slope * longest * math.sqrt(features[0, 0].numel()), features.sum((1, 2, 3))
        case LabelledLogit(embedding=LabelEmbedding() as embedding):
            *vector, _ = children_of(module)
            total, output = sequential_bound(vector, example, random, name)
            return total * longest_row(embedding), output.sum(1)
        case MappedLogit():
            *vector, _ = children_of(module)
            total, output = sequential_bound(vector, example, random, name)
            return total * longest_vector(module), output.sum(1)
        case _:  # an embedding beside the images does not change the distance of two images
            (_, embed), *stages = children_of(module)
            with torch.no_grad():
                vector = embed(torch.zeros(1, dtype=torch.int64, device=example.device))
            beside = torch.cat([example.flatten(1), vector], 1)
            return sequential_bound(stages, beside, random, name)


def longest_row(embedding: nn.Embedding) -> float:
    """The largest norm of the vector of any label."""
    return float(row_norms(embedding.weight.detach()).max())


def longest_vector(logit: MappedLogit) -> float:
    """The largest norm of what a logit's vector is multiplied by, of any label."""
    with torch.no_grad():
        every_label = torch.arange(logit.labels.num_labels, device=next(logit.parameters()).device)
        return float(row_norms(logit.directions(every_label)).max())


def children_of(whole: nn.Module) -> list[tuple[str, nn.Module]]:
    """Direct children by name; a module that is used twice appears twice."""
    everything = whole.named_modules(remove_duplicate=False)
    return [(name, part) for name, part in everything if name and "." not in name]


def has_forward_of(module: nn.Module, *kinds: type[nn.Module]) -> bool:
    """Whether a module computes the same function as one of these kinds.

    A subclass may only override how the weight is computed, as spectral normalisation does. One
    with its own `forward` may compute anything.
    """
    return any(type(module).forward is kind.forward for kind in kinds)


def is_maxout(module: nn.Module) -> bool:
    """Whether it is a maxout unit, a class that the network's file defines locally.

    Each unit takes the maximum over its pieces, and |max a - max b| <= max |a - b| <= |a - b|_2.
    """
    kind = type(module)
    return (kind.__module__, kind.__name__) == (MaxoutDiscriminator.__module__, "MaxoutActivation")


def operator_norm(layer: nn.Module, example: Tensor, random: torch.Generator) -> float:
    """The largest singular value of an affine layer at this size, stride and padding included.

    Where the layer is no mere matrix (`matrix_of`), products come from autograd, so none is formed.

    Args:
        layer: x -> A x + b.
        example: (1, ...), with the shape of the layer's input.
    """
    matrix = matrix_of(layer)
    if matrix is not None:
        start = torch.randn(
            matrix.shape[1], generator=random, device=matrix.device, dtype=matrix.dtype
        )
        return largest_singular_value(matrix.mv, matrix.T.mv, start)
    x = torch.zeros_like(example, requires_grad=True)
    y = layer(x)
    pull = torch.zeros_like(y, requires_grad=True)
    # A^T pull: the gradient of this function of pull is A v, without the bias.
    (pulled,) = torch.autograd.grad(y, x, pull, create_graph=True)

    def product(v: Tensor) -> Tensor:
        (u,) = torch.autograd.grad(pulled, pull, v.view_as(x), retain_graph=True)
        return u.flatten()

    def transposed_product(u: Tensor) -> Tensor:
        (v,) = torch.autograd.grad(y, x, u.view_as(y), retain_graph=True)
        return v.flatten()

    start = torch.randn(x.shape, generator=random, device=x.device, dtype=x.dtype)
    return largest_singular_value(product, transposed_product, start.flatten())


def matrix_of(layer: nn.Module) -> Tensor | None:
    """The matrix (O, I) that alone decides a layer's norm, if there is one.

    A convolution with a kernel of one pixel multiplies the channels of each pixel by it.
    """
    if isinstance(layer, nn.Linear) and has_forward_of(layer, nn.Linear):
        return layer.weight.detach()
    if (
        isinstance(layer, nn.Conv2d)
        and has_forward_of(layer, nn.Conv2d, Convolution)
        and (layer.kernel_size, layer.padding, layer.groups) == ((1, 1), (0, 0), 1)
    ):
        return layer.weight.detach().flatten(1)
    return None


def largest_singular_value(
    product: Callable[[Tensor], Tensor],
    transposed_product: Callable[[Tensor], Tensor],
    start: Tensor,
) -> float:
    """That of a matrix A, from v -> A v and u -> A^T u.

    Golub and Kahan 1965: the largest singular value on the Krylov space of v, A^T A v,
    (A^T A)^2 v, ..., from a random v. The result is a lower bound up to rounding. For layers with
    random weights, whose largest singular values lie close together, it is at most 0.2 % below
    (`LANCZOS_STEPS`).

    Args:
        start: v, (n,).
    """
    v = start
    basis, products = v.new_zeros(LANCZOS_STEPS, len(v)), []
    for step in range(LANCZOS_STEPS):  # without synchronising with a GPU
        span = basis[:step]
        before = v.norm()
        for _ in range(2):  # twice: the first pass leaves rounding errors
            v = torch.addmv(v, span.T, span @ v, alpha=-1)
        length = v.norm()
        # Once the Krylov space is complete, v is rounding noise and must not be added.
        v = v * torch.where(length > ROUNDING * before, 1 / length, 0)
        basis[step] = v
        products.append(product(v))
        v = transposed_product(products[-1])
    stacked = torch.stack(products)
    squares = torch.linalg.eigvalsh((stacked @ stacked.T).double().cpu())
    return float(squares[-1].clamp_min(0).sqrt())
