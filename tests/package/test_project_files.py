"""Files beside the source: what they pin, name and run is what the project has."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from importlib import metadata

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ganvas

from .conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins() -> dict[str, str]:
    """The version of each package of constraints.txt, by its canonical name."""
    lines = [line.partition("#")[0].strip() for line in text_of("constraints.txt").splitlines()]
    named = [line.partition("==") for line in lines if line]
    assert all(version for _, _, version in named)
    return {canonicalize_name(name): version for name, _, version in named}


@pytest.mark.parametrize("extra", EXTRAS)
def test_constraints_pin_every_package_of_an_extra_to_a_version_that_it_admits(extra: str) -> None:
    pinned = pins()
    for requirement in map(Requirement, EXTRAS[extra]):
        name = canonicalize_name(requirement.name)
        if name == "ganvas":  # an extra that consists of others
            assert requirement.extras <= set(EXTRAS)
        else:
            assert pinned[name] in requirement.specifier, requirement


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md", "docs/install.md"])
def test_pages_install_the_torch_that_is_pinned(page: str) -> None:
    assert set(re.findall(r"torch==([\d.]+)", text_of(page))) == {pins()["torch"]}


def test_pinned_packages_admit_each_other() -> None:
    """As gradio would not: each of its releases needs an older Pillow than the one pinned."""
    pinned, refused = pins(), []
    for name in pinned:
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # of an extra that this environment lacks
            continue
        for requirement in map(Requirement, needs):
            marker, other = requirement.marker, canonicalize_name(requirement.name)
            needed = marker is None or marker.evaluate({"extra": ""})
            if needed and other in pinned and pinned[other] not in requirement.specifier:
                refused.append(f"{name} needs {requirement}")
    assert refused == []


def test_the_citation_is_of_this_version() -> None:
    """Its fields are those of the Citation File Format 1.2.0 (the schema's required ones first)."""
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert set(citation) <= {
        *("cff-version", "message", "title", "authors"),
        *("type", "version", "license", "abstract", "keywords"),
    }
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert citation["version"] == ganvas.__version__
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]


def test_the_image_of_docker_runs_the_demo_with_everything_that_git_has() -> None:
    """It cannot be built where these tests run; this is what can be known without docker."""
    lines = text_of("Dockerfile").replace("\\\n", " ").splitlines()
    instructions = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    assert {name for name, _ in instructions} <= {
        *("ARG", "FROM", "ENV", "RUN", "USER", "WORKDIR", "COPY", "CMD"),
    }
    arguments = {rest.partition("=")[0] for name, rest in instructions if name == "ARG"}
    assert set(re.findall(r"--build-arg (\w+)=", text_of("docs/install.md"))) == arguments
    copied = [rest.split()[1:] for name, rest in instructions if name == "COPY"]
    assert copied == [[".", "."]], "what .dockerignore leaves out is looked at below"
    (command,) = (json.loads(rest) for name, rest in instructions if name == "CMD")
    assert command == ["make", "demo"]
    version = next(rest for name, rest in instructions if name == "FROM").partition(":")[2]
    classifier = f"Programming Language :: Python :: {version.removesuffix('-slim')}"
    assert classifier in PROJECT["classifiers"]


def test_the_image_of_docker_calls_what_the_makefile_has() -> None:
    docker, makefile = text_of("Dockerfile"), text_of("Makefile")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    called = set(re.findall(r"(?:\bmake |\"make\", \")([\w-]+)", docker))
    assert called == {"setup", "demo"}
    assert called <= targets
    (folder,) = re.findall(r"^WORKDIR (\S+)$", docker, re.MULTILINE)
    (environment,) = re.findall(r"^VENV := (\S+)$", makefile, re.MULTILINE)
    assert f"ENV PATH={folder}/{environment}/bin:$PATH" in docker
    (installed,) = re.findall(r"-e '\.\[(\w+)\]'", makefile)
    assert installed in EXTRAS
    (promised,) = re.findall(r"^export GANVAS_PROMISED_EXTRAS := (\w+)$", makefile, re.MULTILINE)
    assert promised == installed
    (user,) = re.findall(r"^USER (\w+)$", docker, re.MULTILINE)
    assert f"useradd --create-home {user} " in docker
    assert f"--chown={user} " in docker
    assert f"install --directory --owner {user} {folder}\n" in docker


def test_docker_leaves_out_what_git_ignores_and_nothing_that_it_has() -> None:
    patterns = [line for line in text_of(".dockerignore").splitlines() if line[:1] not in ("", "#")]
    listing = ["git", "-C", ROOT, "ls-files", "--cached", "--ignored", "--exclude-standard"]
    for pattern in patterns:  # git reads a leading slash as docker does a name without one
        excluded = pattern if pattern.startswith("**/") else f"/{pattern}"
        left_out = subprocess.run([*listing, "-x", excluded], capture_output=True, text=True)
        assert (left_out.stdout, left_out.stderr) == ("", ""), pattern
