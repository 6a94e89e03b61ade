"""One seed, many independent generators."""

from __future__ import annotations

import hashlib

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.randomness import (
    STREAMS,
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


def test_weights_follow_the_seed_and_keep_the_global_random_state() -> None:
    def drawn(seed: int) -> torch.Tensor:
        with seeded_weights(seed):
            return torch.nn.Linear(4, 4).weight.detach()

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = drawn(0)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(drawn(0), first)
    assert not torch.equal(drawn(1), first)


def test_latents_are_standard_normal_rows() -> None:
    latents = draw_latents(2000, 16, named_generator(0, "latents"))
    assert latents.shape == (2000, 16)
    assert latents.dtype == torch.float32
    assert abs(float(latents.mean())) < 0.02
    assert abs(float(latents.std()) - 1) < 0.02
