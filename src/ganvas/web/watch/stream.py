"""What an open page gets: first everything, then what has changed (server-sent events)."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from ganvas.web.watch.curves import plots
from ganvas.web.watch.folder import Folder
from ganvas.web.watch.series import Series

Message = dict[str, Any]

POLL_SECONDS = 1.0
"""Between two polls of the folder."""

POLL_PART = 0.04
"""Polls take at most this part of a core: with many runs the page is a little slower."""

CATCH_UP_SECONDS = 0.05
"""Between two polls while a long history is read for the first time."""

HEARTBEAT_SECONDS = 15.0
"""After so long a silence a comment is sent, so that nobody on the way closes the connection."""

RECONNECT = "retry: 1000\n\n"
"""A browser that has lost the connection tries again after a second."""


class View(Protocol):
    """A page that is open.

    Attributes:
        runs: ids of the runs whose whole history it shows.
    """

    runs: Sequence[str]

    def update(self, folder: Folder) -> Message:
        """What the page does not know yet; empty if it knows everything."""


class ListView:
    """The list of all runs and studies."""

    def __init__(self) -> None:
        self.runs: Sequence[str] = ()
        self._polls = -1
        self._ids: set[str] = set()

    def update(self, folder: Folder) -> Message:
        """Rows that are new or have changed, and ids of those that are gone."""
        rows = {
            name: [item.row for item in items if item.changed > self._polls]
            for name, items in (
                ("runs", folder.runs.values()),
                ("studies", folder.studies.values()),
            )
        }
        ids = {*folder.runs, *folder.studies}
        gone = sorted(self._ids - ids)
        is_first, self._polls, self._ids = self._polls < 0, folder.polls, ids
        if not is_first and not gone and not any(rows.values()):
            return {}
        place = {"folder": str(folder.inside.root), "links": folder.links}
        return {**place, **rows, "gone": gone}


class StudyView:
    """The page of a study."""

    def __init__(self, id: str) -> None:
        self.runs: Sequence[str] = ()
        self._id = id
        self._sent: Message = {}

    def update(self, folder: Folder) -> Message:
        """The study as a whole, if anything has changed."""
        study = folder.studies.get(self._id)
        message = {"gone": True} if study is None else {"study": study.row, "arms": study.arms}
        if message == self._sent:
            return {}
        self._sent = message
        return message


class RunsView:
    """The page of a run, or of two beside each other."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.runs = ids
        self._parts = [RunPart(id) for id in ids]

    def update(self, folder: Folder) -> Message:
        """By run: what has changed."""
        parts = {part.id: part.update(folder) for part in self._parts}
        return {"parts": parts} if any(parts.values()) else {}


class RunPart:
    """What a page knows of one run."""

    def __init__(self, id: str) -> None:
        self.id = id
        self._sent: Message = {}
        self._history, self._scores = SentSeries(), SentSeries()

    def update(self, folder: Folder) -> Message:
        """What it does not know yet."""
        run, curves = folder.runs.get(self.id), folder.curves.get(self.id)
        if run is None or curves is None:
            return self._changed({"gone": True})
        message = self._changed(
            {
                "gone": False,
                "row": run.row,
                "plots": plots(curves.series.columns()),
                "read": round(curves.tail.fraction, 2),
                "unreadable": curves.unreadable,
                **run.details(),
            }
        )
        for name, sent, series in (
            ("history", self._history, curves.series),
            ("scores", self._scores, run.scores.series),
        ):
            table = sent.update(series)
            if table:
                message[name] = table
        return message

    def _changed(self, values: Message) -> Message:
        changed = {key: value for key, value in values.items() if self._sent.get(key, ...) != value}
        self._sent |= changed
        return changed


class SentSeries:
    """How much of a series a page has."""

    def __init__(self) -> None:
        self._series: Series | None = None
        self._state = (-1, 0, 0)

    def update(self, series: Series) -> Message:
        """The buckets that are new or have changed; empty if there are none."""
        epoch, buckets, _ = self._state
        state = series.epoch, len(series.x), series.records
        if series is self._series and state == self._state:
            return {}
        is_same = series is self._series and epoch == series.epoch
        self._series, self._state = series, state
        return series.table(max(0, buckets - 1) if is_same else 0)


class Stream:
    """Sends views what they do not know. The folder is polled only while a page is open."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._lock = asyncio.Lock()
        self._open: Counter[str] = Counter()
        self._due = 0.0

    async def poll(self) -> None:
        """Read the folder, unless that was done a moment ago."""
        async with self._lock:
            await self._poll()

    async def events(self, view: View) -> AsyncIterator[str]:
        """Server-sent events for one page, until it is closed."""
        self._open.update(view.runs)
        try:
            yield RECONNECT
            last_sent = time.monotonic()
            while True:
                async with self._lock:
                    await self._poll()
                    message = view.update(self.folder)
                if message:
                    text = json.dumps({**message, "time": int(time.time())}, allow_nan=False)
                    yield f"data: {text}\n\n"
                elif time.monotonic() > last_sent + HEARTBEAT_SECONDS:
                    yield ": nothing new\n\n"
                else:
                    await self._wait()
                    continue
                last_sent = time.monotonic()
                await self._wait()
        finally:
            self._open.subtract(view.runs)

    async def _wait(self) -> None:
        behind = self.folder.is_behind(self._open_runs)
        await asyncio.sleep(CATCH_UP_SECONDS if behind else max(0.0, self._due - time.monotonic()))

    @property
    def _open_runs(self) -> list[str]:
        return list(+self._open)

    async def _poll(self) -> None:
        """Read the folder if it is time to; else only read on in a long history.

        In a thread, since a disk may be slow.
        """
        if time.monotonic() >= self._due:
            used = await asyncio.to_thread(self._timed_poll)
            self._due = time.monotonic() + max(POLL_SECONDS, used / POLL_PART)
        elif self.folder.is_behind(self._open_runs):
            await asyncio.to_thread(self.folder.read_histories, self._open_runs)

    def _timed_poll(self) -> float:
        """Read the folder; returns the seconds of a core that it took, but for histories."""
        begin = time.thread_time()
        self.folder.poll()
        used = time.thread_time() - begin
        self.folder.read_histories(self._open_runs)
        return used
