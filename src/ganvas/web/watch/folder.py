"""Every run and study below a folder, found anew as they appear, move, or vanish."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from ganvas.errors import GanvasError
from ganvas.runs.directories import STUDY_JSON
from ganvas.runs.file_names import RECIPE_JSON
from ganvas.web.watch.curves import Curves
from ganvas.web.watch.inside import Inside
from ganvas.web.watch.run import WatchedRun
from ganvas.web.watch.study import WatchedStudy

SEARCH_SECONDS = 3.0
"""Between two searches of the folder."""

SEARCH_PART = 0.02
"""Searches take at most this part of a core: a large folder is searched more rarely."""

READ_SECONDS = 0.2
"""Reading of long histories between two polls."""

MOST_CURVES = 8
"""Histories that are kept in memory after their pages were closed."""


@dataclass
class Directories:
    """The directories of runs and studies, and how many links were not followed."""

    runs: list[Path] = field(default_factory=list)
    studies: list[Path] = field(default_factory=list)
    links: int = 0


def search(root: Path) -> Directories:
    """Every run and study in a folder, or that it is itself.

    Hidden folders are left out, and what lies inside a run. Links to folders are not followed.
    """
    directories = Directories()
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                children = list(entries)
        except OSError:  # it went away, or may not be read
            continue
        names = {entry.name for entry in children}
        if RECIPE_JSON in names:
            directories.runs.append(folder)
            continue
        if STUDY_JSON in names:
            directories.studies.append(folder)
        for entry in children:
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                directories.links += Path(entry.path).is_dir()
            elif entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
    return directories


class Folder:
    """All that is known of a folder. One thread at a time may call it.

    Attributes:
        polls: how often was looked; what changes says when, by this count.
        links: links to folders that are not followed.
    """

    def __init__(self, folder: Path) -> None:
        self.inside = Inside.of(folder)
        self.polls = 0
        self.links = 0
        self.runs: dict[str, WatchedRun] = {}
        self.studies: dict[str, WatchedStudy] = {}
        self.curves: dict[str, Curves] = {}
        self._next_search = 0.0

    def poll(self) -> None:
        """Look at everything that may have changed, but for whole histories."""
        self.polls += 1
        if time.monotonic() >= self._next_search:
            self._search()
        for run in self.runs.values():
            run.poll(self.polls)
        rows = {run.id: run.row for run in self.runs.values()}
        for study in self.studies.values():
            study.poll(self.polls, rows)

    def _search(self) -> None:
        begin = time.thread_time()
        paths = search(self.inside.root)
        used = time.thread_time() - begin
        self._next_search = time.monotonic() + max(SEARCH_SECONDS, used / SEARCH_PART)
        self.links = paths.links
        known_runs = {run.directory: run for run in self.runs.values()}
        known_studies = {study.path: study for study in self.studies.values()}
        runs = [known_runs.get(path) or WatchedRun(self.inside, path) for path in paths.runs]
        studies = [
            known_studies.get(path) or WatchedStudy(self.inside, path) for path in paths.studies
        ]
        self.runs = {run.id: run for run in runs}
        self.studies = {study.id: study for study in studies}

    def read_histories(self, open_runs: Collection[str]) -> None:
        """Read on in the histories of these runs; forget those that were not wanted for long."""
        wanted = [id for id in open_runs if id in self.runs]
        for id in wanted:
            curves = self.curves.pop(id) if id in self.curves else Curves.of(self.runs[id])
            self.curves[id] = curves  # last, for those that are forgotten come first
            with contextlib.suppress(GanvasError, OSError):  # the run's row says what is wrong
                curves.read(READ_SECONDS / len(wanted))
        closed = [id for id in self.curves if id not in wanted]
        for id in closed[: max(0, len(closed) - MOST_CURVES)]:
            del self.curves[id]

    def is_behind(self, open_runs: Collection[str]) -> bool:
        """Whether the history of one of these runs is not read to its end."""
        wanted = [id for id in open_runs if id in self.runs]
        return any(id not in self.curves or self.curves[id].tail.is_behind for id in wanted)
