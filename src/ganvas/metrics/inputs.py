"""Checks of the samples that a metric gets, and warnings about degenerate ones."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ganvas.errors import GanvasError

BLOCK_ROWS = 2048
"""Rows processed at a time, so that a memory-mapped file is never in memory as a whole."""


def row_blocks(rows: Tensor) -> Iterator[Tensor]:
    """The rows, `BLOCK_ROWS` at a time."""
    return iter(torch.split(rows, BLOCK_ROWS))


def check_features(at_least: int = 1, **sets: Tensor) -> None:
    """Check sets of features, each named by its keyword.

    Raises:
        GanvasError: with every problem: a set is not a floating-point (n, d), has fewer than
            `at_least` rows or a row that is not finite, or the sets differ in d.
    """
    problems = [
        line for name, rows in sets.items() for line in feature_problems(name, rows, at_least)
    ]
    if not problems:
        dimensions = {name: rows.shape[1] for name, rows in sets.items()}
        if len(set(dimensions.values())) > 1:
            named = ", ".join(f"{name} {d}" for name, d in dimensions.items())
            problems.append(f"features of different dimensions cannot be compared: {named}")
    if problems:
        raise GanvasError("; ".join(problems))


def feature_problems(name: str, rows: Tensor, at_least: int) -> list[str]:
    """The problems of one set of features (n, d), or of logits (n, classes)."""
    if rows.ndim != 2 or not rows.is_floating_point():
        shape = tuple(rows.shape)
        return [f"{name}: expected floating numbers of shape (n, d), got {rows.dtype} {shape}"]
    if rows.shape[1] == 0:
        return [f"{name}: features without a dimension"]
    if len(rows) < at_least:
        return [f"{name}: at least {at_least} samples are needed, got {len(rows)}"]
    bad = sum(int((~block.isfinite().all(1)).sum()) for block in row_blocks(rows))
    if bad:
        return [f"{name}: {bad} of {len(rows)} rows hold NaN or infinity; look for their cause"]
    return []


def all_identical(rows: Tensor) -> bool:
    """Whether all samples are equal; False for a single sample."""
    return len(rows) > 1 and all(bool((block == rows[:1]).all()) for block in row_blocks(rows))


def identical_warnings(**sets: Tensor) -> tuple[str, ...]:
    """A warning for each set whose samples are all equal, named by its keyword."""
    return tuple(
        f"all {len(rows):,} {name} samples are identical"
        for name, rows in sets.items()
        if all_identical(rows)
    )


def torchmetrics_image(module: str) -> Any:
    """`torchmetrics.image.<module>`, imported when a metric first needs it.

    Raises:
        GanvasError: it cannot be imported. torchmetrics imports torchvision if it is installed,
            and one built for another torch raises RuntimeError, not ImportError.
    """
    try:
        return importlib.import_module(f"torchmetrics.image.{module}")
    except Exception as error:
        raise GanvasError(
            f"torchmetrics cannot be imported ({type(error).__name__}: {error}). A torchvision that"
            " does not fit torch is the usual cause: install the one that fits, or uninstall it."
        ) from error
