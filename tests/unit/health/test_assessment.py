"""From findings to a verdict, which is healthy only where enough rules could look."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganvas.health import assessment
from ganvas.health.assessment import (
    all_rules_active_from,
    applicable_rules,
    apply_rules,
    health_status,
    longer_budget,
    not_checked,
)
from ganvas.health.evidence import Evidence
from ganvas.health.finding import Finding
from ganvas.recipes import CATALOG
from tests.builders.histories import HEALTHY
from tests.builders.symptoms import SICK, Case

FOUND = Finding("mode-collapse", "failing", 0.8, 100, (), "One image.", (), "Metz 2017")
WATCHED = replace(FOUND, verdict="watch")


def healthy(recipe: str, until: int | None = None) -> Evidence:
    """A healthy history, or what there is of it after so many images."""
    whole = Case("", recipe, {}).evidence
    seen = (record for record in whole.records if until is None or record["images_seen"] <= until)
    return replace(whole, records=tuple(seen))


def test_status_is_the_worst_verdict_however_early() -> None:
    early = healthy("dcgan", 4_000)
    assert health_status(early, (WATCHED, WATCHED)) == "watch"
    assert health_status(early, (WATCHED, FOUND, WATCHED)) == "failing"
    sick = SICK["a hundred images"].evidence
    assert health_status(sick, apply_rules(sick)) == "failing"


def test_what_shows_now_comes_before_what_is_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is ending still includes others: else they would begin and end at every dip."""
    made_up = {
        "mode-collapse": replace(WATCHED, ending=True),
        "partial-collapse": replace(WATCHED, symptom="partial-collapse"),
        "checkerboard": replace(WATCHED, symptom="checkerboard"),
    }
    rules = {symptom: lambda _, found=found: found for symptom, found in made_up.items()}
    monkeypatch.setattr(assessment, "RULES", rules)
    found = apply_rules(healthy("dcgan"))
    assert [finding.symptom for finding in found] == ["checkerboard", "mode-collapse"]


@pytest.mark.parametrize("recipe", HEALTHY)
def test_status_is_too_early_until_learning_steps(recipe: str) -> None:
    settings = CATALOG[recipe]()
    needed = 300 * settings.batch * settings.discriminator_steps
    whole = healthy(recipe)
    for count in range(1, len(whole.records) + 1):
        seen = replace(whole, records=whole.records[:count])
        if not seen.probed:
            continue
        late = seen.probed[-1]["images_seen"] >= needed
        expected = "healthy" if late else "too early to tell"
        assert health_status(seen, ()) == expected, seen.records[-1]["images_seen"]


@pytest.mark.parametrize("recipe", CATALOG)
def test_half_of_the_rules_separates_early_from_later_rules(
    recipe: str,
) -> None:
    settings = CATALOG[recipe]().with_fixed_schedules()
    nothing = Evidence((), settings)
    updates = [rule.active_from(nothing) for rule in applicable_rules(settings)]
    needed = 300 * settings.batch * settings.discriminator_steps
    assert sum(first < needed for first in updates) / len(updates) < 0.45
    assert sum(first <= needed for first in updates) / len(updates) > 0.6


def test_status_is_not_judged_without_probes() -> None:
    whole = healthy("dcgan")
    assert health_status(replace(whole, records=()), ()) == "not judged"
    without = [{"images_seen": record["images_seen"]} for record in whole.records]
    assert health_status(replace(whole, records=tuple(without)), ()) == "not judged"
    failed = tuple({**record, "probe/missing": {"probe/": "broken"}} for record in without)
    assert health_status(replace(whole, records=failed), ()) == "not judged"


def test_rules_that_do_not_apply_do_not_count() -> None:
    whole = healthy("dcgan")
    assert len(applicable_rules(whole.recipe)) == 15
    assert set(not_checked(whole)).isdisjoint(
        rule.symptom for rule in applicable_rules(whole.recipe)
    )
    assert health_status(whole, ()) == "healthy"


def test_a_longer_budget_is_enough_for_symptoms_and_for_shapes() -> None:
    """Whichever is more: shapes of dcgan, symptoms of wgan-gp, twice as long after that."""
    dcgan, wgan_gp = CATALOG["dcgan"](), CATALOG["wgan-gp"]()
    assert longer_budget(replace(dcgan, images=4_000), 1) == dcgan.images == 200_000
    assert longer_budget(replace(dcgan, images=150_000), 1) == 300_000
    unknown = replace(wgan_gp, batch=512, images=4_000)
    assert longer_budget(unknown, 1) == all_rules_active_from(unknown) > 200_000
