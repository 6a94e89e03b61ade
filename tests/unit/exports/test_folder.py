"""`--to folder`: plain code and weights, which make the same samples without ganvas."""

from __future__ import annotations

import io
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from ganvas.errors import GanvasError
from ganvas.exports.folder import write_folder
from ganvas.exports.plain_code import plain_code
from ganvas.exports.request import ExportRequest
from ganvas.generators.files import load
from ganvas.networks import GENERATORS, ImageShape
from tests.builders.generators import LATENT_DIM, POINTS, small_generator
from tests.builders.tiny import narrow

STRANGER = """
import runpy
import sys

class NoGanvas:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "ganvas":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoGanvas())
sys.path.insert(0, sys.argv[1])
import numpy
from load import sample
numpy.save(sys.argv[2], sample(9, seed=3).numpy())
numpy.save(sys.argv[3], sample(2, labels=[2, 0]).numpy())
for labels in ([0], [0, 3], ["red", "blue"]):
    try:
        sample(2, labels=labels)
    except ValueError as error:
        assert str(error) == f"labels: expected 2 numbers from 0 to 2, not {labels}"
    else:
        raise AssertionError(labels)
runpy.run_path(sys.argv[1] + "/load.py", run_name="__main__")
assert not any(name.startswith("ganvas") for name in sys.modules)
"""


def exported(tmp_path: Path, family: str, **options: object) -> Path:
    trained = small_generator(family, **options)  # type: ignore[arg-type]
    description = narrow(GENERATORS[family])
    if trained.label_set is not None:
        description = description.conditional()
    folder = tmp_path / "folder"
    said = write_folder(ExportRequest(trained, description, "a | name", folder))
    assert said == "the same 32 samples as torch"
    return folder


def test_a_stranger_without_ganvas_gets_the_same_images(tmp_path: Path) -> None:
    """Takes three seconds: only a new interpreter shows that nothing of ganvas is needed."""
    folder = exported(tmp_path, "r3gan", labelled=True)
    assert {file.name for file in folder.iterdir()} == {
        *("README.md", "load.py", "network.py", "config.json", "model.safetensors")
    }
    files = [str(tmp_path / "drawn.npy"), str(tmp_path / "chosen.npy")]
    command = [sys.executable, "-I", "-c", STRANGER, str(folder), *files]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    trained = small_generator("r3gan", labelled=True)
    drawn, chosen = map(np.load, files)
    expected = trained.sample(9, seed=3), trained.sample(2, labels=["blue", "red"])
    for got, wanted in zip((drawn, chosen), expected, strict=True):
        assert got.dtype == np.uint8
        assert np.abs(got.astype(int) - wanted.astype(int)).max() <= 1
    assert np.array_equal(load(folder).sample(9, seed=3), trained.sample(9, seed=3))
    with Image.open(tmp_path / "samples.png") as picture:
        shown = np.asarray(picture).reshape(8, 16, 8, 16).swapaxes(1, 2).reshape(64, 16, 16, 1)
    assert np.abs(shown.astype(int) - trained.sample(64, seed=0)).max() <= 1
    assert result.stdout.startswith("samples.png: 64 of seed 0.")


def test_the_readme_says_what_it_is(tmp_path: Path) -> None:
    readme = (exported(tmp_path, "dcgan", labelled=True) / "README.md").read_text()
    for part in (
        "# a \\| name\n",
        "A generator of images, 16x16, grey, trained by ganvas",
        "on `noise`, 64 images seen.",
        "uint8 (n, 16, 16, 1) in [0, 255]",
        "| 2 | blue | 1 |",
        "latents are float32 (N, 8), standard normal, mixtures of labels float32 (N, 3)",
    ):
        assert part in readme


def test_a_folder_of_points_gives_points(tmp_path: Path) -> None:
    folder = exported(tmp_path, "mlp", shape=POINTS)
    code = (folder / "load.py").read_text()
    assert "uint8" not in code
    assert "return outputs.flatten(1)" in code
    assert "png" not in code
    assert len(code.splitlines()) < 35
    for name in ("load.py", "network.py"):
        compile((folder / name).read_text(), name, "exec")


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_its_picture_has_the_colours_and_the_transparency_of_the_images(
    tmp_path: Path, channels: int, mode: str
) -> None:
    folder = exported(tmp_path, "mlp", shape=ImageShape(channels, 4, 6))
    code = (folder / "load.py").read_text()
    function = re.search(r"^def png\(.*?^    \)$", code, re.DOTALL | re.MULTILINE)
    assert function is not None
    module: dict[str, Any] = {"struct": struct, "zlib": zlib}
    exec(function[0], module)
    images = torch.arange(4 * 4 * 6 * channels, dtype=torch.uint8).view(4, 4, 6, channels)
    with Image.open(io.BytesIO(module["png"](images, columns=2))) as picture:
        assert (picture.mode, picture.size) == (mode, (12, 8))
        pixels = np.asarray(picture).reshape(8, 12, channels)
    assert np.array_equal(pixels[4:, 6:], images[3])


class Branching(nn.Module):
    """A layer whose values decide what is computed."""

    def forward(self, values: Tensor) -> Tensor:
        return values if values.sum() > 0 else -values


def test_a_layer_that_cannot_be_followed_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    network = nn.Sequential(nn.Linear(LATENT_DIM, 2), nn.Sequential(nn.ReLU(), Branching()))
    inputs = {"latents": small_generator().latents(2)}
    with pytest.raises(GanvasError, match=r"^layer 1\.1 \(Branching\) cannot be written as plain"):
        plain_code(network.eval(), inputs)
    assert capfd.readouterr() == ("", "")
