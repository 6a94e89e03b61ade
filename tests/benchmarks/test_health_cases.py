"""The health benchmark: what it trains, and how it counts, on results written by hand."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import runpy
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from ganvas.data.preparation import prepare
from ganvas.data.sources import open_source
from ganvas.health.evidence import Evidence
from ganvas.health.finding import Finding
from ganvas.health.rules import RULES
from ganvas.health.rules.condition import Condition, RuleInput, condition
from ganvas.health.rules.rule import Rule
from ganvas.health.thresholds import Thresholds
from ganvas.networks import DISCRIMINATORS, GENERATORS, Dimensions, ImageShape
from ganvas.recipes import CATALOG, Recipe
from ganvas.recipes.files import checked
from ganvas.runs.labels import with_labels
from tests.builders.histories import HEALTHY, written
from tests.builders.symptoms import SICK
from tests.builders.tiny import fill_zero_weights, tiny_data, tiny_recipe

FOLDER = Path(__file__).parents[2] / "benchmarks" / "health"
MODULES = (
    *("networks", "bases", "cases", "tables", "running", "replay"),
    *("score_rules", "calibrate", "page"),
)
Bench = dict[str, ModuleType]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """The benchmark's modules by name. Its networks are known to nobody else afterwards."""
    tables = [(table, dict(table)) for table in (GENERATORS, DISCRIMINATORS)]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield {name: importlib.import_module(name) for name in MODULES}
        for name in MODULES:
            del sys.modules[name]
    for table, known in tables:
        table.clear()
        table.update(known)


@pytest.fixture(scope="module")
def every(bench: Bench) -> list[Any]:
    """Every case."""
    found: list[Any] = bench["cases"].every_case()
    return found


# -- What is trained -----------------------------------------------------------------------------


def test_there_are_enough_runs_of_enough_kinds(bench: Bench, every: list[Any]) -> None:
    kinds, healthy = bench["cases"].KINDS, [case for case in every if case.is_healthy]
    assert len(kinds) >= 10
    assert len(healthy) >= 60
    assert len(every) - len(healthy) >= 60
    assert len({case.name for case in every}) == len(every)
    for name in CATALOG:
        seeds = [c.seed for c in healthy if bench["bases"].BASES[c.base].recipe == name]
        assert len(set(seeds)) >= 4, name
    for kind, row in kinds.items():
        ours = [case for case in every if case.kind == kind]
        assert len({case.seed for case in ours}) >= 5
        for parity in (0, 1):
            bases = {case.base for case in ours if case.seed % 2 == parity}
            assert bases == set(row.bases), (kind, parity)


def test_every_sabotaged_run_has_healthy_ones_of_its_base(bench: Bench, every: list[Any]) -> None:
    healthy = Counter(case.base for case in every if case.is_healthy)
    assert healthy == dict.fromkeys(bench["bases"].BASES, 4)
    assert {case.base for case in every} == set(healthy)


def test_the_plan_fits_its_time(every: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    scoring = main_of(monkeypatch)["SCORING_SECONDS"]
    assert sum(case.seconds + scoring for case in every) / 2 < 100 * 60
    assert all(case.seconds + scoring < 120 for case in every)


@pytest.mark.parametrize(
    ("base", "images", "found"),
    [
        ("dcgan-16", 56_000, (15, 15)),
        ("style", 6_400, (5, 15)),  # 200 updates: the rules from 30 on alone
        ("r3gan", 9_600, (5, 15)),  # those from 300 on are evaluated once, at the end
        ("r3gan", 10_464, (10, 15)),
        ("resnet-paper", 2_560, (2, 14)),  # 8 updates
    ],
)
def test_a_short_run_can_find_few_symptoms(
    bench: Bench, base: str, images: int, found: tuple[int, int]
) -> None:
    bases = bench["bases"]
    recipe = bases.with_budget(bases.BASES[base].build(), images, bases.BASES[base].looks)
    assert bases.symptoms_checked(recipe) == found


def test_every_recipe_is_valid_and_is_read_again(every: list[Any]) -> None:
    for case in {(case.kind, case.base): case for case in every}.values():
        assert checked(case.recipe) == case.recipe, case.name
        seen = case.recipe.images / case.recipe.intervals.probes
        assert seen >= 4, case.name


def test_a_sabotage_keeps_budget_size_and_intervals(bench: Bench, every: list[Any]) -> None:
    for case in every:
        healthy = bench["cases"].healthy_case(case.base, case.seed).recipe
        for name in ("images", "batch", "discriminator_steps", "intervals", "ema_half_life"):
            assert getattr(case.recipe, name) == getattr(healthy, name), case.name
        assert case.recipe.data.size == healthy.data.size
        if not case.is_healthy:
            assert dataclasses.replace(case.recipe, name=healthy.name) != healthy, case.name


def test_symptoms_are_those_of_the_rules(bench: Bench) -> None:
    for kind, row in bench["cases"].KINDS.items():
        assert row.symptoms, kind
        assert set(row.symptoms) <= set(RULES), kind
        assert len(row.symptoms) <= 3, kind


def test_shown_by_scores_are_measured_of_runs_and_counterparts(every: list[Any]) -> None:
    families = {"coverage-lite0": "prdc-lite0", "high-quality": "modes", "reverse-kl": "modes"}
    points, pictures = {"high-quality", "reverse-kl"}, {"fd-lite0", "coverage-lite0"}
    for case in every:
        if not case.is_healthy:
            shown_by = set(sys.modules["cases"].KINDS[case.kind].shown_by)
            meant = shown_by - (pictures if case.recipe.data.size == (1, 1) else points)
            assert meant, case.name
            for metric in meant:
                assert families.get(metric, metric) in case.metrics, (case.name, metric)


def test_some_sabotages_have_the_expected_values(bench: Bench) -> None:
    cases = bench["cases"]
    fast = cases.sabotaged_case("fast-generator", 0).recipe
    usual = cases.healthy_case("points-modern", 0).recipe
    assert fast.generator.learning_rate == pytest.approx(30 * usual.generator.learning_rate)
    assert fast.discriminator.learning_rate == usual.discriminator.learning_rate
    assert cases.sabotaged_case("tiny-clip", 1).recipe.objective.clip_weights == 1e-4
    assert cases.sabotaged_case("huge-clip", 1).recipe.objective.clip_weights == 10.0
    wide = cases.sabotaged_case("wide-discriminator", 0).recipe
    assert wide.discriminator.network.width == 16 * wide.generator.network.width
    narrow = cases.sabotaged_case("tiny-discriminator", 2).recipe.discriminator.network
    assert (narrow.name, narrow.width) == ("resnet", 1)


def test_cases_are_selected_by_kind_base_and_seed(bench: Bench, every: list[Any]) -> None:
    chosen = bench["cases"].select
    names = [case.name for case in chosen(every, ["wgan", "tiny-clip"], [0, 1])]
    assert names == [
        *("healthy-wgan-0", "tiny-clip-wgan-0"),
        *("healthy-wgan-1", "tiny-clip-wgan-1"),
    ]
    assert chosen(every, [], []) == every


# -- Networks --------------------------------------------------------------------------------------


def test_networks_make_and_judge_images(bench: Bench) -> None:
    dimensions = Dimensions(ImageShape(1, 16, 16), 6)
    generator = bench["networks"].ThreeTapGenerator(width=4).build(dimensions)
    discriminator = bench["networks"].HalfPrecisionDiscriminator(width=4).build(dimensions)
    images = generator(torch.randn(5, 6))
    assert images.shape == (5, 1, 16, 16)
    assert images.abs().max() <= 1
    assert discriminator(images).shape == (5,)


def test_three_taps_overlap_unevenly(bench: Bench) -> None:
    dimensions = Dimensions(ImageShape(1, 16, 16), 6)
    generator = bench["networks"].ThreeTapGenerator(width=4).build(dimensions)
    last = generator.image[0]
    assert last.kernel_size == (3, 3)
    torch.nn.init.ones_(last.weight)
    with torch.no_grad():
        drawn = last(torch.ones(1, 4, 8, 8))[0, 0, 2:-2, 2:-2] / 4
    # Equal inputs and weights: each pixel counts its taps, and Odena 2016 draws them 1, 2, 4.
    assert drawn[0, :4].tolist() == [1, 2, 1, 2]
    assert drawn[1, :4].tolist() == [2, 4, 2, 4]


def test_constant_latents_leave_one_image_for_each_label(bench: Bench) -> None:
    network = bench["networks"].ConstantLatentsGenerator(width=4, conditioning="shared")
    dimensions = Dimensions(ImageShape(1, 16, 16), 6, num_labels=3)
    generator = fill_zero_weights(network.build(dimensions)).eval()
    labels = torch.tensor([0, 1, 2, 0])
    with torch.no_grad():
        images = generator(torch.randn(4, 6), labels)
        again = generator(torch.randn(4, 6), labels)
    assert torch.equal(images, again)
    assert torch.equal(images[0], images[3])
    assert not torch.allclose(images[0], images[1])


def test_the_sabotages_of_labels_have_the_expected_values(bench: Bench) -> None:
    """`data.labels` "on" would give the labels back to the discriminator when the run starts."""
    cases = bench["cases"]
    blind = cases.sabotaged_case("unlabelled-discriminator", 0).recipe
    data = dataclasses.replace(tiny_data(12), labels=np.arange(12) % 3, label_names=("a", "b", "c"))
    started, _ = with_labels(blind, data)
    assert started.generator.network.uses_labels
    assert not started.discriminator.network.uses_labels
    usual = cases.healthy_case("dcgan-conditional", 0).recipe
    without = dataclasses.replace(usual.discriminator.network, conditioning="none")
    assert blind.discriminator.network == without
    constant = cases.sabotaged_case("constant-latents", 0).recipe.generator.network
    assert vars(constant) == vars(usual.generator.network)


def test_half_precision_overflows_beyond_its_range(bench: Bench) -> None:
    layer = bench["networks"].HalfPrecision(scale=8.0)
    logits = torch.tensor([0.1, 65_504 / 8, 65_536 / 8], requires_grad=True)
    held = layer(logits)
    assert held[0].item() == pytest.approx(0.1, rel=2**-11)
    assert held[1].item() == 65_504 / 8
    assert torch.isinf(held[2])
    held[:2].sum().backward()
    assert logits.grad is not None
    assert logits.grad.tolist() == [1, 1, 0]


# -- Training, scoring, keeping --------------------------------------------------------------------


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where prepared data lies, for all tests of this file."""
    return tmp_path_factory.mktemp("cache")


def test_few_images_keep_the_usual_held_out_images(
    bench: Bench, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANVAS_CACHE", str(cache))
    case = bench["cases"].sabotaged_case("few-images", 2)
    path = bench["running"].data_of(case, tmp_path)
    few = prepare(open_source(path), case.recipe.data)
    usual = bench["cases"].healthy_case("lsgan", 2).recipe.data
    whole = prepare(open_source("fashion"), usual)
    assert len(few.training) == 100
    assert rows(few.images[few.held_out]) == rows(whole.images[whole.held_out])
    assert rows(few.images[few.training]) < rows(whole.images[whole.training])


def rows(images: np.ndarray[Any, Any]) -> set[bytes]:
    return {image.tobytes() for image in images}


@pytest.fixture
def points(bench: Bench, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A tiny case on points."""
    monkeypatch.setenv("GANVAS_CACHE", str(cache))
    return bench["cases"].quick(bench["cases"].healthy_case("points-modern", 0))


def test_a_finished_case_is_not_run_again(bench: Bench, points: Any, tmp_path: Path) -> None:
    running = bench["running"]
    assert running.read_result(tmp_path, points) is None
    result = running.run_case(points, tmp_path)
    assert (result.status, result.images_seen) == ("finished", points.recipe.images)
    assert set(result.scores) == {"modes", "reverse-kl", "high-quality"}
    assert running.read_result(tmp_path, points) == result
    # Another budget in the table of cases makes it another run.
    longer = dataclasses.replace(points.recipe, images=2 * points.recipe.images)
    other = dataclasses.replace(points, recipe=longer)
    assert running.read_result(tmp_path, other) is None
    assert running.run_case(other, tmp_path).images_seen == 2 * points.recipe.images


def test_a_killed_run_is_resumed(bench: Bench, points: Any, tmp_path: Path) -> None:
    running = bench["running"]
    first = running.run_case(points, tmp_path)
    running.result_path(tmp_path, points.name).unlink()
    run = importlib.import_module("ganvas").Run.open(running.run_path(tmp_path, points.name))
    run.write_status("running", 0)  # as a kill before the first checkpoint leaves it
    again = running.run_case(points, tmp_path)
    assert (again.status, again.scores) == (first.status, first.scores)


def test_a_divergence_is_a_result_and_a_finding(
    bench: Bench, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANVAS_CACHE", str(cache))
    case = bench["cases"].quick(bench["cases"].healthy_case("dcgan-narrow", 0))
    at_once = bench["networks"].HalfPrecisionDiscriminator(width=4, norm="batch", scale=10**9)
    recipe = case.recipe.with_networks(discriminator=at_once)
    recipe = dataclasses.replace(recipe, name="half-precision")
    case = dataclasses.replace(case, kind="half-precision", recipe=recipe)
    result = bench["running"].run_case(case, tmp_path)
    assert (result.status, result.scores) == ("diverged", {})
    assert "not" in result.reason
    run = importlib.import_module("ganvas").Run.open(tmp_path / "runs" / case.name)
    timeline = bench["replay"].replay_run(run, Thresholds())
    scored = bench["score_rules"].score_run(result, timeline, [])
    assert scored.failed
    assert scored.names_cause(scored.outputs["failing"].symptom)


# -- What is a failure -----------------------------------------------------------------------------


def test_times_worse_is_the_ratio_with_the_worst_counterpart(bench: Bench) -> None:
    times_worse = bench["score_rules"].times_worse
    assert times_worse("fd-lite0", 130.0, [90.0, 100.0]) == pytest.approx(1.3)
    assert times_worse("swd/32x32", 30.0, [40.0, 20.0]) == pytest.approx(0.75)
    assert times_worse("coverage-lite0", 0.4, [0.5, 0.6]) == pytest.approx(1.25)
    assert times_worse("coverage-lite0", 0.0, [0.5]) == float("inf")
    assert times_worse("coverage-lite0", 0.0, [0.0]) == 1.0
    # Real images score 0.05: that 0.06 is six times the counterpart's 0.01 is no memorising.
    assert times_worse("memorised-lite0", 0.06, [0.0, 0.01]) == pytest.approx(1.2)


def result_of(bench: Bench, kind: str, seed: int = 0, **changes: Any) -> Any:
    """A result by hand."""
    fields: dict[str, Any] = {
        "name": f"{kind}-wgan-{seed}",
        "kind": kind,
        "base": "wgan",
        "seed": seed,
        "status": "finished",
        "reason": "",
        "images_seen": 1_000,
        "scores": {"fd-lite0": 100.0, "coverage-lite0": 0.5},
        "training_seconds": 1.0,
        "scoring_seconds": 1.0,
        "recipe": {"images": 1_000},
    }
    return bench["running"].Result(**{**fields, **changes})


@pytest.mark.parametrize(
    ("scores", "status", "failed"),
    [
        ({"fd-lite0": 124.0, "coverage-lite0": 0.41}, "finished", False),
        ({"fd-lite0": 126.0, "coverage-lite0": 0.50}, "finished", True),
        ({"fd-lite0": 90.0, "coverage-lite0": 0.39}, "finished", True),
        ({}, "finished", False),
        ({}, "diverged", True),
    ],
)
def test_a_failure_is_worse_than_the_worst_healthy_seed(
    bench: Bench, scores: dict[str, float], status: str, failed: bool
) -> None:
    better = result_of(bench, "healthy", 1, scores={"fd-lite0": 60.0, "coverage-lite0": 0.7})
    healthy = [result_of(bench, "healthy"), better]
    sabotaged = result_of(bench, "tiny-clip", scores=scores, status=status)
    silent = bench["replay"].Timeline(())
    assert bench["score_rules"].score_run(sabotaged, silent, healthy).failed is failed


# -- What was said ---------------------------------------------------------------------------------


def finding(symptom: str, verdict: Any) -> Finding:
    return Finding(symptom, verdict, 0.5, 0, (), "", (), "")


def test_replay_applies_rules_at_each_probed_record(bench: Bench) -> None:
    seen: list[tuple[int, str, int]] = []

    def rules(evidence: Evidence) -> list[Finding]:
        seen.append((len(evidence.records), evidence.stopped, len(evidence.scores)))
        if evidence.stopped:
            return [finding("diverging", "failing")]
        level = evidence.records[-1]["probe/level"]
        return [finding("oscillation", "watch")] if level == 1 else []

    records = [
        {"images_seen": 10, "probe/level": 0},
        {"images_seen": 20, "generator/loss/adversarial": 1.0},
        {"images_seen": 30, "probe/level": 1},
        {"images_seen": 40, "probe/level": 0},
    ]
    evidence = Evidence(tuple(records), tiny_recipe())
    timeline = bench["replay"].replay(evidence, 40, rules)
    assert seen == [(1, "", 0), (3, "", 0), (4, "", 0)]
    assert [step.images_seen for step in timeline.steps] == [10, 30, 40]
    output = timeline.output("watch")
    assert (output.at, output.symptom) == (30, "oscillation")  # although it healed
    assert timeline.output("failing") == bench["replay"].RuleOutput()
    seen.clear()
    stopped = dataclasses.replace(evidence, stopped="generator: loss became infinite")
    end = bench["replay"].replay(stopped, 45, rules).steps[-1]
    assert seen[-1] == (4, "generator: loss became infinite", 0)
    assert (end.images_seen, end.findings) == (45, (("diverging", "failing"),))


def test_keeping_a_finding_changes_neither_recall_nor_alarms_nor_when_or_what_first(
    bench: Bench,
) -> None:
    """Histories that are sick, healthy, and sick again, with the limits of ganvas and of here."""
    replay, kept_longer = bench["replay"].replay, 0
    cases = [case for case in SICK.values() if not case.stopped][::4]
    for case in cases:
        sick, healthy = case.evidence, written(case.evidence.recipe, HEALTHY[case.recipe])
        parts = (sick.records[18:], healthy[12:16], sick.records[20:])
        every = sick.records[1]["images_seen"] - sick.records[0]["images_seen"]
        joined = itertools.chain.from_iterable(parts)
        records = tuple({**r, "images_seen": every * n} for n, r in enumerate(joined, 19))
        usual = dataclasses.replace(sick, records=records)
        strict = dataclasses.replace(usual, thresholds=bench["replay"].WHILE_PRESENT)
        both = [replay(evidence, records[-1]["images_seen"]) for evidence in (usual, strict)]
        for level in ("watch", "failing"):
            first, second = (timeline.output(level) for timeline in both)
            assert (first.at, first.first_symptom) == (second.at, second.first_symptom)
        kept_longer += both[0] != both[1]
    assert kept_longer > len(cases) / 2, "else this tests nothing"


def test_output_names_the_last_and_the_first_symptom(bench: Bench) -> None:
    replay = bench["replay"]
    timeline = replay.Timeline(
        (
            replay.ReplayStep(10, ()),
            replay.ReplayStep(20, (("oscillation", "watch"),)),
            replay.ReplayStep(30, (("mode-collapse", "failing"), ("oscillation", "watch"))),
            replay.ReplayStep(40, (("clip-too-small", "watch"), ("mode-collapse", "failing"))),
            replay.ReplayStep(50, (("oscillation", "watch"),)),
        )
    )
    assert timeline.output("watch") == replay.RuleOutput(20, "oscillation", "oscillation")
    assert timeline.output("failing") == replay.RuleOutput(30, "clip-too-small", "mode-collapse")


@pytest.fixture(scope="module")
def scored(bench: Bench) -> list[Any]:
    """Runs of odd seeds by hand: what was done, whether it failed, what was said and when."""
    return [
        spoken(bench, "tiny-clip", 1, True, ("clip-too-small", 100, "failing")),
        spoken(bench, "tiny-clip", 3, True, ("mode-collapse", 300, "failing")),
        spoken(bench, "tiny-clip", 5, False, ("clip-too-small", 100, "failing")),
        spoken(bench, "two-latents", 1, True, ("partial-collapse", 500, "watch")),
        spoken(bench, "two-latents", 3, True, None),
        spoken(bench, "healthy", 1, False, None),
        spoken(bench, "healthy", 3, False, ("oscillation", 400, "watch")),
        spoken(bench, "healthy", 5, False, ("oscillation", 400, "failing")),
        spoken(bench, "healthy", 7, False, None),
    ]


def spoken(bench: Bench, kind: str, seed: int, failed: bool, said: Any) -> Any:
    outputs = {level: bench["replay"].RuleOutput() for level in ("watch", "failing")}
    if said is not None:
        symptom, at, verdict = said
        for level in ("watch", verdict):
            outputs[level] = bench["replay"].RuleOutput(at, symptom, symptom)
    return bench["score_rules"].ScoredRun(
        name=f"{kind}-wgan-{seed}",
        kind=kind,
        base="wgan",
        seed=seed,
        images=1_000,
        worse={} if kind == "healthy" else {"fd-lite0": 2.0 if failed else 1.1},
        failed=failed,
        outputs=outputs,
    )


def test_recall_counts_only_failures(bench: Bench, scored: list[Any]) -> None:
    scoring = bench["score_rules"]
    failures = scoring.failures(scored)
    assert len(failures) == 4
    assert scoring.detected(failures, "failing") == scoring.Rate(2, 4)
    assert scoring.detected(failures, "watch") == scoring.Rate(3, 4)
    assert scoring.correctly_named(failures, "failing") == scoring.Rate(1, 4)
    assert scoring.correctly_named(failures, "watch") == scoring.Rate(2, 4)
    assert scoring.worst_recall(scored, "failing") == ("two-latents", scoring.Rate(0, 2))
    assert scoring.worst_recall(scored, "watch") == ("two-latents", scoring.Rate(1, 2))
    assert scoring.time_to_finding(failures, "watch") == (300, 100, 500)
    assert scoring.time_to_finding(scoring.failures(scored, "few-images"), "watch") is None


def test_false_alarms_count_only_healthy_runs(bench: Bench, scored: list[Any]) -> None:
    scoring = bench["score_rules"]
    healthy = scoring.healthy(scored)
    assert scoring.detected(healthy, "failing") == scoring.Rate(1, 4)
    assert scoring.detected(healthy, "watch") == scoring.Rate(2, 4)
    assert scoring.healthy(scored, "dcgan") == []
    # Wilson 1927 by hand for 1 of 4: (1/4 + z^2/8 -+ z sqrt(3/64 + z^2/64)) / (1 + z^2/4).
    low, high = scoring.Rate(1, 4).interval
    assert (low, high) == pytest.approx((0.0456, 0.6994), abs=1e-4)


def test_the_confusion_of_kinds_and_symptoms(bench: Bench, scored: list[Any]) -> None:
    counted = bench["score_rules"].confusion(scored, "watch")
    assert counted["tiny-clip"] == {"clip-too-small": 1, "mode-collapse": 1}
    assert counted["two-latents"] == {"partial-collapse": 1, "nothing": 1}
    assert counted["healthy"] == {"oscillation": 2, "nothing": 2}
    assert counted["few-images"] == {}
    rows, columns, counts = bench["page"].matrix(scored)
    assert rows == ["tiny-clip", "two-latents", "healthy"]
    assert columns[-1] == "nothing"
    assert [sum(row) for row in counts] == [2, 2, 4]
    assert counts[0][columns.index("mode-collapse")] == 1


def test_halves_are_even_and_odd_seeds(bench: Bench, scored: list[Any]) -> None:
    even = dataclasses.replace(scored[0], seed=2)
    half = bench["score_rules"].half
    assert half([even, *scored], calibration=True) == [even]
    assert half([even, *scored], calibration=False) == scored


def test_the_page_lists_targets_misses_and_false_alarms(bench: Bench, scored: list[Any]) -> None:
    text = bench["page"].page_of(scored, [], "health.png")
    lines = text.splitlines()
    assert "| recall | failing | 50% (2 of 4) | 15% to 85% | >= 95%: MISSED | - |" in lines
    assert "| false alarms | any finding | 50% (2 of 4) | 15% to 85% | <= 5%: MISSED | - |" in lines
    assert (
        "| least recall of a kind | watch | 50% (1 of 2), two-latents |  | >= 80%: MISSED | - |"
        in [line.replace("any finding", "watch") for line in lines]
    )
    assert "- **no failure, left out**: tiny-clip-wgan-5 (fd-lite0 x 1.10)" in lines
    assert "- **missed**: two-latents-wgan-3" in lines
    assert "- **found, but never failing**: two-latents-wgan-1" in lines
    wrong = "- **another symptom first**: tiny-clip-wgan-3: mode-collapse, from 300 images on"
    assert wrong in lines
    cried = "- **healthy but called failing**: healthy-wgan-5: oscillation, from 400 images on"
    assert cried in lines
    assert "![" in text


def test_the_confusion_matrix_is_drawn(bench: Bench, scored: list[Any], tmp_path: Path) -> None:
    picture = bench["page"]
    path = tmp_path / "folder" / "health.png"
    picture.write_confusion(path, *bench["page"].matrix(scored))
    assert path.read_bytes().startswith(b"\x89PNG")
    assert picture.is_right("tiny-clip", "clip-too-small")
    assert not picture.is_right("tiny-clip", "nothing")
    assert picture.is_right("healthy", "nothing")


@pytest.mark.usefixtures("bench")
def test_runs_of_calibration_alone_have_a_page_without_a_picture(tmp_path: Path) -> None:
    program = runpy.run_path(str(FOLDER / "__main__.py"), run_name="program")
    program["write_report"]([], tmp_path, tmp_path / "page")
    assert [path.name for path in (tmp_path / "page").iterdir()] == ["health.md"]
    assert "![" not in (tmp_path / "page" / "health.md").read_text()


# -- Setting thresholds ----------------------------------------------------------------------------


def distance_condition(current: RuleInput) -> Condition | None:
    """A rule of two signals: distance small, and something else large."""
    limits = current.thresholds
    return condition(
        "",
        (),
        current.below("probe/distance", limits.collapsed_distance),
        current.above("probe/memory", limits.memorised, 0.5),
    )


TWO_SIGNALS = Rule(
    "clip-too-small", "", distance_condition, ("probe/distance", "probe/memory"), phase="any"
)


def history(distances: list[float], memory: float, recipe: Recipe) -> Evidence:
    records = [
        {"images_seen": 10 * (i + 1), "probe/distance": value, "probe/memory": memory}
        for i, value in enumerate(distances)
    ]
    return Evidence(tuple(records), recipe)


def test_readings_are_the_less_severe_of_two_in_a_row(bench: Bench) -> None:
    calibrate = bench["calibrate"]
    evidence = history([0.9, 0.1, 0.6, 0.5, 0.8], 0.9, tiny_recipe())
    found = {
        reading.threshold: reading
        for reading in calibrate.readings("run", "healthy", evidence, [TWO_SIGNALS])
    }
    assert set(found) == {"(rule)", "collapsed_distance", "memorised"}
    # The single look at 0.1 is beside 0.6: patience wants two.
    assert found["collapsed_distance"].value == 0.6
    assert found["collapsed_distance"].severity == pytest.approx(0.5)
    assert found["(rule)"].severity == pytest.approx(0.5)
    assert found["memorised"].severity == pytest.approx(2.0)


def test_a_limit_between_healthy_runs_and_failures_is_proposed(bench: Bench) -> None:
    calibrate = bench["calibrate"]
    runs = {
        "healthy-a": ("healthy", history([0.9, 0.8, 0.8], 0.6, tiny_recipe())),
        "healthy-b": ("healthy", history([1.0, 0.9], 0.55, tiny_recipe())),
        "fail-a": ("tiny-clip", history([0.2, 0.2], 0.9, tiny_recipe())),
        "fail-b": ("tiny-clip", history([0.1, 0.1], 0.6, tiny_recipe())),
        "no-failure": ("tiny-clip", history([0.9, 0.9], 0.5, tiny_recipe())),
        "other-cause": ("few-images", history([0.9, 0.9], 0.5, tiny_recipe())),
    }
    found = [
        reading
        for name, (kind, evidence) in runs.items()
        for reading in calibrate.readings(name, kind, evidence, [TWO_SIGNALS])
    ]
    lines = calibrate.lines(found, ["fail-a", "fail-b", "other-cause"], Thresholds())
    by_name = {line.threshold: line for line in lines}
    distance = by_name["collapsed_distance"]
    assert distance.worst_healthy.run == "healthy-a"
    assert distance.weakest_failure.run == "fail-a"
    assert distance.proposal == pytest.approx((0.8 * 0.2) ** 0.5)
    # The worst healthy run remembers as much as the weakest failure.
    assert by_name["memorised"].proposal is None
    assert lines[0].threshold == "(rule)"
    text = calibrate.table(lines)
    assert "| collapsed_distance | probe/distance | 0.3 |" in text
    assert "**0.4**" in text
    assert "overlap" in text


def test_the_mean_of_two_distances_is_taken_from_the_origin(bench: Bench) -> None:
    between = bench["calibrate"].between
    assert between(0.51, 0.9, 0.5) == pytest.approx(0.5 + 0.0632, abs=1e-4)
    assert between(0.9, 0.99, 1.0) == pytest.approx(1 - (0.1 * 0.01) ** 0.5)
    assert between(1e2, 1e4, 0.0) == pytest.approx(1e3)
    assert between(0.4, 0.9, 0.5) is None  # the healthy run lies on the other side


def test_each_tagged_limit_identifies_its_field(bench: Bench) -> None:
    limits, names = bench["calibrate"].tagged(Thresholds())
    floats = [f.name for f in dataclasses.fields(limits) if f.type == "float"]
    assert sorted(names.values()) == sorted(floats)
    for name in floats:
        assert getattr(limits, name) == pytest.approx(getattr(Thresholds(), name), rel=1e-6)


# -- The command -----------------------------------------------------------------------------------


def main_of(monkeypatch: pytest.MonkeyPatch, *words: str) -> dict[str, Any]:
    monkeypatch.setattr(sys, "argv", ["health", *words])
    return runpy.run_path(str(FOLDER), run_name="health")


def test_the_plan_is_printed_and_nothing_trained(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = main_of(monkeypatch, "--plan", "--only", "few-images", "--seeds", "0,1,2")["main"]
    assert main() == 0
    printed = capsys.readouterr().out
    assert "| few-images | dcgan-16 | 2 | 0 | 56,000 | 15 of 15 |" in printed
    assert "0 healthy and 3 sabotaged runs" in printed


def test_the_command_needs_a_folder(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = main_of(monkeypatch)["main"]
    with pytest.raises(SystemExit):
        main()
    assert "name a folder for the runs" in capsys.readouterr().err
