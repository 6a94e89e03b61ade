"""Choosing by the discriminator: exactly the best candidates, of each label, in their places."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from ganvas.errors import GanvasError
from ganvas.labels import LabelSet
from ganvas.latents.latents import Latents
from ganvas.latents.rejection import (
    BLOCK,
    TrainedDiscriminator,
    best_rows,
    keep_best,
    spare_labels,
)
from ganvas.latents.settings import parse_keep
from tests.builders.toys import LATENT_DIM, FirstPixel, Pixels, toy_generator

LABELS = LabelSet(("red", "green", "blue"), (6, 3, 1))


@given(
    st.integers(0, 1_000),
    st.lists(st.integers(0, 3), min_size=1, max_size=12),
    st.sampled_from([0.1, 0.3, 0.5, 0.7, 1.0]),
)
def test_the_best_of_each_label_are_kept(seed: int, labels: list[int], fraction: float) -> None:
    own = torch.tensor(labels)
    kinds = torch.cat([own, spare_labels(own, fraction)])
    logits = torch.randn(len(kinds), generator=torch.Generator().manual_seed(seed))
    rows = best_rows(logits, kinds, len(own))
    assert len(set(rows.tolist())) == len(own)
    assert torch.equal(kinds[rows], own), "labels stay"
    for label in set(labels):
        ranked = sorted(logits[kinds == label].tolist(), reverse=True)
        count = labels.count(label)
        assert len(ranked) == math.ceil(round(count / fraction, 6))
        assert sorted(logits[rows][own == label].tolist(), reverse=True) == ranked[:count]


def test_images_among_the_best_stay_and_the_others_are_replaced() -> None:
    logits = torch.tensor([5.0, 1.0, 4.0, 0.0, 2.0, 9.0, 3.0, 8.0])
    assert best_rows(logits, torch.zeros(8, dtype=torch.int64), 4).tolist() == [0, 5, 2, 7]


def test_of_equal_logits_the_first_is_kept() -> None:
    assert best_rows(torch.zeros(6), torch.zeros(6, dtype=torch.int64), 3).tolist() == [0, 1, 2]


def test_latents_of_the_best_are_those_that_are_given() -> None:
    values = torch.arange(8.0)[:, None].repeat(1, LATENT_DIM)
    labels = torch.zeros(8, dtype=torch.int64)
    discriminator = TrainedDiscriminator(FirstPixel())
    kept = keep_best(Pixels(), discriminator, Latents(values), labels, 4)
    assert kept.values[:, 0].tolist() == [4, 5, 6, 7]


def test_samples_are_the_upper_part_of_the_distribution() -> None:
    """The logit is standard normal: the mean of its upper half is sqrt(2 / pi), its least the
    median; of the upper tenth it is 1.755."""
    generator = toy_generator()
    n = 40 * BLOCK
    for keep, mean in (("best:0.5", math.sqrt(2 / math.pi)), ("best:0.1", 1.755)):
        logits = torch.cat(list(generator.keeping(keep).batches(n)))[:, 0, 0, 0]
        assert float(logits.mean()) == pytest.approx(mean, abs=0.05)
        others = torch.cat(list(generator.keeping(keep).batches(n)))[:, 0, 1, 1]
        assert float(others.mean()) == pytest.approx(0, abs=0.05)
        assert float(others.std()) == pytest.approx(1, abs=0.05)


def test_half_of_the_images_are_those_of_sample_in_their_places() -> None:
    generator = toy_generator()
    plain = torch.cat(list(generator.batches(BLOCK)))
    kept = torch.cat(list(generator.keeping("best:0.5").batches(BLOCK)))
    same = (plain == kept).flatten(1).all(1)
    assert 16 < int(same.sum()) < 48
    replaced = plain[~same][:, 0, 0, 0]
    assert replaced.max() < kept[:, 0, 0, 0].min()


@pytest.mark.parametrize("fewer", [1, 63, 64, 100, 256])
def test_the_first_of_many_are_those_of_few(fewer: int) -> None:
    for generator in (toy_generator(), toy_generator(label_set=LABELS)):
        kept = generator.keeping("best:0.4")
        assert np.array_equal(kept.sample(300, seed=1)[:fewer], kept.sample(fewer, seed=1))


def test_a_range_of_samples_is_that_of_all() -> None:
    kept = toy_generator().keeping("best:0.5")
    whole = torch.cat(list(kept.batches(300, seed=3)))
    for start, stop in ((0, 64), (64, 300), (260, 300), (70, 71)):
        rows = torch.cat(list(kept.batches(300, 3, range(start, stop))))
        assert torch.equal(rows, whole[start:stop])


def test_one_changes_nothing_bit_for_bit() -> None:
    generator = toy_generator()
    assert np.array_equal(generator.keeping("best:1").sample(70), generator.sample(70))


def test_labels_come_as_often_as_before_and_reach_the_discriminator() -> None:
    seen: list[Tensor] = []

    class Recording(nn.Module):
        def forward(self, images: Tensor, labels: Tensor) -> Tensor:
            seen.append(labels)
            return images[:, 0, 0, 0]

    generator = toy_generator(label_set=LABELS, discriminator=Recording())
    inputs = list(generator.keeping("best:0.5").input_batches(100, seed=2))
    labels = torch.cat([batch.labels for batch in inputs if batch.labels is not None])
    drawn = generator.draw_labels(100, seed=2)
    assert drawn is not None
    assert torch.equal(labels, drawn)
    filled = generator.draw_labels(128, seed=2)
    assert filled is not None
    counts = torch.bincount(torch.cat(seen), minlength=3)
    assert counts.tolist() == (2 * torch.bincount(filled, minlength=3)).tolist()


def test_the_same_seed_chooses_the_same_and_another_does_not() -> None:
    kept = toy_generator().keeping("best:0.5")
    assert np.array_equal(kept.sample(9, seed=5), kept.sample(9, seed=5))
    assert not np.array_equal(kept.sample(9, seed=5), kept.sample(9, seed=6))


def test_candidates_are_truncated_before_they_are_ranked() -> None:
    generator = toy_generator().truncated(0.5).keeping("best:0.5")
    plain = toy_generator().keeping("best:0.5")
    assert torch.equal(
        torch.cat(list(generator.batches(BLOCK))), 0.5 * torch.cat(list(plain.batches(BLOCK)))
    )


def test_a_discriminator_that_diverged_ranks_nothing() -> None:
    class Diverged(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.full((len(images),), math.nan)

    generator = toy_generator(discriminator=Diverged()).keeping("best:0.5")
    with pytest.raises(GanvasError, match="not finite"):
        generator.sample(1)


@pytest.mark.parametrize(
    "text", ["best:0", "best:2", "best:-0.5", "best:nan", "best", "best:", "0.5", "worst:0.5", ""]
)
def test_what_is_no_fraction_of_the_best_is_refused(text: str) -> None:
    with pytest.raises(GanvasError, match=r"expected best:F with a fraction F from 0\.01 to 1"):
        parse_keep(text)


def test_without_its_discriminator_a_generator_says_how_to_load_it() -> None:
    generator = replace(toy_generator(), discriminator=None)
    with pytest.raises(GanvasError, match="discriminator=True"):
        generator.keeping("best:0.5")
