"""The cases that choices give in turns: none of their values is left out."""

from __future__ import annotations

from tests.builders.choices import in_turns


def test_every_value_is_there_and_the_longest_choice_has_each_of_its_values_once() -> None:
    cases = in_turns("abc", "de", "fghij")
    assert [set(values) for values in zip(*cases, strict=True)] == [
        set("abc"),
        set("de"),
        set("fghij"),
    ]
    assert [last for *_, last in cases] == list("fghij")
