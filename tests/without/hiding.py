"""Libraries that are installed, as if they were not; before anything else is imported."""

from __future__ import annotations

import sys
from collections.abc import Collection
from importlib.machinery import ModuleSpec, PathFinder


def hide(libraries: Collection[str]) -> None:
    """Let Python find none of these libraries from now on, though it keeps what is imported.

    Args:
        libraries: by their top-level names.
    """

    class Finder(PathFinder):
        @classmethod
        def find_spec(cls, fullname, path=None, target=None) -> ModuleSpec | None:  # type: ignore[no-untyped-def]
            if fullname.partition(".")[0] in libraries:
                return None
            return super().find_spec(fullname, path, target)

    sys.meta_path = [Finder if finder is PathFinder else finder for finder in sys.meta_path]
