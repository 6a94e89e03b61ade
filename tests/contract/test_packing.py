"""Packs of images (PacGAN) work with every family of networks, loss, penalty and constraint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganvas import tensor_file
from ganvas.errors import RecipeError
from ganvas.networks import DCGANDiscriminator, Dimensions, ImageShape
from ganvas.objectives.losses import LOSSES
from ganvas.objectives.objective import Objective
from ganvas.objectives.packing import pack
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import Recipe, checked
from ganvas.recipes.players import build_networks
from ganvas.training.step import train_step
from tests.builders.choices import in_turns
from tests.builders.tiny import (
    BATCH,
    FAMILIES,
    LATENT_DIM,
    SIDE,
    same,
    small,
    start,
    tiny_recipe,
    weights_of,
)

IMAGE = ImageShape(3, SIDE, SIDE)
PAC = 3
PACKS = 4
EVERY_FAMILY = pytest.mark.parametrize("family", FAMILIES)


def penalised(*names: str) -> Penalties:
    return Penalties(**{name: PenaltySettings(weight=2.0) for name in names})


def packed_recipe(pac: int = 2, **changes: Any) -> Recipe:
    objective = changes.pop("objective", {})
    settings = ObjectiveSettings(**{"pac": pac, **objective})
    return tiny_recipe(objective=settings, **{"batch": pac * BATCH, **changes})


def drawn(seed: int, count: int = PAC * PACKS) -> Tensor:
    shape = (count, IMAGE.channels, SIDE, SIDE)
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def concatenated(images: Tensor, pac: int = PAC) -> Tensor:
    """Packs by hand: the channels of each pack's images one after the other."""
    packs = [
        torch.cat([images[first + member] for member in range(pac)])
        for first in range(0, len(images), pac)
    ]
    return torch.stack(packs)  # (N / pac, pac * C, H, W)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_pack_is_the_channels_of_consecutive_images(layout: torch.memory_format) -> None:
    images = drawn(0).contiguous(memory_format=layout)
    packs = pack(images, PAC)
    assert packs.shape == (PACKS, PAC * 3, SIDE, SIDE)
    assert torch.equal(packs, concatenated(images))


def test_packs_of_one_are_the_images_themselves() -> None:
    images = drawn(0)
    assert pack(images, 1) is images


@EVERY_FAMILY
def test_the_generator_does_not_depend_on_the_packs(family: str) -> None:
    """So runs with and without packing start alike, and packs of one are nothing new."""
    torch.manual_seed(0)
    plain = [network.build(Dimensions(IMAGE, LATENT_DIM)) for network in small(family)]
    for pac in (1, PAC):
        torch.manual_seed(0)
        packed = build_networks(packed_recipe(pac, networks=small(family)), IMAGE, num_labels=0)
        generators, discriminators = zip(packed, plain, strict=True)
        assert same(*(network.state_dict().values() for network in generators))
        if pac == 1:
            assert same(*(network.state_dict().values() for network in discriminators))
        else:
            assert len(packed[1](concatenated(drawn(0)))) == PACKS


@pytest.mark.parametrize(("family", "loss"), in_turns(FAMILIES, LOSSES))
def test_terms_are_those_of_a_discriminator_of_concatenated_channels(
    family: str, loss: Any
) -> None:
    torch.manual_seed(0)
    _, discriminator = build_networks(
        packed_recipe(PAC, networks=small(family)), IMAGE, num_labels=0
    )
    settings = ObjectiveSettings(loss=loss, pac=PAC, penalties=penalised("r1", "r2"))
    real, fake = drawn(1), drawn(2)
    objective = Objective.build(settings)
    batch = objective.prepare_batch(
        real, fake, discriminator, step=0, images_seen=0, random=torch.Generator()
    )
    terms = objective.discriminator_terms(batch)
    by_hand = {name: concatenated(images) for name, images in (("r1", real), ("r2", fake))}
    logits = {}
    for name, packs in by_hand.items():
        packs.requires_grad_(True)
        logits[name] = discriminator(packs)
        (slopes,) = torch.autograd.grad(logits[name].sum(), packs, retain_graph=True)
        # Mescheder 2018: the squared norm of each pack's gradient, halved; the weight here is 2.
        torch.testing.assert_close(terms[name], slopes.square().flatten(1).sum(1).mean())
    assert batch.real_logits.shape == batch.fake_logits.shape
    assert len(batch.real_logits) == PACKS
    ours = LOSSES[loss].discriminator(logits["r1"], logits["r2"], 1.0).mean()
    torch.testing.assert_close(terms["adversarial"], ours)
    theirs = objective.generator_terms(discriminator, fake, real)
    expected = LOSSES[loss].generator(logits["r2"], logits["r1"]).mean()
    if not LOSSES[loss].generator_sees_real:
        expected = LOSSES[loss].generator(logits["r2"], torch.zeros_like(logits["r1"])).mean()
    torch.testing.assert_close(theirs["adversarial"], expected)


@pytest.mark.parametrize(
    ("family", "loss", "penalty"), in_turns(FAMILIES, LOSSES, ["none", *PENALTIES])
)
def test_one_step_is_finite_and_moves_both_players(family: str, loss: Any, penalty: str) -> None:
    penalties = penalised(*[] if penalty == "none" else [penalty])
    recipe = packed_recipe(
        networks=small(family),
        objective={"loss": loss, "penalties": penalties, "spectral_norm": penalty == "none"},
    )
    state = start(recipe)
    before = weights_of(state.generator), weights_of(state.discriminator)
    counts = []
    state.discriminator.register_forward_hook(lambda *call: counts.append(len(call[2])))
    train_step(state, recipe)
    for network, old in zip((state.generator, state.discriminator), before, strict=True):
        new = weights_of(network)
        assert all(weight.isfinite().all() for weight in new)
        assert not same(old, new)
    assert set(counts) == {BATCH}
    assert state.images_seen == state.stream.samples_drawn == 2 * BATCH, "images, not packs"


PACKED: dict[str, dict[str, Any]] = {
    "batch norm in both": {"networks": small("dcgan", discriminator={"norm": "batch"})},
    "spectral norm, penalty": {
        "networks": small("resnet"),
        "objective": {
            "loss": "hinge",
            "spectral_norm": True,
            "penalties": penalised("gradient_penalty"),
        },
        "generator_batch": 6,
    },
    "relativistic": {"objective": {"loss": "relativistic", "penalties": penalised("r1", "r2")}},
}


@pytest.mark.parametrize("changes", PACKED.values(), ids=PACKED)
def test_restored_state_goes_on_bit_for_bit(tmp_path: Path, changes: dict[str, Any]) -> None:
    recipe = packed_recipe(**changes)
    straight = start(recipe)
    for _ in range(2):
        train_step(straight, recipe)
    path = tmp_path / "checkpoint.safetensors"
    tensor_file.write(path, straight.tensors(), straight.values())
    resumed = start(recipe)
    resumed.restore(*tensor_file.read(path))
    for state in (straight, resumed):
        for _ in range(3):
            train_step(state, recipe)
    assert resumed.values() == straight.values()
    ours, theirs = resumed.tensors(), straight.tensors()
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@pytest.mark.parametrize(
    ("changes", "field", "nearest"),
    [
        ({"pac": 3, "batch": 64}, "batch", "63 or 66"),
        ({"pac": 3, "batch": 2}, "batch", "6"),
        ({"pac": 64, "batch": 64}, "batch", "128"),
        ({"pac": 4, "batch": 64, "generator_batch": 66}, "generator_batch", "64 or 68"),
    ],
)
def test_batches_that_do_not_fill_packs_are_refused(
    changes: dict[str, Any], field: str, nearest: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        checked(packed_recipe(**changes))
    (problem,) = caught.value.problems
    assert problem.startswith(f"{field}: ")
    assert "objective.pac" in problem
    assert problem.endswith(f"Nearest: {nearest}")


@pytest.mark.parametrize("pac", [1, 2, 4])
def test_batches_that_fill_packs_are_accepted(pac: int) -> None:
    checked(packed_recipe(pac, batch=8, generator_batch=16))


def test_a_pack_shows_what_its_images_alone_do_not() -> None:
    """Equal images in a pack, all drawn from the real ones: the packed logits tell them apart.

    One by one the two batches are the same images, so their mean logit is the same.
    """
    torch.manual_seed(0)
    images = drawn(3, count=8)
    collapsed = images.repeat_interleave(2, dim=0)  # every pack holds one image twice
    varied = torch.cat([images, images.roll(1, 0)], dim=1).reshape(16, 3, SIDE, SIDE)
    single = small("dcgan")[1].build(Dimensions(IMAGE, LATENT_DIM))
    torch.testing.assert_close(single(collapsed).mean(), single(varied).mean())
    packed_image = ImageShape(2 * IMAGE.channels, SIDE, SIDE)
    paired = DCGANDiscriminator().build(Dimensions(packed_image, LATENT_DIM))
    optimizer = torch.optim.Adam(paired.parameters(), 1e-3)
    for _ in range(30):
        margin = paired(pack(varied, 2)).mean() - paired(pack(collapsed, 2)).mean()
        optimizer.zero_grad()
        (-margin).backward()
        optimizer.step()
    assert margin > 1
