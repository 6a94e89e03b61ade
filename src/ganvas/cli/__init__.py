"""The command line: the program, its exit codes, and its signals.

`commands.py` lists the commands: one file each, a frozen dataclass of its arguments with `run`.
`parsing.py` reads the words. Nothing here imports torch. Commands import it when they run, so help
is quick.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from ganvas.cli.check import Check
from ganvas.cli.commands import Command
from ganvas.cli.compare import Compare
from ganvas.cli.diagnose import Diagnose
from ganvas.cli.error_output import only_one_rank_prints, print_error
from ganvas.cli.evaluate import Evaluate
from ganvas.cli.parsing import parse
from ganvas.cli.recipes import Recipes
from ganvas.cli.resume import Resume
from ganvas.cli.train import Train
from ganvas.cli.wrong_flags import with_typed_flag
from ganvas.errors import ArgumentError, GanvasError, Interrupted, is_out_of_memory
from ganvas.system_errors import advice_for, reason_of
from ganvas.terminal import TolerantStream, tolerant_output
from ganvas.torchrun import world_size
from ganvas.training.stop import interrupt, stop_signals

LOST_RESULT = 2
"""The exit code of a command whose result could not be printed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (see `GanvasError.exit_code`)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    with tolerant_output() as stdout:
        return run(arguments, stdout)


def run(arguments: list[str], stdout: TolerantStream) -> int:
    """As `main`, with an output that cannot fail. If it loses a command's result, the code is 2."""
    try:
        with termination_as_interrupt():
            with only_one_rank_prints():
                command = parse(arguments)
            check_single_process(command)
            check_current_folder()
            code = command.run() or 0
            return LOST_RESULT if stdout.lost_text and prints_its_result(command) else code
    except SystemExit as end:  # of help, of the version, or after a wrong flag
        if end.code or not stdout.lost_text:
            raise
        return LOST_RESULT
    except ArgumentError as error:
        return print_error(with_typed_flag(error, arguments), error.exit_code)
    except GanvasError as error:
        return print_error(str(error), error.exit_code)
    except KeyboardInterrupt as stop:
        cause = stop.__context__
        if isinstance(cause, GanvasError):  # torchrun stopped a process before it printed its error
            return print_error(str(cause), cause.exit_code)
        message = str(stop) or "interrupted; nothing was left half-written"
        return print_error(message, Interrupted.exit_code)
    except OSError as error:
        if error.filename is None:
            raise
        # A path that was given, in a place that may not be entered, or with too long a name.
        problem = f"cannot use {error.filename}: {reason_of(error)}; {advice_for(error)}"
        return print_error(problem, GanvasError.exit_code)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return print_error("out of memory. Try a smaller --batch, --size or network width", 2)


def command() -> NoReturn:
    """The program `ganvas`: run `main` and exit. A second signal does not disturb the exit."""
    open_closed_descriptors()
    quiet_libraries()
    for number in stop_signals():
        signal.signal(number, interrupt)
    try:
        code = main()
        ignore_stop_signals()
    except KeyboardInterrupt:  # a second one, before the line above
        ignore_stop_signals()
        code = Interrupted.exit_code
    sys.exit(code)


def open_closed_descriptors() -> None:
    """Open what a shell closed (`>&-`), as /dev/null.

    Else the next file that is opened would take its number, and what a library prints would be
    written into a checkpoint.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number


def quiet_libraries() -> None:
    """Drop what libraries log, and their warnings unless Python was told what to do with those."""
    logging.getLogger().addHandler(logging.NullHandler())
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # huggingface_hub has a handler of its own
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def prints_its_result(command: Command) -> bool:
    """Whether all that a command gives is what it prints. The others leave files."""
    if isinstance(command, Compare):
        return command.plan
    return isinstance(command, Check | Recipes | Diagnose | Evaluate)


def ignore_stop_signals() -> None:
    """Ignore signals while Python shuts down, which takes a while; else the exit code is lost."""
    for number in stop_signals():
        signal.signal(number, signal.SIG_IGN)


def check_single_process(command: Command) -> None:
    """Raise a `GanvasError` if torchrun started several processes of a single-process command."""
    if world_size() > 1 and not isinstance(command, Train | Resume):
        raise GanvasError(
            f"torchrun started {world_size()} processes, but only train and resume can share "
            "work between processes. Start this command without torchrun"
        )


def check_current_folder() -> None:
    """Raise a `GanvasError` where the current folder is gone: torch cannot even be loaded then."""
    try:
        os.getcwd()  # noqa: PTH109 - as quick as it gets
    except FileNotFoundError as error:
        raise GanvasError(
            "the current folder was removed, perhaps to be made anew. Enter it again (cd)"
        ) from error


@contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """Treat other signals to stop as Ctrl-C, so that half-written files are removed."""
    previous = {number: signal.signal(number, interrupt) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
