"""What `ganvas demo` and `export --to web` refuse, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganvas.networks import ImageShape
from ganvas.web.server import listen

from ..builders.generator_folders import write_generator
from ..extras import require_extra
from .conftest import Ganvas, refused


def test_demo_without_a_run(ganvas: Ganvas) -> None:
    refused(ganvas("demo"), "ganvas demo needs one or more runs: ganvas demo RUN")


def test_demo_of_what_is_no_run(ganvas: Ganvas, tmp_path: Path) -> None:
    require_extra("web")
    refused(ganvas("demo", tmp_path / "nothing", "--no-browser"), "nothing is not a run")


def test_demo_with_a_port_that_is_taken(ganvas: Ganvas, tmp_path: Path) -> None:
    require_extra("web")
    with listen() as taken:
        answer = ganvas("demo", tmp_path, "--no-browser", "--port", taken.port)
    refused(answer, f"port {taken.port} of 127.0.0.1 is used by another program")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--to", "onnx", "--folder"), "--folder is for --to web only, not --to onnx"),
        (("--to", "web", "--output", "uint8"), "--output is for --to onnx only, not --to web"),
        (("--to", "web", "--out", "page.png"), "expected a name that ends in .html"),
    ],
)
def test_options_that_a_page_does_not_have(
    ganvas: Ganvas, tmp_path: Path, flags: tuple[str, ...], words: str
) -> None:
    require_extra("onnx")
    write_generator(tmp_path / "run")
    refused(ganvas("export", tmp_path / "run", *flags), words)


def test_points_have_no_page(ganvas: Ganvas, tmp_path: Path) -> None:
    require_extra("onnx")
    write_generator(tmp_path / "ring", "mlp", ImageShape(2, 1, 1))
    refused(ganvas("export", tmp_path / "ring", "--to", "web"), "generates points")
    assert sorted(path.name for path in (tmp_path / "ring").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
