"""Methods of a trained generator, called with arguments of a wrong type, or for another one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ganvas
from ganvas import GanvasError, Latents
from ganvas.generators.trained_generator import TrainedGenerator
from tests.builders.generators import LATENT_DIM, small_generator
from tests.builders.styles import toy_generator

PLAIN = small_generator()
LABELLED = small_generator(labelled=True)
STYLES = toy_generator()
FOUND = STYLES.directions()
MIXED = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
PICTURE = np.zeros((1, 16, 16, 1), np.uint8)

WRONG: tuple[tuple[str, Callable[[], Any]], ...] = (
    ("keep: expected best:F", lambda: PLAIN.keeping(0.5)),
    ("truncation: expected 0 to 2, got '0.7'", lambda: PLAIN.truncated("0.7")),
    ("n: expected a whole number of at least 1, got '3'", lambda: PLAIN.sample("3")),
    ("n: expected a whole number of at least 1, got 2.5", lambda: PLAIN.grid(2.5)),
    ("n: expected a whole number of at least 1, got 0", lambda: PLAIN.latents(0)),
    ("seed: expected a whole number, got 0.5", lambda: PLAIN.sample(2, seed=0.5)),
    ("seed: expected a whole number, got '1'", lambda: PLAIN.interpolate(2, 3, seed="1")),
    ("seed: expected a whole number, got None", lambda: LABELLED.sample(2, seed=None)),
    ("seed: expected a whole number, got 0.5", lambda: ganvas.train("mlp", "ring", seed=0.5)),
    ("labels: expected a label, or one for each", lambda: LABELLED.sample(2, labels=1.5)),
    ("label: expected the name or the number", lambda: LABELLED.sample(2, labels=[0.5, 1])),
    ("steps: expected a whole number of at least 1, got 0", lambda: PLAIN.interpolate(2, 0)),
    ("labels: expected the names of at least", lambda: LABELLED.interpolate_labels("red", 3)),
    ("latents: expected Latents", lambda: PLAIN.generate(torch.zeros(2, LATENT_DIM))),
    ("latents: expected Latents", lambda: PLAIN.interpolate_latents("samples.npz", 3)),
    ("latents: expected Latents", lambda: PLAIN.write_latents("no.npz", torch.zeros(2, 8))),
    ("shape (N, 8), got (2, 5)", lambda: PLAIN.generate(Latents(torch.zeros(2, 5)))),
    (
        "latents: these are styles, and this generator has no style space",
        lambda: PLAIN.generate(Latents(torch.zeros(2, 4, 4), space="w")),
    ),
    (
        "latents: this generator takes labels, and these have none",
        lambda: LABELLED.generate(Latents(torch.zeros(2, LATENT_DIM))),
    ),
    (
        "latents.values: expected a tensor, got a ndarray",
        lambda: PLAIN.generate(Latents(np.zeros((2, LATENT_DIM)))),
    ),
    (
        "latents.values: expected float32, got float64",
        lambda: PLAIN.generate(Latents(torch.zeros(2, LATENT_DIM).double())),
    ),
    *(
        (
            "latents.labels: expected int64 (2,) from 0 to 2, or mixtures of labels float32 "
            f"(2, 3), got {got}",
            lambda labels=labels: LABELLED.generate(Latents(torch.zeros(2, LATENT_DIM), labels)),
        )
        for got, labels in (
            ("int64 (1,)", torch.tensor([0])),
            ("int64 (2,)", torch.tensor([0, 3])),
            ("int64 (2,)", torch.tensor([-1, 0])),
            ("int32 (2,)", torch.tensor([0, 1], dtype=torch.int32)),
            ("float32 (2, 2)", torch.ones(2, 2)),
        )
    ),
    (
        "latents: no file holds mixtures of labels",
        lambda: LABELLED.write_latents("no.npz", Latents(torch.zeros(2, LATENT_DIM), MIXED)),
    ),
    ("path: expected a path, got 3", lambda: PLAIN.read_latents(3)),
    ("paths: expected a path, got a list", lambda: PLAIN.read_pictures(["a.png"])),
    ("n: expected 1 to 4, the directions there are, got 0", lambda: FOUND.first(0)),
    ("n: expected 1 to 4, the directions there are, got 1.5", lambda: FOUND.first(1.5)),
    ("moves: expected steps by the number", lambda: STYLES.move(FOUND, [3, 2.0])),
    ("moves[0]: expected a number of steps, got '+2'", lambda: STYLES.move(FOUND, {0: "+2"})),
    ("layers: expected numbers such as [0, 1, 2]", lambda: STYLES.move(FOUND, {0: 1}, layers="0")),
    ("directions: expected what .directions()", lambda: STYLES.strips("directions.npz")),
    ("directions: expected those of this generator", lambda: PLAIN.move(FOUND, {0: 1.0})),
    ("directions: expected those of this", lambda: PLAIN.write_directions("no.npz", FOUND)),
    ("rows: expected a whole number of at least 1, got 'a'", lambda: STYLES.mix("a")),
    ("columns: expected a whole number of at least 1, got 0", lambda: STYLES.mix(2, 0)),
    ("images: expected uint8 (N, 16, 16, 1)", lambda: PLAIN.project("photo.png")),
    ("images: expected uint8 (N, 16, 16, 1)", lambda: PLAIN.project(Path("photo.png"))),
    ("steps: expected at least 1, got '9'", lambda: PLAIN.project(PICTURE, steps="9")),
    ("space: expected one of auto, z, w, w+, got 'x'", lambda: PLAIN.project(PICTURE, space="x")),
    ("distance: expected one of auto, f", lambda: PLAIN.project(PICTURE, distance="l1")),
    ("run: expected a run, or the path of one, got 3", lambda: ganvas.load(3)),
    ("checkpoint: expected last, best, or images", lambda: ganvas.load("x", checkpoint=512)),
)


@pytest.mark.parametrize(("problem", "call"), WRONG, ids=[problem for problem, _ in WRONG])
def test_a_wrong_argument_is_named_and_nothing_is_written(
    problem: str, call: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GanvasError, match=re.escape(problem)):
        call()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("generator", [PLAIN, LABELLED, STYLES], ids=["plain", "labels", "styles"])
def test_whole_numbers_and_paths_of_other_types_are_taken(
    generator: TrainedGenerator, tmp_path: Path
) -> None:
    images = generator.sample(np.int64(2), labels=None)
    assert np.array_equal(generator.sample(2, seed=np.int64(0)), images)
    latents = generator.sample_latents(2)
    generator.write_latents(str(tmp_path / "latents.npz"), latents)
    read = generator.read_latents(tmp_path / "latents.npz")
    assert np.array_equal(generator.generate(read), images)


@pytest.mark.parametrize("label", [np.int64(2), np.array(2), torch.tensor(2), np.str_("blue")])
def test_a_label_may_be_a_number_of_numpy_or_torch(label: Any) -> None:
    assert np.array_equal(LABELLED.sample(2, labels=label), LABELLED.sample(2, labels="blue"))


def test_a_walk_goes_through_mixtures_of_labels() -> None:
    stops = Latents(LABELLED.latents(2), MIXED)
    walk = LABELLED.interpolate_latents(stops, steps=2)
    assert np.array_equal(walk[::2], LABELLED.generate(stops))
