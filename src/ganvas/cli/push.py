"""`ganvas push RUN hf:OWNER/NAME`: a trained generator to the Hugging Face hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ganvas.command_line import ganvas_command
from ganvas.terminal import print_lines


@dataclass(frozen=True)
class Push:
    """Push a generator to the Hugging Face hub, where anybody can load it by its name.

    It goes with a model card: samples, scores beside those of real images, health, recipe. The
    token is that of `hf auth login`, or HF_TOKEN.
    """

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory."""
    to: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="hf:OWNER/NAME")]
    """The repository to make, or to update."""
    license: Annotated[str, tyro.conf.arg(help_behavior_hint="(required)")] = ""
    """How others may use the weights: mit, apache-2.0, cc-by-4.0, ...; other for one's own."""
    private: bool = False
    """Make a repository that only its owners see."""
    update: bool = False
    """Add a commit to a repository that exists. Its other files and its history stay."""
    message: Annotated[str, tyro.conf.arg(aliases=("-m",))] = ""
    """Of the commit; by default it names the images seen."""
    discriminator: bool = False
    """Push the discriminator too, so that others can train on (--from hf:OWNER/NAME)."""
    checkpoint: str = "last"
    """last, best (by the scores while training), or images seen: 80k."""
    dry_run: bool = False
    """Only write what would be pushed, into hub/ in the run. Needs no network and no token."""

    def run(self) -> None:
        """Check, write, list, push, and say how to load it."""
        from ganvas.hub.push import push

        pushed = push(
            self.run_directory,
            self.to,
            license=self.license,
            private=self.private,
            update=self.update,
            message=self.message,
            discriminator=self.discriminator,
            checkpoint=self.checkpoint,
            dry_run=self.dry_run,
            quiet=False,
        )
        if pushed.url is None:
            print_lines(f"nothing was sent; look at {pushed.folder / 'README.md'}")
        else:
            print_lines(pushed.url, f"to use it: {ganvas_command('sample', self.to)}")
