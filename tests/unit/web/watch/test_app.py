"""What is served: pages and their parts, and nothing outside the folder."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from ganvas.web.watch.app import STATIC, watch_app
from ganvas.web.watch.folder import Folder
from ganvas.web.watch.inside import Inside
from ganvas.web.watch.run import id_of
from ganvas.web.watch.stream import ListView, RunsView, Stream, View

from ....builders.asgi import Answer, ask
from ....builders.watched import PNG, made_run, records
from ....extras import require_extra

require_extra("web")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one run that has a grid and a report, beside a secret."""
    (tmp_path / "secret.png").write_bytes(b"secret")
    run = made_run(tmp_path / "runs" / "a", records(100))
    run.sample_path(100).write_bytes(PNG)
    (run.directory / "report.html").write_text("<p>The report.</p>")
    return tmp_path / "runs"


def id_in(folder: Path, name: str) -> str:
    return id_of(Inside.of(folder), folder / name)


def get(folder: Path, target: str, method: str = "GET") -> Answer:
    """The answer, after the folder was looked at, as every page begins."""
    app = watch_app(folder)
    ask(app, f"/run/{id_in(folder, 'a')}")
    return ask(app, target, method=method)


def test_pages_are_there_and_what_is_no_page_is_said_in_one_sentence(folder: Path) -> None:
    id = id_in(folder, "a")
    for target in ("/", f"/run/{id}", f"/beside/{id}/{id}"):
        answer = get(folder, target)
        assert answer.status == 200
        assert "<title>ganvas watch</title>" in answer.text
    for target in ("/run/nothing", f"/study/{id}", f"/beside/{id}/no", "/favicon", "/grid/a/b.png"):
        answer = get(folder, target)
        assert (answer.status, answer.text) == (404, f"There is nothing at {target}.\n")


@pytest.mark.parametrize("name", sorted(STATIC))
def test_what_pages_are_made_of_comes_from_this_server_alone(folder: Path, name: str) -> None:
    answer = get(folder, f"/static/{name}")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith(STATIC[name][1])
    assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in answer.text


def test_grids_and_reports_of_a_run_are_served(folder: Path) -> None:
    id = id_in(folder, "a")
    grid = get(folder, f"/grid/{id}/100.png")
    assert (grid.status, grid.body, grid.headers["content-type"]) == (200, PNG, "image/png")
    assert get(folder, f"/grid/{id}/200.png").status == 404
    assert get(folder, f"/report/{id}").text == "<p>The report.</p>"


def test_a_report_from_anywhere_may_run_nothing(folder: Path) -> None:
    policies: list[bytes] = []
    app = watch_app(folder)
    ask(app, f"/run/{id_in(folder, 'a')}")

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        policies.extend(
            value
            for name, value in message.get("headers", [])
            if name == b"content-security-policy"
        )

    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/report/{id_in(folder, 'a')}",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    asyncio.run(app(scope, receive, send))
    assert any(policy.startswith(b"sandbox; default-src 'none'") for policy in policies)


@pytest.mark.parametrize(
    "target",
    [
        "/grid/{id}/../../../secret.png",
        "/grid/{id}/..%2f..%2f..%2fsecret.png",
        "/grid/..%2f..%2fsecret/100.png",
        "/report/..",
        "/report/%2e%2e",
        "/static/../watch.py",
        "/static/..%2fapp.py",
        "/run/..%2f..",
        "/../secret.png",
    ],
)
def test_no_path_of_a_request_leads_anywhere(folder: Path, target: str) -> None:
    answer = get(folder, target.format(id=id_in(folder, "a")))
    assert answer.status == 404
    assert "secret\n" not in answer.text.splitlines()


@pytest.mark.parametrize("linked", ["grid", "samples", "report"])
def test_no_link_leads_out(folder: Path, linked: str) -> None:
    run = folder / "a"
    id = id_in(folder, "a")
    secret = folder.parent / "secret.png"
    if linked == "grid":
        (run / "samples" / "000000200.png").symlink_to(secret)
    elif linked == "samples":
        secret.rename(folder.parent / "000000200.png")
        (run / "samples" / "000000100.png").unlink()
        (run / "samples").rmdir()
        (run / "samples").symlink_to(folder.parent)
    else:
        (run / "report.html").unlink()
        (run / "report.html").symlink_to(secret)
    target = f"/report/{id}" if linked == "report" else f"/grid/{id}/200.png"
    answer = get(folder, target)
    assert answer.status == 404
    assert b"secret" not in answer.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_changed(folder: Path, method: str) -> None:
    assert get(folder, f"/run/{id_in(folder, 'a')}", method).status == 405


# ---- events


def events(folder: Folder, view: View, count: int) -> list[str]:
    """The first events of a page."""

    async def take() -> list[str]:
        taken: list[str] = []
        async for text in Stream(folder).events(view):
            taken.append(text)
            if len(taken) == count:
                break
        return taken

    return asyncio.run(take())


def test_events_begin_with_everything(folder: Path) -> None:
    retry, first = events(Folder(folder), ListView(), 2)
    assert retry == "retry: 1000\n\n"
    assert first.startswith("data: ")
    assert first.endswith("\n\n")
    message = json.loads(first.removeprefix("data: "))
    assert [row["name"] for row in message["runs"]] == ["a"]
    assert message["folder"] == str(folder)


def test_events_of_a_run_have_its_history_findings_and_grids(folder: Path) -> None:
    _, first = events(Folder(folder), RunsView([id_in(folder, "a")]), 2)
    (part,) = json.loads(first.removeprefix("data: "))["parts"].values()
    assert part["history"]["columns"]["generator/loss/adversarial"] == [[2]]
    assert part["grids"] == [100]
    assert part["findings"] == []
    assert part["report"] is True


def test_a_connection_that_has_nothing_to_say_stays_alive(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganvas.web.watch.stream.HEARTBEAT_SECONDS", 0.0)
    monkeypatch.setattr("ganvas.web.watch.stream.POLL_SECONDS", 0.01)
    monkeypatch.setattr("ganvas.web.watch.stream.POLL_PART", 1e9)
    assert events(Folder(folder), ListView(), 3)[2] == ": nothing new\n\n"


def test_while_no_page_is_open_nothing_is_read(folder: Path) -> None:
    looked_at = Folder(folder)
    stream = Stream(looked_at)

    async def open_and_close() -> None:
        async for text in stream.events(RunsView([id_in(folder, "a")])):
            if text.startswith("data"):
                break

    assert looked_at.polls == 0
    asyncio.run(open_and_close())
    assert looked_at.polls == 1
