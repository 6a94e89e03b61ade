"""How long an evaluation will take, from its first batch of samples."""

from __future__ import annotations

import time
from collections.abc import Callable

from ganvas.formatting import format_estimate
from ganvas.progress import Progress

WORTH_SAYING = 3.0
"""Seconds; what is quicker is not announced."""


class ScoringForecast:
    """Passes the progress of the samples on; after their first batch, says how long all will take.

    Args:
        announce: called once, with how long.
        real_images: of which features are computed too, at about the speed of the samples.
        computing: seconds to compute the scores from the features.
    """

    def __init__(
        self,
        on_progress: Progress,
        announce: Callable[[str], None],
        real_images: int,
        computing: float,
    ) -> None:
        self._on_progress, self._announce = on_progress, announce
        self._real_images, self._computing = real_images, computing
        self._start = time.monotonic()
        self._announced = False

    def __call__(self, done: int, total: int) -> None:
        self._on_progress(done, total)
        if done == 0:
            self._start = time.monotonic()
        elif not self._announced:
            self._announced = True
            self._forecast((time.monotonic() - self._start) / done, total)

    def _forecast(self, per_image: float, total: int) -> None:
        seconds = per_image * (total + self._real_images) + self._computing
        if seconds < WORTH_SAYING:
            return
        work = f"{total:,} samples"
        if self._real_images:
            work += f" and, this first time, {self._real_images:,} real images"
        self._announce(f"about {format_estimate(seconds)} for {work}")
