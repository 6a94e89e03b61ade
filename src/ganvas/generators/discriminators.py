"""The discriminator that a generator was trained with: it can choose among the samples.

Rejection by its logits is in `latents/rejection.py`; here it is read from the run.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ganvas import tensor_file
from ganvas.errors import RunError
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.latents.rejection import TrainedDiscriminator
from ganvas.runs import Run
from ganvas.runs.checkpoints import later_doublings_in, read_discriminator
from ganvas.runs.directories import is_generator


def with_discriminator(trained: TrainedGenerator, run: Run | Path | str) -> TrainedGenerator:
    """The same generator with its discriminator, which can choose images.

    Args:
        trained: of the run.
        run: as for `load`.

    Raises:
        RunError: there is no run; or its discriminator is gone, or cannot rank single images.
    """
    if not isinstance(run, Run):
        check_has_discriminator(Path(run))
        run = Run.open(run)
    return dataclasses.replace(trained, discriminator=discriminator_of(run, trained))


def check_has_discriminator(path: Path) -> None:
    """Raise a `RunError` for a generator without its run, and so without its discriminator."""
    if is_generator(path):
        raise RunError(
            f"{path} holds a generator without its discriminator, so --keep has none to choose by. "
            "Name the run that it was trained in"
        )


def discriminator_of(run: Run, trained: TrainedGenerator) -> TrainedDiscriminator:
    """The discriminator of the moment that a run's generator is of, on the same device.

    Raises:
        RunError: its checkpoint is gone or damaged, or it cannot rank single images.
    """
    path = run.checkpoint_path(trained.images_seen)
    if not path.is_file():
        raise RunError(
            f"{run.directory} keeps no checkpoint at {trained.images_seen:,} images, so --keep has "
            "no discriminator to choose by. Choose another --checkpoint"
        )
    recipe = run.read_recipe()
    if recipe.objective.pac > 1:
        raise RunError(
            f"the discriminator of {run.directory} sees {recipe.objective.pac} images at a time "
            "(objective.pac), so --keep cannot rank single ones by it"
        )
    description = recipe.discriminator.network
    if description.uses_labels and not trained.label_names:
        raise RunError(
            f"the discriminator of {run.directory} takes labels, and its generator none, so --keep "
            "cannot rank images by it"
        )
    tensors, values = tensor_file.read(path)
    network = read_discriminator(tensors, run, recipe, later_doublings_in(values))
    network = network.eval().requires_grad_(False).to(trained.device)
    return TrainedDiscriminator(network, description.uses_labels)
