"""What every architecture promises. A new architecture, field or option is tested by existing."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from annotated_types import Ge
from torch import Tensor

from ganvas.networks import ARCHITECTURES, POINT, Architecture, ImageShape, Networks
from tests.unit.tiny import awake

LATENT_DIM = 10
BATCH = 3
SMALL_WIDTH = 8
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


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are slower on two threads, and far slower beside other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def field_types(kind: type[Architecture]) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def small(kind: type[Architecture], **changes: Any) -> Architecture:
    """An architecture with every width cut down, so that the tests take seconds."""
    widths = {name: SMALL_WIDTH for name in field_types(kind) if name.endswith("width")}
    return kind(**{**widths, **changes})


def choices(name: str, hint: Any) -> list[Any]:
    """Values to test of a field: all of a Literal, both booleans, the smallest integers."""
    if name.endswith("width"):
        return [2 * SMALL_WIDTH]  # one channel is too few: a single dead ReLU stops every gradient
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    if hint is bool:
        return [True, False]
    bounds = [item.ge for item in get_args(hint)[1:] if isinstance(item, Ge)]
    assert bounds, f"no known way to vary a field of type {hint}: teach this test"
    return [bounds[0], bounds[0] + 1]


def varied() -> Iterator[Any]:
    """Every architecture with its defaults, and with one field changed at a time."""
    for name, kind in ARCHITECTURES.items():
        yield pytest.param(small(kind), id=name)
        for field, hint in field_types(kind).items():
            for value in choices(field, hint):
                changed = small(kind, **{field: value})
                if changed != small(kind):
                    yield pytest.param(changed, id=f"{name}-{field}={value}")


VARIATIONS = list(varied())


def size_cases() -> Iterator[Any]:
    for name, kind in ARCHITECTURES.items():
        for height, width in SIZES:
            for channels in (1, 2, 3, 4) if height * width <= 32 * 32 else (1, 4):
                yield pytest.param(
                    small(kind),
                    ImageShape(channels, height, width),
                    id=f"{name}-{height}x{width}x{channels}",
                )


def option_cases() -> Iterator[Any]:
    for case in VARIATIONS:
        for height, width in OPTION_SIZES:
            yield pytest.param(
                *case.values, ImageShape(3, height, width), id=f"{case.id}-{height}x{width}"
            )


def built(config: Architecture, image: ImageShape, seed: int = 0) -> Networks:
    torch.manual_seed(seed)
    return config.build(image, LATENT_DIM)


def built_awake(config: Architecture, image: ImageShape) -> Networks:
    """The networks as they are once training has moved what starts at zero."""
    return Networks(*(awake(network) for network in built(config, image)))


def drawn_images(image: ImageShape, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (BATCH, image.channels, image.height, image.width)
    return torch.rand(shape, generator=generator) * 2 - 1


def latents(seed: int = 2) -> Tensor:
    return torch.randn(BATCH, LATENT_DIM, generator=torch.Generator().manual_seed(seed))


def skip_what_cannot_be_built(config: Architecture, image: ImageShape) -> None:
    """A reported problem must name a field; what has none must build."""
    problems = config.problems(image)
    fields = [field.name for field in dataclasses.fields(config)]
    for problem in problems:
        assert problem.split(":")[0] in fields
    if problems:
        pytest.skip(problems[0])


@pytest.mark.parametrize(("config", "image"), [*size_cases(), *option_cases()])
def test_shapes_range_and_gradients(config: Architecture, image: ImageShape) -> None:
    skip_what_cannot_be_built(config, image)
    generator, discriminator = built_awake(config, image)
    fake = generator(latents())
    assert fake.shape == (BATCH, image.channels, image.height, image.width)
    assert fake.abs().max() <= 1 or not config.bounded
    assert fake.std() > 0
    logits = discriminator(fake)
    assert logits.shape == (BATCH,)
    assert logits.isfinite().all()
    # Unequal weights: under batch normalisation the gradient of a plain sum could vanish.
    (logits * torch.tensor([1.0, -2.0, 3.0])).sum().backward()
    for player in (generator, discriminator):
        for name, parameter in player.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            # The gradient of a bias in front of a norm is zero but for rounding.
            assert parameter.ndim == 1 or parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("config", VARIATIONS)
def test_a_state_dict_carries_everything(config: Architecture) -> None:
    image = ImageShape(3, 16, 16)
    for player, other, data in zip(
        built(config, image, seed=0),
        built(config, image, seed=1),
        (latents(), drawn_images(image)),
        strict=True,
    ):
        player(data)  # moves the running statistics, which a state dict must carry too
        other.load_state_dict(player.state_dict())
        for mode in (True, False):
            torch.testing.assert_close(
                other.train(mode)(data), player.train(mode)(data), rtol=0, atol=0
            )


@pytest.mark.parametrize("config", VARIATIONS)
def test_the_seed_decides_the_weights(config: Architecture) -> None:
    image = ImageShape(1, 16, 16)
    for same, again, different in zip(
        built(config, image), built(config, image), built(config, image, seed=1), strict=True
    ):
        for (name, first), second in zip(
            same.state_dict().items(), again.state_dict().values(), strict=True
        ):
            assert torch.equal(first, second), name
        # Weights that start at zero are drawn from nothing.
        weights = [p for p in same.parameters() if p.ndim > 1 and p.any()]
        others = [p for p in different.parameters() if p.ndim > 1 and p.any()]
        assert weights
        assert not any(torch.equal(a, b) for a, b in zip(weights, others, strict=True))


@pytest.mark.parametrize("config", VARIATIONS)
def test_couples_samples_says_what_an_experiment_shows(config: Architecture) -> None:
    image = ImageShape(1, 16, 16)
    discriminator = built_awake(config, image).discriminator
    images = drawn_images(image)
    changed = images.clone()
    changed[0] = -changed[0]
    with torch.no_grad():
        before, after = discriminator(images)[1:], discriminator(changed)[1:]
    moved = bool((before - after).abs().max() > 1e-4 * before.abs().max())
    assert moved is config.couples_samples


@pytest.mark.parametrize("config", VARIATIONS)
def test_a_gradient_penalty_reaches_the_weights(config: Architecture) -> None:
    if config.couples_samples:
        pytest.skip("a gradient penalty is undefined here")
    image = ImageShape(2, 16, 16)
    discriminator = built_awake(config, image).discriminator
    images = drawn_images(image).requires_grad_()
    (slopes,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    slopes.flatten(1).norm(dim=1).sub(1).square().mean().backward()
    weights = [p for p in discriminator.parameters() if p.ndim > 1]
    for weight in weights:
        assert weight.grad is not None
        assert weight.grad.isfinite().all()
        assert weight.grad.abs().max() > 0


@pytest.mark.parametrize("config", VARIATIONS)
def test_every_option_builds_another_network(config: Architecture) -> None:
    kind = type(config)
    if config == small(kind):
        pytest.skip("the one that the others are compared with")
    image = ImageShape(3, 16, 16)
    assert [str(player) for player in built(config, image)] != [
        str(player) for player in built(small(kind), image)
    ]


@pytest.mark.parametrize("kind", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_bounded_says_whether_images_can_leave_their_range(kind: type[Architecture]) -> None:
    generator = built(small(kind), ImageShape(1, 16, 16)).generator
    with torch.no_grad():
        for weight in generator.parameters():
            weight.mul_(30)
        largest = generator(latents()).abs().max()
    assert bool(largest <= 1) is kind.bounded


@pytest.mark.parametrize("config", [case for case in VARIATIONS if case.values[0].makes_points])
@pytest.mark.parametrize("dimensions", [1, 2, 7])
def test_points_are_made_without_bounds(config: Architecture, dimensions: int) -> None:
    assert config.size_problem(*POINT) is None
    point = ImageShape(dimensions, *POINT)
    assert config.problems(point) == []
    generator, discriminator = built(config, point)
    with torch.no_grad():
        for name, weight in generator.named_parameters():
            if name.startswith("image") and weight.ndim > 1:
                weight.fill_(1e6)
    points = generator(latents())
    assert points.shape == (BATCH, dimensions, 1, 1)
    assert points.abs().max() > 1
    logits = discriminator(points)
    assert logits.shape == (BATCH,)
    assert logits.isfinite().all()


@pytest.mark.parametrize("kind", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_every_architecture_takes_the_same_image_sizes_and_says_who_makes_points(
    kind: type[Architecture],
) -> None:
    config = kind()
    for height, width in SIZES:
        assert config.size_problem(height, width) is None
    for height, width in ((30, 30), (1, 2), (2, 1), (8, 8)):
        problem = config.size_problem(height, width)
        assert problem is not None
        assert "Nearest: " in problem
    if not kind.makes_points:
        problem = config.size_problem(*POINT)
        assert problem is not None
        assert f"{kind.name} makes images" in problem
        assert "maxout or mlp" in problem


def test_the_table_knows_each_by_its_name() -> None:
    assert {"mlp", "maxout", "dcgan", "resnet", "r3gan", "strided"} <= set(ARCHITECTURES)
    for name, kind in ARCHITECTURES.items():
        assert kind.name == name


def test_descriptions_import_no_torch() -> None:
    probe = "import sys, ganvas.networks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
