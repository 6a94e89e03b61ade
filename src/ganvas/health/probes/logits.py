"""What the discriminator says of images it learns from, of fakes, and of images it never saw.

Wasserstein and relativistic losses leave the level of logits open. Ranks and differences mean the
same under every loss.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.health.probes.subject import NotMeasurable, Numbers, Subject

CLEAR = 2.0
"""A gap counts that is this many times its standard error."""


def levels(subject: Subject) -> Numbers:
    """Mean and standard deviation of the logits, and the share that is on the right side of 0."""
    numbers: Numbers = {}
    for name, logits in logits_of(subject).items():
        right = logits < 0 if name == "fake" else logits > 0
        numbers[f"probe/logits/{name}"] = float(logits.mean())
        numbers[f"probe/logits/{name}_spread"] = float(logits.std())
        numbers[f"probe/accuracy/{name}"] = share(right)
    return numbers


def ranking(subject: Subject) -> Numbers:
    """How often one logit lies above another, which no loss leaves open (`above`)."""
    logits = logits_of(subject)
    numbers: Numbers = {"probe/ranking/train": above(logits["real"], logits["fake"])}
    if "held_out" in logits:
        numbers["probe/ranking/held_out"] = above(logits["held_out"], logits["fake"])
        numbers["probe/ranking/memory"] = above(logits["real"], logits["held_out"])
    return numbers


def sign(subject: Subject) -> Numbers:
    """ADA's r_t = E[sign D(real)] (Karras 2020, eq. 1, right)."""
    return {"probe/r_t": float(subject.judged_real.logits.sign().mean())}


def gap(subject: Subject) -> Numbers:
    """ADA's r_v = (E[D(real)] - E[D(held out)]) / (E[D(real)] - E[D(fake)]) (eq. 1, left).

    Raises NotMeasurable where the denominator is not clear of its own noise.
    """
    logits = logits_of(subject)
    if "held_out" not in logits:
        return {}
    real, fake = logits["real"], logits["fake"]
    between = float(real.mean() - fake.mean())
    noise = float((real.var() / len(real) + fake.var() / len(fake)).sqrt())
    if abs(between) <= CLEAR * noise:
        raise NotMeasurable(
            f"real and fake logits are {between:.2g} apart, which is within their noise"
        )
    return {"probe/r_v": float(real.mean() - logits["held_out"].mean()) / between}


def logits_of(subject: Subject) -> dict[str, Tensor]:
    """Logits (n,) by where the images are from; no held-out ones where there are too few."""
    logits = {"real": subject.judged_real.logits, "fake": subject.judged_fake.logits}
    if len(subject.held_out_logits) > 0:
        logits["held_out"] = subject.held_out_logits
    return logits


def above(ones: Tensor, others: Tensor) -> float:
    """P(one > other) over all pairs, ties half: the area under the ROC curve (Hanley 1982)."""
    differences = ones[:, None] - others  # (n, m)
    return share(differences > 0) + share(differences == 0) / 2


def share(which: Tensor) -> float:
    """The share that is true."""
    return float(which.to(torch.float32).mean())
