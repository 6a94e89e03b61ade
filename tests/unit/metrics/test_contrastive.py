"""Features without labels: the loss by its formula, the views by theirs, and what is learnt."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.metrics import contrastive
from ganvas.metrics.contrastive import (
    Contrastive,
    load_contrastive,
    nt_xent,
    random_view,
    train_contrastive,
)

CPU = torch.device("cpu")
Pixels = npt.NDArray[np.uint8]


def bars(
    count: int, seed: int, channels: int = 1, size: tuple[int, int] = (16, 16)
) -> tuple[Pixels, npt.NDArray[np.int64]]:
    """Noise with a bright bar, lying or standing, anywhere; the label says which."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 60, (count, channels, *size), np.uint8)
    labels = rng.integers(0, 2, count)
    for image, standing in zip(pixels, labels, strict=True):
        along = image.swapaxes(1, 2) if standing else image
        start = rng.integers(0, along.shape[1] - 4)
        along[:, start : start + 4] += 150
    return pixels, labels


def train(monkeypatch: pytest.MonkeyPatch, images: Pixels, images_seen: int, seed: int = 0) -> Any:
    monkeypatch.setattr(contrastive, "IMAGES_SEEN", images_seen)
    monkeypatch.setattr(contrastive, "MIN_EPOCHS", 0)
    return train_contrastive(images, seed=seed, device=CPU)


def same_weights(one: Contrastive, other: Contrastive) -> bool:
    ours, theirs = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


class TestLoss:
    def test_is_the_formula_of_the_paper(self) -> None:
        projected = torch.randn(10, 7, generator=torch.Generator().manual_seed(0)).double()
        losses = []
        for i in range(10):
            similar = [
                float(projected[i] @ projected[k] / projected[i].norm() / projected[k].norm())
                for k in range(10)
            ]
            others = sum(math.exp(similar[k] / 0.3) for k in range(10) if k != i)
            losses.append(-math.log(math.exp(similar[(i + 5) % 10] / 0.3) / others))
        assert float(nt_xent(projected, 0.3)) == pytest.approx(sum(losses) / 10)

    def test_of_equal_projections_is_that_of_a_guess(self) -> None:
        assert float(nt_xent(torch.ones(8, 4), 0.2)) == pytest.approx(math.log(7))

    def test_of_perfect_projections(self) -> None:
        perfect = torch.eye(4).repeat(2, 1)
        expected = math.log(1 + 6 * math.exp(-1 / 0.5))
        assert float(nt_xent(perfect, 0.5)) == pytest.approx(expected)


class TestViews:
    def ramp(self, count: int) -> Tensor:
        """Images (N, 1, 16, 16) that rise from left to right."""
        return torch.linspace(-0.9, 0.9, 16).expand(count, 1, 16, 16)

    def test_without_crop_and_colour_are_the_images(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(contrastive, "SMALLEST_CROP", 1.0)
        monkeypatch.setattr(contrastive, "COLOUR", 0.0)
        view = random_view(self.ramp(3), torch.Generator().manual_seed(0))
        torch.testing.assert_close(view, self.ramp(3))

    def test_a_crop_is_enlarged_and_lies_inside(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(contrastive, "COLOUR", 0.0)
        view = random_view(self.ramp(500), torch.Generator().manual_seed(0))
        middle = view[:, 0, 8]  # (500, 16)
        slopes = (middle[:, 9] - middle[:, 6]) / 3 / (1.8 / 15)
        assert 0.3 <= float(slopes.square().min()) < 0.35  # the fraction of the area
        assert 0.95 < float(slopes.square().max()) <= 1.0001
        assert float(view.abs().max()) <= 0.9001

    def test_colour_changes_the_mean_and_the_spread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(contrastive, "SMALLEST_CROP", 1.0)
        view = random_view(self.ramp(500), torch.Generator().manual_seed(0))
        means, spreads = view.mean((1, 2, 3)), view.std((1, 2, 3)) / self.ramp(1).std()
        assert 0.09 < float(means.abs().max()) <= 0.1001
        assert 0.899 <= float(spreads.min()) < 0.91
        assert 1.09 < float(spreads.max()) <= 1.101


@pytest.fixture(scope="module")
def trained() -> Any:
    with pytest.MonkeyPatch.context() as monkeypatch:
        return train(monkeypatch, bars(300, 0)[0], images_seen=4_000)


class TestLearning:
    def test_tells_shapes_apart_without_labels(self, trained: Contrastive) -> None:
        known, labels = bars(200, 1)
        others, expected = bars(200, 2)
        features, queries = (trained(torch.from_numpy(images)) for images in (known, others))
        assert features.shape == (200, 128)
        found = labels[torch.cdist(queries, features).argmin(1).numpy()]
        assert (found == expected).mean() > 0.9

    def test_two_views_of_each_image_are_compared_at_one_temperature(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another one would give other features, under the same version."""
        compared = []

        def keep(projected: Tensor, temperature: float) -> Tensor:
            compared.append((len(projected), temperature))
            return nt_xent(projected, temperature)

        monkeypatch.setattr(contrastive, "nt_xent", keep)
        train(monkeypatch, bars(60, 0)[0], images_seen=60)
        assert compared == [(120, 0.2)]

    def test_the_same_seed_gives_the_same_weights_and_draws_nothing_else(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        images = bars(60, 0)[0]
        torch.manual_seed(5)
        state = torch.get_rng_state()
        first = train(monkeypatch, images, images_seen=200)
        assert torch.equal(torch.get_rng_state(), state)
        torch.manual_seed(6)
        assert same_weights(first, train(monkeypatch, images, images_seen=200))
        assert not same_weights(first, train(monkeypatch, images, images_seen=200, seed=1))

    def test_a_file_gives_the_same_features_and_config(
        self, trained: Contrastive, tmp_path: Path
    ) -> None:
        trained.save(tmp_path / "self.safetensors")
        loaded = load_contrastive(tmp_path / "self.safetensors", CPU)
        assert loaded.config() == trained.config()
        assert loaded.config()["trained_on"] == 300
        pixels = torch.from_numpy(bars(20, 3)[0])
        assert torch.equal(loaded(pixels), trained(pixels))

    def test_a_damaged_file_is_refused(self, trained: Contrastive, tmp_path: Path) -> None:
        path = tmp_path / "self.safetensors"
        trained.save(path)
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(GanvasError, match=r"cannot read the features self: .* Delete it"):
            load_contrastive(path, CPU)

    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize("size", [(12, 14), (256, 100)])
    def test_learns_any_image_format(
        self, channels: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        images = bars(8, 0, channels, size)[0]
        network = train(monkeypatch, images, images_seen=16)
        assert network(torch.from_numpy(images)).shape == (8, 128)

    def test_unsuitable_images_and_divergence_are_errors(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        images = bars(20, 0)[0]
        with pytest.raises(GanvasError, match="at least two images; got 1"):
            train(monkeypatch, images[:1], images_seen=100)
        with pytest.raises(GanvasError, match="at least 12x12 pixels; got 16x11"):
            train(monkeypatch, images[..., :11], images_seen=100)
        monkeypatch.setattr(contrastive, "LEARNING_RATE", 1e30)
        with pytest.raises(GanvasError, match="training the features self diverged"):
            train(monkeypatch, images, images_seen=100)
