"""What `ganvas watch` serves: pages, their data, grids and reports. All of it is only read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ganvas.errors import RunError
from ganvas.package_files import package_bytes
from ganvas.web.server import LOOPBACK, make_app
from ganvas.web.watch.folder import Folder
from ganvas.web.watch.stream import ListView, RunsView, Stream, StudyView, View

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

Item = TypeVar("Item")

SIDE_BY_SIDE = 2
"""Runs that one page may show."""

REPORT_POLICY = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""A report may come from anybody: it runs nothing, and reads nothing of this server."""

STATIC = {
    "style.css": ("reports/templates/style.css", "text/css"),
    "watch.css": ("web/watch/pages/watch.css", "text/css"),
    **{
        f"{name}.js": (f"web/watch/pages/{name}.js", "text/javascript")
        for name in ("watch", "list", "runs", "study", "parts", "charts")
    },
}
"""The files that pages are made of: where they lie in the package, and what they are."""


def watch_app(folder: Path, host: str = LOOPBACK) -> Starlette:
    """The application for a folder.

    Args:
        folder: that holds runs and studies, at any depth, or will.
        host: what `listen` was given.
    """
    from starlette.routing import Route

    pages = Pages(Stream(Folder(folder)))
    return make_app(
        [
            Route("/", pages.page),
            Route("/run/{run}", pages.run_page),
            Route("/study/{study}", pages.study_page),
            Route("/beside/{run}/{other}", pages.run_page),
            Route("/events", pages.events),
            Route("/grid/{run}/{images_seen:int}.png", pages.grid),
            Route("/report/{id}", pages.report),
            Route("/static/{name}", pages.static),
        ],
        "All runs",
        host,
    )


class Pages:
    """Answers requests. Ids and numbers of a request are looked up; none becomes a path."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.folder = stream.folder

    async def page(self, request: Request) -> Response:
        """The page, which asks for its content by itself."""
        from starlette.responses import HTMLResponse

        return HTMLResponse(packaged("web/watch/pages/watch.html"))

    async def run_page(self, request: Request) -> Response:
        """The page of a run, or of two."""
        await self.stream.poll()
        for id in request.path_params.values():
            look_up(self.folder.runs, id)
        return await self.page(request)

    async def study_page(self, request: Request) -> Response:
        """The page of a study."""
        await self.stream.poll()
        look_up(self.folder.studies, request.path_params["study"])
        return await self.page(request)

    async def events(self, request: Request) -> Response:
        """What a page shows, and every change of it, until it is closed."""
        from starlette.responses import StreamingResponse

        view: View = ListView()
        if "study" in request.query_params:
            view = StudyView(request.query_params["study"])
        elif "run" in request.query_params:
            view = RunsView(request.query_params.getlist("run")[:SIDE_BY_SIDE])
        return StreamingResponse(self.stream.events(view), media_type="text/event-stream")

    async def grid(self, request: Request) -> Response:
        """One grid of samples."""
        from starlette.responses import Response

        run = look_up(self.folder.runs, request.path_params["run"])
        path = run.files.sample_path(request.path_params["images_seen"])
        return Response(await self._read(path), media_type="image/png")

    async def report(self, request: Request) -> Response:
        """The report of a run or study, where there is one."""
        from starlette.responses import HTMLResponse

        id = request.path_params["id"]
        run, study = self.folder.runs.get(id), self.folder.studies.get(id)
        directory = run.directory if run else look_up({id: study} if study else {}, id).path
        page = await self._read(directory / "report.html")
        return HTMLResponse(page, headers={"content-security-policy": REPORT_POLICY})

    async def static(self, request: Request) -> Response:
        """What pages are made of."""
        from starlette.responses import Response

        place, kind = look_up(STATIC, request.path_params["name"])
        return Response(packaged(place), media_type=kind)

    async def _read(self, path: Path) -> bytes:
        """A file of the folder; 404 where there is none that may be read."""
        from starlette.exceptions import HTTPException

        def read() -> bytes:
            self.folder.inside.check_whole(path)
            return path.read_bytes()

        try:
            return await asyncio.to_thread(read)
        except (RunError, OSError) as error:
            raise HTTPException(404) from error


def look_up(table: Mapping[str, Item], name: str) -> Item:
    """What has this name in a table; 404 if nothing has."""
    from starlette.exceptions import HTTPException

    if name not in table:
        raise HTTPException(404)
    return table[name]


packaged = cache(package_bytes)
"""A file of the package, read once."""
