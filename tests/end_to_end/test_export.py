"""`ganvas export` of a trained run, and the commands that take what it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganvas.generators.files import load

from ..extras import require_extra
from .conftest import Ganvas, refused

SWD = ("--metrics", "swd", "-n", 100, "--json")


@pytest.fixture
def run(tmp_path: Path, small: Path, images: Path, ganvas: Ganvas) -> Path:
    """A finished run with checkpoints at 800 and 1,200 images."""
    directory = tmp_path / "run"
    assert ganvas("train", small, images, "--images", 1200, "--out", directory).code == 0
    return directory


def scores_in(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)["scores"]
    return found


def test_a_model_is_exported_sampled_and_scored_like_its_run(
    run: Path, images: Path, ganvas: Ganvas
) -> None:
    """Takes five seconds: only whole commands show that files of one are read by the next."""
    require_extra("onnx")
    result = ganvas("export", run)
    model = run / "run.onnx"
    assert result.code == 0, result.err
    assert result.err == ""
    assert result.out.startswith(f"{model}: ")
    assert "samples" in result.out

    assert ganvas("sample", model, "-n", 4, "--out", run / "model.npz").code == 0
    assert ganvas("sample", run, "-n", 4, "--out", run / "torch.npz").code == 0
    with np.load(run / "model.npz") as ours, np.load(run / "torch.npz") as theirs:
        assert np.array_equal(ours["latents"], theirs["latents"])
        assert np.abs(ours["images"].astype(int) - theirs["images"].astype(int)).max() <= 1
    assert ganvas("sample", model).code == 0
    assert ganvas("interpolate", model, "-n", 2).code == 0
    assert (run / "run-samples-0.png").is_file()
    assert (run / "run-interpolation-0.gif").is_file()

    of_run = ganvas("evaluate", run, *SWD)
    scores = (run / "scores.jsonl").read_bytes()
    of_model = ganvas("evaluate", model, "--data", images, *SWD)
    (ours, theirs) = scores_in(of_model.out) + scores_in(of_run.out)
    assert ours["floor"] == theirs["floor"]  # so the same images were held out
    assert ours["value"] == pytest.approx(theirs["value"], rel=0.01)
    differing = {k for k in ours["protocol"] if ours["protocol"][k] != theirs["protocol"][k]}
    # Named images are prepared with as many channels as the generator has, not with "auto".
    assert differing == {"checkpoint_hash", "prepared"}
    assert (run / "scores.jsonl").read_bytes() == scores
    verbose = ganvas("evaluate", model, "--data", images, *SWD[:4], "--verbose")
    assert "complete protocols: --json" in verbose.out

    refused(ganvas("evaluate", model, *SWD), "--data DATA", "split as they were then")
    refused(ganvas("export", model), "is exported already")
    refused(ganvas("report", model), "is exported already: use the run that it is of")


def test_a_checkpoint_becomes_a_folder_that_evaluate_and_load_take(
    run: Path, images: Path, ganvas: Ganvas
) -> None:
    result = ganvas("export", run, "--to", "folder", "--checkpoint", 800)
    folder = run / "run"
    assert result.code == 0, result.err
    assert result.out.endswith("the same 32 samples as torch\n")
    expected = load(run, checkpoint="800").sample(4)
    assert np.array_equal(load(folder).sample(4), expected)
    assert ganvas("evaluate", folder, "--data", images, *SWD).code == 0
    refused(ganvas("evaluate", folder, *SWD), "--data DATA")
    refused(ganvas("export", run, "--to", "folder"), "is not empty")
    refused(ganvas("export", run, "--to", "folder", "--weights", "float16"), "not --to folder")
    absent = ("--to", "folder", "--checkpoint", "7", "--out", run / "other")
    refused(ganvas("export", run, *absent), "no checkpoint at 7 images")
    assert not (run / "other").exists()
