"""The folder that is pushed: everything that a copy on the hub holds, written before any upload."""

from __future__ import annotations

import math
from pathlib import Path

from ganvas import storage, tensor_file
from ganvas.diagnosis import diagnose
from ganvas.errors import RunError
from ganvas.generators.files import load, save_generator
from ganvas.generators.sample_files import SampleRequest, fitting_count, write_grid
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.hub.card import PICTURE, CardContent, has_rows, model_card
from ganvas.hub_files import CONFIG_JSON, DISCRIMINATOR_FILE, RECIPE_FILE, WEIGHTS, HubAddress
from ganvas.progress import Progress
from ganvas.recipes import Recipe, recipe_toml
from ganvas.runs import Run
from ganvas.runs.checkpoints import later_doublings_in, networks_in

FOLDER = "hub"
"""Inside the run."""
SEED = 0
COLUMNS = 8
"""Of the picture."""
POINTS = 2_500

ABOUT = {
    "README.md": "the model card",
    CONFIG_JSON: "what the generator is",
    WEIGHTS: "its weights (EMA)",
    DISCRIMINATOR_FILE: "discriminator and raw generator",
    RECIPE_FILE: "the complete recipe",
    PICTURE: "samples",
}
"""What each file is, for people."""


def write_folder(
    run: Run,
    address: HubAddress,
    license: str,
    checkpoint: str,
    discriminator: bool,
    on_progress: Progress,
) -> tuple[Path, TrainedGenerator]:
    """Write what is to be pushed into the run's `hub/`, whole or not at all.

    Args:
        checkpoint: last, best, or the images seen.
        discriminator: write it too, with the raw generator of the same moment.

    Returns:
        The folder, and the generator in it.

    Raises:
        RunError: the run has no such checkpoint, or the folder cannot be written.
    """
    generator = load(run, checkpoint=checkpoint)
    recipe, folder = run.read_recipe(), run.directory / FOLDER
    pair = read_pair(run, recipe, generator) if discriminator else None
    content = CardContent(
        address, license, run, recipe, generator, diagnose(run), SEED, pair is not None
    )
    with storage.write_errors(folder), storage.atomic_directory(folder, replace=True) as draft:
        seen = generator.images_seen
        save_generator(draft, generator, recipe.generator.network)
        if pair is not None:
            tensor_file.write(draft / DISCRIMINATOR_FILE, pair, {"images_seen": seen})
        storage.write_bytes(draft / RECIPE_FILE, recipe_toml(recipe).encode())
        write_grid(draft / PICTURE, picture_of(generator), on_progress)
        storage.write_bytes(draft / "README.md", model_card(content).encode())
    return folder, generator


def picture_of(generator: TrainedGenerator) -> SampleRequest:
    """The samples that the card shows: a row for each label, where there are few."""
    if generator.makes_points:
        return SampleRequest(generator, POINTS, SEED)
    if has_rows(generator):
        labels = generator.label_names
        n = fitting_count(generator, COLUMNS, len(labels))
        return SampleRequest(generator, n, SEED, labels)
    side = math.isqrt(fitting_count(generator, COLUMNS**2))
    return SampleRequest(generator, side**2, SEED)


def read_pair(run: Run, recipe: Recipe, generator: TrainedGenerator) -> tensor_file.Tensors:
    """The discriminator and the raw generator of the checkpoint that the generator is of."""
    path = run.checkpoint_path(generator.images_seen)
    if not path.is_file():
        raise RunError(
            f"{run.directory} keeps no checkpoint at {generator.images_seen:,} images, so its "
            "discriminator is gone. Push without --discriminator, or another --checkpoint"
        )
    tensors, values = tensor_file.read(path)
    later_doublings = later_doublings_in(values)
    networks = networks_in(tensors, run, recipe, run.read_shape(), later_doublings)
    return {name: tensor for name, tensor in networks.items() if not name.startswith("ema/")}
