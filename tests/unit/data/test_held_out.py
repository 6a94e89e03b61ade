"""Which images are held out: by content, whole groups, and never a label's last image."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from ganvas.data.held_out import can_be_scored, choose_held_out


def digest(number: int) -> bytes:
    return hashlib.blake2b(str(number).encode(), digest_size=8).digest()


def lowest_first(count: int) -> list[bytes]:
    """Contents of which the first ones would be held out."""
    return sorted(map(digest, range(count)))


def test_without_rare_labels_the_split_is_that_of_the_contents_alone() -> None:
    digests = [digest(number) for number in range(1000)]
    labels = np.arange(1000) % 3
    by_content = choose_held_out(digests, 0.1)
    assert choose_held_out(digests, 0.1, labels).tolist() == by_content.tolist()
    assert by_content.tolist() == sorted(np.argsort(digests)[:100])


def test_a_label_never_loses_its_last_training_image() -> None:
    labels = np.array([1, 1] + [0] * 18)  # both images of label 1 have the lowest hashes
    assert choose_held_out(lowest_first(20), 0.1).tolist() == [0, 1]
    assert choose_held_out(lowest_first(20), 0.1, labels).tolist() == [0, 2]


def test_the_only_image_of_a_label_may_be_held_out() -> None:
    labels = np.array([1] + [0] * 19)
    assert choose_held_out(lowest_first(20), 0.1, labels).tolist() == [0, 1]
    singles = choose_held_out(lowest_first(300), 0.1, np.arange(300))
    assert len(singles) == 30


def test_fewer_images_are_held_out_where_labels_need_them() -> None:
    pairs = np.arange(20) // 2
    held_out = choose_held_out(lowest_first(20), 0.9, pairs)
    assert held_out.tolist() == list(range(0, 20, 2))


def test_kept_copies_stay_together_and_with_their_label() -> None:
    digests = [*lowest_first(9), lowest_first(9)[0]]
    labels = np.array([1] + [0] * 8 + [1])  # label 1 has two images, copies of each other
    assert choose_held_out(digests, 0.2).tolist() == [0, 1, 9]
    assert choose_held_out(digests, 0.2, labels).tolist() == [1, 2]


def test_the_fraction_is_of_distinct_images() -> None:
    digests = [*lowest_first(10), *[lowest_first(10)[9]] * 10]  # the last one eleven times
    assert choose_held_out(digests, 0.2).tolist() == [0, 1]


def test_the_images_of_a_group_stay_on_one_side() -> None:
    digests = lowest_first(100)
    groups = [number % 25 for number in range(100)]  # 25 groups of four
    held_out = choose_held_out(digests, 0.1, groups=groups)
    assert sorted({groups[i] for i in held_out}) == [0, 1]
    assert len(held_out) == 8  # a third group would be more than a tenth


def test_a_group_that_is_too_large_is_trained_on() -> None:
    groups = ["film" if number < 50 else None for number in range(100)]
    held_out = choose_held_out(lowest_first(100), 0.1, groups=groups)
    assert held_out.tolist() == list(range(50, 60))


def test_groups_that_share_an_image_stay_on_one_side() -> None:
    digests = lowest_first(40)
    digests[39] = digests[0]  # the last group holds a copy of the first image
    groups = [number // 2 for number in range(40)]
    assert choose_held_out(digests, 0.1, groups=groups).tolist() == [0, 1, 38, 39]


@pytest.mark.parametrize("grouped", [False, True])
def test_the_split_does_not_depend_on_the_order_of_images(grouped: bool) -> None:
    random = np.random.default_rng(0)
    digests = [digest(number) for number in range(300)]
    labels = random.integers(0, 150, 300)
    groups = random.integers(0, 120, 300).tolist() if grouped else None
    chosen = {digests[i] for i in choose_held_out(digests, 0.3, labels, groups)}
    assert 60 <= len(chosen) <= 90
    for _ in range(3):
        order = random.permutation(300)
        shuffled = choose_held_out(
            [digests[i] for i in order],
            0.3,
            labels[order],
            None if groups is None else [groups[i] for i in order],
        )
        assert {digests[order[i]] for i in shuffled} == chosen


def test_a_label_can_be_scored_with_two_images_of_which_one_is_trained_on() -> None:
    labels = np.array([0, 0, 1, 2, 3, 3])
    held_out = np.array([0, 2, 4, 5])
    assert can_be_scored(labels, held_out, 5).tolist() == [True, False, False, False, False]
