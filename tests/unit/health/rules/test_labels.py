"""The rules about labels: what is still being learned, or cannot be seen, is not ignored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganvas.health.assessment import apply_rules, not_checked
from ganvas.networks import DCGANDiscriminator
from ganvas.schedules import Ramp
from tests.builders.histories import Courses
from tests.builders.symptoms import SICK, against, evidence, only, symptoms


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        # As measured of gains of their own for each label, with dcgan at 16x16.
        (
            [0.024, 0.027, 0.044, 0.062, 0.104, 0.152, 0.236, 0.313, 0.397, 0.444],
            [0.018, 0.0, 0.054, 0.071, 0.107, 0.071, 0.12, 0.14, 0.15, 0.304],
        ),
        ([0.4] * 10, [0.0, 0.0, 0.0, 0.02, 0.12, 0.14, 0.15, 0.3, 0.4, 0.4]),
    ],
)
def test_labels_that_are_still_being_learned_are_not_ignored(
    effect: list[float], told: list[float]
) -> None:
    def probed(values: list[float]) -> list[float]:
        return [value for value in (0.0, 0.0, *values) for _ in range(2)]

    courses = {"probe/labels/effect": probed(effect), "probe/labels/told": probed(told)}
    learning = evidence("dcgan-conditional", courses)
    for count in range(len(learning.records) + 1):
        assert symptoms(replace(learning, records=learning.records[:count])) == []
    lost: Courses = {**courses, "probe/labels/told": 0.0, "probe/labels/effect": 0.4}
    assert symptoms(evidence("dcgan-conditional", lost)) == ["ignores-labels"]


def test_labels_are_not_missed_where_real_images_do_not_show_them() -> None:
    unseen: Courses = {"probe/labels/told": 0.0, "probe/labels/told_real": 0.1}
    assert symptoms(evidence("dcgan-conditional", unseen)) == []


def test_labels_are_not_missed_before_their_strength_has_risen() -> None:
    ignored = {"probe/labels/effect": 0.0, "probe/labels/told": 0.0}
    ramp = Ramp(shape="linear", start=0.0, end=1.0, after=0, images=400_000)
    rising = evidence("dcgan-conditional", ignored, label_strength=ramp)
    assert symptoms(rising) == []
    why = "too early: it is checked 32,000 images after labels count by half (label_strength)"
    assert not_checked(rising)["ignores-labels"] == why, "1,000 updates of 32"
    soon = replace(ramp, images=10_000)
    assert symptoms(evidence("dcgan-conditional", ignored, label_strength=soon)) == [
        "ignores-labels"
    ]


@pytest.mark.parametrize(("images", "found"), [(20_000, ["ignores-labels"]), (36_000, [])])
def test_labels_are_checked_from_when_they_count_by_half(images: int, found: list[str]) -> None:
    """And 32,000 images more: at 42,000 and at 50,000, in a history of 48,000."""
    ignored = {"probe/labels/effect": 0.0, "probe/labels/told": 0.0}
    ramp = Ramp(shape="linear", start=0.0, end=1.0, after=0, images=images)
    assert symptoms(evidence("dcgan-conditional", ignored, label_strength=ramp)) == found


@pytest.mark.parametrize("recipe", ["dcgan", "wgan-gp", "pacgan-points"])
def test_nothing_is_said_of_labels_without_any(recipe: str) -> None:
    columns: Courses = {
        "probe/labels/effect": 0.0,
        "probe/labels/told": 0.0,
        "probe/labels/told_real": 0.9,
        "probe/labels/diversity": 0.0,
        "probe/labels/diversity_least": 0.0,
    }
    unlabelled = evidence(recipe, columns)
    assert symptoms(unlabelled) == []
    reasons = not_checked(unlabelled)
    for symptom in ("ignores-labels", "class-collapse"):
        assert reasons[symptom] == "the generator takes no labels"


def test_one_image_for_all_labels_is_a_collapse_of_them_all() -> None:
    """Whatever tiny differences are, they say nothing about labels."""
    collapsed = {**SICK["one image for all"].changes, **SICK["one image for each label"].changes}
    collapsed |= {"probe/diversity/distance": 0.02, "probe/labels/told": 0.0}
    assert symptoms(evidence("dcgan-conditional", collapsed)) == ["mode-collapse"]


def test_a_collapse_of_labels_is_not_named_twice() -> None:
    all_labels = only(SICK["one image for each label"].evidence)
    assert (all_labels.symptom, all_labels.verdict) == ("class-collapse", "failing")
    one_label = only(SICK["one image for one label"].evidence)
    assert (one_label.symptom, one_label.verdict) == ("class-collapse", "watch")


def test_a_failure_is_not_left_out_beside_a_watch_finding() -> None:
    both = {**SICK["one image for one label"].changes, "probe/diversity/vendi": 0.05}
    verdicts = [(f.symptom, f.verdict) for f in apply_rules(evidence("dcgan-conditional", both))]
    assert verdicts == [("class-collapse", "watch"), ("mode-collapse", "failing")]


def test_labels_that_the_discriminator_does_not_see_are_given_to_it_first() -> None:
    blind = against("dcgan-conditional", DCGANDiscriminator(norm="batch"))
    found = only(evidence("dcgan-conditional", {"probe/labels/told": 0.02}, **blind))
    assert found.advice[0].flag == "--discriminator.network.conditioning projection"
