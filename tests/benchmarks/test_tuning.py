"""The search by successive elimination: its space, its record, its page, and a small search."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ganvas.errors import Interrupted, StudyError
from ganvas.studies.outcome import Outcome
from ganvas.studies.study import Study
from tests.end_to_end.studies import stay_in_this_process

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "tuning"))

import tuning_page
import tuning_record
import tuning_space
from tuning_record import FINAL, Trial

TUNING = Path(tuning_space.__file__).parent
SPACES = sorted(TUNING.glob("*.toml"))

TINY = """
base = "mlp"
data = "DATA"
configurations = 6
images = ["64", "128"]
eta = 2
samples = 100
metric = "swd"
finalists = 2
final_images = 128
final_seeds = 3
final_metrics = ["swd"]
shared.data.size = [12, 12]
shared.data.held_out = 0.5

[fields]
"generator.learning_rate" = [1e-4, 1e-3]
"batch" = [16, 32]
"generator.network.norm" = ["batch", "none"]
"""


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, whose file is called as that of any package is."""
    spec = importlib.util.spec_from_file_location("tuning_main", TUNING / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "tuning_main", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def space(tmp_path: Path) -> tuning_space.Space:
    """Small enough to be trained in a moment."""
    images = np.random.default_rng(0).integers(0, 256, (80, 12, 12, 1), dtype=np.uint8)
    np.save(tmp_path / "noise.npy", images)
    path = tmp_path / "space.toml"
    path.write_text(TINY.replace("DATA", str(tmp_path / "noise.npy")))
    return tuning_space.read_space(path)


class Trained:
    """Stands in for `train`: scores by the configuration's fields, and counts what is asked for."""

    def __init__(self) -> None:
        self.rungs: list[int] = []
        self.failing: dict[str, Any] = {}

    def __call__(
        self, study: Study, rung: int, configurations: dict[str, Any], *_: object
    ) -> list[Trial]:
        self.rungs.append(rung)
        trials = []
        for arm in study.all_arms:
            changes = configurations.get(arm.name, {})
            fails = bool(changes) and self.failing.items() <= changes.items() and self.failing
            score = arm.recipe.batch + 1000 * float(arm.recipe.generator.learning_rate)  # type: ignore[arg-type]
            for seed in range(study.seeds):
                outcome = Outcome(
                    arm=arm.name,
                    seed=seed,
                    ending="unhealthy" if fails else "finished",
                    reason="collapse" if fails else "",
                    scores={} if fails else {study.scores[0]: score + seed},
                    floors={},
                )
                trials.append(Trial.of(rung, changes, outcome))
        return trials


@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)
def test_a_space_varies_fields_of_its_recipe_evenly(path: Path) -> None:
    space = tuning_space.read_space(path)
    drawn = space.configurations_drawn()
    assert drawn == space.configurations_drawn()
    for name, values in space.fields.items():
        counts = Counter(str(changes[name]) for changes in drawn.values())
        assert set(counts) == {str(value) for value in values}
        assert max(counts.values()) - min(counts.values()) <= 2  # but for those left out


def test_no_configuration_is_drawn_twice_or_equals_the_base(space: tuning_space.Space) -> None:
    study = space.rung(1, space.configurations_drawn())
    canonical = [study.canonical(arm.recipe) for arm in study.all_arms]
    assert len(set(canonical)) == len(canonical)


def test_every_problem_of_a_space_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    path.write_text('base = "dcgan"\nimages = ["many"]\neta = 1\n[fields]\nbatch = [32]\n')
    with pytest.raises(StudyError) as caught:
        tuning_space.read_space(path)
    text = str(caught.value)
    for words in ("data: missing", "configurations: missing", "'many' is no whole number", "eta"):
        assert words in text
    assert "fields.batch: expected two or more values" in text


def test_a_field_that_no_recipe_has_is_named(tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    path.write_text(TINY.replace("network.norm", "network.nrom"))
    with pytest.raises(StudyError, match=r"generator\.network\.nrom: no such field"):
        tuning_space.read_space(path)


def test_each_rung_keeps_the_best_part_and_the_last_the_finalists(
    space: tuning_space.Space, search: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(search, "train", Trained())
    finalists = search.search(space, tmp_path, tmp_path / "record.jsonl", 1)
    trials = tuning_record.read_record(tmp_path / "record.jsonl")
    counts = Counter(trial.rung for trial in trials)
    drawn = len(space.configurations_drawn())
    assert counts == {1: 1 + drawn, 2: 1 + -(-drawn // 2)}  # the base runs in both
    assert len(finalists) == space.finalists
    assert all(changes["batch"] == 16 for changes in finalists.values())  # the best score
    assert next(iter(finalists.values()))["generator.learning_rate"] == 1e-4


def test_what_health_calls_failing_is_dropped_whatever_its_score(
    space: tuning_space.Space, search: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trained = Trained()
    trained.failing = {"batch": 16}
    monkeypatch.setattr(search, "train", trained)
    finalists = search.search(space, tmp_path, tmp_path / "record.jsonl", 1)
    assert {changes["batch"] for changes in finalists.values()} == {32}


def test_a_search_that_was_killed_repeats_no_rung(
    space: tuning_space.Space, search: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole, killed = Trained(), Trained()
    record = tmp_path / "record.jsonl"
    monkeypatch.setattr(search, "train", whole)
    expected = search.search(space, tmp_path, tmp_path / "whole.jsonl", 1)

    def killed_in_rung_2(study: Study, rung: int, *rest: Any) -> list[Trial]:
        if rung == 2:
            raise Interrupted("killed")
        return killed(study, rung, *rest)

    monkeypatch.setattr(search, "train", killed_in_rung_2)
    with pytest.raises(Interrupted):
        search.search(space, tmp_path, record, 1)
    monkeypatch.setattr(search, "train", killed)
    assert search.search(space, tmp_path, record, 1) == expected
    assert killed.rungs == [1, 2]
    assert record.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert search.search(space, tmp_path, record, 1) == expected
    assert killed.rungs == [1, 2]  # nothing is left to do


def test_the_record_of_another_space_is_refused(
    space: tuning_space.Space, search: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(search, "train", Trained())
    record = tmp_path / "record.jsonl"
    search.search(space, tmp_path, record, 1)
    other = tmp_path / "other.toml"
    other.write_text(TINY.replace("[16, 32]", "[16, 48]").replace("DATA", space.data))
    with pytest.raises(StudyError, match="another space"):
        search.search(tuning_space.read_space(other), tmp_path, record, 1)
    record.write_text("{}\n")
    with pytest.raises(StudyError, match="line 1 is no run of a search"):
        search.search(space, tmp_path, record, 1)


def test_a_rung_is_trained_by_compare_and_recorded(
    space: tuning_space.Space, search: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The one test that trains: three runs of a few steps.

    Nothing cheaper shows that a study of one seed gives what the record needs.
    """
    stay_in_this_process(monkeypatch)
    few = dict([*space.configurations_drawn().items()][:2])
    trials = search.train(space.rung(1, few), 1, few, tmp_path / "rung", 1)
    assert [trial.configuration for trial in trials] == ["mlp", *few]
    assert [trial.changes for trial in trials] == [{}, *few.values()]
    assert all(trial.scores["swd"] > 0 and trial.images == 64 for trial in trials)
    again = search.train(space.rung(1, few), 1, few, tmp_path / "rung", 1)
    assert again == trials  # from the study's files


def test_the_page_says_that_finalists_have_not_been_compared(
    space: tuning_space.Space, search: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trained = Trained()
    monkeypatch.setattr(search, "train", trained)
    record = tmp_path / "space.jsonl"
    finalists = search.search(space, tmp_path, record, 1)
    text = tuning_page.page([tmp_path / "space.toml"])
    assert "**Not done yet**: the last 2 have not been compared" in text
    search.compare_finalists(space, finalists, tmp_path, record, 1)
    search.compare_finalists(space, finalists, tmp_path, record, 1)
    assert trained.rungs == [1, 2, FINAL]
    text = tuning_page.page([tmp_path / "space.toml"])
    assert "Not done yet" not in text
    assert "3 seeds of 128 images" in text
    assert "better (" in text  # by construction, for every seed
    assert "and worse by no other score: `c" in text


def test_the_committed_page_is_made_from_the_committed_records(search: ModuleType) -> None:
    assert search.PAGE.read_text(encoding="utf-8") == tuning_page.page(SPACES)
