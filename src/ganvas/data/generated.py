"""Data that is computed rather than read: what each kind of it must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ganvas.data.prepared import Blocks, DatasetMetadata, PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.source import Dataset, Source

PrepareSource = Callable[[Source, DataSettings], PreparedData]
"""Prepares a source of images, as `preparation.prepare` does."""


@dataclass(frozen=True, eq=False)
class GeneratedDataset(Dataset, ABC):
    """Data that is computed. It is always the same, so it is cached like data that is read."""

    recipe: ClassVar[str]
    """A named recipe that suits this data, with a budget for a laptop."""

    @abstractmethod
    def generate(
        self, settings: DataSettings, prepare: PrepareSource
    ) -> tuple[DatasetMetadata, Blocks]:
        """Describe the data, and compute its pixels or points block by block on demand.

        Args:
            settings: the recipe's data settings.
            prepare: prepares the images that this data is made from.

        Raises:
            DataError: the settings do not suit this data.
        """


def frozen_random(seed: int) -> np.random.RandomState:
    """A generator whose numbers numpy promises never to change (NEP 19), unlike `default_rng`'s.

    A data set that a paper names must be the same with every later numpy.
    """
    return np.random.RandomState(seed)
