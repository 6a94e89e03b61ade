"""A study in the short form, for tests of reading and of problems."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from ganvas.errors import StudyError
from ganvas.studies.reading import read_study
from ganvas.studies.study import Study

SHORT = """
base = "dcgan"
data = "fashion"
seeds = 5
images = "60k"
shared.data.size = [64, 64]
[[arms]]
name = "no-norm"
discriminator.network.norm = "none"
[[arms]]
recipe = "mlp"
[[arms]]
name = "resnet-net"
network = "resnet"
[[arms]]
name = "resnet-deep"
against = "resnet-net"
generator.network.blocks_per_resolution = 2
"""


def study_from(text: str, **changes: Any) -> Study:
    return read_study({**tomllib.loads(text), **changes})


def problems_of(text: str = SHORT, **changes: Any) -> str:
    with pytest.raises(StudyError) as caught:
        study_from(text, **changes)
    return str(caught.value)


def with_arm(**arm: Any) -> list[dict[str, Any]]:
    return [*tomllib.loads(SHORT)["arms"], arm]
