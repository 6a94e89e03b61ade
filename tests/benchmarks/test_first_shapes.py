"""The page about first shapes shows the measured table, and the cases can be built."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import first_shapes
from ganvas.recipes import checked
from ganvas.recipes.first_shapes import measured_run, read_table

PAGE = Path(__file__).parents[2] / "docs" / "first-shapes.md"


def test_the_page_shows_the_table_that_the_program_reads() -> None:
    assert first_shapes.table(read_table()) in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", first_shapes.CASES, ids=lambda case: case.name)
def test_a_case_is_a_recipe_that_its_measurement_is_found_for(case: first_shapes.Case) -> None:
    recipe = checked(case.build_recipe())
    found = measured_run(recipe, 3 if case.colour else 1)
    measured = {(run.recipe, run.size, run.channels) for run in read_table()}
    side = (case.side, case.side)
    if (case.recipe, side, 3 if case.colour else 1) in measured:
        assert found is not None
        assert (found.recipe, found.size) == (case.recipe, side)
