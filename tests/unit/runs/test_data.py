"""The images of a run must be those that it was started with."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganvas.errors import DataError
from ganvas.recipes import CATALOG
from ganvas.runs import Run
from ganvas.runs.data import check_can_adapt, check_data_unchanged, describe_data
from ganvas.schedules import Adaptive
from tests.builders import run_files
from tests.builders.tiny import tiny_data, tiny_recipe


@pytest.mark.parametrize("now", [13, 15])
def test_the_same_files_of_which_others_can_be_used_are_other_images(
    tmp_path: Path, now: int
) -> None:
    """As after an update of the library that decodes them."""
    data = describe_data(tiny_data(14))
    run = Run.create(tmp_path / "run", CATALOG["dcgan"](), run_files.environment(), data)
    check_data_unchanged(run, tiny_data(14))
    with pytest.raises(DataError, match=rf"the same files, but {now} can be used .* with 14 "):
        check_data_unchanged(run, tiny_data(now))


def test_adaptive_augmentation_needs_held_out_images() -> None:
    adaptive = tiny_recipe(augmentation=Adaptive())
    check_can_adapt(adaptive, tiny_data(50, held_out=20))
    check_can_adapt(tiny_recipe(augmentation=0.3), tiny_data(50))
    for held_out in (0, 19):
        with pytest.raises(DataError, match=rf"needs 20 of them, and there are {held_out}\. Hold"):
            check_can_adapt(adaptive, tiny_data(50, held_out=held_out))
