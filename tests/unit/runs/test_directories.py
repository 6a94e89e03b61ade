"""What is no run is called what it is, with what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import ganvas
from ganvas.errors import RunError
from ganvas.generators import files as generator_files
from ganvas.runs import Run
from ganvas.runs.directories import check_new_file, check_new_folder
from ganvas.web.demo import load_runs

from ...extras import require_extra


def push(path: Path) -> None:
    ganvas.push(path, "hf:you/clothes", license="", dry_run=True)


def export(path: Path) -> None:
    require_extra("onnx")
    ganvas.export(path)


def log(path: Path) -> None:
    require_extra("log")
    ganvas.log(path, "tensorboard")


def demo(path: Path) -> None:
    load_runs([path], "cpu", "last")


@pytest.mark.parametrize(
    ("name", "use", "message"),
    [
        ("clothes.onnx", push, "is exported already: use the run that it is of"),
        ("clothes.ONNX", log, "is exported already: use the run that it is of"),
        ("clothes.html", generator_files.load, "is a web page, .*: open it in a browser"),
        ("clothes.html", export, "is a web page, .*: open it in a browser"),
        ("clothes.html", demo, "is a web page, .*: open it in a browser"),
        ("clothes.zip", Run.open, "is a file, not a run"),
    ],
)
def test_a_file_is_no_run(
    tmp_path: Path, name: str, use: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(b"content")
    with pytest.raises(RunError, match=rf"{name} {message}"):
        use(path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.png").write_bytes(b"")
    long = "x" * 300
    for out, message in (
        (tmp_path / "file", "is a file"),
        (tmp_path / "full", "is not empty"),
        (tmp_path / "file" / "below", "a file is in the way"),
        (tmp_path / long, "name too long"),
    ):
        with pytest.raises(RunError, match=message):
            check_new_folder(out)
    for out, message in (
        (tmp_path / "full", "is a folder"),
        (tmp_path / "file" / "a.png", "a file is in the way"),
        (tmp_path / f"{long}.png", "name too long"),
    ):
        with pytest.raises(RunError, match=message):
            check_new_file(out)
    before = sorted(tmp_path.rglob("*"))
    check_new_folder(tmp_path / "new" / "folder")
    check_new_file(tmp_path / "new" / "grid.png")
    assert sorted(tmp_path.rglob("*")) == before
