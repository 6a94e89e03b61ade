"""The studies in examples/ are valid, and change what they claim to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganvas.studies.reading import load_study

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_study_can_be_read(path: Path) -> None:
    assert load_study(path).arms


def test_the_tutorials_tricks_change_one_thing_each() -> None:
    study = load_study(EXAMPLES / "tutorial.toml")
    changes = {arm.name: study.changes(arm.name) for arm in study.arms}
    assert changes["dcgan-resize"] == {"generator.network.upsampling": "resize"}
    assert changes["plain-12"] == {
        "generator.network.residual": False,
        "discriminator.network.residual": False,
    }
    # A field that both networks have is one thing.
    fields = {
        name: {field.rpartition(".")[2] for field in changed} for name, changed in changes.items()
    }
    several = {name for name, changed in fields.items() if len(changed) > 1}
    # What replaces clipping removes it; the narrow network is narrow in both players.
    assert several == {"dcgan", "wgan", "resnet", "wgan-penalty", "wgan-spectral"}
    assert study.seeds >= 5
