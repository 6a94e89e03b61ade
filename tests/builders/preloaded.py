"""The last import of the server that commands fork from: what they would all import, and look at.

Parsing flags imports parts of tyro late, and reads the sources of classes. A collection of garbage
looks at every object there is, and in a forked process this copies its page of memory.
"""

from __future__ import annotations

import functools
import gc

from tyro import _docstrings

from ganvas.cli.parsing import parse

_kept = functools.cache(_docstrings._ClassTokenization.make)
_docstrings._ClassTokenization.make = staticmethod(_kept)  # type: ignore[method-assign]
parse(["train", "dcgan", "images"])
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 20)
