"""How labels enter, against the published descriptions: counts, and the arithmetic by hand.

Sources: Miyato 2018, "cGANs with Projection Discriminator" (pfnet-research/sngan_projection:
a gain and a bias for each class in the two norms of every generator block, one embedding in the
discriminator); Brock 2019 (BigGAN); Huang 2024 (brownvc/R3GAN: an embedding of 64 beside 64
latents, a vector of the widest stage times a linear function of the label).
"""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from ganvas.networks import (
    BigGANGenerator,
    DCGANGenerator,
    Dimensions,
    ImageShape,
    R3GANDiscriminator,
    R3GANGenerator,
    ResNetGenerator,
)
from ganvas.networks.labels import (
    CONCATENATED_DIM,
    ConditionalBatchNorm,
    LabelEmbedding,
    LabelledLogit,
    LabelPlan,
    LabelProjection,
)
from ganvas.recipes import resnet_paper, resnet_paper_conditional

LABELS = 10
CIFAR = ImageShape(3, 32, 32)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_published_conditional_resnet_has_the_published_counts() -> None:
    """Unconditional: 4,276,739 and, with the logit's bias that theirs lacks, 1,053,825.

    Three blocks have two norms of 256 channels, whose gain and bias exist ten times instead of
    once. The discriminator has ten embeddings of 128 more.
    """
    conditional, plain = resnet_paper_conditional(), resnet_paper()
    dimensions = Dimensions(CIFAR, plain.latent_dim, LABELS)
    with torch.device("meta"):
        generators, discriminators = (
            [
                count(getattr(recipe, role).network.build(dimensions))
                for recipe in (plain, conditional)
            ]
            for role in ("generator", "discriminator")
        )
    assert generators == [4_276_739, 4_276_739 + 3 * 2 * 2 * 256 * (LABELS - 1)]
    assert discriminators == [1_053_825, 1_053_825 + LABELS * 128]


def test_the_published_conditional_r3gan_has_the_layers_of_its_code() -> None:
    settings = {"width": 768, "full_grids": 4}
    dimensions = Dimensions(CIFAR, 64, LABELS)
    with torch.device("meta"):
        generator = R3GANGenerator(**settings)  # type: ignore[arg-type]
        discriminator = R3GANDiscriminator(**settings)  # type: ignore[arg-type]
        more = [
            count(network.conditional().build(dimensions)) - count(network.build(dimensions))
            for network in (generator, discriminator)
        ]
    assert CONCATENATED_DIM == 64
    in_generator = LABELS * 64 + 64 * 768  # the embedding, and its part of the first linear layer
    in_discriminator = LABELS * 768 + 768 * 768 - 768  # map, vector instead of one logit
    assert more == [in_generator, in_discriminator]


def test_conditional_batch_norm_by_hand() -> None:
    torch.manual_seed(0)
    layer = ConditionalBatchNorm(3, 5).double()
    nn.init.normal_(layer.affine.weight)
    images, condition = torch.randn(4, 3, 6, 7).double(), torch.randn(4, 5).double()
    layer.norm.double()
    mean = images.mean((0, 2, 3), keepdim=True)
    spread = (images.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    gain, bias = (condition @ layer.affine.weight.T).chunk(2, 1)
    expected = (images - mean) / spread * (1 + gain)[:, :, None, None] + bias[:, :, None, None]
    torch.testing.assert_close(layer(images, condition), expected, rtol=1e-5, atol=1e-6)


def test_conditional_batch_norm_starts_as_the_plain_one() -> None:
    """Whatever the condition is, so all labels start alike."""
    images, condition = torch.randn(4, 3, 6, 7), torch.randn(4, 5)
    started = ConditionalBatchNorm(3, 5)(images, condition)
    torch.testing.assert_close(started, nn.BatchNorm2d(3)(images))


def test_a_label_projection_multiplies_embeddings_and_summed_features() -> None:
    torch.manual_seed(0)
    layer = LabelProjection(3, LABELS, nn.ReLU(), deviation=1.0)
    features, labels = torch.randn(4, 3, 2, 2), torch.tensor([0, 9, 9, 4])
    embeddings = layer.embedding.weight.detach()
    expected = [
        sum(
            float(embeddings[label, channel]) * float(image[channel].clamp(min=0).sum())
            for channel in range(3)
        )
        for image, label in zip(features, labels, strict=True)
    ]
    assert layer(features, labels).detach().tolist() == pytest.approx(expected, abs=1e-5)


def test_a_logit_of_labels_alone_by_hand() -> None:
    torch.manual_seed(0)
    layer = LabelledLogit([nn.Flatten(), nn.Linear(12, 6, bias=False)], 6, LABELS)
    features, labels = torch.randn(4, 3, 2, 2), torch.tensor([0, 9, 9, 4])
    vectors = features.flatten(1) @ layer.get_submodule("1").weight.T  # type: ignore[operator]
    embedded = layer.get_submodule("embedding").weight[labels]  # type: ignore[index]
    torch.testing.assert_close(layer(features, labels), (vectors * embedded).sum(1))
    deviation = float(layer.get_submodule("embedding").weight.detach().std())  # type: ignore[operator]
    assert deviation == pytest.approx((6 * LABELS) ** -0.5, rel=0.3)


def test_an_embedding_beside_latents_starts_as_published() -> None:
    """N(0, 1 / K) (Huang 2024's code)."""
    torch.manual_seed(0)
    plan = LabelPlan.of("concatenation", 8, LABELS, 1)
    layers = plan.assemble({"first": nn.Linear(plan.input_dim, 8)}).modules()
    (embedding,) = [layer for layer in layers if isinstance(layer, LabelEmbedding)]
    assert float(embedding.weight.detach().std()) == pytest.approx(LABELS**-0.5, rel=0.1)


@pytest.mark.parametrize(
    ("latent_dim", "stages", "first", "chunk"), [(80, 3, 20, 20), (120, 6, 18, 17)]
)
def test_latents_are_split_into_equal_chunks(
    latent_dim: int, stages: int, first: int, chunk: int
) -> None:
    """Brock 2019: as many latents for the first layer as for each block; the rest goes first."""
    plan = LabelPlan.of("chunks", latent_dim, LABELS, stages)
    assert (plan.input_dim, plan.chunk) == (first, chunk)
    assert plan.condition_dim == 128 + chunk


@pytest.mark.parametrize(
    "network",
    [
        DCGANGenerator(width=4, conditioning="chunks"),
        DCGANGenerator(width=4, conditioning="shared"),
        ResNetGenerator(width=4, conditioning="chunks"),
        BigGANGenerator(width=4, conditioning="chunks"),
    ],
    ids=lambda it: f"{it.name}-{it.conditioning}",
)
def test_labels_start_with_unit_norm_as_published(
    network: DCGANGenerator | ResNetGenerator | BigGANGenerator,
) -> None:
    """Orthogonal weights of at most as many labels as dimensions (Brock 2019, appendix C)."""
    torch.manual_seed(0)
    generator = network.build(Dimensions(CIFAR, 128, LABELS))
    (embedding,) = (it for it in generator.modules() if isinstance(it, LabelEmbedding))
    norms = embedding.weight.detach().norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(LABELS), rtol=0.2, atol=0)


def test_every_chunk_reaches_the_images() -> None:
    recipe = resnet_paper()
    network = dataclasses.replace(recipe.generator.network, width=4, conditioning="chunks")  # type: ignore[call-arg]
    torch.manual_seed(0)
    generator = network.build(Dimensions(CIFAR, 80, LABELS))
    for module in generator.modules():
        if isinstance(module, ConditionalBatchNorm):
            nn.init.normal_(module.affine.weight)
    latents = torch.randn(2, 80, requires_grad=True)
    generator(latents, torch.tensor([0, 1])).square().sum().backward()
    assert latents.grad is not None
    assert (latents.grad.abs().amax(0) > 0).all()
