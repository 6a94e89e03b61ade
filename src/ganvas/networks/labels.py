"""Layers of class-conditional networks: how labels reach a generator and a discriminator.

Imports torch; `conditioning.py` has the names of the forms. Modules of a conditional network keep
the names that they have without labels, so that weights can be exchanged between the two.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor, nn

from ganvas.networks.conditioning import GeneratorConditioning
from ganvas.precision import without_autocast

SHARED_DIM = 128
"""Length of the embedding that all conditional norms share (Brock 2019, appendix C).

Each label's starts with about unit norm, as with the paper's orthogonal weights: a gain moves by
the learning rate times the sum of what it is multiplied with. Eleven times as long, labels outran
their chunks of latents, and resnet-dcgan-conditional made one image for each label.
"""
CONCATENATED_DIM = 64
"""Length of the embedding beside the latents (Huang 2024's code)."""
DEVIATION = 0.02
"""Standard deviation of the initial weights of embeddings, as of other weights (Radford 2016)."""


# -- From labels to vectors ----------------------------------------------------------------------


class LabelStrength(nn.Module):
    """Multiplies by how much labels count, 0 to 1 (`Recipe.label_strength`)."""

    value: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("value", torch.ones(()))

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors * self.value


def set_label_strength(network: nn.Module, strength: float) -> None:
    """Set how much labels count in a network, in place."""
    for module in network.modules():
        if isinstance(module, LabelStrength):
            module.value.fill_(strength)


class OneHot(nn.Module):
    """Labels (N,) or mixtures of labels (N, K) -> (N, K).

    A linear layer after it has one column of weights for each label.
    """

    def __init__(self, num_labels: int) -> None:
        super().__init__()
        self.num_labels = num_labels

    def forward(self, labels: Tensor) -> Tensor:
        if labels.is_floating_point():
            return labels
        return F.one_hot(labels, self.num_labels).float()


class LabelEmbedding(nn.Embedding):
    """Labels (N,) -> learned vectors (N, dim); mixtures of labels (N, K) -> mixtures of vectors."""

    def __init__(self, num_labels: int, dim: int, deviation: float = DEVIATION) -> None:
        super().__init__(num_labels, dim)
        nn.init.normal_(self.weight, 0.0, deviation)

    def forward(self, labels: Tensor) -> Tensor:
        if labels.is_floating_point():
            return labels @ self.weight
        return super().forward(labels)


def with_strength(vectors: nn.Module) -> nn.Sequential:
    """Labels -> vectors times the strength of labels."""
    return nn.Sequential(vectors, LabelStrength())


# -- Conditional layers --------------------------------------------------------------------------


class GainsAndBiases(nn.Linear):
    """A condition (N, E) -> gains and biases (N, 2C), by two maps that lie in one matrix."""

    maps = 2

    def __init__(self, condition_dim: int, channels: int) -> None:
        super().__init__(condition_dim, self.maps * channels, bias=False)


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation whose gain and bias depend on a condition (de Vries 2017).

    gain = 1 + L_g(e) and bias = L_b(e), linear in the condition e (N, E), in one matrix. With
    one-hot conditions each label has a gain and a bias of its own (Miyato 2018); a shared embedding
    is Brock 2019's form. Both maps start at zero, so all labels start alike, but for networks that
    draw the weights of all their layers at last (dcgan, fastgan, biggan).
    """

    neutral: Tensor
    """(2C,) the gains and biases that change nothing: ones, then zeros."""

    def __init__(self, channels: int, condition_dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.affine = GainsAndBiases(condition_dim, channels)
        nn.init.zeros_(self.affine.weight)
        neutral = torch.cat([torch.ones(channels), torch.zeros(channels)])
        self.register_buffer("neutral", neutral, persistent=False)

    def forward(self, images: Tensor, condition: Tensor) -> Tensor:
        normalised = self.norm(images)
        weight = self.affine.weight
        # In float32: bfloat16 keeps two digits of a gain near 1, and rounding the operands takes
        # longer than it saves.
        with without_autocast(weight):
            affine = F.linear(condition.to(weight.dtype), weight, self.neutral)  # (N, 2C)
        halves = affine.to(normalised.dtype).view(-1, 2, self.norm.num_features, 1, 1)
        gain, bias = halves.unbind(1)  # (N, C, 1, 1)
        # Quicker than addcmul, which multiplies twice as often on the way back.
        scaled: Tensor = normalised * gain
        return scaled.add_(bias)  # (N, C, H, W)


def takes_condition(module: nn.Module) -> bool:
    """Whether a module is called with a condition as its second argument."""
    return any(isinstance(part, ConditionalBatchNorm) for part in module.modules())


class Stages(nn.Module):
    """Modules by name, in order: an `nn.Sequential` whose forward pass may take labels too."""

    def __init__(self, stages: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, stage in stages.items():
            self.add_module(name, stage)


def through(stages: Iterable[nn.Module], inputs: Tensor) -> Tensor:
    """What the stages give, one after the other."""
    outputs = inputs
    for stage in stages:
        outputs = stage(outputs)
    return outputs


class ConditionalSequential(Stages):
    """Hands the condition (N, E) to those of its modules that take it."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__({str(index): module for index, module in enumerate(modules)})
        self.conditional = tuple(map(takes_condition, modules))

    def forward(self, images: Tensor, condition: Tensor) -> Tensor:
        for module, conditional in zip(self.children(), self.conditional, strict=True):
            images = module(images, condition) if conditional else module(images)
        return images


def sequential(*modules: nn.Module) -> nn.Module:
    """The modules in order; called with a condition too if one of them takes it."""
    if any(map(takes_condition, modules)):
        return ConditionalSequential(modules)
    return nn.Sequential(*modules)


# -- Generators ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class LabelPlan:
    """How layers are built for labels. `LabelPlan.of` decides, `assemble` makes the network."""

    conditioning: GeneratorConditioning
    num_labels: int
    input_dim: int
    """What the first layer takes: latents, part of them, or latents and an embedding."""
    condition_dim: int
    """What each conditional norm takes; 0: norms are unconditional."""
    chunk: int
    """Latents that each conditional stage gets for itself; 0: none."""

    @classmethod
    def of(
        cls, conditioning: GeneratorConditioning, latent_dim: int, num_labels: int, stages: int
    ) -> LabelPlan:
        """The plan for a generator with so many conditional stages.

        Chunks are as long as they can be alike; the first layer takes what remains (Brock 2019).
        With `num_labels` of 0 they are all that the stages get.
        """
        match conditioning:
            case "none":
                return cls(conditioning, num_labels, latent_dim, 0, 0)
            case "concatenation":
                return cls(conditioning, num_labels, latent_dim + CONCATENATED_DIM, 0, 0)
            case "batch-norm":
                return cls(conditioning, num_labels, latent_dim, num_labels, 0)
            case "shared":
                return cls(conditioning, num_labels, latent_dim, SHARED_DIM, 0)
            case "chunks":
                chunk = latent_dim // (stages + 1)
                first = latent_dim - stages * chunk
                shared = SHARED_DIM if num_labels else 0
                return cls(conditioning, num_labels, first, shared + chunk, chunk)

    def assemble(self, stages: Mapping[str, nn.Module]) -> nn.Module:
        """The network of these stages: called with latents, and with labels if it takes them."""
        match self.conditioning:
            case "none":
                return nn.Sequential(OrderedDict(stages))
            case "concatenation":
                deviation = 1 / math.sqrt(self.num_labels)
                vectors: nn.Module = LabelEmbedding(self.num_labels, CONCATENATED_DIM, deviation)
                return ConcatenatedLabels(with_strength(vectors), stages)
            case "batch-norm":
                vectors = OneHot(self.num_labels)
            case "chunks" if not self.num_labels:
                return ConditionalGenerator(None, stages, self.input_dim, self.chunk)
            case "shared" | "chunks":
                vectors = LabelEmbedding(self.num_labels, SHARED_DIM, 1 / math.sqrt(SHARED_DIM))
        return ConditionalGenerator(with_strength(vectors), stages, self.input_dim, self.chunk)


class ConditionalGenerator(Stages):
    """(latents (N, Z), labels) -> images, through stages with conditional norms.

    Labels are int64 (N,), or mixtures of labels (N, K).

    Args:
        labels: labels (N,) -> the condition (N, E) of all stages. None: it takes no labels, and
            chunks alone are the conditions.
        stages: by name; the first takes latents.
        input_dim: how many latents the first stage takes.
        chunk: latents that each conditional stage gets beside the condition (Brock 2019, figure
            15); 0: none. A growing generator leaves those of the stages that it lacks.
    """

    def __init__(
        self,
        labels: nn.Module | None,
        stages: Mapping[str, nn.Module],
        input_dim: int,
        chunk: int,
    ) -> None:
        super().__init__(stages if labels is None else {"labels": labels, **stages})
        self.conditional = tuple(map(takes_condition, stages.values()))
        self.input_dim = input_dim
        self.chunk = chunk

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        stages = list(self.children())
        shared = [] if labels is None else [stages.pop(0)(labels)]
        conditions = shared * sum(self.conditional)
        if self.chunk:
            count = (latents.shape[1] - self.input_dim) // self.chunk
            sizes = [self.input_dim, *[self.chunk] * count]
            latents, *chunks = torch.split(latents, sizes, 1)
            conditions = [torch.cat([*shared, chunk], 1) for chunk in chunks]
        images = latents
        for stage, conditional in zip(stages, self.conditional, strict=True):
            images = stage(images, conditions.pop(0)) if conditional else stage(images)
        return images


class ConcatenatedLabels(Stages):
    """A network whose first layer sees (N, features), with an embedding of the labels appended.

    (inputs (N, ...), labels (N,)) -> what the last stage gives (Mirza 2014; Huang 2024's code).
    """

    def __init__(self, labels: nn.Module, stages: Mapping[str, nn.Module]) -> None:
        super().__init__({"labels": labels, **stages})

    def forward(self, inputs: Tensor, labels: Tensor) -> Tensor:
        embed, *stages = self.children()
        return through(stages, torch.cat([inputs.flatten(1), embed(labels)], 1))


# -- Discriminators ------------------------------------------------------------------------------


class LabelProjection(nn.Module):
    """<embedding(y), h>, with h the features summed over the grid (Miyato 2018, eq. 3): (N,).

    Args:
        channels: of the features (N, C, H, W).
        activation: of the features, where they come without.
        deviation: standard deviation of the initial embeddings.
    """

    def __init__(
        self, channels: int, num_labels: int, activation: nn.Module, deviation: float = DEVIATION
    ) -> None:
        super().__init__()
        self.activation = activation
        self.embedding = LabelEmbedding(num_labels, channels, deviation)
        self.strength = LabelStrength()

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        pooled = self.activation(features).sum((2, 3))  # (N, C)
        logits: Tensor = self.strength((self.embedding(labels) * pooled).sum(1))
        return logits


class ProjectionDiscriminator(Stages):
    """(images, labels (N,)) -> logits (N,): the logit without labels plus the projection.

    Args:
        stages: by name; the last gives the logit from the features.
        projection: (features, labels) -> (N,).
    """

    def __init__(self, stages: Mapping[str, nn.Module], projection: nn.Module) -> None:
        super().__init__({**stages, "projection": projection})

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        *stages, logit, projection = self.children()
        features = through(stages, images)
        logits: Tensor = logit(features) + projection(features, labels)
        return logits


class LabelledLogit(Stages):
    """(features (N, C, H, W), labels) -> <vector(features), map(y)>, (N,); no part is unlabelled.

    The head of StyleGAN2-ADA and R3GAN (Huang 2024's code). The map is linear in the one-hot label,
    with initial weights N(0, 1 / (C K)).

    Args:
        vector: modules in order, from features to (N, C).
    """

    def __init__(self, vector: Sequence[nn.Module], channels: int, num_labels: int) -> None:
        deviation = 1 / math.sqrt(channels * num_labels)
        stages: dict[str, nn.Module] = {str(i): module for i, module in enumerate(vector)}
        super().__init__({**stages, "embedding": LabelEmbedding(num_labels, channels, deviation)})

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        *stages, embedding = self.children()
        logits: Tensor = (through(stages, features) * embedding(labels)).sum(1)
        return logits


class LabelledDiscriminator(Stages):
    """(images, labels (N,)) -> logits (N,): the last stage alone takes the labels."""

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        *stages, logit = self.children()
        logits: Tensor = logit(through(stages, images), labels)
        return logits
