"""The training loop: `fit` is the story of a run, `fit_to_the_end` repeats it after a rewind."""

from __future__ import annotations

from collections.abc import Sequence

from ganvas.data.prepared import PreparedData
from ganvas.errors import Diverged, RankLost, Unhealthy
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.training.clock import Clock, replan_on_all
from ganvas.training.display import Display
from ganvas.training.due import Due
from ganvas.training.failures import (
    interrupted_error,
    rank_lost_error,
    report_divergence,
    unhealthy_error,
)
from ganvas.training.forecast import ShapesForecastListener
from ganvas.training.grids import draw_samples
from ganvas.training.growing import grow_if_due
from ganvas.training.listeners import Listeners
from ganvas.training.logs import Logs
from ganvas.training.monitor import HealthMonitor
from ganvas.training.restore import restore_newest
from ganvas.training.rewind import rewind_on_all
from ganvas.training.run_files import RunFiles
from ganvas.training.scoring import score_ema
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from ganvas.training.stop import Signal, StopRequest
from ganvas.training.timer import Timer, seconds_trained

STOPPING = "stopping: the run is saved first; a second Ctrl-C would lose what is not saved yet"


def fit(
    run: Run,
    recipe: Recipe,
    state: TrainState,
    data: PreparedData,
    listeners: Listeners,
    monitor: HealthMonitor | None,
) -> None:
    """Train to the recipe's budget, on every process; only the first has listeners and a monitor.

    Returns earlier, after a checkpoint, where a listener asks for another budget.

    Raises:
        Interrupted: a signal asked to stop; after a checkpoint was written.
        Diverged: a number overflowed; with the last good checkpoint named.
        Unhealthy: training fails, and the recipe says to end it.
    """
    timer = Timer(state, seconds_trained(run))
    with StopRequest() as stop, listeners.active():
        listeners.start(state)
        if monitor and state.images_seen == 0:
            listeners.samples(0, draw_samples(recipe, state))
        while state.images_seen < recipe.images:
            for line in grow_if_due(recipe, state):
                listeners.message(line)
            before = state.images_seen
            with report_divergence(run, state):
                train_step(state, recipe)
                due = Due.after(before, state.images_seen, recipe)
                if due.anything:
                    state.metrics.flush()  # waits for a GPU, so that nothing spoiled is written
            listeners.step(state)
            if monitor and due.samples:
                listeners.samples(state.images_seen, draw_samples(recipe, state))
            if monitor and due.history:
                record, events = monitor.observe(state, timer.record(state), due.probes)
                listeners.record(record, events, monitor.summary)
            own = max(stop.signal, listeners.signal, monitor.signal if monitor else 0)
            signal = state.processes.all_reduce_max(own)  # continue < replan < stop < unhealthy
            if signal == Signal.UNHEALTHY:
                raise unhealthy_error(run, monitor, state.images_seen)
            if due.scores:
                with timer.paused():
                    scores = score_ema(recipe, state, data, listeners)
                listeners.scores(state.images_seen, scores)
            pausing = signal != Signal.CONTINUE and not due.last
            if pausing:
                if signal == Signal.STOP:
                    listeners.message(STOPPING)
                with report_divergence(run, state):
                    state.metrics.flush()
            if due.checkpoint or pausing:
                listeners.checkpoint(state, due.last)
            if pausing and signal == Signal.REPLAN:
                return
            if pausing:
                names = state.processes.all_gather_object(stop.signal_name)
                listeners.interrupted(state, next(filter(None, names), ""))
                if monitor:
                    listeners.samples(state.images_seen, draw_samples(recipe, state))
                state.processes.barrier()  # the others wait until everything is saved
                raise interrupted_error(run, state)


def fit_to_the_end(
    run: Run,
    recipe: Recipe,
    state: TrainState,
    data: PreparedData,
    display: Display,
    loggers: Sequence[str],
) -> None:
    """`fit`, and again from a checkpoint with another recipe, until the budget is reached.

    Where it fails and the recipe says so, rewind and apply the advice; where it would miss the time
    that the run was given, correct the budget.
    """
    processes = state.processes
    clock = Clock.of(run, display) if processes.is_main else None
    while True:
        listeners, monitor = Listeners(), None
        try:
            if processes.is_main:
                forecast = ShapesForecastListener(display, recipe, data.shape)
                logs = Logs(run, loggers, display)
                timed = () if clock is None else (clock,)
                listeners = Listeners(RunFiles(run, recipe), *timed, display, forecast, logs)
                monitor = HealthMonitor(run, recipe, data, state)
            fit(run, recipe, state, data, listeners, monitor)
            if state.images_seen >= recipe.images:
                return listeners.end()
            replan_on_all(clock, state)
        except (Diverged, Unhealthy) as error:
            message = rewind_on_all(run, state)
            if message is None:
                raise
            display.message(str(error))
            display.message(message)
        except RankLost as error:
            raise rank_lost_error(run, error) from error
        recipe = run.read_recipe()
        display.budget = recipe.images
        state.release_memory()
        state, _ = restore_newest(run, recipe, data, state.device, processes)
