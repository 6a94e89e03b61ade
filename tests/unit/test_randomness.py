"""One seed, many independent generators."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.randomness import (
    STREAMS,
    DrawFrom,
    derive_seed,
    draw_latents,
    named_generator,
    seeded_weights,
    training_generators,
)


@settings(deadline=None)
@given(st.integers(-(2**63), 2**64), st.text(max_size=20))
def test_seed_is_the_first_63_bits_of_a_fixed_hash(seed: int, name: str) -> None:
    """Runs of other versions and machines must start from the same seeds."""
    digest = hashlib.blake2b(b"%d/" % seed + name.encode(), digest_size=8).hexdigest()
    assert derive_seed(seed, name) == int(digest, 16) // 2 < 2**63


def test_generators_differ_by_name_and_seed() -> None:
    firsts = {
        float(torch.rand(1, generator=generator))
        for seed in range(20)
        for generator in training_generators(seed, torch.device("cpu")).values()
    }
    assert len(firsts) == 20 * len(STREAMS)


def test_drawing_from_one_generator_changes_no_other() -> None:
    quiet, busy = (training_generators(3, torch.device("cpu")) for _ in range(2))
    torch.rand(1000, generator=busy["penalties"])
    for name in STREAMS:
        alike = torch.equal(
            torch.rand(5, generator=quiet[name]), torch.rand(5, generator=busy[name])
        )
        assert alike == (name != "penalties")


def test_generator_continues_from_its_saved_state() -> None:
    generator = named_generator(0, "latents")
    draw_latents(3, 5, generator)
    state = generator.get_state()
    following = draw_latents(3, 5, generator)
    other = named_generator(1, "other")
    other.set_state(state)
    assert torch.equal(draw_latents(3, 5, other), following)


def weights(seed: int) -> torch.Tensor:
    with seeded_weights(seed):
        return torch.nn.Linear(4, 4).weight.detach()


def test_weights_follow_the_seed() -> None:
    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(1), weights(0))


def test_weights_neither_use_nor_change_the_global_random_state() -> None:
    expected = weights(0)
    before = torch.default_generator.get_state()
    with seeded_weights(0):
        layer = torch.nn.Linear(4, 4)
        torch.default_generator.manual_seed(5)  # as another thread could
        bias = torch.nn.init.normal_(torch.empty(4))
    assert torch.equal(layer.weight, expected)
    torch.default_generator.set_state(before)
    assert not torch.equal(bias, torch.nn.init.normal_(torch.empty(4)))
    torch.default_generator.set_state(before)
    weights(0)
    assert torch.equal(torch.default_generator.get_state(), before)


def test_weights_drawn_in_two_threads_at_once_are_those_of_each_alone() -> None:
    turns = threading.Barrier(2)

    def drawn(seed: int) -> list[torch.Tensor]:
        layers = []
        with seeded_weights(seed):
            for _ in range(3):
                turns.wait()
                layers.append(torch.nn.Conv2d(2, 2, 3).weight.detach())
        return layers

    def alone(seed: int) -> list[torch.Tensor]:
        with seeded_weights(seed):
            return [torch.nn.Conv2d(2, 2, 3).weight.detach() for _ in range(3)]

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(drawn, (0, 1)))
    for seed in (0, 1):
        assert all(map(torch.equal, together[seed], alone(seed)))


def test_a_given_generator_is_used_inside_too() -> None:
    given = torch.Generator().manual_seed(7)
    with DrawFrom(named_generator(0, "weights")):
        inside = torch.randn(3, generator=given)
    assert torch.equal(inside, torch.randn(3, generator=torch.Generator().manual_seed(7)))


def test_latents_are_standard_normal_rows() -> None:
    latents = draw_latents(2000, 16, named_generator(0, "latents"))
    assert latents.shape == (2000, 16)
    assert latents.dtype == torch.float32
    assert abs(float(latents.mean())) < 0.02
    assert abs(float(latents.std()) - 1) < 0.02
