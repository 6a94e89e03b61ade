"""Names and sentences as the pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganvas.health.columns import COLUMNS
from ganvas.metrics.names import more_is_better


def symptom_name(name: str) -> str:
    """`updates-too-large` -> `updates too large`; `not-lipschitz` -> `not Lipschitz`."""
    return name.replace("-", " ").replace("lipschitz", "Lipschitz")


def as_sentence(text: str) -> str:
    """A text with a capital letter and a full stop; empty for an empty one."""
    text = text.strip()
    stop = "." if text and not text.endswith((".", "!", "?")) else ""
    return f"{text[:1].upper()}{text[1:]}{stop}"


def column_meaning(name: str) -> str:
    """What a column of the history means."""
    if name in COLUMNS:
        return COLUMNS[name]
    player, _, rest = name.partition("/")
    known = {
        "loss/adversarial": f"the {player}'s adversarial loss",
        "logits/real": f"mean logit of training images, as the {player} was trained",
        "logits/fake": f"mean logit of generated images, as the {player} was trained",
        "gradient_norm": f"norm of the gradient of the {player}'s loss, as it was trained",
        "probability": "probability of each transformation of the discriminator's images",
        "memory": (
            "how often a training image's logit was above a held-out one's, which adaptive "
            "augmentation follows: 0.5 nothing is memorised"
        ),
        "seconds": "seconds of training",
        "images_per_second": "training images a second",
        "memory_mb": "memory at most so far, in MB",
        "data_wait": "fraction of the time in which training waited for images",
    }
    if rest.startswith("loss/") and rest not in known:
        return f"the term {rest.removeprefix('loss/')} of the {player}'s loss"
    return known.get(rest or name, "")


def better_word(metric: str) -> str:
    """Which scores are better: `higher` or `lower`."""
    return "higher" if more_is_better(metric) else "lower"


def when_measured(score: Mapping[str, Any]) -> str:
    """Whether a score was asked for or measured while the run trained."""
    return "while training" if score["while_training"] else "on request"
