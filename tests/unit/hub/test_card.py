"""What a model card says about its picture."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganvas.generators.sample_files import check_picture
from ganvas.hub.card import code, has_rows
from ganvas.hub.folder import picture_of
from ganvas.labels import LabelSet
from ganvas.networks import ImageShape
from tests.builders.generators import small_generator


def test_rows_are_named_exactly_where_the_picture_has_them() -> None:
    labelled = small_generator(labelled=True)
    many = LabelSet(tuple(map(str, range(11))), (1,) * 11)
    assert has_rows(labelled)
    assert picture_of(labelled).labels == labelled.label_names
    for generator in (small_generator(), replace(labelled, label_set=many)):
        assert not has_rows(generator)
        assert picture_of(generator).labels == ()


@pytest.mark.parametrize(
    ("side", "plain", "each"), [(64, 64, 8), (1024, 36, 8), (2048, 9, 3), (8192, 1, 1)]
)
def test_of_large_images_the_picture_has_as_many_as_it_holds(
    side: int, plain: int, each: int
) -> None:
    shape = ImageShape(3, side, side)
    counts = []
    for generator in (small_generator(), small_generator(labelled=True)):
        request = picture_of(replace(generator, shape=shape))
        counts.append(request.n)
        if side < 8192:
            check_picture(request.count, (side, side), 1, "")
    assert counts == [plain, each]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("T-shirt/top", "`T-shirt/top`"),
        ("two\nlines", "`two lines`"),
        ("a`b", "`` a`b ``"),
        ("``", "``` `` ```"),
    ],
)
def test_a_name_is_code_whatever_signs_are_in_it(name: str, expected: str) -> None:
    assert code(name) == expected
