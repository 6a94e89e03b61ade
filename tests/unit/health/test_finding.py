"""A finding as a value: for the command line, for the file, and the worst of several."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ganvas.errors import GanvasError
from ganvas.fields import field_types
from ganvas.health.finding import KEEPS_WEIGHTS, Change, Finding, Measurement
from ganvas.recipes import CATALOG

FINDING = Finding(
    symptom="mode-collapse",
    verdict="failing",
    confidence=0.9,
    since=24_000,
    numbers=(Measurement("probe/diversity/distance", 0.05, "above 0.3"),),
    meaning="The generator makes nearly the same few images whatever its latents are.",
    advice=(Change("objective.pac", "2", "the discriminator sees a lack of variety"),),
    paper="Salimans 2016, section 3.2",
)


@pytest.mark.parametrize(
    ("field", "value", "flag"),
    [
        ("discriminator.learning_rate", "2e-4", "--discriminator.learning-rate 2e-4"),
        ("objective.penalties.r1.weight", "1", "--objective.penalties.r1.weight 1"),
        ("data.flip", "true", "--flip"),
        ("objective.spectral_norm", "true", "--objective.spectral-norm"),
        ("generator.network.residual", "false", "--generator.network.no-residual"),
        ("ema_half_life", "10k", "--ema-half-life 10k"),
        ("images", "42000", "--images 42000"),
    ],
)
def test_flag_of_a_change_is_a_command_line_argument(field: str, value: str, flag: str) -> None:
    assert Change(field, value, "").flag == flag


@pytest.mark.parametrize(
    ("field", "keeps"),
    [
        ("discriminator.learning_rate", True),
        ("objective.penalties.r1.weight", True),
        ("data.flip", True),
        ("augmentation", True),
        ("batch", True),
        ("discriminator.optimizer", False),
        ("objective.spectral_norm", False),
        ("objective.pac", False),
        ("generator.network.upsampling", False),
        ("latent_dim", False),
        ("data.held_out", False),
    ],
)
def test_keeps_weights_says_whether_a_checkpoint_still_fits(field: str, keeps: bool) -> None:
    assert Change(field, "1", "").keeps_weights is keeps


def test_finding_is_read_back_from_its_table() -> None:
    line = json.dumps({**FINDING.to_table(), "written_by_a_later_version": 1})
    assert Finding.from_table(json.loads(line)) == FINDING


def without(name: str) -> dict[str, Any]:
    table = FINDING.to_table()
    del table[name]
    return table


@pytest.mark.parametrize(
    "table",
    [
        None,
        [],
        "mode-collapse",
        {},
        without("advice"),
        without("since"),
        {**FINDING.to_table(), "verdict": "splendid"},
        {**FINDING.to_table(), "numbers": 3},
        {**FINDING.to_table(), "numbers": [{"name": "x"}]},
        {**FINDING.to_table(), "advice": ["--flip"]},
    ],
)
def test_an_invalid_table_is_refused_with_a_message(table: object) -> None:
    with pytest.raises(GanvasError, match="no finding of this version"):
        Finding.from_table(table)


def test_every_prefix_that_keeps_weights_is_of_a_field() -> None:
    fields = {name for make in CATALOG.values() for name in field_types(make())}
    assert [p for p in KEEPS_WEIGHTS if not any(f.startswith(p) for f in fields)] == []
