"""The rules about diversity: growing diversity is no collapse, and few latents need more."""

from __future__ import annotations

from ganvas.health.assessment import severities
from tests.builders.histories import Courses
from tests.builders.symptoms import SICK, evidence, only, symptoms


def test_few_latents_need_more_diversity() -> None:
    varied: Courses = {"probe/diversity/vendi": 0.72}
    assert symptoms(evidence("dcgan", varied)) == []
    found = only(evidence("dcgan", varied, latent_dim=2))
    assert found.symptom == "partial-collapse"
    assert found.advice[0].field == "latent_dim"


def test_total_collapse_hides_partial_collapse() -> None:
    total = SICK["one image for all"].evidence
    assert severities(total)["partial-collapse"] > 1
    assert symptoms(total) == ["mode-collapse"]


def test_growing_diversity_is_no_collapse() -> None:
    """What the mlp recipe showed: a twentieth of the variety at first, and half after a while."""
    rising = {"probe/diversity/vendi": (0.05, 0.25), "probe/diversity/duplicates": 1.0}
    standing = {**rising, "probe/diversity/vendi": 0.25}
    assert symptoms(evidence("mlp", rising)) == []
    assert "mode-collapse" in symptoms(evidence("mlp", standing))
