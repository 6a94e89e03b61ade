"""Saturated pixels: values at the ends of tanh, where it passes no gradient."""

from __future__ import annotations

from ganvas.health.probes.context import ProbeContext, ProbeValues
from ganvas.health.probes.logits import fraction

SATURATED = 0.99


def saturation(context: ProbeContext) -> ProbeValues:
    """The fraction of values beyond +-0.99 in fakes and in reals. Empty for points."""
    if context.is_points:
        return {}
    return {
        "probe/output/saturated": fraction(context.fake.abs() > SATURATED),
        "probe/output/saturated_real": fraction(context.real.abs() > SATURATED),
    }
