"""`ganvas watch` in a real browser: a run that trains while it is looked at, and runs of before."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..builders.commands import Command, finish, start
from ..builders.watched import made_run, records
from ..extras import require_extra
from .conftest import Ganvas, refused
from .devtools import Page, chromium

require_extra("web")

FOREVER = 10**9
"""Images: the training is killed long before."""

OFTEN = """
from ganvas.web.watch import folder, stream
stream.POLL_SECONDS, folder.SEARCH_SECONDS = 0.1, 0.2
"""
"""Sabotage: the command looks for changes ten times as often, and training has not to wait."""


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """One browser for all tests, which takes longer to start than most of them."""
    with chromium(tmp_path_factory.mktemp("browser")) as page:
        yield page


@contextmanager
def visiting(window: Page) -> Iterator[Page]:
    """The browser's page as if it had just started; it leaves a server before that ends."""
    window.resize(1280, 800)
    window.requests.clear()
    window.problems.clear()
    try:
        yield window
    finally:
        window.open("about:blank")
        window.wait_for("location.href === 'about:blank'")


@contextmanager
def watching(folder: Path) -> Iterator[tuple[Command, str]]:
    """The command and the address that it prints."""
    command = start(["watch", folder, "--no-browser"], OFTEN)
    try:
        yield command, command.stdout.readline().split()[0]
    finally:
        if command.poll() is None:
            command.kill()
        finish(command)


def click(page: Page, selector: str) -> None:
    page.evaluate(f"document.querySelector({selector!r}).click()")


def text_is(selector: str, text: str) -> str:
    """A condition for `Page.wait_for`: an element's text holds another."""
    return f"document.querySelector({selector!r})?.textContent.includes({text!r})"


def test_a_run_is_seen_to_appear_train_and_die(
    window: Page, tmp_path: Path, small: Path, images: Path
) -> None:
    """The whole way, from training's files to the browser's pixels; nothing cheaper has it all."""
    folder = tmp_path / "runs"
    folder.mkdir()
    with watching(folder) as (server, url), visiting(window) as page:
        page.open(url)
        page.wait_for(text_is("h1", "Waiting for the first run"))
        training = start(["train", small, images, "--images", FOREVER, "--out", folder / "a"])
        try:
            page.wait_for(text_is("tbody th a", "a"))
            page.wait_for(text_is("td.state", "running"))
            page.wait_for("document.querySelector('td.seen progress').value > 200")
            click(page, "tbody th a")
            page.wait_for("document.querySelector('.chart > svg > path')?.getTotalLength() > 10")
            page.wait_for("Number(document.querySelector('.slide input').max) >= 2")
            page.wait_for("document.querySelector('.grid img').naturalWidth > 0")
            shown = "document.querySelector('.grid img').src"
            page.evaluate(f"window.before = {shown}")
            page.wait_for(f"{shown} !== window.before")  # the newest grid comes by itself
        finally:
            training.kill()
            finish(training)
        page.wait_for(text_is(".lede", "stopped without saving"))
        assert page.problems == []
        assert all(request.startswith((url, "data:")) for request in page.requests)
        server.send_signal(signal.SIGINT)  # while a page is open
        ended = finish(server)
    assert (ended.code, ended.out) == (130, "")
    assert ended.err == f"ganvas: {url} is closed\n"


@pytest.fixture
def two_runs(tmp_path: Path) -> Path:
    """Two finished runs; the second saw more images and had larger losses."""
    for name, last, loss in (("a", 2_000, 1.0), ("b", 4_000, 50.0)):
        seen = range(100, last + 1, 100)
        history = [records(x, **{"generator/loss/adversarial": loss + x / 1e4})[0] for x in seen]
        made_run(tmp_path / "runs" / name, history).write_status("finished", last)
    return tmp_path / "runs"


def test_two_runs_are_chosen_with_the_keyboard_and_have_the_same_axes(
    window: Page, two_runs: Path
) -> None:
    with watching(two_runs) as (_, url), visiting(window) as page:
        page.open(url)
        page.wait_for("document.querySelectorAll('input[type=checkbox]').length === 2")
        for index in (0, 1):
            page.evaluate(f"document.querySelectorAll('input[type=checkbox]')[{index}].focus()")
            page.press(" ")
        page.wait_for("!document.querySelector('.tools button').disabled")
        click(page, ".tools button")
        page.wait_for("document.querySelectorAll('.chart > svg > path').length >= 4")
        ticks = [
            page.evaluate(
                "[...[...document.querySelectorAll('.chart')].filter(chart => chart.querySelector("
                f"'h3').textContent === \"The generator's loss\")[{index}]"
                ".querySelectorAll('text')].map(text => text.textContent)"
            )
            for index in (0, 1)
        ]
        assert ticks[0] == ticks[1]
        assert "4k" in ticks[0]
        page.evaluate("document.querySelector('.chart > svg').focus()")
        page.press("Home")
        page.wait_for(text_is(".chart .legend", "at 100 images"))
        page.press("ArrowRight")
        page.wait_for(text_is(".chart .legend", "at 200 images"))
        assert page.problems == []


def test_before_the_first_data_no_empty_table_is_shown(window: Page, two_runs: Path) -> None:
    with watching(two_runs) as (_, url), visiting(window) as page:
        shown = "document.querySelector('main').checkVisibility()"
        page.send("Network.setBlockedURLs", urls=["*/events"])
        page.open(url)
        page.wait_for(text_is("main h2", "Studies"))
        page.wait_for(text_is("#connection", "does not answer"))
        assert not page.evaluate(shown)
        page.send("Network.setBlockedURLs", urls=[])
        page.open(url)
        page.wait_for(text_is("#connection", "Live"))
        assert page.evaluate(shown)
        sections = "[...document.querySelectorAll('section')].filter(part => !part.hidden)"
        titles = page.evaluate(f"{sections}.map(part => part.querySelector('h2').textContent)")
        assert titles == ["Runs"]


def test_a_first_point_is_a_dot_that_is_wholly_on_the_page(window: Page, tmp_path: Path) -> None:
    made_run(tmp_path / "runs" / "a", records(100), scores=[{"images_seen": 100}])
    with watching(tmp_path / "runs") as (_, url), visiting(window) as page:
        page.open(url)
        page.wait_for(text_is("tbody th a", "a"))
        click(page, "tbody th a")
        page.wait_for("document.querySelectorAll('.chart > svg > circle').length >= 2")
        outside = (
            "[...document.querySelectorAll('.chart > svg > circle')].filter(dot => {"
            "const [a, b] = [dot, dot.parentNode].map(part => part.getBoundingClientRect());"
            "return a.width !== 5 || a.left < b.left || a.right > b.right || a.top < b.top"
            " || a.bottom > b.bottom}).length"
        )
        assert page.evaluate(outside) == 0
        page.wait_for(text_is(".chart:has(.mark) .legend", "real images 1"))
        assert page.problems == []


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_a_phone(window: Page, two_runs: Path, dark: bool) -> None:
    with watching(two_runs) as (_, url), visiting(window) as page:
        page.resize(390, 844, dark)
        page.open(url)
        page.wait_for("document.querySelectorAll('tbody tr').length === 2")
        fits = "document.documentElement.scrollWidth <= innerWidth"
        assert page.evaluate(fits)
        click(page, "tbody th a")
        page.wait_for("document.querySelector('.chart > svg > path')")
        assert page.evaluate(fits)


def test_a_folder_that_is_not_there_is_said_before_anything_is_served(
    tmp_path: Path, ganvas: Ganvas
) -> None:
    refused(ganvas("watch", tmp_path / "no"), "no does not exist", "ganvas watch .")
    (tmp_path / "file").touch()
    refused(ganvas("watch", tmp_path / "file"), "file is a file")
