"""The feature networks with published weights, by name."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ganvas.errors import GanvasError, did_you_mean
from ganvas.metrics.features import FeatureNetwork
from ganvas.metrics.inception import load_inception
from ganvas.metrics.lite0 import load_lite0

LOADERS: dict[str, Callable[[torch.device], FeatureNetwork]] = {
    "lite0": load_lite0,
    "inception": load_inception,
}


def load_feature_network(name: str, device: torch.device) -> FeatureNetwork:
    """The feature network of that name: `lite0` or `inception`.

    Raises:
        GanvasError: there is no such network, or its package or weights are missing or damaged.
    """
    if name not in LOADERS:
        known = (*LOADERS, "classifier", "self")
        raise GanvasError(
            f"there are no features {name!r} to load. There are: {', '.join(LOADERS)}; and "
            "classifier and self, which are trained on the data's own images."
            f"{did_you_mean(name, known)}"
        )
    return LOADERS[name](device)
