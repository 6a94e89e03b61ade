"""`ganvas check DATA`: what is in there, what is broken, whether it will train."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from typing import Annotated

import tyro

from ganvas.cli.flag_names import errors_with_flag_names
from ganvas.data.settings import DataSettings
from ganvas.errors import DataError
from ganvas.formatting import format_image_size
from ganvas.recipes import CATALOG, checked
from ganvas.terminal import print_lines

RECIPE = "dcgan"
"""The recipe for images; generated data names its own."""


@dataclass(frozen=True)
class Check:
    """Decode every image and say what is in there, what is broken, and whether it will train.

    Ends with the command to train with. It has the flags that are given here; without any, a size
    that suits the images.
    """

    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """Folder, .zip, .npz, .npy, .parquet, IDX folder, fashion, ring, grid, stacked:DATA."""
    settings: Annotated[DataSettings, tyro.conf.arg(name="")] = field(default_factory=DataSettings)
    batch: int = CATALOG[RECIPE]().batch
    """Fewest images that training needs."""
    verify: bool = False
    """Read every image file again, even where size and time stamp are those of the last start."""
    json: bool = False
    """Print one JSON object instead of text."""

    def run(self) -> None:
        """Print the result; a source that cannot train is an error."""
        from ganvas.data.generated import GeneratedDataset
        from ganvas.data.inspection import inspect
        from ganvas.data.sources import open_source
        from ganvas.progress import stages_bar

        source = open_source(self.data)
        recipe = CATALOG[source.recipe if isinstance(source, GeneratedDataset) else RECIPE]()
        settings = self.settings
        if settings.size == DataSettings.size:
            settings = replace(settings, size=recipe.data.size)
        with errors_with_flag_names(
            ["batch", *(f"data.{entry.name}" for entry in fields(DataSettings))]
        ):
            checked(replace(recipe, data=settings, batch=self.batch), "check")
        with stages_bar("reading", quiet=self.json) as on_progress:
            inspection = inspect(
                source,
                settings,
                self.batch,
                on_progress=on_progress,
                flags=self.flags_given(),
                verify=self.verify,
            )
        if self.json:
            print(json.dumps(inspection.to_json(), indent=2))
        else:
            print_lines(*inspection.lines())
        if not inspection.trainable:
            raise DataError(f"{self.data} will not train as it is: add images, or lower --batch")

    def flags_given(self) -> str:
        """The flags that give `train` the settings that `check` was given."""
        flags = [f"--batch {self.batch}"] if self.batch != CATALOG[RECIPE]().batch else []
        for entry in fields(DataSettings):
            value = getattr(self.settings, entry.name)
            if value == entry.default:
                continue
            flag = f"--{entry.name.replace('_', '-')}"
            if isinstance(value, bool):
                flags.append(flag)
            else:
                text = format_image_size(value) if entry.name == "size" else value
                flags.append(f"{flag} {text}")
        return " ".join(flags)
