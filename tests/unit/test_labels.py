"""Labels that are asked for by name or number."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pytest

from ganvas.errors import GanvasError
from ganvas.labels import LabelSet

Form = Literal["NFC", "NFD"]

CLOTHES = LabelSet(("T-shirt", "Trouser", "Dress"), (5, 5, 5))
DIGITS = LabelSet(("0", "1", "10"), (5, 5, 5))


@pytest.mark.parametrize(
    ("labels", "label", "hint"),
    [
        (CLOTHES, "2", "Labels are named, not numbered: number 2 is Dress. There are: T-shirt"),
        (CLOTHES, "3", "'3' is no label of this run. Labels are named, not numbered. There are: "),
        (CLOTHES, "dress", "Did you mean Dress?"),
        (CLOTHES, "Trousers", "Did you mean Trouser?"),
        (CLOTHES, "Dress, Trouser", "of this run. One label was expected, and these are several."),
        (CLOTHES, "Dress,Coat", "of this run. Did you mean Dress?"),
        (CLOTHES, 3, "3 is no label of this run. Numbers go from 0 to 2."),
        (DIGITS, "2", "'2' is no label of this run. There are: 0, 1, 10"),
        (DIGITS, "11", "'11' is no label of this run. There are: 0, 1, 10"),
    ],
)
def test_what_is_no_label_gets_a_hint(labels: LabelSet, label: str | int, hint: str) -> None:
    with pytest.raises(GanvasError) as error:
        labels.index_of(label)
    assert hint in str(error.value)


def test_a_name_that_is_a_number_is_a_name() -> None:
    assert DIGITS.index_of("10") == 2
    assert DIGITS.index_of(1) == 1


COMMAS = LabelSet(("shoe", "left", "shoe, left", " bag", "a,b,c", "b,c"), (5,) * 6)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("shoe", ("shoe",)),
        ("left,shoe", ("left", "shoe")),
        ("left, bag", ("left", " bag")),
        ("shoe, left", ("shoe, left",)),
        ("shoe,left", ("shoe, left",)),
        ("left,shoe, left", ("left", "shoe, left")),
        ("left,a,b,c,b,c", ("left", "a,b,c", "b,c")),
        ("each", COMMAS.names),
        ("shoo,left", ("shoo", "left")),
        ("shoe,,left", ("shoe", "", "left")),
        ("", ("",)),
    ],
)
def test_several_labels_have_commas_between_them_and_perhaps_inside(
    text: str, named: tuple[str, ...]
) -> None:
    assert COMMAS.named(text) == named


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_are_found_as_macos_stores_them_and_as_they_are_typed(form: Form) -> None:
    stored = LabelSet(tuple(unicodedata.normalize("NFD", name) for name in ("tea", "café")), (5, 5))
    typed = unicodedata.normalize(form, "café")
    assert stored.index_of(typed) == 1
    assert stored.named(f"{typed},tea") == (stored.names[1], "tea")


def test_of_two_labels_that_differ_in_the_form_of_an_accent_the_very_one_is_found() -> None:
    names = unicodedata.normalize("NFD", "café"), unicodedata.normalize("NFC", "café")
    both = LabelSet(names, (5, 5))
    assert both.indices_of(names) == [0, 1]
    assert both.named(",".join(names)) == names


def test_every_label_that_does_not_exist_is_named_once_with_the_nearest() -> None:
    with pytest.raises(GanvasError) as error:
        CLOTHES.indices_of(["dress", "Trouser", 7, "dress"])
    assert str(error.value) == (
        "'dress' is no label of this run. Did you mean Dress? 7 is no label of this run. Numbers "
        "go from 0 to 2. There are: T-shirt, Trouser, Dress"
    )
