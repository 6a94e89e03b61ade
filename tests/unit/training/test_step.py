"""One training step: the updates of both players."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - the usual name

from ganvas.data.settings import DataSettings
from ganvas.data.stream import ImageStream
from ganvas.images import to_signed
from ganvas.objectives.ada import augment
from ganvas.objectives.settings import (
    ObjectiveSettings,
    Penalties,
    PenaltySettings,
    Regularisers,
    RegulariserSettings,
)
from ganvas.randomness import named_generator
from ganvas.recipes import PlayerSettings
from ganvas.schedules import Ramp
from ganvas.training.inputs import draw_generator_inputs, next_real_batch
from ganvas.training.optimizers import make_optimizer
from ganvas.training.step import train_step, update_discriminator, update_generator
from tests.builders.tiny import BATCH, SIDE, same, small, start, tiny_data, tiny_recipe, weights_of

SIZE = (SIDE, SIDE)
RMSPROP = PlayerSettings(optimizer="rmsprop", learning_rate=1e-3, beta1=0.0, beta2=0.99)


class TestOneStep:
    def test_discriminator_moves_several_times_and_the_generator_once(self) -> None:
        recipe = tiny_recipe(discriminator_steps=3)
        state = start(recipe)
        train_step(state, recipe)
        assert state.images_seen == 3 * BATCH == state.stream.samples_drawn
        assert state.discriminator_steps == 3
        steps = {
            name: {int(entry["step"]) for entry in optimizer.state.values()}
            for name, optimizer in state.optimizers().items()
        }
        assert steps == {"generator_optimizer": {1}, "discriminator_optimizer": {3}}

    def test_generator_update_keeps_the_discriminator_and_leaves_it_trainable(self) -> None:
        recipe = tiny_recipe()
        state = start(recipe)
        before = weights_of(state.discriminator)
        real = next_real_batch(state, recipe, BATCH)
        inputs = draw_generator_inputs(state, recipe, BATCH, None)
        fake = state.functions.generate(*inputs)
        update_generator(state, recipe, inputs, fake, real)
        assert same(before, state.discriminator.parameters())
        for weight in state.discriminator.parameters():
            assert weight.grad is None
            assert weight.requires_grad

    @pytest.mark.parametrize(
        ("generator_batch", "batches"), [(None, [BATCH, BATCH]), (7, [BATCH, BATCH, 7])]
    )
    def test_generator_learns_from_the_last_fakes_or_from_a_batch_of_its_own(
        self, generator_batch: int | None, batches: list[int]
    ) -> None:
        recipe = tiny_recipe(generator_batch=generator_batch, discriminator_steps=2)
        state = start(recipe)
        counts = []
        state.generator.register_forward_hook(lambda *call: counts.append(len(call[2])))
        train_step(state, recipe)
        assert counts == batches

    def test_each_player_follows_its_own_learning_rate_schedule(self) -> None:
        ramp = Ramp(shape="linear", start=1e-3, end=0.0, images=10 * BATCH)
        recipe = tiny_recipe(
            generator=PlayerSettings(learning_rate=3e-4),
            discriminator=PlayerSettings(learning_rate=ramp),
        )
        state = start(recipe)
        for step in range(12):
            train_step(state, recipe)
            (group,) = state.player("discriminator").optimizer.param_groups
            assert group["lr"] == pytest.approx(1e-3 * max(0.0, 1 - step / 10), abs=1e-12)
            (group,) = state.player("generator").optimizer.param_groups
            assert group["lr"] == 3e-4

    def test_beta2_follows_its_schedule_in_either_optimizer(self) -> None:
        ramp = Ramp(shape="linear", start=0.9, end=0.99, images=10 * BATCH)
        recipe = tiny_recipe(
            generator=PlayerSettings(optimizer="rmsprop", beta1=0.0, beta2=ramp),
            discriminator=PlayerSettings(beta1=0.2, beta2=ramp),
        )
        state = start(recipe)
        for step in range(12):
            train_step(state, recipe)
            (group,) = state.player("discriminator").optimizer.param_groups
            assert group["betas"] == pytest.approx((0.2, min(0.99, 0.9 + 0.009 * step)))
            (group,) = state.player(
                "generator"
            ).optimizer.param_groups  # its step comes after the count
            assert group["alpha"] == pytest.approx(min(0.99, 0.9 + 0.009 * (step + 1)))

    def test_half_life_of_the_ema_follows_its_schedule(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        half_lives = []
        monkeypatch.setattr(
            "ganvas.training.state.update_ema",
            lambda pairs, **numbers: half_lives.append(numbers["half_life"]),
        )
        recipe = tiny_recipe(
            ema_half_life=Ramp(shape="linear", start=0.0, end=100.0, images=4 * BATCH)
        )
        state = start(recipe)
        for _ in range(5):
            train_step(state, recipe)
        assert half_lives == [25.0, 50.0, 75.0, 100.0, 100.0]

    def test_the_ema_counts_the_images_of_every_discriminator_step(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The half-life is in images, also where the generator moves once in several batches."""
        counts = []
        monkeypatch.setattr(
            "ganvas.training.state.update_ema",
            lambda pairs, **numbers: counts.append((numbers["images"], numbers["images_seen"])),
        )
        recipe = tiny_recipe(discriminator_steps=3)
        state = start(recipe)
        for _ in range(2):
            train_step(state, recipe)
        assert counts == [(3 * BATCH, 3 * BATCH), (3 * BATCH, 6 * BATCH)]

    @pytest.mark.parametrize("generator_batch", [None, 6])
    def test_fresh_reals_for_the_generator_are_new(self, generator_batch: int | None) -> None:
        recipe = tiny_recipe(
            objective=ObjectiveSettings(loss="relativistic"),
            fresh_reals_for_generator=True,
            generator_batch=generator_batch,
            discriminator_steps=2,
        )
        state = start(recipe)
        shown = []
        state.discriminator.register_forward_hook(lambda *call: shown.append(call[1][0]))
        train_step(state, recipe)
        drawn = ImageStream(tiny_data(), seed=0)
        count = generator_batch or BATCH
        expected = [to_signed(drawn.next(n).images) for n in (BATCH, BATCH, count)]
        # Each discriminator step sees reals, then fakes; the generator's fakes, then reals.
        for real, place in zip(expected, (0, 2, 5), strict=True):
            assert torch.equal(shown[place], real)
        assert len(shown) == 6
        assert state.images_seen == 2 * BATCH  # what the discriminator learned from
        assert state.stream.samples_drawn == 2 * BATCH + count

    def test_a_loss_without_reals_draws_none_for_the_generator(self) -> None:
        recipe = tiny_recipe(
            objective=ObjectiveSettings(loss="hinge"), fresh_reals_for_generator=True
        )
        state = start(recipe)
        train_step(state, recipe)
        assert state.stream.samples_drawn == state.images_seen == BATCH

    @pytest.mark.parametrize("loss", ["hinge", "relativistic"])
    def test_discriminator_sees_reals_and_fakes_augmented_in_either_step(self, loss: Any) -> None:
        recipe = tiny_recipe(objective=ObjectiveSettings(loss=loss), augmentation=0.8)
        state = start(recipe)
        shown, made = [], []
        state.discriminator.register_forward_hook(lambda *call: shown.append(call[1][0]))
        state.generator.register_forward_hook(lambda *call: made.append(call[2]))
        train_step(state, recipe)
        real, fake = to_signed(ImageStream(tiny_data(), seed=0).next(BATCH).images), made[0]
        random = named_generator(0, "augmentation")
        # The discriminator's step, then the generator's, which draws anew.
        judged = [real, fake, fake] if loss == "hinge" else [real, fake, fake, real]
        for batch, seen in zip(judged, shown, strict=True):
            assert torch.equal(augment([batch], 0.8, random)[0], seen)
            assert not torch.equal(batch, seen)

    def test_generator_learns_through_the_augmentation(self) -> None:
        recipe = tiny_recipe(augmentation=1.0)
        state = start(recipe)
        before = weights_of(state.generator)
        train_step(state, recipe)
        assert not same(before, state.generator.parameters())

    def test_the_generators_gradient_passes_back_through_the_augmentation(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is the gradient of the loss of the augmented images, in one graph."""
        recipe = tiny_recipe(augmentation=1.0)
        state, updates = start(recipe), []
        monkeypatch.setattr(
            "ganvas.training.step.apply_update", lambda *given: updates.append(given[3])
        )
        real = next_real_batch(state, recipe, BATCH)
        inputs = draw_generator_inputs(state, recipe, BATCH, None)
        fake = state.functions.generate(*inputs)
        random = named_generator(0, "augmentation")
        (augmented,) = augment([fake], 1.0, random)
        loss = F.softplus(-state.discriminator(augmented)).mean()
        expected = torch.autograd.grad(loss, state.player("generator").weights, retain_graph=True)
        update_generator(state, recipe, inputs, fake, real)
        (gradients,) = updates
        torch.testing.assert_close(gradients, expected)

    @pytest.mark.parametrize(("every", "count"), [(1, 4), (2, 2), (3, 2)])
    def test_lazy_regularisers_count_the_generators_steps(self, every: int, count: int) -> None:
        """Not the discriminator's, of which there are two for each."""
        chosen = Regularisers(mode_seeking=RegulariserSettings(weight=0.1, every=every))
        recipe = tiny_recipe(discriminator_steps=2)
        recipe = replace(recipe, generator=replace(recipe.generator, regularisers=chosen))
        state = start(recipe)
        for _ in range(4):
            train_step(state, recipe)
        assert state.metrics.counts["generator/loss/mode_seeking"] == count

    def test_augmentation_follows_its_schedule_and_draws_nothing_at_zero(self) -> None:
        ramp = Ramp(shape="linear", start=0.0, end=0.5, images=2 * BATCH)
        ends = []
        for augmentation in (0.0, ramp):
            recipe = tiny_recipe(augmentation=augmentation)
            state = start(recipe)
            chance = state.random["augmentation"].get_state()
            # The discriminator's step comes before any image is counted as seen.
            real = next_real_batch(state, recipe, BATCH)
            inputs = draw_generator_inputs(state, recipe, BATCH, None)
            fake = state.functions.generate(*inputs)
            update_discriminator(state, recipe, real, fake)
            assert torch.equal(state.random["augmentation"].get_state(), chance)
            ends.append(weights_of(state.discriminator))
            update_generator(state, recipe, inputs, fake, real)
            ends.append(weights_of(state.generator))
        assert same(ends[0], ends[2])
        assert not same(ends[1], ends[3])

    def test_first_adam_step_moves_weights_by_the_learning_rate(self) -> None:
        """Kingma 2015: the first update is lr * g / (|g| + eps), whatever the gradient's size."""
        recipe = tiny_recipe(small("mlp"), discriminator=PlayerSettings(learning_rate=1e-3))
        state = start(recipe)
        before = weights_of(state.discriminator)
        train_step(state, recipe)
        largest = max(
            float((new - old).abs().max())
            for old, new in zip(before, weights_of(state.discriminator), strict=True)
        )
        assert largest == pytest.approx(1e-3, rel=1e-3)

    def test_means_hold_every_term_logits_and_gradient_norms(self) -> None:
        penalties = Penalties(r1=PenaltySettings(weight=1.0, every=2))
        recipe = tiny_recipe(objective=ObjectiveSettings(penalties=penalties))
        state = start(recipe)
        for _ in range(4):
            train_step(state, recipe)
        assert state.metrics.counts == {
            "discriminator/loss/adversarial": 4,
            "discriminator/loss/r1": 2,
            "discriminator/logits/real": 4,
            "discriminator/logits/fake": 4,
            "discriminator/gradient_norm": 4,
            "generator/loss/adversarial": 4,
            "generator/gradient_norm": 4,
        }

    def test_ema_follows_the_generator(self) -> None:
        recipe = tiny_recipe(ema_half_life=0)
        state = start(recipe)
        train_step(state, recipe)
        assert same(state.generator.state_dict().values(), state.ema.state_dict().values())

    def test_steps_depend_on_the_seed(self) -> None:
        recipe = tiny_recipe()
        ends = []
        for seed in (0, 0, 1):
            state = start(recipe, seed)
            for _ in range(2):
                train_step(state, recipe)
            ends.append(weights_of(state.generator))
        assert same(ends[0], ends[1])
        assert not same(ends[0], ends[2])


def test_rmsprop_is_the_papers_without_momentum() -> None:
    optimizer = make_optimizer(torch.nn.Linear(2, 2), RMSPROP)
    assert isinstance(optimizer, torch.optim.RMSprop)
    (group,) = optimizer.param_groups
    assert (group["alpha"], group["momentum"], group["centered"]) == (0.99, 0, False)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_a_larger_batch_of_fakes_repeats_the_labels_of_the_reals(count: int) -> None:
    """So each label stays as frequent as in the data."""
    recipe = tiny_recipe()
    labels = torch.tensor([4, 0, 2])
    inputs = draw_generator_inputs(start(recipe), recipe, count, labels)
    assert inputs.labels is not None
    assert inputs.labels.tolist() == [4, 0, 2, 4, 0, 2, 4][:count]


class TestRealBatches:
    def test_pixels_arrive_signed_and_unchanged(self) -> None:
        recipe = tiny_recipe()
        state = start(recipe)
        every = to_signed(torch.from_numpy(tiny_data().images))
        for image in next_real_batch(state, recipe, recipe.batch).images:
            assert (every == image).flatten(1).all(1).any()

    def test_flip_mirrors_about_half_left_to_right(self) -> None:
        recipe = tiny_recipe(data=DataSettings(size=SIZE, flip=True), batch=200, images=400)
        state = start(recipe)
        every = to_signed(torch.from_numpy(tiny_data().images))
        mirrored = 0
        for image in next_real_batch(state, recipe, recipe.batch).images:
            as_is = (every == image).flatten(1).all(1).any()
            flipped = (every.flip(3) == image).flatten(1).all(1).any()
            assert as_is != flipped
            mirrored += int(flipped)
        assert 70 < mirrored < 130

    def test_dequantize_adds_less_than_one_level(self) -> None:
        recipe = tiny_recipe(data=DataSettings(size=SIZE, dequantize=True))
        state = start(recipe)
        levels = (next_real_batch(state, recipe, recipe.batch).images.double() + 1) * 128
        every = torch.from_numpy(tiny_data().images).double()
        for image in levels:
            rest = image - every
            assert ((rest > -1e-3) & (rest < 1 + 1e-3)).flatten(1).all(1).any()
        assert (levels - levels.round()).abs().max() > 0.4
