"""Hides libraries from an interpreter that has this folder in PYTHONPATH, and from its children.

`GANVAS_HIDDEN_LIBRARIES` names them, with commas between them (see `tests.without_extras`).
"""

import os

from hiding import hide

hide(os.environ["GANVAS_HIDDEN_LIBRARIES"].split(","))
