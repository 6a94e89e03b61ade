"""`ganvas watch [FOLDER]`: a live page over all runs and studies below a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ganvas.cli.port_flag import Port
from ganvas.errors import GanvasError


@dataclass(frozen=True)
class Watch:
    """Show all runs and studies below a folder on a live page in the browser.

    The page updates by itself and changes nothing. It shows how far runs are, their curves, samples
    and findings. Needs pip install 'ganvas[web]'. Ctrl-C ends it.
    """

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")] = Path("runs")
    """The folder; runs may lie at any depth, and appear later."""
    port: Port = None
    """By default the first free one from 8150 on."""
    host: str = "127.0.0.1"
    """An address of this machine; 0.0.0.0 lets others open the page. There is no password."""
    browser: bool = True
    """Do not open the browser."""

    def run(self) -> None:
        """Serve the page until Ctrl-C."""
        from ganvas.extras import check_extra
        from ganvas.web.server import listen, serve
        from ganvas.web.watch.app import watch_app

        check_folder(self.folder)
        check_extra("web", "ganvas watch", "starlette", "uvicorn")
        with listen(self.host, self.port) as listener:
            serve(watch_app(self.folder, self.host), listener, self.browser)


def check_folder(folder: Path) -> None:
    """Raise a `GanvasError` for what is no folder, and where none could appear."""
    if folder.is_dir() or (folder == Path("runs") and not folder.exists()):
        return
    problem = "is a file" if folder.exists() else "does not exist"
    raise GanvasError(
        f"{folder} {problem}. Give a folder that holds runs or studies, or will: ganvas watch ."
    )
