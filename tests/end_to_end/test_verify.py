"""Images that changed behind an unchanged time stamp: `--verify` finds them, nothing else does."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from ganvas.studies.reading import load_study

from . import made_studies
from .conftest import Ganvas, refused
from .studies import tiny_study

LONG_AGO = time.time_ns() - 3_600_000_000_000


def write(path: Path, changes: int = 0) -> Path:
    """200 images in an archive that was written an hour ago; its size is always the same."""
    images = np.random.default_rng(0).integers(0, 256, (200, 16, 16, 3), dtype=np.uint8)
    images[:changes] += 1
    np.savez(path, images=images)
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    return path


@pytest.fixture
def run(tmp_path: Path, small: Path, ganvas: Ganvas) -> Path:
    """A run whose images changed after it ended, time stamp excepted."""
    images, run = write(tmp_path / "images.npz"), tmp_path / "run"
    assert ganvas("train", small, images, "--images", 32, "--out", run).code == 0
    write(images, changes=1)
    return run


def test_resume_refuses_what_verify_finds(run: Path, ganvas: Ganvas) -> None:
    assert ganvas("resume", run, "--images", 64).code == 0
    refused(ganvas("resume", run, "--images", 96, "--verify"), "holds other images")
    refused(ganvas("resume", run, "--images", 96), "holds other images")


def test_evaluate_refuses_what_verify_finds(run: Path, ganvas: Ganvas) -> None:
    swd = ("evaluate", run, "--metrics", "swd", "-n", 20)
    assert ganvas(*swd).code == 0
    refused(ganvas(*swd, "--verify"), "holds other images")


def test_train_takes_what_verify_reads(
    tmp_path: Path, small: Path, run: Path, ganvas: Ganvas
) -> None:
    images = tmp_path / "images.npz"
    old = (run / "data.json").read_text()
    for flags, is_same in (((), True), (("--verify",), False)):
        out = tmp_path / f"again{len(flags)}"
        assert ganvas("train", small, images, "--images", 32, "--out", out, *flags).code == 0
        assert ((out / "data.json").read_text() == old) is is_same


def test_compare_refuses_what_verify_finds(tmp_path: Path, small: Path, ganvas: Ganvas) -> None:
    images, out = write(tmp_path / "images.npz"), tmp_path / "study"
    file = tiny_study(tmp_path, small, images)
    made_studies.start(out, load_study(file), 1000)
    write(images, changes=1)
    assert ganvas("compare", file, "--out", out, "--plan").code == 0
    for study in ((file, "--out", out), (out,)):
        refused(ganvas("compare", *study, "--plan", "--verify"), "holds other images")


def test_check_finds_new_copies_with_verify(tmp_path: Path, ganvas: Ganvas) -> None:
    images = np.random.default_rng(0).integers(0, 256, (200, 16, 16, 3), dtype=np.uint8)
    for copies in (0, 1):
        images[:copies] = images[100]
        np.savez(tmp_path / "images.npz", images=images)
        os.utime(tmp_path / "images.npz", ns=(LONG_AGO, LONG_AGO))
        assert "exact copies" not in ganvas("check", tmp_path / "images.npz").out
    assert "1 is an exact copy" in ganvas("check", tmp_path / "images.npz", "--verify").out
