"""What reports are made of: figures, spans of symptoms, commands, cut grids, nearest images."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from ganvas.cli import parse
from ganvas.cli.train import Train
from ganvas.data.preparation import PreparedData
from ganvas.evaluation.nearest import nearest_training_images
from ganvas.images import make_grid
from ganvas.recipes import CATALOG, Ramp, Recipe
from ganvas.reports import charts, figures, page, pictures, story, words
from ganvas.reports.charts import Lane, Span
from ganvas.reports.commands import flags_of
from ganvas.reports.figures import Line, Mark, Panel
from ganvas.reports.findings import limit_of
from ganvas.runs import Run
from ganvas.runs.history import Record


class TestFigures:
    def test_an_empty_panel_and_one_of_a_single_point_can_be_drawn(self) -> None:
        for line in (Line("none", [], []), Line("one", [5], [2.0])):
            assert figures.curves(Panel([line])).startswith(b"<?xml")

    def test_long_lines_are_averaged_in_neighbourhoods(self) -> None:
        many = list(range(1000))
        line = figures.thinned(Line("x", many, [float(2 * x) for x in many]))
        assert len(line.x) <= figures.MOST_POINTS
        assert line.x[0] == 1.5, "the mean of 0, 1, 2 and 3"
        assert line.y == [2 * x for x in line.x]

    def test_steps_are_kept_as_they_are(self) -> None:
        line = Line("x", list(range(1000)), [1.0] * 1000, steps=True)
        assert figures.thinned(line) is line

    @pytest.mark.parametrize(
        ("places", "expected"),
        [
            ([0.2, 0.8], [0.2, 0.8]),
            ([0.5, 0.5], [0.5, 0.6]),
            ([1.0, 0.99], [1.0, 0.9]),
            ([1.0, 1.0, 1.0], [0.8, 0.9, 1.0]),
            ([-3.0, 0.05], [0.0, 0.1]),
            ([], []),
        ],
    )
    def test_names_are_pushed_apart(self, places: list[float], expected: list[float]) -> None:
        assert figures.apart(places, 0.1) == pytest.approx(expected)

    def test_the_same_numbers_give_the_same_bytes(self) -> None:
        panel = Panel([Line("a", [1, 2], [3, 4], [2, 3], [4, 5])], marks=[Mark(3, "limit")])
        assert figures.curves(panel) == figures.curves(panel)

    def test_matplotlib_is_left_as_it_was(self) -> None:
        import matplotlib

        before = dict(matplotlib.rcParams)
        charts.timeline([Lane("run", 0, 10, "finished", [Span("sick", 2, 5, 3)])])
        assert dict(matplotlib.rcParams) == before

    def test_axes_show_numbers_briefly(self) -> None:
        shown = [figures.short(number) for number in (0, 0.0123456, 1500, 200_000, 1.5e6)]
        assert shown == ["0", "0.0123", "1.5k", "200k", "1.5M"]


class TestPage:
    def test_a_drawing_takes_the_colours_of_the_page_and_names_of_its_own(self) -> None:
        drawing = page.Drawing(figures.curves(Panel([Line("a<b", [1, 2], [3, 4])])), 'said "so"')
        numbers = iter(range(1, 9))
        first, second = (page.inline(drawing, cast(Any, numbers)) for _ in range(2))
        for colour in figures.COLOURS.values():
            assert colour not in first
        assert "var(--first)" in first
        assert "a&lt;b" in first
        assert 'aria-label="said &#34;so&#34;"' in first
        names = [set(re.findall(r' id="([^"]+)"', text)) for text in (first, second)]
        assert names[0]
        assert not names[0] & names[1]

    def test_a_command_breaks_between_flags(self) -> None:
        shown = page.unbroken("ganvas train a&b --size 16 --flip")
        assert shown == (
            "<span>ganvas train a&amp;b</span> <span>--size 16</span> <span>--flip</span>"
        )


def event(what: str, seen: int, symptom: str, since: int = 0, verdict: str = "") -> Record:
    """A line of findings.jsonl."""
    return {
        "event": what,
        "images_seen": seen,
        "symptom": symptom,
        **({"since": since, "verdict": verdict} if verdict else {}),
    }


class TestSpans:
    def test_onset_worse_and_end_make_one_span(self) -> None:
        events = [
            event("onset", 40, "a-b", 30, "watch"),
            event("worse", 60, "a-b", 30, "failing"),
            event("end", 80, "a-b"),
            event("onset", 90, "c", 90, "failing"),
        ]
        assert story.spans(events, 0, 100) == [Span("a b", 30, 80, 60), Span("c", 90, 100, 90)]

    def test_what_ended_before_the_beginning_is_left_out_and_what_lasts_is_cut(self) -> None:
        events = [
            event("onset", 10, "old", 5, "watch"),
            event("onset", 10, "on", 5, "failing"),
            event("end", 30, "old"),
            event("rewind", 40, "on"),
        ]
        assert story.spans(events, 40, 100) == [Span("on", 40, 100, 40)]


def changed(recipe: Recipe, **changes: Any) -> Recipe:
    return dataclasses.replace(recipe, **changes)


@pytest.mark.parametrize("name", CATALOG)
def test_flags_give_the_named_recipe_back(name: str) -> None:
    recipe = CATALOG[name]().with_fixed_schedules()
    assert flags_of(recipe) == [name]


def test_flags_give_every_changed_field_back() -> None:
    base = CATALOG["dcgan"]()
    objective = base.objective
    recipes = [
        changed(base, images=50_000, batch=32, generator_batch=16, on_failure="stop"),
        changed(base, data=dataclasses.replace(base.data, size=(16, 32), flip=True)),
        changed(base, objective=dataclasses.replace(objective, loss="hinge", spectral_norm=True)),
        changed(
            base,
            generator=dataclasses.replace(
                base.generator, learning_rate=Ramp(shape="linear", start=2e-4, end=0.0)
            ),
        ),
        changed(
            base,
            evaluation=dataclasses.replace(base.evaluation, every=5, metrics=("swd", "fd-lite0")),
        ),
    ]
    for recipe in recipes:
        stored = recipe.with_fixed_schedules()
        flags = flags_of(stored)
        assert flags is not None
        verb = parse(["train", flags[0], "fashion", *flags[1:]])
        assert isinstance(verb, Train)
        assert verb.recipe.with_fixed_schedules() == stored


def test_an_exchanged_architecture_is_a_flag() -> None:
    verb = parse(["train", "wgan", "fashion", "--architecture", "resnet", "--batch", "48"])
    assert isinstance(verb, Train)
    flags = flags_of(verb.recipe.with_fixed_schedules())
    assert flags == ["wgan", "--architecture", "resnet", "--batch", "48"]


def test_a_recipe_of_ones_own_has_no_flags() -> None:
    assert flags_of(changed(CATALOG["dcgan"](), name="mine")) is None


@pytest.mark.parametrize(
    ("normal", "limit"),
    [("above 0.3", 0.3), ("below 1e-05", 1e-5), ("below 32,000", 32000.0), ("1 to 2", None)],
)
def test_limits_are_read_from_words(normal: str, limit: float | None) -> None:
    assert limit_of(normal) == limit


def test_durations_and_lists_read_as_people_say_them() -> None:
    assert [words.duration(seconds) for seconds in (1.23, 59.4, 760, 11_100)] == [
        "1.2 s",
        "59 s",
        "12 min 40 s",
        "3 h 5 min",
    ]
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.sentence("so it is") == "So it is."


class TestGrids:
    @pytest.mark.parametrize("shape", [(64, 16, 16, 1), (64, 8, 24, 3), (5, 12, 12, 4)])
    def test_a_grid_is_cut_into_the_images_it_was_made_of(self, shape: tuple[int, ...]) -> None:
        images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        data = {"shape": {"height": shape[1], "width": shape[2]}, "extent": None}
        run = cast(Run, SimpleNamespace(read_data=lambda: data))
        tiles = pictures.tiles_of(run, make_grid(images))
        assert np.array_equal(tiles[: len(images)], images)

    def test_gaps_of_a_sheet_are_clear_and_images_are_not(self) -> None:
        tiles = np.full((2, 3, 3, 1), 255, np.uint8)
        pixels = pictures.sheet(tiles, 2)
        assert pixels.shape == (5, 9, 2)
        assert (pixels[..., 1] == 255).sum() == 18
        assert (pixels[0] == 0).all()

    def test_transparent_images_lie_on_white(self) -> None:
        pixel = np.array([0, 0, 0, 51], np.uint8).reshape(1, 1, 1, 4)
        assert pictures.on_white(pixel).tolist() == [[[[204, 204, 204]]]]

    def test_moments_are_spread_and_hold_the_first_and_the_last(self) -> None:
        paths = [Path(f"{number}.png") for number in range(100)]
        chosen = pictures.spread(paths, 7)
        assert len(chosen) == 7
        assert (chosen[0], chosen[-1]) == (paths[0], paths[-1])
        assert pictures.spread(paths[:3], 7) == paths[:3]

    def test_the_grid_after_an_onset_is_found(self) -> None:
        paths = [Path("000.png"), Path("020.png"), Path("040.png")]
        assert pictures.path_from(paths, 15) == paths[1]
        assert pictures.path_from(paths, 99) == paths[2]
        assert pictures.path_from([], 5) is None


class TestNearest:
    @pytest.mark.parametrize("mirrored", [False, True])
    def test_it_finds_what_a_search_through_all_finds(
        self, monkeypatch: pytest.MonkeyPatch, mirrored: bool
    ) -> None:
        monkeypatch.setattr("ganvas.evaluation.nearest.BLOCK", 7)
        random = np.random.default_rng(0)
        images = random.integers(0, 256, (40, 3, 4, 4), dtype=np.uint8)
        training = np.arange(3, 40)
        data = cast(PreparedData, SimpleNamespace(images=images, training=training))
        samples = random.integers(0, 256, (5, 3, 4, 4), dtype=np.uint8)
        samples[0] = images[20][..., ::-1] if mirrored else images[20]
        samples[1] = images[1]  # held out, so it must not be found
        found = nearest_training_images(torch.from_numpy(samples), data, 3, mirrored)
        for row, sample in enumerate(samples):
            every = []
            for index in training:
                ways = [images[index], images[index][..., ::-1]][: 2 if mirrored else 1]
                gaps = [np.mean((way.astype(float) - sample) ** 2) ** 0.5 for way in ways]
                every.append((min(gaps), index))
            expected = sorted(every)[:3]
            assert found.indices[row].tolist() == [index for _, index in expected]
            gaps = [gap for gap, _ in expected]
            assert found.distances[row] == pytest.approx(gaps, rel=1e-3, abs=0.05)
        assert found.indices[0, 0] == 20
        assert found.distances[0, 0] == 0
