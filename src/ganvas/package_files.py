"""Files that lie in the package beside its code: pages, styles, and what a page runs."""

from __future__ import annotations

from importlib.resources import files


def package_bytes(path: str) -> bytes:
    """A file of the package, by its path in it, such as `reports/templates/style.css`."""
    return files("ganvas").joinpath(path).read_bytes()


def package_text(path: str) -> str:
    """The same, of a text in UTF-8."""
    return package_bytes(path).decode()
