"""What holds for all features: shapes, channels, pieces, protocols, and the table of names."""

from __future__ import annotations

import hashlib
import json
import math
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.metrics import classifier, features
from ganvas.metrics.feature_networks import load_feature_network
from ganvas.metrics.features import FeatureNetwork, read_weights, resized, to_rgb
from ganvas.metrics.inception import Inception
from ganvas.metrics.lite0 import load_lite0

from ...extras import require_extra

CPU = torch.device("cpu")


def noise(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=rng)


class PooledInception(torch.nn.Module):
    """Stands in for Inception's network, which cannot be had here: 2048 random projections."""

    def __init__(self) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        self.weight = torch.nn.Parameter(torch.randn(48, 2048, generator=rng) / 48)

    def forward(self, pixels: Tensor) -> tuple[Tensor]:
        assert pixels.dtype == torch.uint8
        assert pixels.shape[1] == 3
        small = torch.nn.functional.adaptive_avg_pool2d(pixels.float() / 255, 4)
        return (small.flatten(1) @ self.weight,)


def made_classifier() -> FeatureNetwork:
    pixels, labels = noise(40, 3, 16, 16).numpy(), np.arange(40) % 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "MIN_IMAGES_SEEN", 256)
        patch.setattr(classifier, "MIN_EPOCHS", 1)
        return classifier.train_classifier(
            pixels, labels, ("a", "b"), pixels, labels, seed=0, device=CPU
        )


@pytest.fixture(scope="module", params=["lite0", "inception", "classifier"])
def extractor(request: pytest.FixtureRequest) -> FeatureNetwork:
    if request.param == "lite0":
        require_extra("features")
        return load_lite0(CPU)
    if request.param == "inception":
        return Inception("inception", 2048, CPU, PooledInception().eval(), "stand-in")
    return made_classifier()


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


class TestAllFeatures:
    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    @pytest.mark.parametrize("size", [(12, 12), (32, 32), (37, 21), (130, 97)])
    def test_any_image_format_gives_features(
        self, extractor: FeatureNetwork, channels: int, size: tuple[int, int]
    ) -> None:
        vectors = extractor(noise(3, channels, *size))
        assert vectors.shape == (3, extractor.dimension)
        assert vectors.dtype == torch.float32
        assert vectors.device == extractor.device
        assert vectors.isfinite().all()
        assert not vectors.requires_grad
        assert not vectors.is_inference()  # may be changed in place by whoever gets it
        assert len(vectors.unique(dim=0)) == 3

    def test_no_images_give_empty_features(self, extractor: FeatureNetwork) -> None:
        assert extractor(noise(0, 3, 16, 16)).shape == (0, extractor.dimension)

    @pytest.mark.parametrize("calls", [1, 7, 33, 64])
    def test_features_do_not_depend_on_the_batch(
        self, extractor: FeatureNetwork, calls: int
    ) -> None:
        pixels = noise(70, 3, 16, 16)
        whole = extractor(pixels)
        close(torch.cat([extractor(part) for part in torch.split(pixels, calls)]), whole)
        order = torch.randperm(70, generator=torch.Generator().manual_seed(1))
        close(extractor(pixels[order]), whole[order])

    def test_the_same_images_give_the_same_bits(self, extractor: FeatureNetwork) -> None:
        pixels = noise(40, 1, 28, 28)
        assert torch.equal(extractor(pixels), extractor(pixels.clone()))

    def test_different_images_give_different_features(self, extractor: FeatureNetwork) -> None:
        pixels = noise(2, 3, 32, 32)
        vectors = extractor(pixels)
        assert (vectors[0] - vectors[1]).abs().max() > 1e-3

    def test_grey_equals_colour_with_equal_channels(self, extractor: FeatureNetwork) -> None:
        grey = noise(4, 1, 24, 24)
        close(extractor(grey), extractor(grey.repeat(1, 3, 1, 1)))

    def test_opaque_alpha_has_no_effect(self, extractor: FeatureNetwork) -> None:
        for channels in (1, 3):
            pixels = noise(4, channels, 24, 24)
            opaque = torch.full_like(pixels[:, :1], 255)
            close(extractor(torch.cat([pixels, opaque], 1)), extractor(pixels))

    def test_transparent_pixels_count_as_white(self, extractor: FeatureNetwork) -> None:
        pixels, hole = noise(4, 3, 24, 24), torch.full((4, 1, 24, 24), 255, dtype=torch.uint8)
        hole[:, :, 6:18, 6:18] = 0
        white = pixels.clone()
        white[:, :, 6:18, 6:18] = 255
        close(extractor(torch.cat([pixels, hole], 1)), extractor(white))

    def test_memory_layout_has_no_effect(self, extractor: FeatureNetwork) -> None:
        pixels = noise(4, 3, 24, 24)
        close(extractor(pixels.contiguous(memory_format=torch.channels_last)), extractor(pixels))
        assert torch.equal(pixels, noise(4, 3, 24, 24)), "images were changed"

    def test_config_is_complete_and_serialisable(self, extractor: FeatureNetwork) -> None:
        protocol = extractor.config()
        expected = {"features", "dimension", "input", "resize", "preprocessing", "weights", "code"}
        assert expected <= protocol.keys()
        assert protocol["features"] == extractor.name
        assert protocol["dimension"] == extractor.dimension
        assert "alpha over white" in str(protocol["preprocessing"])
        assert int(str(protocol["weights"]), 16) > 0
        assert json.loads(json.dumps(protocol)) == protocol == extractor.config()

    def test_global_state_does_not_change(self, extractor: FeatureNetwork) -> None:
        state, exact = torch.get_rng_state(), torch.backends.cudnn.allow_tf32
        extractor(noise(2, 3, 16, 16))
        assert torch.equal(state, torch.get_rng_state())
        assert torch.backends.cudnn.allow_tf32 == exact
        assert torch.is_grad_enabled()

    @pytest.mark.parametrize(
        "images",
        [
            torch.zeros(2, 3, 16, 16),
            noise(3, 16, 16),
            noise(2, 5, 16, 16),
            noise(2, 16, 16, 3),
            noise(2, 3, 0, 16),
        ],
        ids=["float", "one image", "five channels", "channels last", "no pixels"],
    )
    def test_other_tensors_are_refused(self, extractor: FeatureNetwork, images: Tensor) -> None:
        with pytest.raises(GanvasError, match=r"features need .*shape"):
            extractor(images)


@pytest.mark.parametrize(
    ("count", "side", "expected"),
    [(70, 8, [32, 32, 6]), (5, 200, [2, 2, 1]), (3, 400, [1, 1, 1])],
)
def test_large_images_come_in_smaller_batches(
    monkeypatch: pytest.MonkeyPatch, count: int, side: int, expected: list[int]
) -> None:
    sizes: list[int] = []

    class Network(torch.nn.Module):
        def forward(self, pixels: Tensor) -> tuple[Tensor]:
            sizes.append(len(pixels))
            return (pixels.float().mean((2, 3)),)

    monkeypatch.setattr(features, "_MAX_BATCH_PIXELS", 100_000)
    means = Inception("means", 3, CPU, Network(), "test")
    pixels = noise(count, 3, side, side)
    torch.testing.assert_close(means(pixels), pixels.float().mean((2, 3)))
    assert sizes == expected


class TestChannels:
    def test_alpha_is_composed_over_white(self) -> None:
        pixels = noise(2, 4, 5, 6)
        # by hand in integers: colour * a / 255 + 255 * (1 - a / 255), to the nearest
        values = pixels.numpy().astype(np.int64)
        colour, alpha = values[:, :3], values[:, 3:]
        expected = (2 * (colour * alpha + 255 * (255 - alpha)) + 255) // (2 * 255)
        assert np.array_equal(to_rgb(pixels).numpy(), expected)

    def test_alpha_composition_agrees_with_pillow(self) -> None:
        pixels = noise(1, 2, 16, 16)
        picture = Image.fromarray(pixels[0].permute(1, 2, 0).contiguous().numpy())
        assert picture.mode == "LA"
        page = Image.new("L", picture.size, 255)
        page.paste(picture.getchannel("L"), mask=picture.getchannel("A"))
        difference = to_rgb(pixels)[0].int() - torch.from_numpy(np.array(page)).int()
        assert difference.abs().max() <= 1


class TestResize:
    @pytest.mark.parametrize("size", [(96, 96), (9, 14), (64, 20)])
    def test_resize_agrees_with_pillow(self, size: tuple[int, int]) -> None:
        pixels = noise(1, 3, 40, 32)
        channels = [Image.fromarray(channel.float().numpy()) for channel in pixels[0]]
        assert channels[0].mode == "F"  # Pillow rounds 8-bit images between the two directions
        scaled = [
            np.array(channel.resize((size[1], size[0]), Image.Resampling.BICUBIC))
            for channel in channels
        ]
        expected = torch.from_numpy(np.stack(scaled)).clamp(0, 255)
        torch.testing.assert_close(resized(pixels, size)[0], expected, rtol=0, atol=2e-3)

    def test_the_same_size_is_not_resampled(self) -> None:
        pixels = noise(2, 3, 20, 30)
        assert torch.equal(resized(pixels, (20, 30)), pixels.float())

    def test_overshoot_at_edges_is_clamped(self) -> None:
        pixels = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
        pixels[..., 4:] = 255
        scaled = resized(pixels, (64, 64))
        assert scaled.min() == 0
        assert scaled.max() == 255


class TestNames:
    def test_lite0_is_loaded_by_name(self) -> None:
        require_extra("features")
        network = load_feature_network("lite0", CPU)
        assert (network.name, network.dimension) == ("lite0", 1280)

    @pytest.mark.parametrize(
        ("name", "near"),
        [("lite", "lite0"), ("incepton", "inception"), ("clasifier", "classifier")],
    )
    def test_unknown_name_is_refused_with_a_suggestion(self, name: str, near: str) -> None:
        with pytest.raises(GanvasError, match=f"Did you mean {near}") as caught:
            load_feature_network(name, CPU)
        assert "lite0, inception" in str(caught.value)

    def test_classifier_cannot_be_loaded(self) -> None:
        with pytest.raises(GanvasError, match="are trained on the data"):
            load_feature_network("classifier", CPU)


class TestWeights:
    def written(self, path: Path) -> str:
        torch.save({"w": torch.ones(3)}, path)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def test_published_file_is_read(self, tmp_path: Path) -> None:
        digest = self.written(tmp_path / "w.pth")
        weights = read_weights(tmp_path / "w.pth", digest, "Get it again")
        assert torch.equal(weights["w"], torch.ones(3))

    def test_a_file_with_another_checksum_is_never_loaded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "w.pth"
        digest = self.written(path)
        damaged = bytearray(path.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        path.write_bytes(damaged)
        monkeypatch.setattr(torch, "load", lambda *_args, **_kwargs: pytest.fail("was opened"))
        with pytest.raises(GanvasError, match=rf"expected {digest[:8]}\. Get it again") as caught:
            read_weights(path, digest, "Get it again")
        assert str(path) in str(caught.value)

    def test_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(GanvasError, match=r"cannot read the weights .*gone\.pth: no such file"):
            read_weights(tmp_path / "gone.pth", "0" * 64, "Get it again")

    def test_code_in_a_file_does_not_run(self, tmp_path: Path) -> None:
        class Payload:
            def __reduce__(self) -> tuple[object, tuple[str]]:
                return os.mkdir, (str(tmp_path / "was run"),)

        path = tmp_path / "w.pth"
        torch.save({"w": Payload()}, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with pytest.raises(pickle.UnpicklingError):
            read_weights(path, digest, "Get it again")
        assert not (tmp_path / "was run").exists()


def test_a_batch_of_the_largest_images_fits_into_memory() -> None:
    images, channels, bytes_each = 1, 3, 4
    side = math.isqrt(features._MAX_BATCH_PIXELS)
    assert images * channels * side * side * bytes_each <= 250e6
