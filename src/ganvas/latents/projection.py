"""Projection: latents whose image is near a given picture (Karras 2020, StyleGAN2, section 5).

The schedule is that of the authors' code, `projector.py` of StyleGAN2-ADA (`search.py`). The rest
must serve any generator on any machine: pixels and EfficientNet-Lite0 stand for VGG, several starts
for one at the mean style, and latents without a style space are pulled to the sphere of those of
training. The code moves the network's noise maps too. Here they are part of the network
(`FixedNoise`) and stay: an image that needs others could not be made from its latents again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ganvas.arguments import in_words, is_count
from ganvas.extras import MissingExtra
from ganvas.images import Pixels, to_channels_last, to_signed, to_uint8
from ganvas.latents.distances import (
    Description,
    Distance,
    PixelDistance,
    check_installed,
    described,
    feature_distance,
    root_mean_square,
    structural_similarity,
    total,
)
from ganvas.latents.latents import Latents, generate_batches
from ganvas.latents.search import Search, SearchPlan
from ganvas.networks.styles import StyleBased
from ganvas.progress import Progress

SpaceChoice = Literal["auto", "z", "w", "w+"]
"""Latents; one style for all layers; or a style for each layer, which fits more pictures."""
DistanceChoice = Literal["auto", "features", "pixels"]

STEPS, STARTS = 500, 2

CANDIDATES = 256
"""Images of random latents, of which the nearest to a picture are its starts."""
WARM_UP_STEPS, TIMED_STEPS = 1, 4
"""Steps that are tried for an estimate; the first takes longer than others."""
ROWS = 64
"""Pictures times starts that move together, about; each takes 10 MB with features."""


@dataclass(frozen=True)
class ProjectionSettings:
    """How pictures are projected.

    space: w and w+ need a generator with a style space, for which auto is w; else it is z.
    distance: what is minimised: pixels, or features too; auto takes features if they are installed.
    label: of the pictures; None starts from the labels of the nearest random samples.
    steps: updates of the latents; published are 1,000.
    starts: tried for each picture, of which the nearest in the end is kept.
    seed: of the candidates for starts, and of the noise.
    """

    space: SpaceChoice = "auto"
    distance: DistanceChoice = "auto"
    label: str | int | None = None
    steps: int = STEPS
    starts: int = STARTS
    seed: int = 0


@dataclass(frozen=True)
class Projection:
    """Pictures, and their projections into a generator.

    latents: of each picture, in the space z or w.
    targets: the pictures, uint8 (N, H, W, C).
    images: what the generator makes of the latents, uint8 (N, H, W, C).
    way: images from the start to the projection, uint8 (N, T, H, W, C).
    distances: each (N,). `distance` is what was minimised, the sum of `pixels` (mean absolute
        difference of values in [-1, 1], over several sizes) and, where there are features,
        `features`. `rmse` is the root mean square difference in grey levels (0 to 255) and `ssim`
        the structural similarity (at most 1, more is nearer); neither was minimised.
    """

    latents: Latents
    targets: Pixels
    images: Pixels
    way: Pixels
    distances: Mapping[str, npt.NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.targets)


class Projector:
    """Projects pictures into a generator; what is the same for all of them is computed once.

    Args:
        network: in eval mode, frozen.
        drawn: latents of random samples in the space z, as candidates for starts.
        settings: without `projection_problems`.
        distance: what is minimised; by default what the settings say.

    Raises:
        GanvasError: the features are damaged.
    """

    def __init__(
        self,
        network: nn.Module,
        drawn: Latents,
        settings: ProjectionSettings,
        distance: Distance | None = None,
    ) -> None:
        self.network, self.settings = network, resolved(network, settings)
        if distance is None:
            distance = distance_of(self.settings, drawn.values.device)
        self.distance: Distance = distance
        self.candidates, self.spread = drawn, math.sqrt(drawn.values.shape[1])
        if self.settings.space != "z":
            assert isinstance(network, StyleBased)
            self.candidates, self.spread = style_candidates(network, drawn)
        images = [batch.clone() for batch in generate_batches(network, self.candidates)]
        self.of_candidates = described(self.distance, torch.cat(images))

    def batches(self, targets: Pixels, on_progress: Progress) -> Iterator[Projection]:
        """Project pictures, some at a time, so that those that are done stay done.

        The projection of a picture does not depend on the others: all have the same candidates and
        the same noise.

        Args:
            targets: uint8 (N, H, W, C), of the generator's shape.
            on_progress: called after every step with (done, total), in steps of all batches.
        """
        settings, per_batch = self.settings, self.per_batch
        total = math.ceil(len(targets) / per_batch) * settings.steps
        for number, first in enumerate(range(0, len(targets), per_batch)):
            pixels = self.to_device(targets[first : first + per_batch])
            search = self.search(described(self.distance, to_signed(pixels)))
            for step in search.steps():
                on_progress(number * settings.steps + step, total)
            yield projection_of(search, pixels)

    def estimate(self, targets: Pixels) -> float:
        """About how many seconds these pictures will take, by a few steps that are tried.

        0 where there are none, or so few steps that these would be more than a tenth of them.
        """
        if not len(targets) or self.settings.steps < 10 * (WARM_UP_STEPS + TIMED_STEPS):
            return 0.0
        pixels = self.to_device(targets[: self.per_batch])
        steps = self.search(described(self.distance, to_signed(pixels))).steps()
        for _ in zip(range(WARM_UP_STEPS), steps, strict=False):
            pass
        start = time.perf_counter()
        for _ in zip(range(TIMED_STEPS), steps, strict=False):
            pass
        seconds = (time.perf_counter() - start) / TIMED_STEPS  # a step of one batch
        return seconds * self.settings.steps * len(targets) / len(pixels)

    @property
    def per_batch(self) -> int:
        """How many pictures move together."""
        return max(1, ROWS // self.settings.starts)

    def to_device(self, pictures: Pixels) -> Tensor:
        """Pictures as uint8 (N, C, H, W), where the network is."""
        pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2)
        return pixels.to(self.candidates.values.device)

    def search(self, of_targets: Description) -> Search:
        """The search of some pictures, at their starts."""
        settings = self.settings
        chosen = nearest_rows(self.distance, self.of_candidates, of_targets, settings.starts)
        plan = SearchPlan(
            settings.steps, settings.starts, settings.seed, self.spread, settings.space == "w"
        )
        repeated = tuple(part.repeat_interleave(settings.starts, 0) for part in of_targets)
        return Search(self.network, self.distance, plan, self.candidates[chosen], repeated)


def style_candidates(network: StyleBased, drawn: Latents) -> tuple[Latents, float]:
    """The mean style of each label that was drawn, then the styles of the latents; their spread.

    The spread is around the mean style of the own label.
    """
    with torch.no_grad():
        labels = () if drawn.labels is None else (drawn.labels,)
        styles = network.map(drawn.values, *labels)  # (C, S)
    means = network.mean_styles
    if means.dim() == 1:
        distinct, own = means[None], means[None]
    else:
        assert drawn.labels is not None
        distinct, own = means[torch.unique(drawn.labels)], means[drawn.labels]
    spread = (styles - own).square().sum(1).mean().sqrt()
    every = torch.cat([distinct, styles])[:, None].expand(-1, network.style_layers, -1)
    return Latents(every, space="w"), float(spread)


def nearest_rows(
    distance: Distance, of_candidates: Description, of_targets: Description, count: int
) -> Tensor:
    """The indices of the `count` candidates nearest to each picture, int64 (N * count,)."""
    nearest = []
    for index in range(len(of_targets[0])):
        of_target = tuple(part[index : index + 1] for part in of_targets)
        distances = total(distance.terms(of_candidates, of_target))  # (C,)
        nearest.append(distances.argsort(stable=True)[:count])
    return torch.cat(nearest)


def projection_of(search: Search, targets: Tensor) -> Projection:
    """Where a search is now, and how near that is to its pictures, uint8 (N, C, H, W)."""
    latents, outputs, terms = search.nearest()
    images = to_uint8(outputs)
    distances = {
        "distance": total(terms),
        **terms,
        "rmse": root_mean_square(images, targets),
        "ssim": structural_similarity(images, targets),
    }
    way = torch.stack([*search.way, images], 1)  # (N, T, C, H, W)
    return Projection(
        latents,
        to_channels_last(targets),
        to_channels_last(images),
        way.permute(0, 1, 3, 4, 2).contiguous().cpu().numpy(),
        {name: values.double().cpu().numpy() for name, values in distances.items()},
    )


def joined(parts: Sequence[Projection]) -> Projection:
    """The projections of several batches as one; at least one."""
    latents = [part.latents for part in parts]
    labels = [each.labels for each in latents if each.labels is not None]
    return Projection(
        Latents(
            torch.cat([each.values for each in latents]),
            torch.cat(labels) if labels else None,
            latents[0].space,
        ),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.way for part in parts]),
        {
            name: np.concatenate([part.distances[name] for part in parts])
            for name in parts[0].distances
        },
    )


def projection_problems(network: nn.Module, settings: ProjectionSettings) -> list[str]:
    """Why pictures cannot be projected so, one sentence each."""
    problems = []
    if not is_count(settings.steps):
        problems.append(f"steps: expected at least 1, got {in_words(settings.steps)}")
    if not is_count(settings.starts) or settings.starts > ROWS:
        problems.append(f"starts: expected 1 to {ROWS}, got {in_words(settings.starts)}")
    for name, word, words in (
        ("space", settings.space, get_args(SpaceChoice)),
        ("distance", settings.distance, get_args(DistanceChoice)),
    ):
        if word not in words:
            problems.append(f"{name}: expected one of {', '.join(words)}, got {in_words(word)}")
    if settings.space in ("w", "w+") and not isinstance(network, StyleBased):
        problems.append(
            f"this generator has no style space: choose the space z, not {settings.space}"
        )
    if next(network.parameters(), None) is None:
        problems.append("no gradient passes through an ONNX file: load the run that it is of")
    try:
        if settings.distance == "features":
            check_installed()
    except MissingExtra as error:
        problems.append(str(error))
    return problems


def resolved(network: nn.Module, settings: ProjectionSettings) -> ProjectionSettings:
    """The settings with what `auto` means for this generator and on this machine."""
    space, distance = settings.space, settings.distance
    if space == "auto":
        space = "w" if isinstance(network, StyleBased) else "z"
    if distance == "auto":
        try:
            check_installed()
            distance = "features"
        except MissingExtra:
            distance = "pixels"
    return replace(settings, space=space, distance=distance)


def distance_of(settings: ProjectionSettings, device: torch.device) -> Distance:
    """What resolved settings minimise. Raises a `GanvasError` if the features are damaged."""
    return PixelDistance() if settings.distance == "pixels" else feature_distance(device)
