"""What a trained generator offers for given pictures: projection."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ganvas.arguments import as_path, in_words
from ganvas.errors import DataError, GanvasError
from ganvas.images import Pixels
from ganvas.latents.latents import Latents
from ganvas.latents.pictures import read_pictures
from ganvas.latents.projection import (
    CANDIDATES,
    STARTS,
    STEPS,
    DistanceChoice,
    Projection,
    ProjectionSettings,
    Projector,
    SpaceChoice,
    joined,
    projection_problems,
)
from ganvas.latents.random_inputs import RandomInputs
from ganvas.progress import Progress, no_progress
from ganvas.randomness import draw_latents, named_generator
from ganvas.torch_state import usual_torch


class Projecting(RandomInputs):
    """Methods of a `TrainedGenerator`."""

    def read_pictures(self, *paths: Path | str) -> Pixels:
        """Image files, folders or archives, as training images were prepared: uint8 (N, H, W, C).

        Raises:
            DataError: some cannot be read; the message names them all.
        """
        files = [as_path("paths", path) for path in paths]
        pictures = read_pictures(files, self.shape, self.data)
        if pictures.problems:
            raise DataError("\n".join(pictures.problems))
        return pictures.pixels

    @usual_torch()
    def project(
        self,
        images: Pixels,
        *,
        label: str | int | None = None,
        space: SpaceChoice = "auto",
        distance: DistanceChoice = "auto",
        steps: int = STEPS,
        starts: int = STARTS,
        seed: int = 0,
        on_progress: Progress | None = None,
    ) -> Projection:
        """Latents whose images are near given ones (`latents/projection.py` says how).

        Args:
            images: uint8 (N, H, W, C) of the generator's shape, as `read_pictures` gives them.
            label: of the images, if the generator takes labels; by default each image gets those
                of its nearest random samples.
            space: z; w, one style for all layers; w+, a style for each layer. auto is w for a
                generator with a style space, else z.
            distance: what is minimised: pixels, or features too; auto takes features where the
                extra `features` is installed.
            steps: updates of the latents.
            starts: tried for each image, 1 to 64; the nearest in the end is kept.
            seed: of starts and noise.
            on_progress: called with (done, total) after every step.

        Raises:
            GanvasError: not these images, label, space, steps or starts; a generator of points or
                an ONNX file, through which no gradient passes; or features that are not installed.
        """
        settings = ProjectionSettings(space, distance, label, steps, starts, seed)
        self.check_images(images)
        report = on_progress or no_progress
        return joined(list(self.projector(settings).batches(images, report)))

    def check_images(self, images: Pixels) -> None:
        """Raise a `GanvasError` unless they are images of the generator's shape."""
        wanted = (self.shape.height, self.shape.width, self.shape.channels)
        array = isinstance(images, np.ndarray)
        if array and images.dtype == np.uint8 and images.shape[1:] == wanted and len(images):
            return
        got = f"{images.dtype} {images.shape}" if array else in_words(images)
        raise GanvasError(
            f"images: expected uint8 (N, {', '.join(map(str, wanted))}), as .read_pictures(PATH) "
            f"gives of files, got {got}"
        )

    def projection_problems(self, settings: ProjectionSettings) -> list[str]:
        """Why pictures cannot be projected with these settings, one sentence each."""
        if self.makes_points:
            return ["this generator makes points, so there is no picture to find"]
        problems = projection_problems(self.network, settings)
        try:
            self.label_indices(settings.label, 1)
        except GanvasError as error:
            problems.append(str(error))
        return problems

    @usual_torch()
    def projector(self, settings: ProjectionSettings) -> Projector:
        """A projector that takes pictures batch by batch. Raises as `project`."""
        if problems := self.projection_problems(settings):
            raise GanvasError("; ".join(problems))
        random = named_generator(settings.seed, "starts of projection")
        latents = draw_latents(CANDIDATES, self.latent_dim, random)
        labels = self.label_indices(settings.label, CANDIDATES)
        if labels is None:
            labels = self.draw_labels(CANDIDATES, settings.seed)
        return Projector(self.network, Latents(latents, labels).to(self.device), settings)
