"""What a package index shows of the wheel."""

from __future__ import annotations

import re
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message

import pytest

import ganvas

from ..end_to_end.test_documentation import LINK, PACKAGE
from .conftest import ROOT, Dist


@pytest.fixture(scope="module")
def metadata(dist: Dist) -> Message:
    with zipfile.ZipFile(dist.wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def test_the_version_is_that_of_the_package(dist: Dist, metadata: Message) -> None:
    assert metadata["Version"] == ganvas.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project, "it stands in src/ganvas/version.py alone"


def test_the_page_on_installing_installs_the_wheel_by_its_name(dist: Dist) -> None:
    page = ROOT / "docs" / "install.md"
    assert f"pip install 'dist/{dist.wheel.name}[features]'" in page.read_text(encoding="utf-8")


def test_it_says_who_made_it_and_names_no_address(metadata: Message) -> None:
    """ganvas has no public address yet; one that is made up would lead nowhere."""
    assert metadata["Author"] == "The ganvas developers"
    assert metadata["License-Expression"] == "MIT"
    assert metadata.get_all("Project-URL") is None


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
