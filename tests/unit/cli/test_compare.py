"""The commands of cheaper studies, as `ganvas compare --plan` prints them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from ganvas.cli.compare import Compare
from ganvas.cli.parsing import parse
from ganvas.studies.plan import Plan, ThroughputEstimate

FLAGS = (
    "--recipes mlp,dcgan --data 'my photos/' --images 60k --seeds 5",
    "--base dcgan --vary objective.loss=hinge,wasserstein --vary batch=16,32 "
    "--shared data.size=64 --data fashion --time 10m --stop-early",
    "study.toml --metrics swd,prdc-lite0 --samples 2k --evaluations 0 --out 'studies/a b'",
    "study.json --workers 2 --verify --plan",
)


def parsed(line: str) -> Compare:
    command = parse(shlex.split(line)[1:])
    assert isinstance(command, Compare)
    return command


@pytest.mark.parametrize("flags", FLAGS)
def test_a_command_line_reads_back_to_the_same_arguments(flags: str) -> None:
    command = parsed(f"ganvas compare {flags}")
    assert parsed(command.command_line()) == command


def test_cheaper_studies_are_commands_that_change_one_flag() -> None:
    command = parsed(f"ganvas compare {FLAGS[0]} --plan")
    study: Any = command.read_study()[0]
    trial = ThroughputEstimate(images_per_second=100.0, memory_mb=1.0, run_bytes=1)
    names = [arm.name for arm in study.all_arms]
    plan = Plan(
        images=dict.fromkeys(names, 60_000),
        throughput=dict.fromkeys(names, trial),
        scoring=(24.0, 0.12),
        workers=1,
        threads=1,
    )
    title, *lines = command.cheaper(study, plan)[1:]
    assert title == "cheaper, if you can do without something:"
    changed = [parsed(line) for line in lines[1::2]]
    same = {"recipes": ("mlp", "dcgan"), "data": "my photos/", "images": 60_000, "plan": False}
    for one in changed:
        assert same.items() <= vars(one).items()
    differences = [
        {name: value for name, value in vars(one).items() if value != getattr(command, name)}
        for one in changed
    ]
    assert differences == [
        {"plan": False, "evaluations": 0},
        {"plan": False, "samples": 1000},
        {"plan": False, "seeds": 3},
        {"plan": False, "metrics": ("swd",)},
    ]
    assert lines[0].startswith("about ")
    assert lines[6].startswith("swd compares pixels")


def test_nothing_is_suggested_where_nothing_can_be_saved(tmp_path: Path) -> None:
    command = parsed(
        "ganvas compare --recipes mlp --data fashion --images 1k --seeds 3 --evaluations 0 "
        "--samples 100 --metrics swd --plan"
    )
    study: Any = command.read_study()[0]
    trial = ThroughputEstimate(images_per_second=100.0, memory_mb=1.0, run_bytes=1)
    plan = Plan(
        images={"mlp": 1000}, throughput={"mlp": trial}, scoring=(1, 0.1), workers=1, threads=1
    )
    assert command.cheaper(study, plan) == []
