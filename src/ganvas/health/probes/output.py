"""Pixels at the end of their range, where tanh passes no gradient on."""

from __future__ import annotations

from ganvas.health.probes.logits import share
from ganvas.health.probes.subject import Numbers, Subject

SATURATED = 0.99


def saturated(subject: Subject) -> Numbers:
    """The share of values beyond +-0.99 in fakes and in reals. Points have no range: none."""
    if subject.makes_points:
        return {}
    return {
        "probe/output/saturated": share(subject.fake.abs() > SATURATED),
        "probe/output/saturated_real": share(subject.real.abs() > SATURATED),
    }
