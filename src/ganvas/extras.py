"""Libraries that only some commands need, each installed with an extra of ganvas."""

from __future__ import annotations

import importlib.util

from ganvas.errors import GanvasError


class MissingExtra(GanvasError):
    """A library is missing that an extra of ganvas installs."""


def check_extra(extra: str, purpose: str, *modules: str, instead: str = "") -> None:
    """Raise a `MissingExtra` unless what an extra installs can be imported.

    Args:
        extra: its name in pyproject.toml.
        purpose: what needs it, such as "exporting to ONNX".
        modules: those that are imported, by their top-level names.
        instead: a sentence on what needs none of them.
    """
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise MissingExtra(
            f"{purpose} needs {' and '.join(missing)}. Install: pip install 'ganvas[{extra}]'"
            + (f". {instead}" if instead else "")
        )
