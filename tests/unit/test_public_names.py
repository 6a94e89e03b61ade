"""The names that `import ganvas` gives."""

from __future__ import annotations

import ganvas


def test_only_public_names_are_offered() -> None:
    assert dir(ganvas) == sorted(ganvas.__all__)
    assert not {"Any", "TYPE_CHECKING", "annotations", "importlib", "logging"} & {*dir(ganvas)}
    assert {"GanvasError", "Unhealthy", "__version__", "recipes", "train"} < {*ganvas.__all__}


def test_every_public_name_can_be_imported() -> None:
    names: dict[str, object] = {}
    exec("from ganvas import *", names)
    assert {*ganvas.__all__} <= {*names}
    for name in ganvas.__all__:
        assert names[name] is getattr(ganvas, name)
