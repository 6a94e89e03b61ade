"""The contract of every generator outside of ganvas: ONNX and plain code give the same samples.

Torch computes what both are compared with, at batches of 1 and 7, neither of which was traced.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, get_args, get_origin

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from ganvas.exports.folder import example_inputs, samples_of
from ganvas.exports.onnx_file import onnx_bytes, store_weights_as_float16
from ganvas.exports.plain_code import plain_code
from ganvas.images import to_uint8
from ganvas.labels import LabelSet
from ganvas.networks import GENERATORS, POINT, Generator, ImageShape
from ganvas.onnx_network import OnnxNetwork, from_onnx
from ganvas.sampling import TrainedGenerator
from tests.contract.test_networks import (
    GENERATOR_VARIATIONS,
    LATENT_DIM,
    built,
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


def operators_differ(network: Generator) -> bool:
    """Whether a variation changes more than a number of channels or of layers."""
    default, hints = small(type(network)), field_types(type(network))
    changed = [name for name in hints if getattr(network, name) != getattr(default, name)]
    return not any(get_origin(hints[name]) is Annotated for name in changed)  # Annotated[int, Ge]


def cases(only_operators: bool) -> list[Any]:
    """Every generator with its options, for images, and for points where it makes them."""
    found = []
    for case in GENERATOR_VARIATIONS:
        network = case.values[0]
        if network.problems(IMAGE) or (only_operators and not operators_differ(network)):
            continue
        found.append(pytest.param(network, IMAGE, id=case.id))
        if network.supports_points and network == small(type(network)):
            found.append(pytest.param(network, POINTS, id=f"{case.id}-points"))
    return found


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


@pytest.mark.parametrize(("network", "shape"), cases(only_operators=True))
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


@pytest.mark.parametrize(("network", "shape"), cases(only_operators=False))
def test_plain_code_gives_the_same_bits(network: Generator, shape: ImageShape) -> None:
    generator = trained(network, shape)
    code = plain_code(generator.network, example_inputs(generator))
    for n in BATCHES:
        assert np.array_equal(samples_of(code, generator, n), generator.sample(n))
    assert "ganvas" not in code


def test_the_cases_are_every_family_and_every_form_of_conditioning() -> None:
    networks = [case.values[0] for case in cases(only_operators=True)]
    assert {network.name for network in networks} == set(GENERATORS)
    for kind in GENERATORS.values():
        if "conditioning" in field_types(kind):
            forms = set(get_args(field_types(kind)["conditioning"]))
            assert {it.conditioning for it in networks if it.name == kind.name} == forms
