"""Projection finds what is known in advance: least squares, the images of known latents."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.images import Pixels, from_network, to_signed
from ganvas.labels import LabelSet
from ganvas.latents.distances import Description, PixelDistance
from ganvas.latents.latents import Latents
from ganvas.latents.projection import (
    Projection,
    ProjectionSettings,
    Projector,
    joined,
    nearest_rows,
    style_candidates,
)
from ganvas.latents.search import (
    BETAS,
    Search,
    SearchPlan,
    learning_rate,
    noise_strength,
    sphere_pull,
)
from ganvas.networks import ImageShape
from ganvas.networks.styles import StyleBased
from ganvas.projections.held_out import chosen_images, held_out_indices, path_in_cache
from tests.builders.generator_folders import write_generator
from tests.builders.generators import small_generator
from tests.builders.linear_generators import SIDE, LinearGenerator, LinearStyleGenerator
from tests.builders.tiny import tiny_data

LATENT_DIM, STYLE_DIM, LAYERS = 10, 6, 3
SHAPE = ImageShape(1, SIDE, SIDE)


class SquaredDistance:
    """The mean squared difference of pixels, whose minimum is that of least squares."""

    def describe(self, images: Tensor) -> Description:
        return (images,)

    def terms(self, images: Description, targets: Description) -> Mapping[str, Tensor]:
        return {"squared": (images[0] - targets[0]).square().mean((1, 2, 3))}


def ignore(done: int, total: int) -> None:
    pass


def normal(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def of_style_generator(space: str, targets: Pixels, steps: int = 400) -> Projection:
    """Pictures projected into a linear style generator by squares."""
    network = LinearStyleGenerator(LATENT_DIM, STYLE_DIM, LAYERS)
    settings = ProjectionSettings(space=space, steps=steps, starts=2)  # type: ignore[arg-type]
    projector = Projector(network, Latents(normal(16, LATENT_DIM)), settings, SquaredDistance())
    return joined(list(projector.batches(targets, ignore)))


def pictures(count: int) -> Pixels:
    """Pictures that no linear generator of few latents makes."""
    return np.random.default_rng(5).integers(0, 256, (count, SIDE, SIDE, 1), np.uint8)


@pytest.mark.parametrize(
    ("count", "steps", "seconds"),
    [(3, 100, 50.0), (65, 100, 50.0 * 65 / 32), (3, 49, 0), (0, 99, 0)],
)
def test_a_few_steps_tell_how_long_all_take(
    count: int, steps: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step takes ten seconds, the others half a second each, of 32 pictures at a time."""
    clock = [0.0]

    def slow_steps(search: Search) -> Iterator[int]:
        for step in range(search.plan.steps):
            clock[0] += 0.5 if step else 10.0
            yield step + 1

    monkeypatch.setattr(Search, "steps", slow_steps)
    monkeypatch.setattr("ganvas.latents.projection.time.perf_counter", lambda: clock[0])
    settings = ProjectionSettings(steps=steps, starts=2)
    projector = Projector(
        LinearGenerator(LATENT_DIM), Latents(normal(16, LATENT_DIM)), settings, SquaredDistance()
    )
    assert projector.estimate(pictures(count)) == pytest.approx(seconds)


class TestSchedule:
    """`projector.py` of StyleGAN2-ADA at given fractions of the steps."""

    def test_adam_has_the_published_momentum(self) -> None:
        assert BETAS == (0.9, 0.999)

    @pytest.mark.parametrize(
        ("t", "rate"),
        [
            (0.0, 0.0),
            (0.025, 0.05),
            (0.05, 0.1),
            (0.5, 0.1),
            (0.75, 0.1),
            (0.875, 0.05),
            (0.9375, 0.1 * (0.5 - 0.5 * math.cos(math.pi / 4))),
            (1.0, 0.0),
        ],
    )
    def test_the_learning_rate_rises_stays_and_falls(self, t: float, rate: float) -> None:
        assert learning_rate(t) == pytest.approx(rate, abs=1e-12)

    @pytest.mark.parametrize(
        ("t", "strength"), [(0.0, 0.05), (0.375, 0.0125), (0.6, 0.002), (0.75, 0.0), (1.0, 0.0)]
    )
    def test_the_noise_ends_at_three_quarters(self, t: float, strength: float) -> None:
        assert noise_strength(t) == pytest.approx(strength, abs=1e-12)

    def test_every_start_has_its_own_noise_and_every_picture_the_same(self) -> None:
        network = LinearGenerator(LATENT_DIM)
        spread = math.sqrt(LATENT_DIM)
        starts = Latents(torch.zeros(6, LATENT_DIM))
        target = (torch.zeros(6, 1, SIDE, SIDE),)
        search = Search(network, SquaredDistance(), SearchPlan(9, 3, 0, spread), starts, target)
        noise = search.noise(0.0, torch.Generator().manual_seed(0))
        assert torch.equal(noise[:3], noise[3:])
        assert not torch.equal(noise[0], noise[1])
        many = Latents(torch.zeros(4_000, LATENT_DIM))
        plan = SearchPlan(9, 4_000, 0, spread)
        search = Search(network, SquaredDistance(), plan, many, (torch.zeros(1, 1, SIDE, SIDE),))
        deviation = search.noise(0.0, torch.Generator().manual_seed(0)).std()
        assert float(deviation) == pytest.approx(0.05 * spread, rel=0.02)


class TestLinearGenerators:
    def test_one_style_for_all_layers_is_that_of_least_squares(self) -> None:
        targets = pictures(3)
        found = of_style_generator("w", targets)
        summed = LinearStyleGenerator(LATENT_DIM, STYLE_DIM, LAYERS).weights.sum(0)  # (P, S)
        wanted = to_signed(torch.from_numpy(targets)).flatten(1).T
        solution = torch.linalg.lstsq(summed, wanted).solution.T  # (N, S)
        assert torch.allclose(found.latents.values[:, 0], solution, atol=2e-3)
        assert torch.equal(found.latents.values[:, 0], found.latents.values[:, 2])
        residual = (summed @ solution.T - wanted).square().mean(0)
        assert np.allclose(found.distances["squared"], residual.numpy(), rtol=1e-4)

    def test_a_style_for_each_layer_is_that_of_least_squares_and_nearer(self) -> None:
        targets = pictures(3)
        one, each = (of_style_generator(space, targets) for space in ("w", "w+"))
        network = LinearStyleGenerator(LATENT_DIM, STYLE_DIM, LAYERS)
        beside = network.weights.permute(1, 0, 2).flatten(1)  # (P, L * S)
        wanted = to_signed(torch.from_numpy(targets)).flatten(1).T
        solution = torch.linalg.lstsq(beside, wanted).solution
        residual = (beside @ solution - wanted).square().mean(0)
        assert np.allclose(each.distances["squared"], residual.numpy(), rtol=2e-3)
        assert (each.distances["distance"] < one.distances["distance"]).all()

    def test_the_latents_of_a_generated_image_are_found(self) -> None:
        network = LinearGenerator(LATENT_DIM)
        latents = normal(2, LATENT_DIM)
        latents *= math.sqrt(LATENT_DIM) / latents.norm(dim=1, keepdim=True)
        targets = np.asarray(from_network(network(latents)))
        settings = ProjectionSettings(steps=400, starts=2)
        drawn = Latents(normal(16, LATENT_DIM, seed=4))
        projector = Projector(network, drawn, settings, PixelDistance())
        found = joined(list(projector.batches(targets, ignore)))
        assert torch.allclose(found.latents.values, latents, atol=0.05)
        assert (found.distances["rmse"] < 1).all()
        first = np.abs(found.way[:, 0].astype(int) - targets).mean()
        assert np.abs(found.images.astype(int) - targets).mean() < first / 10

    def test_the_pull_keeps_latents_near_the_sphere_of_training(self) -> None:
        """The image nearest to a picture far outside would need latents three times as long."""
        network, latent_dim = LinearGenerator(40), 40
        far = normal(1, latent_dim)
        far *= 3 * math.sqrt(latent_dim) / far.norm()
        target = to_signed(torch.from_numpy(from_network(network(far)))).permute(0, 3, 1, 2)
        plan = SearchPlan(300, 1, 0, 0.0)
        starts = Latents(normal(1, latent_dim, seed=4))
        search = Search(network, PixelDistance(), plan, starts, PixelDistance().describe(target))
        for _ in search.steps():
            pass
        assert float(search.moving.detach().norm()) / math.sqrt(latent_dim) < 1.3

    def test_the_pull_is_zero_on_the_sphere_alone(self) -> None:
        latents = torch.stack([torch.ones(16), 2 * torch.ones(16), torch.zeros(16)])
        assert sphere_pull(latents).tolist() == pytest.approx([0, 16, 16])


class TestProjector:
    def test_a_picture_is_projected_alike_whatever_is_beside_it(self) -> None:
        network = LinearGenerator(LATENT_DIM)
        settings = ProjectionSettings(steps=20, starts=2)
        drawn = Latents(normal(16, LATENT_DIM))
        projector = Projector(network, drawn, settings, PixelDistance())
        targets = pictures(3)
        together = joined(list(projector.batches(targets, ignore)))
        alone = joined(list(projector.batches(targets[2:], ignore)))
        assert torch.allclose(alone.latents.values[0], together.latents.values[2], atol=1e-5)

    def test_progress_is_told_and_batches_come_one_by_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ganvas.latents.projection.ROWS", 4)
        network = LinearGenerator(LATENT_DIM)
        settings = ProjectionSettings(steps=3, starts=2)
        projector = Projector(network, Latents(normal(9, LATENT_DIM)), settings, PixelDistance())
        told: list[tuple[int, int]] = []
        parts = list(projector.batches(pictures(3), lambda *counts: told.append(counts)))
        assert [len(part) for part in parts] == [2, 1]
        assert told == [(step, 6) for step in range(1, 7)]  # three of each batch
        assert joined(parts).way.shape == (3, 4, SIDE, SIDE, 1)
        assert np.array_equal(joined(parts).way[:, -1], joined(parts).images)

    def test_of_several_starts_the_nearest_is_kept(self) -> None:
        network = LinearGenerator(LATENT_DIM)
        starts = Latents(normal(4, LATENT_DIM))
        target = starts.values[3:]
        image = network(target)
        described = tuple(part.expand(4, *part.shape[1:]) for part in (image,))
        search = Search(network, SquaredDistance(), SearchPlan(1, 4, 0, 0.0), starts, described)
        latents, images, terms = search.nearest()
        assert torch.equal(latents.values, target)
        assert torch.allclose(images, image, atol=1e-6)
        assert float(terms["squared"]) < 1e-12

    def test_the_label_of_the_nearest_samples_is_kept(self) -> None:
        network = LinearGenerator(LATENT_DIM, labels=2)
        latents = normal(1, LATENT_DIM)
        target = from_network(network(latents, torch.tensor([1])))
        labels = torch.arange(32) % 2
        drawn = Latents(torch.cat([normal(31, LATENT_DIM, seed=4), latents]), labels)
        settings = ProjectionSettings(steps=1, starts=1)
        projector = Projector(network, drawn, settings, PixelDistance())
        (found,) = projector.batches(np.asarray(target), ignore)
        assert found.latents.labels is not None
        assert found.latents.labels.tolist() == [1]


class TestStyleCandidates:
    def test_the_mean_style_is_a_start_and_the_spread_is_that_of_styles(self) -> None:
        network = LinearStyleGenerator(LATENT_DIM, STYLE_DIM, LAYERS)
        assert isinstance(network, StyleBased)
        drawn = Latents(normal(2_000, LATENT_DIM))
        latents, spread = style_candidates(network, drawn)
        assert latents.values.shape == (2_001, LAYERS, STYLE_DIM)
        assert not latents.values[0].any()
        exact = float((network.mapping @ network.mapping.T).trace().sqrt())
        assert spread == pytest.approx(exact, rel=0.05)

    def test_the_spread_is_around_the_mean_of_the_own_label(self) -> None:
        """However far apart labels lie; only means of labels that were drawn are starts."""

        class Labelled(LinearStyleGenerator):
            def map(self, latents: Tensor, *labels: Tensor) -> Tensor:
                return super().map(latents) + self.mean_styles[labels[0]]

        network = Labelled(LATENT_DIM, STYLE_DIM, LAYERS)
        network.mean_styles = 50 * normal(4, STYLE_DIM)
        labels = torch.tensor([3, 1]).repeat(1_000)
        latents, spread = style_candidates(network, Latents(normal(2_000, LATENT_DIM), labels))
        exact = float((network.mapping @ network.mapping.T).trace().sqrt())
        assert spread == pytest.approx(exact, rel=0.05)
        assert torch.equal(latents.values[:2, 0], network.mean_styles[[1, 3]])
        assert len(latents) == 2_002


@pytest.mark.parametrize(("label", "expected"), [(None, [4, 5, 6, 7]), ("b", [5, 7]), (0, [4, 6])])
def test_held_out_images_to_compare_with_have_the_label_of_the_picture(
    label: str | int | None, expected: list[int]
) -> None:
    trained: Any = SimpleNamespace(label_set=LabelSet(("a", "b"), (2, 2)))
    images = dataclasses.replace(
        tiny_data(8, held_out=4), labels=np.array([0, 1] * 4), label_names=("a", "b")
    )
    assert held_out_indices(trained, images, label).tolist() == expected
    assert chosen_images(trained, images, label, 10).tolist() == expected


def test_distances_are_kept_for_the_same_generator_settings_and_images_alone() -> None:
    def path(identity: str = "a", key: str = "k", last: int = 7, **settings: Any) -> Path:
        trained: Any = SimpleNamespace(identity=identity)
        projector: Any = SimpleNamespace(settings=ProjectionSettings(**settings))
        images: Any = SimpleNamespace(key=key)
        return path_in_cache(trained, projector, images, np.array([1, last]))

    others = [
        path("b"),
        path(key="l"),
        path(last=8),
        path(space="z"),
        path(distance="pixels"),
        path(steps=501),
        path(starts=1),
        path(seed=1),
        path(label="a"),
    ]
    assert path() == path()
    assert len({path(), *others}) == 1 + len(others)


def test_the_starts_of_a_picture_are_the_candidates_nearest_to_it() -> None:
    greys = [torch.full((1, 1, 8, 8), grey) for grey in (-0.9, 0.0, 0.4, 0.9)]
    distance = PixelDistance()
    candidates, pictures = distance.describe(torch.cat(greys)), torch.full((2, 1, 8, 8), 0.3)
    pictures[1] = -1
    rows = nearest_rows(distance, candidates, distance.describe(pictures), 2)
    assert rows.tolist() == [2, 1, 0, 1]


class TestTrainedGenerators:
    def test_a_generated_image_comes_much_nearer_than_its_start(self, tmp_path: Path) -> None:
        generator = write_generator(tmp_path / "generator")
        target = generator.sample(1, seed=9)
        found = generator.project(target, distance="pixels", steps=150, starts=2)
        again = generator.project(target, distance="pixels", steps=150, starts=2)
        assert torch.equal(found.latents.values, again.latents.values)
        start = np.abs(found.way[0, 0].astype(int) - target[0]).mean()
        assert np.abs(found.images[0].astype(int) - target[0]).mean() < start / 3
        assert np.array_equal(generator.generate(found.latents), found.images)

    def test_a_label_is_kept(self) -> None:
        generator = small_generator(labelled=True)
        target = generator.sample(1, labels="green")
        found = generator.project(target, label="blue", distance="pixels", steps=2, starts=1)
        assert found.latents.labels is not None
        assert found.latents.labels.tolist() == [2]

    def test_what_cannot_be_projected_is_refused_in_one_sentence_each(self) -> None:
        generator = small_generator()
        target = generator.sample(1)
        for changes, message in (
            ({"steps": 0}, "steps: expected at least 1"),
            ({"starts": 65}, "starts: expected 1 to 64"),
            ({"space": "w+"}, "no style space: choose the space z, not w"),
            ({"label": "red"}, "takes no labels"),
        ):
            with pytest.raises(GanvasError, match=message):
                generator.project(target, **changes)  # type: ignore[arg-type]
        with pytest.raises(GanvasError, match=r"images: expected uint8 \(N, 16, 16, 1\)"):
            generator.project(target[:, :8])
        both = ProjectionSettings(steps=0, starts=0)
        assert len(generator.projection_problems(both)) == 2

    def test_points_and_what_passes_no_gradient_are_refused(self) -> None:
        points = small_generator("mlp", ImageShape(2, 1, 1))
        with pytest.raises(GanvasError, match="makes points"):
            points.projector(ProjectionSettings())
        frozen = torch.nn.Module()
        frozen.register_buffer("content", torch.zeros(1))
        exported = TrainedGenerator(frozen, SHAPE, LATENT_DIM, 0)
        assert "ONNX" in exported.projection_problems(ProjectionSettings())[0]

    def test_styles_are_found_for_a_generator_that_has_them(self) -> None:
        network = LinearStyleGenerator(LATENT_DIM, STYLE_DIM, LAYERS)
        generator = TrainedGenerator(network, SHAPE, LATENT_DIM, 0)
        found = generator.project(pictures(2), distance="pixels", steps=2, starts=1)
        assert found.latents.space == "w"
        assert found.latents.values.shape == (2, LAYERS, STYLE_DIM)
        latents = generator.project(
            pictures(1), space="z", distance="pixels", steps=2, starts=1
        ).latents
        assert (latents.space, latents.values.shape) == ("z", (1, LATENT_DIM))

    def test_labels_have_their_own_mean_styles(self) -> None:
        labels = LabelSet(("a", "b"), (1, 1))
        network = LinearStyleGenerator(LATENT_DIM, STYLE_DIM, LAYERS)
        network.mean_styles = torch.stack([torch.zeros(STYLE_DIM), torch.ones(STYLE_DIM)])
        generator = TrainedGenerator(network, SHAPE, LATENT_DIM, 0, label_set=labels)
        settings = dataclasses.replace(ProjectionSettings(distance="pixels"), label="b")
        candidates = generator.projector(settings).candidates
        assert torch.equal(candidates.values[0], torch.ones(LAYERS, STYLE_DIM))
        assert len(candidates) == 257
