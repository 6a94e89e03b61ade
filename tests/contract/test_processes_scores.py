"""Two processes that evaluate together give, bit for bit, the scores of one process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from ganvas.evaluation import extractor_choice
from ganvas.metrics import classifier, contrastive, lite0, sliced_wasserstein

from ..extras import require_extra
from . import distributed_scores, distributed_state
from .distributed_scores import CASES

require_extra("features")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the results of two processes for all cases."""

    def make(folder: Path) -> None:
        distributed_scores.write_images(folder)
        distributed_state.in_two_processes(distributed_scores.__name__, folder)

    return distributed_state.made_once(tmp_path_factory, "scores", make)


@pytest.fixture(scope="module", autouse=True)
def same_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One thread, since more threads sum in another order; a temporary cache."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        # the fixture restores them at the end
        for place, name in (
            (extractor_choice, "MAX_PIXEL_IMAGES"), (extractor_choice, "load_inception_classes"),
            (classifier, "MIN_IMAGES_SEEN"), (sliced_wasserstein, "PATCHES"),
            (contrastive, "IMAGES_SEEN"), (lite0, "SIDE"),
        ):  # fmt: skip
            patch.setattr(place, name, getattr(place, name))
        distributed_scores.use_small_settings()
        yield
    torch.set_num_threads(threads)


def results(folder: Path) -> list[dict[str, Any]]:
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("name", CASES)
def test_two_processes_give_the_scores_of_one(pair: Path, name: str) -> None:
    main, other = (result["scores"][name] for result in results(pair))
    expected = distributed_scores.single_process_scores(pair, name)
    assert len(expected) >= len(CASES[name][1])
    assert main == expected
    assert other == []


def test_only_the_main_process_trains_networks(pair: Path) -> None:
    assert [result["trained"] for result in results(pair)] == [[True, True], [False, False]]


def test_a_failure_in_one_process_is_raised_by_both(pair: Path) -> None:
    message = "the generator at 7 images gives values that are not finite: it diverged. "
    for result in results(pair):
        main_diverged, other_diverged = result["errors"]
        assert main_diverged.startswith(message)
        assert other_diverged.startswith(f"process 1: {message}")
        assert result["gathered"] == [0, 1]
