"""Whether an exported generator makes the same images as the one that it was exported from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ganvas.errors import GanvasError
from ganvas.formatting import format_count, format_number
from ganvas.generators.trained_generator import TrainedGenerator

SAMPLES = 32
MOST_LEVELS = 1
"""Of 255, by which images may differ: where rounding turns the other way."""
MOST_OF_EXTENT = 1e-3
"""By which points may differ, as a fraction of the side of the square that shows them."""

Samples = npt.NDArray[Any]


def check_same_samples(
    trained: TrainedGenerator, sample: Callable[[int], Samples], exact: bool
) -> str:
    """The largest difference between samples of the same latents and labels, in a sentence.

    Args:
        trained: what was exported.
        sample: the exported generator's `sample`, by the number of samples.
        exact: the same arithmetic is expected; weights of float16 may differ by more.

    Raises:
        GanvasError: the samples are others.
    """
    expected, got = trained.sample(SAMPLES), sample(SAMPLES)
    largest = float(np.abs(expected.astype(np.float64) - got.astype(np.float64)).max())
    if trained.extent is not None:
        limit = 2 * trained.extent * MOST_OF_EXTENT
        by = f"{format_number(largest, 2)} in x or y"
    else:
        limit = MOST_LEVELS
        by = f"{format_count(int(largest), 'level')} of 255"
    if exact and not largest <= limit:
        raise GanvasError(
            f"the exported generator differs from torch by {by}, so nothing was written: this is "
            "an error of ganvas or of the libraries that export. Try another version of torch"
        )
    if largest == 0:
        return f"the same {SAMPLES} samples as torch"
    return f"differs from torch by at most {by} in {SAMPLES} samples"
