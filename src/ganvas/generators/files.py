"""The trained generator on disk: the `generator/` directory of a run, and its checkpoints."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from torch import nn

from ganvas import json_files, tensor_file
from ganvas.arguments import check_type
from ganvas.command_line import ganvas_command
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import TrainingData
from ganvas.devices import choose_device
from ganvas.errors import DeviceError, HubError, RecipeError, RunError
from ganvas.generators.config import GeneratorConfig, from_config, generator_config
from ganvas.generators.discriminators import check_has_discriminator, with_discriminator
from ganvas.generators.onnx_network import load_onnx
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.hub_files import (
    CONFIG_JSON,
    GENERATOR_FILES,
    WEIGHTS,
    HubAddress,
    address_of,
    fetch_model,
    is_hub,
)
from ganvas.labels import LabelSet
from ganvas.networks import Dimensions, Generator, ImageShape, network_table
from ganvas.randomness import seeded_weights
from ganvas.recipes import Recipe, parse_generator
from ganvas.runs import Run
from ganvas.runs.checkpoints import later_doublings_in
from ganvas.runs.directories import is_onnx
from ganvas.runs.file_names import SAMPLES
from ganvas.schedules import parse_count
from ganvas.storage import given_path
from ganvas.tensor_file import select_prefix
from ganvas.torch_state import usual_torch

FORMAT = 2


class SavedConfig(GeneratorConfig):
    """The fields of generator/config.json that are read."""

    network: dict[str, Any]


def write_generator(
    run: Run,
    recipe: Recipe,
    network: nn.Module,
    shape: ImageShape,
    images_seen: int,
    later_doublings: int = 0,
) -> None:
    """Write a run's generator/config.json and generator/model.safetensors."""
    trained = generator_of_run(run, recipe, network, shape, images_seen, later_doublings)
    run.make_folders()
    save_generator(run.generator_directory, trained, recipe.generator.network)


def save_generator(directory: Path, trained: TrainedGenerator, description: Generator) -> None:
    """Write a generator's config.json and model.safetensors.

    Args:
        directory: it exists.
        trained: the generator.
        description: of its network.
    """
    config = {
        "format": FORMAT,
        "network": network_table(description),
        **generator_config(trained, output_in_words(description, trained.shape)),
    }
    values = {"images_seen": trained.images_seen}
    tensor_file.write(directory / WEIGHTS, trained.network.state_dict(), values)
    json_files.write_json(directory / CONFIG_JSON, config)


def output_in_words(description: Generator, shape: ImageShape) -> str:
    """What a network gives."""
    if shape.is_point:
        return "float32 (N, 2, 1, 1): x and y in the units of the data, without bounds"
    if not description.bounded_output:
        return "float32 (N, channels, height, width), to be clamped to [-1, 1]"
    return "float32 (N, channels, height, width) in [-1, 1]"


def read_description(path: Path) -> Generator:
    """The description of the network of a run, or of a copied directory.

    Raises:
        RunError: there is no generator, or it is damaged.
    """
    if not (path / CONFIG_JSON).is_file():
        return Run.open(path).read_recipe().generator.network
    try:
        return parse_generator(_read_config(path / CONFIG_JSON)["network"])
    except (RecipeError, ValueError) as error:
        raise RunError(f"{path} holds no generator that can be built: {error}") from error


def generator_of_run(
    run: Run,
    recipe: Recipe,
    network: nn.Module,
    shape: ImageShape,
    images_seen: int,
    later_doublings: int,
) -> TrainedGenerator:
    """The generator of a run with this network."""
    about = run.read_data()
    return TrainedGenerator(
        network=network,
        shape=shape,
        latent_dim=recipe.latent_dim,
        images_seen=images_seen,
        extent=about["extent"],
        label_set=saved_labels(run, recipe),
        data=TrainingData(about["name"], recipe.data),
        later_doublings=later_doublings,
    )


def saved_labels(run: Run, recipe: Recipe) -> LabelSet | None:
    """The labels that a run's generator takes; None if it takes none."""
    if not recipe.generator.network.uses_labels:
        return None
    about = run.read_data()
    return LabelSet(tuple(about["labels"]), tuple(about["training_images_by_label"]))


def generator_in_training(
    recipe: Recipe,
    network: nn.Module,
    data: PreparedData,
    images_seen: int,
    later_doublings: int = 0,
) -> TrainedGenerator:
    """A generator of a run that trains on these images, as `load` gives it later."""
    return TrainedGenerator(
        network=network,
        shape=data.shape,
        latent_dim=recipe.latent_dim,
        images_seen=images_seen,
        extent=data.extent,
        label_set=data.label_set if recipe.generator.network.uses_labels else None,
        data=TrainingData(data.name, recipe.data),
        later_doublings=later_doublings,
    )


@usual_torch()
def load(
    run: Path | str | Run,
    device: str = "cpu",
    checkpoint: str = "last",
    discriminator: bool = False,
) -> TrainedGenerator:
    """Load the EMA generator of a run, of a copied `generator/` directory, of ONNX, or of the hub.

    Args:
        run: what `train` returned, the run's directory, the copied directory, or an .onnx file of
            `ganvas export`, which samples the same images, each value within one level of 255; or
            hf:OWNER/NAME[@REVISION].
        device: where to generate: cpu, cuda, mps, auto. An .onnx file runs on the CPU.
        checkpoint: for a run: `last`, `best` (by the evaluation while training), or images
            seen (80k).
        discriminator: load it too, from a run alone, so that it can choose images
            (`TrainedGenerator.keeping`).

    Raises:
        RunError: there is no generator yet, it is missing, damaged, or from another version; or no
            such checkpoint exists, and the message lists those that do; or the discriminator is
            asked for, and cannot choose.
        HubError: it cannot be fetched from the hub.
        DeviceError: this machine has no such device.
    """
    check_type("run", run, (str, os.PathLike, Run), "a run, or the path of one")
    check_type("checkpoint", checkpoint, str, "last, best, or images seen as a text such as '80k'")
    if discriminator and not isinstance(run, Run):
        check_has_discriminator(given_path(run))
    directory = run.directory if isinstance(run, Run) else local_path(run, checkpoint)
    if discriminator:
        return with_discriminator(load(directory, device, checkpoint), Run.open(directory))
    if is_onnx(directory):
        check_onnx_choices(directory, device, checkpoint)
        return load_onnx(directory)
    if checkpoint != "last":
        return _from_checkpoint(Run.open(directory), checkpoint, device)
    if not (directory / CONFIG_JSON).is_file():
        directory = _directory_of(Run.open(directory))
    config = _read_config(directory / CONFIG_JSON)
    shape = ImageShape(**config["image"])
    try:
        labels = LabelSet.from_table(config["labels"]) if "labels" in config else None
        description = parse_generator(config["network"])
        later_doublings = config.get("later_doublings", 0)
        dimensions = dimensions_of(shape, config["latent_dim"], labels, later_doublings)
        with seeded_weights(0):  # replaced below
            network = description.build(dimensions)
        tensors, values = tensor_file.read(directory / WEIGHTS)
        network.load_state_dict(tensors)
        trained = from_config(config, network, values["images_seen"])
    except (RecipeError, RuntimeError, ValueError) as error:
        raise RunError(f"{directory} holds no generator that can be built: {error}") from error
    return _ready(trained, device)


def local_path(place: Path | str, checkpoint: str = "last") -> Path:
    """The path that a user named; a model of the hub is fetched into the cache.

    Raises:
        HubError: the hub does not give it, or it has no such checkpoint.
    """
    if not is_hub(place):
        return given_path(place)
    if checkpoint != "last":
        raise HubError(
            f"{place} holds one generator, and no checkpoint {checkpoint}. For an earlier state "
            f"name a revision: {HubAddress(address_of(place).repo, 'REVISION')}"
        )
    return fetch_model(address_of(place))[1]


def check_onnx_choices(path: Path, device: str, checkpoint: str) -> None:
    """Raise a `GanvasError` for what an ONNX file does not have."""
    if checkpoint != "last":
        raise RunError(
            f"{path} holds one generator, so there is no checkpoint to choose. Export another with "
            f"{ganvas_command('export', 'RUN', '--checkpoint', checkpoint)}"
        )
    if device not in ("cpu", "auto"):
        raise DeviceError(f"{path} runs on the CPU: leave out the device {device}, or load the run")


def _from_checkpoint(run: Run, checkpoint: str, device: str) -> TrainedGenerator:
    """The EMA generator of a checkpoint."""
    path = _checkpoint_path(run, checkpoint)
    recipe = run.read_recipe()
    shape = run.read_shape()
    labels = saved_labels(run, recipe)
    tensors, values = tensor_file.read(path)
    later_doublings = later_doublings_in(values)
    dimensions = dimensions_of(shape, recipe.latent_dim, labels, later_doublings)
    with seeded_weights(0):  # replaced below
        network = recipe.generator.network.build(dimensions)
    try:
        network.load_state_dict(select_prefix(tensors, "ema"))
    except RuntimeError as error:
        raise RunError(f"{path} does not fit the generator of {run.directory}: {error}") from error
    seen = values["images_seen"]
    trained = generator_of_run(run, recipe, network, shape, seen, later_doublings)
    return _ready(trained, device)


def dimensions_of(
    shape: ImageShape, latent_dim: int, labels: LabelSet | None, later_doublings: int = 0
) -> Dimensions:
    """What a saved generator was built for."""
    return Dimensions(shape, latent_dim, len(labels.names) if labels else 0, later_doublings)


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


def _directory_of(run: Run) -> Path:
    """The `generator/` of a run that has one. It is written before each checkpoint.

    Raises:
        RunError: it was not written yet, or is missing.
    """
    folder = run.generator_directory
    absent = [name for name in GENERATOR_FILES if not (folder / name).is_file()]
    if not absent:
        return folder
    problem = f"lacks {' and '.join(absent)}" if folder.exists() else "is missing"
    newest = max((int(path.stem) for path in run.checkpoint_paths()), default=0)
    if newest > 0:  # at 0 images are the weights that training starts from
        raise RunError(
            f"{folder} {problem}: it was deleted or moved. The newest checkpoint has the generator "
            f"too: choose it with --checkpoint {newest}"
        )
    if run.read_status().status == "finished":
        raise RunError(
            f"{folder} {problem}, and there is no checkpoint: they were deleted or moved. Put them "
            "back, or train again"
        )
    if run.is_locked():
        raise RunError(
            f"{run.directory} has no generator yet: it is training, and has not come to its first "
            f"checkpoint. Until then look at {run.directory / SAMPLES}"
        )
    if run.read_status().status == "diverged":
        raise RunError(
            f"{run.directory} has no generator: its training diverged before the first checkpoint. "
            f"Why, and what to change: {ganvas_command('diagnose', run.directory)}"
        )
    raise RunError(
        f"{run.directory} has no generator yet: it stopped before its first checkpoint. "
        f"Continue it: {ganvas_command('resume', run.directory)}"
    )


def _read_config(path: Path) -> SavedConfig:
    version = json_files.read_json(path).get("format")
    if version != FORMAT:
        raise RunError(f"{path} has format {version}, this ganvas reads format {FORMAT}")
    return json_files.read_table(path, SavedConfig)
