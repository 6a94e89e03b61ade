"""Directions in an .npz file, with the identity of the generator that they are of."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch

from ganvas import storage
from ganvas.errors import GanvasError
from ganvas.latents.directions import Directions, DirectionSpace, Method
from ganvas.latents.files import GENERATOR, InputSpec, check_identity, read_arrays

NUMBERS = ("vectors", "step_lengths", "shares")
"""Arrays of float32, in the order of the fields of `Directions`; `shares` where there are some."""
ARRAYS = ("method", "space", "names", "vectors", "step_lengths", GENERATOR)
"""What every file holds."""


def write_directions(path: Path, directions: Directions, inputs: InputSpec) -> None:
    """Write an .npz with an array for each field of `Directions`, and the generator's identity.

    Raises:
        RunError: the place cannot be written.
    """
    arrays: dict[str, Any] = {
        "method": np.array(directions.method),
        "space": np.array(directions.space),
        "names": np.array(directions.names),
        "vectors": directions.vectors.numpy(),
        "step_lengths": directions.step_lengths.numpy(),
        **inputs.arrays(),
    }
    if directions.shares is not None:
        arrays["shares"] = directions.shares.numpy()
    with storage.atomic_file(path) as file:
        np.savez_compressed(file, **arrays)


def read_directions(path: Path, inputs: InputSpec) -> Directions:
    """The directions in an .npz of `write_directions`.

    Raises:
        GanvasError: no such file, no directions in it, or those of another generator.
    """
    arrays = read_arrays(path, "directions")
    missing = [name for name in ARRAYS if name not in arrays]
    if missing:
        raise GanvasError(f"{path} holds no directions: it lacks {', '.join(missing)}")
    check_identity(path, arrays, inputs, "directions")
    numbers = [arrays[name] for name in NUMBERS if name in arrays]
    count = arrays["names"].size
    shapes = [(count, *arrays["vectors"].shape[1:]), (count,), (count,)]
    if not all(map(_is_sound, numbers, shapes)) or arrays["vectors"].ndim != 2:
        raise GanvasError(f"{path} is damaged: find the directions again with ganvas directions")
    return Directions(
        _one_of(Method, arrays["method"], path),
        _one_of(DirectionSpace, arrays["space"], path),
        tuple(map(str, arrays["names"])),
        *map(torch.from_numpy, numbers),
    )


def check_replaceable(path: Path) -> None:
    """Raise a `GanvasError` if directions would take the place of something else, such as latents.

    Args:
        path: where directions are to be written.
    """
    if path.exists() and not set(ARRAYS) <= set(read_arrays(path, "directions")):
        raise GanvasError(
            f"{path} would be replaced by the directions, and holds something else. Give the "
            "picture (--out) another name"
        )


def _is_sound(array: npt.NDArray[Any], shape: tuple[int, ...]) -> bool:
    """Whether an array holds finite float32 values and has this shape."""
    return array.dtype == np.float32 and array.shape == shape and bool(np.isfinite(array).all())


def _one_of(words: Any, value: npt.NDArray[Any], path: Path) -> Any:
    """The text in an array, which must be one of the words of a `Literal`."""
    if str(value) not in get_args(words):
        raise GanvasError(f"{path} is damaged: {value} is none of {', '.join(get_args(words))}")
    return str(value)
