"""What training does about findings: says them, stops, or goes back; and what `diagnose` says.

Where a test is about what follows from a finding, a rule of the test's own stands in for the real
ones: it finds a failure as long as the discriminator learns faster than 0.01.
"""

from __future__ import annotations

import json
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganvas.health.evidence import Evidence
from ganvas.health.finding import Change, Finding
from ganvas.health.rules import RULES
from ganvas.runs import Run
from ganvas.runs.status import SavedStatus

from ..builders.commands import Result, finish, start
from .conftest import essence, train_small, write_images, write_small

TOO_FAST = ("--discriminator.learning-rate", "0.02")
SEEN_AT = 700
"""The rule sees nothing before this many images; the first checkpoint is at 400."""
LONG_ENOUGH = ("--images", "1200")
"""The rule finds the failure at 1,008 images."""
GOING_BACK = (*TOO_FAST, "--on-failure", "rewind", *LONG_ENOUGH)


def too_fast(evidence: Evidence) -> tuple[Finding, ...]:
    rate = evidence.recipe.discriminator.learning_rate
    if not evidence.probed or not isinstance(rate, float) or rate <= 0.01:
        return ()
    if evidence.probed[-1]["images_seen"] < SEEN_AT:
        return ()
    advice = (Change("discriminator.learning_rate", "2e-4", "it is far above the usual"),)
    meaning = "The discriminator learns too fast."
    return (Finding("diverging", "failing", 0.9, SEEN_AT, (), meaning, advice, "a test"),)


@pytest.fixture
def ruled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule of this file in place of the real ones."""
    monkeypatch.setattr("ganvas.training.monitor.apply_rules", too_fast)
    monkeypatch.setattr("ganvas.diagnosis.apply_rules", too_fast)


def events(run: Path) -> list[dict[str, Any]]:
    return Run.open(run).findings.records()


@pytest.mark.usefixtures("ruled")
def test_warn_says_it_once_and_trains_to_the_end(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    run = tmp_path / "run"
    result = ganvas("train", small, images, "--out", run, *TOO_FAST)
    assert result.code == 0, result.err
    assert result.out.count("failing: diverging. The discriminator learns too fast.") == 1
    assert "--discriminator.learning-rate 2e-4" in result.out
    assert [(event["event"], event["symptom"]) for event in events(run)] == [("onset", "diverging")]
    said = ganvas("diagnose", run)
    assert said.code == 1
    assert "failing at 2,000 images (finished)" in said.out
    (line,) = (line for line in said.out.splitlines() if line.startswith("a new run with the "))
    words = shlex.split(line.partition(": ")[2])
    assert words[:4] == ["ganvas", "train", str(run / "recipe.json"), str(images)]
    assert words[-2:] == ["--discriminator.learning-rate", "2e-4"]
    again = ganvas(*words[1:], "--images", 64, "--out", tmp_path / "again")
    assert again.code == 0, again.err
    table = json.loads(ganvas("diagnose", run, "--json").out)
    assert table["verdict"] == "failing"
    assert table["findings"][0]["symptom"] == "diverging"
    assert table["findings"][0]["advice"][0]["value"] == "2e-4"


@pytest.mark.usefixtures("ruled")
def test_stop_ends_with_3_and_keeps_the_last_healthy_checkpoint(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    run = tmp_path / "run"
    stop = (*TOO_FAST, "--on-failure", "stop", *LONG_ENOUGH)
    result = ganvas("train", small, images, "--out", run, *stop)
    assert result.code == 3
    assert "diverging: The discriminator learns too fast." in result.err
    assert str(Run.open(run).checkpoint_path(400)) in result.err
    assert Run.open(run).read_status().status == "unhealthy"
    assert Run.open(run).checkpoint_path(400) in Run.open(run).checkpoint_paths()
    going_on = ganvas("resume", run, "--on-failure", "warn")
    assert going_on.code == 0, going_on.err
    assert Run.open(run).read_status() == SavedStatus("finished", 1200)


def test_nothing_that_could_end_training_is_said_at_the_start(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    short = ("train", small, images, "--images", "64", "--on-failure", "stop")
    unprobed = ganvas(*short, "--intervals.probes", "0", "--out", tmp_path / "unprobed")
    assert "--on-failure stop does nothing with --intervals.probes 0" in unprobed.out
    assert "does nothing" not in ganvas(*short, "--out", tmp_path / "probed").out


@pytest.mark.usefixtures("ruled")
def test_rewind_goes_back_applies_the_advice_and_recovers(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    run = tmp_path / "run"
    result = ganvas("train", small, images, "--out", run, *GOING_BACK)
    assert result.code == 0, result.err
    assert "rewind 1 of 2, because of diverging: back to 400 images" in result.out
    assert Run.open(run).read_recipe().discriminator.learning_rate == 2e-4
    (event,) = events(run)
    assert (event["event"], event["images_seen"], event["failed_at"]) == ("rewind", 400, 1008)
    given_up = run / "rewound" / "1"
    kept = [json.loads(line) for line in (given_up / "history.jsonl").read_text().splitlines()]
    assert kept[-1]["images_seen"] == 1008, "the record of the failure is kept"
    assert "diverging" in (given_up / "findings.jsonl").read_text()
    seen = [record["images_seen"] for record in Run.open(run).history.records()]
    assert seen == sorted(set(seen)), "the history tells one run, not two"
    said = ganvas("diagnose", run)
    assert said.code == 0
    assert "rewound to here from 1,008, because of diverging (rewound/1)" in said.out


def never_content(evidence: Evidence) -> tuple[Finding, ...]:
    """As `too_fast`, with an advice that does not help."""
    if not evidence.probed or evidence.probed[-1]["images_seen"] < SEEN_AT:
        return ()
    rate = evidence.recipe.discriminator.learning_rate
    assert isinstance(rate, float)
    advice = (Change("discriminator.learning_rate", str(rate / 2), "half"),)
    return (Finding("diverging", "failing", 0.9, SEEN_AT, (), "It fails.", advice, "a test"),)


def test_a_run_goes_back_twice_at_most(
    tmp_path: Path,
    small: Path,
    images: Path,
    ganvas: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ganvas.training.monitor.apply_rules", never_content)
    monkeypatch.setattr("ganvas.diagnosis.apply_rules", never_content)
    run = tmp_path / "run"
    result = ganvas("train", small, images, "--out", run, *TOO_FAST, "--on-failure", "rewind")
    assert result.code == 3
    assert sorted(path.name for path in (run / "rewound").iterdir()) == ["1", "2"]
    assert Run.open(run).read_recipe().discriminator.learning_rate == pytest.approx(0.005)


RULED = """
import ganvas.training.monitor, ganvas.diagnosis
from tests.end_to_end.test_health import too_fast
ganvas.training.monitor.apply_rules = ganvas.diagnosis.apply_rules = too_fast
"""
KILL_AT_REPLACE = """
import os, signal
real = os.replace
def sabotaged(source, target):
    if {name!r} in str(target) and os.path.exists({plan!r}):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(source, target)
os.replace = sabotaged
"""


@pytest.fixture(scope="module")
def rewound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that went back, at 1,008 images, and that nothing happened to meanwhile."""
    folder = tmp_path_factory.mktemp("rewound")
    train = ["train", write_small(folder), write_images(folder), *GOING_BACK]
    result = finish(start([*train, "--out", folder / "whole"], RULED))
    assert result.code == 0, result.err
    return folder / "whole"


@pytest.mark.parametrize("name", ["history.jsonl", "recipe.json", "status.json"])
def test_a_kill_in_the_middle_of_a_rewind_changes_nothing(
    tmp_path: Path, small: Path, images: Path, rewound: Path, name: str
) -> None:
    killed = tmp_path / "killed"
    arguments = ["train", small, images, *GOING_BACK, "--out"]
    sabotage = KILL_AT_REPLACE.format(name=name, plan=str(killed / "rewound" / "1"))
    assert finish(start([*arguments, killed], RULED + sabotage)).code == -signal.SIGKILL
    result = finish(start(["resume", killed], RULED))
    assert result.code == 0, result.err
    assert essence(killed) == essence(rewound)
    assert len(list((killed / "rewound").iterdir())) == 1


def test_what_a_kill_left_of_a_rewind_is_swept_up(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    run = tmp_path / "run"
    assert ganvas("train", small, images, "--images", 320, "--out", run).code == 0
    draft = run / "rewound" / ".1.draft.tmp"
    draft.mkdir(parents=True)
    (draft / ".plan.json.1.tmp").write_text("{")
    result = ganvas("resume", run, "--images", 640)
    assert result.code == 0, result.err
    assert not list((run / "rewound").iterdir())


def test_a_run_that_overflows_goes_back_too(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    run = tmp_path / "run"
    flags = ("--discriminator.learning-rate", "1e30", "--on-failure", "rewind", "--images", 480)
    result = ganvas("train", small, images, "--out", run, *flags)
    assert result.code == 0, result.err
    assert "rewind 1 of 2" in result.out
    assert Run.open(run).read_status().status == "finished"


def test_training_does_not_notice_that_it_is_probed(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    weights = []
    for probes in (0, 500):
        run = tmp_path / f"probes-{probes}"
        flags = (*LONG_ENOUGH, "--intervals.probes", probes)
        result = ganvas("train", small, images, "--out", run, *flags)
        assert result.code == 0, result.err
        weights.append((run / "generator" / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]


def test_diagnose_of_a_run_that_overflowed_names_it(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    run = tmp_path / "run"
    result = ganvas("train", small, images, "--out", run, "--discriminator.learning-rate", "1e30")
    assert result.code == 3
    said = ganvas("diagnose", run)
    assert said.code == 1
    assert "failing: diverging" in said.out
    assert "--discriminator.learning-rate" in said.out


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    return train_small(tmp_path_factory.mktemp("whole"), 2000)


@pytest.fixture
def trained(tmp_path: Path, whole: Path) -> Path:
    """A copy of it, to be damaged."""
    return shutil.copytree(whole, tmp_path / "run")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) * 2 // 3],
        lambda text: "",
        lambda text: text + text,
        lambda text: text.replace("probe/", "other/"),
        lambda text: '{"images_seen": "many"}\nno json\n[1]\n' + text,
    ],
    ids=["cut", "empty", "two runs", "other version", "nonsense"],
)
def test_diagnose_of_a_damaged_history_says_what_it_can(
    trained: Path, ganvas: Callable[..., Result], damage: Callable[[str], str]
) -> None:
    history = trained / "history.jsonl"
    history.write_text(damage(history.read_text()))
    result = ganvas("diagnose", trained)
    assert result.code in (0, 1), result.err
    assert result.err == ""
    assert "images (finished)" in result.out
    table = json.loads(ganvas("diagnose", trained, "--json").out)
    assert table["verdict"] in ("too early to tell", "not judged")


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("status.json", "{}", 0),
        ("status.json", "[]", 2),
        ("data.json", "{}", 2),
        ("findings.jsonl", '[1]\n{"event": "end"}\n3\n', 0),
    ],
)
def test_diagnose_of_other_damaged_files_tells_or_refuses(
    trained: Path, ganvas: Callable[..., Result], name: str, text: str, code: int
) -> None:
    (trained / name).write_text(text)
    result = ganvas("diagnose", trained)
    assert (2 if result.code == 2 else 0) == code, result.err
    assert "Traceback" not in result.err
    assert name in result.err if code == 2 else "images (" in result.out


def test_diagnose_of_what_is_no_run_is_refused(
    tmp_path: Path, ganvas: Callable[..., Result]
) -> None:
    result = ganvas("diagnose", tmp_path)
    assert result.code == 2
    assert "is not a run" in result.err


def test_no_probes_no_verdict(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    run = tmp_path / "run"
    flags = ("--images", 160, "--intervals.probes", 0)
    assert ganvas("train", small, images, "--out", run, *flags).code == 0
    result = ganvas("diagnose", run)
    assert result.code == 0
    assert result.out.startswith("not judged at ")
    assert "no probes were taken yet" in result.out


def test_a_run_that_ends_before_most_rules_look_is_not_called_healthy(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    run = tmp_path / "run"
    trained = ganvas("train", small, images, "--out", run)
    assert trained.code == 0, trained.err
    assert "too early to tell" in trained.out.splitlines()[-3]
    result = ganvas("diagnose", run)
    assert result.code == 0
    head = (
        "too early to tell at 2,000 images (finished); checked 5 of 15 symptoms that apply to its "
        "recipe"
    )
    assert result.out.splitlines()[0] == head
    lines = result.out.splitlines()
    assert (
        "10 symptoms can be checked later, all from 16,000 images on (--verbose says why)"
        in lines[1]
    )
    assert lines[2:] == ["", f"next: ganvas resume {run} --images 16000"]
    told = ganvas("diagnose", run, "--verbose").out.split("\n\n")
    later = next(part for part in told if part.startswith("not checked:"))
    never = next(part for part in told if part.startswith("not applicable to this recipe:"))
    assert len(later.splitlines()) == 1 + 15 - 5
    assert len(later.splitlines()) + len(never.splitlines()) + 5 == 2 + len(RULES)
    assert "healthy" not in trained.out + result.out
