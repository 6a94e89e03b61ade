"""How a run starts, resumes and ends: `train` and `resume` prepare what the loop needs.

Read `fit` in `loop.py` first: it is the story.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ganvas.arguments import as_seed
from ganvas.devices import choose_device
from ganvas.loggers.names import check_loggers
from ganvas.processes import ProcessGroup
from ganvas.recipes import OnFailure, Recipe
from ganvas.runs import Run
from ganvas.runs.data import (
    check_data_unchanged,
    data_location,
    describe_data,
    prepare_for,
)
from ganvas.runs.time_limit import read_time_limit
from ganvas.terminal import tolerant_output
from ganvas.torch_state import deterministic_kernels, usual_torch
from ganvas.torchrun import restarts
from ganvas.training.choosing import Choice
from ganvas.training.display import Display, log_start
from ganvas.training.distributed import (
    agree_on_precision,
    check_batch_is_divisible,
    check_batch_norm_samples,
    check_same_inputs,
    find_run_of_launch,
    is_over,
    run_lock,
    shut_down_process_group,
)
from ganvas.training.earlier_run import EarlierRun, check_freezes_trained
from ganvas.training.engine import Compile
from ganvas.training.failures import report_full_disk, report_out_of_memory, report_unsaved
from ganvas.training.grids import remove_interruption_grid
from ganvas.training.least_memory import check_memory
from ganvas.training.logs import view_lines
from ganvas.training.loop import fit_to_the_end
from ganvas.training.restore import (
    check_unfinished,
    restore_newest,
    unsaved_end,
    with_overrides,
)
from ganvas.training.rewind import complete_pending_rewind
from ganvas.training.run_files import (
    check_free,
    check_room,
    describe_run,
    new_run,
    removed_if_never_saved,
)
from ganvas.training.starting import plan_training, prepare_training
from ganvas.training.state import TrainState
from ganvas.training.tuning import Candidates, is_tuning


@tolerant_output()
@usual_torch()
def train(
    recipe: Recipe | Choice | str,
    data: str | Path,
    out: Path | str | None = None,
    *,
    start_from: Path | str | Run | None = None,
    time: str | float | None = None,
    seed: int = 0,
    device: str = "auto",
    deterministic: bool = False,
    compile: Compile = "auto",
    log: Sequence[str] | str = (),
    quiet: bool = False,
    verify: bool = False,
    tune: bool = False,
) -> Run:
    """Train a GAN on images and leave everything in a run directory.

    Processes of torchrun share every batch; restarted after a failure, they resume from the last
    checkpoint. Several threads may train a run each.

    Args:
        recipe: e.g. `ganvas.recipes.dcgan()`; the name of a recipe, or its file; auto, which
            chooses for these images and this machine; or what `ganvas.choose` returned.
        data: a folder, .zip, .tar, .npz, .npy, .parquet, a folder of IDX files, hf:OWNER/NAME:SPLIT
            of the hub, `fashion`, or generated: ring, grid, swiss-roll, stacked:DATA.
        out: the run directory, which must not exist; None makes runs/RECIPE-DATA-N.
        start_from: an earlier run, or hf:OWNER/NAME of the hub, whose weights are taken where they
            fit by name and shape. The name of a recipe then means its `for_trained_weights`.
        time: train for this long, not for `recipe.images`: 90s, 10m, 1h30m, or seconds. Scores and
            checkpoints count, preparation does not. Schedules end with it.
        seed: decides weights, order and latents. The same seed gives the same bits on the same
            machine, with the same versions and number of torch's threads.
        device: auto, cpu, cuda, cuda:1, mps.
        deterministic: make CUDA repeat itself bit for bit (the CPU does anyway).
        compile: auto captures the step as CUDA graphs; on compiles it too, also on a CPU; off does
            neither.
        log: loggers that follow the run: tensorboard, wandb, mlflow, trackio.
        quiet: print nothing.
        verify: read every image file again, even where size and time stamp are unchanged.
        tune: spend a tenth of the budget on three values of the setting that matters most (weights
            of R1 and R2, or the clipping bound, or the learning rates); continue with the best.

    Raises:
        RecipeError, DataError, RunError, DeviceError: with what to do, before training starts.
        Interrupted, Diverged, Unhealthy, RankLost: while training; the run can be resumed from its
            last checkpoint.
    """
    seed, loggers = as_seed(seed), check_loggers(log)
    plan = plan_training(
        recipe,
        data,
        out,
        start_from=start_from,
        time=time,
        tune=tune,
        device=device,
        quiet=quiet,
        verify=verify,
    )
    processes = ProcessGroup.join()
    if restarts() and (before := processes.broadcast_object(lambda: find_run_of_launch(out))):
        return resume(before, data=data, device=device, log=loggers, quiet=quiet)
    target = choose_device(device, processes)
    check_batch_is_divisible(plan.recipe, processes, target)
    if processes.is_main:
        check_free(out, plan.recipe.name)
    check_memory(plan.recipe, target, processes.size, compile)
    earlier = None if start_from is None else EarlierRun.read(start_from)
    check_freezes_trained(plan.recipe, earlier)
    quiet = quiet or not processes.is_main
    training = prepare_training(
        plan, data, earlier, target, processes, compile=compile, quiet=quiet, verify=verify
    )
    recipe, prepared, tuning = training.recipe, training.data, training.tuning
    check_same_inputs(processes, recipe, prepared, target, seed)
    state = TrainState.start(recipe, prepared, seed, target, processes, compile)
    agree_on_precision(state)
    check_batch_norm_samples(recipe, state)
    if processes.is_main:
        check_room(out, state)
    environment = describe_run(state, compile, deterministic, loggers)
    start, about_weights = None, list[str]()
    if earlier is not None:
        environment["started_from"], about_weights = earlier.give(state, recipe, prepared.shape)
        start = state.tensors(), state.values()
    run = new_run(out, recipe, prepared, environment, processes, start, tuning or training.limit)
    with (
        shut_down_process_group(processes),
        run_lock(run, processes),
        removed_if_never_saved(run),
        report_full_disk(run),
        report_unsaved(run),
        deterministic_kernels(deterministic),
    ):
        display = Display(run, recipe, 0, quiet)
        log_start(display, run, recipe, state, prepared)
        lines = [training.about_labels, *about_weights, *training.warnings]
        for line in filter(None, [*lines, *view_lines(run, loggers)]):
            display.message(line)
        if tuning is not None:
            state.release_memory()
            Candidates(run, prepared, target, processes, display).tune()
            recipe = run.read_recipe()
            state, _ = restore_newest(run, recipe, prepared, target, processes)
            display = Display(run, recipe, state.images_seen, quiet)
        with report_out_of_memory(recipe, prepared, state):
            fit_to_the_end(run, recipe, state, prepared, display, loggers)
    return run


@tolerant_output()
@usual_torch()
def resume(
    directory: Path | str,
    *,
    images: int | None = None,
    data: str | Path | None = None,
    on_failure: OnFailure | None = None,
    device: str = "auto",
    log: Sequence[str] | str | None = None,
    quiet: bool = False,
    verify: bool = False,
) -> Run:
    """Resume a run exactly from its newest complete checkpoint.

    Args:
        directory: the run.
        images: a new, larger budget; schedules keep the end they had. It replaces a time that the
            run was given.
        data: where the images are now, if they moved; they must be the same.
        on_failure: what to do from now on when health fails: warn, stop or rewind.
        device: auto takes the device that the run was started on.
        log: loggers that follow the run; None takes those that it had.
        quiet: print nothing.
        verify: read every image file again, even where size and time stamp are unchanged.

    Raises:
        RunError: no run, locked, all checkpoints damaged, nothing left to do.
        ArgumentError, RecipeError: a smaller budget than the run has, a logger that is none.
        DataError: the images are gone or have changed.
        Interrupted, Diverged, Unhealthy, RankLost: as `train`.
    """
    processes = ProcessGroup.join()
    run = Run.open(directory)
    if restarts() and is_over(run, images):
        return run
    quiet = quiet or not processes.is_main
    tunes = is_tuning(run)
    notes = [] if quiet or tunes else unsaved_end(run)
    environment = run.read_environment()
    loggers = check_loggers(environment.get("log", ()) if log is None else log)
    with (
        shut_down_process_group(processes),
        run_lock(run, processes),
        report_full_disk(run),
        report_unsaved(run),
        deterministic_kernels(environment["deterministic"]),
    ):
        if processes.is_main:
            complete_pending_rewind(run)
        processes.barrier()
        recipe = with_overrides(run, images, on_failure)
        target = choose_device(environment["device"] if device == "auto" else device, processes)
        if processes.size > 1:  # one process always can resume
            check_batch_is_divisible(recipe, processes, target)
        prepared = prepare_for(recipe, data or data_location(run), quiet, verify)
        check_data_unchanged(run, prepared)
        check_same_inputs(processes, recipe, prepared, target, environment["seed"])
        if tunes:
            display = Display(run, recipe, 0, quiet)
            Candidates(run, prepared, target, processes, display).tune()
            recipe = with_overrides(run, images, on_failure)
        state, warnings = restore_newest(run, recipe, prepared, target, processes)
        check_batch_norm_samples(recipe, state)
        if processes.is_main:
            run.write_data(describe_data(prepared))
            if state.images_seen >= recipe.images:  # killed after its last checkpoint, perhaps
                run.delete_old_checkpoints()
                run.write_status("finished", state.images_seen)
        check_unfinished(run, recipe, state)
        if processes.is_main:
            run.delete_records_after(state.images_seen)
            remove_interruption_grid(run, recipe, state)
            run.write_recipe(recipe)
            if images is not None and (limit := read_time_limit(run.directory)) is not None:
                replace(limit, replaced=True).write(run.directory)
            run.write_environment({**environment, "log": list(loggers)})
            run.write_status("running", state.images_seen)
        display = Display(run, recipe, state.images_seen, quiet)
        for note in [*notes, *warnings, *view_lines(run, loggers)]:
            display.message(note)
        display.message(f"resuming at {state.images_seen:,} images")
        with report_out_of_memory(recipe, prepared, state):
            fit_to_the_end(run, recipe, state, prepared, display, loggers)
    return run
