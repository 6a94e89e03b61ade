"""`ganvas check DATA`: what is in there, what is broken, whether it will train."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ganvas import storage
from ganvas.cli.flag_names import errors_with_flag_names
from ganvas.data.settings import RECIPE_FOR_IMAGES, DataSettings
from ganvas.errors import DataError, GanvasError
from ganvas.formatting import format_count, format_image_size
from ganvas.recipes import CATALOG, Recipe, checked
from ganvas.recipes.recommendation import given_flags
from ganvas.terminal import print_lines

if TYPE_CHECKING:
    from ganvas.recipes.first_shapes import ShapesForecast
    from ganvas.recipes.recommendation import Recommendation

PREVIEWED = 64
"""Images in the picture of --preview."""


@dataclass(frozen=True)
class Check:
    """Decode every image and say what is in there, what is broken, and whether it will train.

    Ends with the command to train with, why, and how long that takes: training is tried for a few
    seconds, and nothing of it is kept. The command has the flags that are given here; without
    --size, one that suits the images.
    """

    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """Folder, .zip, .tar, .npz, .npy, .parquet, IDX folder, hf:OWNER/NAME:SPLIT, fashion, ring,
    grid, stacked:DATA."""
    settings: Annotated[DataSettings, tyro.conf.arg(name="")] = field(default_factory=DataSettings)
    batch: int = CATALOG[RECIPE_FOR_IMAGES]().batch
    """Batch size that training will have: the fewest images that it needs."""
    verify: bool = False
    """Read every image file again, even where size and time stamp are those of the last start."""
    preview: Path | None = None
    """Also draw 64 of the images as training sees them, spread over the data: a .png."""
    json: bool = False
    """Print one JSON object instead of text."""
    chooses_size: tyro.conf.Suppress[bool] = True
    """No flag: whether --size is not given, which a size that is the default cannot tell."""
    labels_for_scores: tyro.conf.Suppress[bool] = False
    """No flag: whether --labels scores is given, which is the default too."""

    def run(self) -> None:
        """Print the result; a source that cannot train is an error."""
        from ganvas.data.generated import GeneratedDataset
        from ganvas.data.inspecting import inspect
        from ganvas.data.sources import open_source
        from ganvas.progress import stages_bar
        from ganvas.recipes.recommendation import recommend

        self.check_preview()
        with stages_bar("opening", quiet=self.json) as on_progress:
            source = open_source(self.data, on_progress)
        recipe = CATALOG[
            source.recipe if isinstance(source, GeneratedDataset) else RECIPE_FOR_IMAGES
        ]()
        if self.preview is not None and recipe.image_shape(1).is_point:
            raise DataError(f"--preview draws images, and {self.data} holds points")
        settings = self.settings
        if self.chooses_size:
            settings = replace(settings, size=recipe.data.size)
        with errors_with_flag_names(
            ["batch", *(f"data.{entry.name}" for entry in fields(DataSettings))]
        ):
            recipe = checked(replace(recipe, data=settings, batch=self.batch), "check")
        if not self.chooses_size:
            self.check_memory(recipe)
        with stages_bar("reading", quiet=self.json) as on_progress:
            inspection = inspect(
                source,
                settings,
                self.batch,
                on_progress=on_progress,
                flags=self.flags_given(),
                verify=self.verify,
            )
        report = inspection.to_json() | {
            "suggested_command": None,
            "why": [],
            "time": None,
            "second_choice": None,
        }
        if not self.json:
            print_lines(*inspection.lines())
        if inspection.trainable:
            recommendation = recommend(
                inspection, fits=lambda recipe: not (self.labels_for_scores and recipe.takes_labels)
            )
            forecast = self.forecast(recommendation)
            report |= {**recommendation.to_json(), "time": forecast.to_json()}
            if not self.json:
                rate = f"{forecast.images_per_second:,.0f} {inspection.things}/s"
                print_lines(f"time: {forecast}; tried here for a few seconds: {rate}")
            if self.preview is not None:
                self.draw_preview(self.preview, recommendation.build().data)
            if not self.json:
                print_lines(*recommendation.lines())
        if self.json:
            print(json.dumps(report, indent=2))
        if not inspection.trainable:
            raise DataError(f"{self.data} will not train as it is: add images, or lower --batch")

    def check_preview(self) -> None:
        """Raise a `GanvasError` unless the picture can be written."""
        if self.preview is None:
            return
        from ganvas.runs.directories import check_new_file

        if self.preview.suffix.lower() != ".png":
            raise GanvasError(f"{self.preview}: expected a .png")
        check_new_file(self.preview)

    def draw_preview(self, path: Path, settings: DataSettings) -> None:
        """Prepare the images as training would, which then finds them prepared, and draw some."""
        import numpy as np

        from ganvas.drawing.samples import write_samples
        from ganvas.runs.data import prepare_images

        images = prepare_images(settings, self.data, quiet=self.json).images
        chosen = np.unique(np.linspace(0, len(images) - 1, PREVIEWED).astype(int))
        storage.make_directory(path.parent)
        write_samples(path, images[chosen].transpose(0, 2, 3, 1), extent=None)
        if not self.json:
            count = format_count(len(chosen), "image")
            print_lines(f"preview: {count} as training sees them: {path}")

    def check_memory(self, recipe: Recipe) -> None:
        """Raise an `OutOfMemory` if a step at the given size surely needs more than there is."""
        from ganvas.devices import choose_device
        from ganvas.training.least_memory import check_memory

        check_memory(recipe, choose_device("auto"))

    def forecast(self, recommendation: Recommendation) -> ShapesForecast:
        """When the recommended training shows shapes and ends, by a trial of a few seconds."""
        from ganvas.recipes.first_shapes import ShapesForecast, measured_run
        from ganvas.training.pace import measure_pace

        recipe = recommendation.build()
        if "--batch" in recommendation.flags:
            recipe = replace(recipe, batch=self.batch)
        images_per_second = measure_pace(recipe, recommendation.channels, quiet=self.json)
        return ShapesForecast(
            images_per_second=images_per_second,
            budget=recipe.images,
            run=measured_run(recipe, recommendation.channels),
            things="points" if recipe.image_shape(1).is_point else "images",
        )

    def flags_given(self) -> list[str]:
        """The flags that give `train` the settings that `check` was given."""
        usual = CATALOG[RECIPE_FOR_IMAGES]().batch
        batch = [] if self.batch == usual else ["--batch", f"{self.batch}"]
        others = replace(self.settings, size=DataSettings.size)
        size = [] if self.chooses_size else ["--size", format_image_size(self.settings.size)]
        return [*batch, *size, *given_flags(others)]
