"""`make bench-check`: what counts as slower, its messages and its exit codes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"
MODULES = (
    *("check", "figure", "floor", "hardware", "loops", "memory"),
    *("report", "speed_cases", "textbook", "throughput"),
)
Bench = dict[str, ModuleType]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """The benchmark's modules by name; they are scripts, not a package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield {name: importlib.import_module(name) for name in MODULES}
        for name in MODULES:
            del sys.modules[name]


def ratio(bench: Bench, *values: float, key: str = "dcgan-32") -> Any:
    return bench["figure"].figure(f"{key}/ratio", f"{key}: ganvas / textbook", "", values)


@pytest.fixture
def committed(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of this machine's figures, with one ratio that no case has any more."""
    check, machine = bench["check"], bench["hardware"].describe(torch.device("cpu"))
    monkeypatch.setattr(check, "HERE", tmp_path)
    monkeypatch.setattr(sys, "argv", ["check.py", "--device", "cpu"])
    path = tmp_path / "results" / f"{machine.slug}.json"
    kept = [ratio(bench, 1.19, 1.2, 1.21), ratio(bench, 9.0, key="forgotten")]
    other = bench["figure"].figure("dcgan-32/ganvas", "dcgan", "images/s", [1000.0])
    bench["report"].write_json(path, machine, {"throughput": [*kept, other]})
    return path


@pytest.mark.parametrize(
    ("values", "tolerance"),
    [
        ((1.2,), 0.05),  # never less than 5 %
        ((1.19, 1.2, 1.21), 0.05),
        ((0.95, 1.0, 1.05), 0.1),  # twice the way from the middle to an end
        ((0.5, 1.0, 1.5), 0.2),  # never more than 20 %
    ],
)
def test_a_ratio_may_fall_within_the_spread_of_the_committed_rounds(
    bench: Bench, values: tuple[float, ...], tolerance: float
) -> None:
    check, before = bench["check"], ratio(bench, *values)
    least = before.value * (1 - tolerance)
    assert check.Comparison(before, ratio(bench, least)).tolerance == pytest.approx(tolerance)
    assert not check.Comparison(before, ratio(bench, least + 0.001)).has_fallen
    assert check.Comparison(before, ratio(bench, least - 0.001)).has_fallen
    assert not check.Comparison(before, ratio(bench, 2 * before.value)).has_fallen


@pytest.mark.parametrize(("now", "code"), [(1.2, 0), (1.15, 0), (1.1, 1), (1.3, 0)])
def test_a_fallen_ratio_exits_with_1_and_is_named(
    bench: Bench,
    committed: Path,
    now: float,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    measured = []

    def measure_ratio(case: Any, effort: Any, device: Any, folder: Path) -> Any:
        measured.append(case.key)
        return ratio(bench, now)

    monkeypatch.setattr(bench["throughput"], "measure_ratio", measure_ratio)
    assert bench["check"].main() == code
    output = capsys.readouterr()
    assert measured == ["dcgan-32"]  # the others have nothing to be compared with, and it says so
    assert "resnet-32/ratio is not committed yet" in output.err
    (row,) = [line for line in output.out.splitlines() if line.startswith("| dcgan-32")]
    assert ("FALLEN" in row) == (code == 1)
    assert "1.200" in row
    assert "1.140" in row
    assert ("has fallen by 8.3 %, from 1.200 to 1.100" in output.err) == (code == 1)
    assert ("no ratio has fallen" in output.out) == (code == 0)


def test_hardware_without_figures_exits_with_2(
    bench: Bench, committed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed.unlink()
    assert bench["check"].main() == 2
    output = capsys.readouterr().err
    assert "no ratios are committed for" in output
    assert committed.name in output
    assert "`make bench`" in output


def test_a_missing_device_exits_with_2(
    bench: Bench, committed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["check.py", "--device", "nonsense"])
    assert bench["check"].main() == 2


def test_comparing_nothing_exits_with_2(bench: Bench) -> None:
    assert bench["check"].print_result([]) == 2


def test_other_versions_are_named(bench: Bench) -> None:
    machine = bench["hardware"].describe(torch.device("cpu"))
    differences = bench["check"].differences
    assert differences(machine, machine) == []
    (line,) = differences(replace(machine, torch="1.0"), machine)
    assert f"torch 1.0, but this is {machine.torch}" in line
