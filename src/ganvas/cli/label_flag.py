"""The flag `--label` of commands that take several labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganvas.generators.trained_generator import TrainedGenerator


def labels_of(text: str | None, generator: TrainedGenerator) -> tuple[str, ...]:
    """The labels that the flag names (`LabelSet.named`); none if it was not given.

    Raises:
        GanvasError: the generator takes no labels, or not these.
    """
    if text is None:
        return ()
    labels = (text,) if generator.label_set is None else generator.label_set.named(text)
    generator.label_indices(labels, len(labels))
    return labels
