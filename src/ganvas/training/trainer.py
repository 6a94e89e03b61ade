"""The training loop, and how a run starts, goes on and ends.

Read `fit` first: it is the story. `train` and `resume` prepare what it needs.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ganvas import sampling
from ganvas.data.preparation import PreparedData
from ganvas.devices import choose_device, describe_environment, use_deterministic_kernels
from ganvas.errors import Diverged, RankLost, RunError, Unhealthy
from ganvas.formatting import format_short
from ganvas.objectives.objective import Objective
from ganvas.processes import ProcessGroup
from ganvas.recipes import OnFailure, Recipe, load_recipe
from ganvas.runs import Run
from ganvas.runs.data import check_data_unchanged, data_location, describe_data, prepare_for
from ganvas.runs.run import check_unoccupied
from ganvas.runs.status import Status
from ganvas.torchrun import launch, restarts
from ganvas.training.display import Display, conclude, introduce
from ganvas.training.engine import Compile
from ganvas.training.grids import forget_grid_of_stop, is_grid_due, save_grid
from ganvas.training.newest import newest_state
from ganvas.training.rewind import finish_rewind, rewind
from ganvas.training.scoring import refuse_without_scores, score_average
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from ganvas.training.stop import StopRequest
from ganvas.training.timer import Timer
from ganvas.training.together import (
    Word,
    agree_on_precision,
    follow,
    hear,
    interrupted,
    is_over,
    leaving,
    lost,
    refuse_differences,
    refuse_single_images,
    refuse_unshareable,
    run_of_this_launch,
    writing,
)
from ganvas.training.trouble import diverging, within_memory
from ganvas.training.watch import Watch


def fit(run: Run, recipe: Recipe, state: TrainState, data: PreparedData, display: Display) -> None:
    """Train until the recipe's budget is reached, a signal asks to stop, or a number overflows.

    Of several ranks the first one is here, and the others in `together.follow`.

    Raises:
        Interrupted: after a checkpoint was written.
        Diverged: with the last good checkpoint named.
        Unhealthy: training fails, and the recipe says not to go on.
    """
    objective = Objective.build(recipe.objective)
    every = recipe.intervals
    timer = Timer(state, run.history.column("seconds"))
    watch = Watch(run, recipe, objective, data, state)
    measuring = recipe.evaluation.every > 0
    said: str | None = None
    with StopRequest() as stop, display.live:
        if state.images_seen == 0:
            save_grid(run, recipe, state)
        display.begin(state, every.history)
        while state.images_seen < recipe.images:
            before = state.images_seen
            with diverging(run, before):
                train_step(state, recipe, objective)
            display.move(state.images_seen)
            if state.engine.failed != said:
                said = tell_fall_back(run, state, display)
            last = state.images_seen >= recipe.images
            if last or is_grid_due(state, every.samples, before):
                display.picture(save_grid(run, recipe, state))
            probed = every.probes > 0 and (last or state.crossed(every.probes, before))
            if last or probed or state.crossed(every.history, before):
                record = timer.record(state)
                if probed:
                    record |= watch.probe(state)
                run.history.append(record)
                watch.take(record)
                if probed:
                    display.findings(watch.judge(state.images_seen))
                    watch.refuse_failure(state.images_seen)
                display.update(record, watch.in_words())
            measured = measuring and (last or state.crossed(recipe.evaluation.every, before))
            if measured:
                state.processes.all_reduce_max(Word.MEASURE)  # the others do their share of it
                with timer.stopped():
                    display.scores(score_average(run, recipe, state, data, display.bar))
            asked = hear(state, stop) == Word.STOP
            if asked:
                with diverging(run, before):
                    state.means.settle()
            if last or asked or measured or state.crossed(every.checkpoint, before):
                save_checkpoint(run, recipe, state, "finished" if last else "running")
            if asked and not last:
                run.write_status("interrupted", state.images_seen, stop.signal_name)
                save_grid(run, recipe, state)
                state.processes.barrier()  # the others wait until all is saved
                raise interrupted(run, state)


def fit_and_rewind(
    run: Run, recipe: Recipe, state: TrainState, data: PreparedData, display: Display
) -> None:
    """`fit`; where it fails and the recipe says so, go back, apply the advice, and fit again."""
    processes = state.processes
    while True:
        try:
            if processes.is_main:
                return fit(run, recipe, state, data, display)
            return follow(run, recipe, state, data)
        except (Diverged, Unhealthy) as error:
            if processes.is_main and isinstance(error, Unhealthy):
                processes.all_reduce_max(
                    Word.UNHEALTHY
                )  # the others wait for a word after the step
            way_back = go_back(run, state)
            if way_back is None:
                raise
            display.say(str(error))
        except RankLost as error:
            raise lost(run, error) from error
        display.say(way_back)
        recipe = run.read_recipe()
        state.let_go()
        state, _ = newest_state(run, recipe, data, state.device, processes)


def go_back(run: Run, state: TrainState) -> str | None:
    """Rewind, and say in words how; None where training does not go on."""

    def in_words() -> str | None:
        way_back = rewind(run, state.images_seen)
        return None if way_back is None else way_back.in_words()

    return state.processes.broadcast_object(in_words)


def train(
    recipe: Recipe | str,
    data: str | Path,
    out: Path | str | None = None,
    *,
    seed: int = 0,
    device: str = "auto",
    deterministic: bool = False,
    compile: Compile = "auto",
    verify: bool = False,
    quiet: bool = False,
) -> Run:
    """Train a GAN on images and leave everything in a run directory.

    Started by torchrun, the processes share every batch, and the first one writes. Started again by
    torchrun after a failure, they go on from the last checkpoint.

    Args:
        recipe: what to train, e.g. `ganvas.recipes.dcgan()`, or the name of a recipe or its file.
        data: a folder, .zip, .npz, .npy, .parquet, a folder of IDX files, `fashion`, or data made
            for benchmarks: ring, grid, swiss-roll, stacked:DATA.
        out: the run directory, which must not exist; None makes runs/RECIPE-DATA-N.
        seed: decides weights, order and latents; same seed, machine and versions: same bits.
        device: auto, cpu, cuda, cuda:1, mps.
        deterministic: make CUDA repeat itself bit for bit (the CPU does anyway).
        compile: auto records the step as CUDA graphs where there is CUDA; on compiles it too, on
            every device; off lets Python launch every kernel.
        verify: read every image file again, even where size and time stamp are unchanged.
        quiet: print nothing.

    Raises:
        RecipeError, DataError, RunError, DeviceError: with what to do, before training starts.
        Interrupted, Diverged, Unhealthy, RankLost: while training; the run can be resumed from its
            last checkpoint.
    """
    recipe = load_recipe(recipe) if isinstance(recipe, str) else recipe
    recipe = recipe.checked().with_fixed_schedules()
    processes = ProcessGroup.join()
    if restarts() and (before := processes.broadcast_object(lambda: run_of_this_launch(out))):
        return resume(before, data=data, device=device, quiet=quiet)
    target = choose_device(device, processes)
    refuse_unshareable(recipe, processes, target)
    if deterministic:
        use_deterministic_kernels()
    if out is not None and processes.is_main:
        check_unoccupied(Path(out))
    quiet = quiet or not processes.is_main
    prepared = prepare_for(recipe, data, quiet, verify)
    refuse_without_scores(recipe, prepared)
    refuse_differences(processes, recipe, prepared, target, seed)
    objective = Objective.build(recipe.objective)
    state = TrainState.start(recipe, objective, prepared, seed, target, processes, compile)
    agree_on_precision(state)
    refuse_single_images(recipe, state)
    environment = {
        **describe_environment(target),
        **describe_step(state),
        "compile": compile,
        "seed": seed,
        "deterministic": deterministic,
        "world_size": processes.size,
        "launch": launch(),
    }

    run = new_run(out, recipe, prepared, environment, processes)
    with leaving(processes), writing(run, processes):
        display = Display(recipe.images, 0, quiet)
        introduce(display, run, recipe, state, prepared)
        with within_memory(recipe, prepared, state):
            fit_and_rewind(run, recipe, state, prepared, display)
        conclude(display, run)
    return run


def resume(
    directory: Path | str,
    *,
    images: int | None = None,
    data: str | Path | None = None,
    on_failure: OnFailure | None = None,
    device: str = "auto",
    verify: bool = False,
    quiet: bool = False,
) -> Run:
    """Go on with a run exactly where its newest whole checkpoint stands.

    Args:
        directory: the run.
        images: a new, larger budget; schedules keep the end they had.
        data: where the images are now, if they moved; they must be the same.
        on_failure: what to do from now on when health fails: warn, stop or rewind.
        device: auto takes the device that the run was started on.
        verify: read every image file again, even where size and time stamp are unchanged.
        quiet: print nothing.

    Raises:
        RunError: no run, locked, all checkpoints damaged, nothing left to do.
        DataError: the images are gone or have changed.
        Interrupted, Diverged, Unhealthy, RankLost: as `train`.
    """
    processes = ProcessGroup.join()
    run = Run.open(directory)
    if restarts() and is_over(run, images):
        return run
    quiet = quiet or not processes.is_main
    with leaving(processes), writing(run, processes):
        if processes.is_main:
            finish_rewind(run)
        processes.barrier()
        recipe, environment = continued(run, images, on_failure), run.read_environment()
        target = choose_device(environment["device"] if device == "auto" else device, processes)
        if processes.size > 1:  # one process always can go on
            refuse_unshareable(recipe, processes, target)
        if environment["deterministic"]:
            use_deterministic_kernels()
        prepared = prepare_for(recipe, data or data_location(run), quiet, verify)
        check_data_unchanged(run, prepared)
        refuse_differences(processes, recipe, prepared, target, environment["seed"])
        state, warnings = newest_state(run, recipe, prepared, target, processes)
        refuse_single_images(recipe, state)
        if processes.is_main:
            run.write_data(describe_data(prepared))
            if state.images_seen >= recipe.images:
                run.write_status("finished", state.images_seen)
        refuse_finished(run, recipe, state)
        if processes.is_main:
            run.delete_records_after(state.images_seen)
            forget_grid_of_stop(run, recipe, state)
            run.write_recipe(recipe)
            run.write_status("running", state.images_seen)
        display = Display(recipe.images, state.images_seen, quiet)
        for warning in warnings:
            display.say(warning)
        display.say(f"going on at {state.images_seen:,} images")
        with within_memory(recipe, prepared, state):
            fit_and_rewind(run, recipe, state, prepared, display)
        conclude(display, run)
    return run


def tell_fall_back(run: Run, state: TrainState, display: Display) -> str | None:
    """Say why a faster way of calculating was given up, and write down which one it is now."""
    display.say(f"{state.engine.failed}. Training goes on without")
    run.write_environment({**run.read_environment(), **describe_step(state)})
    return state.engine.failed


def describe_step(state: TrainState) -> dict[str, Any]:
    """What was chosen for this device, and why."""
    return {
        "precision": dataclasses.asdict(state.precision),
        "step": {"name": state.engine.name, "why": state.engine.why},
    }


def new_run(
    out: Path | str | None,
    recipe: Recipe,
    data: PreparedData,
    environment: dict[str, Any],
    processes: ProcessGroup,
) -> Run:
    """The run directory, which the first rank makes and all come to know."""

    def create() -> str:
        directory = free_directory(recipe.name, data.name) if out is None else Path(out)
        return str(Run.create(directory, recipe, environment, describe_data(data)).directory)

    return Run(Path(processes.broadcast_object(create)))


def continued(run: Run, images: int | None, on_failure: OnFailure | None) -> Recipe:
    """The run's recipe with what is other from now on.

    Raises:
        RunError: the new budget is less than the run's own.
    """
    recipe = run.read_recipe()
    if images is not None:
        if images < recipe.images:
            raise RunError(
                f"images: {images:,} is less than the budget of {recipe.images:,} that "
                f"{run.directory} has. Give more to train longer, or leave it out to go on"
            )
        recipe = dataclasses.replace(recipe, images=images).checked()
    if on_failure is not None:
        recipe = dataclasses.replace(recipe, on_failure=on_failure).checked()
    return recipe


def refuse_finished(run: Run, recipe: Recipe, state: TrainState) -> None:
    """Raise a `RunError` where nothing is left to train."""
    if state.images_seen >= recipe.images:
        raise RunError(
            f"{run.directory} is finished at {state.images_seen:,} images. To train longer: "
            f"ganvas resume {run.directory} --images {format_short(2 * state.images_seen)}"
        )


def free_directory(recipe: str, data: str) -> Path:
    """runs/RECIPE-DATA-N with the smallest free N."""
    number = 1
    while (path := Path("runs") / f"{recipe}-{data}-{number}").exists():
        number += 1
    return path


def save_checkpoint(run: Run, recipe: Recipe, state: TrainState, status: Status) -> None:
    """The generator for use, the whole state, and the status.

    In this order: a kill between two of them leaves nothing that `resume` does not make good.
    """
    shape = recipe.image_shape(run.read_data()["shape"]["channels"])
    sampling.write_generator(run, recipe, state.average, shape, state.images_seen)
    run.write_checkpoint(state.images_seen, state.tensors(), state.values())
    run.write_status(status, state.images_seen)
