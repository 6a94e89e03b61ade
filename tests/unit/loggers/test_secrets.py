"""No key reaches a message, whatever a library says."""

from __future__ import annotations

import pytest

from ganvas.loggers.secrets import without_secrets


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WANDB_API_KEY", "0123456789abcdef"),
        ("MLFLOW_TRACKING_TOKEN", "token-of-mine"),
        ("MLFLOW_TRACKING_PASSWORD", "p4ssword"),
        ("HF_TOKEN", "hf_abcdefgh"),
    ],
)
def test_values_of_secret_variables_are_left_out(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert without_secrets(f"401 for {value}, {value}") == "401 for ***, ***"


def test_logins_in_addresses_are_left_out() -> None:
    text = "cannot reach http://me:mine@example.org/api and https://example.org/a@b"
    expected = "cannot reach http://***@example.org/api and https://example.org/a@b"
    assert without_secrets(text) == expected


def test_short_values_are_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "a")
    assert without_secrets("a small reason") == "a small reason"
