"""Rules about time: training in circles, at a standstill, or with parts that do nothing."""

from __future__ import annotations

import dataclasses

from ganvas.health.advice import (
    PLAYERS,
    at_least,
    at_most,
    decay,
    faster,
    regularise,
    size_of,
    slower,
    times,
    to,
)
from ganvas.health.evidence import Scored
from ganvas.health.finding import Measurement
from ganvas.health.rules.rule import Rule
from ganvas.health.rules.sight import Moment, Sight, Signal, sight, strongest
from ganvas.metrics.names import more_is_better
from ganvas.recipes.recipe import Recipe
from ganvas.schedules import value_at, with_budget

MOVEMENT = "probe/movement/last"
SETTLE = (
    decay("generator"),
    decay("discriminator"),
    regularise,
    *(slower(player, by=2.0) for player in PLAYERS),
)


def oscillation(moment: Moment) -> Sight | None:
    """Much movement that leads nowhere: it returns, or nothing of an image lasts."""
    limits = moment.thresholds
    looks = limits.movement_looks
    movement = moment.mean(MOVEMENT, looks)
    return strongest(
        sight(
            "The generator goes in circles, and its images come back to what they were.",
            SETTLE,
            moment.near(
                "probe/movement/before_last",
                None if movement is None else limits.returning * movement,
                over=looks,
            ),
            moment.far(MOVEMENT, limits.returning_movement, over=looks),
        ),
        sight(
            "The generator's images change so much from look to look that nothing it learns lasts.",
            SETTLE,
            moment.far(MOVEMENT, limits.churn, over=looks),
        ),
    )


def stagnation(moment: Moment) -> Sight | None:
    """Scores that no longer improve; without scores, images that no longer change."""
    scores = [score for score in moment.evidence.scored if score.images <= moment.images_seen]
    if scores:
        return _no_better_score(moment, scores)
    limits = moment.thresholds
    share = min(moment.evidence.rate_left(player, moment.images_seen) for player in PLAYERS)
    return sight(
        "The generator's images hardly change any more although its weights do.",
        (
            at_least("evaluation.every", 20_000, "scores tell whether it is done"),
            faster("generator"),
            regularise,
        ),
        moment.near(MOVEMENT, limits.standing * share, over=limits.movement_looks),
    )


def _no_better_score(moment: Moment, scores: list[Scored]) -> Sight | None:
    """What came after the best score."""
    limits = moment.thresholds
    metric = moment.evidence.deciding_metric
    best, later = split_at_best(scores, more_is_better(metric))
    if not later:
        return Sight("The score improves.", (Signal(metric, best.value, 0.0, best.value),), ())
    every = (later[-1].images - best.images) / len(later)
    # The better of the last two: one bad evaluation is no trend.
    latest = closest([score.value for score in later[-2:]], best.value)
    worse = limits.worse_than_best if not more_is_better(metric) else 1 / limits.worse_than_best
    seen = strongest(
        sight(
            f"The score has not improved since the best checkpoint, after {best.images:,} images.",
            SETTLE,
            Signal(
                "images_seen",
                later[-1].images,
                best.images + limits.evaluations_without_gain * every,
                best.images,
            ),
        ),
        sight(
            f"The images got worse since the best checkpoint, after {best.images:,} images.",
            SETTLE,
            Signal(metric, latest, worse * best.value, nearer=more_is_better(metric)),
        )
        if len(later) >= 2 and best.value > 0
        else None,
    )
    return seen and dataclasses.replace(
        seen,
        since=best.images,
        beside=(
            Measurement(
                metric, latest, f"the best was {best.value:.4g} after {best.images:,} images"
            ),
        ),
    )


def split_at_best(scores: list[Scored], more: bool) -> tuple[Scored, list[Scored]]:
    """The best score and those after it; of scores within its interval, the earliest."""
    best = (max if more else min)(scores, key=lambda score: score.value)
    for index, score in enumerate(scores):
        if abs(score.value - best.value) <= best.half_width or score is best:
            return score, scores[index + 1 :]
    raise AssertionError("the best is one of them")


def closest(values: list[float], target: float) -> float:
    """The value that lies nearest to the target."""
    return min(values, key=lambda value: abs(value - target))


def idle_penalty(moment: Moment) -> Sight | None:
    """A penalty whose term is nothing beside the adversarial one."""
    return strongest(*(_idles(moment, name) for name in active_penalties(moment)))


def active_penalties(moment: Moment) -> list[str]:
    """The penalties with a weight above zero at this moment."""
    recipe = moment.recipe
    found = []
    for entry in dataclasses.fields(recipe.objective.penalties):
        weight = getattr(recipe.objective.penalties, entry.name).weight
        if value_at(with_budget(weight, recipe.images), moment.images_seen) > 0:
            found.append(entry.name)
    return found


def _idles(moment: Moment, name: str) -> Sight | None:
    limits = moment.thresholds
    adversarial = "discriminator/loss/adversarial"
    sizes = [
        abs(value)
        for value in (moment.value(adversarial), *moment.before(adversarial, 2))
        if value is not None
    ]
    field = f"objective.penalties.{name}.weight"
    return sight(
        f"The penalty {name} is next to nothing beside the loss, so it costs time and changes "
        "nothing.",
        (
            times(field, 10, "it then counts beside the loss"),
            to(field, "0", "without it training is faster"),
        ),
        moment.near(
            f"discriminator/loss/{name}",
            limits.idle_penalty * max(sizes) if sizes else None,
            decades=True,
            over=3,
        ),
    )


def average_lags(moment: Moment) -> Sight | None:
    """The averaged generator draws something else than the current one."""
    limits = moment.thresholds
    movement = moment.value(MOVEMENT)
    lag = "probe/movement/average_lag"
    return sight(
        "The averaged generator lies far behind the one that is trained, so samples show its past.",
        (
            at_most("ema_ramp_up", 0.1, "the average then reaches back a tenth of the run at most"),
            times("ema_half_life", 0.25, "the average follows four times as fast"),
            decay("generator"),
        ),
        moment.far(lag, None if movement is None else limits.lag_of_movement * movement),
        moment.far(lag, limits.lag),
    )


def has_penalty(recipe: Recipe) -> str | None:
    """Whether there is a penalty to judge."""
    settings = recipe.objective.penalties
    weights = [getattr(settings, entry.name).weight for entry in dataclasses.fields(settings)]
    return None if any(map(size_of, weights)) else "there is no penalty"


def has_average(recipe: Recipe) -> str | None:
    """Whether there is an average to judge."""
    return None if recipe.ema_half_life else "weights are not averaged (ema_half_life is 0)"


OSCILLATION = Rule(
    "oscillation",
    "Mescheder 2018, section 2: without regularisation training may circle and not converge",
    oscillation,
    (MOVEMENT, "probe/movement/before_last"),
    phase="settled",
)
STAGNATION = Rule(
    "stagnation",
    "Brock 2019 (BigGAN), section 4: stop before it gets worse, and keep the best checkpoint",
    stagnation,
    (MOVEMENT,),
    phase="settled",
    worst="watch",
)
IDLE_PENALTY = Rule(
    "idle-penalty",
    "Karras 2020 (ADA), appendix C: a penalty's weight must suit the scale of the data",
    idle_penalty,
    ("discriminator/loss/adversarial",),
    phase="settled",
    applies=has_penalty,
    worst="watch",
)
AVERAGE_LAGS = Rule(
    "average-lags",
    "Yazici 2019: averaged weights draw better, as long as they follow",
    average_lags,
    ("probe/movement/average_lag", MOVEMENT),
    phase="settled",
    applies=has_average,
    worst="watch",
)
