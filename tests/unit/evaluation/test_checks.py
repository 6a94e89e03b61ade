"""What an evaluation asks of the real images before any work."""

from __future__ import annotations

import pytest

from ganvas.errors import DataError
from ganvas.evaluation.checks import check_held_out

from ...builders.tiny import tiny_data


def test_too_few_held_out_images_are_refused_with_how_to_have_more() -> None:
    check_held_out(tiny_data(40, held_out=20), 0.1)
    with pytest.raises(DataError) as refusal:
        check_held_out(tiny_data(40, held_out=4), 0.1)
    assert str(refusal.value) == (
        "noise: 4 of 40 images are held out, but a score needs at least 20, because samples are "
        "compared with images that were not trained on. Train with more held out (--held-out, "
        "data.held_out), or score against at least 195 other images of the same kind (evaluate "
        "--data DATA), of which 10 % are used, too"
    )


def test_other_images_do_not_help_where_none_are_held_out() -> None:
    with pytest.raises(DataError, match=r"--held-out, data\.held_out\)$"):
        check_held_out(tiny_data(40), 0)
