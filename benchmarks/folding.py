"""Lite0 as published, and with its batch norms folded: milliseconds of CPU time per image.

    .venv/bin/python benchmarks/folding.py

Both take the same batches of Fashion-MNIST by turns, in one process and one thread, so that a busy
machine slows both alike: medians over batches, and the 10th and 90th percentiles. The last lines
say how far features and scores are apart.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from torch import Tensor, nn

from ganvas.data.preparation import prepare
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
from ganvas.metrics.features import FeatureNetwork
from ganvas.metrics.frechet import frechet_distance
from ganvas.metrics.lite0 import Lite0, load_lite0, published_network
from ganvas.metrics.prdc import prdc
from ganvas.schedules import parse_count

CPU = torch.device("cpu")
BATCH = 32
"""Images at a time, as in an evaluation."""


class Published(nn.Module):
    """The published network, for the mirrored images that the folded one takes."""

    def __init__(self) -> None:
        super().__init__()
        self.network = published_network().to(memory_format=torch.channels_last)

    def forward(self, mirrored: Tensor) -> Tensor:
        """Mirrored images (n, 3, H, W) -> feature maps."""
        maps: Tensor = self.network.extract_features(mirrored.flip(2, 3))
        return maps


def extract(network: FeatureNetwork, pixels: Tensor) -> tuple[Tensor, float]:
    """The features of a batch, and milliseconds of CPU time per image."""
    start = time.thread_time()
    features = network(pixels)
    return features, 1e3 * (time.thread_time() - start) / len(pixels)


def main() -> None:
    """Extract features by turns; print a table, and the differences."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=parse_count, default=2_000, help="images (2k)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = prepare(open_source("fashion"), DataSettings(size=(32, 32)))
    pixels = torch.from_numpy(np.array(data.images[: options.count]))
    networks = {"published": Lite0("lite0", 1280, CPU, Published()), "folded": load_lite0(CPU)}
    features: dict[str, list[Tensor]] = {name: [] for name in networks}
    costs: dict[str, list[float]] = {name: [] for name in networks}
    for network in networks.values():
        network(pixels[:BATCH])  # untimed: a first batch also allocates memory
    for batch in torch.split(pixels, BATCH):
        for name, network in networks.items():
            rows, cost = extract(network, batch)
            features[name].append(rows)
            costs[name].append(cost)
    published, folded = (torch.cat(features[name]) for name in networks)
    ratios = [a / b for a, b in zip(costs["published"], costs["folded"], strict=True)]
    for name, numbers in {**costs, "published / folded": ratios}.items():
        low, median, high = np.percentile(numbers, [10, 50, 90])
        print(f"{name}: {median:.2f} [{low:.2f}, {high:.2f}]")
    half = len(pixels) // 2
    print(f"features differ by up to {float((published - folded).abs().max()):.1e}")
    first, second = (frechet_distance(rows[:half], rows[half:]) for rows in (published, folded))
    print(f"the Frechet distance of the two halves by {abs(second.value / first.value - 1):.1e}")
    first, second = (prdc(rows[:half], rows[half:]) for rows in (published, folded))
    print(", ".join(f"{k} {first[k].value:.4g} and {second[k].value:.4g}" for k in first))


if __name__ == "__main__":
    main()
