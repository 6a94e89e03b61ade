"""Benchmarks of speed: same networks and losses, correct arithmetic, blocks in the README."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from ganvas.data.stream import Batch
from ganvas.objectives import objective
from ganvas.recipes import CATALOG
from ganvas.schedules import Adaptive
from ganvas.studies.outcome import ScorePoint
from ganvas.training import engine, inputs, step
from ganvas.training.state import TrainState

FOLDER = Path(__file__).parents[2] / "benchmarks"
MODULES = (
    "augmenting",
    "compiling",
    "conditioning",
    "evaluating",
    "figure",
    "floor",
    "hardware",
    "launching",
    "loops",
    "memory",
    "modes",
    "overhead",
    "precision",
    "quality",
    "recipes",
    "report",
    "scaling",
    "speed_cases",
    "textbook",
    "throughput",
)

Bench = dict[str, ModuleType]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The benchmark's modules by name; they are scripts, not a package."""
    monkeypatch.syspath_prepend(str(FOLDER))
    modules = {name: importlib.import_module(name) for name in MODULES}
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name)
    return modules


@pytest.mark.parametrize(
    ("recipe", "side", "width", "channels"),
    [
        ("dcgan", 32, 4, 1),
        ("dcgan", 64, 4, 3),
        ("resnet-wgan-gp", 32, 4, 1),
        ("biggan", 32, 4, 1),
        ("r3gan", 32, 8, 3),
        ("style", 32, 8, 1),
    ],
)
def test_the_textbook_trains_the_same_networks(
    bench: Bench, recipe: str, side: int, width: int, channels: int, tmp_path: Path
) -> None:
    cases, cpu = bench["speed_cases"], torch.device("cpu")
    case = cases.Case("case", recipe, side, width, channels)
    ours, theirs = bench["throughput"].start_loops(case, cpu, tmp_path)
    assert ours.fit(steps=2) > 0
    before = [weight.clone() for weight in theirs.generator.parameters()]
    theirs.run(1)
    assert not all(map(torch.equal, before, theirs.generator.parameters()))
    wider = replace(case, width=2 * width)
    textbook = cases.textbook_for(wider, cases.recipe_for(wider), ours.prepared, cpu)
    with pytest.raises(ValueError, match="networks differ"):
        cases.check_same_networks(ours.state, textbook)


@pytest.mark.parametrize(
    ("recipe", "width"), [("resnet-wgan-gp", 4), ("biggan", 4), ("r3gan", 8), ("style", 8)]
)
def test_the_textbook_minimises_the_same_loss(
    bench: Bench, recipe: str, width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same images, latents and alphas give the same gradients."""
    torch.manual_seed(0)  # of other images, a few gradients lie at a kink of the loss
    case = bench["speed_cases"].Case("case", recipe, 32, width)
    ours, theirs = bench["throughput"].start_loops(case, torch.device("cpu"), tmp_path)
    batch = theirs.batch
    real, latents = torch.rand(batch, 1, 32, 32) * 2 - 1, torch.randn(batch, *theirs.latents)
    mix = torch.rand(batch, 1, 1, 1)
    monkeypatch.setattr(step, "next_real_batch", lambda *_: Batch(real.clone(), None))
    monkeypatch.setattr(inputs, "draw_latents", lambda *_: latents)
    monkeypatch.setattr(objective, "draw_uniform", lambda *_: mix)
    ours.steps(1)
    monkeypatch.setattr(theirs, "real", lambda: real.clone())
    monkeypatch.setattr(theirs, "noise", lambda: latents)
    monkeypatch.setattr(torch, "rand", lambda *_, device: mix)
    theirs.run(1)
    pairs = zip(
        ours.state.discriminator.parameters(), theirs.discriminator.parameters(), strict=True
    )
    for mine, other in pairs:
        largest = float(mine.grad.abs().max())
        torch.testing.assert_close(other.grad, mine.grad, rtol=1e-3, atol=1e-4 * largest)


def test_labels_are_all_that_a_conditional_recipe_adds(bench: Bench) -> None:
    conditioning, case = bench["conditioning"], bench["speed_cases"].Case
    for name, forms in conditioning.FORMS.items():
        full = case("case", name, 32, CATALOG[name]().generator.network.width)
        base = conditioning.with_reals_of_conditional(bench["speed_cases"].recipe_for(full))
        usual, *others = (conditioning.conditional(full, form) for form in forms)
        assert usual == CATALOG[f"{name}-conditional"]()
        for recipe in (usual, *others):
            plain = recipe.with_networks(base.generator.network, base.discriminator.network)
            assert replace(plain, name=name, data=base.data) == base
            assert recipe.generator.network.unconditional() == base.generator.network
            assert recipe.discriminator.network.unconditional() == base.discriminator.network


def test_the_full_effort_measures_unchanged_recipes(bench: Bench) -> None:
    cases = bench["speed_cases"]
    full, cuda = bench["figure"].FULL, torch.device("cuda")
    by_key = {case.key: case for case in cases.every_case(full, cuda)}
    for key in ("dcgan-32", "resnet-32", "biggan-32", "r3gan-32", "style-32"):
        assert cases.recipe_for(by_key[key]) == CATALOG[by_key[key].recipe]()
    assert cases.recipe_for(by_key["dcgan-64"]).generator.network.width == 64
    published = cases.recipe_for(by_key["r3gan-published"])
    paper = CATALOG["r3gan-paper"]()
    assert published.generator.network == paper.generator.network
    assert published.discriminator.network == paper.discriminator.network
    assert published.batch == 64


def test_targets_depend_on_the_device(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    cases, cpu, cuda = bench["speed_cases"], torch.device("cpu"), torch.device("cuda")
    targets = {}
    for has_bfloat16 in (False, True):
        monkeypatch.setattr(cases, "has_bfloat16", lambda known=has_bfloat16: known)
        every = cases.every_case(bench["figure"].FULL, cpu)
        targets[has_bfloat16] = [case.min_ratio(cpu) for case in every]
    assert targets == {False: [1.0] * 6, True: [1.0, 1.8, *[1.0] * 4]}
    on_cuda = cases.every_case(bench["figure"].FULL, cuda)
    assert [case.min_ratio(cuda) for case in on_cuda] == [3.0, 1.0, 3.0, 1.0, 2.0, 1.0, 1.0]
    assert [case.min_matrix_percent for case in on_cuda] == [None] * 6 + [50.0]
    quick = cases.every_case(bench["figure"].QUICK, cpu)
    assert [case.min_ratio(cpu) for case in quick] == [1.0] * 6


def test_python_overhead_runs_each_graph_function_once(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[engine.TensorFunction] = []
    runs: list[engine.TensorFunction] = []
    wrap = bench["launching"].InstantEngine.wrap

    def watched(
        self: Any, function: engine.TensorFunction, compiled: bool = True
    ) -> engine.TensorFunction:
        instant = wrap(self, lambda *tensors: runs.append(function) or function(*tensors))
        return lambda *tensors: calls.append(function) or instant(*tensors)

    monkeypatch.setattr(bench["launching"].InstantEngine, "wrap", watched)
    case = bench["speed_cases"].Case("case", "dcgan", 32, 4)
    effort = replace(bench["figure"].QUICK, seconds=0.1, rounds=2)
    (overhead,) = bench["launching"].measure_case(case, effort, tmp_path)
    assert overhead.value > 0
    assert len(runs) == len(set(runs)) == len(set(calls)) < len(calls)
    assert len(runs) >= 8, "images, both players' gradients, norms and steps, and the way back"


def test_augmentation_takes_turns_with_steps_without_it(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    augmenting = bench["augmenting"]
    states: list[TrainState] = []
    monkeypatch.setattr(augmenting, "measure_memory", states.append)
    case = bench["speed_cases"].Case("case", "dcgan", 32, 4)
    effort = replace(bench["figure"].QUICK, seconds=0.01)
    figures = augmenting.measure_case(case, effort, torch.device("cpu"), tmp_path)
    assert [figure.key for figure in figures] == ["case/ada", "case/diffaugment", "case/measuring"]
    assert [figure.repetitions for figure in figures] == [effort.rounds] * 3
    assert {type(state.augmentation.schedule) for state in states} == {Adaptive}


def test_what_takes_turns_with_steps_is_compared_pair_by_pair(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine slows down tenfold in the middle: of each round, the median is what it was."""
    overhead, taken = bench["overhead"], []

    def stopwatch(work: Callable[[], float], device: torch.device) -> float:
        taken.append(work())
        return taken[-1] * (1 if len(taken) < 20 else 10)

    monkeypatch.setattr(overhead, "processor_stopwatch", stopwatch)
    turns = {"without": lambda: 2.0, "with": lambda: 2.1}
    effort = replace(bench["figure"].QUICK, seconds=41.0, rounds=3)
    percents = overhead.percent_of_step(turns, "without", effort, torch.device("cpu"))
    assert percents == {"with": pytest.approx([105.0] * 3)}
    assert len(taken) == 2 * (bench["throughput"].WARM_UP_STEPS + 3 * 10)


def no_compiler(*_: object) -> None:
    raise RuntimeError("no compiler")


@pytest.mark.parametrize("backend", ["aot_eager", no_compiler])
def test_compiled_steps_are_compared_or_the_failure_is_printed(
    bench: Bench,
    backend: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    compiling, cpu = bench["compiling"], torch.device("cpu")
    chosen = engine.Compiled(engine.Eager(), backend=backend)
    monkeypatch.setattr(compiling, "choose_engine", lambda *_: chosen)
    case = bench["speed_cases"].Case("case", "dcgan", 32, 4)
    figures = compiling.measure_case(case, bench["figure"].QUICK, cpu, tmp_path)
    if backend == "aot_eager":
        assert [figure.key for figure in figures] == ["case/compiled", "case/compiling"]
        assert all(figure.value > 0 for figure in figures)
    else:
        assert figures == []
        assert "cannot be compiled" in capsys.readouterr().err


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_figures_follow_from_known_rates(bench: Bench, precision: str) -> None:
    throughput, work = bench["throughput"], bench["floor"].Work
    rates = {
        "ganvas": [90.0, 96.0, 99.0],
        "bare": [100.0, 100.0, 100.0],
        "textbook": [100.0, 100.0, 100.0],
        "textbook-bf16": [80.0, 80.0, 90.0],
        "matrix": [1e9, 1e9, 1e9],
        "own-matrix": [1e9, 1e9, 1e9] if precision == "fp32" else [4e9, 4e9, 4e9],
        "copy": [4e9, 4e9, 4e9],
    }
    step = 32 * 1_000_000
    counted = {"ganvas": work(step * 5, step * 10), "textbook": work(step * 4, step * 20)}
    case = bench["speed_cases"].Case("case", "dcgan", 32, 32)
    figures = throughput.summarise(case, rates, counted, precision, 1.0)
    by_key = {figure.key: figure for figure in figures}
    assert len(by_key) == len(figures)
    ratio = by_key["case/ratio"]
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((0.96, 0.9, 0.99))
    assert ratio.meets_target is False
    against_bf16 = by_key["case/ratio-bf16"]
    assert (against_bf16.value, against_bf16.low) == pytest.approx((1.125, 1.1))
    assert against_bf16.meets_target is True
    assert by_key["case/ganvas-share"].value == pytest.approx(48.0)
    assert by_key["case/textbook-share"].value == pytest.approx(40.0)
    # ganvas: 5 ms of operations against 2.5 ms of bytes, or 1.25 ms where products are 4 times
    # as fast; 96 images a second are 10.4 ms each. The textbook: 4 ms against 5 ms, of 10 ms.
    bound = 48.0 if precision == "fp32" else 24.0
    assert by_key["case/ganvas-floor"].value == pytest.approx(bound)
    assert by_key["case/textbook-floor"].value == pytest.approx(50.0)
    assert by_key["case/ganvas-work"].value == pytest.approx(5.0)
    assert by_key["case/ganvas-bytes"].value == pytest.approx(10.0)
    assert ("case/own-matrix" in by_key) == (precision == "bf16")
    if precision == "bf16":
        assert by_key["case/ganvas-own-share"].value == pytest.approx(12.0)
        assert by_key["case/ganvas-own-share"].meets_target is None


def test_evaluation_is_timed_with_a_cache_and_memory_without(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
        some = replace(effort, evaluated=8, evaluated_for_memory=weighed)
        figures = {figure.key: figure for figure in evaluating.measure(some, "cpu", tmp_path)}
        assert len(seen) == (2 if weighed == 250 else 1)
        assert (figures["first"].value, figures["cached"].value) == (80, 8)
        assert figures["cached"].repetitions == 3
        assert figures["cached"].meets_target is True
        assert figures["peak"].value == pytest.approx(0.01 * weighed)
        assert figures["peak"].meets_target is (weighed == 8)


def test_images_of_smooth_noise_differ(bench: Bench, tmp_path: Path) -> None:
    bench["evaluating"].write_smooth_noise(tmp_path / "images.npy", 60)
    images = np.load(tmp_path / "images.npy")
    assert (images.shape, images.dtype) == ((60, 32, 32, 3), np.uint8)
    assert len(np.unique(images.reshape(60, -1), axis=0)) == 60
    steps = np.abs(np.diff(images.astype(float), axis=1)).mean()
    assert steps < 0.5 * images.std(), "neighbours are alike"


def test_each_round_starts_with_another_loop(bench: Bench) -> None:
    orders = [bench["throughput"].rotated(["a", "b", "c"], index) for index in range(4)]
    assert [order[0] for order in orders] == ["a", "b", "c", "a"]
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)


def test_operations_and_bytes_match_the_formulas(bench: Bench) -> None:
    count, work = bench["floor"].count_work, bench["floor"].Work
    layer = torch.nn.Linear(7, 5, bias=False)
    images, product = torch.ones(3, 7), 2 * 3 * 7 * 5
    size = 4 * (3 * 7 + 7 * 5 + 3 * 5)  # of the images, the weights and what comes out
    assert count(lambda: layer(images)) == work(product, size)
    # The images need no gradient, so backward is one product: that of the weights.
    assert count(lambda: layer(images).sum().backward()) == work(2 * product, 2 * size)
    images.requires_grad_(True)
    assert count(lambda: layer(images).sum().backward()) == work(3 * product, 3 * size)


@pytest.mark.parametrize("kind", [torch.nn.Conv2d, torch.nn.ConvTranspose2d])
@pytest.mark.parametrize("groups", [1, 4])
def test_operations_of_grouped_convolutions(
    bench: Bench, kind: type[torch.nn.Conv2d | torch.nn.ConvTranspose2d], groups: int
) -> None:
    """A 2x2 kernel of stride 2 meets each pixel of the finer grid once: there is no border."""
    layer = kind(8, 12, kernel_size=2, stride=2, groups=groups, bias=False)
    images = torch.ones(3, 8, 6, 6)
    coarse = 3 * 3 if kind is torch.nn.Conv2d else 6 * 6
    product = 2 * 3 * coarse * (8 * 12 // groups) * 2 * 2
    made = 3 * 12 * coarse * (1 if kind is torch.nn.Conv2d else 4)
    sizes = {"images": 4 * images.numel(), "weight": 4 * layer.weight.numel(), "made": 4 * made}
    count = bench["floor"].count_work
    forward = count(lambda: layer(images))
    assert (forward.operations, forward.bytes) == (product, sum(sizes.values()))
    backward = count(lambda: layer(images).sum().backward())
    assert (backward.operations, backward.bytes) == (2 * product, 2 * sum(sizes.values()))
    layer.requires_grad_(False)
    images.requires_grad_(True)
    through = count(lambda: layer(images).sum().backward())
    assert (through.operations, through.bytes) == (2 * product, 2 * sum(sizes.values()))


def test_operations_of_a_penalty_are_counted(bench: Bench) -> None:
    """A third product: from the gradient at the images to the weights."""
    layer, images = torch.nn.Linear(7, 5, bias=False), torch.ones(3, 7, requires_grad=True)

    def penalise() -> None:
        (gradient,) = torch.autograd.grad(layer(images).sum(), images, create_graph=True)
        gradient.square().sum().backward()

    # Forward, to the images, and from there to the weights (and to the ones above the logits,
    # which want none).
    assert bench["floor"].count_work(penalise).operations == 3 * 2 * 3 * 7 * 5


def test_the_floor_is_the_slower_of_computing_and_copying(bench: Bench) -> None:
    work = bench["floor"].Work(operations=600, bytes=100)
    assert work.floor_seconds(matrix_rate=100, copy_rate=50) == 6
    assert work.floor_seconds(matrix_rate=100, copy_rate=10) == 10


def test_two_processes_are_compared_within_each_repetition(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine is half as fast in the second repetition, which does not change the ratios."""
    scaling, calls = bench["scaling"], []

    def rate_of(launch: Any, images: int, out: Path) -> float:
        calls.append(launch)
        slower = 1 if len(calls) <= 3 else 2
        launches = (scaling.ONE_THREAD, scaling.TWO_THREADS, scaling.TWO_PROCESSES)
        rates = dict(zip(launches, (100.0, 180.0, 150.0), strict=True))
        return rates[launch] / slower

    monkeypatch.setattr(scaling, "rate_of", rate_of)
    effort = replace(bench["figure"].FULL, repetitions=7)
    figures = {figure.key: figure for figure in scaling.measure_processes(effort, tmp_path)}
    assert figures["processes/2x1"].value == 112.5
    alone, threaded = figures["processes/2x1-over-1x1"], figures["processes/2x1-over-1x2"]
    assert (alone.low, alone.high) == (1.5, 1.5)
    assert threaded.value == pytest.approx(150 / 180)
    assert alone.meaning.endswith("2 processes of 1 thread / 1 process of 1 thread")


def test_quality_is_reached_at_the_first_score_below_the_bound(bench: Bench) -> None:
    quality = bench["quality"]
    scores = (1200.0, 690.0, 710.0, 640.0)
    score_curve = [
        ScorePoint(images_seen=1_000 * number, seconds=2.0 * number, value=value)
        for number, value in enumerate(scores, start=1)
    ]
    figures = {
        figure.key: figure.value for figure in quality.summarise("dcgan", "fd-lite0", score_curve)
    }
    assert figures == {"dcgan/images": 2_000, "dcgan/seconds": 4.0, "dcgan/score": 640.0}
    missed = quality.summarise("dcgan", "fd-lite0", score_curve[:1] + score_curve[2:3])
    assert {figure.key: figure.value for figure in missed} == {
        "dcgan/least": 710.0,
        "dcgan/score": 710.0,
    }
    assert "not reached" in missed[0].meaning


def test_the_readme_has_one_block_per_hardware(bench: Bench) -> None:
    report = bench["report"]
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    laptop = bench["hardware"].Hardware("A Laptop (R), 4 cores", "2.6", "3.11", 4)
    figure = bench["figure"].figure("help", "`ganvas --help`", "s", [0.3, 0.2, 0.4], at_most=0.5)
    slow = replace(figure, value=0.7)
    text = report.fill_readme(text, laptop, {"startup": [figure]})
    text = report.fill_readme(text, replace(laptop, name="B"), {"startup": [figure]})
    again = report.fill_readme(text, laptop, {"startup": [slow]})
    assert text.count("### A Laptop") == again.count("### A Laptop") == 1
    assert "0.300 s" in text
    assert "<= 0.5: met" in text
    assert "<= 0.5: MISSED" in again
    assert "### B" in again
    with pytest.raises(ValueError, match="no line"):
        report.fill_readme("lost", laptop, {"startup": [figure]})


def test_figures_are_read_back_from_their_file(bench: Bench, tmp_path: Path) -> None:
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


def test_arms_have_a_default_a_given_and_a_published_budget(
    bench: Bench,
) -> None:
    arms = bench["modes"].BENCHMARKS["stacked"].arms
    assert [arm.build_recipe().images for arm in arms] == [256_000, 512_000, 64_000, 300_000]
    assert [arm.build_recipe(5_000).images for arm in arms] == [5_000, 10_000, 5_000, 5_000]
    # 500,000 steps of 128 packs in Lin 2018; the two last recipes are no paper's
    published = [arm.build_recipe(published=True).images for arm in arms]
    assert published == [64e6, 128e6, 10e6, 10e6]
    assert {arm.build_recipe().data.size for arm in arms} == {(28, 28)}
    recipe = arms[-2].build_recipe()
    assert recipe.objective.loss == "relativistic"
    assert recipe.objective.penalties.r1 is not None
    assert recipe.objective.penalties.r2 is not None
    assert recipe.generator.network.name == recipe.discriminator.network.name == "resnet"


def test_the_table_of_modes_has_our_real_and_published_rows(
    bench: Bench,
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
