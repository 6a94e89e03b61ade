"""The flag --port of `watch` and `demo`."""

from __future__ import annotations

from pathlib import Path

import pytest
import tyro

from ganvas.cli.demo import Demo
from ganvas.cli.flags import FLAG_TYPES
from ganvas.cli.watch import Watch


@pytest.mark.parametrize("command", [Watch, Demo])
def test_a_port_is_a_number_of_its_range(command: type[Watch] | type[Demo]) -> None:
    def port_of(*words: str) -> int | None:
        with FLAG_TYPES:
            return tyro.cli(command, args=["runs", *words]).port

    assert port_of() is None
    assert port_of("--port", "None") is None
    assert [port_of("--port", port) for port in ("1", "65535")] == [1, 65_535]


@pytest.mark.parametrize("command", [Watch, Demo])
@pytest.mark.parametrize("port", ["abc", "0", "70000", "65536", "-1", "80.5", "8k", ""])
def test_what_is_no_port_is_told_the_range_and_an_example(
    command: type[Watch] | type[Demo],
    port: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with FLAG_TYPES, pytest.raises(SystemExit) as ended:
        tyro.cli(command, args=[str(tmp_path), f"--port={port}"])
    assert ended.value.code == 2
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert f"{port!r} is no port: expected 1 to 65535, for example 8150" in said
