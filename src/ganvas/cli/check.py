"""`ganvas check DATA`: what is in there, what is broken, will it train."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated

import tyro

from ganvas.data.settings import DataSettings
from ganvas.errors import DataError
from ganvas.recipes import CATALOG


@dataclass(frozen=True)
class Check:
    """Read every image and say what is in there, what is broken, and whether it will train."""

    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """Folder, .zip, .npz, .npy, .parquet, folder of IDX files, or fashion."""
    settings: Annotated[DataSettings, tyro.conf.arg(name="")] = field(default_factory=DataSettings)
    batch: int = CATALOG["dcgan"]().batch
    """Fewest images that training needs."""
    json: bool = False
    """Print one JSON object instead of words."""

    def run(self) -> None:
        """Print the result; a source that cannot train is an error."""
        from ganvas.data.inspection import inspect
        from ganvas.data.sources import open_source
        from ganvas.progress import progress_bar

        with progress_bar("reading", quiet=self.json) as on_progress:
            found = inspect(open_source(self.data), self.settings, self.batch, None, on_progress)
        print(json.dumps(found.to_json(), indent=2) if self.json else "\n".join(found.lines()))
        if not found.trainable:
            raise DataError(f"{self.data} will not train: {found.problem}")
