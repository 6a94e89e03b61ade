"""Which points a truncation curve has, and what it says of the chosen one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ganvas.errors import GanvasError, RunError
from ganvas.evaluation import truncation
from ganvas.evaluation.extractor_choice import uninstalled_metrics
from ganvas.evaluation.truncation import chosen_point, ladder, load_all, metrics_in, usual_point
from ganvas.evaluation.truncation_points import Point
from ganvas.generators.trained_generator import TrainedGenerator
from tests.builders.curves import curve, point
from tests.builders.generators import POINTS, small_generator
from tests.builders.tiny import tiny_data
from tests.builders.toys import Normalising, toy_generator


def ways(points: list[Point]) -> list[tuple[float, float]]:
    return [(point.truncation, point.keep) for point in points]


TRUNCATED = [(1, 1), (0.9, 1), (0.8, 1), (0.7, 1), (0.6, 1), (0.5, 1)]
KEPT = [(1, 0.75), (1, 0.5), (1, 0.25), (1, 0.1)]


class TestLadder:
    def test_has_both_ways_and_the_chosen_point(self) -> None:
        points, reasons = ladder(toy_generator(), Point(0.65, 0.5))
        assert ways(points) == [*TRUNCATED, (1, 0.75), (1, 0.5), (0.65, 0.5), (1, 0.25), (1, 0.1)]
        assert reasons == []
        assert ways(ladder(toy_generator(), Point(1.3))[0]) == [(1.3, 1), *TRUNCATED, *KEPT]
        assert ways(ladder(toy_generator(), None)[0]) == [*TRUNCATED, *KEPT]

    def test_without_a_discriminator_all_is_kept(self) -> None:
        points, _ = ladder(replace(toy_generator(), discriminator=None), None)
        assert ways(points) == TRUNCATED
        assert usual_point(points) == Point(0.7)

    def test_without_truncation_the_discriminator_chooses(self) -> None:
        sphere = toy_generator(Normalising())
        points, (reason,) = ladder(sphere, None)
        assert ways(points) == [(1, 1), *KEPT]
        assert "do not depend on the length of its latents" in reason
        assert usual_point(points) == Point(keep=0.5)
        for generator, chosen in (
            (sphere, Point(0.7)),
            (replace(sphere, discriminator=None), None),
        ):
            with pytest.raises(GanvasError, match="do not depend on the length"):
                ladder(generator, chosen)


def test_a_point_has_as_many_samples_as_evaluate_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []

    def measure_points(*arguments: object) -> None:
        counts.append(arguments[5])
        raise GanvasError("that was all")

    for held_out in (24, 200, 700):
        data = tiny_data(1_000, held_out=held_out)
        replaced: dict[str, Callable[..., object]] = {
            "check_before_work": lambda *_: None,
            "load_all": lambda *_: (toy_generator(), []),
            "images_to_compare": lambda *_, data=data: data,
            "measure_points": measure_points,
        }
        for name, replacement in replaced.items():
            monkeypatch.setattr(truncation, name, replacement)
        with pytest.raises(GanvasError, match="that was all"):
            truncation.truncation("model.onnx", data="photos", features="self")
    assert counts == [100, 400, 1_000]


class TestChoice:
    def test_a_chosen_point_is_either_or_both(self) -> None:
        assert chosen_point(None, None) is None
        assert chosen_point(0.3, None) == Point(0.3)
        assert chosen_point(None, "best:0.2") == Point(keep=0.2)
        assert chosen_point(0.3, "best:0.2") == Point(0.3, 0.2)

    def test_features_are_those_that_are_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        names = [metric.name for metric in metrics_in("classifier")[0]]
        assert names == ["prdc-classifier", "fd-classifier"]
        missing = {"prdc-lite0": "a package is missing", "fd-lite0": "a package is missing"}
        monkeypatch.setattr(
            truncation,
            "uninstalled_metrics",
            lambda metrics: missing if metrics[0].features == "lite0" else uninstalled_metrics(()),
        )
        metrics, notes = metrics_in(None)
        assert [metric.name for metric in metrics] == ["prdc-self", "fd-self"]
        assert notes == ["prdc-lite0, fd-lite0 cannot be measured: a package is missing"]
        metrics, notes = metrics_in("lite0")
        assert [metric.name for metric in metrics] == ["prdc-lite0", "fd-lite0"]
        assert notes == []


class TestLoading:
    def test_without_its_discriminator_a_generator_is_still_truncated(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def gone(trained: TrainedGenerator, run: str) -> TrainedGenerator:
            raise RunError("it is gone")

        alone = replace(toy_generator(), discriminator=None)
        monkeypatch.setattr(truncation, "load", lambda source, device, checkpoint: alone)
        monkeypatch.setattr(truncation, "with_discriminator", gone)
        generator, notes = load_all("run", "cpu", "last", Point(0.5))
        assert generator.discriminator is None
        assert notes == ["it is gone"]
        with pytest.raises(RunError, match="it is gone"):
            load_all("run", "cpu", "last", Point(keep=0.5))

    def test_a_generator_is_loaded_once_and_gets_its_discriminator(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loaded: list[TrainedGenerator] = []

        def load(source: str, device: str, checkpoint: str) -> TrainedGenerator:
            loaded.append(replace(toy_generator(), discriminator=None))
            return loaded[-1]

        discriminator = toy_generator().discriminator
        monkeypatch.setattr(truncation, "load", load)
        monkeypatch.setattr(
            truncation,
            "with_discriminator",
            lambda trained, run: replace(trained, discriminator=discriminator),
        )
        generator, notes = load_all("run", "cpu", "last", None)
        assert len(loaded) == 1
        assert generator.network is loaded[0].network
        assert generator.discriminator is discriminator
        assert notes == []

    def test_points_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        points = small_generator("mlp", POINTS)
        assert (points.sample(5, truncation=0) == points.sample(1, truncation=0)).all()
        monkeypatch.setattr(truncation, "load", lambda source, device, checkpoint: points)
        with pytest.raises(GanvasError, match="makes points, and precision and recall compare"):
            load_all("run", "cpu", "last", None)


class TestCost:
    def test_a_gain_is_a_precision_beyond_both_intervals(self) -> None:
        before = point(1, 1, precision=0.5)
        assert curve([before, point(0.7, 1, precision=0.61)]).gains
        assert not curve([before, point(0.7, 1, precision=0.59)]).gains
        assert not curve([before, point(0.7, 1, precision=0.3)]).gains

    def test_is_told_with_what_may_be_chance(self) -> None:
        before = point(1, 1, precision=0.5, recall=0.6, fd=300)
        after = point(0.7, 1, precision=0.8, recall=0.55, fd=300.04)
        assert curve([before, after], chosen=after).cost() == (
            "truncation 0.7: precision-lite0 rises from 0.5 to 0.8 (real images 0.9); "
            "recall-lite0 falls from 0.6 to 0.55, but their 95 % intervals overlap "
            "(real images 0.9); fd-lite0 stays at 300 (real images 100)"
        )

    def test_the_table_has_a_row_for_each_point_and_real_images(self) -> None:
        points = [point(1, 1, recall=0.6), point(0.7, 0.5, recall=0.2)]
        head, first, second, real = curve(points).rows()
        assert head[:4] == ("truncation", "keep", "precision", "recall")
        assert (first[0], first[1], first[3]) == ("1", "all", "0.6")
        assert (second[0], second[1], second[3]) == ("0.7", "best:0.5", "0.2")
        assert real == ("", "real images", "0.9", "0.9", "0.9", "0.9", "100")
        assert "real images" in curve(points)._repr_html_()
