"""From latents to images: load a trained generator, and generate samples."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from typing_extensions import TypedDict

import ganvas
from ganvas import storage, tensor_file
from ganvas.command_line import ganvas_command
from ganvas.devices import choose_device
from ganvas.errors import GanvasError, RecipeError, RunError
from ganvas.images import draw_points, from_network, make_grid, write_png
from ganvas.networks import Dimensions, ImageShape, network_table
from ganvas.randomness import draw_latents, named_generator, seeded_weights
from ganvas.recipes import Recipe, parse_generator
from ganvas.runs import Run
from ganvas.runs.tables import Shape
from ganvas.schedules import parse_count
from ganvas.tensor_file import select_prefix
from ganvas.torch_state import usual_torch

BATCH_SIZE = 256
"""Images generated at a time: large enough to be fast, small enough for any memory."""

FORMAT = 2

MIN_DISPLAY_SIZE = 64
"""Smaller images are enlarged in grids, so that a person can see them."""


class GeneratorConfig(TypedDict):
    """The fields of generator/config.json that are read; `write_generator` writes more."""

    network: dict[str, Any]
    image: Shape
    latent_dim: int
    extent: NotRequired[float]


@dataclass(frozen=True)
class TrainedGenerator:
    """A trained generator; `ganvas.load(RUN)` loads one."""

    network: nn.Module
    shape: ImageShape
    latent_dim: int
    images_seen: int
    extent: float | None = None
    """For points: half the side of the square around 0 in which they are drawn."""

    @property
    def makes_points(self) -> bool:
        """Whether it generates points in the plane instead of images."""
        return self.shape.is_point

    @usual_torch()
    def sample(self, n: int, seed: int = 0) -> npt.NDArray[Any]:
        """New images: numpy uint8 (n, H, W, C) in [0, 255]; C is 1 grey, 3 colour, 4 with alpha.

        A generator of points gives float32 (n, 2), x and y in the units of its data.

        The same seed gives the same images; the first k of n images have the latents of k images.
        """
        return np.concatenate([from_network(batch) for batch in self.batches(n, seed)])

    @usual_torch()
    def latents(self, n: int, seed: int = 0) -> Tensor:
        """The latents of `sample`: float32 (n, latent_dim), standard normal."""
        return torch.cat(list(self.latent_batches(n, seed)))  # (n, Z)

    def latent_batches(
        self, n: int, seed: int = 0, indices: range | None = None
    ) -> Iterator[Tensor]:
        """The latents of `sample` in batches (B, latent_dim), so that few are in memory.

        Args:
            indices: only these of the n.
        """
        check_count(n)
        indices = range(n) if indices is None else indices
        random = named_generator(seed, "samples")
        device = next(self.network.parameters()).device
        # Row by row: for a larger tensor torch may draw other values from the same seed.
        rows = (draw_latents(1, self.latent_dim, random) for _ in range(indices.stop))
        for batch in batched(itertools.islice(rows, indices.start, None), BATCH_SIZE):
            yield torch.cat(batch).to(device)

    def batches(self, n: int, seed: int = 0, indices: range | None = None) -> Iterator[Tensor]:
        """The samples of `sample` in batches, as network outputs: (B, C, H, W) in [-1, 1].

        Where the network has no `bounded_output`, some lie beyond.

        Args:
            indices: generate only these of the n. Bit for bit the same as all n if they start
                and end at a multiple of `BATCH_SIZE`, or end at n.
        """
        for latents in self.latent_batches(n, seed, indices):
            yield from generate_batches(self.network, latents)

    @usual_torch()
    def interpolate(
        self, n: int, steps: int, seed: int = 0, loop: bool = False
    ) -> npt.NDArray[Any]:
        """A walk through n latents by spherical interpolation, `steps` images per segment.

        Returns:
            uint8 (T, H, W, C) with T = (n - 1) * steps + 1, or n * steps for a loop, which ends
            before it would repeat its first image.
        """
        latents = self.latents(n, seed)
        ends = torch.cat([latents[1:], latents[:1]]) if loop else latents[1:]
        segments = [
            slerp(start, end, torch.linspace(0, 1, steps + 1)[:-1])
            for start, end in zip(latents, ends, strict=False)
        ]
        if not loop:
            segments.append(latents[-1:])
        return generate(self.network, torch.cat(segments))


def check_count(n: int) -> None:
    """Raise a `GanvasError` unless there is something to generate."""
    if n < 1:
        raise GanvasError(f"the number of images must be at least 1, got {n}")


def batched(items: Iterator[Tensor], size: int) -> Iterator[list[Tensor]]:
    """The items in lists of at most `size`."""
    while batch := list(itertools.islice(items, size)):
        yield batch


def slerp(start: Tensor, end: Tensor, alpha: Tensor) -> Tensor:
    """Spherical interpolation (White 2016) between two latents (Z,); alpha (T,) -> (T, Z).

    Linear interpolation would pass through latents much shorter than those of training.
    """
    cosine = torch.dot(start, end) / (start.norm() * end.norm())
    angle = torch.acos(cosine.clamp(-1, 1))
    alpha = alpha.to(start.device)[:, None]  # (T, 1)
    if torch.sin(angle) < 1e-4:  # equal or opposite directions define no arc
        return torch.lerp(start, end, alpha)
    weights = torch.sin((1 - alpha) * angle), torch.sin(alpha * angle)
    return (weights[0] * start + weights[1] * end) / torch.sin(angle)


def generate(network: nn.Module, latents: Tensor) -> npt.NDArray[Any]:
    """Images for latents (N, Z): uint8 (N, H, W, C), or points float32 (N, 2)."""
    return np.concatenate([from_network(batch) for batch in generate_batches(network, latents)])


def generate_batches(network: nn.Module, latents: Tensor) -> Iterator[Tensor]:
    """The network's outputs for latents (N, Z), in batches (B, C, H, W) of at most `BATCH_SIZE`."""
    for batch in torch.split(latents, BATCH_SIZE) if len(latents) else ():
        with torch.inference_mode():  # ends before each yield: it must not leak to the caller
            outputs: Tensor = network(batch)
        yield outputs


def write_samples(path: Path, samples: npt.NDArray[Any], extent: float | None) -> None:
    """Write samples of `generate` as a PNG: a grid of images, small ones enlarged, or points.

    Args:
        path: the PNG.
        samples: images (N, H, W, C) or points (N, 2).
        extent: for points, half the side of the square around 0 that is drawn.
    """
    if extent is not None:
        write_png(path, draw_points(samples, extent))
    else:
        write_png(path, make_grid(samples), display_factor(samples.shape[1:3]))


def display_factor(size: tuple[int, int]) -> int:
    """The factor that enlarges images of this height and width for display."""
    return max(1, MIN_DISPLAY_SIZE // max(size))


def write_generator(
    run: Run, recipe: Recipe, network: nn.Module, shape: ImageShape, images_seen: int
) -> None:
    """Write a run's generator/config.json and generator/model.safetensors."""
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
    if shape.is_point:
        config["output"] = "float32 (N, 2, 1, 1): x and y in the units of the data, without bounds"
        config["extent"] = run.read_data()["extent"]
    directory = run.generator_directory
    tensor_file.write(
        directory / "model.safetensors", network.state_dict(), {"images_seen": images_seen}
    )
    storage.write_json(directory / "config.json", config)


@usual_torch()
def load(run: Path | str | Run, device: str = "cpu", checkpoint: str = "last") -> TrainedGenerator:
    """Load the EMA generator of a run, or of a `generator/` directory copied from one.

    Args:
        run: what `train` returned, the run's directory, or the copied directory.
        device: where to generate: cpu, cuda, mps, auto.
        checkpoint: for a run: `last`, `best` (by the evaluation while training), or images
            seen (80k).

    Raises:
        RunError: there is no generator yet, it is damaged, or from another version; or there is no
            such checkpoint, and the message lists those that exist.
        DeviceError: this machine has no such device.
    """
    directory = run.directory if isinstance(run, Run) else Path(run)
    if checkpoint != "last":
        return _from_checkpoint(Run.open(directory), checkpoint, device)
    if not (directory / "config.json").is_file():
        directory = Run.open(directory).generator_directory
    config = _read_config(directory / "config.json")
    shape = ImageShape(**config["image"])
    try:
        description = parse_generator(config["network"])
        with seeded_weights(0):  # replaced below
            network = description.build(Dimensions(shape, config["latent_dim"]))
        tensors, values = tensor_file.read(directory / "model.safetensors")
        network.load_state_dict(tensors)
    except (RecipeError, RuntimeError, ValueError) as error:
        raise RunError(f"{directory} holds no generator that can be built: {error}") from error
    extent = config.get("extent")
    return _as_trained(network, shape, config["latent_dim"], values["images_seen"], extent, device)


def _from_checkpoint(run: Run, checkpoint: str, device: str) -> TrainedGenerator:
    """The EMA generator of a checkpoint."""
    path = _checkpoint_path(run, checkpoint)
    recipe = run.read_recipe()
    shape, extent = run.read_shape(), run.read_data()["extent"]
    with seeded_weights(0):  # replaced below
        network = recipe.generator.network.build(Dimensions(shape, recipe.latent_dim))
    tensors, values = tensor_file.read(path)
    try:
        network.load_state_dict(select_prefix(tensors, "ema"))
    except RuntimeError as error:
        raise RunError(f"{path} does not fit the generator of {run.directory}: {error}") from error
    return _as_trained(network, shape, recipe.latent_dim, values["images_seen"], extent, device)


def _as_trained(
    network: nn.Module,
    shape: ImageShape,
    latent_dim: int,
    images_seen: int,
    extent: float | None,
    device: str,
) -> TrainedGenerator:
    """A network with its weights in it, made ready for use."""
    network = network.eval().requires_grad_(False).to(choose_device(device))
    return TrainedGenerator(network, shape, latent_dim, images_seen, extent)


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
