"""What the shells themselves complete with the scripts of `ganvas --print-completion`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from ganvas.cli import main
from ganvas.cli.commands import COMMANDS
from ganvas.cli.completion import SHELLS, completion_script
from ganvas.cli.parsing import completed_words
from ganvas.recipes import CATALOG

WORDS = {
    "rep": {"report"},
    "train dcgan-c": {"dcgan-conditional"},
    "recipes wgan-gp": {"wgan-gp", "wgan-gp-paper"},
    "train r3gan photos --objective.clip": {"--objective.clip-weights"},
    "train r3gan photos --generator.network.blocks": {"--generator.network.blocks-per-resolution"},
    "check photos --held": {"--held-out"},
}
"""What is completed after `ganvas`, and to which words."""

FILES = ("check ph", "train dcgan ph", "train dcgan fashion --out ph")
"""Completed to the name of a file."""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every shell's script, named as the shell."""
    folder = tmp_path_factory.mktemp("scripts")
    words = completed_words()
    for shell in SHELLS:
        (folder / shell).write_text(completion_script(shell, words))
    return folder


def test_bash_completes_commands_recipes_and_flags_itself_and_leaves_files_to_the_shell(
    scripts: Path,
) -> None:
    call = "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _ganvas; echo ${COMPREPLY[@]}"
    lines = said("bash", scripts, (f"COMP_WORDS=(ganvas {line}); {call}" for line in all_lines()))
    assert [set(line.split()) for line in lines] == [*WORDS.values(), *[set()] * len(FILES)]
    registered = said("bash", scripts, ["complete -p ganvas"])
    assert registered == ["complete -o default -F _ganvas ganvas"]


def test_zsh_completes_by_the_function_of_bash(scripts: Path) -> None:
    (registered,) = said("zsh", scripts, ["print $_comps[ganvas]"])
    assert registered.endswith("_bash_complete -o default -F _ganvas")


def test_fish_completes_commands_recipes_flags_and_files(
    scripts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos.npz").touch()
    monkeypatch.chdir(tmp_path)
    asked = (f"echo (complete -C 'ganvas {line}' | cut -f 1)" for line in all_lines())
    lines = said("fish", scripts, asked)
    assert [set(line.split()) for line in lines] == [
        *WORDS.values(),
        *[{"photos.npz"}] * len(FILES),
    ]


def all_lines() -> list[str]:
    return [*WORDS, *FILES]


def said(shell: str, scripts: Path, commands: Iterable[str]) -> list[str]:
    """What a shell without the user's settings prints after it has read its script."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    options = {"bash": "--norc", "zsh": "--no-rcs", "fish": "--no-config"}
    program = "\n".join([f"source {scripts / shell}", *commands])
    done = subprocess.run([shell, options[shell], "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_every_command_is_known_and_train_has_the_flags_of_all_recipes() -> None:
    words = completed_words()
    assert list(words) == list(COMMANDS)
    assert set(words["train"].first) == {*CATALOG, "auto"}
    assert {"--generator.network.width", "--generator.network.block"} <= set(words["train"].flags)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_all_that_is_printed(
    scripts: Path, capsys: pytest.CaptureFixture[str], shell: str
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--print-completion", shell])
    assert capsys.readouterr() == ((scripts / shell).read_text(), "")


@pytest.mark.parametrize("shells", [(), ("tcsh",), ("bash", "zsh")])
def test_another_shell_is_refused(
    capsys: pytest.CaptureFixture[str], shells: tuple[str, ...]
) -> None:
    assert main(["--print-completion", *shells]) == 2
    assert "Choose bash, zsh or fish" in capsys.readouterr().err
