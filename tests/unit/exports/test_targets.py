"""`export`: what is refused before any work."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import ganvas
from ganvas.errors import GanvasError, RunError
from ganvas.exports.comparison import check_same_samples
from ganvas.generators import files as generator_files
from ganvas.runs import Run
from tests.builders import run_files
from tests.builders.generators import POINTS, small_generator
from tests.builders.tiny import tiny_recipe
from tests.extras import require_extra


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that has no generator yet."""
    return Run.create(tmp_path / "run", tiny_recipe(), {"seed": 0}, run_files.data())


def test_a_run_that_trains_is_not_said_to_have_stopped(run: Run) -> None:
    require_extra("onnx")
    with run.lock(), pytest.raises(RunError, match=r"no generator yet: it is training.*samples"):
        ganvas.export(run)


def test_what_cannot_be_exported_is_refused_before_any_work(run: Run, tmp_path: Path) -> None:
    require_extra("onnx")
    with pytest.raises(GanvasError, match=r"'onx' is no form to export to. Did you mean onnx\?"):
        ganvas.export(run, "onx")  # type: ignore[arg-type]
    with pytest.raises(GanvasError) as caught:
        ganvas.export(run, "folder", weights="float16", output="uint8")
    assert str(caught.value).splitlines() == [
        "--weights is for --to onnx and web, not --to folder",
        "--output is for --to onnx only, not --to folder",
    ]
    with pytest.raises(GanvasError, match=r"expected a name that ends in \.onnx"):
        ganvas.export(run, out=tmp_path / "model.pt")
    with pytest.raises(GanvasError, match="is exported already"):
        ganvas.export(tmp_path / "model.onnx")
    with pytest.raises(RunError, match="is not empty"):
        ganvas.export(run, "folder", run.directory)
    with pytest.raises(RunError, match=r"no generator yet.*ganvas resume"):
        ganvas.export(run)
    with pytest.raises(RunError, match="is not a run"):
        ganvas.export(tmp_path / "absent")
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


def test_a_missing_library_is_named_before_any_work(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*arguments: object) -> None:
        raise AssertionError("a generator was loaded before the refusal")

    monkeypatch.setattr(generator_files, "load", load)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(GanvasError, match=r"onnx and onnxscript and onnxruntime.*ganvas\[onnx\]"):
        ganvas.export(run)


def test_other_samples_than_torch_are_refused() -> None:
    trained, points = small_generator(), small_generator("mlp", POINTS)
    assert check_same_samples(trained, trained.sample, exact=True) == "the same 32 samples as torch"
    off_by_two = check_same_samples(trained, lambda n: trained.sample(n) ^ 2, exact=False)
    assert off_by_two == "differs from torch by at most 2 levels of 255 in 32 samples"
    with pytest.raises(GanvasError, match="differs from torch by 2 levels of 255, so nothing was"):
        check_same_samples(trained, lambda n: trained.sample(n) ^ 2, exact=True)
    near = check_same_samples(points, lambda n: points.sample(n) + 1e-3, exact=True)
    assert near == "differs from torch by at most 0.001 in x or y in 32 samples"
    for wrong in (1.0, float("nan")):
        with pytest.raises(GanvasError, match="in x or y, so nothing was written"):
            check_same_samples(points, lambda n, wrong=wrong: points.sample(n) + wrong, exact=True)
