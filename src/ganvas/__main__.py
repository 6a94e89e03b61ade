"""The program `ganvas`, also as `python -m ganvas`."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

from ganvas.errors import Interrupted


def program() -> NoReturn:
    """Run the command line. Ctrl-C ends it with one line, also while its modules are imported."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored
        signal.signal(signal.SIGINT, end_at_once)
    from ganvas.cli import command  # handles signals itself from here on

    command()


def end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    """A handler that ends the process. Nothing is begun, so nothing must be tidied up.

    It raises no exception, which a module that is being imported may catch or turn into another.
    """
    try:
        os.write(2, b"ganvas: interrupted before the command began\n")
    finally:  # also where stderr is closed
        os._exit(Interrupted.exit_code)


if __name__ == "__main__":
    program()
