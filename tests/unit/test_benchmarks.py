"""The benchmark's own parts: same networks, honest arithmetic, a README that keeps its blocks."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"
MODULES = (
    *("evaluating", "figure", "hardware", "memory", "modes"),
    *("recipes", "report", "textbook", "throughput"),
)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The benchmark's modules by name; they are a script's neighbours, no package."""
    monkeypatch.syspath_prepend(str(FOLDER))
    found = {name: importlib.import_module(name) for name in MODULES}
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name)
    return found


@pytest.mark.parametrize(("side", "channels"), [(32, 1), (64, 3)])
def test_the_textbook_trains_the_same_networks(
    bench: dict[str, ModuleType], side: int, channels: int, tmp_path: Path
) -> None:
    throughput, textbook = bench["throughput"], bench["textbook"]
    case = throughput.Case("case", side, 4, channels)
    recipe = throughput.recipe_for(case)
    prepared = throughput.data_for(case, recipe, tmp_path)
    ours = throughput.GanvasLoop(recipe, prepared, tmp_path / "run", torch.device("cpu"))
    pixels = torch.zeros(textbook.BATCH, channels, side, side, dtype=torch.uint8)
    theirs = textbook.TextbookLoop(pixels, 4, torch.device("cpu"))
    throughput.insist_on_same_networks(ours.state, theirs)
    assert ours.fit(steps=2) > 0
    wider = textbook.TextbookLoop(pixels, 8, torch.device("cpu"))
    with pytest.raises(ValueError, match="networks differ"):
        throughput.insist_on_same_networks(ours.state, wider)


def test_a_case_of_known_rates(bench: dict[str, ModuleType]) -> None:
    throughput = bench["throughput"]
    rates = {
        "ganvas": [90.0, 96.0, 99.0],
        "bare": [100.0, 100.0, 100.0],
        "textbook": [100.0, 100.0, 100.0],
        "matrix": [1e9, 1e9, 1e9],
    }
    step = throughput.BATCH * 1_000_000
    work = {"ganvas": step * 5, "textbook": step * 4}
    found = throughput.summarise(throughput.Case("case", 32, 32, 1), rates, work)
    by_key = {one.key: one for one in found}
    ratio = by_key["case/ratio"]
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((0.96, 0.9, 0.99))
    assert ratio.meets_target is False
    assert by_key["case/ganvas-share"].value == pytest.approx(48.0)
    assert by_key["case/textbook-share"].value == pytest.approx(40.0)
    assert by_key["case/ganvas-work"].value == pytest.approx(5.0)


def test_an_evaluation_is_timed_cached_and_weighed_uncached(
    bench: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluating, effort = bench["evaluating"], bench["figure"].FULL
    seen: set[Path] = set()

    def evaluate(run: Path, count: int, device: str) -> object:
        """10 s an image the first time, 1 s from then on; 10 MB an image."""
        seconds = count if run in seen else 10 * count
        seen.add(run)
        return evaluating.Cost(seconds, 0.01 * count)

    monkeypatch.setattr(evaluating, "evaluate", evaluate)
    monkeypatch.setattr(evaluating, "make_run", lambda folder, count: folder)
    for weighed in (250, 8):
        seen.clear()
        some = replace(effort, scored=8, weighed=weighed)
        found = {one.key: one for one in evaluating.measure(some, "cpu", tmp_path)}
        assert len(seen) == (2 if weighed == 250 else 1)
        assert (found["first"].value, found["cached"].value) == (80, 8)
        assert found["cached"].repetitions == 3
        assert found["cached"].meets_target is True
        assert found["peak"].value == pytest.approx(0.01 * weighed)
        assert found["peak"].meets_target is (weighed == 8)


def test_smooth_noise_is_different_images(bench: dict[str, ModuleType], tmp_path: Path) -> None:
    bench["evaluating"].write_smooth_noise(tmp_path / "images.npy", 60)
    images = np.load(tmp_path / "images.npy")
    assert (images.shape, images.dtype) == ((60, 32, 32, 3), np.uint8)
    assert len(np.unique(images.reshape(60, -1), axis=0)) == 60
    steps = np.abs(np.diff(images.astype(float), axis=1)).mean()
    assert steps < 0.5 * images.std(), "neighbours are alike"


def test_each_loop_goes_first_in_turn(bench: dict[str, ModuleType]) -> None:
    orders = [bench["throughput"].rotated(["a", "b", "c"], index) for index in range(4)]
    assert [order[0] for order in orders] == ["a", "b", "c", "a"]
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)


def test_operations_are_those_of_the_mathematics(bench: dict[str, ModuleType]) -> None:
    layer = torch.nn.Linear(7, 5, bias=False)
    images = torch.ones(3, 7)
    count = bench["throughput"].count_operations
    assert count(lambda: layer(images)) == 2 * 3 * 7 * 5
    # The images need no gradient, so backward is one product: that of the weights.
    assert count(lambda: layer(images).sum().backward()) == 2 * 2 * 3 * 7 * 5


def test_the_readme_keeps_one_block_for_each_hardware(bench: dict[str, ModuleType]) -> None:
    report = bench["report"]
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    laptop = bench["hardware"].Hardware("A Laptop (R), 4 cores", "2.6", "3.11", 4)
    one = bench["figure"].figure("help", "`ganvas --help`", "s", [0.3, 0.2, 0.4], at_most=0.5)
    slow = replace(one, value=0.7)
    text = report.fill_readme(text, laptop, {"startup": [one]})
    text = report.fill_readme(text, replace(laptop, name="B"), {"startup": [one]})
    again = report.fill_readme(text, laptop, {"startup": [slow]})
    assert text.count("### A Laptop") == again.count("### A Laptop") == 1
    assert "0.300 s" in text
    assert "<= 0.5: met" in text
    assert "<= 0.5: MISSED" in again
    assert "### B" in again
    with pytest.raises(ValueError, match="no line"):
        report.fill_readme("lost", laptop, {"startup": [one]})


def test_figures_survive_their_file(bench: dict[str, ModuleType], tmp_path: Path) -> None:
    report = bench["report"]
    machine = bench["hardware"].describe(torch.device("cpu"))
    measured = {"memory": [bench["figure"].figure("large", "peak", "GB", [1.9], at_most=2.5)]}
    path = tmp_path / "results" / f"{machine.slug}.json"
    assert report.read_json(path, machine) == {}
    report.write_json(path, machine, measured)
    read = report.read_json(path, machine)
    assert report.table(read) == report.table(measured)
    assert read["memory"][0].meets_target is True
    assert report.read_json(path, replace(machine, torch="another")) == {}


def test_every_arm_trains_at_a_laptops_a_given_or_the_published_budget(
    bench: dict[str, ModuleType],
) -> None:
    alone, packed, modern = bench["modes"].BENCHMARKS["stacked"].arms
    assert [arm.made().images for arm in (alone, packed, modern)] == [256_000, 512_000, 64_000]
    assert [arm.made(5_000).images for arm in (alone, packed, modern)] == [5_000, 10_000, 5_000]
    # 500,000 steps of 128 packs in Lin 2018; the modern recipe is no paper's
    published = [arm.made(published=True).images for arm in (alone, packed, modern)]
    assert published == [64e6, 128e6, 10e6]
    recipe = modern.made()
    assert recipe.objective.loss == "relativistic"
    assert recipe.objective.penalties.r1 is not None
    assert recipe.objective.penalties.r2 is not None
    assert recipe.architecture.name == "resnet"


def test_the_table_of_modes_has_our_rows_real_data_and_the_published(
    bench: dict[str, ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path))
    words = ["modes.py", "ring", "--images", "400", "--seeds", "1"]
    monkeypatch.setattr(sys, "argv", words)
    bench["modes"].main()
    rows = [line for line in capsys.readouterr().out.splitlines() if line]
    ours = [row for row in rows if "1 seeds" in row]
    assert [row.split(";")[1].split(",")[0] for row in ours] == [
        " 0.0004M images",
        " 0.0008M images",
        " 0.0004M images",
    ]
    (real,) = (row for row in rows if "real data" in row)
    assert real.split("|")[2].strip() == "8"
    assert sum("Lin 2018" in row or "(same)" in row for row in rows) == 3
    assert rows[-1].startswith("<!-- ")
    assert all(f"{name}: 0." in rows[-1] for name in ("GAN", "PacGAN2", "relativistic, R1 + R2"))
    monkeypatch.setattr(sys, "argv", [*words, "--published"])
    with pytest.raises(SystemExit):
        bench["modes"].main()
    assert "not allowed with" in capsys.readouterr().err
