"""Rules about convergence: oscillation, stagnation, and settings without effect."""

from __future__ import annotations

import dataclasses

from ganvas.health.advice import (
    decay,
    faster,
    magnitude,
    multiply,
    raise_to,
    regularise,
    set_to,
    slower,
)
from ganvas.health.evidence import TrainingScore
from ganvas.health.finding import Change, Measurement
from ganvas.health.rules.condition import (
    AVERAGED_RECORDS,
    Condition,
    LimitCheck,
    RuleInput,
    Side,
    condition,
    most_severe,
)
from ganvas.health.rules.rule import Rule
from ganvas.metrics.names import more_is_better
from ganvas.networks import ROLES
from ganvas.recipes.recipe import Recipe
from ganvas.schedules import value_at, with_budget

MOVEMENT = "probe/movement/last"
USUAL_RAMPUP = 0.1
"""Of every named recipe with an average."""
SETTLE = (
    decay("generator"),
    decay("discriminator"),
    regularise,
    *(slower(player, by=2.0) for player in ROLES),
)


def oscillation(current: RuleInput) -> Condition | None:
    """Much movement without progress: images return to what they were, or nothing of them lasts."""
    limits = current.thresholds
    records = limits.movement_records
    movement = current.mean(MOVEMENT, records)
    return most_severe(
        condition(
            "The generator goes in circles: its images return to what they were.",
            SETTLE,
            current.below(
                "probe/movement/before_last",
                None if movement is None else limits.return_ratio * movement,
                over=records,
            ),
            current.above(
                MOVEMENT,
                limits.min_return_movement,
                over=records,
                excuse="images change too little for that to matter",
            ),
        ),
        condition(
            "The generator's images change so much between probes that nothing it learns lasts.",
            SETTLE,
            current.above(MOVEMENT, limits.churn, over=records),
        ),
    )


def stagnation(current: RuleInput) -> Condition | None:
    """Scores that no longer improve; without scores, images that no longer change."""
    scores = [
        score for score in current.evidence.training_scores if score.images <= current.images_seen
    ]
    if scores:
        return _no_better_score(current, scores)
    limits = current.thresholds
    fraction = min(
        current.evidence.learning_rate_fraction(player, current.images_seen) for player in ROLES
    )
    return condition(
        "The generator's images hardly change any more, although its weights do.",
        (
            raise_to("evaluation.every", 20_000, "scores show whether training is finished"),
            faster("generator"),
            regularise,
        ),
        current.below(
            MOVEMENT, limits.standstill_movement * fraction, over=limits.movement_records
        ),
    )


def _no_better_score(current: RuleInput, scores: list[TrainingScore]) -> Condition | None:
    """Compares the scores after the best one with the best."""
    limits = current.thresholds
    metric = current.evidence.selection_metric
    best, later = split_at_best(scores, more_is_better(metric))
    if not later:
        return improving(metric, best)
    every = (later[-1].images - best.images) / len(later)
    # The better of the last two: one bad evaluation is no trend.
    latest = closest([score.value for score in later[-2:]], best.value)
    worse = limits.worse_than_best if not more_is_better(metric) else 1 / limits.worse_than_best
    found = most_severe(
        condition(
            f"The score has not improved since the best checkpoint, after {best.images:,} images.",
            SETTLE,
            LimitCheck(
                "images_seen",
                later[-1].images,
                best.images + limits.evaluations_without_gain * every,
                best.images,
            ),
        ),
        condition(
            f"The images got worse since the best checkpoint, after {best.images:,} images.",
            SETTLE,
            LimitCheck(
                metric,
                latest,
                worse * best.value,
                abnormal="below" if more_is_better(metric) else "above",
            ),
        )
        if len(later) >= 2 and best.value > 0
        else None,
    )
    return found and dataclasses.replace(
        found,
        since=best.images,
        additional=(
            Measurement(
                metric, latest, f"the best was {best.value:.4g} after {best.images:,} images"
            ),
        ),
    )


def split_at_best(
    scores: list[TrainingScore], more: bool
) -> tuple[TrainingScore, list[TrainingScore]]:
    """The best score and those after it; of those within its interval, the earliest is best."""
    best = (max if more else min)(scores, key=lambda score: score.value)
    for index, score in enumerate(scores):
        if abs(score.value - best.value) <= best.half_width or score is best:
            return score, scores[index + 1 :]
    raise AssertionError("the best score is one of the scores")


def improving(metric: str, best: TrainingScore) -> Condition:
    """A condition of severity 0: the newest score is the best."""
    side: Side = "below" if best.value > 0 else "above"
    check = LimitCheck(metric, best.value, 0.0, origin=best.value, abnormal=side)
    return Condition("The score improves.", (check,), ())


def closest(values: list[float], target: float) -> float:
    """The value nearest to the target."""
    return min(values, key=lambda value: abs(value - target))


def idle_penalty(current: RuleInput) -> Condition | None:
    """A penalty whose term is negligible compared with the adversarial one."""
    return most_severe(*(_is_idle(current, name) for name in active_penalties(current)))


def active_penalties(current: RuleInput) -> list[str]:
    """The penalties with a weight above zero at this current."""
    recipe = current.recipe
    names = []
    for entry in dataclasses.fields(recipe.objective.penalties):
        weight = getattr(recipe.objective.penalties, entry.name).weight
        if value_at(with_budget(weight, recipe.images), current.images_seen) > 0:
            names.append(entry.name)
    return names


def _is_idle(current: RuleInput, name: str) -> Condition | None:
    limits = current.thresholds
    # The largest of several: a Wasserstein loss passes through 0.
    sizes = list(map(abs, current.newest("discriminator/loss/adversarial", AVERAGED_RECORDS)))
    field = f"objective.penalties.{name}.weight"
    return condition(
        f"The penalty {name} is negligible compared with the loss, so it costs time and changes "
        "nothing.",
        (
            multiply(field, 10, "it then has a weight that matters"),
            set_to(field, "0", "training is faster without it"),
        ),
        current.below(
            f"discriminator/loss/{name}",
            limits.idle_penalty * max(sizes) if sizes else None,
            log_scale=True,
            over=AVERAGED_RECORDS,
        ),
    )


def average_lags(current: RuleInput) -> Condition | None:
    """The averaged (EMA) generator makes other images than the current one."""
    limits = current.thresholds
    movement = current.value(MOVEMENT)
    lag = "probe/movement/average_lag"
    return condition(
        "The averaged generator lags far behind the trained one, so samples show an old state.",
        (
            usual_rampup,
            multiply("ema_half_life", 0.25, "the average follows four times as fast"),
            decay("generator"),
        ),
        current.above(lag, None if movement is None else limits.ema_lag_in_movements * movement),
        current.above(
            lag, limits.ema_lag, excuse="averaged images are close to those of the trained one"
        ),
    )


def usual_rampup(recipe: Recipe) -> Change | None:
    """The usual ramp-up, where there is none (0) or a longer one."""
    if 0 < recipe.ema_rampup <= USUAL_RAMPUP:
        return None
    why = "the average then covers at most a tenth of the run"
    return Change("ema_rampup", f"{USUAL_RAMPUP:g}", why)


def unless_penalised(recipe: Recipe) -> str | None:
    """Why there is no penalty to check."""
    settings = recipe.objective.penalties
    weights = [getattr(settings, entry.name).weight for entry in dataclasses.fields(settings)]
    return None if any(map(magnitude, weights)) else "there is no penalty"


def unless_averaged(recipe: Recipe) -> str | None:
    """Why there is no averaged generator to check."""
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
    reason_not_applicable=unless_penalised,
    worst="watch",
)
AVERAGE_LAGS = Rule(
    "average-lags",
    "Yazici 2019: averaged weights draw better, as long as they follow",
    average_lags,
    ("probe/movement/average_lag", MOVEMENT),
    phase="settled",
    reason_not_applicable=unless_averaged,
    worst="watch",
)
