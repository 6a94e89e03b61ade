"""Every command that a message prints can be pasted, whatever the directory is called."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ganvas.cli.commands import COMMANDS
from ganvas.cli.parsing import parse
from ganvas.errors import GanvasError, RankLost
from ganvas.generators import files as generator_files
from ganvas.runs import Run
from ganvas.runs.directories import check_is_run
from ganvas.studies.directory import StudyDirectory
from ganvas.studies.reading import read_study
from ganvas.training.distributed import is_over
from ganvas.training.failures import rank_lost_error

from . import made_studies, pages
from .conftest import Ganvas

AWKWARD = '-it\'s "my" $HOME run'
"""A dash in front, blanks, both quotes, and something that a shell would replace."""

COMMAND = re.compile(rf"ganvas (?:{'|'.join(COMMANDS)}) (?!--help).*?(?=  ·  |$)", re.MULTILINE)


def directories_in(text: str) -> list[tuple[str, Path]]:
    """Of each command in a text, read as a shell and then our parser would: its directory."""
    return list(map(directory_of, COMMAND.findall(text)))


def directory_of(line: str) -> tuple[str, Path]:
    program, name, *arguments = shlex.split(line)
    assert program == "ganvas"
    command: Any = parse([name, *arguments])
    match name:
        case "report":
            return name, command.directory
        case "compare":
            return name, command.study
        case _:
            return name, command.run_directory


def message_of(action: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(GanvasError) as caught:
        action(*arguments)
    return str(caught.value)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An awkward directory as a user names it who has gone to the folder above it."""
    monkeypatch.chdir(tmp_path)
    return Path(AWKWARD)


def test_commands_about_a_run_can_be_pasted(
    here: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    train = ("train", small, images, "--images", 32, "--out", f"./{here}")
    trained = ganvas(*train)
    assert trained.code == 0, trained.err
    named = directories_in(trained.out)
    assert named == [(name, here) for name in ("sample", "evaluate", "report", "resume")]
    assert directories_in(ganvas(*train).err) == [("resume", here)]
    assert directories_in(ganvas("resume", f"./{here}").err) == [("resume", here)]
    assert directories_in(message_of(StudyDirectory.open, here)) == [("report", here)]
    run = Run.open(here)
    lost = str(rank_lost_error(run, RankLost("a process is gone")))
    assert directories_in(lost) == [("resume", here)]
    run.write_status("interrupted", 32)
    assert directories_in(message_of(is_over, run, None)) == [("resume", here)]
    assert ganvas("report", f"./{here}").code == 0
    lines = [element.text for element in pages.of(pages.read(here / "report.html"), "code")]
    found = [directory_of(line) for line in lines if re.match(r"ganvas (?!train)\w+ ", line)]
    assert {name for name, _ in found} >= {"resume", "report", "evaluate"}
    assert {directory for _, directory in found} == {here}
    for name in ("generator", "checkpoints"):
        shutil.rmtree(here / name)
    assert directories_in(message_of(generator_files.load, here)) == [("resume", here)]


def test_commands_about_a_study_can_be_pasted(here: Path, small: Path, images: Path) -> None:
    arms = [{"name": "hinge", "objective": {"loss": "hinge"}}]
    study = read_study({"base": str(small), "data": str(images), "images": 320, "arms": arms})
    directory = made_studies.start(here, study, 320)
    assert directory_of(directory.command) == ("compare", here)
    assert directories_in(message_of(check_is_run, here)) == [("report", here), ("compare", here)]
    directory.outcome_path("hinge", 0).write_text("{}")
    assert directories_in(message_of(directory.outcome, "hinge", 0)) == [("compare", here)]
