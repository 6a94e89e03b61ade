"""The Pareto set, and which arm is recommended on which conditions."""

from __future__ import annotations

from ganvas.studies.comparison import compare_metric
from ganvas.studies.recommendation import pareto_set, recommend
from ganvas.studies.statistics import ArmScores

from .scored_arms import DCGAN, NO, RESNET, WGAN_GP, arm


def test_pareto_set_by_hand() -> None:
    arms = [
        arm("dear and good", (1, 1, 1), cost=9),
        arm("cheap and bad", (5, 5, 5), cost=1),
        arm("middling", (3, 3, 3), cost=4),
        arm("beaten by middling", (3, 3, 3), cost=5),
        arm("its median is a failure", (0.1, NO, NO), cost=2),
        arm("one failure of three", (2, 2, NO), cost=6),
        arm("cost unknown", (0.5, 0.5, 0.5)),
    ]
    less = pareto_set(arms, more_is_better=False)
    assert less == ("cheap and bad", "middling", "one failure of three", "dear and good")
    assert pareto_set(arms, more_is_better=True) == ("cheap and bad",)


def recommendation(base: ArmScores, *arms: ArmScores) -> str:
    return compare_metric(base, arms, more_is_better=False, scale="log").recommendation


def test_the_recommendation_weighs_quality_cost_and_failures() -> None:
    dcgan = arm("dcgan", DCGAN, cost=100)
    same = [score + more for score, more in zip(DCGAN, (1, -1, 2, -2, 0.5), strict=True)]
    assert recommendation(dcgan, arm("resnet", RESNET, cost=105)) == "resnet"
    assert recommendation(dcgan, arm("wgan-gp", WGAN_GP)) == (
        "stay with dcgan: no arm is shown to be better"
    )
    assert recommendation(dcgan, arm("small", same, cost=50)) == (
        "small: no difference in quality was shown, and dcgan takes 2.0 times as long"
    )
    assert recommendation(arm("dcgan", [NO] * 3), arm("other", [NO] * 3)) == (
        "none: every run of dcgan failed, and no arm is shown to be better."
        " Undecided with so few seeds: other (about 18 more would tell)"
    )


def test_a_cheaper_arm_that_fails_more_often_is_not_recommended() -> None:
    base = arm("dcgan", DCGAN, cost=100)
    equal: dict[str, tuple[str, int | None]] = {"small": ("no difference shown", 0)}
    for scores, expected in ((DCGAN, "small: no differ"), ((*DCGAN[:4], NO), "stay with dcgan")):
        small = arm("small", scores, cost=50)
        assert recommend(base, [small], equal, more_is_better=False).startswith(expected)


def test_a_recommendation_names_its_conditions() -> None:
    base = arm("dcgan", [400 + 3.0 * s for s in range(12)], cost=100)
    risky = arm("risky", [*(200 + 2.0 * s for s in range(11)), NO], cost=200)
    steady = arm("steady", [300 + 2.0 * s for s in range(12)], cost=100)
    assert recommendation(base, risky) == (
        "risky, if 2.0 times the training time and failures (1 of 12 runs) can be accepted;"
        " else dcgan"
    )
    assert recommendation(base, risky, steady).endswith("else steady")


def test_a_recommendation_continues_with_cheaper_arms() -> None:
    base, dear, middling, beaten = (
        arm(name, [score + 3.0 * seed for seed in range(12)], cost=cost)
        for name, score, cost in (
            ("mlp", 400, 100),
            ("resnet", 200, 2_000),
            ("dcgan", 300, 400),
            ("wgan", 320, 390),
        )
    )
    assert recommendation(base, beaten, middling, dear) == (
        "resnet, if 20.0 times the training time can be accepted;"
        " else dcgan, if 4.0 times the training time can be accepted; else mlp"
    )
