"""Networks of a package of one's own, known to the commands by their names."""

from __future__ import annotations

import re
from pathlib import Path

from ..builders.commands import Result, finish, start
from ..builders.packages import install
from .conftest import refused

PAGE = Path(__file__).parents[2] / "docs" / "add-a-network.md"


def command(site: Path, *arguments: object) -> Result:
    """A command in a process where the packages in `site` are installed."""
    return finish(start(arguments, f"import sys\nsys.path.insert(0, {str(site)!r})"))


def test_a_network_of_an_installed_package_trains_and_samples(tmp_path: Path, images: Path) -> None:
    """The example of the page, as it stands there."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    run, site = tmp_path / "run", tmp_path / "site"
    site.mkdir()
    flags = ("--network", "subpixel", "--generator.network.width", 4, "--size", 16)
    train = ("train", "dcgan", images, *flags, "--images", 64, "--out", run)
    refused(command(site, *train), "'subpixel' is no generator network")
    install(site, "your_package", code[1])
    trained = command(site, *train)
    assert trained.code == 0, trained.err
    sampled = command(site, "sample", run, "-n", 4)
    assert sampled.code == 0, sampled.err
    refused(command(tmp_path, "sample", run), "'subpixel' is no generator network")
