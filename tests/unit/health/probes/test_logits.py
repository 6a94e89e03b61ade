"""Logits of real, fake and held-out images: levels, ranks and gaps, against independent counts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy.stats import mannwhitneyu
from torch import Tensor

from ganvas.health.probes.context import NotMeasurable
from ganvas.objectives.objective import Objective
from ganvas.objectives.packing import pack
from ganvas.objectives.settings import ObjectiveSettings
from tests.builders.probe_contexts import probe


def with_logits(values: list[float]) -> Tensor:
    """Images (N, 1, 1, 1) that `first` gives these logits."""
    return torch.tensor(values)[:, None, None, None]


def first(images: Tensor) -> Tensor:
    return images[:, 0, 0, 0]


def three_sets(**changes: Any) -> dict[str, Any]:
    sets = {
        "real": with_logits([3.0, 1.0, -1.0, 5.0]),
        "fake": with_logits([-2.0, 1.0, 0.0, -5.0]),
        "held_out": with_logits([1.0, -3.0]),
    }
    return {"critic": first, **sets, **changes}


def test_logit_statistics_are_mean_deviation_and_accuracy() -> None:
    numbers = probe("logits", **three_sets())
    assert numbers == {
        "probe/logits/real": 2.0,
        "probe/logits/real_spread": pytest.approx((20 / 3) ** 0.5),
        "probe/accuracy/real": 0.75,
        "probe/logits/fake": -1.5,
        "probe/logits/fake_spread": pytest.approx((21 / 3) ** 0.5),
        "probe/accuracy/fake": 0.5,  # a logit of 0 is on neither side
        "probe/logits/held_out": -1.0,
        "probe/logits/held_out_spread": pytest.approx(8**0.5),
        "probe/accuracy/held_out": 0.5,
    }


@pytest.mark.parametrize("step", [0.01, 0.5])  # the coarser, the more ties
def test_ranking_is_the_mann_whitney_statistic(step: float) -> None:
    random = torch.Generator().manual_seed(3)
    real, fake, held_out = (
        (torch.randn(n, generator=random) / step).round() * step for n in (32, 32, 20)
    )
    sets = {"real": real + 0.5, "fake": fake, "held_out": held_out}
    numbers = probe(
        "ranking", critic=first, **{k: with_logits(v.tolist()) for k, v in sets.items()}
    )
    pairs = {"train": ("real", "fake"), "held_out": ("held_out", "fake")}
    for name, (one, other) in {**pairs, "memory": ("real", "held_out")}.items():
        u = mannwhitneyu(sets[one], sets[other]).statistic
        expected = u / (len(sets[one]) * len(sets[other]))
        assert numbers[f"probe/ranking/{name}"] == pytest.approx(expected)
    assert 0.5 < numbers["probe/ranking/train"] < 1  # or the test could not fail


def test_r_t_is_the_mean_sign_and_r_v_the_fraction_of_the_gap() -> None:
    assert probe("r_t", **three_sets()) == {"probe/r_t": 0.5}
    real, fake = with_logits([4.0, 6.0]), with_logits([-1.0, 1.0])
    for held_out, share in ((5.0, 0.0), (0.0, 1.0), (2.5, 0.5)):
        sets = {"real": real, "fake": fake, "held_out": with_logits([held_out] * 2)}
        assert probe("r_v", critic=first, **sets) == {"probe/r_v": pytest.approx(share)}
        # Where fakes are ranked above reals, held-out images between the two are no nearer to them.
        turned = {"real": fake, "fake": real, "held_out": with_logits([5 - held_out] * 2)}
        assert probe("r_v", critic=first, **turned) == {"probe/r_v": pytest.approx(share)}


def test_r_v_is_not_measurable_where_real_and_fake_are_close() -> None:
    sets = three_sets(real=with_logits([4.0, -4.0]), fake=with_logits([3.0, -3.5]))
    with pytest.raises(NotMeasurable, match="within their noise"):
        probe("r_v", **sets)


@pytest.mark.parametrize("count", [0, 1])
def test_held_out_columns_are_absent_with_too_few_images(count: int) -> None:
    sets = three_sets(held_out=with_logits([1.0, 2.0])[:count])
    for name in ("logits", "ranking"):
        numbers = probe(name, **sets)
        assert numbers
        assert not [column for column in numbers if "held_out" in column or "memory" in column]
    assert probe("r_v", **sets) == {}


def test_packs_have_one_logit_and_incomplete_packs_are_dropped() -> None:
    objective = Objective.build(ObjectiveSettings(pac=2))
    sets = three_sets(held_out=with_logits([1.0, 2.0, 3.0, 4.0, 99.0]), objective=objective)
    numbers = probe("logits", **{**sets, "critic": lambda packs: packs.flatten(1).sum(1)})
    packs = pack(sets["real"], 2).flatten(1).sum(1)
    assert numbers["probe/logits/real"] == packs.mean() == 4.0
    assert numbers["probe/logits/held_out"] == 5.0


def test_non_finite_logits_are_not_measurable() -> None:
    """Their shares and ranks would look like any other number."""
    sets = three_sets(real=with_logits([1.0, float("inf"), float("nan"), 2.0]))
    for name in ("logits", "ranking", "r_t", "r_v", "input_gradient"):
        with pytest.raises(NotMeasurable, match="2 of 4 numbers are not finite"):
            probe(name, **sets)


def test_each_image_set_is_its_own_batch() -> None:
    """As in training, where batch normalisation never sees real and fake images together."""
    seen: list[int] = []

    def counting(images: Tensor) -> Tensor:
        seen.append(len(images))
        return first(images)

    probe("logits", **three_sets(critic=counting, real=with_logits([1.0, 2.0, 3.0])))
    assert seen == [3, 4, 2]
