"""Data that is computed and not read: what each kind of it must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ganvas.data.cache import Blocks, DatasetMetadata
from ganvas.data.reading import Progress
from ganvas.data.settings import DataSettings


@dataclass(frozen=True, eq=False)
class GeneratedDataset(ABC):
    """Data that is computed: always the same, so it is prepared and cached like what is read."""

    recipe: ClassVar[str]
    """A named recipe that suits, at a budget for a laptop."""

    name: str
    """Short name for people; also part of a run directory's name."""
    location: str
    """What `open_source` opens again."""

    @abstractmethod
    def generate(
        self, settings: DataSettings, cache: Path | None, on_progress: Progress | None
    ) -> tuple[DatasetMetadata, Blocks]:
        """Decide what there will be; the blocks are computed when they are asked for.

        Args:
            settings: how the recipe wants its data.
            cache: where what this is made from is prepared (see `preparation.prepare`).
            on_progress: called with (done, total) while that is done.

        Raises:
            DataError: the settings do not suit this data.
        """


def frozen_random(seed: int) -> np.random.RandomState:
    """A generator whose numbers numpy promises never to change (NEP 19), unlike `default_rng`'s.

    A data set that a paper names must be the same with every later numpy.
    """
    return np.random.RandomState(seed)
