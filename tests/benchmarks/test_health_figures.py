"""The pictures of symptoms: which run is chosen, what is drawn of it, on runs written by hand."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganvas.drawing.grids import make_grid
from ganvas.health.evidence import Evidence
from ganvas.health.rules import RULES
from ganvas.health.rules.condition import Condition, LimitCheck
from ganvas.networks import DISCRIMINATORS, GENERATORS
from ganvas.recipes import CATALOG
from ganvas.recipes.files import checked
from tests.builders.tiny import tiny_recipe

FOLDER = Path(__file__).parents[2] / "benchmarks" / "health"
MODULES = (
    *("networks", "bases", "cases", "running", "replay"),
    *("curves", "panels", "figures", "symptom_runs", "render_symptoms"),
)
Bench = dict[str, ModuleType]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """The modules by name. Their networks are known to nobody else afterwards."""
    tables = [(table, dict(table)) for table in (GENERATORS, DISCRIMINATORS)]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield {name: importlib.import_module(name) for name in MODULES}
        for name in MODULES:
            del sys.modules[name]
    for table, known in tables:
        table.clear()
        table.update(known)


def told(bench: Bench, *looks: tuple[str, ...]) -> Any:
    """A timeline of looks at 1,000, 2,000, ... images, each with the symptoms named there."""
    step, line = bench["replay"].ReplayStep, bench["replay"].Timeline
    return line(
        tuple(
            step(1_000 * (index + 1), tuple((symptom, "watch") for symptom in symptoms))
            for index, symptoms in enumerate(looks)
        )
    )


# -- Which run -----------------------------------------------------------------------------------


def test_clarity_is_highest_where_a_symptom_is_first_at_the_end(bench: Bench) -> None:
    clarity = bench["curves"].clarity
    ranked = [
        told(bench, ("a",), ("a", "b")),
        told(bench, ("b", "a"), ("b",)),
        told(bench, ("b",), ("b", "a")),
        told(bench, ("a",), ("b",)),
        told(bench, ("b",), ("a",)),
    ]
    found = [clarity(line, "a") for line in ranked]
    assert found == [4, 1, 2, 3, 4]
    assert clarity(told(bench, ("b",), ()), "a") == 0


def test_shown_at_is_the_last_step_with_the_symptom_first(bench: Bench) -> None:
    shown_at = bench["curves"].shown_at
    assert shown_at(told(bench, ("a",), ("a",), ("b", "a")), "a") == 2_000
    assert shown_at(told(bench, ("b", "a"), ("b", "a"), ("b",)), "a") == 2_000


def test_found_at_is_the_start_of_the_steps_in_a_row(bench: Bench) -> None:
    line = told(bench, ("a",), (), ("a",), ("b", "a"), ("a",), ())
    assert bench["curves"].found_at(line, "a", 5_000) == 3_000
    assert bench["curves"].found_at(line, "a", 1_000) == 1_000


def test_of_equally_clear_runs_the_one_made_for_the_symptom_is_chosen(bench: Bench) -> None:
    candidate, clearest = bench["render_symptoms"].Candidate, bench["render_symptoms"].clearest

    def run(wanted: str, *looks: tuple[str, ...]) -> Any:
        return candidate("", wanted, None, None, None, told(bench, *looks))

    beside, other, made, again = (
        *(run("a", ("b", "a")), run("b", ("a",))),
        *(run("a", ("a",)), run("a", ("a",))),
    )
    assert clearest("a", [beside, other, made, again]) is made
    assert clearest("a", [beside, other]) is other
    assert clearest("c", [beside, other, made]) is None
    assert clearest("a", []) is None


# -- The number ----------------------------------------------------------------------------------


def evidence(column: str, *values: float) -> Evidence:
    """Looks at 32,000, 64,000, ... images with one column."""
    records = tuple(
        {"images_seen": 32_000 * (index + 1), column: value} for index, value in enumerate(values)
    )
    return Evidence(records=records, recipe=tiny_recipe())


def test_the_least_severe_check_decides(bench: Bench) -> None:
    weak, strong = LimitCheck("weak", 1.2, 1.0), LimitCheck("strong", 5.0, 1.0)
    assert bench["curves"].deciding(Condition("", (strong, weak), ())) is weak
    assert bench["curves"].deciding(Condition("", (), (), is_certain=True)) is None


def test_of_two_limits_of_one_column_the_stricter_counts(bench: Bench) -> None:
    loose, strict = LimitCheck("lag", 2.0, 0.5), LimitCheck("lag", 2.0, 1.5)
    other = LimitCheck("movement", 2.0, 9.0)
    assert (
        bench["curves"].strictest_check(Condition("", (loose, strict, other), ()), loose) is strict
    )
    assert bench["curves"].strictest_check(Condition("", (other,), ()), loose) is None


def test_of_a_watch_and_a_failing_limit_the_looser_is_drawn(bench: Bench) -> None:
    loosest = bench["curves"].loosest
    assert loosest(((1, 0.03), (2, 0.1)), alarms_above=True) == ((1, 0.03), (2, 0.03))
    assert loosest(((1, 0.03), (2, 0.1)), alarms_above=False) == ((1, 0.1), (2, 0.1))
    varying = ((1, 0.1), (2, 0.2), (3, 0.3))
    assert loosest(varying, alarms_above=True) == varying


def test_a_curve_shows_every_probed_value(bench: Bench) -> None:
    column = "probe/diversity/vendi"
    rule, sick = RULES["mode-collapse"], evidence(column, 0.9, 0.2, 0.1)
    curve = bench["curves"].curve_of(rule, sick, evidence(column, 0.8, 1.0, 1.1), at=96_000)
    assert curve.column == column
    assert curve.sick == ((32_000, 0.9), (64_000, 0.2), (96_000, 0.1))
    assert curve.healthy == ((32_000, 0.8), (64_000, 1.0), (96_000, 1.1))
    limits = {limit for _, limit in curve.limits}
    assert limits == {sick.thresholds.collapsed_samples}
    assert not curve.alarms_above


def test_a_curve_shows_means_where_the_rule_compares_means(bench: Bench) -> None:
    column = "probe/movement/last"
    sick = evidence(column, 1.0, 2.0, 1.0, 2.0, 1.0)
    points = bench["curves"].values(RULES["oscillation"], sick, column)
    assert sick.thresholds.movement_records == 4
    assert points == ((128_000, 1.5), (160_000, 1.5))


def test_a_diverged_run_is_drawn_until_it_stopped(bench: Bench) -> None:
    column = "probe/logits/real"
    sick = Evidence(
        records=evidence(column, 1.0, 6.0).records, recipe=tiny_recipe(), stopped="logits overflow"
    )
    healthy = evidence(column, 1.0, 1.5, 2.0)
    curve = bench["curves"].curve_of(RULES["diverging"], sick, healthy, at=70_000)
    assert curve.sick == ((32_000, 1.0), (64_000, 6.0))
    assert (curve.limits, curve.stopped_at) == ((), 64_000)


def test_known_at_excludes_later_records_and_the_divergence(bench: Bench) -> None:
    whole = Evidence(
        records=evidence("x", 1.0, 2.0, 3.0).records, recipe=tiny_recipe(), stopped="over"
    )
    earlier = bench["curves"].known_at(whole, 64_000)
    assert [record["x"] for record in earlier.records] == [1.0, 2.0]
    assert (earlier.stopped, bench["curves"].known_at(whole, 96_000).stopped) == ("", "over")


def test_only_positive_numbers_far_apart_need_a_log_scale(bench: Bench) -> None:
    needs = bench["figures"].needs_log_scale
    assert needs([1e-11, 1e-3])
    assert not needs([0.2, 1.0])
    assert not needs([0.0, 1e5])
    assert not needs([])


# -- The images ----------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grid_is_cut_into_the_images_it_was_made_of(bench: Bench, channels: int) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (12, 5, 7, channels), dtype=np.uint8)
    grid = make_grid(images, columns=4)
    picture = grid.repeat(3, axis=0).repeat(3, axis=1)
    picture = picture[:, :, 0] if channels == 1 else picture
    assert np.array_equal(bench["panels"].cut_grid(picture, (5, 7), 3), images)


def test_grids_over_time_are_the_last_or_evenly_spread(bench: Bench) -> None:
    drawn = list(range(0, 11_000, 1_000))
    assert bench["panels"].last_before(drawn, 8_500) == (5_000, 6_000, 7_000, 8_000)
    assert bench["panels"].last_before([0, 1_000, 2_000], 8_500) == ()
    assert bench["panels"].spread(drawn, 4_000) == (4_000, 6_000, 8_000, 10_000)
    assert bench["panels"].spread(drawn, 8_000) == ()


def test_panels_show_columns_side_by_side(bench: Bench) -> None:
    panels = bench["panels"]
    columns = [
        np.full((panels.ROWS, 2, 2, 1), 10 * moment, np.uint8) for moment in range(panels.COLUMNS)
    ]
    rows = panels.side_by_side(columns).reshape(panels.ROWS, panels.COLUMNS, -1)
    assert (rows == 10 * np.arange(panels.COLUMNS)[None, :, None]).all()


def test_images_are_enlarged_by_whole_pixels(bench: Bench) -> None:
    panels = bench["panels"]
    images = np.random.default_rng(0).integers(
        0, 256, (panels.ROWS * panels.COLUMNS, 32, 32, 1), dtype=np.uint8
    )
    picture = panels.Panel(images, ()).picture()
    step = panels.CELL + panels.GAP
    assert picture.shape == (panels.ROWS * step - panels.GAP, panels.COLUMNS * step - panels.GAP, 3)
    second = picture[:: panels.CELL // 32][:32, step:][:, :: panels.CELL // 32][:, :32, 0]
    assert np.array_equal(second, images[1, :, :, 0])


# -- The picture ---------------------------------------------------------------------------------


def test_every_symptom_has_a_title(bench: Bench) -> None:
    assert set(bench["figures"].TITLES) == set(RULES)


def test_figures_stay_small(bench: Bench) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 400, 3), dtype=np.uint8)
    content = bench["figures"].compressed(Image.fromarray(noise))
    assert len(content) <= bench["figures"].MAX_FILE_SIZE
    assert Image.open(io.BytesIO(content)).size == (400, 200)


def test_a_figure_is_drawn_completely(bench: Bench, tmp_path: Path) -> None:
    panels = bench["panels"]
    blank = np.zeros((panels.ROWS * panels.COLUMNS, 16, 16, 1), np.uint8)
    curve = bench["curves"].Curve(
        column="probe/diversity/vendi",
        sick=((1_000, 0.1), (2_000, 0.05)),
        healthy=((1_000, 0.9), (2_000, 1.0)),
        limits=((2_000, 0.3),),
        alarms_above=False,
    )
    figure = bench["figures"].SymptomFigure(
        symptom="mode-collapse",
        what="nothing",
        setting="dcgan",
        sick=panels.Panel(blank, ()),
        healthy=panels.Panel(blank, ("1,000",) * panels.COLUMNS),
        curve=curve,
        since=1_000,
        found=2_000,
    )
    size = bench["figures"].write_figure(tmp_path / "it.png", figure)
    with Image.open(tmp_path / "it.png") as picture:
        assert picture.size == (bench["figures"].WIDTH, bench["figures"].HEIGHT)
    assert size == (tmp_path / "it.png").stat().st_size
    words = bench["render_symptoms"].alternative_text(figure)
    assert "0.05 in this run, 1 in the other, 0.3 its limit, since 1,000 images" in words


# -- The extra runs ------------------------------------------------------------------------------


def test_extra_runs_are_valid_and_differ_from_their_twins_in_the_change(
    bench: Bench,
) -> None:
    runs = bench["symptom_runs"]
    assert set(runs.SYMPTOM_RUNS) <= set(RULES)
    for symptom in runs.SYMPTOM_RUNS:
        sick = checked(runs.sick_case(symptom).recipe)
        twin = checked(runs.healthy_twin(symptom).recipe)
        assert sick != twin
        same = ("name", "images", "batch", "data", "intervals", "evaluation")
        assert all(getattr(sick, field) == getattr(twin, field) for field in same), symptom
        assert sick.name in CATALOG  # so that the usual learning rate is the recipe's own


def test_equal_twins_are_shared(bench: Bench) -> None:
    runs = bench["symptom_runs"]
    names: dict[str, Any] = {}
    for symptom in runs.SYMPTOM_RUNS:
        case = runs.healthy_twin(symptom)
        assert names.setdefault(case.name, case.recipe) == case.recipe
    assert len(names) < len(runs.SYMPTOM_RUNS)
