"""What belongs to the whole process is, after every public function, as it was before.

And what a caller has set there changes no bit of the results, or is refused.
"""

from __future__ import annotations

import inspect
import locale
import logging
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image, ImageFile
from torch.nn.utils import parametrize

import ganvas
from ganvas.data.inspecting import inspect as inspect_images
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
from ganvas.metrics import contrastive
from ganvas.training.stop import cancel_stop, request_stop

from ..extras import require_extra
from .conftest import SMALL, essence
from .studies import UNWATCHED, stay_in_this_process, tiny_study

SIGNALS = [number for number in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, number)]


def state_of_torch() -> dict[str, Any]:
    return {
        "default generator": torch.default_generator.get_state().numpy().tobytes(),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "cudnn": (
            torch.backends.cudnn.enabled,
            torch.backends.cudnn.benchmark,
            torch.backends.cudnn.deterministic,
            torch.backends.cudnn.allow_tf32,
        ),
        "products": torch.get_float32_matmul_precision(),
        "anomalies": torch.is_anomaly_enabled(),
        "cached weights": parametrize._cache_enabled,
    }


def state_of_the_process() -> dict[str, Any]:
    _, keys, *position = np.random.get_state(legacy=True)  # noqa: NPY002 - the global one is meant
    return {
        **state_of_torch(),
        "numpy's generator": (np.asarray(keys).tobytes(), position),
        "numpy's errors": np.geterr(),
        "Python's generator": random.getstate(),
        "warnings": list(warnings.filters),
        "signals": {name: signal.getsignal(getattr(signal, name)) for name in SIGNALS},
        "environment": {name: text for name, text in os.environ.items() if "PYTEST" not in name},
        "folder": Path.cwd(),
        "locale": locale.setlocale(locale.LC_ALL),
        "logging": (logging.root.level, list(logging.root.handlers)),
        "streams": (sys.stdout, sys.stderr, sys.excepthook),
        "matplotlib": dict(matplotlib.rcParams),
        "Pillow": (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES),
    }


@pytest.fixture(autouse=True)
def torch_is_loaded() -> None:
    """torch loads its compiler with the first optimizer, which sets a variable and a filter."""
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))]).step()


@contextmanager
def unchanged_state() -> Iterator[None]:
    """Nothing that belongs to the process changes inside, whether or not an error is raised."""
    before = state_of_the_process()
    try:
        yield
    finally:
        after = state_of_the_process()
        changed = [name for name in before if before[name] != after[name]]
        assert not changed, {name: (before[name], after[name]) for name in changed}


def failing_without_trace(action: Callable[[], object]) -> None:
    with pytest.raises(ganvas.GanvasError), unchanged_state():
        action()


def train(recipe: Path | ganvas.Recipe, images: Path, out: Path, **options: Any) -> Path:
    """A small run on the CPU; its directory."""
    recipe = str(recipe) if isinstance(recipe, Path) else recipe
    return ganvas.train(recipe, images, out, device="cpu", quiet=True, **options).directory


PUBLIC = {
    name
    for name in ganvas._LOADED_WHEN_USED
    if inspect.isfunction(getattr(ganvas, name)) and name not in ("read_results", "load_study")
}
"""The public functions that do more than read a small file."""


def test_functions_that_succeed_change_nothing_of_the_process(
    tmp_path: Path, images: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_extra("onnx", "log", "hf")
    small.write_text(UNWATCHED)
    stay_in_this_process(monkeypatch)
    monkeypatch.setattr(contrastive, "IMAGES_SEEN", 1_000)  # ten seconds with all
    study, run = tiny_study(tmp_path, small, images, images=200, seeds=1), tmp_path / "run"
    actions: dict[str, Callable[[], object]] = {
        "choose": lambda: ganvas.choose(images, device="cpu", quiet=True),
        "train": lambda: train(small, images, run, deterministic=True),
        "resume": lambda: ganvas.resume(run, images=2032, quiet=True),
        "evaluate": lambda: ganvas.evaluate(run, ["swd"], n=100, device="cpu"),
        "load": lambda: [
            ganvas.load(run, checkpoint="2k").sample(2),
            ganvas.load(run).interpolate(2, 3),
            ganvas.load(run).strips(ganvas.load(run).directions().first(2)),
            ganvas.load(run).latents(2),
        ],
        "truncation": lambda: ganvas.truncation(run, features="self", n=64, device="cpu"),
        "export": lambda: [ganvas.export(run), ganvas.export(run, "folder")],
        "diagnose": lambda: ganvas.diagnose(run),
        "report": lambda: ganvas.report(run),
        "log": lambda: ganvas.log(run, "tensorboard"),
        "push": lambda: ganvas.push(run, "hf:you/run", license="mit", dry_run=True),
        "compare": lambda: ganvas.compare(study, tmp_path / "study", quiet=True),
    }
    assert actions.keys() == PUBLIC
    actions["check"] = lambda: inspect_images(open_source(images), DataSettings())
    for action in actions.values():
        with unchanged_state():
            action()


def test_functions_that_fail_change_nothing_of_the_process(
    tmp_path: Path, images: Path, small: Path
) -> None:
    nowhere = tmp_path / "nowhere"
    run = train(small, images, tmp_path / "run")
    recipe = ganvas.recipes.load_recipe(str(small))
    player = replace(recipe.discriminator, learning_rate=1e30)
    failing_without_trace(lambda: ganvas.choose(nowhere, quiet=True))
    failing_without_trace(lambda: train(small, nowhere, tmp_path / "out"))
    failing_without_trace(lambda: train(small, images, run))
    diverging = replace(recipe, discriminator=player)
    failing_without_trace(lambda: train(diverging, images, tmp_path / "d", deterministic=True))
    failing_without_trace(lambda: ganvas.resume(tmp_path / "d", quiet=True))
    failing_without_trace(lambda: ganvas.resume(run, quiet=True))
    failing_without_trace(lambda: ganvas.evaluate(run, ["swd"], n=1, device="cpu"))
    failing_without_trace(lambda: ganvas.load(run, checkpoint="7"))
    failing_without_trace(lambda: ganvas.load(run).sample(0))
    failing_without_trace(lambda: ganvas.truncation(run, truncation=-1))
    failing_without_trace(lambda: ganvas.export(run, checkpoint="7"))
    failing_without_trace(lambda: ganvas.diagnose(nowhere))
    failing_without_trace(lambda: ganvas.report(nowhere))
    failing_without_trace(lambda: ganvas.log(nowhere, "tensorboard"))
    failing_without_trace(lambda: ganvas.push(nowhere, "hf:you/run", license="mit", dry_run=True))
    failing_without_trace(lambda: ganvas.compare(nowhere, quiet=True))
    request_stop()
    failing_without_trace(lambda: train(small, images, tmp_path / "stopped", deterministic=True))
    cancel_stop()


@contextmanager
def unusual_settings() -> Iterator[None]:
    """What a caller may have set in torch for a computation of their own."""
    with (
        torch.inference_mode(),
        torch.device("meta"),
        torch.autocast("cpu", torch.bfloat16),
        unchanged_state(),
    ):
        yield


def test_settings_of_the_caller_change_no_bit(tmp_path: Path, images: Path, small: Path) -> None:
    require_extra("onnx")
    small.write_text(SMALL.replace("images = 2000", "images = 400"))
    plain = train(small, images, tmp_path / "plain", seed=3)
    with unusual_settings():
        unusual = train(small, images, tmp_path / "unusual", seed=3)
        samples = ganvas.load(unusual).sample(4)
        exported = ganvas.load(ganvas.export(unusual)).sample(4)
        (score,) = ganvas.evaluate(unusual, ["swd"], n=100, device="cpu")
    assert essence(unusual) == essence(plain)
    assert np.array_equal(samples, ganvas.load(plain).sample(4))
    assert np.abs(samples.astype(int) - exported.astype(int)).max() <= 1
    assert score.value == ganvas.evaluate(plain, ["swd"], n=100, device="cpu")[0].value


def test_another_default_dtype_is_refused(
    tmp_path: Path, images: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    torch.set_default_dtype(torch.float64)
    try:
        for action in (
            lambda: train(small, images, run),
            lambda: ganvas.resume(run),
            lambda: ganvas.load(run),
            lambda: ganvas.evaluate(run),
        ):
            with pytest.raises(ganvas.GanvasError, match=r"set_default_dtype\(torch.float32\)"):
                action()
    finally:
        torch.set_default_dtype(torch.float32)
    assert not run.exists()
