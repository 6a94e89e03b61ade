"""The Frechet distance within labels is the mean of those of each label, computed quickly."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.metrics.frechet import distance_terms, frechet_distance
from ganvas.metrics.intra_frechet import intra_frechet_distance


def draw(count: int, d: int, seed: int, mean: float = 0.0) -> Tensor:
    return mean + torch.randn(count, d, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("real", "fake", "d"), [(30, 50, 64), (50, 30, 64), (200, 30, 64), (30, 200, 64), (300, 200, 8)]
)
def test_the_quick_form_is_the_distance_and_its_interval(real: int, fake: int, d: int) -> None:
    mixing = draw(d, d, 9) / d**0.5
    sets = draw(real, d, 0), draw(fake, d, 1) @ mixing + 0.3
    expected = frechet_distance(*sets)
    mean_term, covariance_term, influence = distance_terms(*sets)
    assert mean_term == pytest.approx(expected.details["mean_term"], rel=1e-9)
    assert covariance_term == pytest.approx(expected.details["covariance_term"], rel=1e-5)
    half_width = 1.959964 * float(influence.std()) / fake**0.5
    assert half_width == pytest.approx(expected.interval[1] - expected.value, rel=1e-4)


def test_two_labels_give_the_mean_of_their_distances() -> None:
    real, fake = draw(120, 5, 0), draw(90, 5, 1, mean=0.5)
    real_labels, fake_labels = torch.arange(120) % 2, (torch.arange(90) % 3 > 0).long()
    of_each = [
        frechet_distance(real[real_labels == label], fake[fake_labels == label]) for label in (0, 1)
    ]
    estimate = intra_frechet_distance(real, real_labels, fake, fake_labels, ("cat", "dog"))
    assert estimate.value == pytest.approx(sum(each.value for each in of_each) / 2, rel=1e-6)
    widths = [each.interval[1] - each.value for each in of_each]
    width = sum(width**2 for width in widths) ** 0.5 / 2
    assert estimate.interval[1] - estimate.value == pytest.approx(width, rel=1e-5)
    assert estimate.details["worst"] == pytest.approx(max(each.value for each in of_each), rel=1e-6)


def test_swapped_labels_show_although_all_samples_together_are_right() -> None:
    labels = torch.arange(400) % 2
    real, fake = (draw(400, 4, seed) + 6.0 * labels[:, None] for seed in (0, 1))
    right = intra_frechet_distance(real, labels, fake, labels, ("cat", "dog"))
    swapped = intra_frechet_distance(real, labels, fake, 1 - labels, ("cat", "dog"))
    assert frechet_distance(real, fake).value < 1
    assert right.value < 1
    assert swapped.value == pytest.approx(4 * 6.0**2, rel=0.1)  # of the means, 6 in 4 dimensions


def test_labels_with_too_few_images_are_left_out_and_named() -> None:
    rows, labels = draw(61, 3, 0), torch.tensor([0] * 40 + [1] * 19 + [2] * 2)
    others, other_labels = draw(60, 3, 1), torch.tensor([0] * 20 + [1] * 40)
    estimate = intra_frechet_distance(rows, labels, others, other_labels, ("a", "b", "c"))
    expected = frechet_distance(rows[:40], others[:20])
    assert estimate.value == pytest.approx(expected.value, rel=1e-6)
    assert (estimate.details["labels"], estimate.details["of"]) == (1, 3)
    assert estimate.warnings == (
        "2 of 3 labels are left out, with fewer than 20 held-out images or samples: b, c",
    )


def test_no_label_with_enough_images_is_an_error() -> None:
    rows, labels = draw(57, 3, 0), torch.arange(57) % 3
    with pytest.raises(GanvasError, match="none of 3 labels has 20 held-out images"):
        intra_frechet_distance(rows, labels, rows, labels, ("a", "b", "c"))


def test_few_images_for_their_dimensions_are_noted() -> None:
    rows, labels = draw(60, 30, 0), torch.arange(60) % 2
    (note,) = intra_frechet_distance(rows, labels, rows, labels, ("a", "b")).notes
    assert note.startswith("a label has 30 images, no more than the 30 dimensions")
