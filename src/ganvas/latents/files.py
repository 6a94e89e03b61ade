"""Latents in an .npz file, with the identity of the generator that they are of."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas import storage
from ganvas.errors import GanvasError
from ganvas.labels import LabelSet
from ganvas.latents.latents import Latents
from ganvas.system_errors import reason_of

ARRAY_OF = {"z": "latents", "w": "styles"}
"""The array that holds the values, by their space."""
LABELS, NAMES = "labels", "names"
GENERATOR, IMAGES_SEEN = "generator", "images_seen"
"""The identity of the generator, and how many images it had seen."""

SAMPLES = ("images", "points")
"""What lies beside latents in an .npz of `ganvas sample`, and is not read."""

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class InputSpec:
    """Which generator it is, and what it makes images from.

    identity: a checksum of its weights (`TrainedGenerator.identity`).
    images_seen: when its weights were saved.
    latent_dim: Z.
    style_shape: L and S, of a generator with a style space.
    label_set: the labels that it takes; None if it takes none.
    """

    identity: str
    images_seen: int
    latent_dim: int
    style_shape: tuple[int, int] | None
    label_set: LabelSet | None

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What a file says about the generator."""
        return {GENERATOR: np.array(self.identity), IMAGES_SEEN: np.array(self.images_seen)}


def write_latents(
    path: Path, latents: Latents, inputs: InputSpec, names: Sequence[str] = ()
) -> None:
    """Write an .npz with `latents` float32 (N, Z) or `styles` (N, L, S), and whose they are.

    Args:
        path: its folder exists.
        latents: labels, if any, int64 (N,); the file holds their names as `labels`.
        inputs: of the generator.
        names: of each, such as those of pictures, as `names`.

    Raises:
        RunError: the place cannot be written.
    """
    arrays = {ARRAY_OF[latents.space]: latents.values.cpu().numpy(), **inputs.arrays()}
    if latents.labels is not None:
        assert inputs.label_set is not None
        arrays[LABELS] = np.array(inputs.label_set.names)[latents.labels.cpu().numpy()]
    if names:
        arrays[NAMES] = np.array(names)
    with (
        storage.atomic_file(path) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        write_arrays(archive, arrays)


def write_arrays(archive: zipfile.ZipFile, arrays: Arrays) -> None:
    """Write arrays into an .npz."""
    for name, values in arrays.items():
        with archive.open(f"{name}.npy", "w") as member:
            np.lib.format.write_array(member, values, allow_pickle=False)


def read_latents(path: Path, inputs: InputSpec) -> Latents:
    """The latents in an .npz of `write_latents` or `ganvas sample`, on the CPU.

    A file without an identity, such as one of numpy's `savez`, is taken if its shapes fit.

    Raises:
        GanvasError: no such file, no .npz, no latents in it, or not for this generator.
    """
    arrays = read_arrays(path)
    check_identity(path, arrays, inputs)
    space = next((space for space in ARRAY_OF if ARRAY_OF[space] in arrays), None)
    if space is None:
        held = ", ".join(arrays) or "samples alone"
        raise GanvasError(
            f"{path} holds no latents: expected an array latents (N, {inputs.latent_dim}), as "
            f"`ganvas sample --out FILE.npz` and `ganvas project` write; it holds {held}"
        )
    name = ARRAY_OF[space]
    values = read_values(path, name, arrays[name], expected_shape(path, space, inputs))
    labels = read_labels(path, arrays, space, inputs.label_set, len(values))
    return Latents(values, labels, "w" if space == "w" else "z")


def read_arrays(path: Path, what: str = "latents") -> Arrays:
    """The arrays of an .npz, but for samples.

    Args:
        what: it should hold, for messages.

    Raises:
        GanvasError: no such file, no .npz, or damaged.
    """
    if path.is_dir():
        raise GanvasError(f"{path} is a folder: name the .npz of {what} in it")
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise GanvasError(f"{path} is one array: expected an .npz of {what}")
        with file:
            return {name: file[name] for name in file if name not in SAMPLES}
    except FileNotFoundError as error:
        raise GanvasError(f"{path}: no such file") from error
    except OSError as error:
        raise GanvasError(f"{path} cannot be read: {reason_of(error)}") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise GanvasError(f"{path} is no .npz of {what}, or is damaged") from error


def check_identity(path: Path, arrays: Arrays, inputs: InputSpec, what: str = "latents") -> None:
    """Raise a `GanvasError` for latents that are known to be of another generator.

    Args:
        what: the file holds, for messages.
    """
    if GENERATOR not in arrays or str(arrays[GENERATOR]) == inputs.identity:
        return
    seen = images_seen_in(path, arrays, inputs)
    advice = "Name the run that they are of, or make new ones from this one"
    if seen != inputs.images_seen:
        advice += f"; if they are of a checkpoint of this run, add --checkpoint {seen}"
    raise GanvasError(
        f"{path} holds {what} of another generator, at {seen:,} images seen; this one is at "
        f"{inputs.images_seen:,}. {advice}"
    )


def images_seen_in(path: Path, arrays: Arrays, inputs: InputSpec) -> int:
    """How many images the generator of a file had seen; where it does not say, as this one.

    Raises:
        GanvasError: what it says is no count.
    """
    if IMAGES_SEEN not in arrays:
        return inputs.images_seen
    seen = arrays[IMAGES_SEEN]
    if seen.shape or seen.dtype.kind not in "iu":
        raise GanvasError(f"{path} is damaged: expected one whole number as {IMAGES_SEEN}")
    return int(seen)


def expected_shape(path: Path, space: str, inputs: InputSpec) -> tuple[int, ...]:
    """The shape of one of the values. Raises a `GanvasError` if this generator takes none such."""
    if space == "z":
        return (inputs.latent_dim,)
    if inputs.style_shape is None:
        raise GanvasError(
            f"{path} holds styles, and this generator has no style space: it takes latents alone"
        )
    return inputs.style_shape


def read_values(path: Path, name: str, values: npt.NDArray[Any], shape: tuple[int, ...]) -> Tensor:
    """The values as float32 (N, *shape). Raises a `GanvasError` for other shapes and kinds."""
    if values.shape[1:] != shape or values.ndim != 1 + len(shape) or not len(values):
        wanted = ", ".join(map(str, shape))
        raise GanvasError(
            f"{path}: expected {name} of shape (N, {wanted}) for this generator, got {values.shape}"
        )
    if values.dtype.kind not in "fiu":
        raise GanvasError(f"{path}: expected finite numbers as {name}")
    with np.errstate(over="ignore"):  # such a number becomes infinite
        numbers = values.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise GanvasError(f"{path}: expected finite numbers as {name}, of float32")
    return torch.from_numpy(numbers)


def read_labels(
    path: Path, arrays: Arrays, space: str, label_set: LabelSet | None, count: int
) -> Tensor | None:
    """The labels as int64 (N,), by name or number; None where there are to be none.

    Raises:
        GanvasError: they are missing, not asked for, too few or unknown.
    """
    if space == "w" or (label_set is None and LABELS not in arrays):
        return None
    if label_set is None:
        raise GanvasError(f"{path} holds labels, and this generator takes none")
    if LABELS not in arrays:
        raise GanvasError(
            f"{path} holds no labels, and this generator takes them: add an array labels with the "
            "name of the label of each"
        )
    labels = arrays[LABELS]
    if labels.shape != (count,) or labels.dtype.kind not in "Uiu":
        raise GanvasError(
            f"{path}: expected labels of shape ({count},), names or numbers, got {labels.dtype} of "
            f"shape {labels.shape}"
        )
    try:
        return torch.tensor([label_set.index_of(label) for label in labels.tolist()])
    except GanvasError as error:
        raise GanvasError(f"{path}: {error}") from error
