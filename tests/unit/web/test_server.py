"""The server of pages: which requests it answers, and where it listens."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
import webbrowser
from collections.abc import Mapping
from pathlib import Path

import pytest

from ...extras import require_extra

require_extra("web")

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ganvas.errors import GanvasError, Interrupted
from ganvas.web import server
from ganvas.web.server import allowed_hosts, host_name, listen, make_app, open_browser, serve

from ...builders.asgi import Answer, ask


def application(host: str = "127.0.0.1") -> Starlette:
    """A page, one that refuses, and one with a fault of ours."""

    def page(request: Request) -> Response:
        return PlainTextResponse("the page")

    def refuse(request: Request) -> Response:
        raise GanvasError("n: expected 1 to 256, got 0")

    def fail(request: Request) -> Response:
        raise KeyError("<b>n</b>")

    routes = [Route("/", page), Route("/refused", refuse), Route("/failed", fail)]
    return make_app(routes, "All runs", host)


def ask_what_fails(headers: Mapping[str, str] | None = None) -> Answer:
    """The answer to the one request that a server's log would have a traceback of."""
    app = application()

    async def without_log(scope: Scope, receive: Receive, send: Send) -> None:
        with pytest.raises(KeyError):
            await app(scope, receive, send)

    return ask(without_log, "/failed", headers)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:9", "localhost:8150", "[::1]:8150"])
def test_it_answers_by_the_names_of_this_machine(host: str) -> None:
    answer = ask(application(), "/", {"host": host})
    assert (answer.status, answer.text) == (200, "the page")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example:8150", "localhost.evil.example", "10.0.0.7", ""],
)
def test_a_name_that_somebody_leads_here_is_refused(host: str) -> None:
    answer = ask(application(), "/", {"host": host})
    assert answer.status == 403
    assert "open it by its own address" in answer.text
    assert answer.text.count("\n") == 1


def test_with_a_host_that_others_reach_addresses_and_the_own_name_are_answered() -> None:
    app = application("0.0.0.0")
    for host in ("10.0.0.7:8150", socket.gethostname().upper(), "localhost", "[fe80::1]:8150"):
        assert ask(app, "/", {"host": host}).status == 200, host
    assert ask(app, "/", {"host": "evil.example"}).status == 403


def test_another_site_cannot_use_it_but_may_link_to_it() -> None:
    asked = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert ask(application(), "/", asked).status == 403
    linked = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert ask(application(), "/", linked).status == 200
    own = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}
    assert ask(application(), "/", own).status == 200


@pytest.mark.parametrize(
    ("target", "method", "status", "sentence"),
    [
        ("/refused", "GET", 400, "n: expected 1 to 256, got 0"),
        ("/../pyproject.toml", "GET", 404, "There is nothing at /../pyproject.toml."),
        ("/", "POST", 405, "/ does not answer POST."),
    ],
)
def test_errors_are_one_sentence(target: str, method: str, status: int, sentence: str) -> None:
    answer = ask(application(), target, method=method)
    assert (answer.status, answer.text) == (status, f"{sentence}\n")


NAVIGATION = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
"""What a browser sends for what it is going to show."""


@pytest.mark.parametrize(
    ("target", "method", "status", "sentence"),
    [
        ("/run/nope", "GET", 404, "There is nothing at /run/nope."),
        ("/<script>&", "GET", 404, "There is nothing at /&lt;script&gt;&amp;."),
        ("/refused", "GET", 400, "n: expected 1 to 256, got 0"),
        ("/", "POST", 405, "/ does not answer POST."),
    ],
)
def test_a_browser_gets_errors_as_a_page_with_a_way_back(
    target: str, method: str, status: int, sentence: str
) -> None:
    answer = ask(application(), target, NAVIGATION, method)
    assert answer.status == status
    assert answer.headers["content-type"].startswith("text/html")
    assert f">{sentence}</h1>" in answer.text
    assert '<a href="/">All runs</a>' in answer.text
    assert "<script" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_every_answer_says_that_the_page_loads_from_here_alone() -> None:
    answers = [ask(application(), target) for target in ("/", "/missing", "/refused")]
    for answer in [*answers, ask_what_fails()]:
        headers = answer.headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "http" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert server.HEADERS.items() <= headers.items()


def test_a_fault_of_ours_is_named_in_one_sentence() -> None:
    answer = ask_what_fails()
    assert (answer.status, answer.text) == (500, "An error of ganvas: KeyError: '<b>n</b>'\n")
    page = ask_what_fails(NAVIGATION)
    assert page.status == 500
    assert ">An error of ganvas: KeyError: &#x27;&lt;b&gt;n&lt;/b&gt;&#x27;</h1>" in page.text


def test_a_host_name_has_no_port_and_loopback_has_three_names() -> None:
    assert host_name("[::1]:8150") == "::1"
    assert host_name("LocalHost:80") == "localhost"
    assert allowed_hosts("127.0.0.1") == {"127.0.0.1", "localhost", "::1"}


def test_without_a_port_the_first_free_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with listen() as first, listen() as second:
        assert first.port != second.port
        monkeypatch.setattr(server, "PORTS", range(first.port, first.port + 1))
        with listen() as third:
            assert third.port not in (first.port, second.port)
            assert third.url == f"http://127.0.0.1:{third.port}"


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with listen() as taken, pytest.raises(GanvasError) as caught, listen(port=taken.port):
        pass
    assert f"port {taken.port} of 127.0.0.1 is used by another program" in str(caught.value)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("192.0.2.1", "--host: 192.0.2.1 is no address of this machine"),
        ("no host", "--host: 'no host' is no address or name of this machine"),
    ],
)
def test_hosts_that_cannot_be(host: str, words: str) -> None:
    with pytest.raises(GanvasError, match=words), listen(host):
        pass


def test_who_can_reach_it() -> None:
    with listen() as listener:
        assert listener.is_private
    with listen("0.0.0.0") as listener:
        assert not listener.is_private
        assert listener.url == f"http://127.0.0.1:{listener.port}"


def test_it_serves_until_a_signal(capsys: pytest.CaptureFixture[str]) -> None:
    answers = []

    def ask_and_stop(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/")
        answers.append(connection.getresponse().read())
        connection.close()
        os.kill(os.getpid(), signal.SIGTERM)

    with listen() as listener:
        browser = threading.Thread(target=ask_and_stop, args=(listener.port,))
        browser.start()
        with pytest.raises(Interrupted, match=f"{listener.url} is closed"):
            serve(application(), listener, browser=False)
        browser.join()
        assert capsys.readouterr().out == f"{listener.url} (Ctrl-C ends it)\n"
    assert answers == [b"the page"]
    with listen(port=listener.port):  # it is free again
        pass


def test_the_browser_opens_where_there_is_a_screen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[str] = []
    asked = threading.Event()

    def record(url: str) -> bool:
        opened.append(url)
        asked.set()
        return True

    monkeypatch.setattr(webbrowser, "open", record)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    open_browser("http://127.0.0.1:1")
    monkeypatch.setenv("DISPLAY", ":0")
    open_browser("http://127.0.0.1:2")
    assert asked.wait(60)
    assert opened == ["http://127.0.0.1:2"]
