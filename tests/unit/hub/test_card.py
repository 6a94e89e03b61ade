"""What a model card says about its picture."""

from __future__ import annotations

from dataclasses import replace

from ganvas.hub.card import has_rows
from ganvas.hub.folder import picture_of
from ganvas.labels import LabelSet
from tests.builders.generators import small_generator


def test_rows_are_named_exactly_where_the_picture_has_them() -> None:
    labelled = small_generator(labelled=True)
    many = LabelSet(tuple(map(str, range(11))), (1,) * 11)
    assert has_rows(labelled)
    assert picture_of(labelled).labels == labelled.label_names
    for generator in (small_generator(), replace(labelled, label_set=many)):
        assert not has_rows(generator)
        assert picture_of(generator).labels == ()
