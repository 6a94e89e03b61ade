"""What a generator makes of its labels, on generators whose every image is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ganvas.health.probes.context import LabelledImages, NotMeasurable, ProbeValues
from tests.builders.probe_contexts import context, draw, probe

LABELS, EACH, LATENTS = 4, 6, 8
SHAPE = (1, 4, 4)


class Labelled(nn.Module):
    """A generator: any function of latents (N, Z) and labels (N,)."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.ones(1, 1))

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        return self.function(latents, labels) * self.weight[0, 0]


def centres() -> Tensor:
    """One image for each label, far from each other."""
    return draw(LABELS, *SHAPE, seed=9)


def real_images(noise: float = 0.05) -> LabelledImages:
    """Each label's centre, and something else in every image."""
    labels = torch.arange(LABELS).repeat_interleave(EACH)
    return LabelledImages(centres()[labels] + noise * draw(len(labels), *SHAPE, seed=1), labels)


def by_latents(latents: Tensor) -> Tensor:
    """An image that only the latents decide."""
    return latents[:, :16].reshape(-1, *SHAPE)


def numbers(
    generator: Callable[[Tensor, Tensor], Tensor], real: LabelledImages | None = None
) -> ProbeValues:
    return probe(
        "labels",
        generator=Labelled(generator),
        latents=draw(2 * LATENTS, 16, seed=3),
        labelled=real_images() if real is None else real,
    )


def number(column: str, *arguments: object) -> float:
    value = numbers(*arguments)[f"probe/labels/{column}"]  # type: ignore[arg-type]
    assert isinstance(value, float)
    return value


def test_a_generator_without_labels_has_no_such_numbers_and_generates_nothing() -> None:
    measured = context(fake=draw(8, *SHAPE))
    assert probe("labels", fake=draw(8, *SHAPE)) == {}
    assert "generated" not in vars(measured)


def test_labels_have_no_effect_where_they_are_ignored_and_all_where_latents_are() -> None:
    assert number("effect", lambda latents, labels: by_latents(latents)) == 0
    assert number("effect", lambda latents, labels: centres()[labels]) == pytest.approx(1)


def test_effect_is_the_part_of_squared_distances_that_labels_make() -> None:
    """Pixels moved 3 by one of two labels, and 1 by each of latents that are one-hot."""
    one_hot = torch.eye(16)[:LATENTS]

    def generator(latents: Tensor, labels: Tensor) -> Tensor:
        moved = by_latents(latents).clone()
        moved[:, 0, 3, 3] = 3.0 * labels
        return moved

    real = LabelledImages(draw(4, *SHAPE), torch.tensor([0, 0, 1, 1]))
    measured = probe("labels", generator=Labelled(generator), latents=one_hot, labelled=real)
    # Two labels are 9 apart, two latents sqrt(2) squared.
    assert measured["probe/labels/effect"] == pytest.approx(9 / (9 + 2))


def test_effect_of_real_images_compares_pairs_of_different_and_of_equal_labels() -> None:
    real = real_images(noise=0.5)
    between, within = [], []
    for one in range(len(real.labels)):
        for other in range(one):
            square = float((real.images[one] - real.images[other]).square().sum())
            (within if real.labels[one] == real.labels[other] else between).append(square)
    mean_between, mean_within = sum(between) / len(between), sum(within) / len(within)
    measured = number("effect_real", lambda latents, labels: by_latents(latents), real)
    assert measured == pytest.approx(mean_between / (mean_between + mean_within), rel=1e-5)


def test_images_like_those_of_their_label_are_told_and_others_are_not() -> None:
    def noisy(latents: Tensor, labels: Tensor) -> Tensor:
        return centres()[labels] + 0.05 * by_latents(latents)

    measured = numbers(noisy)
    assert measured["probe/labels/told"] == pytest.approx(1)
    assert measured["probe/labels/told_real"] == pytest.approx(1)
    # Always another label is worse than chance: (0 - 1/4) / (3/4).
    assert number("told", lambda z, labels: noisy(z, (labels + 1) % LABELS)) == pytest.approx(
        -1 / 3
    )
    # The same image for all labels is right for one of them: chance.
    assert number("told", lambda z, labels: noisy(z, 0 * labels)) == pytest.approx(0, abs=1e-6)


def test_a_real_image_is_told_by_means_that_leave_it_out() -> None:
    """As an independent loop finds, on labels that are hard to tell and unequally frequent."""
    labels = torch.tensor([3] * 2 + [5] * 4 + [9] * 7)
    real = LabelledImages(draw(len(labels), *SHAPE, seed=4), labels)
    right: dict[int, list[bool]] = {3: [], 5: [], 9: []}
    for index, label in enumerate(labels.tolist()):
        rest = torch.arange(len(labels)) != index
        distances = {
            other: float(
                (real.images[index] - real.images[rest & (labels == other)].mean(0)).norm()
            )
            for other in right
        }
        right[label].append(min(distances, key=distances.__getitem__) == label)
    recall = sum(sum(hits) / len(hits) for hits in right.values()) / 3
    measured = number("told_real", lambda latents, labels: by_latents(latents), real)
    assert measured == pytest.approx((recall - 1 / 3) / (2 / 3), abs=1e-6)


def test_diversity_is_the_mean_distance_within_a_label_over_that_of_its_real_images() -> None:
    """The fakes of label l are l times as far apart as latents are."""
    real = real_images(noise=0.5)

    def generator(latents: Tensor, labels: Tensor) -> Tensor:
        return labels[:, None, None, None] * by_latents(latents)

    def mean_distance(images: Tensor) -> float:
        return float(torch.pdist(images.flatten(1)).mean())

    usual = mean_distance(by_latents(draw(2 * LATENTS, 16, seed=3)[:LATENTS]))
    ratios = [
        label * usual / mean_distance(real.images[real.labels == label]) for label in range(LABELS)
    ]
    measured = numbers(generator, real)
    assert measured["probe/labels/diversity"] == pytest.approx(sum(ratios) / LABELS, rel=1e-5)
    assert measured["probe/labels/diversity_least"] == 0


def test_a_label_whose_real_images_are_the_same_is_left_out_of_diversity() -> None:
    real = real_images(noise=0.5)
    real.images[real.labels == 2] = centres()[2]
    assert number("diversity", lambda z, labels: centres()[labels] + by_latents(z), real) > 0
    with pytest.raises(NotMeasurable, match="real images of each label are the same"):
        numbers(lambda latents, labels: by_latents(latents), real_images(noise=0))


def test_one_image_for_all_labels_and_latents_has_no_effect_to_measure() -> None:
    with pytest.raises(NotMeasurable, match="all generated images are the same"):
        numbers(lambda latents, labels: 0 * by_latents(latents))
    with pytest.raises(NotMeasurable, match="numbers are not finite"):
        numbers(lambda latents, labels: by_latents(latents) / 0)
