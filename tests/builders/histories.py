"""Synthetic histories of healthy training under each loss.

A course describes one column over a run: a constant, or (start, end) with linear interpolation.
`HEALTHY` has courses for recipes of every loss; `symptoms.SICK` has the changes of each symptom.
"""

from __future__ import annotations

from collections.abc import Mapping

from ganvas.health.evidence import Record
from ganvas.recipes import Recipe

Course = float | tuple[float, float] | list[float] | None
"""None: the column is missing. A list: one value per record; the last one repeats."""
Courses = Mapping[str, Course]

EVERY = 2_000
"""Images between records; every second record has probes, as by default."""
RECORDS = 24

GRADIENTS_AND_UPDATES: Courses = {
    "generator/gradient_norm": (4.0, 2.0),
    "discriminator/gradient_norm": (3.0, 1.5),
    "probe/update/generator": (0.011, 0.006),
    "probe/update/discriminator": (0.01, 0.006),
    "probe/gradient/generator/first": (2e-4, 1e-4),
    "probe/gradient/generator/last": (4e-3, 2e-3),
    "probe/gradient/generator/norm": (4.0, 2.0),
    "probe/gradient/discriminator/first": (6e-3, 3e-3),
    "probe/gradient/discriminator/last": (2e-3, 1e-3),
    "probe/gradient/discriminator/norm": (3.0, 1.5),
}
SAMPLE_STATISTICS: Courses = {
    "probe/diversity/distance": (0.75, 0.97),
    "probe/diversity/vendi": (0.7, 0.93),
    "probe/diversity/effective": (30.0, 42.0),
    "probe/diversity/duplicates": (0.16, 0.07),
    "probe/likeness/mean_gap": (0.45, 0.24),
    "probe/movement/last": (0.5, 0.2),
    "probe/movement/before_last": (0.6, 0.25),
    "probe/movement/average_lag": (0.35, 0.2),
}
PIXELS: Courses = {
    "probe/checkerboard/ratio": (1.6, 1.1),
    "probe/output/saturated": (0.3, 0.46),
    "probe/output/saturated_real": 0.48,
}
RANKING: Courses = {
    "probe/ranking/train": (0.9, 0.97),
    "probe/ranking/held_out": (0.89, 0.95),
    "probe/ranking/memory": (0.5, 0.55),
    "probe/r_t": (0.7, 0.9),
    "probe/r_v": (0.02, 0.1),
}
LIPSCHITZ: Courses = {
    "probe/input_gradient/real": (0.4, 1.5),
    "probe/input_gradient/fake": (0.4, 1.6),
    "probe/input_gradient/between": (0.3, 1.2),
    "probe/lipschitz/empirical": (0.5, 2.0),
}
IMAGES: Courses = {
    **GRADIENTS_AND_UPDATES,
    **SAMPLE_STATISTICS,
    **PIXELS,
    **RANKING,
    **LIPSCHITZ,
}


def logits(real: Course, fake: Course, held_out: Course) -> Courses:
    """Mean logits of probes and of training."""
    return {
        "discriminator/logits/real": real,
        "discriminator/logits/fake": fake,
        "probe/logits/real": real,
        "probe/logits/fake": fake,
        "probe/logits/held_out": held_out,
    }


def accuracy(real: Course, fake: Course, held_out: Course) -> Courses:
    """Fractions of logits with the right sign, which are meaningful under some losses only."""
    return {
        "probe/accuracy/real": real,
        "probe/accuracy/fake": fake,
        "probe/accuracy/held_out": held_out,
    }


def losses(discriminator: Course, generator: Course) -> Courses:
    """The adversarial terms."""
    return {
        "discriminator/loss/adversarial": discriminator,
        "generator/loss/adversarial": generator,
    }


CONFIDENT: Courses = {
    **IMAGES,
    **logits((1.5, 3.0), (-1.5, -3.0), (1.4, 2.6)),
    **accuracy((0.85, 0.96), (0.85, 0.97), (0.84, 0.93)),
    **losses((0.7, 0.25), (2.0, 3.2)),
}
"""A batch-normalised discriminator late in training: confident, accurate and healthy."""

LABELS: Courses = {
    "probe/labels/effect": (0.35, 0.65),
    "probe/labels/effect_real": 0.65,
    "probe/labels/told": (0.1, 0.6),
    "probe/labels/told_real": 0.66,
    "probe/labels/diversity": (0.5, 1.0),
    "probe/labels/diversity_least": (0.35, 0.75),
}

HEALTHY: dict[str, Courses] = {
    "dcgan": CONFIDENT,
    "dcgan-conditional": {**CONFIDENT, **LABELS},
    "mlp": {**CONFIDENT, "probe/checkerboard/ratio": 3.5},
    "lsgan": {
        **IMAGES,
        **logits((0.7, 0.85), (0.3, 0.15), (0.7, 0.8)),
        **accuracy((0.97, 0.99), (0.2, 0.3), (0.97, 0.98)),
        **losses((0.15, 0.06), (0.3, 0.4)),
    },
    "resnet": {
        **IMAGES,
        **logits((1.7, 0.6), (-1.8, -0.7), (1.7, 0.5)),
        **accuracy((0.9, 0.8), (0.9, 0.8), (0.9, 0.77)),
        **losses((0.45, 1.2), (2.2, 0.7)),
        "generator/gradient_norm": (27.0, 10.0),
        "discriminator/gradient_norm": (40.0, 25.0),
    },
    "wgan": {
        **IMAGES,
        **logits((0.06, 0.09), (0.02, 0.05), (0.06, 0.088)),
        **accuracy((0.9, 1.0), (0.1, 0.0), (0.9, 1.0)),
        **losses((-0.04, -0.04), (-0.02, -0.05)),
        "probe/clip/share": (0.05, 0.35),
        "probe/clip/small": (0.02, 0.01),
    },
    "wgan-gp": {
        **IMAGES,
        **logits((15.0, 3.0), (-0.8, -1.2), (15.0, 2.7)),
        **accuracy((1.0, 0.9), (0.6, 0.7), (1.0, 0.9)),
        **losses((-16.0, -5.0), (4.5, 1.8)),
        "discriminator/loss/gradient_penalty": (4.2, 0.8),
        "generator/gradient_norm": (170.0, 70.0),
        "discriminator/gradient_norm": (120.0, 45.0),
        "probe/input_gradient/between": (1.7, 1.05),
        "probe/ranking/train": (1.0, 0.995),
    },
    "stacked-modern": {
        **IMAGES,
        **logits((-40.0, 300.0), (-43.0, 298.0), (-40.0, 299.8)),
        **accuracy((0.0, 1.0), (1.0, 0.0), (0.0, 1.0)),
        **losses((0.2, 0.45), (2.5, 1.3)),
        "discriminator/loss/r1": (0.05, 0.03),
        "discriminator/loss/r2": (0.05, 0.03),
    },
    "pacgan-points": {
        **GRADIENTS_AND_UPDATES,
        **SAMPLE_STATISTICS,
        **RANKING,
        **LIPSCHITZ,
        **logits((0.4, 0.1), (-0.4, -0.1), (0.4, 0.1)),
        **accuracy((0.7, 0.55), (0.7, 0.55), (0.7, 0.55)),
        **losses((1.2, 1.38), (0.9, 0.7)),
        "probe/ranking/train": (0.8, 0.55),
        "probe/ranking/held_out": (0.8, 0.55),
    },
}
"""Plausible courses by recipe; they cover every loss except minimax."""


def written(recipe: Recipe, courses: Courses, records: int = RECORDS) -> tuple[Record, ...]:
    """A history of `records` records; every second one has probes.

    Records are so many images apart that rules are evaluated before the end.
    """
    every = EVERY * max(1, recipe.images_per_step // 64)
    return tuple(
        {
            "images_seen": every * (index + 1),
            **{
                name: at(course, index, records)
                for name, course in courses.items()
                if course is not None and (index % 2 or not name.startswith("probe/"))
            },
        }
        for index in range(records)
    )


def at(course: float | tuple[float, float] | list[float], index: int, records: int) -> float:
    """A course's value at one record."""
    if isinstance(course, list):
        return course[min(index, len(course) - 1)]
    if isinstance(course, tuple):
        start, end = course
        return start + (end - start) * index / (records - 1)
    return course
