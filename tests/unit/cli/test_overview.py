"""What a beginner sees who types `ganvas` alone."""

from __future__ import annotations

import re

import pytest

from ganvas.cli.commands import COMMANDS
from ganvas.cli.parsing import parse


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_the_overview_ends_with_first_steps(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        parse(words)
    assert end.value.code == 0
    overview, _, steps = capsys.readouterr().out.rpartition("to begin:")
    assert all(f"• {name} " in overview for name in COMMANDS)
    named = re.findall(r"ganvas (\S+)", steps)
    assert named == ["train", "check", "COMMAND"]
    assert len(steps.splitlines()) < 6, "a small terminal shows all of it"
