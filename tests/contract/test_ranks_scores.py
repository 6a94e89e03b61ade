"""Two processes that share an evaluation find, bit for bit, the scores that one finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from ganvas.evaluation import measure
from ganvas.metrics import classifier, sliced_wasserstein

from . import scored_together, together
from .scored_together import CASES


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a pair of processes has found in all cases."""

    def make(folder: Path) -> None:
        scored_together.write_images(folder)
        together.in_two_processes(scored_together.__name__, folder)

    return together.made_once(tmp_path_factory, "scores", make)


@pytest.fixture(scope="module", autouse=True)
def as_they_do(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One thread, since more of them add up in another order; a cache of ours."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        # so that they are put back
        for place, name in (
            (measure, "MAX_PIXEL_IMAGES"), (measure, "load_inception_classes"),
            (classifier, "MIN_IMAGES_SHOWN"), (sliced_wasserstein, "PATCHES"),
        ):  # fmt: skip
            patch.setattr(place, name, getattr(place, name))
        scored_together.be_quick()
        yield
    torch.set_num_threads(threads)


def found(folder: Path) -> list[dict[str, Any]]:
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("name", CASES)
def test_two_processes_give_the_scores_of_one(pair: Path, name: str) -> None:
    first, second = (one["scores"][name] for one in found(pair))
    alone = scored_together.score_alone(pair, name)
    assert len(alone) >= len(CASES[name][1])
    assert first == alone
    assert second == []


def test_only_the_main_process_trains_a_classifier(pair: Path) -> None:
    assert [one["trained a classifier"] for one in found(pair)] == [True, False]


def test_a_failure_in_one_process_is_raised_by_both(pair: Path) -> None:
    why = "the generator at 7 images gives values that are not finite: it diverged. "
    for one in found(pair):
        of_first, of_second = one["said"]
        assert of_first.startswith(why)
        assert of_second.startswith(f"process 1: {why}")
        assert one["met again"] == [0, 1]
