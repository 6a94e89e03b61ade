"""Directions: SeFa and GANSpace against independent formulas, labels, moves, and their files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor, nn

from ganvas.errors import GanvasError
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.latents.directions import Directions, first_matrix, ganspace, sefa
from ganvas.latents.latents import Latents, mixtures, styles_of
from ganvas.networks.first_layers import FirstConvolution, FirstLinear
from tests.builders.generators import LATENT_DIM, small_generator
from tests.builders.styles import LAYERS, STRETCH, toy_generator

MANY = Latents(torch.randn(10_000, 4, generator=torch.Generator().manual_seed(0)))
"""Latents of the toys of this page."""


def linear_toy(matrix: Tensor) -> nn.Module:
    """A generator whose images are A z + b."""
    layer = FirstLinear(matrix.shape[1], matrix.shape[0])
    layer.weight.data = matrix
    return layer.requires_grad_(False)


def contrasted(generator: TrainedGenerator) -> TrainedGenerator:
    """The generator with larger weights in its last layer: drawn ones alone give grey."""
    last = [weight for weight in generator.network.parameters() if weight.ndim > 1][-1]
    while generator.sample(16).std() < 40:
        last.mul_(2)
    return generator


def assert_same_lines(ours: Tensor, theirs: np.ndarray) -> None:
    """Rows are the same vectors, whatever their signs."""
    cosines = np.abs((ours.numpy() * theirs).sum(1))
    np.testing.assert_allclose(cosines, 1, atol=1e-5)


class TestSefa:
    WEIGHT = torch.randn(30, 4, generator=torch.Generator().manual_seed(3))

    def test_directions_are_the_right_singular_vectors_of_the_weights(self) -> None:
        """numpy's SVD never forms A^T A. In the authors' code, outputs have length 1."""
        weight = self.WEIGHT.double().numpy()
        _, singular, rows = np.linalg.svd(weight / np.linalg.norm(weight, axis=1, keepdims=True))
        found = sefa(linear_toy(self.WEIGHT), MANY)
        assert_same_lines(found.vectors, rows)
        assert found.shares is not None
        np.testing.assert_allclose(found.shares, singular**2 / (singular**2).sum(), rtol=1e-5)

    def test_the_first_direction_changes_a_linear_generator_most(self) -> None:
        network = linear_toy(F.normalize(self.WEIGHT))
        found = sefa(network, MANY)
        others = F.normalize(torch.randn(500, 4, generator=torch.Generator().manual_seed(1)))
        origin = network(torch.zeros(1, 4))
        changes = (network(found.vectors) - origin).norm(dim=1)
        assert changes.tolist() == sorted(changes.tolist(), reverse=True)
        assert changes[0] > (network(others) - origin).norm(dim=1).max()

    def test_a_transposed_convolution_is_read_as_what_it_computes(self) -> None:
        layer = FirstConvolution(4, 5, (3, 2))
        network = nn.Sequential(nn.Unflatten(1, (4, 1, 1)), layer, nn.Flatten()).double()
        columns = network(torch.eye(4).double()) - network(torch.zeros(1, 4).double())  # (Z, O)
        torch.testing.assert_close(first_matrix(network, MANY), columns.T)

    def test_an_embedding_beside_the_latents_gives_no_direction(self) -> None:
        generator = small_generator("mlp", labelled=True)
        assert first_matrix(generator.network, generator.sample_latents(1)).shape[1] == LATENT_DIM
        assert generator.directions().vectors.shape[1] == LATENT_DIM

    def test_latents_of_later_layers_have_no_part_in_directions_of_the_first(self) -> None:
        generator = small_generator("dcgan", labelled=True)  # one of three chunks: 4 of 8 latents
        found = generator.directions()
        assert found.vectors.shape == (4, LATENT_DIM)
        assert not found.vectors[:, 4:].any()

    def test_styles_take_the_weights_of_all_layers(self) -> None:
        generator = toy_generator()
        weights = [layer.weight.double().numpy() for layer in generator.network.layers]  # type: ignore[union-attr]
        stacked = np.concatenate(weights)
        _, _, rows = np.linalg.svd(stacked / np.linalg.norm(stacked, axis=1, keepdims=True))
        found = generator.directions("sefa")
        assert found.space == "w"
        assert_same_lines(found.vectors, rows)

    def test_a_step_is_a_standard_deviation_of_styles(self) -> None:
        """Styles are stretched latents, so the variance along v is sum (v_i stretch_i)^2."""
        found = toy_generator().directions("sefa")
        expected = (found.vectors * STRETCH).norm(dim=1)
        torch.testing.assert_close(found.step_lengths, expected, rtol=0.03, atol=0)

    def test_a_network_that_names_no_first_layer_is_refused(self) -> None:
        generator = dataclasses.replace(toy_generator(), network=nn.Linear(4, 2))
        for method in ("sefa", "ganspace"):
            with pytest.raises(GanvasError, match="FirstLinear"):
                generator.directions(method)  # type: ignore[arg-type]


class TestGanspace:
    def test_styles_of_known_covariance_give_their_axes_and_shares(self) -> None:
        found = toy_generator().directions("ganspace")
        order = STRETCH.argsort(descending=True)
        torch.testing.assert_close(found.vectors.abs(), torch.eye(4)[order], atol=0.05, rtol=0)
        assert found.shares is not None
        expected = STRETCH.square()[order] / STRETCH.square().sum()
        torch.testing.assert_close(found.shares, expected, atol=0.02, rtol=0)
        torch.testing.assert_close(found.step_lengths, STRETCH[order], rtol=0.03, atol=0)

    def test_without_styles_it_is_what_the_paper_computes_from_samples(self) -> None:
        """PCA of 10,000 first activations, and least squares from coordinates to latents."""
        weight = torch.diag(torch.tensor([4.0, 3.0, 2.0, 1.0]))[:, [2, 0, 3, 1]]
        weight = (
            torch.linalg.qr(torch.randn(30, 4, generator=torch.Generator().manual_seed(5)))[0]
            @ weight
        )
        latents = MANY.values.double().numpy()
        activations = latents @ weight.double().numpy().T + 7.0
        centred = activations - activations.mean(0)
        left, singular, _ = np.linalg.svd(centred, full_matrices=False)
        coordinates = (left * np.sqrt(len(latents)))[:, :4]  # standardised
        back, *_ = np.linalg.lstsq(coordinates, latents, rcond=None)  # (4, Z)
        expected = back / np.linalg.norm(back, axis=1, keepdims=True)

        found = ganspace(linear_toy(weight), MANY)
        cosines = np.abs((found.vectors.numpy() * expected).sum(1))
        assert cosines.min() > 0.995
        assert found.shares is not None
        sampled = singular[:4] ** 2 / (singular**2).sum()
        np.testing.assert_allclose(found.shares, sampled, atol=0.01)


class TestBetweenLabels:
    def test_three_steps_lead_to_the_other_label(self) -> None:
        generator = contrasted(small_generator(labelled=True))
        found = generator.directions("labels", label="green")
        assert found.names == ("green to red", "green to blue")
        assert found.shares is None
        reached = generator.move(found, {1: 3.0}, n=4, labels="green").astype(int)
        assert np.abs(reached - generator.sample(4, labels="blue")).max() <= 1
        assert np.abs(reached - generator.sample(4, labels="green")).max() > 1

    def test_styles_move_by_the_difference_of_their_means(self) -> None:
        generator = toy_generator(labelled=True)
        found = generator.directions("labels")
        assert (found.space, found.names) == ("w", ("cat to dog", "cat to bird"))
        means = generator.network.mean_styles
        torch.testing.assert_close(found.offset({0: 3}), means[1] - means[0])  # type: ignore[index]

    def test_they_need_labels_that_exist(self) -> None:
        with pytest.raises(GanvasError, match="takes no labels"):
            small_generator().directions("labels")
        with pytest.raises(GanvasError, match="no label of this run"):
            small_generator(labelled=True).directions("labels", label="violet")
        with pytest.raises(GanvasError, match="of method labels start, not of sefa"):
            small_generator(labelled=True).directions("sefa", label="red")

    def test_there_are_three_methods(self) -> None:
        with pytest.raises(GanvasError, match=r"'pca' is no method\. There are: sefa, ganspace"):
            small_generator().directions("pca")  # type: ignore[arg-type]

    def test_mixtures_stay_and_labels_become_corners(self) -> None:
        half = torch.tensor([[0.5, 0.5]])
        assert mixtures(half, 2) is half
        assert mixtures(torch.tensor([1]), 3).tolist() == [[0, 1, 0]]


GENERATORS = {
    "dcgan": contrasted(small_generator()),
    "labels": contrasted(small_generator(labelled=True)),
    "styles": toy_generator(),
    "styles and labels": toy_generator(labelled=True),
}
FOUND = [
    pytest.param(generator, method, id=f"{name} {method}")
    for name, generator in GENERATORS.items()
    for method in ("sefa", "ganspace", "labels")
    if method != "labels" or generator.label_set is not None
]


@pytest.mark.parametrize(("generator", "method"), FOUND)
def test_directions_are_unit_vectors_and_the_same_again(
    generator: TrainedGenerator, method: str, tmp_path: Path
) -> None:
    found: Directions = generator.directions(method)  # type: ignore[arg-type]
    torch.testing.assert_close(found.vectors.norm(dim=1), torch.ones(len(found)))
    assert (found.step_lengths > 0).all()
    again = generator.directions(method)  # type: ignore[arg-type]
    assert torch.equal(found.vectors, again.vectors)
    if method != "labels":
        largest = found.vectors.gather(1, found.vectors.abs().argmax(1, keepdim=True))
        assert (largest > 0).all()
        assert found.shares is not None
        assert found.shares.tolist() == sorted(found.shares.tolist(), reverse=True)
        assert float(found.shares.sum()) == pytest.approx(1)
    path = tmp_path / "directions.npz"
    generator.write_directions(path, found)
    read = generator.read_directions(path)
    assert (read.method, read.space, read.names) == (found.method, found.space, found.names)
    assert torch.equal(read.vectors, found.vectors)
    assert torch.equal(read.step_lengths, found.step_lengths)


class TestMoves:
    def test_a_strip_has_the_image_in_its_middle_and_moves_to_both_sides(self) -> None:
        for generator in GENERATORS.values():
            found = generator.directions().first(3)
            strips = generator.strips(found, seed=4)
            assert strips.shape == (3, 7, 16, 16, 1)
            (image,) = generator.sample(1, seed=4).astype(int)
            assert np.abs(strips[:, 3] - image).max() <= 1
            (moved,) = generator.move(found, {2: -1}, seed=4).astype(int)
            assert np.abs(strips[2, 2] - moved).max() <= 1
            assert not np.array_equal(strips[0, 0], strips[0, 6])

    def test_moves_add_up_to_a_step_for_each_direction(self) -> None:
        generator = GENERATORS["dcgan"]
        found = generator.directions()
        latents = Latents(generator.latents(2))
        moved = found.move(generator.network, latents, {0: 2.0, 3: -1.0})
        expected = latents.values + 2 * found.vectors[0] - found.vectors[3]
        torch.testing.assert_close(moved.values, expected)

    def test_gradients_reach_the_latents(self) -> None:
        for generator in (GENERATORS["dcgan"], GENERATORS["styles"]):
            latents = generator.latents(1).requires_grad_()
            moved = generator.directions().move(generator.network, Latents(latents), {0: 1.0})
            moved.values.sum().backward()
            assert latents.grad is not None

    def test_only_chosen_layers_move(self) -> None:
        generator = GENERATORS["styles"]
        found = generator.directions()
        before = styles_of(generator.network, Latents(generator.latents(1))).values
        moved = found.move(generator.network, Latents(generator.latents(1)), {0: 1.0}, [1, 3])
        changed = (moved.values - before).abs().amax((0, 2)) > 0
        assert changed.tolist() == [False, True, False, True]
        rows = (
            generator.move(found, {0: 3.0}, layers=[0])[0, :, :, 0]
            != generator.sample(1)[0, :, :, 0]
        )
        assert rows[:4].any()
        assert not rows[4:].any(), "each layer of the toy draws a quarter of the rows"

    def test_unknown_directions_and_layers_are_refused(self) -> None:
        generator, styles = GENERATORS["dcgan"], GENERATORS["styles"]
        found = generator.directions()
        with pytest.raises(GanvasError, match="no direction 8 and -1: this generator has 0 to 7"):
            generator.move(found, {8: 1.0, -1: 2.0})
        with pytest.raises(GanvasError, match="this generator has none"):
            generator.move(found, {0: 1.0}, layers=[0])
        with pytest.raises(GanvasError, match=f"no layer {LAYERS}: this generator has layers 0 to"):
            styles.move(styles.directions(), {0: 1.0}, layers=[LAYERS])
        with pytest.raises(GanvasError, match="1 to 8, the directions there are, got 9"):
            found.first(9)


class TestFiles:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        generator = small_generator()
        generator.write_directions(tmp_path / "d.npz", generator.directions())
        return tmp_path / "d.npz"

    def test_those_of_another_generator_are_refused(self, path: Path) -> None:
        with pytest.raises(GanvasError, match="of another generator"):
            small_generator("mlp").read_directions(path)

    def test_what_is_no_file_of_directions_is_refused(self, tmp_path: Path) -> None:
        generator = small_generator()
        with pytest.raises(GanvasError, match="no such file"):
            generator.read_directions(tmp_path / "absent.npz")
        with pytest.raises(GanvasError, match=r"is a folder: name the \.npz of directions"):
            generator.read_directions(tmp_path)
        (tmp_path / "text.npz").write_text("no archive")
        with pytest.raises(GanvasError, match=r"is no \.npz"):
            generator.read_directions(tmp_path / "text.npz")
        np.save(tmp_path / "array.npy", np.zeros(3))
        with pytest.raises(GanvasError, match=r"is one array: expected an \.npz of directions"):
            generator.read_directions(tmp_path / "array.npy")
        np.savez(tmp_path / "other.npz", vectors=np.zeros(3))
        with pytest.raises(GanvasError, match="holds no directions: it lacks method"):
            generator.read_directions(tmp_path / "other.npz")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("vectors", np.zeros((3, 8), np.float32)),
            ("vectors", np.zeros(8, np.float32)),
            ("step_lengths", np.full(8, np.nan, np.float32)),
            ("shares", np.zeros(8)),
            ("method", np.array("magic")),
            ("space", np.array("q")),
        ],
    )
    def test_damaged_ones_are_refused(self, path: Path, name: str, value: np.ndarray) -> None:
        with np.load(path) as file:
            arrays = {**file, name: value}
        np.savez(path, **arrays)
        with pytest.raises(GanvasError, match="is damaged"):
            small_generator().read_directions(path)
