"""The dtype of the networks: which one is chosen and why, and what bfloat16 changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ganvas import precision
from ganvas.errors import DeviceError
from ganvas.networks import DCGANDiscriminator, DCGANGenerator, Dimensions, ImageShape
from ganvas.objectives import constraints
from ganvas.precision import FP32, Precision, choose_precision, has_bfloat16

BF16 = Precision("bf16", "for a test")
CPU = torch.device("cpu")
ROUNDING = 2.0**-9
"""Largest relative error of rounding to bfloat16 (8 bits of mantissa)."""


def cpuinfo(folder: Path, line: str) -> Path:
    path = folder / "cpuinfo"
    path.write_text(f"processor\t: 0\nmodel name\t: bf16 in a name is not a flag\n{line}\n\n")
    return path


def on_processor(monkeypatch: pytest.MonkeyPatch, *flags: str) -> None:
    """Pretend that the processor has these features."""
    monkeypatch.setattr(precision, "cpu_flags", lambda *_: frozenset(flags))


class TestChoice:
    @pytest.mark.parametrize(
        ("line", "supported"),
        [
            ("flags\t\t: fpu sse2 avx512f avx512_bf16 amx_tile", True),
            ("flags\t\t: fpu amx_bf16 amx_tile", True),
            ("flags\t\t: fpu sse2 avx512f avx512_vnni", False),
            ("Features\t: fp asimd i8mm bf16", True),
            ("Features\t: fp asimd", False),
            ("flags : fpu avx512f\nbugs : bf16", False),
            ("", False),
        ],
    )
    def test_cpuinfo_lists_the_instructions(
        self, tmp_path: Path, line: str, supported: bool
    ) -> None:
        assert has_bfloat16(cpuinfo(tmp_path, line)) is supported

    def test_without_cpuinfo_there_is_no_bfloat16(self, tmp_path: Path) -> None:
        assert not has_bfloat16(tmp_path / "no-cpuinfo")

    @pytest.mark.parametrize("supported", [True, False])
    def test_auto_takes_bfloat16_for_convolutions_where_the_processor_has_it(
        self, monkeypatch: pytest.MonkeyPatch, supported: bool
    ) -> None:
        on_processor(monkeypatch, *(["amx_bf16"] if supported else []))
        chosen = choose_precision(
            "auto",
            CPU,
            DCGANGenerator(width=32).build(Dimensions(ImageShape(1, 16, 16), 6)),
            DCGANDiscriminator(width=32).build(Dimensions(ImageShape(1, 16, 16), 6)),
        )
        assert chosen.name == ("bf16" if supported else "fp32")
        assert "has bfloat16" in chosen.why if supported else "no bfloat16" in chosen.why

    @pytest.mark.parametrize(
        "network",
        [
            nn.Linear(64, 64),
            nn.Conv2d(1, 64, 3),
            nn.Conv2d(64, 31, 3),
            nn.Conv2d(64, 64, 3, groups=4),
            nn.ConvTranspose2d(64, 64, 4),  # from latents to a grid: one position
        ],
    )
    def test_auto_takes_float32_for_networks_without_wide_convolutions(
        self, monkeypatch: pytest.MonkeyPatch, network: nn.Module
    ) -> None:
        on_processor(monkeypatch, "avx512_bf16", "amx_bf16")
        assert choose_precision("auto", CPU, network).name == "fp32"
        wide = nn.ConvTranspose2d(32, 32, 4, 2, 1)
        assert choose_precision("auto", CPU, network, wide).name == "bf16"

    def test_avx512_needs_more_channels_than_amx(self, monkeypatch: pytest.MonkeyPatch) -> None:
        on_processor(monkeypatch, "avx512_bf16")
        less, enough = nn.Conv2d(64, 63, 3, padding=1), nn.Conv2d(64, 64, 1)
        chosen = choose_precision("auto", CPU, less)
        assert (chosen.name, chosen.why) == (
            "fp32",
            "no convolution has 64 channels, which bfloat16 needs",
        )
        assert choose_precision("auto", CPU, less, enough).name == "bf16"

    @pytest.mark.parametrize("supported", [True, False])
    def test_a_set_precision_is_used_or_refused(
        self, monkeypatch: pytest.MonkeyPatch, supported: bool
    ) -> None:
        monkeypatch.setattr(precision, "has_bfloat16", lambda: supported)
        assert choose_precision("fp32", CPU, nn.Linear(2, 2)).name == "fp32"
        if supported:
            assert choose_precision("bf16", CPU, nn.Linear(2, 2)).name == "bf16"
        else:
            expected = r"precision bf16: this processor .* Set precision to fp32 or auto"
            with pytest.raises(DeviceError, match=expected) as caught:
                choose_precision("bf16", CPU, nn.Linear(2, 2))
            assert caught.value.exit_code == 2

    @pytest.mark.parametrize(("capability", "supported"), [((7, 5), False), ((8, 0), True)])
    def test_compute_capability_decides_on_a_gpu(
        self, monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], supported: bool
    ) -> None:
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "An old GPU")
        cuda, wide = torch.device("cuda"), nn.Conv2d(64, 64, 1)
        assert choose_precision("auto", cuda, wide).name == ("bf16" if supported else "fp32")
        if not supported:
            with pytest.raises(DeviceError, match="bf16: An old GPU has no bfloat16"):
                choose_precision("bf16", cuda, wide)

    def test_other_devices_use_float32(self) -> None:
        chosen = choose_precision("auto", torch.device("mps"), nn.Conv2d(64, 64, 1))
        assert chosen.name == "fp32"
        assert "mps" in chosen.why


class TestPassing:
    def test_float32_is_the_network_itself(self) -> None:
        network = nn.Linear(2, 2)
        assert FP32.through(network) is network

    def test_operands_are_rounded_and_results_are_float32(self) -> None:
        """A 1x1 convolution in bfloat16 is the product of the rounded factors, rounded again."""
        network = nn.Conv2d(1, 1, kernel_size=1, bias=False)
        weight, inputs = 1 + 2.0**-10, 3 + 2.0**-6
        nn.init.constant_(network.weight, weight)
        outputs = BF16.through(network)(torch.full((1, 1, 1, 1), inputs)).detach()
        rounded = torch.tensor([weight, inputs]).bfloat16()
        assert rounded.tolist() == [1.0, 3.015625]
        assert outputs.dtype == torch.float32
        assert outputs.item() == float((rounded[0] * rounded[1]).bfloat16()) != weight * inputs

    def test_weights_and_their_gradients_stay_float32(self) -> None:
        network = nn.Sequential(nn.Conv2d(1, 4, kernel_size=3), nn.Flatten(), nn.Linear(16, 1))
        BF16.through(network)(torch.randn(2, 1, 4, 4)).sum().backward()
        for weight in network.parameters():
            assert weight.dtype == torch.float32
            assert weight.grad is not None
            assert weight.grad.dtype == torch.float32

    def test_autocast_ends_with_the_forward_pass(self) -> None:
        network = nn.Linear(3, 3)
        inputs = torch.randn(2, 3)
        before = network(inputs)
        BF16.through(network)(inputs)
        assert not torch.is_autocast_enabled("cpu")
        assert torch.equal(network(inputs), before)


class TestSpectralNorm:
    @staticmethod
    def normed() -> nn.Sequential:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(2, 3, kernel_size=3), nn.Flatten(), nn.Linear(12, 1))
        constraints.spectral_norm(network)
        return network

    def test_spectral_norms_are_float32_and_iterate_once_per_pass(self) -> None:
        """After a forward pass the power iteration has the same state as in float32."""
        inputs = torch.randn(2, 2, 4, 4)
        ours, theirs = self.normed(), self.normed()
        BF16.through(ours)(inputs)
        theirs(inputs)
        for name, value in theirs.state_dict().items():
            assert torch.equal(ours.state_dict()[name], value), name

    def test_no_product_of_the_iteration_can_be_rounded(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Which autocast rounds depends on the device: on a CPU not those with a vector."""
        rounding = []
        forward = parametrizations._SpectralNorm.forward

        def watched(norm: parametrizations._SpectralNorm, weight: Tensor) -> Tensor:
            rounding.append(torch.is_autocast_enabled("cpu"))
            return forward(norm, weight)

        network = self.normed()
        monkeypatch.setattr(parametrizations._SpectralNorm, "forward", watched)
        BF16.through(network)(torch.randn(2, 2, 4, 4))
        assert rounding == [False, False]

    def test_the_forward_pass_uses_the_normalised_weight(self) -> None:
        network = self.normed().eval()
        inputs = torch.randn(2, 2, 4, 4)
        first, last = network[0], network[2]
        assert isinstance(first, nn.Conv2d)
        assert isinstance(last, nn.Linear)

        def rounded(tensor: Tensor) -> Tensor:
            return tensor.detach().bfloat16().float()

        seen = nn.functional.conv2d(rounded(inputs), rounded(first.weight), rounded(first.bias))
        expected = rounded(seen).flatten(1) @ rounded(last.weight).T + rounded(last.bias)
        outputs = BF16.through(network)(inputs)
        torch.testing.assert_close(outputs, expected, rtol=2 * ROUNDING, atol=2 * ROUNDING)
