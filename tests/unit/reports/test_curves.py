"""The curves of a run's page."""

from __future__ import annotations

from ganvas.reports.curves import key_plots
from ganvas.reports.texts import column_meaning


def test_the_probability_of_augmentation_is_a_curve_where_it_is_recorded() -> None:
    record = {"images_seen": 2_000, "augmentation/probability": 0.25, "augmentation/memory": 0.7}
    (scheduled,) = key_plots([{name: record[name] for name in list(record)[:2]}])
    assert "probability: 0.25 at 2,000" in scheduled.alt
    assert "ranked above" not in scheduled.alt
    (adaptive,) = key_plots([record])
    assert "ranked above: 0.7 at 2,000" in adaptive.alt
    assert all(column_meaning(name) for name in record if name != "images_seen")
    assert key_plots([{"images_seen": 2_000, "discriminator/loss/adversarial": 1.0}]) == []
