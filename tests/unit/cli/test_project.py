"""What `ganvas project` prints."""

from __future__ import annotations

import numpy as np
import pytest

from ganvas.cli.project import print_distances
from tests.builders.generators import small_generator


def test_names_stand_as_they_are_whatever_signs_are_in_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    generator = small_generator()
    pictures = np.zeros((3, 16, 16, 1), np.uint8)
    projection = generator.project(pictures, distance="pixels", steps=1, starts=1)
    names = ["x[/b].png", "[red]:smile:.png", "a\x1b\u202e\n.png"]
    print_distances(names, ["[/i]", "each", ":cat:"], projection, None)
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == ["picture", "label", "distance", "rmse", "ssim"]
    assert [row.split()[:2] for row in rows] == [
        ["x[/b].png", "[/i]"],
        ["[red]:smile:.png", "each"],
        ["a\\u001b\\u202e\\u000a.png", ":cat:"],
    ]
