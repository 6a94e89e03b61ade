"""`ganvas evaluate` on real runs: scores beside those of real images, and refusals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganvas.diagnosis import diagnose
from ganvas.evaluation.evaluate import evaluate
from ganvas.metrics import classifier, lite0
from ganvas.reports import status
from ganvas.reports.report import report
from ganvas.runs import Run

from ..extras import require_extra
from .conftest import Ganvas, refused, train_small

CHEAP = ("--metrics", "swd,fd-lite0", "-n", 120)
TWO = ("--metrics", "swd,kid-lite0", "-n", 100)
SWD = ("--metrics", "swd", "-n", 100, "--json")


@pytest.fixture(autouse=True)
def small_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lite0, "SIDE", 32)  # six times faster (its docstring)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with checkpoints at 800 and 1,200."""
    return train_small(tmp_path_factory.mktemp("trained"), images=1200)


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained run, for a test to write into."""
    return shutil.copytree(trained, tmp_path / "run")


def scores_in(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)["scores"]
    return found


def test_prints_a_sentence_and_a_table_and_the_protocol_on_request(
    run: Path, ganvas: Ganvas
) -> None:
    require_extra("features")
    result = ganvas("evaluate", run, *CHEAP)
    assert result.code == 0, result.err
    assert result.out.startswith("real images score ")
    for fragment in ("yours", "95 % interval", "real images", "swd", "fd-lite0", "--verbose"):
        assert fragment in result.out
    verbose = ganvas("evaluate", run, *CHEAP, "--verbose").out
    for fragment in ("1,200 images", "held-out images: swd", "no more than the 1,280 dimensions"):
        assert fragment not in result.out
        assert fragment in verbose
    refused(ganvas("evaluate", run, "--full", "-n", 100), "--full or -n, not both")


def test_a_run_with_labels_has_a_file_and_a_picture_of_those_recognised(
    tmp_path: Path, small: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Takes two seconds: nothing but a whole command shows that file and picture are written."""
    monkeypatch.setattr(classifier, "MIN_IMAGES_SEEN", 500)
    labels = np.arange(200) % 2
    pixels = np.random.default_rng(0).integers(0, 128, (200, 16, 16), dtype=np.uint8)
    pixels += (100 * labels)[:, None, None].astype(np.uint8)
    np.savez(tmp_path / "labelled.npz", images=pixels, labels=labels)
    run = tmp_path / "run"
    flags = ("--images", 160, "--labels", "on", "--out", run)
    assert ganvas("train", small, tmp_path / "labelled.npz", *flags).code == 0
    result = ganvas("evaluate", run, "--metrics", "label-accuracy", "-n", 100)
    assert result.code == 0, result.err
    table = Run.open(run).read_label_confusion()
    assert table is not None
    assert table["labels"] == ["0", "1"]
    assert sum(table["samples"]) == 100
    assert ganvas("report", run).code == 0
    assert "Samples recognised as their own label: 0 " in (run / "report.html").read_text()


def test_json_has_the_complete_protocol(run: Path, ganvas: Ganvas) -> None:
    require_extra("features")
    result = ganvas("evaluate", run, *CHEAP, "--json")
    swd, fd = scores_in(result.out)
    assert (swd["metric"], fd["metric"]) == ("swd", "fd-lite0")
    for score in (swd, fd):
        low, high = score["interval"]
        assert low <= score["value"] <= high
        assert score["floor"] < score["value"], "a generator of noise beats no real image"
        real_low, real_high = score["floor_interval"]
        assert real_low <= score["floor"] <= real_high
        protocol = score["protocol"]
        assert (protocol["n_fake"], protocol["n_real"]) == (120, 20)
        assert protocol["split"] == "held-out"
        assert protocol["seed"] == 0
        assert protocol["checkpoint"] == 1200
        assert len(protocol["checkpoint_hash"]) == 16
        assert "Lanczos" in protocol["resize"]
    assert fd["protocol"]["view"]["features"] == "lite0"
    assert any("no more than the 1,280 dimensions" in note for note in fd["notes"])
    assert [record["metric"] for record in Run.open(run).scores.records()] == ["swd", "fd-lite0"]


def test_the_same_seed_gives_the_same_scores(run: Path, ganvas: Ganvas) -> None:
    require_extra("features")
    first, again, other = (
        ganvas("evaluate", run, *TWO, "--json", "--seed", seed).out for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


def test_the_checkpoint_that_is_named_is_evaluated(run: Path, ganvas: Ganvas) -> None:
    arguments = ("evaluate", run, *SWD)
    (last,) = scores_in(ganvas(*arguments).out)
    (newest,) = scores_in(ganvas(*arguments, "--checkpoint", "1200").out)
    (earlier,) = scores_in(ganvas(*arguments, "--checkpoint", "800").out)
    assert last["protocol"]["checkpoint_hash"] == newest["protocol"]["checkpoint_hash"]
    assert last["value"] == newest["value"]
    assert earlier["protocol"]["checkpoint"] == 800
    assert earlier["value"] != last["value"]
    refused(ganvas(*arguments, "--checkpoint", "999"), "no checkpoint at 999", "800", "1200")
    refused(ganvas(*arguments, "--checkpoint", "best"), "--evaluation.every")
    refused(ganvas(*arguments, "--checkpoint", "newest"), "expected last, best or a count")


def test_other_images_to_compare_with(run: Path, tmp_path: Path, ganvas: Ganvas) -> None:
    grey = tmp_path / "grey.npy"
    np.save(grey, np.random.default_rng(1).integers(0, 256, (300, 20, 20), dtype=np.uint8))
    result = ganvas("evaluate", run, "--metrics", "swd", "-n", 100, "--data", grey, "--json")
    (score,) = scores_in(result.out)
    assert score["protocol"]["data"] == "grey"
    assert score["protocol"]["channels"] == 3
    assert score["protocol"]["n_real"] == 30


def test_evaluation_while_training_keeps_the_best(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    directory = tmp_path / "run"
    flags = ("--evaluation.every", 300, "--evaluation.metrics", "swd", "--evaluation.samples", 100)
    trained = ganvas("train", small, images, "--out", directory, *flags)
    assert trained.code == 0, trained.err
    assert "swd" in trained.out
    run = Run.open(directory)
    records = [record for record in run.scores.records() if record["while_training"]]
    assert [record["images_seen"] for record in records] == [304, 608, 912, 1200, 1504, 1808, 2000]
    best = min(records, key=lambda record: record["value"])["images_seen"]
    assert run.best_checkpoint() == best
    assert run.checkpoint_path(best) in run.checkpoint_paths()
    assert len(run.checkpoint_paths()) == (2 if best in (1808, 2000) else 3)
    (score,) = scores_in(ganvas("evaluate", directory, *SWD, "--checkpoint", "best").out)
    assert score["protocol"]["checkpoint"] == best
    said = ganvas("sample", directory, "--checkpoint", "best", "-n", 4)
    assert f"at {best:,} images seen" in said.out
    assert ganvas("interpolate", directory, "--checkpoint", "best").code == 0


def test_evaluation_does_not_change_training(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    flags = ("--evaluation.every", 400, "--evaluation.metrics", "swd", "--evaluation.samples", 100)
    for name, more in (("with", flags), ("without", ())):
        result = ganvas("train", small, images, "--images", 800, "--out", tmp_path / name, *more)
        assert result.code == 0, result.err
    one, other = (
        (tmp_path / name / "generator" / "model.safetensors").read_bytes()
        for name in ("with", "without")
    )
    assert one == other


@pytest.mark.parametrize(
    ("flags", "fragments"),
    [
        (("--metrics", "fid-lite0"), ("'fid-lite0' is not a metric", "Did you mean fd-lite0")),
        (("--metrics", "modes"), ("no labels", "sub-folder")),
        (("--metrics", "fd-classifier"), ("no labels",)),
        (("--metrics", "fd-inception"), ("inception",)),
        (("--metrics", "swd", "-n", 0), ("at least 1",)),
        (
            ("--metrics", "prdc,coverage-lite0", "-n", 5),
            ("5 samples are too few: prdc-lite0 needs at least 6. Generate more: n (-n)",),
        ),
        (
            ("--metrics", "fd-inception,modes,prdc", "-n", 5),
            ("no metric can be measured", "modes cannot be measured: ", "fd-inception cannot be"),
        ),
        (("--metrics", "swd", "--device", "tpu"), ("device 'tpu'",)),
        (("--metrics", "swd", "--data", "nowhere"), ("nowhere",)),
    ],
)
def test_bad_input_is_one_message(
    run: Path, ganvas: Ganvas, flags: tuple[object, ...], fragments: tuple[str, ...]
) -> None:
    require_extra("features")
    refused(ganvas("evaluate", run, *flags), *fragments)
    assert not (run / "scores.jsonl").exists()


def test_a_metric_that_cannot_be_measured_is_named_and_the_others_are_scored(
    run: Path, ganvas: Ganvas
) -> None:
    arguments = ("evaluate", run, "--metrics", "modes,swd,prdc", "-n", 5)
    result = ganvas(*arguments)
    assert result.code == 0, result.err
    reasons = (
        "modes cannot be measured: ",
        "has no labels",
        "prdc-lite0 cannot be measured: 5 sam",
    )
    assert all(reason in result.err and reason in result.out for reason in reasons)
    assert [record["metric"] for record in Run.open(run).scores.records()] == ["swd"]
    answer = json.loads(ganvas(*arguments, "--json").out)
    assert [score["metric"] for score in answer["scores"]] == ["swd"]
    assert set(answer["failed"]) == {"modes", "prdc-lite0"}
    with pytest.warns(UserWarning, match="modes cannot be measured"):
        scores = evaluate(run, ("modes", "swd"), n=5)
    assert [score.metric for score in scores] == ["swd"]


def test_training_goes_on_without_a_metric_that_cannot_be_measured(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    flags = ("--images", 64, "--evaluation.every", 32, "--evaluation.samples", 100)
    both = ("--evaluation.metrics", "modes,swd", "--out", tmp_path / "run")
    trained = ganvas("train", small, images, *flags, *both)
    assert trained.code == 0, trained.err
    before, after = trained.out.split("at 32 images", 1)
    assert "warning: modes cannot be measured: " in before
    assert "modes cannot be measured" in after
    metrics = {record["metric"] for record in Run.open(tmp_path / "run").scores.records()}
    assert metrics == {"swd"}
    none = ("--evaluation.metrics", "modes", "--out", tmp_path / "none")
    refused(ganvas("train", small, images, *flags, *none), "has no labels")
    assert not (tmp_path / "none").exists()


def next_steps(directory: Path) -> str:
    """What the report says one would do now."""
    run, found = Run.open(directory), diagnose(directory)
    steps = status.next_steps(run, found, status.status_of(run, found))
    assert steps
    return "\n".join(step.line for step in steps)


def test_no_held_out_split(tmp_path: Path, small: Path, images: Path, ganvas: Ganvas) -> None:
    directory = tmp_path / "run"
    flags = ("--images", 64, "--held-out", 0.01, "--out", directory)
    trained = ganvas("train", small, images, *flags)
    assert trained.code == 0
    assert "ganvas sample" in trained.out
    for offer in (trained.out, next_steps(directory)):
        assert "ganvas evaluate" not in offer
    report(directory)
    page = (directory / "report.html").read_text()
    assert "ganvas evaluate" not in page
    assert "at least 20 held-out images" in page
    for other in ((), ("--data", images)):
        result = ganvas("evaluate", directory, "--metrics", "swd", *other)
        refused(result, "2 of 200 images", "--held-out", "1,950 other images", "1 % are used")


def test_scores_while_training_need_enough_held_out_images(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    flags = ("--evaluation.every", 400, "--held-out", 0.05, "--out", tmp_path / "run")
    refused(ganvas("train", small, images, *flags), "10 of 200 images", "--held-out")
    assert not (tmp_path / "run").exists()


def test_a_missing_run_is_refused(tmp_path: Path, ganvas: Ganvas) -> None:
    refused(ganvas("evaluate", tmp_path / "nothing"), "is not a run")


def test_an_unknown_metric_in_a_recipe_is_refused(
    small: Path, images: Path, ganvas: Ganvas
) -> None:
    refused(
        ganvas("train", small, images, "--evaluation.metrics", "fdd-lite0"),
        "evaluation.metrics",
        "Did you mean fd-lite0",
    )
