"""Every fault is detected by the metrics meant for it, and real images have no fault."""

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
def test_the_metrics_for_a_fault_detect_it(parts: faults.Parts, name: str) -> None:
    scores = {s.metric: s for s in faults.score_fault(parts, name, faults.EXPECTED[name])}
    blind = [
        f"{metric}: {scores[metric].value:.4g} {scores[metric].interval}, "
        f"real data {scores[metric].floor:.4g}"
        for metric in faults.EXPECTED[name]
        if not faults.detects(scores[metric])
    ]
    assert not blind, blind


def test_no_metric_detects_a_fault_in_real_images(parts: faults.Parts) -> None:
    scores = faults.score_fault(parts, "none")
    assert not [score.metric for score in scores if faults.detects(score)]


def test_every_fault_has_metrics_that_must_detect_it() -> None:
    assert {"none", *faults.EXPECTED} == set(faults.FAULTS)
