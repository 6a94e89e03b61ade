"""The notebooks of examples/, with tiny budgets, and what a notebook shows and says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from .test_documentation import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.ipynb"))
BUDGET = 64

SMALL_DATA = """
import os
from pathlib import Path
from ganvas.data import sources
from ganvas.metrics import sliced_wasserstein
from ganvas.training import monitor
from tests.end_to_end.test_documentation import first_fashion_images
os.chdir({folder!r})
Path("fashion").mkdir(exist_ok=True)
monitor.PROBE_IMAGES, sliced_wasserstein.PATCHES = 16, 2_000
fashion = first_fashion_images(Path("fashion"))
sources.BUILT_IN["fashion"] = lambda fashion=fashion: fashion
"""
"""What a cell before the first one does: fewer images, also to look at, in a folder of a test's."""

INTERRUPTED = """
import os, signal
from ganvas.training.listeners import Listeners

class Interrupting(Listeners):
    def samples(self, images_seen, samples):
        super().samples(images_seen, samples)
        if images_seen == 0:
            os.kill(os.getpid(), signal.SIGINT)

import ganvas
import ganvas.training.loop as loop
loop.Listeners = Interrupting
stopped = ganvas.train("mlp", "fashion", out="runs/stopped")
"""
"""A cell that is interrupted before its first step is done."""

Notebook = Any


def code_cell(source: str) -> Any:
    """A cell of a test's own."""
    return nbformat.v4.new_code_cell(source)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The reader's folder, and the kernel's own files."""
    folder = tmp_path_factory.mktemp("notebooks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_CACHE", str(folder / "cache"))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "jupyter"))
        patch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'src'}")
        patch.setenv("OMP_NUM_THREADS", "1")
        yield folder


@pytest.fixture(scope="module")
def executed(folder: Path) -> dict[str, Notebook]:
    """Every notebook with a tiny budget, by its name; and `interrupted`, a cell of ours.

    One kernel, which takes six seconds, runs them, each without the names of the one before.
    """
    notebooks = {path.stem: nbformat.read(path, as_version=4) for path in EXAMPLES}
    cells = [code_cell(SMALL_DATA.format(folder=str(folder)))]
    for name, notebook in notebooks.items():
        for cell in notebook.cells:
            cell.id = f"{name}-{cell.id}"
            cell.source = re.sub(r"IMAGES = [\d_]+", f"IMAGES = {BUDGET}", cell.source)
            cell.source = re.sub(r"n=\d+", "n=100", cell.source)
        cells += [code_cell("%reset -f"), *notebook.cells]
    interrupted = code_cell(INTERRUPTED)
    interrupted.metadata["tags"] = ["raises-exception"]
    notebooks["interrupted"] = nbformat.v4.new_notebook(cells=[interrupted])
    whole = nbformat.v4.new_notebook(cells=[*cells, interrupted])
    NotebookClient(whole, timeout=None, kernel_name="python3").execute(cwd=str(ROOT))
    return notebooks


@pytest.fixture
def first_run(executed: dict[str, Notebook]) -> Notebook:
    return executed["first-run"]


def outputs(notebook: Notebook, source: str) -> list[Any]:
    """The outputs of the cell whose source has this text."""
    (cell,) = (cell for cell in notebook.cells if source in cell.source)
    found: list[Any] = cell.outputs
    return found


def shown(notebook: Notebook, source: str) -> dict[str, str]:
    """The value of a cell, by media type."""
    (result,) = (o for o in outputs(notebook, source) if o.output_type == "execute_result")
    data: dict[str, str] = result.data
    return data


def test_runs_scores_diagnoses_and_generators_show_themselves(first_run: Notebook) -> None:
    run = shown(first_run, "run = ganvas.train")
    assert f"dcgan on fashion, finished at {BUDGET} of {BUDGET} images" in run["text/html"]
    assert '<img alt="samples at 64 images" src="data:image/png;base64,' in run["text/html"]
    generator = shown(first_run, "generator = ganvas.load")
    assert generator["text/plain"].startswith("TrainedGenerator(32x32, grey, 128 latents")
    assert "image/png" in generator
    assert "image/png" in shown(first_run, "generator.grid(40")
    assert "too early to tell" in shown(first_run, "ganvas.diagnose")["text/html"]
    assert "<td>swd</td>" in shown(first_run, "ganvas.evaluate")["text/html"]


def test_progress_is_one_line_that_is_updated(first_run: Notebook) -> None:
    for source in ("run = ganvas.train", "run = ganvas.resume"):
        lines = [o for o in outputs(first_run, source) if o.output_type == "display_data"]
        *preparing, training = (line.data["text/plain"] for line in lines)
        assert training.startswith("100%")
        # How long each stage takes decides whether it has a line; none ever has two.
        stages = [line.split()[0].rstrip(":") for line in preparing]
        assert stages == [stage for stage in ("reading", "decoding") if stage in stages]
        printed = [o.text for o in outputs(first_run, source) if o.output_type == "stream"]
        assert "".join(printed).count("\n") < 10
        assert "\x1b" not in "".join(printed)
        assert "next: ganvas.load('runs/notebook')" in "".join(printed)


def test_interrupted_kernel_saves_and_says_in_one_line_how_to_go_on(
    executed: dict[str, Notebook], folder: Path
) -> None:
    (cell,) = executed["interrupted"].cells
    (error,) = (o for o in cell.outputs if o.output_type == "error")
    assert error.ename == "Interrupted"
    (line,) = error.traceback
    assert line.endswith("go on with: run = ganvas.resume('runs/stopped')")
    status = json.loads((folder / "runs" / "stopped" / "status.json").read_text())
    assert status["status"] == "interrupted"
    assert len(list((folder / "runs" / "stopped" / "checkpoints").iterdir())) == 1


@pytest.mark.usefixtures("executed")
def test_environment_says_notebook_and_names_no_file_of_the_kernel(folder: Path) -> None:
    environment = json.loads((folder / "runs" / "notebook" / "environment.json").read_text())
    assert environment["command"] == ["python", "(in a notebook)"]


def test_tutorial_runs_and_scores_each_recipe(executed: dict[str, Notebook]) -> None:
    (scores,) = outputs(executed["tutorial"], "scores = {")
    names = [line.split()[0] for line in scores.text.splitlines()]
    assert sorted(names) == ["dcgan", "mlp", "resnet", "smoothed", "wgan"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_committed_notebook_has_no_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
