"""Studies as values: arms, families, changes, and the recipe that a run trains."""

from __future__ import annotations

import dataclasses

import torch

from ganvas.randomness import draw_latents, named_generator
from ganvas.studies.study import format_changes
from tests.builders.tiny import small, start, tiny_recipe

from .short_study import SHORT, study_from, with_arm


def test_an_arm_changes_what_it_is_compared_with() -> None:
    study = study_from(SHORT)
    assert study.changes("resnet-deep") == {"generator.network.blocks_per_resolution": 2}
    assert study.changes("no-norm") == {"discriminator.network.norm": "none"}
    assert study.changes("resnet-net") == {"network": "resnet"}, "with its own defaults"
    assert study.changes("mlp") == {"network": "mlp", "generator.network.norm": "batch"}
    assert study.changes("dcgan") == {}
    assert format_changes(study.changes("resnet-net")) == 'network = "resnet"'


def test_families_group_arms_by_the_arm_compared_with() -> None:
    families = study_from(SHORT).families()
    names = {base: [arm.name for arm in arms] for base, arms in families.items()}
    assert names == {"dcgan": ["no-norm", "mlp", "resnet-net"], "resnet-net": ["resnet-deep"]}


def test_a_base_alone_is_a_study_of_its_seeds() -> None:
    assert [arm.name for arm in study_from(SHORT, arms=[]).all_arms] == ["dcgan"]


def test_one_arm_can_flip_the_data() -> None:
    study = study_from(SHORT, arms=with_arm(name="flipped", data={"flip": True}))
    assert study.changes("flipped") == {"data.flip": True}


def test_the_study_decides_budget_evaluation_and_on_failure() -> None:
    study = study_from(SHORT, stop_early=True, evaluations=4, metrics=["swd", "fd-lite0"])
    recipe = study.recipe_for(study.arm("mlp"), 60_001)
    assert (recipe.name, recipe.images, recipe.on_failure) == ("mlp", 60_001, "stop")
    assert recipe.evaluation.every == 15_001, "four scores, the last one at the end"
    assert recipe.evaluation.metrics == ("swd",), "the deciding one alone"
    assert study.recipe_for(study.arm("mlp"), 100).evaluation.every == 25
    none = dataclasses.replace(study, evaluations=0)
    assert none.recipe_for(none.arm("mlp"), 100).evaluation.every == 0


def test_a_seed_gives_the_same_images_and_latents_in_every_arm() -> None:
    """Whatever an arm changes: networks, loss, batch."""
    one, other = tiny_recipe(), tiny_recipe(small("mlp"), batch=2)
    streams = [start(recipe, seed=3).stream for recipe in (one, other)]
    theirs = torch.cat([streams[1].next(2).images for _ in range(20)])
    assert torch.equal(torch.cat([streams[0].next(4).images for _ in range(10)]), theirs)
    grids = [draw_latents(8, 6, named_generator(3, "grid")) for _ in range(2)]
    assert torch.equal(*grids)
    different = start(one, seed=4).stream.next(4).images
    assert not torch.equal(different, theirs[:4])
