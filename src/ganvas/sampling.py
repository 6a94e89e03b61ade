"""From latents to images: a trained generator that is loaded anywhere and asked for pictures."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

import ganvas
from ganvas import storage
from ganvas.devices import choose_device
from ganvas.errors import GanvasError, RunError
from ganvas.images import draw_points, from_network, make_grid, write_png
from ganvas.networks import ImageShape
from ganvas.randomness import draw_latents, named_generator
from ganvas.recipes import Recipe
from ganvas.recipes.reading import read_architecture
from ganvas.runs import Run
from ganvas.runs import checkpoint as tensor_file
from ganvas.runs.checkpoint import select_prefix
from ganvas.schedules import parse_count

BATCH_SIZE = 256
"""Images generated at a time: enough to be fast, few enough for any memory."""

FORMAT = 1

SMALLEST_DISPLAY = 64
"""Images smaller than this are enlarged in grids, so that they can be looked at."""


@dataclass(frozen=True)
class TrainedGenerator:
    """A generator that was trained; get one with `ganvas.load(RUN)`."""

    network: nn.Module
    shape: ImageShape
    latent_dim: int
    images_seen: int
    extent: float | None = None
    """Of points: half the side of the square around 0 in which they are drawn."""

    @property
    def makes_points(self) -> bool:
        """Whether it makes points in the plane and no images."""
        return self.shape.is_point

    def sample(self, n: int, seed: int = 0) -> npt.NDArray[Any]:
        """New images: numpy uint8 (n, H, W, C) in [0, 255]; C is 1 grey, 3 colour, 4 with alpha.

        Of a generator of points: float32 (n, 2), x and y in the units of its data.

        The same seed gives the same images; the first k of n come from the same latents as k.
        """
        return generate(self.network, self.latents(n, seed))

    def latents(self, n: int, seed: int = 0) -> Tensor:
        """What `sample` makes its images from: float32 (n, latent_dim), standard normal."""
        if n < 1:
            raise GanvasError(f"the number of images must be at least 1, got {n}")
        random = named_generator(seed, "samples")
        device = next(self.network.parameters()).device
        # One row at a time: torch may fill a larger tensor with other numbers from the same seed.
        rows = [draw_latents(1, self.latent_dim, random) for _ in range(n)]
        return torch.cat(rows).to(device)  # (n, Z)

    def batches(self, n: int, seed: int = 0, rows: range | None = None) -> Iterator[Tensor]:
        """As `sample`, piece by piece and as the network gives them: (B, C, H, W) in [-1, 1].

        Where the architecture is not `bounded`, some lie beyond.

        Args:
            rows: make only these of the n; the same bits as ever if they start with a whole piece
                (a multiple of `BATCH_SIZE`) and end with one or with n.
        """
        wanted = range(n) if rows is None else rows
        return outputs(self.network, self.latents(n, seed)[wanted.start : wanted.stop])

    def interpolate(
        self, n: int, steps: int, seed: int = 0, loop: bool = False
    ) -> npt.NDArray[Any]:
        """A walk through n latents, `steps` images from each to the next, along great arcs.

        Returns:
            uint8 (T, H, W, C) with T = (n - 1) * steps + 1, or n * steps for a loop, which ends
            just before it would repeat its first image.
        """
        corners = self.latents(n, seed)
        following = torch.cat([corners[1:], corners[:1]]) if loop else corners[1:]
        pieces = [
            spherical(start, end, torch.linspace(0, 1, steps + 1)[:-1])
            for start, end in zip(corners, following, strict=False)
        ]
        if not loop:
            pieces.append(corners[-1:])
        return generate(self.network, torch.cat(pieces))


def spherical(start: Tensor, end: Tensor, shares: Tensor) -> Tensor:
    """Spherical interpolation (White 2016) between two latents (Z,); shares (T,) -> (T, Z).

    The straight line would pass through latents much shorter than any that training drew.
    """
    cosine = torch.dot(start, end) / (start.norm() * end.norm())
    angle = torch.acos(cosine.clamp(-1, 1))
    shares = shares.to(start.device)[:, None]  # (T, 1)
    if torch.sin(angle) < 1e-4:  # the same or opposite directions have no arc of their own
        return torch.lerp(start, end, shares)
    weights = torch.sin((1 - shares) * angle), torch.sin(shares * angle)
    return (weights[0] * start + weights[1] * end) / torch.sin(angle)


def generate(network: nn.Module, latents: Tensor) -> npt.NDArray[Any]:
    """Images for latents (N, Z): uint8 (N, H, W, C), or points float32 (N, 2)."""
    return np.concatenate([from_network(piece) for piece in outputs(network, latents)])


def outputs(network: nn.Module, latents: Tensor) -> Iterator[Tensor]:
    """What the network makes of latents (N, Z), in pieces (B, C, H, W) of at most `BATCH_SIZE`."""
    for piece in torch.split(latents, BATCH_SIZE) if len(latents) else ():
        with torch.inference_mode():  # left before each yield: it must not reach the caller
            made: Tensor = network(piece)
        yield made


def write_picture(path: Path, made: npt.NDArray[Any], extent: float | None) -> None:
    """Write a PNG of what `generate` made: a grid of images, small ones enlarged, or points.

    Args:
        path: the PNG.
        made: images (N, H, W, C) or points (N, 2).
        extent: of points, half the side of the square around 0 that is drawn.
    """
    if extent is not None:
        write_png(path, draw_points(made, extent))
    else:
        write_png(path, make_grid(made), display_factor(made.shape[1:3]))


def display_factor(size: tuple[int, int]) -> int:
    """By how much to enlarge images of this height and width so that a person can look at them."""
    return max(1, SMALLEST_DISPLAY // max(size))


def write_generator(
    run: Run, recipe: Recipe, network: nn.Module, shape: ImageShape, images_seen: int
) -> None:
    """Write generator/config.json and generator/model.safetensors of a run."""
    config = {
        "format": FORMAT,
        "ganvas": ganvas.__version__,
        "architecture": recipe.to_table()["architecture"],
        "image": dataclasses.asdict(shape),
        "latent_dim": recipe.latent_dim,
        "latents": "standard normal, float32 (N, latent_dim)",
        "output": "float32 (N, channels, height, width) in [-1, 1]",
    }
    if not recipe.architecture.bounded:
        config["output"] = "float32 (N, channels, height, width), to be clamped to [-1, 1]"
    if shape.is_point:
        config["output"] = "float32 (N, 2, 1, 1): x and y in the units of the data, without bounds"
        config["extent"] = run.read_data()["extent"]
    directory = run.generator_directory
    tensor_file.write(
        directory / "model.safetensors", network.state_dict(), {"images_seen": images_seen}
    )
    storage.write_json(directory / "config.json", config)


def load(run: Path | str | Run, device: str = "cpu", checkpoint: str = "last") -> TrainedGenerator:
    """Load the averaged generator of a run, or of a `generator/` directory copied from one.

    Args:
        run: what `train` returned, the run's directory, or the copied directory.
        device: where to generate: cpu, cuda, mps, auto.
        checkpoint: of a run: `last`, `best` (by the evaluation while training), or images
            seen (80k).

    Raises:
        RunError: there is no generator yet, it is damaged, or it is from another version; or there
            is no such checkpoint, and the message lists those there are.
        DeviceError: this machine has no such device.
    """
    directory = run.directory if isinstance(run, Run) else Path(run)
    if checkpoint != "last":
        return _from_checkpoint(Run.open(directory), checkpoint, device)
    if not (directory / "config.json").is_file():
        directory = Run.open(directory).generator_directory
    config = _read_config(directory / "config.json")
    try:
        architecture = read_architecture(config["architecture"])
        shape = ImageShape(**config["image"])
        network = architecture.build(shape, config["latent_dim"]).generator
        tensors, values = tensor_file.read(directory / "model.safetensors")
        network.load_state_dict(tensors)
    except (KeyError, TypeError, RuntimeError) as error:
        raise RunError(f"{directory} holds no generator that can be built: {error}") from error
    extent = config.get("extent")
    return _ready(network, shape, config["latent_dim"], values["images_seen"], extent, device)


def _from_checkpoint(run: Run, checkpoint: str, device: str) -> TrainedGenerator:
    """The averaged generator at a moment of a run."""
    path = _checkpoint_path(run, checkpoint)
    recipe = run.read_recipe()
    data = run.read_data()
    shape = ImageShape(**data["shape"])
    network = recipe.architecture.build(shape, recipe.latent_dim).generator
    tensors, values = tensor_file.read(path)
    network.load_state_dict(select_prefix(tensors, "average"))
    extent = data.get("extent")
    return _ready(network, shape, recipe.latent_dim, values["images_seen"], extent, device)


def _ready(
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
    there = ", ".join(["last", *(str(int(path.stem)) for path in paths)])
    if name == "best":
        best = run.best_checkpoint()
        if best is None:
            raise RunError(
                f"{run.directory} was not evaluated while it trained, so none of its checkpoints "
                f"is known to be the best. There are: {there}. It takes a run with "
                "evaluation.every above 0 (--evaluation.every 50k)"
            )
        return run.checkpoint_path(best)
    try:
        path = run.checkpoint_path(parse_count(name))
    except ValueError as error:
        raise RunError(
            f"checkpoint {name!r}: expected last, best or a count of images. There are: {there}"
        ) from error
    if path not in paths:
        raise RunError(f"{run.directory} has no checkpoint at {name} images. There are: {there}")
    return path


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise RunError(
            f"{path.parent.parent} has no generator yet: its first checkpoint was not reached. "
            f"Go on with: ganvas resume {path.parent.parent}"
        )
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}") from error
    if config.get("format") != FORMAT:
        raise RunError(
            f"{path} is of format {config.get('format')}, this ganvas reads format {FORMAT}"
        )
    return config
