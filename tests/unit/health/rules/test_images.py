"""The rules about images: saturated pixels are those beyond what real images have."""

from __future__ import annotations

from dataclasses import replace

from ganvas.health.assessment import not_checked
from ganvas.networks import R3GANGenerator
from ganvas.recipes import CATALOG
from tests.builders.symptoms import evidence, symptoms


def test_saturated_output_needs_tanh() -> None:
    unbounded = evidence(
        "dcgan",
        {"probe/output/saturated": 1.0},
        generator=replace(CATALOG["dcgan"]().generator, network=R3GANGenerator()),
    )
    assert "saturated-output" not in symptoms(unbounded)
    assert "r3gan has no tanh" in not_checked(unbounded)["saturated-output"]


def test_saturated_pixels_are_compared_with_real_ones() -> None:
    """Half of Fashion-MNIST is pure black: 60 % is little there and much in photographs."""
    assert symptoms(evidence("dcgan", {"probe/output/saturated": 0.6})) == []
    photographs = {"probe/output/saturated": 0.6, "probe/output/saturated_real": 0.01}
    assert symptoms(evidence("dcgan", photographs)) == ["saturated-output"]
