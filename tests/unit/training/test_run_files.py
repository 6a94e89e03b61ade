"""Whether the disk has room for a run's checkpoints; what a checkpoint leaves; what is scored."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ganvas.errors import RunError
from ganvas.evaluation.measure import ScoringResult
from ganvas.generators.files import load
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.latents.latents import Latents
from ganvas.processes import SINGLE_PROCESS
from ganvas.recipes.players import conditional
from ganvas.runs import Run
from ganvas.runs.tuning import CandidateOutcome
from ganvas.training.grids import draw_samples
from ganvas.training.listeners import Listener
from ganvas.training.run_files import RunFiles, check_room, checkpoint_bytes
from ganvas.training.scoring import score_ema
from ganvas.training.step import train_step
from ganvas.training.tuning import Candidates
from tests.builders.loggers import empty_run
from tests.builders.tiny import same, start, tiny_data, tiny_recipe


def test_a_checkpoint_is_as_large_before_the_first_step_as_after_it() -> None:
    recipe = tiny_recipe()
    state = start(recipe)
    before = checkpoint_bytes(state)
    train_step(state, recipe)
    counters = sum(
        entries["step"].nbytes
        for optimizer in state.optimizers().values()
        for entries in optimizer.state.values()
    )
    written = sum(tensor.nbytes for tensor in state.tensors().values())
    assert before + counters == checkpoint_bytes(state) == written


def test_a_disk_without_room_for_three_checkpoints_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = start(tiny_recipe())
    needed, asked = 3 * checkpoint_bytes(state), []

    def usage(free: int) -> None:
        def answer(folder: Path) -> SimpleNamespace:
            asked.append(folder)
            return SimpleNamespace(free=free)

        monkeypatch.setattr(shutil, "disk_usage", answer)

    usage(needed)
    check_room(tmp_path / "not" / "yet", state)
    usage(needed - 1)
    with pytest.raises(RunError, match=r"yet: checkpoints take .* are free there. Free some space"):
        check_room(tmp_path / "not" / "yet", state)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="runs: checkpoints take"):
        check_room(None, state)
    assert asked == [tmp_path] * 3, "of what does not exist, the folder that does"


@pytest.mark.parametrize("last", [False, True])
def test_a_checkpoint_leaves_the_average_for_use_and_says_how_far_the_run_is(
    tmp_path: Path, last: bool
) -> None:
    run, recipe = empty_run(tmp_path), tiny_recipe(ema_rampup=0.0)
    state = start(recipe)
    train_step(state, recipe)
    assert not same(state.ema.parameters(), state.generator.parameters())
    RunFiles(run, recipe).checkpoint(state, last)
    saved = load(run)
    assert same(saved.network.state_dict().values(), state.ema.state_dict().values())
    assert saved.images_seen == state.images_seen
    status = run.read_status()
    assert status.status == ("finished" if last else "running")
    assert status.images_seen == state.images_seen


@pytest.mark.parametrize("labelled", [False, True])
def test_grids_are_of_the_average_with_a_row_for_each_label(
    monkeypatch: pytest.MonkeyPatch, labelled: bool
) -> None:
    drawn: list[Latents] = []
    recipe = conditional(tiny_recipe()) if labelled else tiny_recipe()
    data = replace(tiny_data(), labels=np.arange(14) % 3, label_names=("a", "b", "c"))
    state = start(recipe, data=data)

    def generate(network: nn.Module, latents: Latents) -> None:
        assert network is state.ema
        drawn.append(latents)

    monkeypatch.setattr("ganvas.training.grids.generate", generate)
    draw_samples(recipe, state)
    (latents,) = drawn
    assert len(latents) == (24 if labelled else 64)
    if labelled:
        assert latents.labels is not None
        assert latents.labels.tolist() == [0] * 8 + [1] * 8 + [2] * 8
        assert torch.equal(latents.values[:8], latents.values[8:16])


def test_the_average_is_scored_while_training_and_while_tuning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, data, scored = tiny_recipe(), tiny_data(), []
    state = start(recipe)

    def measure(generator: TrainedGenerator, *others: object) -> ScoringResult:
        scored.append((generator.network, generator.images_seen))
        score: Any = SimpleNamespace(value=7.0)
        return ScoringResult([score], {})

    for module in ("scoring", "tuning"):
        monkeypatch.setattr(f"ganvas.training.{module}.measure", measure)
    score_ema(recipe, state, data, Listener())
    healthy = CandidateOutcome("healthy")
    monkeypatch.setattr("ganvas.training.tuning.verdict_on", lambda run: healthy)
    run, display = Run(tmp_path), Listener()
    candidates = Candidates(run, data, state.device, SINGLE_PROCESS, display)  # type: ignore[arg-type]
    outcome = candidates._outcome_of(run, recipe, state, "swd")
    assert outcome == CandidateOutcome("healthy", score=7.0)
    assert scored == [(state.ema, 0)] * 2
