"""`ganvas directions RUN`: in which directions a generator's images change, and how."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ganvas import storage
from ganvas.cli.default_out import default_out
from ganvas.cli.layer_range import parse_layers
from ganvas.command_line import ganvas_command
from ganvas.errors import GanvasError
from ganvas.terminal import print_lines, printable

if TYPE_CHECKING:
    from ganvas.generators.trained_generator import TrainedGenerator
    from ganvas.latents.directions import Directions as FoundDirections

COUNT = 8
"""Default number of directions, and of samples that are moved."""

MOVED = {"z": "latents", "w": "styles", "labels": "labels"}
"""What directions move, by their space."""


@dataclass(frozen=True)
class Directions:
    """Find directions in which images change, and draw a strip of each. Needs no images.

    sefa: what changes the first layer most, from its weights. ganspace: principal components of
    styles, or of the first layer. labels: from one label to each other, of a generator that takes
    labels (train --labels on).
    """

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory, a generator/ folder copied from one, or hf:OWNER/NAME of the hub; with
    --method labels also an exported model.onnx."""
    method: Literal["sefa", "ganspace", "labels"] = "sefa"
    """How directions are found."""
    n: Annotated[int | None, tyro.conf.arg(aliases=("-n",))] = None
    """Number of directions, by default 8, or to all other labels; with --apply, of images."""
    apply: Annotated[str | None, tyro.conf.arg(metavar="NUMBER:STEPS")] = None
    """Move new images along directions, such as 3:+2, or 0:-1.5,3:+2: a row of images, and below it
    the same moved."""
    layers: str | None = None
    """For a style generator: the layers that are moved, from 0, the coarsest: 0-3 or 0,2,5-7; by
    default all."""
    label: str | None = None
    """For a generator that takes labels: the label of the image. With the method labels, where all
    directions start; by default the first."""
    seed: int | None = None
    """The same seed gives the same images; by default 0."""
    latents: Annotated[Path | None, tyro.conf.arg(metavar="FILE.npz")] = None
    """With --apply: move given latents, of `ganvas project` or of an .npz of `ganvas sample`, in
    place of random ones."""
    out: Path | None = None
    """strips.png; the vectors lie beside it as strips.npz. By default directions.png in the run
    directory, or here for the hub; with --apply moved-SEED.png (of given latents
    moved-of-FILE.png), or an .npz of the latents, which --latents of other commands takes."""
    checkpoint: str = "last"
    """last, best (by the scores while training), or images seen: 80k."""
    device: str = "cpu"
    """Where to generate: cpu, cuda, mps."""

    def run(self) -> None:
        """Check everything that can be checked, then find, draw and write."""
        moves = None if self.apply is None else parse_moves(self.apply)
        layers = parse_layers(self.layers)
        if self.n is not None and self.n < 1:
            raise GanvasError(f"-n must be at least 1, got {self.n}")
        self.check_latents()
        images = f"of-{self.latents.stem}" if self.latents is not None else self.seed or 0
        name = "directions.png" if moves is None else f"moved-{images}.png"
        out = self.out or default_out(self.run_directory, name)
        from ganvas.runs.directories import is_onnx

        if out.suffix.lower() not in ((".png",) if moves is None else (".png", ".npz")):
            or_npz = "" if moves is None else ", or an .npz"
            raise GanvasError(f"{out}: expected a .png{or_npz}")
        if is_onnx(self.run_directory) and self.method != "labels":
            raise GanvasError(
                f"{self.run_directory} holds no weights that could be read one by one, which "
                f"{self.method} needs. Name the run that it was exported from"
            )
        from ganvas.generators.files import load
        from ganvas.runs.directories import check_new_file

        check_new_file(out)
        generator = load(self.run_directory, self.device, self.checkpoint)
        if generator.makes_points:
            raise GanvasError(
                f"{self.run_directory} generates points, which have no strips. To plot them: "
                f"{ganvas_command('sample', self.run_directory)}"
            )
        label = self.label
        if self.method == "labels" and label is None:
            label = next(iter(generator.label_names), None)
        directions = generator.directions(self.method, label if self.method == "labels" else None)
        storage.make_directory(out.parent)
        if moves is None:
            self.draw_strips(generator, directions, label, layers, out)
        else:
            self.draw_moved(generator, directions, moves, label, layers, out)

    def check_latents(self) -> None:
        """Raise a `GanvasError` if latents were given that other flags say nothing of, or twice."""
        if self.latents is None:
            return
        if self.apply is None:
            raise GanvasError(f"{self.latents} is for --apply: it says which images are moved")
        label = None if self.method == "labels" else self.label  # there, directions start at it
        if (self.n, label, self.seed) != (None, None, None):
            raise GanvasError(
                f"{self.latents} says which images are moved: leave out -n, --label and --seed"
            )

    def draw_strips(
        self,
        generator: TrainedGenerator,
        directions: FoundDirections,
        label: str | None,
        layers: list[int] | None,
        out: Path,
    ) -> None:
        """Write the first directions and a strip of each, and print what they are."""
        from ganvas.drawing.samples import write_strips
        from ganvas.latents.direction_files import check_replaceable
        from ganvas.latents.directions import STRIP_STEPS

        default = len(directions) if self.method == "labels" else min(COUNT, len(directions))
        drawn = directions.first(default if self.n is None else self.n)
        check_room(generator, len(drawn) * len(STRIP_STEPS))
        strips = generator.strips(drawn, self.seed or 0, label, layers)
        vectors = out.with_suffix(".npz")
        check_replaceable(vectors)
        generator.write_directions(vectors, drawn)
        steps = [f"{step:+g}" if step else "0" for step in STRIP_STEPS]
        write_strips(out, strips, row_names(drawn), steps)
        reach = f"{STRIP_STEPS[0]:+g} to {STRIP_STEPS[-1]:+g} steps"
        print_lines(
            f"{len(drawn)} of {len(directions)} directions by {self.method}, which move "
            f"{MOVED[directions.space]}, each by {reach}: {out}"
        )
        for number, name in enumerate(drawn.names):
            about = name if drawn.shares is None else f"{drawn.shares[number]:5.1%} of the variance"
            print_lines(f"{number:4}  {about}")
        print_lines(f"the vectors, with their names: {vectors}")
        flags = [] if self.method == "sefa" else ["--method", self.method]
        flags += [] if self.label is None else [f"--label={self.label}"]  # it may begin with a dash
        flags += [] if self.checkpoint == "last" else ["--checkpoint", self.checkpoint]
        command = ganvas_command("directions", self.run_directory, *flags, "--apply", "0:+2")
        print_lines(f"next, move other images along the first: {command}")

    def draw_moved(
        self,
        generator: TrainedGenerator,
        directions: FoundDirections,
        moves: Mapping[int, float],
        label: str | None,
        layers: list[int] | None,
        out: Path,
    ) -> None:
        """Write a row of images, and below it the same moved; or what the moved are made from."""
        import numpy as np

        from ganvas.drawing.samples import write_samples

        latents = None if self.latents is None else generator.read_latents(self.latents)
        n = self.n or COUNT if latents is None else len(latents)
        if out.suffix.lower() == ".png":
            check_room(generator, 2 * n)
        if latents is None:
            latents = generator.sample_latents(n, self.seed or 0, label)
        inputs = latents.to(generator.device)
        moved = directions.move(generator.network, inputs, moves, layers)
        if out.suffix.lower() == ".npz":
            if directions.space == "labels":
                raise GanvasError(f"{out}: no file holds mixtures of labels. Give a .png")
            generator.write_latents(out, moved)
            print_lines(f"{n} {MOVED[moved.space]}, moved by {self.apply}: {out}")
            return
        images = np.concatenate([generator.generate(inputs), generator.generate(moved)])
        write_samples(out, images, None, columns=n)
        print_lines(f"{n} images, and below them the same moved by {self.apply}: {out}")


def row_names(directions: FoundDirections) -> list[str]:
    """What stands beside the strips: their numbers, and where labels lead from and to."""
    if directions.method != "labels":
        return [str(number) for number in range(len(directions))]
    return [f"{number}  {printable(name, keep='')}" for number, name in enumerate(directions.names)]


def check_room(generator: TrainedGenerator, count: int) -> None:
    """Raise a `GanvasError` if so many images are too many for one picture."""
    from ganvas.drawing.samples import display_factor
    from ganvas.generators.sample_files import check_picture

    size = (generator.shape.height, generator.shape.width)
    check_picture(count, size, display_factor(size), "Lower -n")


def parse_moves(text: str) -> dict[int, float]:
    """Steps by the number of a direction, from a text such as `3:+2` or `0:-1.5,3:+2`.

    Raises:
        GanvasError: it is no such text, or names a direction twice.
    """
    problem = f"--apply {text}: expected NUMBER:STEPS, such as 3:+2, or several with commas between"
    moves: dict[int, float] = {}
    for part in text.split(","):
        number, _, steps = part.strip().partition(":")
        try:
            count = float(steps)
        except ValueError:
            raise GanvasError(problem) from None
        if not number.isdecimal() or not number.isascii() or not math.isfinite(count):
            raise GanvasError(problem)
        if int(number) in moves:
            raise GanvasError(f"--apply {text}: direction {int(number)} is named twice")
        moves[int(number)] = count
    return moves
