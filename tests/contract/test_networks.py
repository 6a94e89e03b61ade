"""The contract of every generator and every discriminator alone.

A new network, field or option is tested by existing. `test_pairs.py` trains them together.
"""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor, nn

from ganvas.networks import (
    DISCRIMINATORS,
    GENERATORS,
    POINT,
    Dimensions,
    Discriminator,
    Generator,
    ImageShape,
    Network,
    Reconstructing,
    average_heads,
)
from ganvas.networks.first_layers import FirstLayer, first_layers
from ganvas.networks.styles import StyleBased
from ganvas.randomness import seeded_weights
from tests.contract.network_variations import (
    BATCH,
    DISCRIMINATOR_VARIATIONS,
    GENERATOR_VARIATIONS,
    LATENT_DIM,
    NUM_LABELS,
    VARIATIONS,
    built,
    built_awake,
    drawn_images,
    inputs_of,
    labels_of,
    latents,
    name_of,
    small,
    variations,
    with_labels,
)

SIZES = [
    (16, 16),
    (24, 24),
    (28, 28),
    (32, 32),
    (48, 48),
    (64, 64),
    (96, 96),
    (128, 128),
    (64, 96),
    (256, 64),
]
OPTION_SIZES = [(16, 16), (28, 28), (24, 36)]
KINDS: list[type[Network]] = [*GENERATORS.values(), *DISCRIMINATORS.values()]
"""The classes of both tables."""

EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=name_of)
EVERY_GENERATOR = pytest.mark.parametrize("kind", GENERATORS.values(), ids=name_of)
EVERY_DISCRIMINATOR = pytest.mark.parametrize("kind", DISCRIMINATORS.values(), ids=name_of)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are slower on two threads, and far slower beside other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def size_cases(table: dict[str, type[Any]]) -> Iterator[Any]:
    """Every network at every size, in turns with one channel and with four, and once with any."""
    for kind in table.values():
        for place, (height, width) in enumerate(SIZES):
            for channels in (1, 2, 3, 4) if place == 0 else (4,) if place % 2 else (1,):
                yield pytest.param(
                    small(kind),
                    ImageShape(channels, height, width),
                    id=f"{name_of(kind)}-{height}x{width}x{channels}",
                )


def option_cases(table: dict[str, type[Any]]) -> Iterator[Any]:
    """Every option at one size that it takes; the sizes take turns."""
    for place, case in enumerate(variations(table)):
        (network,) = case.values
        turn = place % len(OPTION_SIZES)
        for height, width in [*OPTION_SIZES[turn:], *OPTION_SIZES[:turn]]:
            image = ImageShape(3, height, width)
            if not network.problems(image):
                yield pytest.param(network, image, id=f"{case.id}-{height}x{width}")
                break


def cases(table: dict[str, type[Any]]) -> pytest.MarkDecorator:
    """Every network at every size, and every option at one."""
    return pytest.mark.parametrize(("network", "image"), [*size_cases(table), *option_cases(table)])


def assert_every_parameter_has_a_gradient(player: nn.Module) -> None:
    for name, parameter in player.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # The gradient of a bias in front of a norm is zero but for rounding.
        assert parameter.ndim == 1 or parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("network", VARIATIONS)
def test_problems_name_a_field_and_are_not_there_at_every_size(network: Network) -> None:
    images = [ImageShape(3, height, width) for height, width in OPTION_SIZES]
    problems = [network.problems(image) for image in images]
    fields = {field.name for field in dataclasses.fields(network)}
    assert {problem.split(":")[0] for problem in itertools.chain(*problems)} <= fields
    assert [] in problems


@cases(GENERATORS)
def test_generators_shape_range_and_gradients(network: Generator, image: ImageShape) -> None:
    generator = built_awake(network, image)
    fake = with_labels(network, generator)(latents())
    assert fake.shape == (BATCH, image.channels, image.height, image.width)
    assert fake.abs().max() <= 1 or not network.bounded_output
    assert fake.std() > 0
    # Unequal weights: under batch normalisation the gradient of a plain sum could vanish.
    (fake * drawn_images(image)).sum().backward()
    assert_every_parameter_has_a_gradient(generator)


@pytest.mark.parametrize("network", GENERATOR_VARIATIONS)
def test_a_generator_says_which_layer_latents_reach_first(network: Generator) -> None:
    """It is linear in latents, or in those of them that it takes; styles have several such."""
    generator = built_awake(network, ImageShape(1, 16, 16)).eval()
    layers = first_layers(generator)
    if isinstance(generator, StyleBased):
        assert len(layers) >= generator.style_layers
    else:
        assert len(layers) == 1
    seen: list[tuple[nn.Module, Tensor, Tensor]] = []
    for layer in layers:
        assert isinstance(layer, nn.Module)
        layer.register_forward_hook(
            lambda *call: seen.append((call[0], call[1][0].clone(), call[2].clone()))
        )
    with torch.no_grad():
        with_labels(network, generator)(latents())
    assert {layer for layer, _, _ in seen} == set(layers), "each of them is used"
    for layer, inputs, outputs in seen:
        assert isinstance(layer, FirstLayer)
        change = inputs.flatten(1) - inputs.flatten(1)[:1]
        torch.testing.assert_close(
            change @ layer.matrix().T, outputs.flatten(1) - outputs.flatten(1)[:1]
        )
    if not isinstance(generator, StyleBased):
        taken = min(LATENT_DIM, layers[0].matrix().shape[1])
        # Perhaps at another length (fastgan).
        torch.testing.assert_close(
            F.normalize(seen[0][1].flatten(1)[:, :taken]), F.normalize(latents()[:, :taken])
        )


@cases(DISCRIMINATORS)
def test_discriminators_shape_and_gradients(network: Discriminator, image: ImageShape) -> None:
    discriminator = built_awake(network, image)
    images = drawn_images(image).requires_grad_(True)
    logits = with_labels(network, discriminator)(images)
    assert len(logits) == BATCH
    assert logits.dim() == 1 or (logits.dim() == 2 and logits.shape[1] > 1)
    assert logits.isfinite().all()
    weights = torch.tensor([1.0, -2.0, 3.0])
    loss = (average_heads(logits) * weights).sum()
    if network.reconstructs:
        assert isinstance(discriminator, Reconstructing)
        drawn = torch.tensor([0.1, 0.4, 0.9])[:, None, None, None]
        same_logits, errors = discriminator.reconstruct(images, drawn, *labels_of(network))
        if not network.uses_batch_statistics:
            torch.testing.assert_close(same_logits, logits)
        assert errors.shape == (BATCH,)
        assert (errors > 0).all()
        loss = loss + (errors * weights).sum()
    loss.backward()
    assert_every_parameter_has_a_gradient(discriminator)
    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert (images.grad.flatten(1).abs().max(1).values > 0).all()


@pytest.mark.parametrize("network", VARIATIONS)
def test_a_state_dict_holds_the_whole_network(network: Network) -> None:
    image = ImageShape(3, 16, 16)
    player, other = built(network, image, seed=0), built(network, image, seed=1)
    inputs = inputs_of(network, image)
    with_labels(network, player)(
        inputs
    )  # moves the running statistics, which a state dict must carry too
    other.load_state_dict(player.state_dict())
    for mode in (True, False):
        torch.testing.assert_close(
            with_labels(network, other.train(mode))(inputs),
            with_labels(network, player.train(mode))(inputs),
            rtol=0,
            atol=0,
        )


@pytest.mark.parametrize("network", VARIATIONS)
def test_the_seed_decides_the_weights(network: Network) -> None:
    image = ImageShape(1, 16, 16)
    same, again = built(network, image), built(network, image)
    for (name, first), second in zip(
        same.state_dict().items(), again.state_dict().values(), strict=True
    ):
        assert torch.equal(first, second), name
    # Weights that start at zero are drawn from nothing.
    weights = [p for p in same.parameters() if p.ndim > 1 and p.any()]
    others = [p for p in built(network, image, seed=1).parameters() if p.ndim > 1 and p.any()]
    assert weights
    assert not any(torch.equal(a, b) for a, b in zip(weights, others, strict=True))


@pytest.mark.parametrize("network", VARIATIONS)
def test_weights_draw_from_the_seed_alone(network: Network) -> None:
    """Other threads share torch's global generator: it must neither matter nor change."""

    def weights(global_seed: int) -> list[Tensor]:
        torch.manual_seed(global_seed)
        before = torch.default_generator.get_state()
        with seeded_weights(0):
            built = network.build(Dimensions(ImageShape(1, 16, 16), LATENT_DIM, NUM_LABELS))
        assert torch.equal(torch.default_generator.get_state(), before)
        return list(built.state_dict().values())

    assert all(map(torch.equal, weights(0), weights(1)))


@pytest.mark.parametrize("network", DISCRIMINATOR_VARIATIONS)
def test_uses_batch_statistics_agrees_with_an_experiment(network: Discriminator) -> None:
    image = ImageShape(1, 16, 16)
    discriminator = with_labels(network, built_awake(network, image))
    images = drawn_images(image)
    changed = images.clone()
    changed[0] = -changed[0]
    with torch.no_grad():
        before, after = discriminator(images)[1:], discriminator(changed)[1:]
    moved = bool((before - after).abs().max() > 1e-4 * before.abs().max())
    assert moved is network.uses_batch_statistics


@pytest.mark.parametrize(
    "network", [case for case in DISCRIMINATOR_VARIATIONS if case.values[0].group_size > 1]
)
def test_group_size_agrees_with_an_experiment(network: Discriminator) -> None:
    """No logit of an image after the first group depends on the images of that."""
    image, group = ImageShape(1, 16, 16), network.group_size
    discriminator = built_awake(network, image)
    images = torch.randn(2 * group, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    changed = images.clone()
    changed[0] = -changed[0]
    labels = [torch.arange(2 * group) % NUM_LABELS] if network.uses_labels else []
    with torch.no_grad():
        before, after = discriminator(images, *labels), discriminator(changed, *labels)
    assert torch.equal(before[group:], after[group:])
    assert not (before[:group] == after[:group]).any()


@pytest.mark.parametrize("network", GENERATOR_VARIATIONS)
def test_has_styles_agrees_with_the_network(network: Generator) -> None:
    image = ImageShape(2, 24, 36)
    player = built(network, image).eval()
    assert isinstance(player, StyleBased) is network.has_styles
    if not isinstance(player, StyleBased):
        return
    labels = labels_of(network)
    styles = player.map(latents(), *labels)
    assert player.mean_styles.shape[-1] == styles.shape[1]
    assert player.mean_styles.shape[:-1] == ((NUM_LABELS,) if network.uses_labels else ())
    every = styles[:, None].expand(-1, player.style_layers, -1)
    assert torch.equal(player.synthesise(every), with_labels(network, player)(latents()))


@pytest.mark.parametrize("network", DISCRIMINATOR_VARIATIONS)
def test_a_gradient_penalty_reaches_the_weights(network: Discriminator) -> None:
    if network.uses_batch_statistics:
        pytest.skip("a gradient penalty is undefined here")
    image = ImageShape(2, 16, 16)
    discriminator = built_awake(network, image)
    images = drawn_images(image).requires_grad_()
    (slopes,) = torch.autograd.grad(
        with_labels(network, discriminator)(images).sum(), images, create_graph=True
    )
    slopes.flatten(1).norm(dim=1).sub(1).square().mean().backward()
    # Beside the pixels, an embedding moves activations, whose slopes are constant in pieces. No
    # logit passes through decoders.
    weights = [
        weight
        for name, weight in discriminator.named_parameters()
        if weight.ndim > 1 and not name.startswith(("labels.", "decoders."))
    ]
    for weight in weights:
        assert weight.grad is not None
        assert weight.grad.isfinite().all()
        assert weight.grad.abs().max() > 0


@pytest.mark.parametrize("network", VARIATIONS)
def test_every_option_builds_another_network(network: Network) -> None:
    default = small(type(network))
    if network == default:
        pytest.skip("the one that the others are compared with")
    image = ImageShape(3, 64, 64)  # of fewer halvings the widest channels are never reached
    assert str(built(network, image)) != str(built(default, image))


@EVERY_GENERATOR
def test_bounded_output_agrees_with_an_experiment(kind: type[Generator]) -> None:
    generator = built(small(kind), ImageShape(1, 16, 16))
    with torch.no_grad():
        for weight in generator.parameters():
            weight.mul_(30)
        largest = generator(latents()).abs().max()
    assert bool(largest <= 1) is kind.bounded_output


@pytest.mark.parametrize(
    "network", [case for case in GENERATOR_VARIATIONS if case.values[0].supports_points]
)
@pytest.mark.parametrize("channels", [1, 2, 7])
def test_generated_points_are_unbounded(network: Generator, channels: int) -> None:
    assert network.size_problem(*POINT) is None
    point = ImageShape(channels, *POINT)
    assert network.problems(point) == []
    generator = built(network, point)
    with torch.no_grad():
        for name, weight in generator.named_parameters():
            if name.startswith("image") and weight.ndim > 1:
                weight.fill_(1e6)
    points = with_labels(network, generator)(latents())
    assert points.shape == (BATCH, channels, 1, 1)
    assert points.abs().max() > 1


@pytest.mark.parametrize(
    "network", [case for case in DISCRIMINATOR_VARIATIONS if case.values[0].supports_points]
)
@pytest.mark.parametrize("channels", [1, 2, 7])
def test_discriminators_that_support_points_give_finite_logits_far_away(
    network: Discriminator, channels: int
) -> None:
    assert network.size_problem(*POINT) is None
    point = ImageShape(channels, *POINT)
    assert network.problems(point) == []
    logits = with_labels(network, built(network, point))(1e6 * drawn_images(point))
    assert logits.shape == (BATCH,)
    assert logits.isfinite().all()


@EVERY_KIND
def test_every_network_takes_the_same_image_sizes_and_names_those_for_points(
    kind: type[Network],
) -> None:
    network = kind()
    for height, width in SIZES:
        assert network.size_problem(height, width) is None
    for height, width in ((30, 30), (1, 2), (2, 1), (8, 8)):
        problem = network.size_problem(height, width)
        assert problem is not None
        assert "Nearest: " in problem
    if not kind.supports_points:
        problem = network.size_problem(*POINT)
        assert problem is not None
        assert f"the {kind.role} {kind.name} is for images" in problem
        assert "maxout or mlp" in problem


@pytest.mark.parametrize("table", [GENERATORS, DISCRIMINATORS], ids=["generators", "others"])
def test_the_tables_hold_each_network_by_its_name(table: dict[str, type[Network]]) -> None:
    names = {"biggan", "mlp", "maxout", "dcgan", "fastgan", "resnet", "r3gan", "strided", "style"}
    assert names <= set(table)
    for name, kind in table.items():
        assert kind.name == name
        assert kind.table() is table
        assert kind.named(name) == kind()


def test_descriptions_import_no_torch() -> None:
    probe = "import sys, ganvas.networks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
