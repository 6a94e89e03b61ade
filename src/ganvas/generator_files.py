"""The trained generator on disk: the `generator/` directory of a run, and its checkpoints."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NotRequired

from torch import nn
from typing_extensions import TypedDict

import ganvas
from ganvas import storage, tensor_file
from ganvas.command_line import ganvas_command
from ganvas.data.prepared import PreparedData
from ganvas.devices import choose_device
from ganvas.errors import HubError, RecipeError, RunError
from ganvas.hub_files import RECIPE_FILE, HubAddress, address_of, fetch_model, is_hub
from ganvas.labels import LabelSet
from ganvas.networks import Dimensions, ImageShape, network_table
from ganvas.randomness import seeded_weights
from ganvas.recipes import Recipe, parse_generator
from ganvas.runs import Run
from ganvas.runs.tables import Shape
from ganvas.sampling import TrainedGenerator
from ganvas.schedules import parse_count
from ganvas.tensor_file import select_prefix
from ganvas.torch_state import usual_torch

FORMAT = 2


class GeneratorConfig(TypedDict):
    """The fields of generator/config.json that are read; `write_generator` writes more."""

    network: dict[str, Any]
    image: Shape
    latent_dim: int
    extent: NotRequired[float]
    labels: NotRequired[dict[str, Any]]


def write_generator(
    run: Run,
    recipe: Recipe,
    network: nn.Module,
    shape: ImageShape,
    images_seen: int,
    directory: Path | None = None,
) -> None:
    """Write config.json and model.safetensors, by default into the run's generator/."""
    config = {
        "format": FORMAT,
        "ganvas": ganvas.__version__,
        "network": network_table(recipe.generator.network),
        "image": dataclasses.asdict(shape),
        "latent_dim": recipe.latent_dim,
        "latents": "standard normal, float32 (N, latent_dim)",
        "output": "float32 (N, channels, height, width) in [-1, 1]",
    }
    if not recipe.generator.network.bounded_output:
        config["output"] = "float32 (N, channels, height, width), to be clamped to [-1, 1]"
    labels = saved_labels(run, recipe)
    if labels is not None:
        config["labels"] = labels.to_table()
    if shape.is_point:
        config["output"] = "float32 (N, 2, 1, 1): x and y in the units of the data, without bounds"
        config["extent"] = run.read_data()["extent"]
    directory = directory or run.generator_directory
    tensor_file.write(
        directory / "model.safetensors", network.state_dict(), {"images_seen": images_seen}
    )
    storage.write_json(directory / "config.json", config)


def saved_labels(run: Run, recipe: Recipe) -> LabelSet | None:
    """The labels that a run's generator takes; None if it takes none."""
    if not recipe.generator.network.uses_labels:
        return None
    about = run.read_data()
    return LabelSet(tuple(about["labels"]), tuple(about["training_images_by_label"]))


def trained_generator(
    recipe: Recipe, network: nn.Module, data: PreparedData, images_seen: int
) -> TrainedGenerator:
    """A generator of a run that trains on these images, as `load` gives it later."""
    labels = data.label_set if recipe.generator.network.uses_labels else None
    return TrainedGenerator(
        network, data.shape, recipe.latent_dim, images_seen, data.extent, labels
    )


@usual_torch()
def load(run: Path | str | Run, device: str = "cpu", checkpoint: str = "last") -> TrainedGenerator:
    """Load the EMA generator of a run, of a `generator/` directory copied from one, or of the hub.

    Args:
        run: what `train` returned, the run's directory, the copied directory, or
            hf:OWNER/NAME[@REVISION].
        device: where to generate: cpu, cuda, mps, auto.
        checkpoint: for a run: `last`, `best` (by the evaluation while training), or images
            seen (80k).

    Raises:
        RunError: there is no generator yet, it is damaged, or from another version; or there is no
            such checkpoint, and the message lists those that exist.
        HubError: the hub does not give it.
        DeviceError: this machine has no such device.
    """
    directory = run.directory if isinstance(run, Run) else local_folder(run, checkpoint)
    if checkpoint != "last":
        return _from_checkpoint(Run.open(directory), checkpoint, device)
    if not (directory / "config.json").is_file():
        directory = Run.open(directory).generator_directory
    config = _read_config(directory / "config.json")
    shape = ImageShape(**config["image"])
    labels = LabelSet.from_table(config["labels"]) if "labels" in config else None
    try:
        description = parse_generator(config["network"])
        with seeded_weights(0):  # replaced below
            network = description.build(dimensions_of(shape, config["latent_dim"], labels))
        tensors, values = tensor_file.read(directory / "model.safetensors")
        network.load_state_dict(tensors)
    except (RecipeError, RuntimeError, ValueError) as error:
        raise RunError(f"{directory} holds no generator that can be built: {error}") from error
    extent = config.get("extent")
    trained = TrainedGenerator(
        network, shape, config["latent_dim"], values["images_seen"], extent, labels
    )
    return _ready(trained, device)


def local_folder(place: Path | str, checkpoint: str = "last") -> Path:
    """The folder that a user named; a model of the hub is fetched into the cache.

    Raises:
        HubError: the hub does not give it, or it has no such checkpoint.
    """
    if not is_hub(place):
        return Path(place)
    if checkpoint != "last":
        raise HubError(
            f"{place} holds one generator, and no checkpoint {checkpoint}. For an earlier state "
            f"name a revision: {HubAddress(address_of(place).repo, 'REVISION')}"
        )
    return fetch_model(address_of(place), [RECIPE_FILE])[1]


def _from_checkpoint(run: Run, checkpoint: str, device: str) -> TrainedGenerator:
    """The EMA generator of a checkpoint."""
    path = _checkpoint_path(run, checkpoint)
    recipe = run.read_recipe()
    shape, extent = run.read_shape(), run.read_data()["extent"]
    labels = saved_labels(run, recipe)
    with seeded_weights(0):  # replaced below
        network = recipe.generator.network.build(dimensions_of(shape, recipe.latent_dim, labels))
    tensors, values = tensor_file.read(path)
    try:
        network.load_state_dict(select_prefix(tensors, "ema"))
    except RuntimeError as error:
        raise RunError(f"{path} does not fit the generator of {run.directory}: {error}") from error
    trained = TrainedGenerator(
        network, shape, recipe.latent_dim, values["images_seen"], extent, labels
    )
    return _ready(trained, device)


def dimensions_of(shape: ImageShape, latent_dim: int, labels: LabelSet | None) -> Dimensions:
    """What a saved generator was built for."""
    return Dimensions(shape, latent_dim, len(labels.names) if labels else 0)


def _ready(trained: TrainedGenerator, device: str) -> TrainedGenerator:
    """The generator, with its weights in it, made ready for use."""
    network = trained.network.eval().requires_grad_(False).to(choose_device(device))
    return dataclasses.replace(trained, network=network)


def _checkpoint_path(run: Run, name: str) -> Path:
    paths = run.checkpoint_paths()
    known = ", ".join(["last", *(str(int(path.stem)) for path in paths)])
    if name == "best":
        best = run.best_checkpoint()
        if best is None:
            raise RunError(
                f"{run.directory} was not evaluated while it trained, so its best checkpoint is "
                f"not known. There are: {known}. To find the best, train with evaluation.every "
                "above 0 (--evaluation.every 50k)"
            )
        return run.checkpoint_path(best)
    try:
        path = run.checkpoint_path(parse_count(name))
    except ValueError as error:
        raise RunError(
            f"checkpoint {name!r}: expected last, best or a count of images. There are: {known}"
        ) from error
    if path not in paths:
        raise RunError(f"{run.directory} has no checkpoint at {name} images. There are: {known}")
    return path


def _read_config(path: Path) -> GeneratorConfig:
    if not path.is_file():
        raise RunError(
            f"{path.parent.parent} has no generator yet: it stopped before its first checkpoint. "
            f"Continue it: {ganvas_command('resume', path.parent.parent)}"
        )
    version = storage.read_json(path).get("format")
    if version != FORMAT:
        raise RunError(f"{path} has format {version}, this ganvas reads format {FORMAT}")
    return storage.read_table(path, GeneratorConfig)
