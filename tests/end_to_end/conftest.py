"""Small data and small recipes, so that whole commands run in seconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ganvas.cli import main
from ganvas.metrics import sliced_wasserstein

from ..builders.commands import Result

SMALL = """
name = "small"
images = 2000
batch = 16
latent_dim = 8
ema_half_life = 200
[generator.network]
name = "dcgan"
width = 4
[discriminator.network]
name = "dcgan"
width = 4
norm = "batch"
[data]
size = [16, 16]
flip = true
[intervals]
history = 100
probes = 500
samples = 500
checkpoint = 400
"""
"""A recipe that trains in a second or two and uses every random generator but the penalties'."""


PATCHES = 2_000
FEWER_PATCHES = f"""
from ganvas.metrics import sliced_wasserstein
sliced_wasserstein.PATCHES = {PATCHES}
"""
"""Sabotage for `start`: what `fewer_patches` does in the process of the tests."""

Ganvas = Callable[..., Result]
"""Runs one command: the fixture `ganvas`."""


def refused(result: Result, *fragments: str) -> None:
    """The command ended with 2, on stderr stands one message with all of the fragments."""
    assert result.code == 2, (result.out, result.err)
    assert "Traceback" not in result.err
    for fragment in fragments:
        assert fragment in result.err


@pytest.fixture(autouse=True)
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's own cache."""
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def short_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` tries training for a step or two, not for seconds."""
    monkeypatch.setattr("ganvas.training.pace.WARM_UP", 0.0)
    monkeypatch.setattr("ganvas.training.pace.SECONDS", 0.01)


@pytest.fixture(scope="module", autouse=True)
def fewer_patches() -> Iterator[None]:
    """swd compares few patches of images, not 65,536; in forked commands with `FEWER_PATCHES`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sliced_wasserstein, "PATCHES", PATCHES)
        yield


@pytest.fixture
def ganvas(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run one command inside this process."""

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


def write_images(folder: Path) -> Path:
    """200 small colour images in one .npz."""
    path = folder / "images.npz"
    random = np.random.default_rng(0)
    np.savez(path, images=random.integers(0, 256, (200, 16, 16, 3), dtype=np.uint8))
    return path


def write_small(folder: Path) -> Path:
    """The small recipe as a file."""
    path = folder / "small.toml"
    path.write_text(SMALL)
    return path


def train_small(folder: Path, images: int, *flags: object) -> Path:
    """A finished run of the small recipe on so many images, with checkpoints at every 400."""
    run = folder / "run"
    train = ("train", write_small(folder), write_images(folder), "--images", images, "--out", run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_CACHE", str(folder / "cache"))
        assert main([str(word) for word in (*train, *flags)]) == 0
    return run


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """200 small colour images, the same for all tests."""
    return write_images(tmp_path)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The small recipe."""
    return write_small(tmp_path)


def essence(run: Path) -> dict[str, object]:
    """What two equal runs share, bit for bit: history but for timings, weights, samples, status."""
    from ganvas import tensor_file
    from ganvas.runs.history import TIMINGS

    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    for record in history:
        for name in TIMINGS:
            del record[name]
    newest = sorted((run / "checkpoints").iterdir())[-1]
    tensors, values = tensor_file.read(newest)
    findings = run / "findings.jsonl"
    return {
        "history": history,
        "findings": findings.read_text() if findings.exists() else "",
        "checkpoint": newest.name,
        "tensors": {name: tensor.numpy().tobytes() for name, tensor in tensors.items()},
        "values": values,
        "generator": (run / "generator" / "model.safetensors").read_bytes(),
        "samples": {path.name: path.read_bytes() for path in (run / "samples").iterdir()},
        "status": json.loads((run / "status.json").read_text()),
    }
