"""Every fault is seen by the metrics that are meant for it, and real images are blamed by none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import faults


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> faults.Parts:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        return faults.split(32, training=900, held_out=400, perfect=300)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Real features and the classifier are computed once for the whole table."""
    return str(tmp_path_factory.mktemp("features"))


@pytest.fixture(autouse=True)
def private_cache(cache: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANVAS_CACHE", cache)


@pytest.mark.parametrize("name", faults.EXPECTED)
def test_a_fault_is_seen(parts: faults.Parts, name: str) -> None:
    scores = {s.metric: s for s in faults.score_fault(parts, name, faults.EXPECTED[name])}
    blind = [
        f"{metric}: {scores[metric].value:.4g} {scores[metric].interval}, "
        f"real data {scores[metric].floor:.4g}"
        for metric in faults.EXPECTED[name]
        if not faults.detects(scores[metric])
    ]
    assert not blind, blind


def test_a_perfect_generator_is_blamed_for_nothing(parts: faults.Parts) -> None:
    scores = faults.score_fault(parts, "none")
    assert not [score.metric for score in scores if faults.detects(score)]


def test_every_fault_has_a_metric_that_is_meant_for_it() -> None:
    assert {"none", *faults.EXPECTED} == set(faults.FAULTS)
