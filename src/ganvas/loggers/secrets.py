"""Keeps secrets out of what is printed: libraries repeat addresses and keys in their errors."""

from __future__ import annotations

import os
import re

IN_NAMES = ("KEY", "TOKEN", "PASSWORD", "SECRET")
"""Parts of the names of environment variables that hold secrets."""

SHORTEST = 6
"""Characters of a secret; a shorter value would be found by chance."""

_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")


def without_secrets(text: str) -> str:
    """The text without the values of environment variables that are secret, and without logins in
    addresses."""
    for name, value in os.environ.items():
        if len(value) >= SHORTEST and any(part in name.upper() for part in IN_NAMES):
            text = text.replace(value, "***")
    return _LOGIN.sub("***@", text)
