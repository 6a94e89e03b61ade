"""`ganvas demo RUN...`: a page in the browser on which generators are tried."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ganvas.cli.port_flag import Port
from ganvas.errors import GanvasError


@dataclass(frozen=True)
class Demo:
    """Try trained generators in the browser: seeds, labels, truncation, one seed to another.

    This machine makes the pictures, with the seeds of `ganvas sample`, and only it can open the
    page unless --host says otherwise. Needs pip install 'ganvas[web]'. Ctrl-C ends it.
    """

    run_directories: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """One or more runs, or generator/ folders copied from runs."""
    port: Port = None
    """By default the first free one from 8150 on."""
    host: str = "127.0.0.1"
    """An address of this machine; 0.0.0.0 lets others open the page. There is no password."""
    browser: bool = True
    """Do not open the browser."""
    checkpoint: str = "last"
    """last, best (by the scores while training), or images seen: 80k."""
    device: str = "cpu"
    """Where to generate: cpu, cuda, mps."""

    def run(self) -> None:
        """Take the port, load the generators, and serve the page until Ctrl-C."""
        if not self.run_directories:
            raise GanvasError("ganvas demo needs one or more runs: ganvas demo RUN")
        from ganvas.extras import check_extra
        from ganvas.web.server import listen, serve

        check_extra("web", "ganvas demo", "starlette", "uvicorn")
        with listen(self.host, self.port) as listener:
            from ganvas.web.demo import demo_app, load_runs

            runs = load_runs(self.run_directories, self.device, self.checkpoint)
            serve(demo_app(runs, self.host), listener, self.browser)
