"""How ganvas stands kills, damaged inputs, a full disk and a long run.

    .venv/bin/python benchmarks/robustness kills
    .venv/bin/python benchmarks/robustness mutations
    .venv/bin/python benchmarks/robustness disk
    .venv/bin/python benchmarks/robustness long
    .venv/bin/python benchmarks/robustness page

Each of the first four appends records to benchmarks/results/robustness as it goes, and continues
with those that are there; --records FOLDER keeps them elsewhere. The last one writes
docs/robustness.md from them.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: a process with threads cannot be forked safely

import argparse
import re
import sys
import tempfile
from pathlib import Path

import endurance
import full_disk
import kills
import mutations
import robustness_page
from records import FOLDER, append_record, read_records


def main() -> int:
    """Do what the command line asks for."""
    options = parse()
    with tempfile.TemporaryDirectory(prefix="ganvas-robustness-") as folder:
        scratch = Path(folder).resolve()
        return PARTS[options.part](options, scratch)


def run_mutations(options: argparse.Namespace, scratch: Path) -> int:
    """Every chunk of inputs that has no record yet."""
    path = options.records / "mutations.jsonl"
    done = {(record["kind"], record["first"]) for record in read_records(path)}
    faults = 0
    for name, first, count in mutations.chunks(options.fraction):
        if (name, first) in done or not re.search(options.only, name):
            continue
        record = mutations.examine(name, first, count, options.seed, scratch)
        append_record(path, record)
        faults += len(record["faults"])
        print(f"{name} {first}: {record['used']} used, {record['refused']} refused, "
              f"{record['slowest_seconds']} s, {record['peak_mb']} MB", flush=True)  # fmt: skip
        for fault in record["faults"]:
            print(f"  {fault}", flush=True)
    return int(faults > 0)


def run_kills(options: argparse.Namespace, scratch: Path) -> int:
    """Trials of each scene, until it has been killed often enough."""
    path = options.records / "kills.jsonl"
    lost = 0
    for scene in kills.scenes():
        records = [record for record in read_records(path) if record["scene"] == scene.name]
        done = sum(len(record["kills"]) for record in records)
        wanted = max(1, round(options.fraction * scene.kills))
        if done >= wanted or not re.search(options.only, scene.name):
            continue
        reference = kills.measure_reference(scene, scratch)
        number = len(records)
        while done < wanted:
            record = kills.try_kills(scene, number, options.seed, reference, scratch)
            append_record(path, record)
            number += 1
            done += len(record["kills"])
            lost += bool(record["lost"])
            print(f"{scene.name}: {done}/{wanted} {record['kills']} {record['lost']}", flush=True)
    return int(lost > 0)


def run_full_disk(options: argparse.Namespace, scratch: Path) -> int:
    """Every kind of file that has no record yet."""
    path = options.records / "full_disk.jsonl"
    done = {(record["file"], record["way"]) for record in read_records(path)}
    lost = 0
    for task in full_disk.tasks():
        if not re.search(options.only, task.name):
            continue
        folder = scratch / task.name.replace(" ", "-")
        folder.mkdir()
        for record in full_disk.examine_task(task, done, folder):
            append_record(path, record)
            done.add((record["file"], record["way"]))
            lost += bool(record["lost"])
            print(*record.values(), sep=" | ", flush=True)
    return int(lost > 0)


def run_long(options: argparse.Namespace, scratch: Path) -> int:
    """One long run; it has no parts that could be kept, so it starts anew."""
    path = options.records / "long.jsonl"
    path.unlink(missing_ok=True)
    for record in endurance.train_long(round(options.fraction * endurance.IMAGES), scratch):
        append_record(path, record)
        print(record, flush=True)
    return int(record["code"] != 0)


def write_page(options: argparse.Namespace, scratch: Path) -> int:
    """docs/robustness.md from the records."""
    robustness_page.PAGE.write_text(robustness_page.page(options.records), encoding="utf-8")
    return 0


PARTS = {
    "kills": run_kills,
    "mutations": run_mutations,
    "disk": run_full_disk,
    "long": run_long,
    "page": write_page,
}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/robustness",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("part", choices=PARTS)
    add("--records", type=Path, default=FOLDER, help="the folder of records")
    add("--fraction", type=float, default=1.0, help="of the whole benchmark, such as 0.1")
    add("--seed", type=int, default=0)
    add("--only", default="", help="only what has this pattern in its name")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
