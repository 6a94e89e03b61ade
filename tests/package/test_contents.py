"""What lies in sdist and wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest

from .conftest import ROOT, Dist, names_in, run

EXPORTED = "ganvas/exports/onnxruntime_web/LICENSE-onnxruntime-web.txt"
"""A licence that `ganvas export --to web --folder` writes beside what it is of."""


def test_a_package_index_would_take_both(dist: Dist) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", dist.sdist, dist.wheel)


def test_the_sdist_holds_the_whole_project(dist: Dist) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("only git knows which files are the project's")
    listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True)
    assert set(listed.stdout.split("\n")[:-1]) - names_in(dist.sdist) == {".gitignore"}


def test_the_sdist_holds_nothing_that_a_build_left(dist: Dist) -> None:
    names = names_in(dist.sdist)
    assert not [name for name in names if name.startswith(("build/", "dist/", "runs/", ".venv/"))]
    assert not [name for name in names if name.endswith((".pyc", ".so"))]


def test_the_wheel_holds_the_package_and_nothing_else(dist: Dist) -> None:
    with zipfile.ZipFile(dist.wheel) as archive:
        names = set(archive.namelist())
    folders = {name.partition("/")[0] for name in names}
    assert folders == {"ganvas", "-".join(dist.wheel.name.split("-")[:2]) + ".dist-info"}
    sources = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src" / "ganvas").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and "LICENSE" not in path.name
    }
    assert {name for name in names if name.startswith("ganvas/")} == sources | {EXPORTED}


def test_the_wheel_holds_each_licence_once(dist: Dist) -> None:
    with zipfile.ZipFile(dist.wheel) as archive:
        licences = [name for name in archive.namelist() if "LICENSE" in name]
    info = "-".join(dist.wheel.name.split("-")[:2]) + ".dist-info/licenses/"
    assert {name.removeprefix(info) for name in licences} == {
        "LICENSE",
        "src/ganvas/data/builtin/LICENSE-fashion-mnist.txt",
        EXPORTED,
    }
    assert len(licences) == 3
