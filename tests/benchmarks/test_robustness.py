"""A few kills, damaged inputs and full disks; docs/robustness.md says what the records say.

The benchmark runs as a program, because a process that has trained cannot be forked safely.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "robustness"
MODULES = ("records", "mutating", "contents", "robustness_page")
PART_OF_ALL = 0.001
"""So little that one chunk of each kind, or one kill of each scene, is left of it."""


@pytest.fixture(scope="module")
def bench() -> Iterator[dict[str, ModuleType]]:
    """The modules by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        before = set(sys.modules)
        yield {name: importlib.import_module(name) for name in MODULES}
        for name in set(sys.modules) - before:
            if not name.startswith(("ganvas", "torch")):
                del sys.modules[name]


def measured(folder: Path, part: str, only: str, fraction: float = PART_OF_ALL) -> list[Any]:
    """The records of one part of the benchmark; none of them may name a fault."""
    command = [sys.executable, str(FOLDER), part, "--only", only, "--fraction", str(fraction)]
    done = subprocess.run(
        [*command, "--records", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_three_kills_of_training(tmp_path: Path) -> None:
    records = measured(tmp_path, "kills", "training on points", 3 / 200)
    assert sum(len(record["kills"]) for record in records) >= 3
    assert not any(record["lost"] for record in records)
    assert measured(tmp_path, "kills", "training on points", 3 / 200) == records, "none is repeated"


@pytest.mark.parametrize("only", ["^PNG", "images.npz", "^IDX$", "recipe.json", "study.json"])
def test_damaged_inputs_of_a_kind(tmp_path: Path, only: str) -> None:
    for record in measured(tmp_path, "mutations", only):
        assert record["used"] + record["refused"] == record["inputs"]
        assert record["used"]
        assert record["refused"]


def test_a_full_disk_while_samples_are_written(tmp_path: Path) -> None:
    records = measured(tmp_path, "disk", "sample, .npz")
    assert {record["file"] for record in records} == {"samples.npz"}
    for record in records:
        assert record["code"] == 2
        assert "cannot write samples.npz" in record["message"]
        assert not record["drafts"]


def test_every_mutation_changes_a_file_and_is_repeated_by_its_seed(
    bench: dict[str, ModuleType],
) -> None:
    table = {"a": [1, 2], "b": {"c": "text"}}
    lines = json.dumps(table).encode() + b"\n"
    mutating = bench["mutating"]
    for mutation in {*mutating.BYTES, *mutating.JSON, *mutating.LINES}:
        many = mutation in mutating.LINES
        content = 5 * lines if many else json.dumps(table, indent=2).encode() + b"\n"
        mutated = [mutation(content, random.Random(seed)) for seed in range(20)]
        assert mutated == [mutation(content, random.Random(seed)) for seed in range(20)]
        assert any(changed != content for changed in mutated), mutation


def test_a_record_that_a_kill_has_cut_is_replaced(
    bench: dict[str, ModuleType], tmp_path: Path
) -> None:
    records, path = bench["records"], tmp_path / "new" / "a.jsonl"
    records.append_record(path, {"number": 1})
    with path.open("a") as file:
        file.write('{"numb')
    assert records.read_records(path) == [{"number": 1}]
    records.append_record(path, {"number": 2})
    assert records.read_records(path) == [{"number": 1}, {"number": 2}]


def test_differences_name_missing_other_and_additional_files(
    bench: dict[str, ModuleType], tmp_path: Path
) -> None:
    contents = bench["contents"]
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, seconds, loss in zip(folders, (1.5, 9.0), (0.5, 0.5), strict=True):
        folder.mkdir()
        record = {"images_seen": 64, "loss": loss, "seconds": seconds}
        (folder / "history.jsonl").write_text(json.dumps(record) + "\n")
        (folder / ".run.1.tmp").mkdir()
        (folder / ".run.1.tmp" / f"{seconds}").touch()
    one, two = map(contents.contents, folders)
    assert contents.differences(one, two) == [], "seconds and drafts beside a run do not count"
    (folders[0] / "a.png").write_bytes(b"1")
    (folders[1] / "b.png").write_bytes(b"2")
    (folders[1] / "history.jsonl").write_text('{"images_seen": 64, "loss": 0.25}\n')
    assert contents.differences(*map(contents.contents, folders)) == [
        "different: history.jsonl",
        "left over: b.png",
        "missing: a.png",
    ]


def test_the_page_says_what_the_records_say(bench: dict[str, ModuleType]) -> None:
    page = bench["robustness_page"]
    assert page.PAGE.read_text(encoding="utf-8") == page.page()


def test_the_records_are_of_the_whole_benchmark_and_name_no_fault(
    bench: dict[str, ModuleType],
) -> None:
    read, folder = bench["records"].read_records, bench["records"].FOLDER
    kills, mutations = read(folder / "kills.jsonl"), read(folder / "mutations.jsonl")
    full_disks = read(folder / "full_disk.jsonl")
    assert sum(len(record["kills"]) for record in kills) >= 1_000
    assert not any(record["lost"] for record in kills)
    assert sum(record["inputs"] for record in mutations) >= 10_000
    assert not any(record["faults"] for record in mutations)
    assert not any(record["lost"] or record["drafts"] for record in full_disks)
    assert read(folder / "long.jsonl")[-1]["code"] == 0
