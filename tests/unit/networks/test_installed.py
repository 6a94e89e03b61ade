"""Networks of other packages, which the group of entry points names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ganvas.networks import DISCRIMINATORS, Discriminator
from ganvas.networks.installed import import_installed
from tests.builders.packages import install

THEIRS = """
from dataclasses import dataclass
from ganvas.networks.dcgan import DCGANDiscriminator

@dataclass(frozen=True, kw_only=True)
class TheirDiscriminator(DCGANDiscriminator):
    name = "theirs"
"""


@pytest.fixture(autouse=True)
def asked_for_anew() -> Iterator[None]:
    """Other tests neither know these packages nor are known here."""
    known = dict(DISCRIMINATORS)
    import_installed.cache_clear()
    yield
    import_installed.cache_clear()
    DISCRIMINATORS.clear()
    DISCRIMINATORS.update(known)


def test_a_package_is_imported_when_a_name_is_asked_for_that_ganvas_does_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "their_networks", THEIRS)
    assert Discriminator.named("dcgan").name == "dcgan"
    assert "theirs" not in DISCRIMINATORS
    network = Discriminator.named("theirs")
    assert (network.name, type(network).__module__) == ("theirs", "their_networks")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_library", "No module named 'no_such_library'"),
        ("raise SystemError", "SystemError"),
        (THEIRS.replace('"theirs"', '"resnet"'), "two discriminators are called 'resnet'"),
    ],
)
def test_a_package_that_cannot_be_imported_is_named_where_a_network_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "broken_networks", code)
    with pytest.raises(ValueError, match="'theirs' is no discriminator network") as caught:
        Discriminator.named("theirs")
    assert f"The networks of broken_networks cannot be imported: {reason}" in str(caught.value)
    assert Discriminator.named("resnet").name == "resnet"
