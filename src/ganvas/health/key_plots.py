"""The plots of probes that say most about training, for the report and the live page."""

from __future__ import annotations

from dataclasses import dataclass

LOG_FROM = 30
"""An axis is logarithmic from this ratio of its largest to its smallest value on."""


@dataclass(frozen=True)
class KeyPlot:
    """A plot of probe columns that say most about training.

    columns: each column of the history and the label of its line.
    mark: a value to compare with, and what it is.
    limits: of the y axis; None for what the data need.
    """

    title: str
    columns: tuple[tuple[str, str], ...]
    mark: tuple[float, str] | None
    limits: tuple[float | None, float | None]
    caption: str


KEY_PLOTS = (
    KeyPlot(
        "Can the discriminator tell real from generated?",
        (("probe/ranking/train", "training"), ("probe/ranking/held_out", "held out")),
        (0.5, "a coin toss"),
        (0, 1.04),
        "How often the logit of a real image is above that of a generated one. Where the two lines "
        "separate, the discriminator has memorised its training images.",
    ),
    KeyPlot(
        "How much are the discriminator's images augmented?",
        (("augmentation/probability", "probability"), ("augmentation/memory", "ranked above")),
        (0.5, "nothing memorised"),
        (0, 1.04),
        "The probability of each transformation. Where it is adaptive, also what it follows: how "
        "often the logit of a training image is above that of a held-out one.",
    ),
    KeyPlot(
        "How diverse are the images?",
        (("probe/diversity/vendi", "number"), ("probe/diversity/distance", "distance")),
        (1, "real images"),
        (0, None),
        "The effective number of different images, and the mean distance between two, each divided "
        "by that of real images.",
    ),
    KeyPlot(
        "How far is the mean image from the real one?",
        (("probe/likeness/mean_gap", "mean image"),),
        (0.18, "noise of 64 images"),
        (0, None),
        "The distance between the mean generated and the mean training image, divided by the "
        "spread of training images.",
    ),
    KeyPlot(
        "How much do images still change?",
        (("probe/movement/last", "last probes"), ("probe/movement/average_lag", "EMA lag")),
        None,
        (0, None),
        "The distance between images of the same latents, divided by that between two real images: "
        "since the last probes, and between the EMA generator and the current one.",
    ),
)
