"""wandb, mlflow and trackio: with the libraries where they are installed, else imitations.

The development environment has none of them: mlflow alone needs 600 MB, and trackio another Pillow.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ganvas.loggers.log import log
from ganvas.loggers.mlflow import MOST_METRICS, MOST_PARAMETERS
from ganvas.loggers.names import LoggerKind
from ganvas.runs import Run

from ...builders import run_files
from ...builders.loggers import ONSET, empty_run, train_to

LOSS = "generator/loss/adversarial"
SENTENCE = "watch: mode-collapse. It makes few images. Try --batch 128"

WANDB_BLOCK = 32_768

Points = dict[str, list[tuple[int, float]]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with a finding whose log was made, and that was then resumed with a larger budget."""
    run = empty_run(tmp_path)
    train_to(run, 64, 128)
    run.findings.append({"images_seen": 64, **ONSET})
    return run


def log_twice(run: Run, name: str) -> None:
    """Log, train on with a larger budget, evaluate an older checkpoint, and log again."""
    log(run, name)
    train_to(run, 192)
    run.scores.append(run_files.score(while_training=False, value=4.0))
    log(run, name)


EXPECTED: Points = {
    LOSS: [(64, 64 / 3), (128, 128 / 3), (192, 192 / 3)],
    "score/swd": [(64, 64 / 7), (128, 128 / 7), (192, 192 / 7)],
    "evaluation/swd": [(64, 4.0)],
}


def chosen(points: Points) -> Points:
    return {name: points[name] for name in EXPECTED}


class Calls:
    """Any object of a library: it notes how its methods are called, and gives itself."""

    def __init__(self) -> None:
        self.made: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Calls:
            self.made.append((name, arguments, named))
            return self

        return call

    def of(self, name: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [call[1:] for call in self.made if call[0] == name]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    monkeypatch.setattr(LoggerKind, "is_installed", lambda kind: True)
    return Calls()


def imitate(monkeypatch: pytest.MonkeyPatch, name: str, **names: Any) -> None:
    module = ModuleType(name)
    module.__dict__.update(names)
    monkeypatch.setitem(sys.modules, name, module)


def test_wandb_gets_each_point_once_and_nothing_of_this_machine(
    run: Run, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    imitate(
        monkeypatch,
        "wandb",
        init=calls.init,
        login=lambda **how: False,
        Settings=lambda **settings: settings,
        Image=lambda path: Path(path).name,
        Html=lambda text, inject: text,
    )
    log_twice(run, "wandb")
    rows = [row for (row,), _ in calls.of("log")]
    points: Points = {}
    for row in rows:
        for name in row.keys() - {"images_seen"}:
            points.setdefault(name, []).append((row["images_seen"], row[name]))
    assert chosen(points) == EXPECTED
    assert points["samples"] == [(seen, f"{seen:09d}.png") for seen in (64, 128, 192)]
    assert points["findings/mode-collapse"] == [(64, f"<p>{SENTENCE}</p>")]
    (_, first), (_, second) = calls.of("init")
    assert first["id"] == second["id"]
    assert first["mode"] == "offline", "nobody is logged in, and nobody is asked"
    assert first["config"]["batch"] == run.read_recipe().batch
    settings = first["settings"]
    assert settings["console"] == "off"
    assert all(settings[name] for name in ("disable_git", "disable_code", "x_disable_meta"))
    assert len(calls.of("finish")) == 2


@pytest.fixture
def mlflow(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """An imitation of MLflow; how its client is called."""
    known: list[Any] = []
    made = SimpleNamespace(info=SimpleNamespace(run_id="of-mlflow"))

    class Client(Calls):
        def create_run(self, *arguments: Any, **named: Any) -> Any:
            known.append(made)
            calls.create_run(*arguments, **named)
            return made

        def search_runs(self, *arguments: Any, **named: Any) -> list[Any]:
            return list(known)

        def __getattr__(self, name: str) -> Any:
            return getattr(calls, name)

    imitate(monkeypatch, "mlflow", MlflowClient=Client)
    imitate(monkeypatch, "mlflow.entities", Metric=lambda *a: a, Param=lambda *a: a)
    return calls


def test_mlflow_gets_each_point_once_in_one_run(run: Run, mlflow: Calls) -> None:
    log_twice(run, "mlflow")
    points: Points = {}
    parameters: dict[str, str] = {}
    for (to,), batch in mlflow.of("log_batch"):
        assert to == "of-mlflow"
        parameters.update(batch.get("params", ()))
        for name, value, _, seen in batch.get("metrics", ()):
            points.setdefault(name, []).append((seen, value))
    assert chosen(points) == EXPECTED
    assert parameters["batch"] == str(run.read_recipe().batch)
    assert [Path(a[1]).stem for a, _ in mlflow.of("log_artifact")] == [
        f"{seen:09d}" for seen in (64, 128, 192)
    ]
    assert [a[1:] for a, _ in mlflow.of("log_text")] == [
        (SENTENCE, "findings/mode-collapse/000000064.txt")
    ]
    assert len(mlflow.of("create_run")) == 1


def test_mlflow_gets_numbers_of_all_records_at_once_in_requests_that_it_takes(
    tmp_path: Path, mlflow: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request costs as much as many numbers."""
    monkeypatch.setattr("ganvas.loggers.mlflow.MOST_METRICS", 20)
    run = empty_run(tmp_path)
    train_to(run, *range(1, 8))
    log(run, "mlflow")
    batches = [named["metrics"] for _, named in mlflow.of("log_batch") if "metrics" in named]
    assert [len(batch) for batch in batches] == [20, 15]
    points = [point for batch in batches for point in batch]
    assert len(set(points)) == 35
    begins = {when - 100 * seen for _, _, when, seen in points}  # a step takes a tenth of a second
    assert max(begins) - min(begins) <= 1, "their times are those of training, in milliseconds"


def test_trackio_gets_each_point_once_under_one_name(
    run: Run, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    imitate(monkeypatch, "trackio", init=calls.init, Image=lambda p: p.name, Markdown=str)
    log_twice(run, "trackio")
    points: Points = {}
    for (row,), named in calls.of("log"):
        for name, value in row.items():
            points.setdefault(name, []).append((named["step"], value))
    assert chosen(points) == EXPECTED
    assert points["samples"] == [(seen, f"{seen:09d}.png") for seen in (64, 128, 192)]
    assert points["findings/mode-collapse"] == [(64, SENTENCE)]
    (_, first), (_, second) = calls.of("init")
    assert first["name"] == second["name"]
    assert first["name"].startswith("run-")


# -- The libraries themselves, where they are installed --------------------------------------------


@pytest.mark.filterwarnings("default")  # their warnings are not ours
def test_wandb_itself_keeps_the_log_offline(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    import wandb
    from wandb.proto.wandb_internal_pb2 import Record

    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    log_twice(run, "wandb")
    wandb.teardown()  # its process writes the rest
    points: Points = {}
    for path in sorted((run.directory / "wandb").glob("offline-run-*/*.wandb")):
        for content in records_of_wandb(path.read_bytes()):
            record = Record.FromString(content)
            items = {
                "/".join(item.nested_key) or item.key: item.value_json
                for item in record.history.item
            }
            for name in items.keys() & EXPECTED.keys():
                point = (int(items["images_seen"]), float(items[name]))
                points.setdefault(name, []).append(point)
    assert chosen(points) == EXPECTED


def records_of_wandb(log: bytes) -> Iterator[bytes]:
    """The records of a .wandb file: LevelDB's log format, after a header of seven bytes."""
    position, parts = 7, b""
    while position + 7 < len(log):
        left = WANDB_BLOCK - position % WANDB_BLOCK
        if left < 7:
            position += left
            continue
        length, kind = struct.unpack_from("<HB", log, position + 4)
        parts += log[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


@pytest.mark.filterwarnings("default")
def test_mlflow_itself_has_each_point_once(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    import mlflow
    from mlflow.utils import validation

    assert MOST_METRICS == validation.MAX_METRICS_PER_BATCH
    assert MOST_PARAMETERS == validation.MAX_PARAMS_TAGS_PER_BATCH
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    log_twice(run, "mlflow")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("ganvas")
    (logged,) = client.search_runs([experiment.experiment_id])
    of_mlflow = logged.info.run_id
    points = {
        name: [(m.step, m.value) for m in client.get_metric_history(of_mlflow, name)]
        for name in EXPECTED
    }
    assert points == EXPECTED
    assert logged.data.params["batch"] == str(run.read_recipe().batch)
    assert len(client.list_artifacts(of_mlflow, "samples")) == 3


@pytest.mark.filterwarnings("default")
def test_trackio_itself_has_each_point_once(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))  # read when it is imported
    pytest.importorskip("trackio", reason="trackio is not installed")
    from trackio.sqlite_storage import SQLiteStorage

    log_twice(run, "trackio")
    (name,) = SQLiteStorage.get_runs("ganvas")
    points: Points = {}
    for row in SQLiteStorage.get_logs("ganvas", name):
        for metric in row.keys() & EXPECTED.keys():
            points.setdefault(metric, []).append((row["step"], row[metric]))
    assert chosen(points) == EXPECTED
