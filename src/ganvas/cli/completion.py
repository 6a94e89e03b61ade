"""Completion in shells: the script that `ganvas --print-completion SHELL` prints.

Our own, because tyro's completes no names of files where a command takes a run or a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from ganvas.errors import GanvasError


@dataclass(frozen=True)
class Words:
    """What is completed after the name of a command; everything else is a name of a file."""

    flags: Collection[str]
    first: Collection[str] = ()
    """Words that its first argument may be."""


def completion_script(shell: str, commands: Mapping[str, Words]) -> str:
    """A script for a shell to read at its start.

    Raises:
        GanvasError: no script for this shell.
    """
    if shell not in SHELLS:
        raise GanvasError(
            f"no completion for {shell!r}. Choose bash, zsh or fish: ganvas --print-completion bash"
        )
    return SHELLS[shell](commands)


def bash(commands: Mapping[str, Words]) -> str:
    """`-o default` completes names of files where the function finds no word."""
    cases = [f'1:*) words="{joined(commands)}" ;;']
    for name, words in commands.items():
        cases.append(f'*:{name}:-*) words="{joined(words.flags)}" ;;')
        if words.first:
            cases.append(f'2:{name}:*) words="{joined(words.first)}" ;;')
    lines = "\n".join(f"        {case}" for case in cases)
    return f"""\
_ganvas() {{
    local words=""
    case "$COMP_CWORD:${{COMP_WORDS[1]}}:${{COMP_WORDS[COMP_CWORD]}}" in
{lines}
    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _ganvas ganvas
"""


def zsh(commands: Mapping[str, Words]) -> str:
    """zsh runs functions that were written for bash."""
    return f"autoload -U +X compinit bashcompinit\ncompinit\nbashcompinit\n{bash(commands)}"


def fish(commands: Mapping[str, Words]) -> str:
    """fish adds names of files unless told not to (`-f`), and finds words by any of their parts."""
    lines = [f'complete -c ganvas -n __fish_use_subcommand -f -a "{joined(commands)}"']
    for name, words in commands.items():
        given = f"__fish_seen_subcommand_from {name}"
        is_flag = f"{given}; and string match -q -- '-*' (commandline -ct)"
        lines.append(f'complete -c ganvas -n "{is_flag}" -a "{joined(words.flags)}"')
        if words.first:
            at_first = f"{given}; and test (count (commandline -opc)) = 2"
            lines.append(f'complete -c ganvas -n "{at_first}" -a "{joined(words.first)}"')
    return "\n".join(lines) + "\n"


def joined(words: Collection[str]) -> str:
    """Words between spaces. Ours need no quotes: letters, digits, hyphens and dots."""
    return " ".join(sorted(words))


SHELLS: dict[str, Callable[[Mapping[str, Words]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
