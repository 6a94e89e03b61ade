"""Floors: computed once for the same real images, and never taken from others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganvas.evaluation.extractors import Extractor
from ganvas.evaluation.families import FAMILIES, Estimates, FeatureSets, SetLabels
from ganvas.evaluation.floors import Floor, cache_path, real_floors
from ganvas.evaluation.measure import compute_scores
from ganvas.metrics.names import parse_metrics

SCORES = ("precision", "recall", "density", "coverage")


def draw(count: int, seed: int) -> Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))


SETS = FeatureSets(draw(30, 0), draw(20, 1), draw(30, 0))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds of all estimates of prdc."""
    seeds: list[int] = []

    def counted(estimate: Callable[[FeatureSets, int], Estimates]) -> None:
        def count(sets: FeatureSets, seed: int) -> Estimates:
            seeds.append(seed)
            return estimate(sets, seed)

        monkeypatch.setitem(FAMILIES, "prdc", replace(FAMILIES["prdc"], estimate=count))

    counted(FAMILIES["prdc"].estimate)
    return seeds


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_floor_is_of_as_many_real_images_as_there_are_samples(name: str) -> None:
    """Distances and coverage depend on how many there are. Only `memorised` needs all held-out
    images to tell what is near, and takes one half for the other."""
    names = ("a", "b")
    labels = SetLabels(*(torch.arange(count) % 2 for count in (30, 20, 8)), names)
    sets = FeatureSets(draw(30, 0), draw(20, 1), draw(8, 2), labels=labels)
    reference = FAMILIES[name].real_reference(sets)
    if name == "memorised":
        assert torch.equal(reference.held_out, sets.held_out[::2])
        assert torch.equal(reference.fake, sets.held_out[1::2])
        return
    assert any(torch.equal(reference.fake, real[:8]) for real in (sets.training, sets.held_out))
    assert reference.labels is not None
    assert len(reference.labels.fake) == 8


def test_a_score_says_how_many_images_it_is_of_and_has_its_floors_own_interval() -> None:
    sets = FeatureSets(draw(30, 0), draw(20, 1), draw(25, 2))
    (metric,) = parse_metrics("prdc-lite0")
    extractor = Extractor("lite0", lambda pixels: pixels)
    scores = compute_scores(metric, extractor, sets, 0, {"size": "16x16"})
    floors = FAMILIES["prdc"].estimate(FAMILIES["prdc"].real_reference(sets), 0)
    assert [score.metric for score in scores] == [f"{name}-lite0" for name in SCORES]
    for score, name in zip(scores, SCORES, strict=True):
        assert (score.floor, score.floor_interval) == (floors[name].value, floors[name].interval)
        assert score.interval == FAMILIES["prdc"].estimate(sets, 0)[name].interval
        counts = [score.protocol[f"n_{kind}"] for kind in ("training", "real", "fake", "floor")]
        assert counts == [30, 20, 25, 25]


def test_floors_of_the_same_images_are_computed_once(computed: list[int]) -> None:
    expected = FAMILIES["prdc"].estimate(SETS, 0)
    computed.clear()
    first = real_floors("prdc", SETS, 3, SCORES)
    again = real_floors("prdc", replace(SETS, fake=SETS.fake.clone()), 4, SCORES)
    assert computed == [3]
    assert first == again
    assert first == {name: Floor(expected[name].value, expected[name].interval) for name in SCORES}


def test_scores_that_are_not_cached_yet_are_added(computed: list[int]) -> None:
    real_floors("prdc", SETS, 0, ["recall"])
    assert real_floors("prdc", SETS, 0, SCORES).keys() == set(SCORES)
    assert real_floors("prdc", SETS, 0, ["recall"]).keys() == set(SCORES)
    assert computed == [0, 0]


@pytest.mark.parametrize("content", ["", "[]", '{"recall": {"value": 1}}', '{"recall": 0.5}'])
def test_a_damaged_file_is_replaced(content: str, computed: list[int]) -> None:
    expected = real_floors("prdc", SETS, 0, SCORES)
    cache_path("prdc", SETS, 0).write_text(content)
    assert real_floors("prdc", SETS, 0, SCORES) == expected
    assert real_floors("prdc", SETS, 0, SCORES) == expected
    assert computed == [0, 0]


def test_a_cache_that_cannot_be_written_costs_no_score(cache: Path) -> None:
    cache.write_text("a file, and no folder")
    assert real_floors("prdc", SETS, 0, SCORES).keys() == set(SCORES)


def test_whatever_decides_a_floor_gives_another_file() -> None:
    labels = SetLabels(
        *(torch.zeros(len(rows)) for rows in (SETS.training, SETS.held_out)),
        SETS.fake[:, 0],
        ("a",),
    )
    others = [
        replace(SETS, training=draw(30, 5)),
        replace(SETS, held_out=draw(20, 5)),
        replace(SETS, fake=draw(30, 5)),
        replace(SETS, fake=draw(29, 0)),
        replace(SETS, held_out=SETS.held_out.double()),
        replace(SETS, expected=torch.ones(2)),
        replace(SETS, labels=labels),
        replace(SETS, labels=replace(labels, names=("b",))),
        replace(SETS, labels=replace(labels, fake=labels.fake + 1)),
    ]
    paths = [cache_path("prdc", sets, 0) for sets in (SETS, *others)]
    paths += [cache_path("kid", SETS, seed) for seed in (0, 1)]
    assert len(set(paths)) == len(paths)
