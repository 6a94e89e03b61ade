"""A small server for this machine: what the pages of `demo` and `watch` share.

It listens on 127.0.0.1 unless told otherwise, answers errors with one sentence, and ends with
Ctrl-C. A page of another site cannot use it: the Host header must name this machine (DNS
rebinding), and the browser must not say that another site asks (`Sec-Fetch-Site`).
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganvas.errors import GanvasError, Interrupted
from ganvas.system_errors import reason_of
from ganvas.terminal import print_lines
from ganvas.training.stop import stop_signals
from ganvas.web.error_page import error_page

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = "127.0.0.1"
"""Reached from this machine alone."""

PORTS = range(8150, 8170)
"""Tried in this order where no port is given; then any free one."""

GRACE_SECONDS = 1
"""How long open requests may take to end after Ctrl-C."""

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""What a page may load: from this server alone."""

HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class ListeningSocket:
    """A port of this machine that is ours already, so that nothing can take it meanwhile."""

    socket: socket.socket
    host: str
    """As it was asked for: an address or a name of this machine."""
    address: str
    """What the host stands for, in numbers."""
    port: int

    @property
    def is_private(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.address).is_loopback

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        everywhere = ipaddress.ip_address(self.address).is_unspecified
        host = LOOPBACK if everywhere else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


@contextlib.contextmanager
def listen(host: str = LOOPBACK, port: int | None = None) -> Iterator[ListeningSocket]:
    """Take a port; it is given back at the end.

    Args:
        host: an address or a name of this machine.
        port: 1 to 65535; None takes the first free one of `PORTS`, else any.

    Raises:
        GanvasError: the port is taken, or this machine has no such address.
    """
    listener = _first_free(host, [*PORTS, 0] if port is None else [port])
    with listener:
        address, taken = listener.getsockname()[:2]
        yield ListeningSocket(listener, host, address.partition("%")[0], taken)


def _first_free(host: str, ports: Sequence[int]) -> socket.socket:
    for port in ports:
        try:
            family, _, _, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            # Listening from here on: a browser that comes early waits instead of failing.
            return socket.create_server(address[:2], family=family)
        except (OSError, UnicodeError) as error:
            code = error.errno if isinstance(error, OSError) else None
            if code in (errno.EADDRINUSE, errno.EACCES) and port != ports[-1]:
                continue
            raise GanvasError(_cannot_listen(host, port, error)) from error
    raise AssertionError("there is always a port to try")


def _cannot_listen(host: str, port: int, error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError | socket.gaierror):
        return (
            f"--host: {host!r} is no address or name of this machine. Leave it away for {LOOPBACK}"
        )
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is used by another program. Give another --port, or none: "
            "then a free one is taken"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host: {host} is no address of this machine. Leave it away for {LOOPBACK}"
    return f"cannot listen on port {port} of {host}: {reason_of(error)}. Give another --port"


def make_app(routes: Sequence[BaseRoute], home: str, host: str = LOOPBACK) -> Starlette:
    """A Starlette application with our checks, headers and errors in one sentence.

    A route may raise a `GanvasError`: it is answered with 400 and its message. Who asks for a page
    gets these sentences as a page (`error_page`).

    Args:
        routes: what there is besides errors.
        home: what `/` shows; a page with an error has a link to it.
        host: what `listen` was given.
    """
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.responses import HTMLResponse, PlainTextResponse

    def answer_with(
        request: Request, sentence: str, status: int, headers: Mapping[str, str] | None = None
    ) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(error_page(sentence, home), status, headers)
        return PlainTextResponse(f"{sentence}\n", status, headers)

    def refuse(request: Request, error: Exception) -> Response:
        return answer_with(request, str(error), 400)

    def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        sentence = {
            404: f"There is nothing at {request.url.path}.",
            405: f"{request.url.path} does not answer {request.method}.",
        }.get(error.status_code, error.detail)
        return answer_with(request, sentence, error.status_code, error.headers)

    def fail(request: Request, error: Exception) -> Response:
        # Starlette answers it outside of all middleware, so the headers of `Guard` are missing.
        sentence = f"An error of ganvas: {type(error).__name__}: {error}"
        return answer_with(request, sentence, 500, HEADERS)

    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, allowed_hosts(host))],
        exception_handlers={GanvasError: refuse, HTTPException: answer, Exception: fail},
    )
    app.router.redirect_slashes = False
    return app


def allowed_hosts(host: str) -> frozenset[str]:
    """The names by which a browser may ask for a server that listens on this host.

    A name that an attacker's DNS leads here is none of them. Ports are not compared, so that a
    tunnel from another port works.
    """
    own = {LOOPBACK, "localhost", "::1"}
    others = set() if host in own else {host.lower(), socket.gethostname().lower()}
    return frozenset(own | others)


class Guard:
    """ASGI middleware: refuse what another site asks for, and send our headers."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        """Make one.

        Args:
            app: what answers when nothing is wrong.
            hosts: see `allowed_hosts`. With a host that is not of this machine alone, any address
                in numbers is allowed too: nobody's DNS leads such a request here.
        """
        self.app, self.hosts = app, hosts
        self.numbers = not hosts <= allowed_hosts(LOOPBACK)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        from starlette.responses import PlainTextResponse

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *ours]
            await send(message)

        app = self.app
        if scope["type"] == "http":
            headers = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
            }
            problem = self._problem(headers)
            if problem:
                app = PlainTextResponse(f"{problem}\n", 403)
        await app(scope, receive, send_with_headers)

    def _problem(self, headers: dict[str, str]) -> str:
        name = host_name(headers.get("host", ""))
        if name not in self.hosts and not (self.numbers and _is_address(name)):
            return f"This server is not {name or 'what was asked for'}: open it by its own address."
        asked_by_other_site = headers.get("sec-fetch-site") == "cross-site"
        if asked_by_other_site and headers.get("sec-fetch-mode") != "navigate":
            return "Another site may not use this server."
        return ""


def host_name(header: str) -> str:
    """The name in a Host header, without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def serve(app: ASGIApp, listener: ListeningSocket, browser: bool = True) -> None:
    """Answer requests until Ctrl-C (or SIGTERM); always ends with an exception.

    Args:
        app: of `make_app`.
        listener: of `listen`.
        browser: open the page in the user's browser.

    Raises:
        Interrupted: it was stopped.
    """
    import uvicorn

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    print_lines(f"{listener.url} (Ctrl-C ends it)")
    if not listener.is_private:
        print_lines("whoever can reach this machine can open it: there is no password")
    # uvicorn itself listens to two signals only, and in the end raises them again.
    previous = {number: signal.signal(number, server.handle_exit) for number in stop_signals()}
    if browser:
        open_browser(listener.url)
    try:
        server.run(sockets=[listener.socket])
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    raise Interrupted(f"{listener.url} is closed")


def open_browser(url: str) -> None:
    """Open a page in the user's browser, where there is a screen to show it."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, screens)):
        return  # else a browser for terminals may take over this one
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
