"""Requests to stop: which signals are heard, and what a second one does."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from ganvas.training.stop import STOP_SIGNALS, StopRequest, interrupt, stop_signals


@pytest.fixture(autouse=True)
def handled() -> Iterator[None]:
    """As in the program `ganvas`, also where the tests run in the background of a shell."""
    previous = {number: signal.signal(number, interrupt) for number in STOP_SIGNALS}
    yield
    for number, handler in previous.items():
        signal.signal(number, handler)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_the_first_signal_asks_to_stop(number: signal.Signals) -> None:
    with StopRequest() as stop:
        assert not stop
        send(number)
        assert stop
        assert stop.signal_name == number.name
    assert signal.getsignal(number) == interrupt


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_one_from_somebody_impatient_ends_at_once(
    first: signal.Signals, second: signal.Signals
) -> None:
    with StopRequest():
        send(first)
        with pytest.raises(KeyboardInterrupt):
            send(second)


@pytest.mark.parametrize("order", [("SIGHUP", "SIGTERM"), ("SIGTERM", "SIGHUP")])
def test_the_end_of_a_session_sends_two_that_count_as_one(order: tuple[str, str]) -> None:
    with StopRequest() as stop:
        for name in order:
            send(signal.Signals[name])
        assert stop.signal_name == order[0]
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_a_closing_terminal_sends_two_that_count_as_one() -> None:
    """The system sends one to the foreground, and the shell one to each of its jobs."""
    with StopRequest() as stop:
        send(signal.SIGHUP)
        send(signal.SIGHUP)
        assert stop.signal_name == "SIGHUP"
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGHUP)
    send(signal.SIGHUP)


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_that_is_ignored_stays_ignored(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_IGN)
    assert number not in stop_signals()
    with StopRequest() as stop:
        send(number)
        assert not stop
    assert signal.getsignal(number) == signal.SIG_IGN


def test_other_threads_hear_none() -> None:
    heard: list[signal.Signals] = []
    thread = threading.Thread(target=lambda: heard.extend(stop_signals()))
    thread.start()
    thread.join()
    assert heard == []
