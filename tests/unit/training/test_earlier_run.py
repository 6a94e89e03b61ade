"""What an earlier run gives, before any training."""

from __future__ import annotations

import dataclasses
import unicodedata

import numpy as np
import pytest
import torch

from ganvas.errors import DataError
from ganvas.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganvas.networks.labels import set_label_strength
from ganvas.recipes import Recipe, checked
from ganvas.recipes.players import conditional
from ganvas.training.earlier_run import EarlierRun, take_weights
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.tiny import same, start, tiny_data, tiny_recipe

CLOTHES = ("bag", "coat", "dress")


def earlier_run(recipe: Recipe) -> EarlierRun:
    """A run of this recipe on images of clothes."""
    return EarlierRun(
        name="runs/first",
        location="/home/you/runs/first",
        description="",
        label_names=CLOTHES if recipe.takes_labels else (),
        tensors={},
        images_seen=0,
    )


@pytest.mark.parametrize(
    ("labels", "differences"),
    [
        (("bag", "dress", "coat"), "1 is 'coat' there and 'dress' here and 2 is 'dress' there"),
        (("bag", "coat"), "3 there and 2 here"),
        (("bag", "coat", "dress", "shirt"), "3 there and 4 here"),
    ],
)
def test_conditional_runs_on_other_labels_are_refused_with_the_first_differences(
    labels: tuple[str, ...], differences: str
) -> None:
    earlier = earlier_run(conditional(tiny_recipe()))
    earlier.check_labels("shots", ())  # without labels: nothing to compare
    earlier_run(tiny_recipe()).check_labels("shots", labels)
    earlier.check_labels("shots", CLOTHES)
    with pytest.raises(DataError) as caught:
        earlier.check_labels("shots", labels)
    assert "shots: the labels differ from those of runs/first" in str(caught.value)
    assert differences in str(caught.value)


def test_labels_that_differ_in_the_form_of_an_accent_are_the_same() -> None:
    names = ("bag", "béret", "coat")
    stored = tuple(unicodedata.normalize("NFD", name) for name in names)
    typed = tuple(unicodedata.normalize("NFC", name) for name in names)
    earlier = dataclasses.replace(earlier_run(conditional(tiny_recipe())), label_names=stored)
    earlier.check_labels("shots", typed)
    with pytest.raises(DataError, match=r"from those of runs/first, so .* another's: 2 is 'coat'"):
        earlier.check_labels("shots", (*typed[:2], "dress"))


def test_each_network_takes_its_namesake_and_statistics_come_along() -> None:
    recipe = tiny_recipe()
    source, target = start(recipe, seed=1), start(recipe, seed=2)
    with torch.no_grad():  # three different networks
        for number, network in enumerate(source.modules().values()):
            for tensor in network.state_dict().values():
                tensor.add_(number + 1)
    strides = [weight.stride() for weight in target.generator.parameters()]
    taken = take_weights(target, source.tensors())
    for name, network in source.modules().items():
        given = target.modules()[name].state_dict()
        assert same(network.state_dict().values(), given.values())
    assert [network.count for network in taken] == [
        "13 of 13 tensors",
        "6 of 6 tensors",
        "13 of 13 tensors",
    ]
    assert [weight.stride() for weight in target.generator.parameters()] == strides
    assert not target.player("generator").optimizer.state, "moments begin anew"
    assert target.images_seen == 0


def test_a_tensor_of_another_shape_or_name_stays_and_is_named() -> None:
    wide = tiny_recipe((DCGANGenerator(width=4), DCGANDiscriminator(width=6)))
    source, target = start(tiny_recipe(), seed=1), start(wide, seed=2)
    before = target.discriminator.state_dict()["halve1.0.weight"].clone()
    tensors = source.tensors()
    del tensors["generator/image.0.weight"]
    generator, discriminator, _ = take_weights(target, tensors)
    assert generator.left == {"image.0.weight": "there is none"}
    assert discriminator.left["halve1.0.weight"] == "(4, 1, 4, 4) there and (6, 1, 4, 4) here"
    assert torch.equal(before, target.discriminator.state_dict()["halve1.0.weight"])


def test_a_run_with_labels_takes_all_but_what_reads_them_from_one_without() -> None:
    recipe, seed = conditional(tiny_recipe()), 2
    labels = np.arange(14) % len(CLOTHES)
    data = dataclasses.replace(tiny_data(count=14), labels=labels, label_names=CLOTHES)
    target = TrainState.start(checked(recipe), data, seed, torch.device("cpu"))
    source = start(tiny_recipe(), seed=1)
    _, discriminator, _ = take_weights(target, source.tensors())
    assert discriminator.taken == len(source.discriminator.state_dict())
    assert discriminator.left
    assert all("projection" in name for name in discriminator.left)
    train_step(target, recipe)


def test_labels_are_named_where_they_are_why_most_of_a_network_is_random() -> None:
    recipe = conditional(tiny_recipe())
    data = dataclasses.replace(
        tiny_data(count=14), labels=np.arange(14) % len(CLOTHES), label_names=CLOTHES
    )
    labelled = TrainState.start(checked(recipe), data, 1, torch.device("cpu"))
    plain = dataclasses.replace(earlier_run(tiny_recipe()), tensors=start(tiny_recipe()).tensors())
    there = dataclasses.replace(earlier_run(recipe), tensors=labelled.tensors())
    _, lines = there.give(start(tiny_recipe()), tiny_recipe(), data.shape)
    (warning,) = [line for line in lines if "most of the generator is random" in line]
    assert " with labels, and this one " in warning
    assert " without labels. Choose " in warning
    assert warning.endswith(" the width of that run, and learn labels")
    _, lines = plain.give(start(tiny_recipe()), tiny_recipe(), data.shape)
    assert not any(" labels" in line for line in lines)


def test_how_much_labels_count_is_the_new_recipes() -> None:
    """A run may have stopped while its label strength rose."""
    recipe = conditional(tiny_recipe())
    data = dataclasses.replace(
        tiny_data(count=14), labels=np.arange(14) % len(CLOTHES), label_names=CLOTHES
    )
    source, target = (
        TrainState.start(checked(recipe), data, seed, torch.device("cpu")) for seed in (1, 2)
    )
    set_label_strength(source.discriminator, 0.25)
    earlier = dataclasses.replace(earlier_run(recipe), tensors=source.tensors())
    earlier.give(target, recipe, data.shape)
    strengths = [t for name, t in target.tensors().items() if name.endswith("strength.value")]
    assert strengths
    assert all(strength == 1 for strength in strengths)
