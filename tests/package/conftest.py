"""The sdist, the wheel that is built from it, and an environment that holds nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEFT_AT_THE_TOP = {".git", ".venv", "build", "dist", "runs", "studies"}
LEFT_ANYWHERE = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*_cache", ".hypothesis")


@dataclass(frozen=True)
class Dist:
    """What is uploaded to a package index."""

    sdist: Path
    wheel: Path


def run(*words: str | Path, folder: Path | None = None) -> str:
    """What a command prints that must succeed, and that does not see the source of ganvas."""
    inherited = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**inherited, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def what_use_has_left(folder: str, names: list[str]) -> set[str]:
    """The names in a folder that are not the project's own."""
    here = LEFT_AT_THE_TOP if Path(folder) == ROOT else set()
    return LEFT_ANYWHERE(folder, names) | here


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Dist:
    """Built from a copy without what earlier builds left, with the setuptools at hand."""
    copy, out = tmp_path_factory.mktemp("source") / "ganvas", tmp_path_factory.mktemp("dist")
    shutil.copytree(ROOT, copy, ignore=what_use_has_left)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, copy)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return Dist(sdist, wheel)


@pytest.fixture(scope="session")
def environment(dist: Dist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and what it says that it needs, no more.

    It takes a minute. Nothing cheaper finds an import of a library that only `dev` installs.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = (programs / "python", "-m", "pip", "install", "--no-compile")
    run(*pip, "-c", ROOT / "constraints.txt", dist.wheel)
    return programs


def names_in(sdist: Path) -> set[str]:
    """The files of an sdist, without its own folder."""
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}
