"""How near the held-out images of a run come when they are projected: is a picture in there?"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ganvas import json_files, storage
from ganvas.data.cache import default_cache
from ganvas.data.prepared import PreparedData
from ganvas.errors import DataError, RunError
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.hub_files import is_hub
from ganvas.images import Pixels
from ganvas.latents.projection import Projector, joined
from ganvas.progress import Progress
from ganvas.randomness import derive_seed
from ganvas.runs import Run
from ganvas.runs.data import check_data_unchanged, data_location, prepare_images
from ganvas.runs.directories import is_run

VERSION = 1
"""Increased when the same settings would give other distances."""


@dataclass(frozen=True)
class HeldOutDistances:
    """How near held-out images came.

    data: the name of the images.
    distances: as of a `Projection`, each of n numbers.
    """

    data: str
    distances: dict[str, list[float]]

    def __len__(self) -> int:
        return len(self.distances["distance"])

    def closer_than(self, distance: float) -> float:
        """The fraction of held-out images that are farther from their projection than this."""
        return float(np.mean([held_out > distance for held_out in self.distances["distance"]]))


def images_of_run(
    place: Path, trained: TrainedGenerator, data: str | None, quiet: bool
) -> PreparedData:
    """The images that a generator was trained on, with the same ones held out.

    Args:
        place: the run; for a copied generator `data` says where the images are.

    Raises:
        DataError: they are not at hand, have changed, or the generator does not know its settings.
        RunError: a file of the run is damaged.
    """
    run = Run.open(place) if not is_hub(place) and is_run(place) else None
    if run is None and data is None:
        raise DataError("a generator without its run does not know where its images are: --data")
    if trained.data is None:
        raise DataError("this generator does not know how its images were prepared")
    location = data_location(run) if run is not None and data is None else data
    assert location is not None
    prepared = prepare_images(trained.data.settings, location, quiet)
    if prepared.shape != trained.shape:
        raise DataError(f"{location} holds images of {prepared.shape}, not of {trained.shape}")
    if run is not None:
        check_data_unchanged(run, prepared)
    return prepared


def held_out_distances(
    trained: TrainedGenerator,
    projector: Projector,
    images: PreparedData,
    count: int,
    on_progress: Progress,
) -> HeldOutDistances:
    """Project held-out images as pictures are projected; kept in the cache for the next time.

    Args:
        projector: where it has a label, held-out images of that label are taken.
        count: at most so many.

    Raises:
        DataError: none are held out.
    """
    chosen = chosen_images(trained, images, projector.settings.label, count)
    if not len(chosen):
        raise DataError("no images are held out")
    path = path_in_cache(trained, projector, images, chosen)
    if kept := read_distances(path):
        return kept
    projected = joined(list(projector.batches(pixels_of(images, chosen), on_progress)))
    distances = {name: values.tolist() for name, values in projected.distances.items()}
    result = HeldOutDistances(images.name, distances)
    storage.make_directory(path.parent)
    json_files.write_json(path, json_files.to_plain(result))
    return result


def still_to_project(
    trained: TrainedGenerator, projector: Projector, images: PreparedData, count: int
) -> Pixels:
    """What `held_out_distances` will project, uint8 (N, H, W, C): nothing that is in the cache."""
    chosen = chosen_images(trained, images, projector.settings.label, count)
    if read_distances(path_in_cache(trained, projector, images, chosen)):
        chosen = chosen[:0]
    return pixels_of(images, chosen)


def path_in_cache(
    trained: TrainedGenerator,
    projector: Projector,
    images: PreparedData,
    chosen: npt.NDArray[np.int64],
) -> Path:
    """The file for the distances of these images."""
    settings = dataclasses.asdict(projector.settings)
    key = json.dumps([VERSION, trained.identity, images.key, settings, chosen.tolist()])
    digest = hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
    return default_cache() / f"projected-{digest}.json"


def read_distances(path: Path) -> HeldOutDistances | None:
    """The distances in a file; None where it is not there yet, or damaged."""
    try:
        return json_files.read_dataclass(path, HeldOutDistances)
    except RunError:
        return None


def pixels_of(images: PreparedData, chosen: npt.NDArray[np.int64]) -> Pixels:
    """Some of the images, uint8 (N, H, W, C)."""
    return np.ascontiguousarray(images.images[chosen].transpose(0, 2, 3, 1))


def held_out_indices(
    trained: TrainedGenerator, images: PreparedData, label: str | int | None
) -> npt.NDArray[np.int64]:
    """The indices of the held-out images of a label, or of all if the images do not know it."""
    held_out = images.held_out
    if label is None or images.labels is None:
        return held_out
    assert trained.label_set is not None
    name = trained.label_set.names[trained.label_set.index_of(label)]
    if name not in images.label_names:
        return held_out
    of_label: npt.NDArray[np.bool_] = images.labels[held_out] == images.label_names.index(name)
    return held_out[of_label]


def chosen_images(
    trained: TrainedGenerator, images: PreparedData, label: str | int | None, count: int
) -> npt.NDArray[np.int64]:
    """The indices of the held-out images to project, drawn by a fixed seed."""
    held_out = held_out_indices(trained, images, label)
    order = np.random.default_rng(derive_seed(0, "held-out images to project")).permutation(
        held_out
    )
    return np.sort(order[:count])
