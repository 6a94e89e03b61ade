"""Runs and folders that cannot be used: taken, moved, changed, full, forbidden."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..builders.commands import finish, start
from .conftest import Ganvas, refused


def test_a_run_directory_that_exists(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    run = tmp_path / "run"
    assert ganvas("train", small, images, "--images", 32, "--out", run).code == 0
    before = sorted(run.rglob("*"))
    result = ganvas("train", small, images, "--out", run)
    refused(result, "already holds a run", f"ganvas resume {run}")
    assert sorted(run.rglob("*")) == before
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("mine")
    refused(ganvas("train", small, images, "--out", tmp_path / "letters"), "is not empty")


def test_a_file_in_the_place_of_the_run(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    before = small.read_bytes()
    result = ganvas("train", small, images, "--out", small)
    refused(result, f"{small} is a file. Choose another folder as out (--out)")
    compared = ganvas(
        *("compare", "--base", small, "--vary", "batch=8", "--data", images),
        *("--images", 64, "--out", small),
    )
    refused(compared, f"{small} is a file. Choose another folder as out (--out)")
    assert small.read_bytes() == before


def test_an_empty_directory_may_become_a_run(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    (tmp_path / "run").mkdir()
    assert ganvas("train", small, images, "--images", 32, "--out", tmp_path / "run").code == 0


def test_a_tilde_that_no_shell_replaced_is_the_home_folder(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganvas import load, report, resume

    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert ganvas("train", small, images, "--images", 32, "--out=~/run").code == 0
    assert resume("~/run", images=64, quiet=True).directory == tmp_path / "run"
    assert load("~/run").images_seen == 64
    assert report("~/run", "~/page.html", quiet=True) == tmp_path / "page.html"
    assert list((tmp_path / "here").iterdir()) == []


def test_a_run_that_another_process_writes(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    from ganvas.runs import Run

    run = tmp_path / "run"
    assert ganvas("train", small, images, "--images", 32, "--out", run).code == 0
    with Run.open(run).lock():
        result = finish(start(["resume", run, "--images", 64]))
    refused(result, "is being written by another process")


def test_what_is_no_run(tmp_path: Path, ganvas: Ganvas) -> None:
    refused(ganvas("resume", tmp_path / "nothing"), "is not a run: no such directory")
    refused(ganvas("sample", tmp_path), "it has no recipe.json")


def test_data_that_changed_since(tmp_path: Path, small: Path, images: Path, ganvas: Ganvas) -> None:
    run = tmp_path / "run"
    assert ganvas("train", small, images, "--images", 32, "--out", run).code == 0
    random = np.random.default_rng(1)
    np.savez(images, images=random.integers(0, 256, (200, 16, 16, 3), dtype=np.uint8))
    refused(ganvas("resume", run, "--images", 64), "holds other images", "--data", "--from")
    images.unlink()
    refused(ganvas("resume", run, "--images", 64), "images.npz", "--data PATH")


def test_a_run_remembers_where_its_data_moved(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    run, moved = tmp_path / "run", tmp_path / "elsewhere" / "images.npz"
    assert ganvas("train", small, images, "--images", 32, "--out", run).code == 0
    moved.parent.mkdir()
    images.rename(moved)
    assert ganvas("resume", run, "--images", 64, "--data", moved).code == 0
    assert ganvas("resume", run, "--images", 96).code == 0, "the new place is remembered"


def test_a_full_disk_leaves_the_last_checkpoint_whole(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    real, replaced = os.replace, []

    def full(source: Path, target: Path) -> None:
        replaced.append(Path(target).parent.name)
        if replaced.count("checkpoints") == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", full)
    result = ganvas("train", small, images, "--out", run)
    refused(result, "no space left on device", f"some space. Then go on with: ganvas resume {run}")
    monkeypatch.undo()
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))
    assert len(list((run / "checkpoints").iterdir())) == 1
    assert not list(run.rglob(".*.tmp"))
    assert ganvas("resume", run).code == 0


def test_a_place_that_may_not_be_written(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = tmp_path / "cache"
    monkeypatch.setenv("GANVAS_CACHE", str(cache))
    inside = ganvas("train", small, images, "--out", tmp_path / "file" / "run")
    refused(inside, "cannot write", "a file is in the way: choose another folder")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").write_text("in the way of runs without --out")
    refused(ganvas("train", small, images), "cannot write", "a file is in the way")
    assert not cache.exists(), "refused before the images are prepared"
    run = tmp_path / "run"
    assert ganvas("train", small, images, "--images", 32, "--out", run).code == 0
    refused(ganvas("sample", run, "--out", tmp_path / "file" / "grid.png"), "cannot write")


@pytest.mark.parametrize(
    "command",
    [
        ("resume",),
        ("evaluate",),
        ("report",),
        ("diagnose",),
        ("sample",),
        ("compare",),
        ("train", "dcgan", "fashion", "--out"),
    ],
)
def test_a_place_that_may_not_be_entered(
    ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    closed, real = "/closed/run", os.stat

    def stat(path: Any, **options: Any) -> os.stat_result:  # no permission stops root
        if str(path).startswith(closed):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, **options)

    monkeypatch.setattr(os, "stat", stat)
    refused(ganvas(*command, closed), closed, "permission", "check the permissions")


def test_a_current_folder_that_was_removed(
    tmp_path: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    refused(ganvas("check", tmp_path), "the current folder was removed")


def test_a_name_that_is_too_long(ganvas: Ganvas) -> None:
    for command in (("resume",), ("report",), ("train", "dcgan", "fashion", "--out")):
        refused(ganvas(*command, "a" * 300), "too long", "choose a shorter name")


def test_a_disk_without_room_for_checkpoints_is_refused_before_a_run_is_made(
    tmp_path: Path, small: Path, images: Path, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr("ganvas.training.run_files.KEPT_CHECKPOINTS", 10**12)
    refused(ganvas("train", small, images, "--out", run), "checkpoints take", "(--out)")
    assert not run.exists()
