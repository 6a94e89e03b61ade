"""StyleGAN2's layers against closed forms, finite differences and loops in numpy."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck

from ganvas.networks import Dimensions, ImageShape, StyleDiscriminator, StyleGenerator
from ganvas.networks.equalised import MinibatchDeviation, Smoothing, equalised
from ganvas.networks.modulated import MappingNetwork, ModulatedConvolution, StyleNetwork
from ganvas.networks.styles import StyleMixing, mix_styles, same_for_all, training_styles
from tests.builders.tiny import small, start, tiny_recipe


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


def modulated(
    in_channels: int, out_channels: int, *, doubles: bool, kernel: int = 3
) -> ModulatedConvolution:
    torch.manual_seed(0)
    layer = ModulatedConvolution(in_channels, out_channels, kernel, 4, doubles=doubles)
    return layer.double()


def demodulated(layer: ModulatedConvolution, images: Tensor, styles: Tensor) -> Tensor:
    scales = layer.scales(styles)
    return layer.convolve(images, scales) * layer.demodulation(scales)[:, :, None, None]


def generator(labels: int = 0, width: int = 8) -> StyleNetwork:
    torch.manual_seed(0)
    config = StyleGenerator(width=width, conditioning="concatenation" if labels else "none")
    network = config.build(Dimensions(ImageShape(1, 16, 16), 6, labels))
    assert isinstance(network, StyleNetwork)
    return network


class TestModulatedConvolution:
    @pytest.mark.parametrize("doubles", [False, True])
    def test_gradients_of_first_and_second_order_are_finite_differences(
        self, doubles: bool
    ) -> None:
        layer = modulated(2, 2, doubles=doubles)
        weight = layer.convolution.parametrizations.weight.original
        inputs = (normal(2, 2, 3, 3), normal(2, 4, seed=1))
        tensors = tuple(tensor.requires_grad_() for tensor in inputs)

        def convolve(images: Tensor, styles: Tensor, _: Tensor) -> Tensor:
            return demodulated(layer, images, styles)

        assert gradcheck(convolve, (*tensors, weight))
        assert gradgradcheck(convolve, (*tensors, weight))

    @pytest.mark.parametrize("doubles", [False, True])
    def test_outputs_of_independent_inputs_have_variance_1(self, doubles: bool) -> None:
        """Whatever the style; where the kernel sees no border. Doubling smooths, which takes some
        of the variance, and is left out."""
        layer = modulated(16, 8, doubles=doubles)
        layer.smooth = nn.Identity()
        images = normal(2_000, 16, 3, 3)
        styles = 5 * normal(1, 4, seed=1)
        outputs = demodulated(layer, images, styles.expand(2_000, -1))
        if doubles:  # a pixel of the result has 1, 2 or 4 of the 9 taps: together they have all
            squares = outputs[:, :, 2:4, 2:4].square().mean(0).sum((1, 2))
        else:
            squares = outputs[:, :, 1, 1].square().mean(0)
        torch.testing.assert_close(squares, torch.ones(8).double(), rtol=0, atol=0.12)

    def test_the_scale_of_a_style_changes_nothing(self) -> None:
        layer = modulated(3, 2, doubles=False)
        images, scales = normal(2, 3, 5, 5), normal(2, 3, seed=1)
        outputs = [
            layer.convolve(images, factor * scales)
            * layer.demodulation(factor * scales)[:, :, None, None]
            for factor in (1.0, 100.0)
        ]
        torch.testing.assert_close(*outputs, rtol=1e-6, atol=1e-6)

    def test_styles_scale_by_1_at_first(self) -> None:
        layer = modulated(3, 2, doubles=False)
        assert torch.equal(layer.scales(torch.zeros(2, 4).double()), torch.ones(2, 3).double())


class TestSmoothing:
    @pytest.mark.parametrize(("padding", "stride"), [(1, 1), (2, 1), (1, 2)])
    def test_it_is_the_direct_convolution(self, padding: int, stride: int) -> None:
        images = normal(2, 3, 6, 8).numpy()
        taps = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
        padded = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
        rows, columns = (side - 3 for side in padded.shape[2:])
        expected = np.array(
            [
                [
                    (padded[:, :, row : row + 4, column : column + 4] * taps).sum((2, 3))
                    for column in range(0, columns, stride)
                ]
                for row in range(0, rows, stride)
            ]
        ).transpose(2, 3, 0, 1)
        layer = Smoothing(padding, stride).double()
        for inputs in (torch.from_numpy(images), torch.from_numpy(images).requires_grad_()):
            np.testing.assert_allclose(layer(inputs).detach().numpy(), expected, atol=1e-12)

    def test_doubling_keeps_the_mean_of_a_flat_image(self) -> None:
        """Zeros between its pixels, then a filter of sum 4; away from the border."""
        layer = modulated(1, 1, doubles=True)
        with torch.no_grad():  # a kernel that copies each pixel to one of four
            layer.convolution.parametrizations.weight.original.zero_()[..., 1, 1] = 3.0
        doubled = layer.convolve(torch.full((1, 1, 6, 6), 0.7).double(), torch.ones(1, 1).double())
        assert doubled.shape == (1, 1, 12, 12)
        torch.testing.assert_close(doubled[..., 2:-2, 2:-2], torch.full((1, 1, 8, 8), 0.7).double())


class TestEqualisedLearningRate:
    @pytest.mark.parametrize("rate", [1.0, 0.01])
    def test_first_weights_keep_the_variance_whatever_the_rate(self, rate: float) -> None:
        torch.manual_seed(0)
        layer = equalised(nn.Linear(400, 50), rate)
        assert float(layer.weight.detach().std()) == pytest.approx(1 / 400**0.5, rel=0.03)
        assert not layer.bias.any()
        stored = layer.parametrizations.weight.original
        assert float(stored.detach().std()) == pytest.approx(1 / rate, rel=0.03)

    @pytest.mark.parametrize("rate", [1.0, 0.01])
    def test_adam_moves_weights_in_proportion_to_rate_and_fan_in(self, rate: float) -> None:
        layer = equalised(nn.Linear(400, 5), rate)
        optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
        weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
        layer(torch.ones(1, 400)).sum().backward()
        optimizer.step()
        moved = (weight - layer.weight, bias - layer.bias)
        torch.testing.assert_close(
            moved[0], torch.full((5, 400), 0.1 * rate / 20), rtol=1e-3, atol=1e-6
        )
        torch.testing.assert_close(moved[1], torch.full((5,), 0.1 * rate), rtol=1e-3, atol=1e-6)

    def test_fan_in_of_a_transposed_convolution_counts_input_channels(self) -> None:
        torch.manual_seed(0)
        layer = equalised(nn.ConvTranspose2d(100, 40, 3))
        assert float(layer.weight.detach().std()) == pytest.approx(1 / 900**0.5, rel=0.02)


class TestMapping:
    def test_the_length_of_latents_changes_nothing(self) -> None:
        torch.manual_seed(0)
        mapping = MappingNetwork(6, 0, 8, 2).double().eval()
        latents = normal(3, 6)
        torch.testing.assert_close(mapping(latents), mapping(30 * latents))

    def test_one_layer_by_hand(self) -> None:
        """Latents (3, 4) have mean square 12.5; the weight is stored at 100 times its scale."""
        mapping = MappingNetwork(2, 0, 2, 1).double().eval()
        layer = mapping.layers[0].parametrizations
        with torch.no_grad():
            layer.weight.original.copy_(torch.tensor([[100.0, 0.0], [0.0, -100.0]]))
            layer.bias.original.copy_(torch.tensor([50.0, 0.0]))
        styles = mapping(torch.tensor([[3.0, 4.0]]).double())
        normalised = torch.tensor([3.0, 4.0]).double() / 12.5**0.5 / 2**0.5
        expected = torch.stack([normalised[0] + 0.5, -0.2 * normalised[1]]) * 2**0.5
        torch.testing.assert_close(styles[0], expected)

    def test_it_runs_in_float32_in_training_in_bfloat16(self) -> None:
        network = generator()
        with torch.autocast("cpu", torch.bfloat16):
            assert network.map(torch.randn(2, 6)).dtype == torch.float32


class TestMeanStyles:
    def test_it_is_the_mean_of_many_styles(self) -> None:
        network = generator()
        batches = [normal(64, 6, seed=seed).float() for seed in range(1_000)]
        with torch.no_grad():
            for batch in batches:
                network.map(batch)
            every = network.eval().map(torch.cat(batches))
        spread = every.std(0) / (64 * 400) ** 0.5  # of a mean that remembers 400 batches
        assert ((network.mean_styles - every.mean(0)).abs() < 5 * spread).all()

    def test_the_first_batch_is_its_own_mean(self) -> None:
        network = generator()
        styles = network.map(normal(5, 6).float())
        torch.testing.assert_close(network.mean_styles, styles.mean(0))
        assert styles.requires_grad
        assert not network.mean_styles.requires_grad

    def test_evaluation_changes_nothing(self) -> None:
        network = generator()
        network.map(normal(5, 6).float())
        before = network.mean_styles
        network.eval().map(normal(5, 6, seed=1).float())
        assert torch.equal(before, network.mean_styles)

    def test_each_label_has_its_own_and_a_rare_one_too(self) -> None:
        network = generator(labels=3)
        labels = torch.tensor([0, 0, 0, 2])
        first, second = (network.map(normal(4, 6, seed=seed).float(), labels) for seed in (0, 1))
        decay = 0.995
        expected = torch.zeros(3, 8)
        for label in (0, 2):
            rows = labels == label
            means = first[rows].mean(0), second[rows].mean(0)
            expected[label] = (decay * means[0] + means[1]) / (decay + 1)
        torch.testing.assert_close(network.mean_styles, expected)
        network.map(normal(2, 6).float(), torch.tensor([1, 1]))
        torch.testing.assert_close(network.mean_styles[2], expected[2])

    def test_that_of_the_average_is_the_mean_of_what_the_average_makes(self) -> None:
        """Not that of the generator that trains, whose mapping is another."""
        recipe = tiny_recipe(small("style"), ema_half_life=200, ema_rampup=0.0)
        state = start(recipe)
        latents = normal(500, recipe.latent_dim).float()
        gain = 1.0
        with torch.no_grad():
            for seed in range(100):  # a generator whose styles become larger, as if it were trained
                state.generator.map(normal(500, recipe.latent_dim, seed=seed).float())
                state.update_ema(recipe, images=4)
                gain *= 1.01
                for layer in state.generator.mapping.layers:
                    if isinstance(layer, nn.Linear):
                        layer.parametrizations.weight.original.mul_(1.01**0.5)
            means = {
                name: network.eval().map(latents).mean(0)
                for name, network in (("ema", state.ema), ("generator", state.generator))
            }
        close = (state.ema.mean_styles - means["ema"]).norm()
        assert close < 0.3 * (means["generator"] - means["ema"]).norm()

    def test_it_is_in_the_state_dict_and_in_a_copy(self) -> None:
        network, other = generator(), generator()
        network.map(normal(5, 6).float())
        other.load_state_dict(network.state_dict())
        assert torch.equal(other.mean_styles, network.mean_styles)
        assert torch.equal(copy.deepcopy(network).mean_styles, network.mean_styles)


class TestStyles:
    def test_images_are_made_of_styles_that_are_the_same_for_all_layers(self) -> None:
        network = generator().eval()
        latents = normal(3, 6).float()
        styles = same_for_all(network.map(latents), network.style_layers)
        assert styles.shape == (3, 6, 8)  # two for each of 4x4, 8x8 and 16x16
        assert torch.equal(network(latents), network.synthesise(styles))

    def test_each_layer_has_an_effect(self) -> None:
        network = generator().eval()
        styles = normal(1, 6, 8).float()
        before = network.synthesise(styles)
        for layer in range(6):
            changed = styles.clone()
            changed[:, layer] += 1
            assert not torch.equal(network.synthesise(changed), before), layer

    def test_an_image_is_a_function_of_its_latents_while_it_trains_too(self) -> None:
        network = generator()
        latents = normal(3, 6).float()
        assert torch.equal(network(latents), network(latents))
        assert torch.allclose(network(latents)[1:], network(latents[1:]), atol=1e-6)

    def test_mixing_takes_finer_layers_from_other_latents(self) -> None:
        coarse, fine = torch.zeros(4, 3, 2), torch.ones(4, 3, 2)
        mixed = mix_styles(coarse, fine, torch.tensor([0, 1, 2, 3]))
        expected = torch.tensor([[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]]).float()
        assert torch.equal(mixed, expected[:, :, None].expand(-1, -1, 2))

    def test_mixed_styles_of_training(self) -> None:
        network = generator(labels=2).eval()
        latents, others, labels = (
            normal(2, 6).float(),
            normal(2, 6, seed=1).float(),
            torch.arange(2),
        )
        mixing = StyleMixing(others, torch.tensor([2, 6]))
        styles = training_styles(network, latents, (labels,), mixing)
        first, second = network.map(latents, labels), network.map(others, labels)
        assert torch.equal(styles[0], torch.stack([first[0]] * 2 + [second[0]] * 4))
        assert torch.equal(styles[1], torch.stack([first[1]] * 6))
        assert torch.equal(
            training_styles(network, latents, (labels,), None), same_for_all(first, 6)
        )


class TestMinibatchDeviation:
    @pytest.mark.parametrize("count", [4, 6, 7])
    def test_it_is_the_loop_over_groups(self, count: int) -> None:
        """A last group has what remains; of one image the deviation is 0."""
        features = normal(count, 3, 2, 5)
        result = MinibatchDeviation(2).double()(features).numpy()
        values = features.numpy()
        assert np.array_equal(result[:, :3], values)
        for first in range(0, count, 2):
            group = values[first : first + 2]
            deviation = np.sqrt(group.var(0) + 1e-8).mean()
            np.testing.assert_allclose(result[first : first + 2, 3], deviation, rtol=1e-12)

    def test_equal_images_have_a_gradient(self) -> None:
        features = torch.ones(4, 3, 2, 2, requires_grad=True)
        MinibatchDeviation(4)(features).sum().backward()
        assert features.grad is not None
        assert features.grad.isfinite().all()

    def test_the_running_mean_keeps_no_graph(self) -> None:
        """It would grow with every step, and a network with it cannot be copied."""
        layer = MinibatchDeviation(2)
        layer(normal(4, 3, 2, 2).float().requires_grad_())
        assert not any(statistic.requires_grad for statistic in layer.buffers())

    def test_in_evaluation_the_running_mean_stands_in(self) -> None:
        layer = MinibatchDeviation(2)
        seen = [layer(normal(4, 3, 2, 2, seed=seed).float())[:, 3].mean() for seed in (0, 1)]
        expected = (0.995 * seen[0] + seen[1]) / 1.995
        other = normal(3, 3, 2, 2, seed=2).float()
        result = layer.eval()(other)
        torch.testing.assert_close(result[:, 3], expected.expand(3, 2, 2))
        assert torch.equal(layer(other), result)

    def test_a_logit_depends_on_its_group_alone(self) -> None:
        torch.manual_seed(0)
        network = StyleDiscriminator(width=4, deviation_group=2).build(
            Dimensions(ImageShape(1, 16, 16), 6)
        )
        images = normal(4, 1, 16, 16).float().requires_grad_()
        (gradient,) = torch.autograd.grad(network(images)[0], images)
        reached = gradient.flatten(1).abs().amax(1) > 0
        assert reached.tolist() == [True, True, False, False]
