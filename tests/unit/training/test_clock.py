"""A time becomes a budget in images, and a clock corrects it so that training ends in time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ganvas.errors import RecipeError
from ganvas.growth import Growth
from ganvas.recipes import CATALOG, Ramp, Recipe
from ganvas.runs import Run
from ganvas.runs.time_limit import read_time_limit
from ganvas.training.clock import Clock, budget_for, images_in, parse_time
from ganvas.training.listeners import Listener, Listeners
from ganvas.training.pace import Pace
from ganvas.training.stop import Signal
from tests.builders import run_files

MINUTES = 600.0


@pytest.mark.parametrize("text", ["5s", "0", "-3", "nan", "x", "", 0.0, -1.0, math.inf])
def test_a_time_that_says_nothing_is_refused(text: str | float) -> None:
    with pytest.raises(RecipeError, match=r"^recipe: time: "):
        parse_time(text)


def test_a_time_is_text_or_seconds() -> None:
    assert [parse_time(time) for time in ("30m", "1h30m", "90s", 45, 20.0)] == [
        *(1800, 5400, 90, 45, 20)
    ]


def cost(images: int, rate: float, seen: int, every: int, score: float) -> float:
    """Seconds of so many more images with their scores, counted one by one."""
    scores = sum(1 for number in range(seen + 1, seen + images + 1) if number % every == 0)
    last_is_extra = (seen + images) % every != 0
    return images / rate + score * (scores + last_is_extra)


@pytest.mark.parametrize("seen", [0, 7, 10, 25])
@pytest.mark.parametrize("seconds", [0.0, 3.0, 10.0, 19.0, 57.5])
@pytest.mark.parametrize("score", [0.0, 0.4, 6.0])
def test_as_many_images_as_fit_with_their_scores(seen: int, seconds: float, score: float) -> None:
    rate, every = 2.0, 10
    images = images_in(seconds, rate, seen, every, score)
    most = max(
        (n for n in range(1, 200) if cost(n, rate, seen, every, score) <= seconds), default=0
    )
    assert images == most


def test_without_scores_it_is_the_rate_times_the_time() -> None:
    assert images_in(90.0, 12.5, 400, 0, 3.0) == 1125
    assert images_in(-1.0, 12.5, 400, 0, 3.0) == 0


def test_schedules_end_with_the_budget_of_a_time() -> None:
    recipe = CATALOG["r3gan"]()
    timed, _ = budget_for(recipe, MINUTES, Pace(100.0, 0.0))
    assert timed.images == 60_000
    assert timed == replace(recipe, images=60_000).with_fixed_schedules()
    longer = timed.with_budget(90_000)
    assert longer == replace(recipe, images=90_000).with_fixed_schedules()


def test_a_schedule_with_an_end_of_its_own_keeps_it() -> None:
    rate = Ramp(shape="linear", start=1e-3, end=0.0, images=5_000)
    recipe = CATALOG["dcgan"]()
    recipe = replace(recipe, discriminator=replace(recipe.discriminator, learning_rate=rate))
    timed, _ = budget_for(recipe, MINUTES, Pace(100.0, 0.0))
    assert timed.discriminator.learning_rate == rate
    assert timed.with_budget(70_000).discriminator.learning_rate == rate


def test_a_time_for_a_few_steps_alone_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"trains 18 steps of 32 images .* too little to say"):
        budget_for(CATALOG["dcgan"](), 60.0, Pace(10.0, 0.0))


def at_images(images_seen: int) -> Any:
    """What the clock reads of a state."""
    return SimpleNamespace(images_seen=images_seen, later_doublings=0)


@dataclass
class Told(Listener):
    """Keeps what it is told."""

    lines: list[str] = field(default_factory=list)

    def message(self, text: str) -> None:
        self.lines.append(text)


@dataclass
class Machine:
    """Trains a run without networks, at a speed of its own, on a clock that it moves.

    At half the size, where a recipe grows, it is twice as fast.
    """

    run: Run
    rate: Callable[[float], float]
    score: float = 0.0
    now: float = 0.0
    corrections: int = 0
    display: Told = field(default_factory=Told)

    def train(self, kill_after: float = math.inf) -> None:
        """Train as `fit` and `fit_to_the_end` do, until the end or a kill."""
        limit = read_time_limit(self.run.directory)
        assert limit is not None
        clock = Clock(self.run, limit, self.display, lambda: self.now)
        state = at_images(self.run.read_status().images_seen)
        recipe, killed_at = self.run.read_recipe(), self.now + kill_after
        clock.start(state)
        while state.images_seen < recipe.images:
            step = recipe.images_per_step
            state.later_doublings = recipe.later_doublings(state.images_seen)
            self.now += step / (self.rate(self.now) * 2**state.later_doublings)
            if self.now > killed_at:
                return
            state.images_seen += step
            clock.step(state)
            every, last = recipe.evaluation.every, state.images_seen >= recipe.images
            if every and (last or state.images_seen % every < step):
                self.now += self.score
                clock.scores(state.images_seen, [])
            pausing = clock.signal == Signal.REPLAN and not last
            if pausing or last or state.images_seen % 2_000 < step:
                clock.checkpoint(state, last)
                self.run.write_status("finished" if last else "running", state.images_seen)
            if pausing:
                clock.correct(state)
                self.corrections += 1
                self.now += 0.5  # restoring the state
                recipe = self.run.read_recipe()
                clock.start(state)
        clock.end()


@pytest.fixture
def make_machine(tmp_path: Path) -> Callable[..., Machine]:
    def make(
        rate: Callable[[float], float],
        measured: float = 100.0,
        score: float = 0.0,
        every: int = 0,
        grow: Growth | None = None,
    ) -> Machine:
        recipe: Recipe = replace(CATALOG["r3gan"](), grow=grow)
        recipe = replace(recipe, evaluation=replace(recipe.evaluation, every=every))
        recipe, limit = budget_for(recipe, MINUTES, Pace(measured, score))
        run = Run.create(tmp_path / "run", recipe, run_files.environment(), run_files.data())
        limit.write(run.directory)
        return Machine(run, rate, score)

    return make


SPEEDS: dict[str, Callable[[float], float]] = {
    "as measured": lambda now: 100.0,
    "a third slower": lambda now: 66.0,
    "twice as fast": lambda now: 200.0,
    "slower and slower": lambda now: 120.0 - now / 10,
    "half from the middle on": lambda now: 100.0 if now < MINUTES / 2 else 50.0,
    "a third faster towards the end": lambda now: 100.0 if now < 0.82 * MINUTES else 133.0,
    "in waves": lambda now: 100.0 + 40.0 * math.sin(now / 15),
}


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize(("score", "every"), [(0.0, 0), (8.0, 15_000)])
def test_training_ends_in_time_whatever_the_speed(
    make_machine: Callable[..., Machine], speed: str, score: float, every: int
) -> None:
    machine = make_machine(SPEEDS[speed], score=score, every=every)
    machine.train()
    assert machine.now == pytest.approx(MINUTES, rel=0.03)
    limit, status = read_time_limit(machine.run.directory), machine.run.read_status()
    assert limit is not None
    assert limit.spent == pytest.approx(machine.now, abs=0.01)
    assert status.status == "finished"
    assert status.images_seen == machine.run.read_recipe().images == limit.budgets[-1].images
    assert len(limit.budgets) == 1 + machine.corrections


@pytest.mark.parametrize(
    ("speed", "corrections", "lines"),
    [
        ("slower and slower", 6, ["trained on 53.8k images in 10:01 of 10:00, scores included"]),
        (
            "half from the middle on",
            1,
            [
                "the budget is now 45k images, to end in 10:00 (before: 60k)",
                "trained on 45k images in 10:00 of 10:00, scores included",
            ],
        ),
    ],
)
def test_a_budget_is_said_where_it_changes_by_a_fifth_and_in_the_end(
    make_machine: Callable[..., Machine], speed: str, corrections: int, lines: list[str]
) -> None:
    """A machine that does other work beside has another budget at every check."""
    machine = make_machine(SPEEDS[speed])
    machine.train()
    assert machine.corrections == corrections
    assert machine.display.lines == lines


def test_a_run_that_grows_is_corrected_at_its_last_size(
    make_machine: Callable[..., Machine],
) -> None:
    """The speed of small networks says nothing about the rest."""
    growth = Growth(heights=(16, 32))
    machine = make_machine(SPEEDS["a third slower"], measured=100.0, grow=growth)
    machine.train()
    assert machine.now == pytest.approx(MINUTES, rel=0.03)
    limit = read_time_limit(machine.run.directory)
    assert limit is not None
    ends = machine.run.read_recipe().grow
    assert ends == growth.with_budget(limit.budgets[0].images)
    assert ends.ends is not None
    assert limit.budgets[1].at_images >= ends.ends[-1]


@pytest.mark.parametrize(("score", "every"), [(0.0, 0), (8.0, 15_000)])
def test_nothing_is_corrected_where_the_measurement_was_right(
    make_machine: Callable[..., Machine], score: float, every: int
) -> None:
    """Seconds of scores are no seconds of training."""
    machine = make_machine(SPEEDS["as measured"], score=score, every=every)
    machine.train()
    assert machine.corrections == 0


def test_a_machine_that_stalls_ends_with_the_time(make_machine: Callable[..., Machine]) -> None:
    """No forecast sees it coming; the clock ends training, and the run is finished."""
    machine = make_machine(lambda now: 100.0 if now < 0.97 * MINUTES else 2.0)
    machine.train()
    assert machine.now <= MINUTES + 2 * 32 / 2.0 + 1  # steps that take 16 s
    assert machine.run.read_status().status == "finished"


@pytest.mark.parametrize("kill_after", [10.0, 100.0, 299.0, 560.0])
def test_a_run_that_was_killed_has_the_time_that_was_left(
    make_machine: Callable[..., Machine], kill_after: float
) -> None:
    machine = make_machine(SPEEDS["a third slower"])
    machine.train(kill_after)
    limit = read_time_limit(machine.run.directory)
    assert limit is not None
    lost = kill_after - limit.spent
    machine.now += 1_000.0  # nothing ran
    machine.train()
    trained = machine.now - 1_000.0 - lost
    assert trained == pytest.approx(MINUTES, rel=0.03)
    assert machine.run.read_status().status == "finished"


def test_listeners_ask_for_what_any_of_them_asks(make_machine: Callable[..., Machine]) -> None:
    run = make_machine(SPEEDS["as measured"]).run
    limit = read_time_limit(run.directory)
    assert limit is not None
    clock = Clock(run, replace(limit, spent=MINUTES), Listener())
    assert Listeners().signal == Listeners(Listener(), clock).signal == Signal.CONTINUE
    clock.start(at_images(100))
    clock.step(at_images(132))
    assert Listeners(Listener(), clock).signal == Signal.REPLAN


def test_a_budget_in_images_replaces_a_time(make_machine: Callable[..., Machine]) -> None:
    run = make_machine(SPEEDS["as measured"]).run
    limit = read_time_limit(run.directory)
    assert limit is not None
    assert Clock.of(run, Listener()) is not None
    replace(limit, replaced=True).write(run.directory)
    assert Clock.of(run, Listener()) is None
