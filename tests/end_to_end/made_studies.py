"""Studies for tests of reports: real small runs, with the outcomes that workers would write."""

from __future__ import annotations

from pathlib import Path

import torch

import ganvas
from ganvas.runs import Run
from ganvas.runs.data import describe_data, prepare_images
from ganvas.studies.directory import StudyDirectory
from ganvas.studies.outcome import Cost, Ending, Outcome, ScorePoint
from ganvas.studies.plan import Plan, ThroughputEstimate
from ganvas.studies.study import Study


def start(path: Path, study: Study, images: int) -> StudyDirectory:
    """A study directory without runs."""
    names = [arm.name for arm in study.all_arms]
    trial = ThroughputEstimate(images_per_second=1000.0, memory_mb=100.0, run_bytes=10**6)
    plan = Plan(
        images=dict.fromkeys(names, images),
        throughput=dict.fromkeys(names, trial),
        scoring=(1.0, 0.001),
        workers=1,
        threads=1,
    )
    data = describe_data(prepare_images(study.base.data, study.data, quiet=True))
    environment = {
        "ganvas": ganvas.__version__,
        "torch": torch.__version__,
        "device": "cpu",
        "command": ["ganvas", "compare"],
    }
    return StudyDirectory.create(path, study, plan, data, environment)


def do(directory: StudyDirectory, arm: str, seed: int, ending: Ending = "finished") -> Outcome:
    """Train one run of a study, score it and write its outcome."""
    study, plan = directory.study, directory.plan
    recipe = study.recipe_for(study.arm(arm), plan.images[arm])
    place = directory.run_path(arm, seed)
    place.parent.mkdir(parents=True, exist_ok=True)
    run = ganvas.train(recipe, study.data, out=place, seed=seed, device="cpu", quiet=True)
    ganvas.evaluate(run, study.metrics, n=study.sample_count, device="cpu")
    outcome = run_outcome(run, arm, seed, ending)
    directory.write_outcome(outcome)
    return outcome


def run_outcome(run: Run, arm: str, seed: int, ending: Ending) -> Outcome:
    """The outcome of a run, as a worker writes it."""
    history, scores = run.history.records(), run.scores.records()
    seconds = {one["images_seen"]: one["seconds"] for one in history}
    ends = [one for one in scores if not one["while_training"]]
    failed = ending != "finished"
    return Outcome(
        arm=arm,
        seed=seed,
        ending=ending,
        reason="loss adversarial became nan" if failed else "",
        images_seen=run.read_status().images_seen,
        scores={} if failed else {one["metric"]: one["value"] for one in ends},
        floors={} if failed else {one["metric"]: one["floor"] for one in ends},
        score_curve=tuple(
            ScorePoint(
                images_seen=one["images_seen"],
                seconds=seconds[one["images_seen"]],
                value=one["value"],
            )
            for one in scores
            if one["while_training"] and one["images_seen"] in seconds
        ),
        cost=Cost(
            training_seconds=history[-1]["seconds"],
            images_per_second=history[-1]["images_seen"] / history[-1]["seconds"],
            memory_mb=history[-1]["memory_mb"],
            generator_weights=10_000,
            discriminator_weights=5_000,
            generator_bytes=40_000,
        ),
    )
