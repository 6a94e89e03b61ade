"""Numbers and names as people read them."""

from __future__ import annotations

from ganvas.health.columns import COLUMNS

Ends = tuple[float, float]
"""Of an interval."""


def symptom(name: str) -> str:
    """`updates-too-large` -> `updates too large`; `not-lipschitz` keeps its mathematician."""
    return name.replace("-", " ").replace("lipschitz", "Lipschitz")


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def column(name: str) -> str:
    """What a column of the history means."""
    if name in COLUMNS:
        return COLUMNS[name]
    player, _, rest = name.partition("/")
    known = {
        "loss/adversarial": f"the {player}'s adversarial loss",
        "logits/real": f"mean logit of training images, as the {player} was trained",
        "logits/fake": f"mean logit of generated images, as the {player} was trained",
        "gradient_norm": f"norm of the gradient of the {player}'s loss, as it was trained",
        "seconds": "seconds of training",
        "images_per_second": "training images a second",
        "memory_mb": "memory at most so far, in MB",
        "data_wait": "share of the time in which training waited for its images",
    }
    if rest.startswith("loss/") and rest not in known:
        return f"the term {rest.removeprefix('loss/')} of the {player}'s loss"
    return known.get(rest or name, "")
