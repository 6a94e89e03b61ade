"""What every rule of health promises. A new rule is tested by being in the table."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganvas.health.advice import MAX_ADVICE, advise, apply_change
from ganvas.health.assessment import apply_rules, not_checked, severities
from ganvas.health.columns import COLUMNS, NO_RULE_READS
from ganvas.health.evidence import Evidence
from ganvas.health.finding import Finding
from ganvas.health.rules import RULES
from ganvas.health.rules.rule import Rule
from ganvas.recipes import CATALOG
from ganvas.recipes.rules import problems
from tests.builders.histories import HEALTHY
from tests.builders.symptoms import SICK, Case

EVERY_RULE = pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
EVERY_CASE = pytest.mark.parametrize("case", SICK.values(), ids=list(SICK))

USED = sorted({column for courses in HEALTHY.values() for column in courses} | set(COLUMNS))
NUMBERS: Any = (
    st.floats()
    | st.integers(-(10**400), 10**400)
    | st.sampled_from([0, 0.0, -0.0, 0.5, 1, 1.0, 1e-300, 1e300, -1e300])
)
ANYTHING: Any = st.recursive(
    NUMBERS | st.none() | st.booleans() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
SEEN: Any = st.integers(0, 500_000) | ANYTHING
RECORDS: Any = st.lists(
    st.builds(
        lambda seen, columns: {"images_seen": seen, **columns},
        SEEN,
        st.dictionaries(st.sampled_from(USED), NUMBERS | ANYTHING, max_size=12),
    )
    | ANYTHING,
    max_size=12,
)
SCORES: Any = st.lists(
    st.fixed_dictionaries(
        {"metric": st.just("fd-lite0"), "images_seen": SEEN, "value": NUMBERS},
        optional={"while_training": st.booleans(), "interval": st.lists(NUMBERS) | ANYTHING},
    )
    | ANYTHING,
    max_size=8,
)
RECIPES = st.sampled_from([make() for make in CATALOG.values()])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(RECORDS, RECIPES, SCORES, st.sampled_from(["", "loss term became infinite"]))
def test_no_evidence_makes_a_rule_raise(
    records: list[Any], recipe: Any, scores: list[Any], stopped: str
) -> None:
    evidence = Evidence(tuple(records), recipe, None, tuple(scores), stopped)
    spoken = set(severities(evidence))
    assert not spoken & set(not_checked(evidence))
    for finding in apply_rules(evidence):
        assert 0 <= finding.confidence <= 1
        assert finding.symptom in spoken
        assert 0 <= finding.since <= evidence.valid_records[-1]["images_seen"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(sorted(SICK)),
    st.lists(st.tuples(st.integers(0, 23), st.sampled_from(USED), NUMBERS | ANYTHING), max_size=30),
)
def test_no_damaged_history_makes_a_rule_raise(
    name: str, damages: list[tuple[int, str, Any]]
) -> None:
    """A history that is right but for some places gets further than one of garbage."""
    evidence = SICK[name].evidence
    records = [dict(record) for record in evidence.records]
    for index, column, value in damages:
        records[index][column] = value
    damaged = Evidence(tuple(records), evidence.recipe, 100, evidence.scores)
    apply_rules(damaged), severities(damaged), not_checked(damaged)


@EVERY_RULE
def test_rule_has_a_symptom_and_a_paper(rule: Rule) -> None:
    assert RULES[rule.symptom] is rule
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.symptom)
    assert re.search(r"[A-Z]\w+ .*\b(19|20)\d\d\b", rule.paper)


@EVERY_RULE
def test_rule_reads_existing_columns(rule: Rule) -> None:
    probed = {column for column in rule.columns if column.startswith("probe/")}
    assert probed - {"probe/missing"} <= set(COLUMNS)


@EVERY_RULE
def test_rule_has_a_written_history_with_its_symptom(rule: Rule) -> None:
    """`unit/health/rules/test_rules.py` checks that it does."""
    assert any(case.symptom == rule.symptom for case in SICK.values())


@EVERY_RULE
def test_rule_has_no_finding_without_its_columns(rule: Rule) -> None:
    records = tuple({"images_seen": seen, "seconds": 1.0} for seen in range(0, 200_000, 4_000))
    for name in HEALTHY:
        recipe = CATALOG[name]()
        assert rule(Evidence(records, recipe)) is None, name
        assert "probe/missing" not in (
            rule.reason_not_checked(Evidence(records, recipe)) or "probe/missing"
        ), name
        assert rule(Evidence((), recipe)) is None, name
        assert rule.reason_not_checked(Evidence((), recipe)), name


def finding_of(case: Case) -> Finding:
    (found,) = (f for f in apply_rules(case.evidence) if f.symptom == case.symptom)
    return found


@EVERY_CASE
def test_numbers_of_a_finding_were_measured(case: Case) -> None:
    evidence, finding = case.evidence, finding_of(case)
    metrics = {score["metric"] for score in evidence.scores}
    assert finding.numbers
    for measurement in finding.numbers:
        assert measurement.normal
        assert evidence.latest(measurement.name) is not None or measurement.name in metrics


@EVERY_CASE
def test_meaning_of_a_finding_is_one_sentence(case: Case) -> None:
    finding = finding_of(case)
    assert re.fullmatch(r"[A-Z][^.\n]*(\d\.\d+[^.\n]*)*\.", finding.meaning)
    assert finding.paper == RULES[case.symptom].paper


@EVERY_CASE
def test_every_advice_is_valid_for_the_recipe(case: Case) -> None:
    """Of all findings, also of those that come with it."""
    evidence = case.evidence
    for finding in apply_rules(evidence):
        assert 1 <= len(finding.advice) <= MAX_ADVICE
        fields = [change.field for change in finding.advice]
        assert len(set(fields)) == len(fields)
        for change in finding.advice:
            changed = apply_change(evidence.recipe, change)
            assert changed != evidence.recipe
            assert list(problems(changed)) == []
            assert change.why


@pytest.mark.parametrize("name", HEALTHY)
def test_advice_is_valid_for_every_recipe(name: str) -> None:
    """Where the field is set already, or missing, or ruled out, something else is advised."""
    recipe = CATALOG[name]().with_fixed_schedules()
    given = set()
    for case in SICK.values():
        _, seen = next(RULES[case.symptom].evaluations(case.evidence))
        advice = advise(recipe, seen.remedies)
        assert 1 <= len(advice) <= MAX_ADVICE
        given.update(advice)
    for change in given:
        assert apply_change(recipe, change) != recipe, change.flag


def test_no_rule_reads_the_unread_columns() -> None:
    read = {column for rule in RULES.values() for column in rule.columns}
    assert not [column for column in read if column.startswith(NO_RULE_READS)]
    assert [column for column in COLUMNS if column.startswith(NO_RULE_READS)]


@pytest.mark.parametrize("name", ["advice", "assessment", "evidence", "finding", "rules"])
def test_every_module_can_be_imported_first(name: str) -> None:
    subprocess.run([sys.executable, "-c", f"import ganvas.health.{name}"], check=True)
