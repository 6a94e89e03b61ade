"""What every metric of features must say: values that are not finite, too few samples."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.evaluation.families import FAMILIES, FeatureSets, SetLabels

INSENSITIVE_TO_DIMENSIONS = {
    "kid": "unbiased at any count",
    "prdc": "nearest neighbours work in any dimension",
    "birthday": "the same",
    "memorised": "the same",
}
"""Families that work with fewer samples than dimensions, and why. Others must say so."""


def of_one_label(training: Tensor, held_out: Tensor, fake: Tensor) -> FeatureSets:
    """Sets whose images all have the same label."""
    labels = (torch.zeros(len(rows), dtype=torch.int64) for rows in (training, held_out, fake))
    return FeatureSets(training, held_out, fake, labels=SetLabels(*labels, names=("one",)))


def of_networks() -> list[str]:
    return [name for name, family in FAMILIES.items() if family.kind in ("features", "classes")]


@pytest.mark.parametrize("family", of_networks())
class TestEveryMetricOfFeatures:
    def test_refuses_values_that_are_not_finite(self, family: str) -> None:
        rows = torch.randn(3, 200, 8, generator=torch.Generator().manual_seed(0))
        for broken in (torch.nan, torch.inf):
            fake = rows[2].index_fill(0, torch.tensor([3]), broken)
            with pytest.raises(GanvasError, match="1 of 200 rows hold NaN or infinity"):
                FAMILIES[family].estimate(of_one_label(rows[0], rows[1], fake), 0)

    def test_says_that_there_are_fewer_samples_than_dimensions(self, family: str) -> None:
        rows = torch.randn(3, 200, 300, generator=torch.Generator().manual_seed(0))
        estimates = FAMILIES[family].estimate(of_one_label(*rows), 0)
        warned = all(
            any(
                "300 dimensions" in line or "300 classes" in line
                for line in (*estimate.warnings, *estimate.notes)
            )
            for estimate in estimates.values()
        )
        assert warned != (family in INSENSITIVE_TO_DIMENSIONS)
