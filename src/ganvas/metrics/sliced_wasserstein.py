"""The sliced Wasserstein distance of image patches, at several sizes; needs no network."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

from ganvas.errors import GanvasError
from ganvas.metrics.estimate import Estimate, students_interval
from ganvas.randomness import named_generator

FEWEST = 2
"""Images needed in each set."""
PATCH = 7
SMALLEST_SIDE = 12
"""The pyramid ends when its shorter side would be smaller: levels of 64, 32, 16 or 28, 14."""
PATCHES = 2**16
"""Patches of each set at each level, approximately; both sets take about 80 MB in colour."""
PATCHES_PER_IMAGE = 128
"""At most; as Karras 2018, from each of 16,384 images."""
DIRECTIONS = 512
DIRECTIONS_PER_BATCH = 64
GROUPS = 10
"""Parts of the generated images, to estimate how much the distance varies."""
IMAGES_PER_BATCH = 512
SCALE = 1000.0
"""Published values are a thousand times the distance."""


@dataclass(frozen=True)
class Level:
    """The distance at one level of the pyramid, and its sources of uncertainty.

    value: mean over directions.
    groups: (GROUPS,) the same for each part of the generated images.
    direction_variance: variance of the mean, from the choice of directions.
    """

    value: float
    groups: Tensor
    direction_variance: float


def sliced_wasserstein(real: Tensor, fake: Tensor, seed: int) -> Estimate:
    """The sliced Wasserstein distance of 7x7 patches, times 1000, over all levels of a pyramid.

    Karras 2018, section 5: at each level of a Laplacian pyramid, random patches are drawn, each
    channel of each set is normalised to mean zero and variance one, and patches are projected onto
    random directions and compared by the mean |x - y| of the sorted projections. The distance
    measures structure and sharpness, but not brightness or contrast. Fewer samples give larger
    values, also for equal distributions.

    Sets of different size give different numbers of patches; sorted projections are then compared
    at equal quantiles. The k-th images of both sets give patches at the same positions, so that the
    distance of a set to itself is zero. The interval includes the choice of directions, and the
    variance over ten disjoint parts of the generated images: their distances vary sqrt(10) times as
    much as that of all images, since its error falls as 1 / sqrt(m).

    Args:
        real: (n, C, H, W) uint8, n >= 2, at least 12 pixels a side.
        fake: (m, C, H, W) uint8, m >= 2.
        seed: decides the patches and directions.

    Returns:
        The mean over levels; the details are the distances of all levels by size, e.g. `16x16`.

    Raises:
        GanvasError: other types of images, too few, too small, or of different shapes.
    """
    check_images(real, fake)
    levels = {
        f"{height}x{width}": level_distance(real, fake, depth, seed)
        for depth, (height, width) in enumerate(level_sizes(*real.shape[2:]))
    }
    value = fmean(level.value for level in levels.values())
    groups = torch.stack([level.groups for level in levels.values()]).mean(0)
    from_directions = sum(level.direction_variance for level in levels.values()) / len(levels) ** 2
    variance = float(groups.var()) / len(groups) + from_directions
    low, high = students_interval(SCALE * value, SCALE * variance**0.5, len(groups) - 1)
    return Estimate(
        SCALE * value,
        (max(0.0, low), high),
        f"subsampling of {len(groups)} parts of the generated samples, and the directions' spread",
        one_colour_warnings(real=real, generated=fake),
        {name: SCALE * level.value for name, level in levels.items()},
    )


def level_distance(real: Tensor, fake: Tensor, depth: int, seed: int) -> Level:
    """The distance at one level of the pyramid."""
    real_patches, fake_patches = (extract_patches(images, depth, seed) for images in (real, fake))
    target, generated = normalise_channels(real_patches), normalise_channels(fake_patches)
    random = named_generator(seed, f"directions {depth}")
    per_image = fake_patches.shape[0] // len(fake)
    groups = torch.randperm(len(fake), generator=random).tensor_split(min(GROUPS, len(fake)))
    by_image = fake_patches.view(len(fake), per_image, *fake_patches.shape[1:])
    distances, partial = [], []
    for start in range(0, DIRECTIONS, DIRECTIONS_PER_BATCH):
        shape = (target.shape[1], DIRECTIONS_PER_BATCH)
        directions = torch.randn(shape, generator=random).to(fake.device)
        directions /= directions.norm(dim=0)
        sorted_target = sort_projections(target @ directions)
        distances.append(wasserstein_1d(sorted_target, sort_projections(generated @ directions)))
        if start == 0:  # these directions are enough to compare the parts
            for group in groups:
                part = normalise_channels(by_image[group.to(fake.device)].flatten(0, 1))
                sorted_part = sort_projections(part @ directions)
                partial.append(wasserstein_1d(sorted_target, sorted_part).mean())
    all_distances = torch.cat(distances).double()
    return Level(
        float(all_distances.mean()),
        torch.stack(partial).double().cpu(),
        float(all_distances.var()) / len(all_distances),
    )


def extract_patches(images: Tensor, depth: int, seed: int) -> Tensor:
    """Random patches of one level, equally many per image, in image order; -> (p, C, 7, 7)."""
    count, channels = images.shape[:2]
    per_image = max(1, min(PATCHES_PER_IMAGE, PATCHES // count))
    height, width = level_sizes(*images.shape[2:])[depth]
    random = named_generator(seed, f"patches {depth}")
    positions = torch.rand(count, per_image, 2, generator=random)
    room = torch.tensor([height - PATCH + 1, width - PATCH + 1])
    corners = (positions * room).long().to(images.device)  # (n, per_image, 2): y, x
    step = torch.arange(PATCH, device=images.device)
    channel = torch.arange(channels, device=images.device)[:, None, None]
    batches = []
    for start in range(0, count, IMAGES_PER_BATCH):
        level = laplacian_level(images[start : start + IMAGES_PER_BATCH].float(), depth)
        y, x = corners[start : start + IMAGES_PER_BATCH].unbind(2)  # (b, per_image)
        index = torch.arange(len(level), device=images.device)[:, None, None, None, None]
        rows = (y[..., None] + step)[:, :, None, :, None]
        columns = (x[..., None] + step)[:, :, None, None, :]
        patches = level[index, channel, rows, columns]  # (b, per_image, C, 7, 7)
        batches.append(patches.flatten(0, 1))
    return torch.cat(batches)


def normalise_channels(patches: Tensor) -> Tensor:
    """Normalise each channel to mean 0, variance 1 over all patches; (p, C, 7, 7) -> (p, C 7 7)."""
    deviation, mean = torch.std_mean(patches, dim=(0, 2, 3), correction=0, keepdim=True)
    return ((patches - mean) / torch.where(deviation > 0, deviation, 1.0)).flatten(1)


def laplacian_level(images: Tensor, depth: int) -> Tensor:
    """One level of the Laplacian pyramid of images (n, C, H, W) (Burt and Adelson 1983).

    Each level is the detail lost by downsampling; the last level is the downsampled image itself.
    """
    last = len(level_sizes(*images.shape[2:])) - 1
    for _ in range(depth):
        images = downsample(images)
    if depth == last:
        return images
    return images - upsample(downsample(images), images.shape[2], images.shape[3])


def level_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """(height, width) of every level, full size first."""
    sizes = [(height, width)]
    while (min(sizes[-1]) + 1) // 2 >= SMALLEST_SIDE:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


def downsample(images: Tensor) -> Tensor:
    """Blur images (n, C, H, W), and keep every second pixel."""
    return binomial_blur(images)[:, :, ::2, ::2]


def upsample(images: Tensor, height: int, width: int) -> Tensor:
    """Undo the size change of `downsample`: insert zeros between pixels, blur, times 4."""
    spread = images.new_zeros(*images.shape[:2], height, width)
    spread[:, :, ::2, ::2] = images
    return 4 * binomial_blur(spread)


def binomial_blur(images: Tensor) -> Tensor:
    """Convolve with [1 4 6 4 1] / 16 along both axes, reflected at the borders.

    A sum of shifted images takes a fifth of the time of a depthwise conv2d.
    """
    for dim in (2, 3):
        size = images.shape[dim]
        margin = (0, 0, 2, 2) if dim == 2 else (2, 2, 0, 0)
        padded = F.pad(images, margin, mode="reflect")
        shifted = [padded.narrow(dim, offset, size) for offset in range(5)]
        images = shifted[2] * 6 + (shifted[1] + shifted[3]) * 4 + shifted[0] + shifted[4]
        images = images / 16
    return images


def sort_projections(projected: Tensor) -> Tensor:
    """(patches, directions) -> (directions, patches), each row ascending."""
    rows = projected.T.contiguous()
    if rows.device.type == "cpu":  # numpy sorts several times as fast as torch
        return torch.from_numpy(np.sort(rows.numpy(), axis=1))
    return rows.sort(dim=1).values


def wasserstein_1d(target: Tensor, values: Tensor) -> Tensor:
    """The 1-d Wasserstein distance of sorted rows; (k, p), (k, q) -> (k,).

    If p differs from q, each value is compared with the target at its quantile, (i + 1/2) / q.
    """
    p, q = target.shape[1], values.shape[1]
    if p != q:
        quantiles = (torch.arange(q, device=target.device) * 2 + 1) * p // (2 * q)
        target = target[:, quantiles]
    return (target - values).abs().mean(1)


def check_images(real: Tensor, fake: Tensor) -> None:
    """Raise a `GanvasError` that names every problem of the images."""
    problems = []
    for name, images in (("real", real), ("generated", fake)):
        if images.ndim != 4 or images.dtype != torch.uint8:
            problems.append(
                f"{name}: expected uint8 images (n, C, H, W), got {images.dtype}"
                f" {tuple(images.shape)}"
            )
        elif len(images) < FEWEST:
            problems.append(f"{name}: at least {FEWEST} images are needed, got {len(images)}")
        elif min(images.shape[2:]) < SMALLEST_SIDE:
            problems.append(
                f"{name}: sides of {SMALLEST_SIDE} pixels at least are needed, got"
                f" {images.shape[2]}x{images.shape[3]}"
            )
    if not problems and real.shape[1:] != fake.shape[1:]:
        problems.append(
            f"images of different shapes cannot be compared: real {tuple(real.shape[1:])},"
            f" generated {tuple(fake.shape[1:])}"
        )
    if problems:
        raise GanvasError("; ".join(problems))


def one_colour_warnings(**sets: Tensor) -> tuple[str, ...]:
    """A warning for each set without structure: all pixels, or all images, are the same."""
    warnings = []
    for name, images in sets.items():
        first = images[:1]
        if bool((images.amin((0, 2, 3)) == images.amax((0, 2, 3))).all()):
            warnings.append(
                f"all {name} images are of one colour, e.g. black: they have no patches"
            )
        elif all(bool((part == first).all()) for part in torch.split(images, IMAGES_PER_BATCH)):
            warnings.append(f"all {len(images):,} {name} samples are identical")
    return tuple(warnings)
