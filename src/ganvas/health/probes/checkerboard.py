"""Checkerboards: regular patterns that upsampling layers leave in images (Odena 2016)."""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.health.probes.context import ProbeContext, ProbeValues

PERIOD = 4
"""Pixels: the last two layers of stride 2 leave patterns with periods of 2 and 4 pixels."""
MIN_SIDE = 16
"""In smaller images the neighbourhoods of two frequencies overlap."""
GREY_LEVEL = 2 / 255

PEAKS = [(row, column) for row in range(PERIOD) for column in range(PERIOD) if row or column]
"""Frequencies of these patterns along rows and columns, in quarters of a cycle per pixel."""
PERIOD_2 = [peak for peak in PEAKS if peak[0] % 2 == peak[1] % 2 == 0]
PERIOD_4 = [peak for peak in PEAKS if peak not in PERIOD_2]


def checkerboard(context: ProbeContext) -> ProbeValues:
    """Prominence of the patterns' frequencies in fakes over that in reals; 1 is as real.

    Strided layers repeat the spectrum at these frequencies (Zhang 2019). Prominence is the energy
    at a frequency over the mean of the 16 bins at distance two, averaged over the frequencies of
    one period; the larger of the two periods counts. A Hann window before the transform limits
    leakage to one bin. Empty for points, and for sides below 16 or not divisible by 4.
    """
    sides = context.real.shape[2:]
    if min(sides) < MIN_SIDE or any(side % PERIOD for side in sides):
        return {}
    fake, real = spectrum(context.fake), spectrum(context.real)
    ratios = [
        peak_prominence(fake, peaks) / peak_prominence(real, peaks)
        for peaks in (PERIOD_2, PERIOD_4)
    ]
    return {"probe/checkerboard/ratio": max(ratios)}


def peak_prominence(energy: Tensor, peaks: list[tuple[int, int]]) -> float:
    """The mean ratio of the energy (H, W) at these frequencies to that around each."""
    height, width = energy.shape
    ratios = []
    for row, column in peaks:
        shift = (2 - row * height // PERIOD, 2 - column * width // PERIOD)
        neighbourhood = torch.roll(energy, shift, dims=(0, 1))[:5, :5]
        ring = (neighbourhood.sum() - neighbourhood[1:4, 1:4].sum()) / 16
        ratios.append(neighbourhood[2, 2] / ring)
    return float(torch.stack(ratios).mean())


def spectrum(images: Tensor) -> Tensor:
    """Mean energy at each frequency, zero first; (N, C, H, W) -> (H, W).

    The energy of rounding to 8 bits is added at every frequency: weaker patterns do not count, and
    images without texture give no 0 / 0.
    """
    height, width = images.shape[2:]
    window = torch.outer(
        torch.hann_window(height, device=images.device),
        torch.hann_window(width, device=images.device),
    )
    energy: Tensor = torch.fft.fft2(images * window).abs().square().mean((0, 1))
    return energy + GREY_LEVEL**2 / 12 * window.square().sum()
