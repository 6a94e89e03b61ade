"""The discriminator's logits of training images, of fakes, and of held-out images.

Wasserstein and relativistic losses do not determine the level of the logits. Ranks and differences
mean the same under every loss.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.health.probes.context import NotMeasurable, ProbeContext, ProbeValues

SIGNIFICANT = 2.0
"""A gap counts from this many standard errors on."""


def logit_statistics(context: ProbeContext) -> ProbeValues:
    """Mean and standard deviation of the logits, and the fraction on the right side of 0."""
    values: ProbeValues = {}
    for name, logits in logits_by_source(context).items():
        correct = logits < 0 if name == "fake" else logits > 0
        values[f"probe/logits/{name}"] = float(logits.mean())
        values[f"probe/logits/{name}_spread"] = float(logits.std())
        values[f"probe/accuracy/{name}"] = fraction(correct)
    return values


def ranking(context: ProbeContext) -> ProbeValues:
    """AUCs of one group of logits against another, which mean the same under every loss."""
    logits = logits_by_source(context)
    values: ProbeValues = {"probe/ranking/train": auc(logits["real"], logits["fake"])}
    if "held_out" in logits:
        values["probe/ranking/held_out"] = auc(logits["held_out"], logits["fake"])
        values["probe/ranking/memory"] = auc(logits["real"], logits["held_out"])
    return values


def r_t(context: ProbeContext) -> ProbeValues:
    """ADA's r_t = E[sign D(real)] (Karras 2020, eq. 1, right)."""
    return {"probe/r_t": float(context.real_output.logits.sign().mean())}


def r_v(context: ProbeContext) -> ProbeValues:
    """ADA's r_v = (E[D(real)] - E[D(held out)]) / (E[D(real)] - E[D(fake)]) (eq. 1, left).

    Raises NotMeasurable where the denominator is within its own noise.
    """
    logits = logits_by_source(context)
    if "held_out" not in logits:
        return {}
    real, fake = logits["real"], logits["fake"]
    gap = float(real.mean() - fake.mean())
    standard_error = float((real.var() / len(real) + fake.var() / len(fake)).sqrt())
    if abs(gap) <= SIGNIFICANT * standard_error:
        raise NotMeasurable(
            f"real and fake logits are {gap:.2g} apart, which is within their noise"
        )
    return {"probe/r_v": float(real.mean() - logits["held_out"].mean()) / gap}


def logits_by_source(context: ProbeContext) -> dict[str, Tensor]:
    """Logits (n,) of real, fake and held-out images; the last left out where there are too few."""
    logits = {"real": context.real_output.logits, "fake": context.fake_output.logits}
    if len(context.held_out_logits) > 0:
        logits["held_out"] = context.held_out_logits
    return logits


def auc(positives: Tensor, negatives: Tensor) -> float:
    """P(positive > negative) over all pairs, ties count half: area under the ROC (Hanley 1982)."""
    differences = positives[:, None] - negatives  # (n, m)
    return fraction(differences > 0) + fraction(differences == 0) / 2


def fraction(mask: Tensor) -> float:
    """The fraction of entries that are true."""
    return float(mask.to(torch.float32).mean())
