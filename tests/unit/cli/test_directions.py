"""What stands beside the strips of `ganvas directions`."""

from __future__ import annotations

import torch

from ganvas.cli.directions import row_names
from ganvas.latents.directions import Directions
from tests.builders.styles import toy_generator


def test_rows_between_labels_are_named_and_others_are_numbered() -> None:
    generator = toy_generator(labelled=True)
    assert row_names(generator.directions("labels", "dog")) == ["0  dog to cat", "1  dog to bird"]
    assert row_names(generator.directions("sefa").first(2)) == ["0", "1"]


def test_names_of_labels_stay_on_one_line() -> None:
    found = Directions("labels", "labels", ("a\nb to c",), torch.eye(1), torch.ones(1))
    assert row_names(found) == ["0  a\\u000ab to c"]
