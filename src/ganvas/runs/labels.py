"""Whether a run is conditioned on the labels of its images: decided once, when it starts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ganvas.data.folder_labels import with_labels as choose_labels
from ganvas.data.prepared import PreparedData
from ganvas.data.source import Source
from ganvas.errors import DataError
from ganvas.formatting import format_count
from ganvas.labels import MOST_LABELS, LabelSet, listed, unsuitable
from ganvas.recipes import Recipe
from ganvas.recipes.catalog import with_rates_of_namesake
from ganvas.recipes.players import conditional, unconditional
from ganvas.recipes.rules import problems
from ganvas.runs.data import open_images

OTHERWISE = (
    "let auto decide (--labels auto), or train without (a recipe whose name does not end in "
    "-conditional, and no --labels on)"
)
"""What else to do where labels cannot be learned."""

USELESS_STRENGTH = "warning: --label-strength does nothing, as labels are not learned (--labels on)"


def with_labels(recipe: Recipe, prepared: PreparedData) -> tuple[Recipe, str]:
    """The recipe with networks that take labels if `data.labels` says so, and a line about it.

    Its learning rates are then those of the recipe of the same name with or without labels, unless
    the user set them. The line is empty where nothing was to be decided.

    Raises:
        DataError: labels are to be learned, and these images do not allow it.
    """
    decided, about = with_decided_networks(recipe, prepared)
    decided, rates = with_rates_of_namesake(recipe, decided)
    return decided, "; ".join(filter(None, (about, rates)))


def with_decided_networks(recipe: Recipe, prepared: PreparedData) -> tuple[Recipe, str]:
    """`with_labels`, with the learning rates of the recipe."""
    labels, choice = prepared.label_set, recipe.data.labels
    if choice == "auto":
        reason = unsuitable(labels)
        if reason:
            return unconditional(recipe), f"labels are not learned: {reason}"
    if choice == "on":
        recipe = conditional(recipe)
    elif choice == "auto":
        learned = conditional(recipe)
        if not learned.takes_labels:
            return recipe, "labels are not learned: one of the networks cannot take them"
        if impossible := problems(learned):
            return unconditional(recipe), f"labels are not learned: {impossible[0].text}"
        recipe = learned
    if not recipe.takes_labels:
        useless = recipe.label_strength != 1
        return recipe, USELESS_STRENGTH if useless else ""
    checked = checked_labels(prepared.name, prepared.label_set)
    return recipe, f"labels are learned: {describe(checked)}"


def labels_of_files(recipe: Recipe, data: str | Path, quiet: bool = True) -> tuple[str, ...]:
    """The names of the labels that will be learned, if that is known before images are read.

    They are checked as by `with_labels`; images that cannot be used still count.

    Raises:
        DataError: labels are to be learned, and these images do not allow it.
    """
    choice = recipe.data.labels
    if choice == "auto" or not (choice == "on" or recipe.takes_labels):
        return ()
    source = open_images(data, quiet)
    if not isinstance(source, Source):
        return ()
    source = choose_labels(source, choice)
    check_all_labelled(source)
    counts = Counter(item.label for item in source.items if item.label is not None)
    labels = LabelSet(tuple(counts), tuple(counts.values())) if counts else None
    checked_labels(source.name, labels)
    return source.label_names


def check_all_labelled(source: Source) -> None:
    """Raise a `DataError` if some images have a label and others have none."""
    without = [item.name for item in source.items if item.label is None]
    if 0 < len(without) < len(source.items):
        images = format_count(len(source.items), "image")
        advice = "Move them into the folder of their label"
        table = source.label_table
        if table is not None and table.is_read:
            advice = f"Add rows for them to {table.name}"
        raise DataError(
            f"{source.name}: the networks take labels, and {len(without):,} of {images} "
            f"{'has' if len(without) == 1 else 'have'} none: {listed(without)}. {advice}, or "
            f"{OTHERWISE}"
        )


def checked_labels(name: str, labels: LabelSet | None) -> LabelSet:
    """The labels of the images of that name, where networks take them.

    Raises:
        DataError: there are none, only one, too many, or some have a single image.
    """
    if labels is None:
        raise DataError(
            f"{name}: the networks take labels, and these images have none. Sort them into one "
            f"folder per label, or {OTHERWISE}"
        )
    if not 2 <= len(labels.names) <= MOST_LABELS:
        raise DataError(
            f"{name}: {format_count(len(labels.names), 'label')} cannot be learned, the networks "
            f"take 2 to {MOST_LABELS:,}. Choose another level of folders (--labels 1), or "
            f"{OTHERWISE}"
        )
    rare = [label for label, count in zip(labels.names, labels.counts, strict=True) if count < 2]
    if rare:
        raise DataError(
            f"{name}: a label needs at least 2 images to train on, and these have fewer: "
            f"{listed(rare)}. Add images, move theirs to other labels, or {OTHERWISE}"
        )
    return labels


def describe(labels: LabelSet) -> str:
    """`10 labels, 878 to 923 training images each`."""
    fewest, most = min(labels.counts), max(labels.counts)
    each = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return f"{len(labels.names):,} labels, {each} training images each"
