"""How samples are chosen: what a truncation and a fraction to keep may be. Imports no torch."""

from __future__ import annotations

from numbers import Real

from ganvas.arguments import in_words
from ganvas.errors import ArgumentError

MOST_TRUNCATION = 2.0
"""Beyond 1, images are more unusual than those of training; beyond this, hardly images."""

FEWEST_KEPT = 0.01
"""The smallest fraction to keep: the best of a hundred candidates for each image."""


def check_truncation(psi: float) -> None:
    """Raise an `ArgumentError` unless latents can be truncated by so much."""
    if not isinstance(psi, Real) or not 0 <= psi <= MOST_TRUNCATION:
        raise ArgumentError(
            "truncation",
            f"expected 0 to {MOST_TRUNCATION:g}, got {in_words(psi)}. 1 changes nothing, less "
            "makes images more typical and less varied, 0 is the mean image",
        )


def parse_keep(text: str) -> float:
    """The fraction F of `best:F`.

    Raises:
        ArgumentError: it is no such text, or out of range.
    """
    word, _, number = str(text).partition(":")
    try:
        fraction = float(number)
    except ValueError:
        fraction = 0.0
    if word != "best" or not FEWEST_KEPT <= fraction <= 1:
        raise ArgumentError(
            "keep",
            f"expected best:F with a fraction F from {FEWEST_KEPT:g} to 1, such as best:0.5 for "
            f"the better half, got {text!r}",
        )
    return fraction
