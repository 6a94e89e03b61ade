"""What a measurement of throughput times and weighs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ganvas.errors import GanvasError
from ganvas.evaluation.measure import Measurement
from ganvas.studies import throughput
from tests.builders.tiny import start, tiny_recipe


def test_sampling_is_timed_separately(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise between two evaluations must not become a cost per sample."""
    clock = [0.0]
    failures = {"fd-inception": "no weights"}

    def measure(generator: Any, data: Any, settings: Any, asked: Any, n: int, *rest: Any) -> Any:
        feedback = rest[1]
        with feedback.progress("sampling"):
            clock[0] += 0.5 * n
        clock[0] += 7.0
        return Measurement([], failures)

    monkeypatch.setattr(throughput, "measure", measure)
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: clock[0])
    study: Any = SimpleNamespace(metrics=("swd", "fd-inception"), scores=("swd", "fd-inception"))
    stand_in: Any = SimpleNamespace(ema=None, shape=None, latent_dim=1, data=None)
    timed = throughput.time_scoring(study, stand_in, stand_in, stand_in)
    assert timed.seconds == pytest.approx((7.0, 0.5))
    assert timed.failures == failures
    failures["swd"] = "broken"  # now the score that decides the study
    with pytest.raises(GanvasError, match="swd decides the study, and cannot be measured: broken"):
        throughput.time_scoring(study, stand_in, stand_in, stand_in)


def test_a_run_takes_its_checkpoints_a_generator_and_grids() -> None:
    """The generator's file holds the EMA generator's weights; pixels of grids count in full."""
    recipe = tiny_recipe()
    state = start(recipe)
    checkpoint = sum(tensor.nbytes for tensor in state.tensors().values())
    generator = sum(tensor.nbytes for tensor in state.generator.state_dict().values())
    without_grids = throughput.run_bytes(recipe, state, None)
    height, width = recipe.data.size
    grid = 3 * throughput.GRID_IMAGES * height * width
    assert generator > 0
    assert (without_grids - 3 * checkpoint - generator) % grid == 0
    every = recipe.intervals.samples
    assert throughput.run_bytes(recipe, state, 5 * every) - without_grids == 5 * grid
