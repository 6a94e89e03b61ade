"""The contract of networks that take labels: which do, and what a label changes."""

from __future__ import annotations

import pytest
import torch

from ganvas.networks import (
    Discriminator,
    Generator,
    ImageShape,
    Network,
)
from ganvas.networks.labels import set_label_strength
from tests.contract.network_variations import (
    BATCH,
    NUM_LABELS,
    VARIATIONS,
    built,
    built_awake,
    inputs_of,
    latents,
)
from tests.contract.test_networks import EVERY_KIND

CONDITIONAL = [case for case in VARIATIONS if case.values[0].uses_labels]


@EVERY_KIND
def test_networks_take_labels_only_where_asked(kind: type[Network]) -> None:
    network = kind()
    assert not network.uses_labels
    conditional = network.conditional()
    if kind.name in ("biggan", "dcgan", "fastgan", "resnet", "r3gan", "mlp", "style"):
        assert conditional is not None
        assert conditional.uses_labels
        assert conditional.conditional() == conditional
        assert conditional.unconditional() == network
    else:
        assert conditional is None
        assert network.unconditional() == network


@pytest.mark.parametrize("network", CONDITIONAL)
def test_the_label_changes_what_comes_out_and_of_its_own_sample_alone(network: Network) -> None:
    image = ImageShape(1, 16, 16)
    player = built_awake(network, image).eval()
    inputs = inputs_of(network, image)
    with torch.no_grad():
        before = player(inputs, torch.tensor([0, 1, 2]))
        after = player(inputs, torch.tensor([1, 1, 2]))
    assert (before[0] - after[0]).abs().max() > 1e-6
    assert torch.equal(before[1:], after[1:])


@pytest.mark.parametrize("network", CONDITIONAL)
def test_a_label_without_strength_changes_nothing(network: Network) -> None:
    if isinstance(network, Discriminator) and network.needs_labels:
        pytest.skip("its logit has no part without labels (rules.py refuses other strengths)")
    image = ImageShape(1, 16, 16)
    player = built_awake(network, image).eval()
    set_label_strength(player, 0.0)
    inputs = inputs_of(network, image)
    with torch.no_grad():
        outputs = [player(inputs, torch.full((BATCH,), label)) for label in range(NUM_LABELS)]
    assert all(torch.equal(outputs[0], other) for other in outputs)


@pytest.mark.parametrize("network", [c for c in CONDITIONAL if c.values[0].role == "generator"])
def test_generators_take_mixtures_of_labels(network: Generator) -> None:
    generator = built_awake(network, ImageShape(1, 16, 16)).eval()
    labels = torch.tensor([0, 1, 2])
    with torch.no_grad():
        torch.testing.assert_close(
            generator(latents(), torch.eye(NUM_LABELS)[labels]), generator(latents(), labels)
        )
        between = generator(latents(), torch.full((BATCH, NUM_LABELS), 1 / NUM_LABELS))
    assert not torch.allclose(between, generator(latents(), labels))


@pytest.mark.parametrize("network", CONDITIONAL)
def test_weights_without_labels_keep_their_names(network: Network) -> None:
    """So that a conditional run can start from one without labels, and the reverse."""
    image = ImageShape(1, 16, 16)
    conditional, plain = built(network, image), built(network.unconditional(), image)
    shared = conditional.state_dict().keys() & plain.state_dict().keys()
    convolutions = {name for name, weight in plain.named_parameters() if weight.ndim == 4}
    assert convolutions <= shared
