"""Missing extras: one sentence for the user, and for a test a skip that hides nothing."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ganvas.errors import GanvasError
from ganvas.extras import check_extra

from ..extras import (
    LIBRARIES,
    PROMISED,
    ROOT,
    hidden_environment,
    parts_of_extras,
    require_extra,
)


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra of which one of two libraries is missing."""
    monkeypatch.setitem(LIBRARIES, "onnx", ("json", "no_such_library"))


def test_a_message_names_what_is_missing_what_to_type_and_what_else_there_is() -> None:
    check_extra("onnx", "exporting", "json", "re")
    with pytest.raises(GanvasError) as caught:
        check_extra("onnx", "exporting", "json", "no_a", "no_b", instead="Or draw by hand")
    assert str(caught.value) == (
        "exporting needs no_a and no_b. Install: pip install 'ganvas[onnx]'. Or draw by hand"
    )


@pytest.mark.usefixtures("absent")
@pytest.mark.parametrize("promised", ["", "web", "log web"])
def test_a_test_without_its_extra_is_skipped_with_the_extras_name(
    promised: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROMISED, promised)
    with pytest.raises(pytest.skip.Exception) as caught:
        require_extra("onnx")
    assert str(caught.value) == "needs pip install 'ganvas[onnx]': no_such_library missing"


@pytest.mark.usefixtures("absent")
@pytest.mark.parametrize("promised", ["onnx", "dev", "web dev"])
def test_a_test_without_a_promised_extra_fails(
    promised: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROMISED, promised)
    with pytest.raises(pytest.fail.Exception, match=r"'ganvas\[onnx\]'.*promises it"):
        require_extra("onnx")


def test_dev_promises_every_extra_but_the_one_that_needs_a_torchvision() -> None:
    assert set(parts_of_extras()["dev"]) == set(LIBRARIES) - {"fid"}


@pytest.fixture(scope="module")
def packages() -> Mapping[str, list[str]]:
    """The distributions that have each name that can be imported; half a second lists them."""
    return metadata.packages_distributions()


@pytest.mark.parametrize("extra", LIBRARIES)
def test_tests_look_for_a_library_of_every_package_that_an_extra_installs(
    packages: Mapping[str, list[str]], extra: str
) -> None:
    require_extra(extra)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = map(Requirement, project["optional-dependencies"][extra])
    installs = {canonicalize_name(line.name) for line in lines}
    known = {canonicalize_name(it) for name in LIBRARIES[extra] for it in packages[name]}
    assert installs <= known


def test_hidden_libraries_are_found_by_no_process_and_all_others_are() -> None:
    program = "import importlib.util, json; " + "; ".join(
        f"print(importlib.util.find_spec({name!r}))" for name in ("packaging", "pytest")
    )
    environment = hidden_environment(["packaging"])
    assert PROMISED not in environment
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert done.stderr == ""
    assert re.fullmatch(r"None\nModuleSpec\(.*pytest.*\)\n", done.stdout)
