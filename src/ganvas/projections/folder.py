"""What `ganvas project` writes: pictures beside their projections, films, latents, distances."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganvas import json_files, storage
from ganvas.drawing.films import FRAME_MILLISECONDS, write_film
from ganvas.drawing.grids import enlarge, make_grid, to_pillow, write_png
from ganvas.drawing.samples import display_factor
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.images import Pixels
from ganvas.latents.projection import Projection, ProjectionSettings
from ganvas.projections.held_out import HeldOutDistances

LATENTS, RESULTS = "latents.npz", "results.json"
LAST_FRAMES = 12
"""How often a film repeats its last image, so that one can look at it."""


def write_folder(
    out: Path,
    trained: TrainedGenerator,
    names: Sequence[str],
    projection: Projection,
    settings: ProjectionSettings,
    held_out: HeldOutDistances | None,
) -> None:
    """Write the folder, whole or not at all.

    Args:
        names: of the pictures, for files and results.
        settings: as they were used.
        held_out: what held-out images came to, if that was measured.

    Raises:
        RunError: the place cannot be written.
    """
    stems = list(storage.plain_names((Path(name).stem for name in names), "picture"))
    factor = display_factor(projection.targets.shape[1:3])
    with storage.write_errors(out), storage.atomic_directory(out) as draft:
        for index, stem in enumerate(stems):
            target, image = projection.targets[index], projection.images[index]
            pair = make_grid(np.stack([target, image]), columns=2)
            write_png(draft / f"{stem}.png", pair, factor)
            frames = (enlarge(to_pillow(frame), factor) for frame in film(projection, index))
            write_film(draft / f"{stem}.gif", frames, FRAME_MILLISECONDS)
        trained.write_latents(draft / LATENTS, projection.latents, names)
        json_files.write_json(
            draft / RESULTS, results(trained, names, stems, projection, settings, held_out)
        )


def film(projection: Projection, index: int) -> Pixels:
    """The picture beside each image of the way, uint8 (T, H', W', C)."""
    way = projection.way[index]
    frames = [*way, *[way[-1]] * LAST_FRAMES]
    target = projection.targets[index]
    return np.stack([make_grid(np.stack([target, frame]), columns=2) for frame in frames])


def results(
    trained: TrainedGenerator,
    names: Sequence[str],
    stems: Sequence[str],
    projection: Projection,
    settings: ProjectionSettings,
    held_out: HeldOutDistances | None,
) -> dict[str, Any]:
    """The content of results.json."""
    labels = projection.latents.labels
    pictures = []
    for index, (name, stem) in enumerate(zip(names, stems, strict=True)):
        picture: dict[str, Any] = {"picture": name, "files": [f"{stem}.png", f"{stem}.gif"]}
        if labels is not None:
            picture["label"] = trained.label_names[int(labels[index])]
        picture |= {key: float(values[index]) for key, values in projection.distances.items()}
        if held_out is not None:
            picture["closer_than"] = held_out.closer_than(picture["distance"])
        pictures.append(picture)
    return {
        "generator": trained.identity,
        "images_seen": trained.images_seen,
        "settings": dataclasses.asdict(settings),
        "pictures": pictures,
        "held_out": None if held_out is None else json_files.to_plain(held_out),
    }


def next_folder(parent: Path) -> Path:
    """`1`, `2`, ... in a folder: the first that is not there."""
    number = 1
    while (parent / str(number)).exists():
        number += 1
    return parent / str(number)
