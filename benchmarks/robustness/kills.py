"""SIGKILL at random moments; then the command that continues, until it has ended.

In the end everything on disk is that of the same command which nothing happened to.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contents import Contents, contents, differences
from forked import CACHE, Child, Ended, run, start
from originals import encode, pictures, write_texts
from PIL import Image
from records import Record

HERE = "trial"
"""The folder of a trial and of its reference: runs name the place of their data."""
MOST_KILLS = 5
"""Of one trial."""
AFTER_EVENT_SECONDS = 0.004
"""A kill `after` a change of a file comes within this time: while it is written or renamed."""
VICTIMS = ("all", "command", "worker")
"""Of a command that has workers: all processes, it alone, or one of them."""
ALL_BUT_WORKERS = VICTIMS[:2]
PATIENCE = 600.0
"""Seconds without an end after which a command counts as one that cannot be continued."""

Command = Sequence[str]
POINTS = """
name = "small-points"
images = 640
batch = 32
latent_dim = 2
[generator.network]
name = "mlp"
width = 8
hidden_layers = 1
norm = "none"
[discriminator.network]
name = "mlp"
width = 8
hidden_layers = 1
norm = "none"
[objective]
loss = "relativistic"
penalties.r1.weight = 0.1
[data]
size = [1, 1]
[intervals]
history = 64
probes = 128
samples = 320
checkpoint = 96
"""
"""A recipe for points, as small as can be."""
TRAIN = ("train", "small.toml", "images.npz", "--out", "run")
RESUME = ("resume", "run")


@dataclass(frozen=True)
class Scene:
    """What is interrupted.

    kills: how many there are in the whole benchmark.
    prepare: fills the folder before the first start.
    command: the command to start.
    again: the command after a kill, given the folder; by default the same.
    counts: the changes of files, by path in the folder, at which kills are aimed.
    has_workers: sometimes a worker process is killed alone, sometimes all together.
    """

    name: str
    kills: int
    prepare: Callable[[Path], None]
    command: Command
    again: Callable[[Path], Command] | None = None
    counts: Callable[[str], bool] = field(default=lambda path: True)
    has_workers: bool = False


@dataclass(frozen=True)
class Reference:
    """A command that nothing happened to: what it left, how long it took, what it changed."""

    contents: Contents
    seconds: float
    events: Sequence[int]
    """Numbers of the changes of files at which kills may be aimed."""


@dataclass(frozen=True)
class Kill:
    """One SIGKILL.

    where: what the command was doing.
    aimed: at a time, or before or after a change of a file.
    """

    where: str
    aimed: str


def scenes() -> list[Scene]:
    """Everything that is killed."""
    diverging = ("--discriminator.learning-rate", "1e30", "--on-failure", "rewind")
    few = ("--images", "32", "--evaluation.every", "0")
    points = ("train", "small-points.toml", "ring", "--out", "run")
    evaluating = ("evaluate", "run", "--metrics", "swd", "-n", "300")
    grid, array = ("--out", "grid.png"), ("--out", "samples.npz")
    return [
        Scene("training on images", 200, write_inputs, TRAIN, again(TRAIN)),
        Scene("training on points", 460, write_inputs, points, again(points)),
        Scene("rewinding", 100, write_inputs, (*TRAIN, *diverging),
              again((*TRAIN, *diverging))),
        Scene("preparing data", 120, write_photos,
              ("train", "small.toml", "photos", "--out", "run", *few),
              again(("train", "small.toml", "photos", "--out", "run", *few)),
              lambda path: path.startswith(CACHE)),
        Scene("evaluating", 60, copy_run, evaluating),
        Scene("sampling", 40, copy_run, ("sample", "run", "-n", "200", *grid)),
        Scene("sampling into .npz", 20, copy_run, ("sample", "run", "-n", "200", *array)),
        Scene("comparing", 48, write_inputs,
              ("compare", "study.toml", "--out", "study", "--workers", "1"), has_workers=True),
    ]  # fmt: skip


def write_inputs(folder: Path) -> None:
    """Recipes, images and a study."""
    write_texts(folder)
    (folder / "small-points.toml").write_text(POINTS)


def copy_run(folder: Path) -> None:
    """A run that has ended."""
    write_inputs(folder)
    assert run(TRAIN, folder).code == 0


def again(command: Command) -> Callable[[Path], Command]:
    """`resume`, where the run exists already; else the same command."""
    return lambda root: RESUME if (root / "run" / "recipe.json").exists() else command


def write_photos(folder: Path) -> None:
    """The recipe and a folder of 300 photographs, in two sub-folders."""
    write_inputs(folder)
    for number, picture in enumerate(pictures(300, 96)):
        path = folder / "photos" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(Image.fromarray(picture), "JPEG"))


def measure_reference(scene: Scene, scratch: Path) -> Reference:
    """Run the scene's command without a kill."""
    root = scratch / HERE
    fresh(root, scene, scratch)
    numbers = scratch / "events.txt"
    numbers.write_text("")

    def note(number: int, event: str, path: str) -> None:
        if scene.counts(os.path.relpath(path, root)):
            descriptor = os.open(numbers, os.O_WRONLY | os.O_APPEND)
            os.write(descriptor, b"%d\n" % number)
            os.close(descriptor)

    ended = run(scene.command, root, note)
    assert ended.code == 0, ended.err
    events = [int(line) for line in numbers.read_text().split()]
    return Reference(contents(root), ended.seconds, events)


def fresh(root: Path, scene: Scene, scratch: Path) -> None:
    """Make the folder as it is before the scene's command; what it starts from is made once."""
    whole = scratch / f"before-{scene.prepare.__name__}"
    shutil.rmtree(root, ignore_errors=True)
    if not whole.exists():
        root.mkdir()
        scene.prepare(root)
        root.rename(whole)
    shutil.copytree(whole, root)


def try_kills(scene: Scene, number: int, seed: int, reference: Reference, scratch: Path) -> Record:
    """One trial: kill and continue, up to `MOST_KILLS` times, then continue to the end."""
    choose = random.Random(f"{seed}/{scene.name}/{number}")
    root = scratch / HERE
    fresh(root, scene, scratch)
    kills: list[Kill] = []
    ended: Ended | None = None
    command = scene.command
    victims = VICTIMS if scene.has_workers else ("command",)
    started: list[Child] = []
    for _ in range(choose.randint(2, MOST_KILLS)):
        drafts = set(root.rglob(".*.tmp"))
        child, aimed, lost_worker = start_and_kill(victims, command, root, reference, choose)
        started.append(child)
        ended = child.end()
        if lost_worker:
            victims = ALL_BUT_WORKERS  # a run whose worker died twice is not tried again
        elif ended.code != -signal.SIGKILL:
            break
        kills.append(Kill(where(root, child, drafts), aimed))
        ended = None
        command = scene.command if scene.again is None else scene.again(root)
    if ended is None:
        child = start(command, root)
        started.append(child)
        if not child.wait(PATIENCE):
            child.kill()
        ended = child.end()
    for child in started:
        with contextlib.suppress(ProcessLookupError):  # workers that outlive their study
            os.killpg(child.pid, signal.SIGKILL)
    problems = differences(reference.contents, contents(root))
    finished = ended.code == 0 or "is finished at" in ended.err
    if not finished:
        problems.insert(0, f"exit code {ended.code}: {ended.err[-300:]}")
    return {
        "scene": scene.name,
        "trial": number,
        "kills": [[kill.where, kill.aimed] for kill in kills],
        "lost": problems,
    }


def start_and_kill(
    victims: Sequence[str],
    command: Command,
    root: Path,
    reference: Reference,
    choose: random.Random,
) -> tuple[Child, str, bool]:
    """Start a command and kill it, or a worker of it, unless it ends before.

    Returns:
        The command; what the kill was aimed at; whether a worker was killed, and not the command.
    """
    aimed, victim = choose.choice(("time", "before", "after")), choose.choice(victims)
    if aimed == "time":
        child = start(command, root)
        waited = child.wait(reference.seconds * early(choose))
        return child, aimed, not waited and kill(child, victim)
    target = reference.events[int(len(reference.events) * early(choose))]
    reading, writing = os.pipe()

    def on_event(number: int, event: str, path: str) -> None:
        if number == target and aimed == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        elif number == target:
            os.write(writing, b"x")

    child = start(command, root, on_event)
    os.close(writing)
    reached = bool(os.read(reading, 1))  # empty when the command ended before
    os.close(reading)
    time.sleep(choose.uniform(0, AFTER_EVENT_SECONDS))
    return child, aimed, reached and kill(child, victim)


def early(choose: random.Random) -> float:
    """A number from 0 to 1, often small: a command that continues has less to do than the first."""
    return choose.random() ** 2


def kill(child: Child, victim: str) -> bool:
    """SIGKILL to a command, to a worker of it, or to all its processes; whether to a worker."""
    workers = workers_of(child) if victim == "worker" else []
    if workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(workers[-1], signal.SIGKILL)
    elif victim == "all":
        os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    return bool(workers)


def workers_of(child: Child) -> list[int]:
    """The worker processes of a study."""
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    return [pid for pid in map(int, children) if "spawn_main" in command_line(pid)]


def command_line(pid: int) -> str:
    """What a process was started with; empty where it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def where(root: Path, child: Child, drafts_before: set[Path]) -> str:
    """What a killed command was doing, by the drafts that it left and its last change of a file."""
    drafts = [path for path in sorted(root.rglob(".*.tmp")) if path not in drafts_before]
    if drafts:
        return f"writing: {kind_of(drafts[0])}"
    plans = len(list((root / "run" / "rewound").glob("*/plan.json")))
    findings = root / "run" / "findings.jsonl"
    rewinds = findings.read_text().count('"event": "rewind"') if findings.exists() else 0
    if plans > rewinds:
        return "inside a rewind"
    return "between writes" if child.events.last()[0] else "before the first write"


def kind_of(draft: Path) -> str:
    """What a draft would have become: `.NAME.RANDOM.tmp` in its folder."""
    name = draft.name.removeprefix(".").rsplit(".", 2)[0]
    if name.startswith("data-"):
        return "prepared data"
    if name.startswith("index-"):
        return "index of the data"
    if draft.is_dir():
        return "rewind" if draft.parent.name == "rewound" else f"{name} directory"
    if name.endswith(".safetensors"):
        return "checkpoint" if draft.parent.name == "checkpoints" else "generator"
    return "sample grid" if draft.parent.name == "samples" else name
