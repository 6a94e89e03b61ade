"""The factorial design: its arms, its effects, its page, and a small study of it."""

from __future__ import annotations

import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.end_to_end.studies import stay_in_this_process

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "tuning"))

import factors

BASE, CHANGES = "the-base", ("a", "b", "c", "d")


def made_up(terms: dict[str, float], noise: float = 0.0) -> factors.Scores:
    """Scores of two seeds whose logarithms are sums of the terms, and of noise."""
    random = np.random.default_rng(0)
    return {
        arm: {
            seed: {"m": math.exp(offset + sum(terms[name] for name in names) + noise * draw)}
            for (seed, offset), draw in zip(
                {"0": 5.0, "1": 6.0}.items(), random.normal(size=2), strict=True
            )
        }
        for arm, names in factors.arms_of(BASE, CHANGES).items()
    }


def test_every_change_is_made_in_half_of_the_arms_and_beside_each_other_as_often_as_without() -> (
    None
):
    arms = factors.arms_of(BASE, CHANGES)
    assert len(arms) == 8
    assert arms[BASE] == ()
    for one, other in itertools.combinations(CHANGES, 2):
        cases = [(one in names, other in names) for names in arms.values()]
        assert sorted(cases) == sorted([*itertools.product((False, True), repeat=2)] * 2)


def test_effects_are_the_ratios_that_scores_were_made_with() -> None:
    terms = {"a": math.log(0.8), "b": math.log(1.5), "c": 0.0, "d": math.log(2)}
    found = factors.effects(BASE, made_up(terms), "m", CHANGES)
    assert {name: round(effect.ratio, 6) for name, effect in found.items()} == {
        "a": 0.8,
        "b": 1.5,
        "c": 1.0,
        "d": 2.0,
    }
    assert found["d"].low == pytest.approx(found["d"].high)  # nothing is left to chance


def test_limits_are_those_of_the_contrast_of_a_balanced_design() -> None:
    scores = made_up(dict.fromkeys(CHANGES, 0.1), noise=0.3)
    found = factors.effects(BASE, scores, "m", CHANGES)["b"]
    arms = factors.arms_of(BASE, CHANGES)
    logs = {
        (arm, seed): math.log(values["m"])
        for arm, of_arm in scores.items()
        for seed, values in of_arm.items()
    }
    everything = np.mean(list(logs.values()))
    contrast = {
        name: np.mean([v for (arm, _), v in logs.items() if name in arms[arm]])
        - np.mean([v for (arm, _), v in logs.items() if name not in arms[arm]])
        for name in CHANGES
    }
    means = {seed: np.mean([v for (_, s), v in logs.items() if s == seed]) for seed in ("0", "1")}
    explained = 16 * sum((c / 2) ** 2 for c in contrast.values()) + 8 * sum(
        (mean - everything) ** 2 for mean in means.values()
    )
    total = sum((value - everything) ** 2 for value in logs.values())
    freedom = 16 - 2 - 4
    reach = stats.t.ppf(0.975, freedom) * math.sqrt((total - explained) / freedom * 4 / 16)
    assert math.log(found.ratio) == pytest.approx(contrast["b"])
    assert math.log(found.high) == pytest.approx(contrast["b"] + reach)
    assert math.log(found.low) == pytest.approx(contrast["b"] - reach)


def test_a_failed_run_is_left_out_and_too_few_runs_are_refused() -> None:
    scores = {arm: dict(of_arm) for arm, of_arm in made_up(dict.fromkeys(CHANGES, 0.2)).items()}
    scores[BASE]["1"] = {}
    found = factors.effects(BASE, scores, "m", CHANGES)
    assert found["a"].ratio == pytest.approx(math.exp(0.2))
    few = {arm: {"0": scores[arm]["0"]} for arm in list(scores)[:5]}
    with pytest.raises(ValueError, match="5 runs are too few for 5 unknowns"):
        factors.effects(BASE, few, "m", CHANGES)


def test_a_small_study_gives_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stay_in_this_process(monkeypatch)
    images = np.random.default_rng(0).integers(0, 256, (300, 12, 12, 1), dtype=np.uint8)
    np.save(tmp_path / "noise.npy", images)
    monkeypatch.setattr(factors, "RATES", {"mlp": 2e-4})
    monkeypatch.setattr(
        factors,
        "changes_of",
        lambda rate: {
            "fast": {"generator.learning_rate": 2 * rate},
            "no-norm": {"generator.network.norm": "none"},
            "no-momentum": {"discriminator.beta1": 0.0},
        },
    )
    monkeypatch.setattr(factors, "METRICS", ("swd",))
    monkeypatch.setattr(factors, "SIDE", 12)
    monkeypatch.setattr(factors, "SAMPLES", 100)
    data = f"noise={tmp_path / 'noise.npy'}"
    folders = ["--keep", str(tmp_path / "kept"), "--out", str(tmp_path)]
    factors.main([data, "--base", "mlp", "--images", "128", "--seeds", "2", *folders])
    text = (tmp_path / "factors.md").read_text()
    assert "- `fast`: `generator.learning_rate = 0.0004`" in text
    assert "8 runs of 128 images, 0 failed." in text
    assert "- `no-momentum`: `discriminator.beta1 = 0.0`" in text
    assert [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")] == [
        "| `fast`",
        "| `no-norm`",
        "| `no-momentum`",
    ]
    assert "| mlp |" in text
    before = text
    factors.main([*folders, "--page"])
    assert (tmp_path / "factors.md").read_text() == before


def test_a_base_has_the_rates_of_its_page_whatever_its_recipe_has_since() -> None:
    for base, rate in factors.RATES.items():
        study = factors.study_of(base, "fashion", images=640, seeds=1)
        for recipe in (study.base, study.arm("relu_no-momentum").recipe):
            assert recipe.generator.learning_rate == recipe.discriminator.learning_rate == rate
        changed = study.arm("slow-discriminator_fast-generator").recipe
        assert changed.generator.learning_rate == 2 * rate
        assert changed.discriminator.learning_rate == rate / 2
