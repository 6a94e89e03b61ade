"""docs/robustness.md, written from the records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from records import FOLDER, Record, read_records

PAGE = Path(__file__).parents[2] / "docs" / "robustness.md"
FIRST_CHECKPOINT = 2_000
"""Images of the long run."""
RECORDS_PER_MILLION = 2_000
"""Of the history, per million images of the long run."""
COLUMNS = {"memory_mb": "resident memory, MB", "files": "open files", "threads": "threads"}

INTRODUCTION = """# Robustness

Can a crash, a damaged file, a full disk or a long run cost you your training? In these experiments
nothing was lost: every killed command could be continued and ended as if undisturbed, no damaged
file crashed a command, and a full disk left no half-written file. They run on two CPU cores, by
`benchmarks/robustness`. Every part appends its records to `benchmarks/results/robustness` and
continues with those that are there. This command writes the page from them:

    .venv/bin/python benchmarks/robustness page

Each command runs in a process forked from one that has loaded torch, so a trial takes a fraction of
a second. No part of ganvas is replaced: Python's audit events tell which files it is about to
change.
"""

KILLS = """## Kills

    .venv/bin/python benchmarks/robustness kills

`SIGKILL` at a random time, exactly before a random change of a file, or up to 4 ms after one; then
the command that continues (`resume`, or the same command again), killed again up to four times.
*Lost* is a trial that could not be continued, or in which any file in the end differs from that of
the same command left undisturbed: checkpoints, generator, history without its timing
columns, findings, scores, sample grids, recipe, status, prepared data. Not compared are
`environment.json` (the command that was typed), reports, `results.json` and the costs in outcomes
(times), and hidden drafts beside a run that was killed while it was being created. In a study, the
kill hits the command, one of its workers, or all processes.
"""

MUTATIONS = """## Damaged and hostile files

    .venv/bin/python benchmarks/robustness mutations

Valid files with flipped bytes, cuts, missing, repeated or random pieces, extreme numbers in place
of lengths and sizes, lists nested 100,000 deep, wrong values and missing fields in JSON and TOML;
and intact images of 88 to 3,600 megapixels in files under 1 MB. Each must be *used*, or *refused*:
named with a reason and exit code 2. *Faults* are tracebacks, crashes, more than 20 s of processor
time, more than 1 GB of additional memory, output of a library on stderr, and messages that do not
name the file. Images are read by `check` in folders of 50, the
files of a run by the commands that read them, weights by `sample` and `resume`.
"""

FULL_DISK = """## A full disk

    .venv/bin/python benchmarks/robustness disk

For every kind of file that any of these commands writes, the first and the second time: the disk is
full from the moment when the file is opened (*no space left*: a small file system in memory that is
filled; this way needs root), or no file can grow by more than 16 bytes from then on (*limit of
size*: `RLIMIT_FSIZE`). Then there is room again and the command is repeated, or the run resumed.
*Left* counts half-written files after the failure, *lost* what differs in the end from a command
left undisturbed. If an index of the cache cannot be written, that costs time and is no error, so
the exit code is 0.
"""

LONG = """## A long run

    .venv/bin/python benchmarks/robustness long
"""


def page(folder: Path = FOLDER) -> str:
    """The whole page."""
    parts = (
        INTRODUCTION,
        KILLS,
        kills_table(read_records(folder / "kills.jsonl")),
        MUTATIONS,
        mutations_table(read_records(folder / "mutations.jsonl")),
        FULL_DISK,
        full_disk_table(read_records(folder / "full_disk.jsonl")),
        LONG,
        long_text(read_records(folder / "long.jsonl")),
    )
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def table(header: str, rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; columns but the first are aligned right."""
    columns = header.count("|") - 1
    lines = [header, "|---" + "|---:" * (columns - 1) + "|"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def kills_table(records: list[Record]) -> str:
    """Kills and losses by scene, and what the killed commands were doing."""
    scenes = dict.fromkeys(record["scene"] for record in records)
    rows = [kills_row(name, [r for r in records if r["scene"] == name]) for name in scenes]
    rows.append(kills_row("**all**", records))
    where = Counter(place for record in records for place, _ in record["kills"])
    doing = [(place, f"{count:,}") for place, count in where.most_common()]
    return (
        table("| killed while | trials | kills | inside a write or a rewind | lost |", rows)
        + "\n"
        + table("| what the killed command was doing | kills |", doing)
    )


def kills_row(name: str, records: list[Record]) -> tuple[object, ...]:
    """One scene."""
    places = [place for record in records for place, _ in record["kills"]]
    inside = sum(place.startswith(("writing", "inside")) for place in places)
    lost = sum(bool(record["lost"]) for record in records)
    return name, f"{len(records):,}", f"{len(places):,}", f"{inside:,}", lost


def mutations_table(records: list[Record]) -> str:
    """Used, refused and faults by kind of input."""
    names = dict.fromkeys(record["kind"] for record in records)
    rows = [mutations_row(name, [r for r in records if r["kind"] == name]) for name in names]
    rows.append(mutations_row("**all**", records))
    return table(
        "| input | mutated | used | refused | faults | slowest, s | most memory, MB |", rows
    )


def mutations_row(name: str, records: list[Record]) -> tuple[object, ...]:
    """One kind of input. A folder of images is one command, so its time is that of 50 images."""
    sums = [sum(record[key] for record in records) for key in ("inputs", "used", "refused")]
    faults = sum(len(record["faults"]) for record in records)
    slowest = max(record["slowest_seconds"] for record in records)
    memory = max(record["peak_mb"] for record in records)
    return name, *(f"{number:,}" for number in sums), faults, f"{slowest:.1f}", f"{memory:,}"


def full_disk_table(records: list[Record]) -> str:
    """Every kind of file of every command, and every message once."""
    groups = dict.fromkeys((record["command"], kind_of(record)) for record in records)
    rows = []
    for command, kind in groups:
        ours = [r for r in records if (r["command"], kind_of(r)) == (command, kind)]
        codes = ", ".join(map(str, sorted({record["code"] for record in ours})))
        left, lost = (sum(bool(record[key]) for record in ours) for key in ("drafts", "lost"))
        rows.append((f"{command}: `{kind}`", len(ours), codes, left, lost))
    messages = Counter(map(message_of, records))
    said = [(f"`{text}`", f"{count:,}") for text, count in messages.most_common()]
    return (
        table("| command and file | failures | exit codes | left | lost |", rows)
        + "\n"
        + table("| message | times |", said)
    )


def kind_of(record: Record) -> str:
    """The kind of file, whether it was written for the first or the second time."""
    return str(record["file"]).removesuffix(", again")


def message_of(record: Record) -> str:
    """The first line of the message, the same for every file."""
    line = (record["message"].splitlines() or ["(nothing)"])[0].replace("|", "/")
    return re.sub(r"(cannot write )\S+(?=: )", r"\1FILE", line)


def long_text(records: list[Record]) -> str:
    """The size of the run, and how memory, files and threads grow."""
    *samples, end = records
    kept = [record for record in samples if record["images"] >= FIRST_CHECKPOINT]
    growth = slopes(samples, FIRST_CHECKPOINT)
    rows = [
        (
            title,
            *(f"{float(record[name]):,.4g}" for record in (kept[0], kept[-1])),
            f"{max(record[name] for record in kept):,.4g}",
            f"{round(growth[name], 3) + 0.0:+}",
        )
        for name, title in COLUMNS.items()
    ]
    return (
        f"\n{end['images']:,} images of the smallest recipe for points, with 1,000 checkpoints, "
        "probes and sample grids each, as a run of a day has, and 4,000 records of history, took "
        f"{end['seconds']:,} s; exit code {end['code']}.\nMeasured every second "
        f"after the first checkpoint, {len(kept):,} times; growth by least squares. That of memory "
        f"is {growth['memory_mb'] / RECORDS_PER_MILLION * 1e3:.1f} kB for each record of the "
        "history, which the rules of health keep in memory.\n\n"
    ) + table("| | first | last | most | growth per million images |", rows)


def slopes(records: list[Record], after: int) -> dict[str, float]:
    """Growth per million images after the first checkpoint, by least squares."""
    kept = [record for record in records if "threads" in record and record["images"] >= after]
    images = np.array([record["images"] for record in kept]) / 1e6
    return {
        name: float(np.polyfit(images, [record[name] for record in kept], 1)[0]) for name in COLUMNS
    }
