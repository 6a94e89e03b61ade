"""What later networks rely on: labels, several heads, frozen parameters.

The networks here exist in this test alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import ganvas
from ganvas.errors import DataError, RecipeError
from ganvas.networks import DISCRIMINATORS, GENERATORS, Dimensions, Discriminator, Generator
from ganvas.objectives.losses import LOSSES
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import Recipe, checked
from ganvas.runs.labels import with_labels
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.tiny import narrow, same, start, tiny_data, tiny_recipe, weights_of

LABELS = 3
Call = tuple[Tensor, Tensor | None]


class Conditional(nn.Module):
    """Adds an embedding of the labels, and remembers every call."""

    def __init__(self, inputs: int, outputs: tuple[int, ...], num_labels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, int(np.prod(outputs)))
        self.embedding = nn.Embedding(num_labels, inputs)
        self.outputs = outputs
        self.calls: list[Call] = []

    def forward(self, inputs: Tensor, labels: Tensor) -> Tensor:
        self.calls.append((inputs, labels))
        hidden = inputs.flatten(1) * (1 + self.embedding(labels))
        return self.linear(hidden).reshape(len(inputs), *self.outputs)


class TwoHeads(nn.Module):
    """Two logits per image, of a frozen and of a trainable layer."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.frozen = nn.Linear(pixels, 4).requires_grad_(False)
        self.heads = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.heads(self.frozen(images.flatten(1)).tanh())
        return logits  # (N, 2)


class FrozenStem(nn.Module):
    """An image from a frozen and a trainable layer."""

    def __init__(self, latent_dim: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.frozen = nn.Linear(latent_dim, 4).requires_grad_(False)
        self.image = nn.Sequential(nn.Linear(4, math.prod(shape)), nn.Unflatten(1, shape))

    def forward(self, latents: Tensor) -> Tensor:
        images: Tensor = self.image(self.frozen(latents).tanh()).tanh()
        return images


def pixels_of(dimensions: Dimensions) -> int:
    image = dimensions.image
    return image.channels * image.height * image.width


@pytest.fixture(autouse=True)
def families() -> Iterator[None]:
    """Networks that are registered while a test of this file runs."""
    tables = (GENERATORS, DISCRIMINATORS)
    before = [dict(table) for table in tables]

    @dataclass(frozen=True, kw_only=True)
    class LabelledGenerator(Generator):
        name: ClassVar[str] = "labelled"

        @property
        def uses_labels(self) -> bool:
            return True

        def build(self, dimensions: Dimensions) -> nn.Module:
            image = dimensions.image
            shape = (image.channels, image.height, image.width)
            return Conditional(dimensions.latent_dim, shape, dimensions.num_labels)

    @dataclass(frozen=True, kw_only=True)
    class StemGenerator(Generator):
        name: ClassVar[str] = "stem"

        def build(self, dimensions: Dimensions) -> nn.Module:
            image = dimensions.image
            return FrozenStem(dimensions.latent_dim, (image.channels, image.height, image.width))

    @dataclass(frozen=True, kw_only=True)
    class LabelledDiscriminator(Discriminator):
        name: ClassVar[str] = "labelled"

        @property
        def uses_labels(self) -> bool:
            return True

        def build(self, dimensions: Dimensions) -> nn.Module:
            return Conditional(pixels_of(dimensions), (), dimensions.num_labels)

        @property
        def uses_batch_statistics(self) -> bool:
            return False

    @dataclass(frozen=True, kw_only=True)
    class HeadsDiscriminator(Discriminator):
        name: ClassVar[str] = "heads"

        def build(self, dimensions: Dimensions) -> nn.Module:
            return TwoHeads(pixels_of(dimensions))

        @property
        def uses_batch_statistics(self) -> bool:
            return False

    yield
    for table, content in zip(tables, before, strict=True):
        table.clear()
        table.update(content)


def labelled_data() -> Any:
    data = tiny_data(count=14)
    labels = np.arange(14) % LABELS
    return dataclasses.replace(data, labels=labels, label_names=("a", "b", "c"))


def labelled_state(recipe: Recipe) -> TrainState:
    return TrainState.start(checked(recipe), labelled_data(), 0, torch.device("cpu"))


def penalised(*names: str) -> Penalties:
    return Penalties(**{name: PenaltySettings(weight=1.0) for name in names})


class TestLabels:
    @pytest.mark.parametrize("loss", LOSSES)
    def test_real_and_fake_of_a_pair_share_the_label_of_the_data(self, loss: Any) -> None:
        recipe = tiny_recipe(
            (GENERATORS["labelled"](), DISCRIMINATORS["labelled"]()),
            objective=ObjectiveSettings(loss=loss, penalties=penalised(*PENALTIES)),
        )
        state = labelled_state(recipe)
        train_step(state, recipe)
        generator, discriminator = state.generator, state.discriminator
        assert isinstance(generator, Conditional)
        assert isinstance(discriminator, Conditional)
        images, labels = labelled_data().images, labelled_data().labels
        (_, expected), *_ = generator.calls
        for seen, given in discriminator.calls:
            assert given is not None
            assert torch.equal(given, expected)
            assert len(seen) == len(given)
        real, real_labels = discriminator.calls[0]
        assert real_labels is not None
        for image, label in zip(real.detach(), real_labels, strict=True):
            distances = np.abs(images / 127.5 - 1 - image.numpy()).reshape(len(images), -1).sum(1)
            assert labels[distances.argmin()] == label, "the label of another image"

    @pytest.mark.parametrize(
        ("generator", "discriminator"), [("labelled", "dcgan"), ("dcgan", "labelled")]
    )
    def test_a_network_without_conditioning_never_sees_labels(
        self, generator: str, discriminator: str
    ) -> None:
        """The other network's forward takes one argument, and would fail."""
        recipe = tiny_recipe((narrow(GENERATORS[generator]), narrow(DISCRIMINATORS[discriminator])))
        state = labelled_state(recipe)
        for _ in range(2):
            train_step(state, recipe)
        conditional = state.generator if generator == "labelled" else state.discriminator
        assert isinstance(conditional, Conditional)
        assert all(labels is not None for _, labels in conditional.calls)

    def test_a_generator_batch_of_another_size_has_labels_of_the_data_too(self) -> None:
        recipe = tiny_recipe(
            (GENERATORS["labelled"](), DISCRIMINATORS["labelled"]()), generator_batch=6
        )
        state = labelled_state(recipe)
        train_step(state, recipe)
        assert isinstance(state.generator, Conditional)
        latents, labels = state.generator.calls[-1]
        assert labels is not None
        assert len(latents) == len(labels) == 6

    def test_a_step_with_labels_trains_in_bfloat16(self) -> None:
        recipe = tiny_recipe(
            (GENERATORS["labelled"](), DISCRIMINATORS["labelled"]()), precision="bf16"
        )
        state = labelled_state(recipe)
        train_step(state, recipe)

    def test_conditional_training_resumes_bit_for_bit(self) -> None:
        recipe = tiny_recipe((GENERATORS["labelled"](), DISCRIMINATORS["labelled"]()))
        straight, resumed = labelled_state(recipe), labelled_state(recipe)
        train_step(straight, recipe)
        resumed.restore(
            {name: tensor.clone() for name, tensor in straight.tensors().items()},
            straight.values(),
        )
        for state in (straight, resumed):
            train_step(state, recipe)
        assert same(straight.tensors().values(), resumed.tensors().values())

    def test_data_without_labels_is_refused(self) -> None:
        recipe = tiny_recipe((GENERATORS["labelled"](), narrow(DISCRIMINATORS["dcgan"])))
        with pytest.raises(DataError, match=r"take labels, and these images have none"):
            with_labels(recipe, tiny_data())
        assert with_labels(recipe, labelled_data())[0].takes_labels

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"objective": ObjectiveSettings(pac=2)}, "objective.pac"),
            (
                {
                    "objective": ObjectiveSettings(loss="relativistic"),
                    "fresh_reals_for_generator": True,
                },
                "fresh_reals_for_generator",
            ),
        ],
    )
    def test_pairs_that_cannot_share_a_label_are_refused(
        self, changes: dict[str, Any], field: str
    ) -> None:
        recipe = tiny_recipe((narrow(GENERATORS["dcgan"]), DISCRIMINATORS["labelled"]()), **changes)
        with pytest.raises(RecipeError) as caught:
            checked(recipe)
        (problem,) = caught.value.problems
        assert problem.startswith(f"{field}: ")


class TestHeads:
    @pytest.mark.parametrize("loss", LOSSES)
    @pytest.mark.parametrize("penalty", [*PENALTIES, "none"])
    def test_several_logits_per_image_train_under_every_loss_and_penalty(
        self, loss: Any, penalty: str
    ) -> None:
        penalties = Penalties() if penalty == "none" else penalised(penalty)
        recipe = tiny_recipe(
            (narrow(GENERATORS["dcgan"]), DISCRIMINATORS["heads"]()),
            objective=ObjectiveSettings(loss=loss, penalties=penalties, pac=2),
        )
        state = start(recipe)
        before = weights_of(state.generator)
        train_step(state, recipe)
        assert not same(before, state.generator.parameters())
        assert all(weight.isfinite().all() for weight in state.discriminator.parameters())


class TestFrozenParameters:
    def recipe(self, **objective: Any) -> Recipe:
        return tiny_recipe(
            (narrow(GENERATORS["dcgan"]), DISCRIMINATORS["heads"]()),
            objective=ObjectiveSettings(loss="wasserstein", **objective),
        )

    @pytest.mark.parametrize("objective", [{}, {"clip_weights": 1e-3}, {"spectral_norm": True}])
    def test_training_and_constraints_leave_them_alone(self, objective: dict[str, Any]) -> None:
        recipe = self.recipe(**objective)
        state = start(recipe)
        network: Any = state.discriminator
        frozen = [tensor.clone() for tensor in network.frozen.state_dict().values()]
        heads = weights_of(network.heads)
        for _ in range(3):
            train_step(state, recipe)
        assert same(frozen, network.frozen.state_dict().values())
        assert not any(weight.requires_grad for weight in network.frozen.parameters())
        assert not same(heads, network.heads.parameters())
        assert all(weight.requires_grad for weight in network.heads.parameters())

    def test_a_checkpoint_lacks_them_and_resumes(self, tmp_path: Path) -> None:
        recipe = self.recipe()
        straight, resumed = start(recipe), start(recipe)
        train_step(straight, recipe)
        tensors = {name: tensor.clone() for name, tensor in straight.tensors().items()}
        assert not [name for name in tensors if "frozen" in name]
        assert "discriminator/heads.weight" in tensors
        resumed.restore(tensors, straight.values())
        for state in (straight, resumed):
            train_step(state, recipe)
        assert same(straight.tensors().values(), resumed.tensors().values())

    def test_a_checkpoint_alone_draws_samples_of_a_generator_that_has_some(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))
        images = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 3), dtype=np.uint8)
        np.save(tmp_path / "images.npy", images)
        networks = (GENERATORS["stem"](), narrow(DISCRIMINATORS["dcgan"]))
        recipe = tiny_recipe(networks, images=64)
        run = ganvas.train(recipe, tmp_path / "images.npy", tmp_path / "run", quiet=True)
        drawn = ganvas.load(run, checkpoint="64").sample(4)
        assert np.array_equal(drawn, ganvas.load(run).sample(4))

    def test_the_optimizer_holds_the_others_alone(self) -> None:
        state = start(self.recipe())
        names = dict(state.discriminator.named_parameters())
        held = {id(weight) for weight in state.player("discriminator").weights}
        assert {name for name, weight in names.items() if id(weight) in held} == {
            "heads.weight",
            "heads.bias",
        }
