"""Two processes whose training fails rewind together, as one would, and hold the same afterwards.

The rule that finds the failure is that of test_health.py.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from ganvas.recipes import recipe_json
from ganvas.runs import Run
from ganvas.runs.status import SavedStatus

from ..builders.commands import finish, start
from .processes import run_together
from .test_health import LONG_ENOUGH, RULED, TOO_FAST

NOTED = """
import json
from ganvas.checksum import checksum
from ganvas.recipes import recipe_json
from ganvas.training import loop
step = loop.train_step
def noted(state, recipe):
    tensors = {{name: one for name, one in state.tensors().items() if "snapshots" not in name}}
    note = [state.images_seen, recipe_json(recipe), checksum(tensors, {{}})]
    with open({place!r} + str(state.processes.rank), "a") as file:
        file.write(json.dumps(note) + chr(10))
    step(state, recipe)
loop.train_step = noted
"""
"""Before every step each process notes the images seen, the recipe and a checksum of its tensors;
without the snapshots of probes, which only the first process has."""


def notes(path: Path) -> list[tuple[int, str, str]]:
    return [tuple(json.loads(line)) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("flags", "patch", "failed_at", "to"),
    [
        (TOO_FAST, RULED, 1008, 400),  # the first process finds it, and tells the others
        (("--discriminator.learning-rate", "1e30"), "", None, 0),  # every process meets it
    ],
    ids=["unhealthy", "diverged"],
)
def test_both_rewind_to_the_same_checkpoint_with_the_same_advice(
    tmp_path: Path,
    small: Path,
    images: Path,
    flags: tuple[str, ...],
    patch: str,
    failed_at: int | None,
    to: int,
) -> None:
    train = ["train", small, images, *flags, "--on-failure", "rewind", *LONG_ENOUGH, "--out"]
    pair, alone = tmp_path / "pair", tmp_path / "alone"
    place = str(tmp_path / "notes-")
    results = run_together([[*train, pair]] * 2, patch + NOTED.format(place=place))
    assert [result.code for result in results] == [0, 0], results
    single = finish(start([*train, alone], patch))
    assert single.code == 0, single.err

    first, second = notes(Path(f"{place}0")), notes(Path(f"{place}1"))
    assert first == second, "before each step both hold the same, by the same recipe"
    back = [(one[0], other[0]) for one, other in pairwise(first) if other[0] <= one[0]]
    assert [after for _, after in back] == [to]
    assert first[0][1] != first[-1][1] == recipe_json(Run.open(pair).read_recipe())

    of_pair, of_one = (
        [event for event in Run.open(run).findings.records() if event["event"] == "rewind"]
        for run in (pair, alone)
    )
    assert of_pair == of_one
    assert [event["to"] for event in of_pair] == [to]
    assert failed_at is None or of_pair[0]["failed_at"] == back[0][0] + 16 == failed_at
    assert Run.open(pair).read_recipe() == Run.open(alone).read_recipe()
    assert Run.open(pair).read_status() == SavedStatus("finished", 1200)
    said = f"rewind 1 of 2, because of {of_pair[0]['symptom']}"
    assert said in results[0].out
    assert said in single.out
    assert results[1].out == ""
    seen = [record["images_seen"] for record in Run.open(pair).history.records()]
    assert seen == sorted(set(seen)), "the history tells one run, not two"
