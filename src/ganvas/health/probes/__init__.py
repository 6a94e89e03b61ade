"""All probes, and how they are run. `columns.COLUMNS` says what each number means."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from ganvas.health.columns import COLUMNS as COLUMNS
from ganvas.health.columns import MISSING
from ganvas.health.probes import (
    checkerboard,
    clipping,
    diversity,
    gradients,
    labels,
    lipschitz,
    logits,
    movement,
    output,
)
from ganvas.health.probes.context import NotMeasurable, ProbeContext, ProbeValues

ProbeRecord = dict[str, float | list[float] | dict[str, str]]
"""Numbers by column, and reasons in `MISSING`; as they stand in a line of history.jsonl."""

MAX_REASON_LENGTH = 200
"""Characters."""

PROBES: dict[str, Callable[[ProbeContext], ProbeValues]] = {
    "logits": logits.logit_statistics,
    "ranking": logits.ranking,
    "r_t": logits.r_t,
    "r_v": logits.r_v,
    "input_gradient": lipschitz.input_gradients,
    "lipschitz/empirical": lipschitz.empirical_constant,
    "lipschitz/bound": lipschitz.upper_bound,
    "clip": clipping.clipping,
    "output": output.saturation,
    "diversity/distance": diversity.mean_distance,
    "diversity/effective": diversity.effective_number,
    "diversity/duplicates": diversity.duplicates,
    "likeness": diversity.mean_gap,
    "labels": labels.labels,
    "checkerboard": checkerboard.checkerboard,
    "movement": movement.movement,
    "movement/average_lag": movement.ema_lag,
    "gradient/generator": gradients.generator_gradients,
    "gradient/discriminator": gradients.discriminator_gradients,
    "gradient/generator/slope": gradients.generator_slope,
    "gradient/discriminator/slope": gradients.discriminator_slope,
    # These two change the weights of the copied networks, so they must stay last.
    "update/generator": gradients.generator_update,
    "update/discriminator": gradients.discriminator_update,
}
"""Each probe by the name under which its failure is recorded, in the order in which they run."""


def run_probes(
    training: ProbeContext, generator_rate: float, discriminator_rate: float
) -> tuple[ProbeRecord, Tensor | None]:
    """Copy the networks of training and run all probes on the copies. No failure stops training.

    Args:
        training: training's own networks and optimizers, which stay unchanged.
        generator_rate, discriminator_rate: the learning rates of the next step.

    Returns:
        The record of `measure`, and the snapshot that the next probes need as the newest of
        `previous_snapshots`; None where no images were generated.
    """
    try:
        context = training.with_copied_networks(generator_rate, discriminator_rate)
    except Exception as error:
        return {MISSING: {"probe/copies": reason_of(error)}}, None
    return measure(context), context.snapshot


def measure(context: ProbeContext) -> ProbeRecord:
    """Run every probe: numbers by column, and under `MISSING` why numbers are missing.

    A probe that fails does not affect the others. Numbers that are not finite are left out. The
    last probes change the networks, so a context can be measured only once. All randomness comes
    from the context's generator: the global random state is untouched, and equal contexts give
    the same bits on the CPU.
    """
    record: ProbeRecord = {}
    missing: dict[str, str] = {}
    device = context.random.device
    keep_global_state = torch.random.fork_rng(
        [device] if device.type == "cuda" else [],
        enabled=any(map(has_dropout, (context.generator, context.discriminator))),
    )
    with torch.enable_grad(), keep_global_state:
        for name, probe in PROBES.items():
            try:
                values = probe(context)
            except Exception as error:
                missing[f"probe/{name}"] = reason_of(error)
                continue
            for column, value in values.items():
                if is_finite(value):
                    record[column] = value
                else:
                    missing[column] = f"not finite: {value}"[:MAX_REASON_LENGTH]
    return {**record, MISSING: missing} if missing else record


def has_dropout(network: nn.Module) -> bool:
    """Whether a network draws from the generator of the whole program, as only dropout does.

    Its state is kept for such networks alone, because other threads may be drawing from it.
    """
    return any(isinstance(module, _DropoutNd) for module in network.modules())


def is_finite(value: float | list[float]) -> bool:
    """Whether a number, or every number of a list, is neither infinite nor NaN."""
    return all(map(math.isfinite, value if isinstance(value, list) else [value]))


def reason_of(error: Exception) -> str:
    """One line that says why a probe failed."""
    first_line = (str(error).splitlines() or [""])[0][:MAX_REASON_LENGTH]
    return (
        first_line if isinstance(error, NotMeasurable) else f"{type(error).__name__}: {first_line}"
    )
