"""`ganvas project RUN PICTURES`: the latents of pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ganvas.cli.default_out import default_out
from ganvas.cli.flag_names import with_flag_names
from ganvas.command_line import ganvas_command
from ganvas.errors import DataError, GanvasError, Interrupted
from ganvas.formatting import format_count, format_estimate, format_number
from ganvas.terminal import print_lines, printable

if TYPE_CHECKING:
    from ganvas.data.prepared import PreparedData
    from ganvas.generators.trained_generator import TrainedGenerator
    from ganvas.latents.pictures import Pictures
    from ganvas.latents.projection import Projection, ProjectionSettings, Projector
    from ganvas.progress import TerminalFeedback
    from ganvas.projections.held_out import HeldOutDistances

COLUMNS = ("distance", "features", "rmse", "ssim")
"""What is printed of a `Projection`'s distances."""
REFERENCE = 20
"""Held-out images that are projected, where nothing else is said."""
NOT_COMPARED = "not compared with held-out images"


@dataclass(frozen=True)
class Project:
    """Find latents whose images are near given pictures, and say how near they are.

    Pictures are brought to the generator's size and channels as training images are. Held-out
    images are projected too, to show how near pictures come that the generator should know.
    """

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory, a generator/ folder copied from one, or hf:OWNER/NAME of the hub."""
    pictures: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PICTURES")]
    """Image files, or folders and archives of images."""
    label: str | None = None
    """For a generator that takes labels: the label of all pictures; by default each picture gets
    that of the random samples nearest to it."""
    space: Literal["auto", "z", "w", "w+"] = "auto"
    """z, the latents; with a style space also w, one style for all layers, or w+, one for each: it
    fits more pictures, and is worse to edit. auto: w where there is one."""
    distance: Literal["auto", "features", "pixels"] = "auto"
    """What is minimised: pixels, or features too. auto: features, if they are installed."""
    steps: int = 500
    """Updates of the latents. Published are 1,000."""
    starts: int = 2
    """Starts for each picture, 1 to 64; the nearest in the end is kept."""
    reference: int | None = None
    """Held-out images that are projected too, once: they are kept in the cache; by default 20, or
    all if there are fewer. 0 for none."""
    data: str | None = None
    """Where the run's images are, for a generator without its run, or if they have moved."""
    seed: int = 0
    """The same seed gives the same latents."""
    out: Path | None = None
    """The folder to make; by default the next of projections/1, 2, ... in the run directory."""
    checkpoint: str = "last"
    """last, best (by the scores while training), or images seen: 80k."""
    device: str = "cpu"
    """Where to compute: cpu, cuda, mps."""

    def run(self) -> None:
        """Check everything, project, write, and say how near the pictures came."""
        from ganvas.latents.projection import ProjectionSettings, joined
        from ganvas.progress import TerminalFeedback
        from ganvas.projections.folder import LATENTS, next_folder, write_folder

        settings = ProjectionSettings(
            self.space, self.distance, self.label, self.steps, self.starts, self.seed
        )
        feedback = TerminalFeedback()
        out = self.out or next_folder(default_out(self.run_directory, "projections"))
        generator, projector, pictures, images = self.prepare(settings, out, feedback)
        self.announce(generator, projector, pictures, images, feedback)
        done: list[Projection] = []
        held_out: HeldOutDistances | None = None
        interrupted = False
        try:
            with feedback.progress("projecting, steps") as on_progress:
                for batch in projector.batches(pictures.pixels, on_progress):
                    done.append(batch)
            held_out = self.held_out(generator, projector, images, feedback)
        except KeyboardInterrupt:
            if not done:
                raise
            interrupted = True
        projection = joined(done)
        names = pictures.names[: len(projection)]
        write_folder(out, generator, names, projection, projector.settings, held_out)
        if interrupted:
            raise Interrupted(
                f"interrupted: projected {len(names)} of "
                f"{format_count(len(pictures.names), 'picture')}, in {out}; held-out images were "
                "not measured"
            )
        print_distances(names, labels_of(projection, generator), projection, held_out)
        # The latents are of this checkpoint; the commands take any other for another generator.
        of = [] if self.checkpoint == "last" else ["--checkpoint", self.checkpoint]
        again = ganvas_command("sample", self.run_directory, *of, "--latents", out / LATENTS)
        print_lines(
            f"{format_count(len(names), 'picture')} projected; pairs, films of the way, "
            f"latents and distances: {out}",
            f"next: {again}",
        )

    def prepare(
        self, settings: ProjectionSettings, out: Path, feedback: TerminalFeedback
    ) -> tuple[TrainedGenerator, Projector, Pictures, PreparedData | None]:
        """The generator, what projects into it, the pictures, and the images of `images`.

        Raises:
            GanvasError: everything that is wrong, in one message, before any work.
        """
        from ganvas.generators.files import load
        from ganvas.latents.pictures import read_pictures
        from ganvas.runs.directories import check_new_folder, is_onnx

        problems: list[str] = []
        if self.reference is not None and self.reference < 0:
            problems.append(f"--reference must be at least 0, got {self.reference}")
        if not self.pictures:
            problems.append("no pictures given: name image files, or folders of them")
        with collected(problems):
            check_new_folder(out)
        generator, pictures, images = None, None, None
        with collected(problems):
            if is_onnx(self.run_directory):
                raise GanvasError(
                    f"no gradient passes through {self.run_directory}: name the run that it was "
                    "exported from, or its generator/ folder"
                )
            generator = load(self.run_directory, self.device, self.checkpoint)
            wrong = generator.projection_problems(settings)
            problems += [with_flag_names(problem, ("steps", "starts")) for problem in wrong]
            if not generator.makes_points:
                pictures = read_pictures(self.pictures, generator.shape, generator.data)
                problems += pictures.problems
            if self.data is not None or not problems:
                images = self.images(generator, feedback)
            if images is not None and not problems:
                self.check_reference(generator, images)
        if generator is None or pictures is None or problems:
            raise all_of(problems)
        return generator, generator.projector(settings), pictures, images

    def images(
        self, generator: TrainedGenerator, feedback: TerminalFeedback
    ) -> PreparedData | None:
        """The images of training; None where they are not needed, or not at hand.

        Raises:
            DataError: those of --data cannot be used.
        """
        from ganvas.projections.held_out import images_of_run

        if self.reference is not None and self.reference <= 0:
            return None
        try:
            return images_of_run(self.run_directory, generator, self.data, quiet=False)
        except DataError as error:
            if self.data is not None:
                raise
            feedback.message(f"{NOT_COMPARED}: {error}")
            return None

    def check_reference(self, generator: TrainedGenerator, images: PreparedData) -> None:
        """Raise a `GanvasError` if more held-out images are asked for than there are."""
        from ganvas.projections.held_out import held_out_indices

        count = len(held_out_indices(generator, images, self.label))
        if self.reference is not None and self.reference > count:
            of_label = "" if self.label is None else f" of the label {self.label}"
            raise GanvasError(
                f"--reference: expected 0 to {count}, the held-out images of {images.name}"
                f"{of_label}, got {self.reference}"
            )

    @property
    def held_out_count(self) -> int:
        """How many held-out images are projected, if there are as many."""
        return REFERENCE if self.reference is None else self.reference

    def announce(
        self,
        generator: TrainedGenerator,
        projector: Projector,
        pictures: Pictures,
        images: PreparedData | None,
        feedback: TerminalFeedback,
    ) -> None:
        """Say about how long it will take, if that is long, by a few steps that are tried."""
        from ganvas.evaluation.forecast import WORTH_SAYING
        from ganvas.projections.held_out import still_to_project

        seconds = projector.estimate(pictures.pixels)
        work = format_count(len(pictures.names), "picture")
        if images is not None:
            held_out = still_to_project(generator, projector, images, self.held_out_count)
            seconds += projector.estimate(held_out)
            if len(held_out):
                work += f" and, this first time, {format_count(len(held_out), 'held-out image')}"
        if seconds >= WORTH_SAYING:
            feedback.expect(f"about {format_estimate(seconds)} for {work}")

    def held_out(
        self,
        generator: TrainedGenerator,
        projector: Projector,
        images: PreparedData | None,
        feedback: TerminalFeedback,
    ) -> HeldOutDistances | None:
        """How near held-out images come; None where that is not asked for, or cannot be said."""
        from ganvas.projections.held_out import held_out_distances

        if images is None:
            return None
        try:
            with feedback.progress("projecting held-out images, steps") as on_progress:
                return held_out_distances(
                    generator, projector, images, self.held_out_count, on_progress
                )
        except DataError as error:
            feedback.message(f"{NOT_COMPARED}: {error}")
            return None


def labels_of(projection: Projection, generator: TrainedGenerator) -> list[str]:
    """The label of each projection; none where its latents have none."""
    labels = projection.latents.labels
    return [] if labels is None else [generator.label_names[label] for label in labels.tolist()]


def print_distances(
    names: Sequence[str],
    labels: Sequence[str],
    projection: Projection,
    held_out: HeldOutDistances | None,
) -> None:
    """Print how near each picture came, and the median of the held-out images."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = [name for name in COLUMNS if name in projection.distances]
    table = Table(box=None, pad_edge=False)
    table.add_column("picture")
    if labels:
        table.add_column("label")
    if held_out is not None:
        table.add_column("closer than held-out", justify="right")
    for name in columns:
        table.add_column(name, justify="right")
    for index, name in enumerate(names):
        own = [name, labels[index]] if labels else [name]
        # As `Text`, since rich takes brackets and colons of a plain text for its markup.
        cells = [Text(printable(text, keep="")) for text in own]
        if held_out is not None:
            closer = held_out.closer_than(projection.distances["distance"][index])
            cells.append(Text(f"{round(closer * len(held_out))} of {len(held_out)}"))
        values = [format_number(projection.distances[key][index], 3) for key in columns]
        table.add_row(*cells, *values)
    if held_out is not None:
        medians = [format_number(median(held_out.distances[key]), 3) for key in columns]
        blank = ["", ""] if labels else [""]
        table.add_row("held-out images, median", *blank, *medians)
    Console(highlight=False, soft_wrap=True).print(table)


@contextmanager
def collected(problems: list[str]) -> Iterator[None]:
    """Add an error inside to the problems."""
    try:
        yield
    except GanvasError as error:
        problems.append(str(error))


def all_of(problems: Sequence[str]) -> GanvasError:
    """One error for one or several problems."""
    if len(problems) == 1:
        return GanvasError(problems[0])
    return GanvasError(f"{len(problems)} problems" + "".join(f"\n  {each}" for each in problems))
