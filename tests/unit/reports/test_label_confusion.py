"""The picture of recognised labels has every label, or of many the worst."""

from __future__ import annotations

from ganvas.reports.label_confusion import confusion_drawing, labels_to_show
from ganvas.runs.tables import LabelConfusionTable


def table(own: list[float]) -> LabelConfusionTable:
    """Labels of which these fractions are recognised, and the rest as the next label."""
    count = len(own)
    rows = [[0.0] * count for _ in own]
    for label, fraction in enumerate(own):
        rows[label][label] = fraction
        rows[label][(label + 1) % count] = 1 - fraction
    names = [f"kind {label}" for label in range(count)]
    return {"images_seen": 20_000, "labels": names, "samples": [10] * count, "fractions": rows}


def test_every_fraction_is_written_in_percent() -> None:
    drawing = confusion_drawing(table([0.9, 1.0, 0.35]))
    svg = drawing.svg.decode()
    assert all(f">{number}<" in svg for number in (90, 10, 100, 35, 65))
    assert all(svg.count(f">kind {label}<") == 2 for label in range(3))
    assert "kind 2 35 %" in drawing.alt
    assert "after 20,000 images" in drawing.caption


def test_of_many_labels_the_worst_are_shown_in_their_order() -> None:
    own = [1.0 - 0.02 * (label % 30) for label in range(30)]
    assert labels_to_show(table(own)) == list(range(10, 30))
    assert "Of 30 labels, the 20 recognised worst." in confusion_drawing(table(own)).caption


def test_labels_without_samples_are_left_out() -> None:
    some = table([0.9, 0.8, 0.7])
    some["samples"][1] = 0
    assert labels_to_show(some) == [0, 2]


def test_names_of_labels_are_drawn_as_they_are_in_any_script() -> None:
    """Without a warning of matplotlib, whose font has no Chinese letters: warnings are errors."""
    some = table([0.9, 0.8, 0.7, 0.6])
    some["labels"] = ["\u732b", "$5 to $10", "$\\price$", "a\udcff\x1b"]
    svg = confusion_drawing(some).svg.decode()
    for name in ("\u732b", "$5 to $10", "$\\price$", "a\\udcff\\u001b"):
        assert svg.count(f">{name}<") == 2
