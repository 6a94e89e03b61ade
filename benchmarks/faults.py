"""Which metric detects which fault: real images with a known fault, scored as generated ones.

    .venv/bin/python benchmarks/faults.py

The built-in images are split into three parts: 6,000 are the training set, 2,000 are held out, and
the other 2,000 are the samples of a perfect generator, into which each fault is then built. A
metric detects a fault if the score is worse than its floor by more than the width of its interval.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from ganvas.data.preparation import prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
from ganvas.evaluation.measure import measure
from ganvas.evaluation.score import Score
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.images import to_signed
from ganvas.metrics.names import parse_metrics
from ganvas.progress import TerminalFeedback

METRICS = (
    *("fd-lite0", "kid-lite0", "prdc-lite0", "swd", "modes", "birthday", "memorised"),
    *("c2st", "fd-self", "prdc-self", "memorised-self", "birthday-self"),
)
DROPPED = 3
REPEATED = 50


@dataclasses.dataclass(frozen=True)
class Parts:
    """The training and held-out images, and the samples of the perfect generator with classes."""

    data: PreparedData
    perfect: Tensor
    classes: Tensor


class Replay(nn.Module):
    """A generator that returns given images (N, C, H, W), one after the other."""

    def __init__(self, pixels: Tensor) -> None:
        super().__init__()
        self.pixels = nn.Parameter(pixels, requires_grad=False)
        self.position = 0

    def forward(self, latents: Tensor) -> Tensor:
        """The next images in [-1, 1]."""
        indices = torch.arange(self.position, self.position + len(latents)) % len(self.pixels)
        self.position += len(latents)
        return to_signed(self.pixels[indices])


def split(size: int, training: int = 6_000, held_out: int = 2_000, perfect: int = 2_000) -> Parts:
    """Split the built-in images into three parts of these sizes."""
    data = prepare(open_source("fashion"), DataSettings(size=(size, size), held_out=0.0))
    order = np.random.default_rng(0).permutation(len(data.images))
    kept, rest = order[: training + held_out], order[training + held_out :][:perfect]
    assert data.labels is not None
    parts = dataclasses.replace(
        data,
        images=data.images[kept],
        labels=data.labels[kept],
        held_out=np.arange(training, training + held_out),
        key=f"{data.key}-faults-{training}-{held_out}",
    )
    images, classes = data.images[rest], data.labels[rest]
    return Parts(parts, torch.from_numpy(images), torch.from_numpy(classes))


def dropped(parts: Parts) -> Tensor:
    """Three of the ten classes are missing."""
    return parts.perfect[parts.classes >= DROPPED]


def blurred(parts: Parts) -> Tensor:
    """Each pixel is the mean of its 3x3 neighbourhood."""
    smooth = nn.functional.avg_pool2d(parts.perfect.float(), 3, 1, 1, count_include_pad=False)
    return smooth.round().to(torch.uint8)


def noisy(parts: Parts) -> Tensor:
    """Normal noise with a standard deviation of 20 grey levels."""
    noise = torch.randn(parts.perfect.shape, generator=torch.Generator().manual_seed(0))
    return (parts.perfect + 20 * noise).round().clamp(0, 255).to(torch.uint8)


def repeated(parts: Parts) -> Tensor:
    """Fifty training images only."""
    return torch.from_numpy(parts.data.images[parts.data.training[:REPEATED]])


def collapsed(parts: Parts) -> Tensor:
    """The same new image every time."""
    return parts.perfect[:1]


def black(parts: Parts) -> Tensor:
    """All images are black."""
    return torch.zeros_like(parts.perfect)


FAULTS: dict[str, Callable[[Parts], Tensor]] = {
    "none": lambda parts: parts.perfect,
    "3 of 10 kinds missing": dropped,
    "blurred": blurred,
    "noisy": noisy,
    "50 training images repeated": repeated,
    "one image repeated": collapsed,
    "all black": black,
}


EXPECTED: dict[str, tuple[str, ...]] = {
    "3 of 10 kinds missing": ("reverse-kl", "kid-lite0"),
    "blurred": ("fd-lite0", "kid-lite0", "swd"),
    "noisy": ("fd-lite0", "kid-lite0", "swd"),
    "50 training images repeated": (
        *("birthday-lite0", "memorised-lite0", "recall-lite0"),
        *("birthday-self", "memorised-self", "recall-self"),
    ),
    "one image repeated": ("modes", "reverse-kl", "birthday-lite0", "coverage-lite0", "c2st"),
    "all black": ("fd-lite0", "kid-lite0", "recall-lite0", "fd-self", "c2st"),
}
"""The metrics that must detect each fault. A test checks it."""


def score_fault(parts: Parts, name: str, metrics: tuple[str, ...] = METRICS) -> list[Score]:
    """The scores of a generator with this fault."""
    pixels = FAULTS[name](parts)
    shape = parts.data.shape
    generator = TrainedGenerator(Replay(pixels), shape, latent_dim=1, images_seen=0)
    count = len(pixels) if name == "3 of 10 kinds missing" else len(parts.perfect)
    settings = DataSettings(size=(shape.height, shape.width))
    families = parse_metrics(metrics)
    quiet = TerminalFeedback(quiet=True)
    measurement = measure(generator, parts.data, settings, families, count, 0, quiet)
    measurement.check()
    return measurement.scores


def detects(score: Score) -> bool:
    """Whether a score is worse than that of real images by more than its uncertainty."""
    low, high = score.interval
    uncertainty = high - low
    worse = score.floor - score.value if score.more_is_better else score.value - score.floor
    return worse > uncertainty


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--metrics", nargs="+", default=METRICS)
    options = parser.parse_args()
    parts = split(options.size)
    rows: dict[str, dict[str, str]] = {}
    floors: dict[str, str] = {}
    for name in FAULTS:
        for score in score_fault(parts, name, tuple(options.metrics)):
            floors.setdefault(score.metric, f"{score.floor:.3g}")
            mark = "**" if detects(score) else ""
            rows.setdefault(score.metric, {})[name] = f"{mark}{score.value:.3g}{mark}"
        print(f"measured: {name}", flush=True)
    print("| metric | real images | " + " | ".join(FAULTS) + " |")
    print("|---|---|" + "---|" * len(FAULTS))
    for metric, values in rows.items():
        cells = " | ".join(values.get(name, "") for name in FAULTS)
        print(f"| `{metric}` | {floors[metric]} | {cells} |")


if __name__ == "__main__":
    main()
