"""The contract of every generator outside of ganvas: ONNX and plain code give the same samples.

Torch computes what both are compared with, at batches of 1 and 7, neither of which was traced.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, get_origin

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from ganvas.exports.folder import example_inputs, samples_of
from ganvas.exports.onnx_file import onnx_bytes, store_weights_as_float16
from ganvas.exports.plain_code import plain_code
from ganvas.generators.onnx_network import OnnxNetwork, from_onnx
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.images import to_uint8
from ganvas.labels import LabelSet
from ganvas.networks import GENERATORS, POINT, Generator, ImageShape
from tests.builders.tiny import ONE_EACH
from tests.contract.network_variations import (
    LATENT_DIM,
    built,
    choices,
    field_types,
    small,
)
from tests.extras import require_extra

BATCHES = (1, 7)
MOST = 5e-6
"""The largest difference of images in [-1, 1]: less than a thousandth of a level of 255.

Both compute in float32, in another order. The largest that was seen is 1.4e-6.
"""
MOST_LEVELS = 1
"""Of 255: where rounding turns the other way, and by weights of float16."""

IMAGE = ImageShape(3, 16, 16)
POINTS = ImageShape(2, *POINT)


def is_count(hint: Any) -> bool:
    """Whether a field only says how many channels or layers there are."""
    return get_origin(hint) is Annotated  # Annotated[int, Ge]


def values(kind: type[Generator], counts: bool) -> list[tuple[str, Any]]:
    """Every field and each of its values that are tested.

    Args:
        kind: the generator.
        counts: whether the fields that are numbers are there too. They change no operator.
    """
    hints = field_types(kind).items()
    tested = {field: choices(field, hint) for field, hint in hints if counts or not is_count(hint)}
    return [(field, value) for field in tested for value in tested[field]]


def shallow(kind: type[Generator]) -> Generator:
    """A small generator with one each of the layers that a field repeats."""
    repeated = [name for name in field_types(kind) if name in ONE_EACH]
    network: Generator = small(kind, **dict.fromkeys(repeated, 1))
    return network


def variations(default: Generator, tested: list[tuple[str, Any]]) -> list[Generator]:
    """The generator, and as few others as have every other value of its fields.

    One network changes as many fields as fit together, since an export takes long.
    """
    others = list[Generator]()
    for field, value in tested:
        if value != getattr(default, field):
            for place, network in enumerate([*others, default]):
                changed = dataclasses.replace(network, **{field: value})
                unchanged = getattr(network, field) == getattr(default, field)
                if unchanged and not changed.problems(IMAGE):
                    others[place : place + 1] = [changed]
                    break
    return [default, *others]


def every_case() -> list[Any]:
    """Every generator with its options, for images, and for points where it makes them."""
    return [
        case
        for kind in GENERATORS.values()
        for case in cases_of(small(kind), values(kind, counts=True))
    ]


def cases_of_operators() -> list[Any]:
    """Every generator, and every option of one dense and of one convolutional one that has it.

    These share the layers that an option chooses, and the numbers of layers change no operator.
    That each of them computes the same is seen in plain code, which takes less time.
    """
    found = list[Any]()
    seen: dict[bool, list[tuple[str, Any]]] = {True: [], False: []}
    for kind in GENERATORS.values():
        tested, before = values(kind, counts=False), seen[kind.supports_points]
        found += cases_of(shallow(kind), [each for each in tested if each not in before])
        before += tested
    return found


def cases_of(default: Generator, tested: list[tuple[str, Any]]) -> list[Any]:
    found = []
    for network in variations(default, tested):
        name = name_of(network)
        found.append(pytest.param(network, IMAGE, id=name))
        if network.supports_points and network == default:
            found.append(pytest.param(network, POINTS, id=f"{name}-points"))
    return found


def name_of(network: Generator) -> str:
    """`dcgan, norm=layer`: the name in test IDs."""
    default = small(type(network))
    values = {field: getattr(network, field) for field in field_types(type(network))}
    changed = [f"{field}={it}" for field, it in values.items() if it != getattr(default, field)]
    return ", ".join([network.name, *changed])


def trained(network: Generator, shape: ImageShape) -> TrainedGenerator:
    """The generator with weights that reach every layer, and running statistics of its own."""
    player = built(network, shape)
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in player.parameters():
            if weight.ndim > 1:  # as large as keeps the variance: initial weights give grey
                weight.normal_(0, weight[0].numel() ** -0.5, generator=random)
    labels = LabelSet(("red", "green", "blue"), (3, 2, 1)) if network.uses_labels else None
    result = TrainedGenerator(
        player, shape, LATENT_DIM, 64, 2.0 if shape.is_point else None, labels
    )
    with torch.no_grad():
        for _ in range(20):  # until the running statistics are those of each layer
            player(*inputs_of(result, 32))
    player.eval().requires_grad_(False)
    return result


def inputs_of(generator: TrainedGenerator, n: int) -> list[Tensor]:
    (inputs,) = generator.input_batches(n, seed=n)
    return [inputs.values] if inputs.labels is None else [inputs.values, inputs.labels]


def outputs_of(generator: TrainedGenerator, n: int) -> npt.NDArray[Any]:
    """What its network gives for n latents, within the range of images."""
    with torch.inference_mode():
        outputs: Tensor = generator.network(*inputs_of(generator, n))
    return (outputs if generator.makes_points else outputs.clamp(-1, 1)).numpy()


def levels(outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return to_uint8(torch.from_numpy(outputs)).int().numpy()


@pytest.mark.parametrize(("network", "shape"), cases_of_operators())
@pytest.mark.usefixtures("known_operators")
def test_onnx_gives_the_same_images(network: Generator, shape: ImageShape) -> None:
    """Takes 0.7 s: torch's exporter does, and no other test sees an operator that it lacks."""
    require_extra("onnx")
    import onnx

    generator = trained(network, shape)
    content = onnx_bytes(generator)
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    half = onnx.load_from_string(content)
    store_weights_as_float16(half)
    exported = from_onnx(content, "generator.onnx")
    in_half = dataclasses.replace(exported, network=OnnxNetwork(half.SerializeToString()))
    for n in BATCHES:
        expected, got, got_half = (outputs_of(it, n) for it in (generator, exported, in_half))
        np.testing.assert_allclose(got, expected, rtol=0, atol=MOST)
        assert np.abs(levels(got_half) - levels(expected)).max() <= MOST_LEVELS
    assert expected.std() > 0.01
    if network.uses_labels:
        mixed, expected = (it.interpolate(3, steps=3).astype(int) for it in (exported, generator))
        assert np.abs(mixed - expected).max() <= MOST_LEVELS


@pytest.mark.parametrize("name", ["dcgan", "r3gan"], ids=["bounded", "unbounded"])
@pytest.mark.usefixtures("known_operators")
def test_onnx_gives_pixels_where_asked(name: str) -> None:
    """Takes 0.7 s, as above."""
    require_extra("onnx")
    generator = trained(small(GENERATORS[name]), IMAGE)
    exported = from_onnx(onnx_bytes(generator, output="uint8"), "generator.onnx")
    for n in BATCHES:
        got, expected = exported.sample(n, seed=n), generator.sample(n, seed=n)
        assert got.shape == (n, IMAGE.height, IMAGE.width, IMAGE.channels)
        assert np.abs(got.astype(int) - expected.astype(int)).max() <= MOST_LEVELS


@pytest.mark.parametrize(("network", "shape"), every_case())
def test_plain_code_gives_the_same_bits(network: Generator, shape: ImageShape) -> None:
    generator = trained(network, shape)
    code = plain_code(generator.network, example_inputs(generator))
    for n in BATCHES:
        assert np.array_equal(samples_of(code, generator, n), generator.sample(n))
    assert "ganvas" not in code


def test_the_cases_have_every_value_of_every_option() -> None:
    """Plain code of every family, and ONNX of one that is dense and of one that is not."""
    networks, exported = (
        [case.values[0] for case in cases] for cases in (every_case(), cases_of_operators())
    )
    assert {network.name for network in networks} == set(GENERATORS)
    assert {network.name for network in exported} == set(GENERATORS)
    for kind in GENERATORS.values():
        for field, value in values(kind, counts=True):
            assert value in {getattr(it, field) for it in networks if it.name == kind.name}
        alike = [it for it in exported if it.supports_points == kind.supports_points]
        for field, value in values(kind, counts=False):
            assert value in {getattr(it, field) for it in alike if field in vars(it)}
