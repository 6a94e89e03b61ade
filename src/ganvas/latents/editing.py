"""What a trained generator offers for changing its images: directions, and mixing of styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy.typing as npt

from ganvas.arguments import as_path, check_count, check_type
from ganvas.errors import GanvasError
from ganvas.latents.direction_files import read_directions, write_directions
from ganvas.latents.directions import (
    SAMPLES,
    Directions,
    Method,
    between_labels,
    ganspace,
    sefa,
    strips,
)
from ganvas.latents.latents import Latents, generate
from ganvas.latents.mixing import coarse_layers, mix, with_styles
from ganvas.latents.random_inputs import LabelChoice, RandomInputs
from ganvas.networks.styles import StyleBased
from ganvas.progress import Progress
from ganvas.torch_state import usual_torch


class Editing(RandomInputs):
    """Methods of a `TrainedGenerator`."""

    @usual_torch()
    def directions(self, method: Method = "sefa", label: str | int | None = None) -> Directions:
        """Directions that change its images, those with the largest effect first.

        Args:
            method: sefa, ganspace or labels (`ganvas.latents.directions` says how they are found).
            label: for the method labels, where all directions start; by default the first label.

        Raises:
            GanvasError: no such method; no first layer is known; or the generator takes no labels,
                or not this one.
        """
        if method not in get_args(Method):
            raise GanvasError(f"{method!r} is no method. There are: {', '.join(get_args(Method))}")
        if method == "labels":
            start = self.label_indices(0 if label is None else label, 1)
            assert start is not None
            return between_labels(self.network, int(start), self.label_names)
        if label is not None:
            raise GanvasError(
                f"a label is where directions of method labels start, not of {method}"
            )
        n = SAMPLES if isinstance(self.network, StyleBased) else 1
        labels = self.draw_labels(n)
        random = Latents(self.latents(n), None if labels is None else labels.to(self.device))
        return (sefa if method == "sefa" else ganspace)(self.network, random)

    @usual_torch()
    def move(
        self,
        directions: Directions,
        moves: Mapping[int, float],
        n: int = 1,
        seed: int = 0,
        labels: LabelChoice = None,
        layers: Sequence[int] | None = None,
    ) -> npt.NDArray[Any]:
        """The images of `sample`, moved: uint8 (n, H, W, C).

        `Directions.move` moves other latents.

        Args:
            directions: of this generator.
            moves: how many steps to go, by the number of a direction: {3: +2.0}.
            labels: as in `sample`.
            layers: for directions of styles, those that are moved, from 0, the coarsest; None: all.

        Raises:
            GanvasError: directions of another generator, or no such direction, layer or label.
        """
        self.check_directions(directions)
        moved = directions.move(self.network, self.sample_latents(n, seed, labels), moves, layers)
        return generate(self.network, moved)

    @usual_torch()
    def strips(
        self,
        directions: Directions,
        seed: int = 0,
        label: str | int | None = None,
        layers: Sequence[int] | None = None,
    ) -> npt.NDArray[Any]:
        """One image, moved by -3, -2, ..., 3 steps along each direction: uint8 (D, 7, H, W, C).

        Args:
            directions: of this generator.
            seed: the image is the first of `sample`.
            label: as in `sample`.
            layers: as in `move`.

        Raises:
            GanvasError: directions of another generator, or no such layer or label.
        """
        self.check_directions(directions)
        moved = strips(self.network, directions, self.sample_latents(1, seed, label), layers)
        images = generate(self.network, moved)
        return images.reshape(len(directions), -1, *images.shape[1:])

    @usual_torch()
    def mix(
        self,
        rows: int = 4,
        columns: int = 6,
        layers: Sequence[int] | None = None,
        seed: int = 0,
        labels: LabelChoice = None,
        on_progress: Progress | None = None,
    ) -> npt.NDArray[Any]:
        """Style mixing: coarse layers of the row, others of the column; uint8 (R, C, H, W, C').

        The sources are `sample(rows + columns, seed, labels)`, those of the rows first.

        Args:
            layers: those that the row decides, from 0, the coarsest; by default the first half.
            labels: of the sources.
            on_progress: called with (done, total) images.

        Raises:
            GanvasError: it has no style space, or no such layer or label; or rows or columns are
                not counts.
        """
        check_count("rows", rows)
        check_count("columns", columns)
        network = with_styles(self.network)
        chosen = coarse_layers(network) if layers is None else layers
        sources = self.sample_latents(rows + columns, seed, labels)
        mixed = mix(network, sources[:rows], sources[rows:], chosen)
        images = generate(network, mixed, on_progress)
        return images.reshape(rows, columns, *images.shape[1:])

    def write_directions(self, path: Path | str, directions: Directions) -> None:
        """Write directions of this generator as an .npz.

        Raises:
            GanvasError: they are of another generator.
            RunError: the file cannot be written.
        """
        self.check_directions(directions)
        write_directions(as_path("path", path), directions, self.inputs)

    def read_directions(self, path: Path | str) -> Directions:
        """The directions in an .npz of `write_directions` or `ganvas directions`.

        Raises:
            GanvasError: it cannot be read, holds none, or those of another generator.
        """
        return read_directions(as_path("path", path), self.inputs)

    def check_directions(self, directions: Directions) -> None:
        """Raise a `GanvasError` unless they can be directions of this generator."""
        check_type(
            "directions", directions, Directions, "what .directions() or .read_directions() gives"
        )
        styles = 0 if self.style_shape is None else self.style_shape[1]
        moved = {"z": self.latent_dim, "w": styles, "labels": len(self.label_names)}
        width = directions.vectors.shape[1]
        if width != moved[directions.space]:
            raise GanvasError(
                f"directions: expected those of this generator, got {width} numbers each in the "
                f"space {directions.space}, where it has {moved[directions.space] or 'none'}"
            )
