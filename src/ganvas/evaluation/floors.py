"""Floors: what real images score in place of the samples. Computed once, then cached.

The runs of a study are compared with the same real images, so all have the same floors.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import ganvas
from ganvas import json_files, storage
from ganvas.checksum import checksum
from ganvas.data.cache import default_cache
from ganvas.errors import GanvasError, RunError
from ganvas.evaluation.families import FAMILIES, FeatureSets

FORMAT = 1  # increases when the same real images would have other floors


@dataclass(frozen=True)
class Floor:
    """One score of real images."""

    value: float
    interval: tuple[float, float]


def real_floors(
    name: str, reference: FeatureSets, seed: int, scores: Iterable[str]
) -> dict[str, Floor]:
    """The floors of a family's scores, from the cache where they are known.

    Args:
        name: of the family.
        reference: its sets with real images in place of the samples.
        scores: which of its scores are needed; others may be missing.
    """
    path = cache_path(name, reference, seed)
    known = read_floors(path)
    if known.keys() >= set(scores):
        return known
    estimates = FAMILIES[name].estimate(reference, seed)
    floors = {score: Floor(estimates[score].value, estimates[score].interval) for score in scores}
    content = {score: json_files.to_plain(floor) for score, floor in (known | floors).items()}
    with contextlib.suppress(RunError):  # a full disk must not cost the scores
        storage.make_directory(path.parent)
        json_files.write_json(path, content)
    return floors


def cache_path(name: str, reference: FeatureSets, seed: int) -> Path:
    """Where the floors are cached: by all that decides them, above all the features themselves."""
    sets = {
        "training": reference.training,
        "held_out": reference.held_out,
        "fake": reference.fake,
        "expected": reference.expected,
    }
    if reference.labels is not None:
        sets["training labels"] = reference.labels.training
        sets["held-out labels"] = reference.labels.held_out
        sets["fake labels"] = reference.labels.fake
    decides = {
        "format": FORMAT,
        "ganvas": ganvas.__version__,
        "device": reference.fake.device.type,
        "seed": seed if FAMILIES[name].uses_seed else None,
        "label names": reference.labels and reference.labels.names,
    }
    key = checksum({part: rows for part, rows in sets.items() if rows is not None}, decides)
    return default_cache() / f"floor-{name}-{key[:24]}.json"


def read_floors(path: Path) -> dict[str, Floor]:
    """The floors in a file of the cache; none if there is no such file, or it is damaged."""
    if not path.exists():
        return {}
    try:
        content = json_files.read_json(path)
        json_files.check_finite(content)
        return {score: json_files.from_plain(Floor, floor) for score, floor in content.items()}
    except (GanvasError, ValueError):
        return {}
