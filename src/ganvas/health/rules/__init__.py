"""The rules: one for each symptom, from what a run measured to what is wrong with it.

Each is a pure function `Evidence -> Finding | None` that cites its paper (`Rule.paper`). Read
`sight.py` for what a rule sees in one record and `rule.py` for what records in a row add up to; the
rules themselves are in the modules below, a family each.
"""

from __future__ import annotations

from ganvas.health.rules import backward, collapse, pictures, players, progress, steepness
from ganvas.health.rules.rule import Rule

RULES: dict[str, Rule] = {
    rule.symptom: rule
    for rule in (
        # Settings that are measurably off: whatever else there is may come from them.
        steepness.CLIP_TOO_SMALL,
        steepness.CLIP_TOO_LARGE,
        players.UPDATES_TOO_LARGE,
        # A player that does not take part. Its opponent then looks too strong.
        players.DISCRIMINATOR_TOO_WEAK,
        players.GENERATOR_STANDS_STILL,
        # Gradients that do not arrive, or arrive out of all proportion.
        backward.VANISHING_GENERATOR_GRADIENT,
        steepness.NOT_LIPSCHITZ,
        backward.EXPLODING_GRADIENTS,
        steepness.DIVERGING,
        # A discriminator that knows too much. One that memorises overpowers too.
        players.DISCRIMINATOR_MEMORISES,
        players.DISCRIMINATOR_OVERPOWERS,
        # What becomes of the images.
        collapse.MODE_COLLAPSE,
        collapse.PARTIAL_COLLAPSE,
        progress.OSCILLATION,
        pictures.SATURATED_OUTPUT,
        pictures.CHECKERBOARD,
        # What spoils nothing but could be better.
        progress.STAGNATION,
        progress.IDLE_PENALTY,
        progress.AVERAGE_LAGS,
    )
}
"""Every rule by its symptom, causes before consequences.

This is the order of findings: what a person should change first stands first. A later symptom is
often made by an earlier one (a learning rate that is too high collapses the generator), hardly ever
the other way round.
"""
