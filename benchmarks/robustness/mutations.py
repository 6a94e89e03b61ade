"""Mutated inputs of every kind: each is used, or named with a reason and exit code 2."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

import numpy as np
from forked import Output, end_child, enter, run_command
from input_kinds import Kind, image_kinds, kinds
from mutating import BYTES
from originals import HUGE_FILES, huge_files, image_files
from records import Record

HANG_SECONDS = 20.0
"""On a processor."""
PATIENCE = 300.0
"""Without an answer, whatever else the machine does."""
MEMORY_MB = 1_000.0
"""More than the process had before, with torch in it."""
FOLDER_SIZE = 50
"""Mutated images in one folder, which one `check` reads."""
CHUNK = 25
"""Other inputs in one record."""
HERE = "work"
"""The folder of one input."""


@dataclass(frozen=True)
class Outcome:
    """What became of one input, or of one folder of images.

    faults: what must not happen, one line each.
    out: what the command printed.
    """

    used: int
    refused: int
    faults: tuple[str, ...]
    seconds: float
    peak_mb: float
    out: str = ""


def chunks(fraction: float = 1.0) -> Iterator[tuple[str, int, int]]:
    """Every part of the benchmark: (kind, number of the first input, how many).

    Args:
        fraction: of the whole benchmark; at least one chunk of each kind.
    """
    sizes = [(name, count, FOLDER_SIZE) for name, count in image_kinds().items()]
    sizes += [(kind.name, kind.count, CHUNK) for kind in kinds()]
    for name, count, size in sizes:
        for first in range(0, max(size, round(count * fraction)), size):
            yield name, first, size
    yield "huge images", 0, HUGE_FILES


def examine(name: str, first: int, count: int, seed: int, scratch: Path) -> Record:
    """Try one chunk of inputs, and return its record."""
    numbers = range(first, first + count)
    if name in image_kinds():
        fill = partial(fill_folder, name, numbers, seed)
        outcomes = [examine_folder(str(first), fill, count, scratch)]
    elif name == "huge images":
        outcomes = [
            examine_folder(path.name, partial(shutil.copy2, path), 1, scratch)
            for path in huge_images(scratch)
        ]
    else:
        kind = next(kind for kind in kinds() if kind.name == name)
        outcomes = list(examine_each(kind, numbers, seed, scratch))
    return {
        "kind": name,
        "first": first,
        "inputs": count,
        "used": sum(outcome.used for outcome in outcomes),
        "refused": sum(outcome.refused for outcome in outcomes),
        "faults": [fault for outcome in outcomes for fault in outcome.faults],
        "slowest_seconds": round(max(outcome.seconds for outcome in outcomes), 2),
        "peak_mb": round(max(outcome.peak_mb for outcome in outcomes)),
    }


def fill_folder(name: str, numbers: Sequence[int], seed: int, folder: Path) -> None:
    """Write one mutated image for each number."""
    files = image_files()[name]
    for number in numbers:
        choose = random.Random(f"{seed}/{name}/{number}")
        file, content = choose.choice(files)
        mutated = choose.choice(BYTES)(content, choose)
        (folder / f"{number:06d}-{file}").write_bytes(mutated)


def huge_images(scratch: Path) -> list[Path]:
    """Files of huge images, written by a process of their own, whose memory is then free again."""
    folder = scratch / "huge"
    if not folder.exists():
        folder.mkdir()
        pid = os.fork()
        if pid == 0:
            try:
                for name, content in huge_files():
                    (folder / name).write_bytes(content)
            finally:
                end_child(0)
        os.waitpid(pid, 0)
    return sorted(folder.iterdir())


def examine_folder(name: str, fill: Callable[[Path], None], count: int, scratch: Path) -> Outcome:
    """`check` a folder of mutated images: each is usable, or listed with a reason."""
    root = scratch / HERE
    shutil.rmtree(root, ignore_errors=True)
    folder = root / "images"
    folder.mkdir(parents=True)
    fill(folder)
    (result,) = collect([(name, "images", ("check", "images", "--json"))], root)
    faults = list(result.faults)
    used = refused = 0
    if not any(fault.startswith(("traceback", "hang", "crash")) for fault in faults):
        answer = json.loads(result.out)
        used, refused = answer["usable"], len(answer["unusable"])
        faults += [f"no reason: {entry['file']}" for entry in answer["unusable"]
                   if not entry["reason"].strip()]  # fmt: skip
        if used + refused != count:
            faults.append(f"{count - used - refused} images neither usable nor listed")
    return Outcome(used, refused, tuple(faults), result.seconds, result.peak_mb)


def examine_each(kind: Kind, numbers: Sequence[int], seed: int, scratch: Path) -> Iterator[Outcome]:
    """Mutate one file at a time and run the command that reads it."""
    whole = scratch / re.sub(r"\W+", "-", kind.name)
    if not (whole / "complete").exists():
        shutil.rmtree(whole, ignore_errors=True)
        whole.mkdir(parents=True)
        kind.make(whole)
        (whole / "complete").touch()
    root = scratch / HERE

    def inputs() -> Iterator[tuple[str, str, Sequence[str]]]:
        for number in numbers:
            choose = random.Random(f"{seed}/{kind.name}/{number}")
            target, command = choose.choice(kind.targets)
            clear(root)
            shutil.copytree(whole, root, dirs_exist_ok=True)
            content = (whole / target).read_bytes()
            mutation = choose.choice(kind.mutations)
            (root / target).write_bytes(mutation(content, choose))
            yield f"{number} ({mutation.__name__})", target, command

    root.mkdir(parents=True, exist_ok=True)
    yield from collect(inputs(), root, kind.goes_on_to)


def clear(root: Path) -> None:
    """Empty a folder that processes are in."""
    for path in root.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def collect(
    inputs: Sequence[tuple[str, str, Sequence[str]]] | Iterator[tuple[str, str, Sequence[str]]],
    root: Path,
    goes_on_to: str = "",
) -> Iterator[Outcome]:
    """Run a command for each input (name, mutated file, command) in a forked process.

    The process does one after the other; after a crash or a hang another one continues.
    """
    waiting = iter(inputs)
    for name, target, command in waiting:
        jobs, results = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(jobs[1])  # else this process would never see its end
                os.close(results[0])
                enter(root)
                serve(jobs[0], results[1])
            except BaseException:
                traceback.print_exc()
            finally:
                end_child(0)
        for end in (jobs[0], results[1]):
            os.close(end)
        with os.fdopen(jobs[1], "w", buffering=1) as out, os.fdopen(results[0]) as answers:
            while True:
                print(json.dumps([name, target, command, goes_on_to]), file=out)
                started = time.monotonic()
                ready = wait_for_answer(answers, pid)
                answer = answers.readline() if ready else ""
                if not answer:
                    os.kill(pid, signal.SIGKILL)
                    break
                yield Outcome(**json.loads(answer))
                following = next(waiting, None)
                if following is None:
                    break
                name, target, command = following
        _, status = os.waitpid(pid, 0)
        if not answer:
            code = os.waitstatus_to_exitcode(status)
            what = f"crash with signal {-code}" if ready else f"hang over {HANG_SECONDS:.0f} s"
            fault = f"{what}: {target} {name}: {' '.join(command)}"
            yield Outcome(0, 0, (fault,), time.monotonic() - started, 0.0)


def wait_for_answer(answers: TextIO, pid: int) -> bool:
    """Whether a process answers, or ends, before it hangs.

    Counted is its own time on a processor, since other programs may slow it down.
    """
    before, started = processor_seconds(pid), time.monotonic()
    while not select.select([answers], [], [], 0.5)[0]:
        if processor_seconds(pid) - before > HANG_SECONDS:
            return False
        if time.monotonic() - started > PATIENCE:
            return False
    return True


def processor_seconds(pid: int) -> float:
    """The time on a processor of a process and its children that have ended."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def serve(jobs: int, results: int) -> None:
    """Run commands as they are asked for, and answer how each ended."""
    output = Output()
    output.redirect()
    with os.fdopen(jobs) as asked, os.fdopen(results, "w", buffering=1) as answers:
        while line := asked.readline():
            name, target, command, goes_on_to = json.loads(line)
            outcome = run_input(output, name, target, command, goes_on_to)
            print(json.dumps(outcome.__dict__), file=answers)


def run_input(
    output: Output, name: str, target: str, command: Sequence[str], goes_on_to: str
) -> Outcome:
    """Run one command in this process, and say whether it ended as it must."""
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the peak of resident memory
    before = peak_mb()
    started = time.process_time()
    trace = ""
    output.read()
    try:
        code = run_command(command)
    except BaseException:
        trace, code = traceback.format_exc(), 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    seconds = time.process_time() - started
    peak = peak_mb() - before
    out, err = output.read()
    if goes_on_to and code == 2 and err.startswith(goes_on_to):
        code, err = 0, ""
    where = f"{target} {name}: {' '.join(command)}"
    faults = [f"{fault}: {where}" for fault in faults_of(command, target, code, err, trace)]
    if peak > MEMORY_MB:
        faults.append(f"memory {peak:.0f} MB: {where}")
    read = code != 2 or has_usable_images(out)
    used, refused = read and not faults, not read and not faults
    return Outcome(int(used), int(refused), tuple(faults), seconds, peak, out)


def has_usable_images(out: str) -> bool:
    """Whether `check --json` found images. They are too few to train on, which it then says."""
    try:
        return bool(json.loads(out)["usable"])
    except ValueError:  # another command
        return False


def faults_of(
    command: Sequence[str], target: str, code: int, err: str, trace: str
) -> Iterator[str]:
    """What must not happen."""
    if trace or "Traceback" in err:
        last = (trace or err).strip().splitlines()
        at = [line.strip() for line in last if "/ganvas/" in line][-1:]
        yield f"traceback ({last[-1][:150]}; {' '.join(at)[-90:]})"
        return
    finds = {"diagnose": (0, 1, 2), "resume": (0, 2, 3)}
    if code not in finds.get(command[0], (0, 2)):
        yield f"exit code {code} ({err[:200]!r})"
    message = err if code else ""
    if code == 2 and not message.startswith("ganvas: "):
        yield f"stderr of a library ({err[:200]!r})"
    elif code == 2 and not any(part in message for part in names_of(target)):
        yield f"input not named ({message[:200]!r})"
    elif code == 0 and err:
        yield f"stderr of a library ({err[:200]!r})"


def names_of(target: str) -> tuple[str, ...]:
    """What a message may call the input: its file or a folder that holds it."""
    path = Path(target)
    return (path.name, *(parent.name for parent in path.parents if parent.name))


def peak_mb() -> float:
    """The most resident memory of this process since it was reset, in MB."""
    status = Path("/proc/self/status").read_text()
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(match[1]) / 1e3 if match else float(np.nan)
