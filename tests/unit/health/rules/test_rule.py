"""What evaluations in a row add up to: onset, patience, extremes, recovery, confidence, verdict."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.health.assessment import apply_rules, not_checked, severities
from ganvas.health.evidence import Evidence, Record
from ganvas.health.finding import Finding
from ganvas.health.rules import RULES
from ganvas.health.rules.condition import (
    MAX_SEVERITY,
    Condition,
    LimitCheck,
    RuleInput,
    condition,
    most_severe,
)
from ganvas.health.rules.rule import Rule
from ganvas.health.thresholds import Thresholds
from ganvas.recipes import CATALOG
from ganvas.training.monitor import changes, open_findings

RECIPE = CATALOG["dcgan"]()
BATCH = RECIPE.batch
STEP = 4_000

RULE = Rule(
    "made-up",
    "Nobody 2026",
    lambda current: condition("It is so.", (), current.above("probe/x", 1.0)),
    ("probe/x",),
)


def probed(*values: float | None, first: int = 300 * BATCH) -> Evidence:
    """Probed records with these severities, one after the other; None: the probe failed."""
    records = tuple(
        {"images_seen": first + STEP * index, "probe/r_t": 0.5}
        | ({} if severity is None else {"probe/x": severity})
        for index, severity in enumerate(values)
    )
    return Evidence(records, RECIPE)


def found(*values: float | None) -> Finding:
    finding = RULE(probed(*values))
    assert finding is not None
    return finding


def after(records: int) -> int:
    return 300 * BATCH + STEP * records


@pytest.mark.parametrize(
    ("values", "speaks"),
    [
        ((), False),
        ((1.5,), False),  # one record is noise
        ((0.5, 1.5), False),
        ((1.5, 1.5), True),
        ((1.5, 0.5, 1.5), False),
        ((1.5, 0.9, 1.5), False),  # never two in a row
        ((1.5, 1.5, 0.9), True),  # not yet released
        ((1.5, 1.5, 0.5, 0.5), True),  # not for long enough
        ((1.5, 1.5, 0.79, 0.79, 0.79), False),  # healed
        ((1.5, 1.5, 0.5, 0.5, 0.9, 0.5, 0.5), True),  # never three in a row
        ((1.5, 1.5, 0.5, None, 0.5, None), True),  # a failed probe does not heal
        ((1.5, 1.5, 0.5, 0.5, 0.5, 1.5), False),  # it begins anew, with patience
        ((1.5, 1.5, 0.5, 0.5, 0.5, 1.5, 1.5), True),
        ((1.5, 0.5, 1.5, 0.5, 1.5), False),  # never began, so nothing is kept
        ((3.0,), True),  # extreme
        ((2.9,), False),
        ((3.0, 0.5), True),
        ((3.0, 0.5, 0.5, 0.5), False),
        ((1.5, None, 1.5), True),  # a failed probe says nothing
        ((None, None), False),
    ],
)
def test_finding_needs_patience_or_an_extreme_and_ends_after_a_recovery(
    values: tuple[float | None, ...], speaks: bool
) -> None:
    assert (RULE(probed(*values)) is not None) is speaks


def test_no_finding_before_the_rule_is_active() -> None:
    early = probed(5.0, 5.0, first=300 * BATCH - 1 - STEP)
    assert RULE(early) is None
    assert RULE.severity(early) is None
    assert RULE.reason_not_checked(early) == "too early: it is checked from 9,600 images on"
    assert RULE(probed(5.0, 5.0)) is not None
    slow = replace(RECIPE, discriminator_steps=5)
    assert RULE(replace(probed(5.0, 5.0), recipe=slow)) is None


@pytest.mark.parametrize(
    ("values", "onset"),
    [
        ((1.5, 1.5), 0),
        ((0.1, 1.5, 1.5, 1.5), 1),
        ((1.5, 1.5, 0.1, 1.5, 1.5), 0),  # a dip does not end it
        ((1.5, 0.1, 1.5, 1.5, 0.1), 2),  # where it began: one evaluation began nothing
        ((1.5, 1.5, 0.1, 0.1, 0.1, 1.5, 1.5), 5),  # of the finding that began last
        ((0.1, 0.9, 1.5, 1.5), 2),  # above its release, but not there yet
        ((1.5, 1.5, 0.9, 1.5), 0),
    ],
)
def test_onset_is_the_first_evaluation_of_the_episode_that_began_it(
    values: tuple[float, ...], onset: int
) -> None:
    assert found(*values).since == after(onset)


def test_confidence_is_the_documented_formula() -> None:
    """1 - 1 / (s (k + 1)), s the median of the newest three, k the evaluations of the episode."""
    assert found(1.0, 1.0).confidence == pytest.approx(2 / 3)
    assert found(2.0, 2.0).confidence == pytest.approx(5 / 6)
    assert found(1.0, 1.0, 1.0, 1.0).confidence == pytest.approx(4 / 5)
    assert found(9.0, 1.0, 4.0, 2.0).confidence == pytest.approx(1 - 1 / (2.0 * 5))
    assert found(4.0).confidence == pytest.approx(7 / 8)


@given(st.floats(1.0, 9.0), st.floats(1.01, 2.0), st.integers(2, 20))
def test_confidence_grows_with_severity_and_time(
    severity: float, factor: float, count: int
) -> None:
    usual = found(*[severity] * count).confidence
    assert found(*[severity * factor] * count).confidence > usual
    assert found(*[severity] * (count + 1)).confidence > usual
    assert 0.5 < usual < 1


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((1.2, 1.2), "watch"),
        ((1.2, 1.2, 1.2, 1.2), "watch"),
        ((1.2,) * 5, "failing"),  # it lasts
        ((2.0, 2.0), "failing"),
        ((3.5,), "failing"),
        ((9.0, 1.2, 1.2), "watch"),  # it was worse
    ],
)
def test_verdict_depends_on_severity_and_duration(values: tuple[float, ...], verdict: str) -> None:
    assert found(*values).verdict == verdict
    mild = replace(RULE, worst="watch")(probed(*values))
    assert mild is not None
    assert mild.verdict == "watch"


TO_AND_FRO = (1.2, 1.3, 0.6) * 9
"""Nine times above the limit for long enough for a finding, each time with a dip."""


def test_a_value_that_crosses_its_limit_nine_times_makes_one_finding() -> None:
    """Without keeping there are nine; the first begins no later, and the last one ends."""

    def events(recovery: int) -> list[tuple[str, int]]:
        happened: list[Record] = []
        for count in range(1, len(values) + 1):
            limits = Thresholds(recovery=recovery)
            finding = RULE(replace(probed(*values[:count]), thresholds=limits))
            current = () if finding is None else (finding,)
            happened += changes(open_findings(happened), current, after(count - 1))
        return [(event["event"], event["images_seen"]) for event in happened]

    values = (*TO_AND_FRO, 0.6, 0.6, 0.6)
    ends = [after(3 * n + 2) for n in range(9)]
    onsets = [after(3 * n + 1) for n in range(9)]
    assert [at for event, at in events(recovery=1) if event == "onset"] == onsets
    assert [at for event, at in events(recovery=1) if event == "end"] == ends
    kept = Thresholds().recovery
    assert events(kept) == [("onset", onsets[0]), ("end", ends[-1] + (kept - 1) * STEP)]


def test_a_finding_that_is_ending_shows_what_was_last_abnormal_and_fails_nothing() -> None:
    sick, ending = found(3.0, 2.5, 2.0), found(3.0, 2.5, 2.0, 0.5, 0.6)
    assert (sick.verdict, sick.ending) == ("failing", False)
    assert (ending.verdict, ending.ending) == ("watch", True)
    same = replace(ending, verdict=sick.verdict, ending=False, meaning=sick.meaning)
    assert same == sick
    assert ending.meaning == (
        "It is so. The newest values are closer to normal; it is over after 3 normal ones in a row."
    )
    returned = found(3.0, 2.5, 2.0, 0.5, 1.5)  # not for long enough to begin anew
    assert (returned.verdict, returned.ending) == ("watch", True)
    assert [number.value for number in returned.numbers] == [1.5]
    again = found(3.0, 2.5, 2.0, 0.5, 2.0, 2.0)
    assert (again.verdict, again.ending, again.since) == ("failing", False, after(0))


@given(st.lists(st.floats(0, 6) | st.none(), max_size=12))
def test_keeping_begins_nothing_and_changes_no_finding_but_since(
    values: list[float | None],
) -> None:
    """So the health benchmark, which counts findings while they are present, says the same."""
    evidence = probed(*values)
    strict = RULE(replace(evidence, thresholds=Thresholds(recovery=1)))
    kept = RULE(evidence)
    if strict is not None:
        assert kept is not None
        assert kept.since <= strict.since
        assert replace(kept, since=strict.since) == strict
    elif kept is not None:
        assert kept.ending
        earlier = (RULE(probed(*values[:count])) for count in range(len(values)))
        assert any(finding is not None and not finding.ending for finding in earlier)


@given(st.lists(st.floats(0, 6) | st.none(), max_size=8))
def test_severity_above_one_is_a_finding(values: list[float | None]) -> None:
    evidence = probed(*values)
    signal = RULE.severity(evidence)
    if signal is not None and signal >= 1:
        assert RULE(evidence) is not None
    if RULE(evidence) is not None:
        assert signal is not None
        # The rest are findings that are not yet released.
        assert signal >= 1 or max(s for s in values if s is not None) >= 1


def test_records_without_probes_are_skipped() -> None:
    """A record of training alone, between two probes, does not say that anything healed."""
    evidence = probed(2.0, 2.0)
    between = {"images_seen": after(0) + STEP // 2, "generator/gradient_norm": 1.0}
    evidence = replace(evidence, records=(evidence.records[0], between, evidence.records[1]))
    finding = RULE(evidence)
    assert finding is not None
    assert finding.since == after(0)


def test_run_without_probes_is_evaluated_by_its_other_columns() -> None:
    records = tuple({"images_seen": 2_000 * n, "generator/gradient_norm": 1e-9} for n in range(20))
    recipe = replace(RECIPE, intervals=replace(RECIPE.intervals, probes=0))
    blind = Evidence(records, recipe)
    assert [finding.symptom for finding in apply_rules(blind)] == ["vanishing-generator-gradient"]
    assert "probe/diversity/vendi" in not_checked(blind)["mode-collapse"]


def test_reason_not_checked_includes_why_a_number_is_missing() -> None:
    failed = {"probe/diversity/effective": "most real images are the same"}
    records = tuple(
        {"images_seen": after(n), "probe/r_t": 0.5, "probe/missing": failed} for n in range(3)
    )
    reason = not_checked(Evidence(records, RECIPE))["mode-collapse"]
    assert reason.startswith("not measured: probe/diversity/distance")
    overflow = {"probe/checkerboard": "the generator's images: 9 of 64 numbers are not finite"}
    records = tuple(
        {"images_seen": 40_000 + after(n), "probe/r_t": 0.5, "probe/missing": overflow}
        for n in range(3)
    )
    assert "9 of 64" in not_checked(Evidence(records, RECIPE))["checkerboard"]


def test_every_rule_has_a_severity_or_a_reason() -> None:
    evidence = probed(1.0, 1.0)
    assert set(severities(evidence)) | set(not_checked(evidence)) == set(RULES)
    assert not set(severities(evidence)) & set(not_checked(evidence))


# Strength: how far past its limit a number is.


@pytest.mark.parametrize(
    ("signal", "severity"),
    [
        (LimitCheck("x", 5.0, 5.0), 1.0),
        (LimitCheck("x", 10.0, 5.0), 2.0),
        (LimitCheck("x", 0.0, 5.0), 0.0),
        (LimitCheck("x", -9.0, 5.0), 0.0),
        (LimitCheck("x", 1e99, 5.0), MAX_SEVERITY),
        (LimitCheck("x", 0.3, 0.3, abnormal="below"), 1.0),
        (LimitCheck("x", 0.1, 0.3, abnormal="below"), 3.0),
        (LimitCheck("x", 0.0, 0.3, abnormal="below"), MAX_SEVERITY),
        (LimitCheck("x", -1.0, 0.3, abnormal="below"), MAX_SEVERITY),
        (LimitCheck("x", 0.6, 0.3, abnormal="below"), 0.5),
        (LimitCheck("x", 0.995, 0.99, 1.0, "above"), 2.0),  # half the errors
        (LimitCheck("x", 0.98, 0.99, 1.0, "above"), 0.5),
        (LimitCheck("x", 0.9, 0.7, 0.5), 2.0),  # twice as far from chance
        (LimitCheck("x", 0.2, 0.7, 0.5), 0.0),  # on the other side of it
        (LimitCheck("x", 0.2, 0.6, 1.0, "below"), 2.0),
        (LimitCheck("x", 1.3, 0.6, 1.0, "below"), 0.0),
        (LimitCheck("x", -14.0, -7.0, abnormal="below"), 2.0),
        (LimitCheck("x", 14.0, -7.0, abnormal="below"), 0.0),
        (LimitCheck("x", 1e3, 1e3, log_scale=True), 1.0),
        (LimitCheck("x", 1e5, 1e3, log_scale=True), 3.0),  # two factors of ten
        (LimitCheck("x", 1e2, 1e3, log_scale=True), 0.0),
        (LimitCheck("x", 1e-6, 1e-4, abnormal="below", log_scale=True), 3.0),
        (LimitCheck("x", 0.0, 1e-4, abnormal="below", log_scale=True), MAX_SEVERITY),
        (LimitCheck("x", 0.0, 1e-4, log_scale=True), 0.0),
    ],
)
def test_severity_is_the_distance_from_the_origin_in_limits(
    signal: LimitCheck, severity: float
) -> None:
    assert signal.severity == pytest.approx(severity)


@settings(max_examples=300)
@given(
    st.floats(-1e100, 1e100),
    st.floats(-1e100, 1e100),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.booleans(),
    st.booleans(),
)
def test_severity_and_the_normal_range_agree(
    value: float, limit: float, origin: float, nearer: bool, decades: bool
) -> None:
    """Strength above 1 is on the wrong side of the limit, below 1 on the right one."""
    if limit == origin:
        return
    signal = LimitCheck("x", value, limit, origin, nearer, decades)
    assert 0 <= signal.severity <= MAX_SEVERITY
    normal_is_below = signal.measurement.normal.startswith("below")
    if signal.severity > 1.001:
        assert (value > limit) is normal_is_below
    if signal.severity < 0.999:
        assert (value < limit) is normal_is_below


def test_condition_is_as_severe_as_its_least_severe_check() -> None:
    weak, strong = LimitCheck("a", 1.1, 1.0), LimitCheck("b", 5.0, 1.0)
    together = Condition("", (weak, strong), ())
    assert together.severity == pytest.approx(1.1)
    assert [m.name for m in together.numbers] == ["a", "b"]
    assert condition("", (), weak, None) is None
    assert most_severe(None, together, Condition("", (strong,), ())) == Condition("", (strong,), ())
    assert most_severe(None, None) is None


def test_rule_input_reads_no_later_record() -> None:
    evidence = probed(*[float(n) for n in range(8)])
    current = RuleInput(evidence, 5)
    assert current.value("probe/x") == 5
    assert current.before("probe/x", 3) == [4, 3, 2]
    assert current.mean("probe/x", 3) == 4
    assert current.mean("probe/x", 7) is None
    assert current.usual("probe/x") == 2
    assert RuleInput(evidence, 4).usual("probe/x") is None
    assert [RuleInput(evidence, n).is_last for n in range(8)] == [False] * 7 + [True]
    assert current.steps == pytest.approx((after(0) + 5 * STEP) / BATCH)


def test_a_healthy_run_is_evaluated_at_its_last_records_only() -> None:
    """A healthy run is evaluated from its end: a rule stops where the symptom was over."""
    count = itertools.count()

    def evaluate(current: RuleInput) -> Condition | None:
        next(count)
        return condition("It is so.", (), current.above("probe/x", 1.0))

    assert replace(RULE, evaluate=evaluate)(probed(*[0.5] * 1_000)) is None
    assert next(count) == Thresholds().recovery
