"""docs/what-helps.md states exactly the results of its studies, on clothes and on photographs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "what-helps.md").read_text(encoding="utf-8")


def arms_of(study: str) -> dict[str, Any]:
    """The arms of a study's results by name."""
    results = json.loads((DOCS / "results" / f"{study}.json").read_text(encoding="utf-8"))
    return {arm["name"]: arm for arm in results["arms"]}


ARMS = {
    "clothes": {**arms_of("players"), **arms_of("tutorial")},
    "photographs": {**arms_of("players-cifar10"), **arms_of("tutorial-cifar10")},
}
ROW = re.compile(
    r"^\|[^|]*\| `(?P<arm>[\w.-]+)` against `(?P<against>[\w.-]+)`[^|]*"
    r"\| (?P<clothes>[^|]+) \| (?P<photographs>[^|]+) \|",
    re.MULTILINE,
)
RESULT = re.compile(
    r"(?P<verdict>better|worse|too few seeds to say|no difference shown)(?P<by_ranks> by ranks)? "
    r"\((?P<effect>[-+\d.]+) % \[(?P<low>[-+\d.]+), (?P<high>[-+\d.]+)\]\)"
    r"(, (?P<failed>\d) of 5 collapsed)?"
)


class Claim(NamedTuple):
    """What the table says of an arm on one data set."""

    data: str
    arm: str
    against: str
    text: str


CLAIMS = [
    Claim(data, row["arm"], row["against"], row[data])
    for row in ROW.finditer(PAGE)
    for data in ARMS
]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.data}-{claim.arm}")
def test_a_claim_states_the_measured_effect(claim: Claim) -> None:
    stated = RESULT.fullmatch(claim.text)
    assert stated is not None, claim.text
    arm = ARMS[claim.data][claim.arm]
    against = arm["metrics"]["fd-lite0"]["against"]
    assert (arm["against"], arm["verdict"]) == (claim.against, stated["verdict"])
    decided = against["test"] == "ranks, failures last" and arm["verdict"] in ("better", "worse")
    assert bool(stated["by_ranks"]) == decided
    assert arm["runs"] == 5
    assert len(arm["failures"]) == int(stated["failed"] or 0)
    ratios = (against["ratio"]["value"], *against["ratio"]["interval"])
    assert [float(f"{100 * (ratio - 1):.3g}") for ratio in ratios] == [
        float(stated[name]) for name in ("effect", "low", "high")
    ]


def test_spectral_norm_that_the_text_speaks_of_is_as_measured() -> None:
    sentence = PAGE[PAGE.index("Not in the tutorial: ") :].split("\n\n")[0]
    for data in ARMS:
        against = ARMS[data]["dcgan-spectral"]["metrics"]["fd-lite0"]["against"]["ratio"]
        low, high = (100 * (ratio - 1) for ratio in against["interval"])
        assert f"({100 * (against['value'] - 1):+.3g} % [{low:+.3g}, {high:+.3g}])" in sentence


@pytest.mark.parametrize("data", ARMS)
def test_every_arm_has_a_claim(data: str) -> None:
    named_in_the_text = {"mlp", "dcgan-spectral", "residual-3"}
    claimed = {claim.arm for claim in CLAIMS if claim.data == data}
    assert claimed == ARMS[data].keys() - named_in_the_text


def test_failures_are_counted_as_the_page_says() -> None:
    assert "On clothes no run failed; on photographs 5 of 110 collapsed." in PAGE
    failures = {data: [arm["failures"] for arm in arms.values()] for data, arms in ARMS.items()}
    assert not any(failures["clothes"])
    assert sum(map(len, failures["photographs"])) == 5
