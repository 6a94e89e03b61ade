"""Which licences a push may name."""

from __future__ import annotations

import pytest

from ganvas.errors import GanvasError
from ganvas.hub.licences import LICENCES, checked_licence


def test_a_licence_is_written_as_the_hub_writes_it() -> None:
    assert checked_licence(" Apache-2.0") == "apache-2.0"
    assert {"mit", "other", "openrail++", "cc-by-nc-sa-4.0"} <= LICENCES


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("foo", "'foo' is no licence that the hub knows. For one of your own give other;"),
        ("apache2", "'apache2' is no licence that the hub knows. Did you mean apache-2.0?"),
        ("  ", "--license is missing: say how others may use these weights"),
    ],
)
def test_a_name_that_the_hub_does_not_know_is_refused(licence: str, expected: str) -> None:
    with pytest.raises(GanvasError) as caught:
        checked_licence(licence)
    assert expected in str(caught.value)
