"""No test of this package writes into the cache of the user who runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .pictures import flat


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path_factory.mktemp("own-cache")
    monkeypatch.setenv("GANVAS_CACHE", str(cache))
    return cache


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty distinct grey images."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for value in range(20):
        flat("L", value).save(folder / f"{value:02}.png")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"
