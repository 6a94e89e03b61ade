"""docs/what-helps.md states exactly the results of its two studies."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def arms_of(study: str) -> dict[str, Any]:
    """The arms of a study's results by name."""
    results = json.loads((DOCS / "results" / f"{study}.json").read_text(encoding="utf-8"))
    return {arm["name"]: arm for arm in results["arms"]}


TUTORIAL, PLAYERS = arms_of("tutorial"), arms_of("players")
ARMS = {**PLAYERS, **TUTORIAL}
CLAIM = re.compile(
    r"`(?P<arm>[\w.-]+)` against\s+`(?P<against>[\w.-]+)`[^%`]*?"
    r"(?P<verdict>better|worse|too few seeds to say) "
    r"\((?P<effect>[-+\d.]+) % \[(?P<low>[-+\d.]+), (?P<high>[-+\d.]+)\]\)"
)
PAGE = (DOCS / "what-helps.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("claim", list(CLAIM.finditer(PAGE)), ids=lambda claim: claim["arm"])
def test_a_claim_states_the_measured_effect(claim: re.Match[str]) -> None:
    arm = ARMS[claim["arm"]]
    against = arm["metrics"]["fd-lite0"]["against"]
    assert (arm["against"], arm["verdict"]) == (claim["against"], claim["verdict"])
    ratios = (against["ratio"]["value"], *against["ratio"]["interval"])
    stated = (claim["effect"], claim["low"], claim["high"])
    assert [float(f"{100 * (ratio - 1):.3g}") for ratio in ratios] == [
        float(text) for text in stated
    ]


def test_every_arm_of_both_studies_has_a_claim() -> None:
    claimed = {claim["arm"] for claim in CLAIM.finditer(PAGE)}
    width = {"residual-3"}  # narrow for the sake of the deep ones; named in the text
    assert claimed == ARMS.keys() - {"mlp"} - width


def test_nothing_failed_as_the_page_says() -> None:
    assert "No run failed." in PAGE
    for arm in (*TUTORIAL.values(), *PLAYERS.values()):
        assert not arm["failures"]
        assert arm["runs"] == 5
