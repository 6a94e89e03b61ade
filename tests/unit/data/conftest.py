"""No test of this package writes into the cache of the user who runs it."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path_factory.mktemp("own-cache")
    monkeypatch.setenv("GANVAS_CACHE", str(cache))
    return cache
