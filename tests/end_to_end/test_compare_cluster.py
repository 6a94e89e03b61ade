"""`ganvas compare --dask`: a cluster's workers do the runs of a study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ..builders.commands import Result
from ..extras import require_extra

require_extra("cluster")

import distributed

import ganvas as library

from .studies import DIVERGING, UNWATCHED, endings, tiny_study


@pytest.fixture
def study(tmp_path: Path, images: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of three short runs, one of which diverges."""
    monkeypatch.setattr("ganvas.training.pace.WARM_UP", 0.0)
    monkeypatch.setattr("ganvas.training.pace.SECONDS", 0.1)
    monkeypatch.setattr("ganvas.studies.throughput.SECONDS", 0.1)
    small.write_text(UNWATCHED)
    return tiny_study(tmp_path, small, images, DIVERGING, images=200, seeds=1)


def test_a_dask_cluster_runs_the_same_study(study: Path, tmp_path: Path) -> None:
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        results = library.compare(
            study, tmp_path / "cluster", dask=cluster.scheduler_address, quiet=True
        )
    assert results.missing == ()
    assert endings(tmp_path / "cluster") == {
        ("small", 0): "finished",
        ("hinge", 0): "finished",
        ("absurd", 0): "diverged",
    }


def test_no_scheduler_at_the_address(
    study: Path,
    tmp_path: Path,
    ganvas: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ganvas.studies.executors.SECONDS_TO_CONNECT", 1)
    result = ganvas("compare", study, "--dask", "tcp://127.0.0.1:9", "--out", tmp_path / "nobody")
    assert result.code == 2
    assert "no dask scheduler answers at tcp://127.0.0.1:9" in result.err
    assert not (tmp_path / "nobody").exists()
