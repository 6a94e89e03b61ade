"""The wheel: what a package index shows of it, and that it runs without the source."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

import ganvas

from .test_documentation import LINK, PACKAGE, README, ROOT

SOURCES = ("pyproject.toml", "LICENSE", "src", "docs/package.md")
"""All that a wheel is built from."""


def run(*words: str | Path, **environment: str) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as the README says, but of a copy, without network, with the setuptools at hand."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in SOURCES:
        (copy / name).parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, copy / name)
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index")
    run(*pip, "--no-build-isolation", "-w", out, copy)
    (path,) = out.iterdir()
    return path


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def test_the_readme_installs_the_wheel_by_its_name(wheel: Path) -> None:
    assert f"pip install 'dist/{wheel.name}[features]'" in README.read_text(encoding="utf-8")


def test_a_package_index_shows_a_description_that_needs_no_other_file(metadata: Message) -> None:
    assert metadata["Description-Content-Type"] == "text/markdown"
    payload = metadata.get_payload(decode=True)
    assert isinstance(payload, bytes)
    description = payload.decode()
    assert description.strip() == PACKAGE.read_text(encoding="utf-8").strip()
    assert [target for target in LINK.findall(description) if "://" not in target] == []
    assert re.findall(r"<img|src=|href=|data:|^\[.*\]:", description, re.MULTILINE) == []
    assert "make " not in description, "who sees it has no Makefile"
    assert "What it does not have yet" in description


def test_the_installed_wheel_runs_without_the_source(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = (sys.executable, "-m", "pip", "install", "--no-deps", "--no-index")
    run(*pip, "--target", site, wheel)
    program = site / ("Scripts" if os.name == "nt" else "bin") / "ganvas"
    path = {"PYTHONPATH": str(site), "GANVAS_CACHE": str(tmp_path / "cache")}
    assert run(program, "--version", **path).strip() == f"ganvas {ganvas.__version__}"
    place = run(sys.executable, "-c", "import ganvas; print(ganvas.__file__)", **path)
    assert Path(place.strip()).is_relative_to(site)
    files = {str(file.relative_to(site / "ganvas")) for file in (site / "ganvas").rglob("*")}
    templates = {"base.html", "macros.html", "run.html", "study.html", "style.css"}
    assert {str(Path("reports", "templates", name)) for name in templates} <= files
    assert any(name.endswith("t10k-images-idx3-ubyte.gz") for name in files)
