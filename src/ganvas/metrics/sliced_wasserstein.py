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
"""Images of each set."""
PATCH = 7
SMALLEST_SIDE = 12
"""A level is there as long as its shorter side has this many pixels: 64, 32, 16 or 28, 14."""
PATCHES = 2**16
"""About how many patches each set gives at each level; 2^17 in total, some 80 MB in colour."""
PATCHES_PER_IMAGE = 128
"""At most; what Karras 2018 takes of each of 16,384 images."""
DIRECTIONS = 512
DIRECTIONS_AT_ONCE = 64
GROUPS = 10
"""Into how many parts the generated images are split to see how much the distance varies."""
IMAGES_AT_ONCE = 512
SCALE = 1000.0
"""Published numbers are a thousand times the distance."""


@dataclass(frozen=True)
class Level:
    """One level's distance, and what its uncertainty is made of.

    value: mean over directions.
    groups: (GROUPS,) the same for each part of the generated images.
    direction_variance: of that mean, from the directions drawn.
    """

    value: float
    groups: Tensor
    direction_variance: float


def sliced_wasserstein(real: Tensor, fake: Tensor, seed: int) -> Estimate:
    """The distance between 7x7 patches of two sets of images, a thousand times, over all levels.

    Karras 2018, section 5: at each level of a Laplacian pyramid, patches are drawn at random, each
    set's channels brought to mean zero and variance one, projected onto random directions, and
    compared by the mean |x - y| of the sorted projections. So it sees structure and sharpness, and
    no shift of all brightness or contrast. Fewer samples give larger numbers, for equal sets too.

    Sets of different size give different numbers of patches; sorted projections are then matched
    at equal quantiles. The k-th image of either set gives its patches from the same places, so that
    a set has no distance to itself. The interval comes from subsamples, the distances of ten
    disjoint parts of the generated images, which vary sqrt(10) times as much as that of all (its
    error falls as 1 / sqrt(m), for equal and for different sets), and from the directions.

    Args:
        real: (n, C, H, W) uint8, n >= 2, at least 12 pixels a side.
        fake: (m, C, H, W) uint8, m >= 2.
        seed: which patches and directions are drawn.

    Returns:
        The mean over levels, with a detail for each level, named by its size, e.g. `16x16`.

    Raises:
        GanvasError: not such images, too few, too small, or of different shapes.
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
    """Everything about one level of the pyramid."""
    real_patches, fake_patches = patches(real, depth, seed), patches(fake, depth, seed)
    target, generated = normalised(real_patches), normalised(fake_patches)
    random = named_generator(seed, f"directions {depth}")
    each = fake_patches.shape[0] // len(fake)
    groups = torch.randperm(len(fake), generator=random).tensor_split(min(GROUPS, len(fake)))
    of_image = fake_patches.view(len(fake), each, *fake_patches.shape[1:])
    distances, partial = [], []
    for start in range(0, DIRECTIONS, DIRECTIONS_AT_ONCE):
        shape = (target.shape[1], DIRECTIONS_AT_ONCE)
        directions = torch.randn(shape, generator=random).to(fake.device)
        directions /= directions.norm(dim=0)
        wanted = ascending(target @ directions)
        distances.append(earth_movers(wanted, ascending(generated @ directions)))
        if start == 0:  # enough directions to see how much the parts differ
            for group in groups:
                part = normalised(of_image[group.to(fake.device)].flatten(0, 1))
                partial.append(earth_movers(wanted, ascending(part @ directions)).mean())
    found = torch.cat(distances).double()
    return Level(
        float(found.mean()),
        torch.stack(partial).double().cpu(),
        float(found.var()) / len(found),
    )


def patches(images: Tensor, depth: int, seed: int) -> Tensor:
    """Patches of one level, equally many of each image, side by side; -> (p, C, 7, 7)."""
    count, channels = images.shape[:2]
    each = max(1, min(PATCHES_PER_IMAGE, PATCHES // count))
    height, width = level_sizes(*images.shape[2:])[depth]
    random = named_generator(seed, f"patches {depth}")
    places = torch.rand(count, each, 2, generator=random)
    room = torch.tensor([height - PATCH + 1, width - PATCH + 1])
    corners = (places * room).long().to(images.device)  # (n, each, 2): y, x
    step = torch.arange(PATCH, device=images.device)
    channel = torch.arange(channels, device=images.device)[:, None, None]
    cut = []
    for start in range(0, count, IMAGES_AT_ONCE):
        level = laplacian_level(images[start : start + IMAGES_AT_ONCE].float(), depth)
        y, x = corners[start : start + IMAGES_AT_ONCE].unbind(2)  # (b, each)
        which = torch.arange(len(level), device=images.device)[:, None, None, None, None]
        rows = (y[..., None] + step)[:, :, None, :, None]
        columns = (x[..., None] + step)[:, :, None, None, :]
        cut.append(level[which, channel, rows, columns].flatten(0, 1))  # (b * each, C, 7, 7)
    return torch.cat(cut)


def normalised(patches: Tensor) -> Tensor:
    """Each channel with mean 0 and variance 1 over all patches; (p, C, 7, 7) -> (p, C 7 7)."""
    deviation, mean = torch.std_mean(patches, dim=(0, 2, 3), correction=0, keepdim=True)
    return ((patches - mean) / torch.where(deviation > 0, deviation, 1.0)).flatten(1)


def laplacian_level(images: Tensor, depth: int) -> Tensor:
    """What remains of images (n, C, H, W) at one depth of their Laplacian pyramid.

    Each level is what halving the size loses; the last is the halved image itself (Burt and
    Adelson 1983).
    """
    last = len(level_sizes(*images.shape[2:])) - 1
    for _ in range(depth):
        images = halved(images)
    if depth == last:
        return images
    return images - doubled(halved(images), images.shape[2], images.shape[3])


def level_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """(height, width) of every level, the full size first."""
    sizes = [(height, width)]
    while (min(sizes[-1]) + 1) // 2 >= SMALLEST_SIDE:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


def halved(images: Tensor) -> Tensor:
    """Every second pixel of the smoothed images."""
    return smoothed(images)[:, :, ::2, ::2]


def doubled(images: Tensor, height: int, width: int) -> Tensor:
    """Back to the size before `halved`: zeros between the pixels, smoothed, times 4."""
    spread = images.new_zeros(*images.shape[:2], height, width)
    spread[:, :, ::2, ::2] = images
    return 4 * smoothed(spread)


def smoothed(images: Tensor) -> Tensor:
    """Convolution with the binomial 1 4 6 4 1 over 16 both ways, mirrored at the borders.

    As a sum of shifted images, which takes a fifth of the time of conv2d with a group a channel.
    """
    for dim in (2, 3):
        size = images.shape[dim]
        margin = (0, 0, 2, 2) if dim == 2 else (2, 2, 0, 0)
        padded = F.pad(images, margin, mode="reflect")
        shifted = [padded.narrow(dim, offset, size) for offset in range(5)]
        images = shifted[2] * 6 + (shifted[1] + shifted[3]) * 4 + shifted[0] + shifted[4]
        images = images / 16
    return images


def ascending(projected: Tensor) -> Tensor:
    """(patches, directions) -> (directions, patches), each row sorted."""
    rows = projected.T.contiguous()
    if rows.device.type == "cpu":  # numpy sorts numbers several times as fast as torch there
        return torch.from_numpy(np.sort(rows.numpy(), axis=1))
    return rows.sort(dim=1).values


def earth_movers(target: Tensor, values: Tensor) -> Tensor:
    """The 1-d Wasserstein distance of sorted rows; (k, p), (k, q) -> (k,).

    Where p differs from q each value meets the target at its own quantile, (i + 1/2) / q.
    """
    p, q = target.shape[1], values.shape[1]
    if p != q:
        quantiles = (torch.arange(q, device=target.device) * 2 + 1) * p // (2 * q)
        target = target[:, quantiles]
    return (target - values).abs().mean(1)


def check_images(real: Tensor, fake: Tensor) -> None:
    """Raises GanvasError, naming every problem."""
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
    """One sentence for each set that has no structure: every image is of one and the same colour,
    or all images are the same."""
    warnings = []
    for name, images in sets.items():
        first = images[:1]
        if bool((images.amin((0, 2, 3)) == images.amax((0, 2, 3))).all()):
            warnings.append(
                f"all {name} images are of one colour, e.g. black: they have no patches"
            )
        elif all(bool((part == first).all()) for part in torch.split(images, IMAGES_AT_ONCE)):
            warnings.append(f"all {len(images):,} {name} samples are identical")
    return tuple(warnings)
