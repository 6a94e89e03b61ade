"""A page in headless Chromium that tests can use: click, type, read pixels, watch its requests.

It speaks the DevTools protocol. `pages.open_in_browser` is enough for a page that does nothing.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket

from ..builders.commands import wait_until
from .pages import browser

KEY_CODES = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9}


class Page:
    """One page. What it asked for is in `requests`, what it complained of in `problems`."""

    def __init__(self, address: str, process: subprocess.Popen[str]) -> None:
        self.socket = websocket.create_connection(address, suppress_origin=True, timeout=1)
        self.process = process
        self.requests: list[str] = []
        self.problems: list[str] = []
        self._number = 0
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of one command."""
        self._number += 1
        self.socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        answers: list[dict[str, Any]] = []

        def answered() -> bool:
            if not answers:  # `wait_until` asks once more when it is over
                message = self._receive()
                if message.get("id") == self._number:
                    answers.append(message)
            return bool(answers)

        assert wait_until(answered, self.process), "the browser has ended"
        assert "error" not in answers[0], answers[0]
        result: dict[str, Any] = answers[0]["result"]
        return result

    def _receive(self) -> dict[str, Any]:
        """The next message; empty if none comes for a while."""
        try:
            message: dict[str, Any] = json.loads(self.socket.recv())
        except websocket.WebSocketTimeoutException:
            return {}
        parameters = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(parameters["exceptionDetails"]))
            case "Log.entryAdded":
                self.problems.append(parameters["entry"]["text"])
            case "Runtime.consoleAPICalled":
                self.problems.append(json.dumps(parameters["args"]))
        return message

    def open(self, address: str) -> None:
        """Go to an address; `wait_for` says when the page is ready."""
        self.send("Page.navigate", url=address)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript, awaited."""
        result = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true, as long as the browser works."""

        def holds() -> bool:
            time.sleep(0.02)
            return bool(self.evaluate(f"Boolean({expression})"))

        assert wait_until(holds, self.process), f"the browser has ended before {expression}"

    def press(self, key: str) -> None:
        """Press and release a key."""
        text = {"text": key} if len(key) == 1 else {}
        code = KEY_CODES.get(key, ord(key[0].upper()))
        for kind in ("keyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                **(text if kind == "keyDown" else {}),
            )

    def resize(self, width: int, height: int, dark: bool = False, ratio: float = 1) -> None:
        """Show the page in a window of this size in CSS pixels, light or dark."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=ratio,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Write what the window shows as a PNG, or the whole page."""
        picture = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(picture["data"]))


@contextmanager
def chromium(folder: Path, *flags: str) -> Iterator[Page]:
    """A page in a browser of its own; skips the test where there is no browser.

    Args:
        folder: for its profile.
        flags: more flags of Chromium.
    """
    profile = folder / "chromium"
    command = [
        browser(),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        *flags,
        "about:blank",
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "HOME": str(folder)},
    )
    try:
        page = Page(page_address(profile, process), process)
        try:
            yield page
        finally:
            page.socket.close()
    finally:
        process.terminate()
        process.wait()


def page_address(profile: Path, process: subprocess.Popen[str]) -> str:
    """The address of the first page for the DevTools protocol."""
    port = profile / "DevToolsActivePort"
    assert wait_until(lambda: port.is_file() and "\n" in port.read_text(), process)
    pages: Callable[[], list[dict[str, Any]]] = lambda: [  # noqa: E731 - it is asked again
        target
        for target in read_json(f"http://127.0.0.1:{port.read_text().splitlines()[0]}/json")
        if target["type"] == "page"
    ]
    assert wait_until(lambda: bool(pages()), process)
    address: str = pages()[0]["webSocketDebuggerUrl"]
    return address


def read_json(address: str) -> Any:
    with urllib.request.urlopen(address) as answer:
        return json.load(answer)
