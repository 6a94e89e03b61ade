"""Checkerboards: regular patterns that upsampling layers leave in images (Odena 2016)."""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.health.probes.subject import Numbers, Subject

PERIOD = 4
"""The last two layers of stride 2 leave patterns that repeat every 2 and every 4 pixels."""
SMALLEST_SIDE = 16
"""Below this the neighbourhood of one frequency holds the next one."""
GREY_LEVEL = 2 / 255

PEAKS = [(row, column) for row in range(PERIOD) for column in range(PERIOD) if row or column]
"""Frequencies of such patterns along rows and columns, in quarters of a cycle per pixel."""
EVERY_2 = [place for place in PEAKS if place[0] % 2 == place[1] % 2 == 0]
EVERY_4 = [place for place in PEAKS if place not in EVERY_2]


def checkerboard(subject: Subject) -> Numbers:
    """How far fakes stand out at the patterns' frequencies, over how far reals do; 1 is as real.

    Strided layers repeat the spectrum at these frequencies (Zhang 2019). Standing out is the energy
    at a frequency over the mean of the 16 at two bins' distance, averaged over the frequencies of
    one period; of the two periods the worse one counts. A Hann window before the transform keeps
    each frequency within one bin of its own. Left out for points, and for sides below 16 or not
    divisible by 4.
    """
    sides = subject.real.shape[2:]
    if min(sides) < SMALLEST_SIDE or any(side % PERIOD for side in sides):
        return {}
    fake, real = spectrum(subject.fake), spectrum(subject.real)
    ratios = [standing_out(fake, peaks) / standing_out(real, peaks) for peaks in (EVERY_2, EVERY_4)]
    return {"probe/checkerboard/ratio": max(ratios)}


def standing_out(energy: Tensor, peaks: list[tuple[int, int]]) -> float:
    """The mean ratio of the energy (H, W) at these frequencies to that around each."""
    height, width = energy.shape
    ratios = []
    for row, column in peaks:
        shift = (2 - row * height // PERIOD, 2 - column * width // PERIOD)
        around = torch.roll(energy, shift, dims=(0, 1))[:5, :5]
        ring = (around.sum() - around[1:4, 1:4].sum()) / 16
        ratios.append(around[2, 2] / ring)
    return float(torch.stack(ratios).mean())


def spectrum(images: Tensor) -> Tensor:
    """Mean energy at each frequency, zero first; (N, C, H, W) -> (H, W).

    The energy that rounding to 8 bits has at every frequency is added: a pattern below it is none,
    and images without any texture have no 0 / 0.
    """
    height, width = images.shape[2:]
    window = torch.outer(
        torch.hann_window(height, device=images.device),
        torch.hann_window(width, device=images.device),
    )
    energy: Tensor = torch.fft.fft2(images * window).abs().square().mean((0, 1))
    return energy + GREY_LEVEL**2 / 12 * window.square().sum()
