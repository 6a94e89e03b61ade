"""A run's directory, made whole or not at all; its checkpoints: which are kept, which is read;
the recipe of a former run."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from ganvas.errors import Occupied, RunError
from ganvas.networks import ImageShape
from ganvas.recipes import CATALOG
from ganvas.runs import Run
from ganvas.runs.directories import in_first_free
from ganvas.runs.status import SavedStatus
from ganvas.runs.tables import LabelConfusionTable
from tests.builders import run_files
from tests.builders.loggers import ONSET, empty_run, train_to
from tests.builders.tiny import tiny_recipe


class TestState:
    @pytest.fixture
    def run(self, tmp_path: Path) -> Run:
        return Run.create(tmp_path / "run", CATALOG["dcgan"](), {"seed": 0}, {})

    def test_a_run_that_a_process_writes_is_running(self, run: Run) -> None:
        with run.lock():
            assert run.state() == "running"

    def test_a_run_that_nobody_writes_is_not_running(self, run: Run) -> None:
        assert run.read_status().status == "running"
        assert run.state() == "stopped without saving"
        with run.lock():
            pass
        assert run.state() == "stopped without saving"

    def test_without_permission_to_lock_it_the_saved_status_is_believed(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise PermissionError

        with run.lock():
            pass
        monkeypatch.setattr("fcntl.flock", refuse)
        assert run.state() == "running"

    def test_any_other_status_is_the_state(self, run: Run) -> None:
        run.write_status("diverged", 640, "the loss is not finite")
        assert run.state() == "diverged"


def test_a_name_in_place_of_a_path_is_told_to_open() -> None:
    with pytest.raises(RunError, match=r"ganvas\.Run\.open\('runs/first'\)"):
        Run("runs/first")  # type: ignore[arg-type]  # what a notebook's author types


def test_a_run_of_before_keeps_the_split_of_before(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", CATALOG["dcgan"](), {"seed": 0}, {})
    assert run.read_recipe().data.split == "labels"
    path = tmp_path / "run" / "recipe.json"
    recipe = json.loads(path.read_text())
    del recipe["data"]["split"]
    path.write_text(json.dumps(recipe))
    assert run.read_recipe().data.split == "content"


class TestCheckpoints:
    @pytest.fixture
    def run(self, tmp_path: Path) -> Run:
        return Run.create(tmp_path / "run", CATALOG["dcgan"](), {"seed": 0}, {})

    @staticmethod
    def write(run: Run, *moments: int) -> None:
        for images_seen in moments:
            values: dict[str, Any] = {"images_seen": images_seen}
            run.write_checkpoint(images_seen, {"w": torch.tensor([float(images_seen)])}, values)

    def test_new_run_has_none(self, run: Run) -> None:
        assert run.read_newest_checkpoint() is None

    def test_last_two_are_kept_and_the_newest_is_read(self, run: Run) -> None:
        self.write(run, 900, 1000, 10_000)
        names = [path.name for path in run.checkpoint_paths()]
        assert names == ["000001000.safetensors", "000010000.safetensors"]
        restored = run.read_newest_checkpoint()
        assert restored is not None
        assert restored[0]["w"].item() == restored[1]["images_seen"] == 10_000
        assert restored[2] == []

    @staticmethod
    def write_scores(run: Run) -> None:
        """The best one while training is at 1,000 images."""
        for images_seen, value, changes in (
            (1000, 3.0, {}),
            (2000, 5.0, {}),
            (3000, 4.0, {}),
            (3000, 1.0, {"while_training": False}),
            (3000, 0.5, {"metric": "swd"}),
        ):
            record = {"metric": "fd-lite0", "images_seen": images_seen, "value": value, **changes}
            run.scores.append(run_files.score(**record))

    def test_the_best_is_that_of_the_best_score_while_training(self, run: Run) -> None:
        assert run.best_checkpoint() is None
        self.write_scores(run)
        assert run.read_recipe().evaluation.metrics[0] == "fd-lite0"
        assert run.best_checkpoint() == 1000

    def test_the_first_the_best_and_the_last_healthy_one_are_kept(self, run: Run) -> None:
        self.write_scores(run)
        run.findings.append({**ONSET, "images_seen": 4000, "since": 3000, "verdict": "failing"})
        self.write(run, *range(0, 7000, 1000))
        assert run.last_healthy_checkpoint() == 2000
        kept = [int(path.stem) for path in run.checkpoint_paths()]
        assert kept == [0, 1000, 2000, 5000, 6000]

    def test_all_records_after_a_checkpoint_are_deleted(self, run: Run) -> None:
        self.write_scores(run)
        train_to(run, 1000, 2000)
        for images_seen in (1000, 2000):
            run.findings.append({**ONSET, "images_seen": images_seen})
        run.delete_records_after(1000)
        for table in (run.history, run.scores, run.findings):
            assert {record["images_seen"] for record in table.records()} == {1000}
        assert [int(path.stem) for path in run.sample_paths()] == [1000]

    def test_what_people_put_beside_them_is_left_alone(self, run: Run) -> None:
        self.write(run, 1000)
        for folder, suffix in (("checkpoints", ".safetensors"), ("samples", ".png")):
            for name in ("best", "000001000 copy", "._000001000"):
                (run.directory / folder / f"{name}{suffix}").write_bytes(b"")
        self.write(run, 2000, 3000)
        run.delete_records_after(0)
        names = [path.name for path in run.checkpoint_paths()]
        assert names == ["000002000.safetensors", "000003000.safetensors"]
        assert run.sample_paths() == []
        assert run.last_healthy_checkpoint() == 3000
        assert len(list((run.directory / "checkpoints").iterdir())) == 5
        assert len(list((run.directory / "samples").iterdir())) == 3

    def test_the_newest_is_that_of_the_largest_count_also_after_a_billion_images(
        self, run: Run
    ) -> None:
        self.write(run, 999_999_000, 1_000_001_000)
        restored = run.read_newest_checkpoint()
        assert restored is not None
        assert restored[1] == {"images_seen": 1_000_001_000}

    def test_a_damaged_newest_checkpoint_falls_back_with_a_warning(self, run: Run) -> None:
        self.write(run, 1000, 2000)
        newest = run.checkpoint_paths()[-1]
        newest.write_bytes(newest.read_bytes()[:-1])
        restored = run.read_newest_checkpoint()
        assert restored is not None
        assert restored[1] == {"images_seen": 1000}
        (warning,) = restored[2]
        assert str(newest) in warning
        assert warning.endswith("; the checkpoint before it is used")

    def test_all_damaged_is_an_error_that_names_each(self, run: Run) -> None:
        self.write(run, 1000, 2000)
        for path in run.checkpoint_paths():
            path.write_bytes(b"")
        with pytest.raises(RunError, match="all checkpoints are damaged") as caught:
            run.read_newest_checkpoint()
        assert all(str(path) in str(caught.value) for path in run.checkpoint_paths())


class TestCreation:
    """Directories of new runs, also where several are made at once."""

    @staticmethod
    def together(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
        """Hold every draft until all are filled, so that all want their name at the same time."""
        barrier, write = threading.Barrier(count), SavedStatus.write
        first_try = threading.local()

        def write_then_wait(status: SavedStatus, path: Path) -> None:
            write(status, path)
            if not vars(first_try):
                first_try.over = True
                barrier.wait()

        monkeypatch.setattr(SavedStatus, "write", write_then_wait)

    def test_runs_that_start_together_get_a_directory_each(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.together(monkeypatch, 4)
        recipe = CATALOG["dcgan"]()
        (tmp_path / "runs").mkdir()
        (tmp_path / "runs" / "dcgan-x-2").touch()  # a file has the name
        (tmp_path / "runs" / "dcgan-x-3").symlink_to("nowhere")

        def create(seed: int) -> Run:
            environment = run_files.environment(seed=seed)
            return in_first_free(
                tmp_path / "runs" / "dcgan-x",
                lambda directory: Run.create(directory, recipe, environment, {}),
            )

        with ThreadPoolExecutor(4) as pool:
            runs = list(pool.map(create, range(4)))
        assert sorted(run.directory.name for run in runs) == [f"dcgan-x-{n}" for n in (1, 4, 5, 6)]
        assert [Run.open(run.directory).read_environment()["seed"] for run in runs] == [0, 1, 2, 3]
        assert len(list((tmp_path / "runs").iterdir())) == 6, "nothing half is left"

    def test_one_of_two_that_want_the_same_directory_gets_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.together(monkeypatch, 2)

        def create(seed: int) -> str:
            try:
                Run.create(tmp_path / "run", CATALOG["dcgan"](), {"seed": seed}, {})
            except Occupied as error:
                return str(error)
            return "made"

        with ThreadPoolExecutor(2) as pool:
            said = sorted(pool.map(create, range(2)))
        assert said[1] == "made"
        assert "run was made by another process meanwhile. Choose another folder" in said[0]
        assert [path.name for path in tmp_path.iterdir()] == ["run"]
        Run.open(tmp_path / "run")

    def test_a_file_called_runs_is_an_error_and_no_endless_search(self, tmp_path: Path) -> None:
        (tmp_path / "runs").touch()
        with pytest.raises(RunError, match="a file is in the way"):
            in_first_free(
                tmp_path / "runs" / "dcgan-x",
                lambda directory: Run.create(directory, CATALOG["dcgan"](), {}, {}),
            )

    def test_the_current_folder_is_not_replaced_by_a_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        for here in (Path(), tmp_path):
            with pytest.raises(RunError, match=r"is the current folder. Name a new folder in it"):
                Run.create(here, CATALOG["dcgan"](), {}, {})

    def test_a_mount_point_is_not_replaced_by_a_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path)
        with pytest.raises(RunError, match=r"is a mount point. Name a new folder in it"):
            Run.create(tmp_path, CATALOG["dcgan"](), {}, {})


def test_labels_of_runs_of_former_versions_mean_what_they_meant(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", CATALOG["dcgan"](), {"seed": 0}, {})
    assert run.read_recipe().data.labels == "scores"
    table = json.loads((run.directory / "recipe.json").read_text())
    del table["label_strength"]  # of 0.3
    table["data"]["labels"] = "auto"
    (run.directory / "recipe.json").write_text(json.dumps(table))
    assert run.read_recipe().data.labels == "scores"
    del table["data"]["labels"]  # of 0.2: a folder named as a split is a label
    (run.directory / "recipe.json").write_text(json.dumps(table))
    assert run.read_recipe().data.labels == "folders"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"extent": [1]}, "extent"),
        ({"shape": {"channels": 1}}, r"shape\.height"),
        ({"labels": 3}, "labels"),
    ],
)
def test_data_that_is_damaged_is_named_with_its_field(
    tmp_path: Path, change: dict[str, object], problem: str
) -> None:
    tables = run_files.environment(), run_files.data(**change)
    run = Run.create(tmp_path / "run", CATALOG["dcgan"](), *tables)
    with pytest.raises(RunError, match=rf"data\.json is damaged: {problem}"):
        run.read_data()


@pytest.mark.parametrize("field", ["seed", "device", "deterministic"])
def test_an_environment_that_lacks_what_resume_needs_is_named(tmp_path: Path, field: str) -> None:
    environment = run_files.environment()
    del environment[field]
    run = Run.create(tmp_path / "run", CATALOG["dcgan"](), environment, run_files.data())
    with pytest.raises(RunError, match=rf"environment\.json is damaged: {field}: Field required"):
        run.read_environment()


def test_recognised_labels_come_back_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    run = Run.create(
        tmp_path / "run", CATALOG["dcgan"](), run_files.environment(), run_files.data()
    )
    assert run.read_label_confusion() is None
    confusion: LabelConfusionTable = {
        "images_seen": 80,
        "labels": ["cat", "dog"],
        "samples": [3, 4],
        "fractions": [[1.0, 0.0], [0.25, 0.75]],
    }
    run.write_label_confusion(confusion)
    assert run.read_label_confusion() == confusion
    run.write_label_confusion({**confusion, "fractions": [[1.0], [0.25, 0.75]]})
    with pytest.raises(RunError, match=r"label-confusion\.json is damaged"):
        run.read_label_confusion()


@pytest.mark.parametrize("shape", [(1, 32, 32), (1, 16, 0), (9, 16, 16)])
def test_a_shape_that_is_not_the_recipes_is_damaged(
    tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    recipe = tiny_recipe()
    assert recipe.data.size == (16, 16)
    named = dict(zip(("channels", "height", "width"), shape, strict=True))
    whole = Run.create(tmp_path / "run", recipe, run_files.environment(), run_files.data())
    assert whole.read_shape() == ImageShape(1, 16, 16)
    whole.write_data(run_files.data(shape=named))
    with pytest.raises(RunError, match=r"data\.json is damaged: its images of .* not those of"):
        whole.read_shape()


def test_run_shows_a_notebook_its_status_open_findings_and_newest_grid(tmp_path: Path) -> None:
    run = empty_run(tmp_path)
    assert "at 0 of 1,000 images" in run._repr_html_()
    train_to(run, 64, 128)
    run.findings.append({"images_seen": 64, **ONSET})
    shown = run._repr_html_()
    assert "custom on noise, stopped without saving at 128 of 1,000 images" in shown
    assert "watch: mode-collapse. It makes few images. Try --batch 128" in shown
    assert shown.count("<img") == 1
    assert 'alt="samples at 128 images"' in shown
    run.findings.append({"images_seen": 128, "event": "end", "symptom": "mode-collapse"})
    assert "mode-collapse" not in run._repr_html_()


def test_damaged_run_shows_why_instead_of_failing(tmp_path: Path) -> None:
    run = empty_run(tmp_path)
    (run.directory / "data.json").write_text("{")
    assert "data.json cannot be read" in run._repr_html_()
