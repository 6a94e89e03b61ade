"""The rules: one for each symptom, from a run's numbers to a finding.

Each is a pure function `Evidence -> Finding | None` that cites its paper (`Rule.paper`). Read
`condition.py` for how one record is evaluated, and `rule.py` for how several records become a
finding. The rules themselves are in the other modules, one per family.
"""

from __future__ import annotations

from ganvas.health.rules import balance, collapse, gradients, images, labels, lipschitz, progress
from ganvas.health.rules.rule import Rule

RULES: dict[str, Rule] = {
    rule.symptom: rule
    for rule in (
        # Settings that are measurably wrong: they may cause all other symptoms.
        lipschitz.CLIP_TOO_SMALL,
        lipschitz.CLIP_TOO_LARGE,
        balance.UPDATES_TOO_LARGE,
        # A network that does not learn. Its opponent then seems too strong.
        balance.DISCRIMINATOR_TOO_WEAK,
        balance.GENERATOR_STANDS_STILL,
        # Gradients that vanish or explode.
        gradients.VANISHING_GENERATOR_GRADIENT,
        lipschitz.NOT_LIPSCHITZ,
        gradients.EXPLODING_GRADIENTS,
        lipschitz.DIVERGING,
        # A discriminator that is too good. One that memorises also overpowers.
        balance.DISCRIMINATOR_MEMORISES,
        balance.DISCRIMINATOR_OVERPOWERS,
        # The images.
        labels.CLASS_COLLAPSE,
        collapse.MODE_COLLAPSE,
        collapse.PARTIAL_COLLAPSE,
        labels.IGNORES_LABELS,
        progress.OSCILLATION,
        images.SATURATED_OUTPUT,
        images.CHECKERBOARD,
        # Harmless, but training could be better.
        progress.STAGNATION,
        progress.IDLE_PENALTY,
        progress.AVERAGE_LAGS,
    )
}
"""Every rule by its symptom, causes before consequences.

Findings have this order: what should be changed first comes first. An earlier symptom often causes
a later one (a learning rate that is too high collapses the generator), hardly ever vice versa.
"""
