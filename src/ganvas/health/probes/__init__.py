"""All probes, and how they are taken. `columns.COLUMNS` says what each number means."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ganvas.health.columns import COLUMNS as COLUMNS
from ganvas.health.columns import MISSING
from ganvas.health.probes import (
    checkerboard,
    clipping,
    diversity,
    gradients,
    lipschitz,
    logits,
    movement,
    output,
)
from ganvas.health.probes.subject import NotMeasurable, Numbers, Subject

Measured = dict[str, float | list[float] | dict[str, str]]
"""Numbers by column, and reasons in `MISSING`; as they stand in a line of history.jsonl."""

LONGEST_REASON = 200

PROBES: dict[str, Callable[[Subject], Numbers]] = {
    "logits": logits.levels,
    "ranking": logits.ranking,
    "r_t": logits.sign,
    "r_v": logits.gap,
    "input_gradient": lipschitz.input_gradients,
    "lipschitz/empirical": lipschitz.empirical,
    "lipschitz/bound": lipschitz.bound,
    "clip": clipping.clipping,
    "output": output.saturated,
    "diversity/distance": diversity.distance,
    "diversity/effective": diversity.effective,
    "diversity/duplicates": diversity.duplicates,
    "likeness": diversity.mean_gap,
    "checkerboard": checkerboard.checkerboard,
    "movement": movement.movement,
    "movement/average_lag": movement.average_lag,
    "gradient/generator": gradients.generator_gradients,
    "gradient/discriminator": gradients.discriminator_gradients,
    "gradient/generator/slope": gradients.generator_slope,
    "gradient/discriminator/slope": gradients.discriminator_slope,
    # From here on the networks are no longer what training made them: these stay last.
    "update/generator": gradients.generator_update,
    "update/discriminator": gradients.discriminator_update,
}
"""By the name that a failure is recorded under, in the order in which they are taken."""


def look(
    originals: Subject, generator_rate: float, discriminator_rate: float
) -> tuple[Measured, Tensor | None]:
    """Probe training's own networks, which stay as they are; nothing that fails here stops it.

    Args:
        originals: what training uses, not copied yet.
        generator_rate, discriminator_rate: the learning rates of the next step.

    Returns:
        The record of `take_probes`, and what the next look needs as its newest `earlier`.
    """
    try:
        subject = originals.copied(generator_rate, discriminator_rate)
    except Exception as error:
        return {MISSING: {"probe/copies": reason(error)}}, None
    return take_probes(subject), subject.kept


def take_probes(subject: Subject) -> Measured:
    """Everything that can be measured, by column; what cannot, with the reason, in `MISSING`.

    A probe that fails takes none of the others with it, and a number that is not finite is left
    out. The subject is used up. Chance comes from the subject's generator only: the program's own
    random state is untouched, and equal subjects give equal bits on the CPU.
    """
    measured: Measured = {}
    missing: dict[str, str] = {}
    device = subject.random.device
    with torch.enable_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
        for name, probe in PROBES.items():
            try:
                numbers = probe(subject)
            except Exception as error:
                missing[f"probe/{name}"] = reason(error)
                continue
            for column, value in numbers.items():
                if is_finite(value):
                    measured[column] = value
                else:
                    missing[column] = f"not finite: {value}"[:LONGEST_REASON]
    return {**measured, MISSING: missing} if missing else measured


def is_finite(value: float | list[float]) -> bool:
    """Whether a number, or each of a list of them, is neither infinite nor NaN."""
    return all(map(math.isfinite, value if isinstance(value, list) else [value]))


def reason(error: Exception) -> str:
    """One line that says why a probe failed."""
    first = (str(error).splitlines() or [""])[0][:LONGEST_REASON]
    return first if isinstance(error, NotMeasurable) else f"{type(error).__name__}: {first}"
