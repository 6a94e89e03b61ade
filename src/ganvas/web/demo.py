"""`ganvas demo`: the page of a generator, with torch behind it and the seeds of `ganvas sample`."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

import ganvas
from ganvas.errors import GanvasError
from ganvas.exports.demo_page import (
    LARGEST_SEED,
    MOST_OF_EACH,
    MOST_PICTURES,
    DemoPage,
    PageRun,
    page_run,
)
from ganvas.generators import files as generator_files
from ganvas.generators.sample_files import SampleRequest
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.images import Pixels
from ganvas.labels import EACH
from ganvas.latents.latents import Latents, generate
from ganvas.latents.truncation import truncate
from ganvas.latents.walks import slerp
from ganvas.package_files import package_text
from ganvas.torch_state import usual_torch
from ganvas.web.server import LOOPBACK, make_app

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

ABOUT_SEEDS = "As in ganvas sample: seed 1 here is --seed 1 there."
FOOTER = (
    f"Served by ganvas {ganvas.__version__} on this machine: torch makes the pictures, and nothing "
    "is sent elsewhere."
)


def load_runs(sources: Sequence[Path], device: str, checkpoint: str) -> list[PageRun]:
    """The generators of the page.

    Raises:
        GanvasError: one of them cannot be loaded, or makes no images.
    """
    names = distinct_names(sources)
    return [
        page_run(name, generator_files.load(source, device, checkpoint), moves_styles=True)
        for name, source in zip(names, sources, strict=True)
    ]


def distinct_names(sources: Sequence[Path]) -> list[str]:
    """The names of runs, with the folder above where two would have the same."""
    paths = [source.resolve() for source in sources]
    paths = [path.parent if path.name == "generator" else path for path in paths]
    uses = Counter(path.name for path in paths)
    return [
        f"{path.parent.name}/{path.name}" if uses[path.name] > 1 else path.name for path in paths
    ]


def demo_app(runs: Sequence[PageRun], host: str = LOOPBACK) -> Starlette:
    """The application: `/` is the page, `/samples` the pixels that it asks for.

    Args:
        runs: at least one.
        host: what `listen` was given.
    """
    from starlette.responses import HTMLResponse
    from starlette.responses import Response as Bytes
    from starlette.routing import Route

    page = DemoPage(runs, [package_text("web/torch_server.js")], ABOUT_SEEDS, FOOTER).render()
    one_at_a_time = threading.Lock()  # requests wait for torch instead of sharing its memory

    def show_page(request: Request) -> Response:
        return HTMLResponse(page)

    def send_samples(request: Request) -> Response:
        wanted = read_request(request.query_params, [run.generator for run in runs])
        with one_at_a_time:
            pixels = make_pictures(wanted)
        return Bytes(pixels.tobytes(), media_type="application/octet-stream")

    routes = [Route("/", show_page), Route("/samples", send_samples)]
    return make_app(routes, "The generators", host)


@dataclass(frozen=True)
class PictureRequest:
    """What the page asks for."""

    generator: TrainedGenerator
    n: int
    """Number of pictures; of several labels, of each."""
    seed: int
    other: int
    """The seed towards which latents move."""
    mix: float
    """How far: 0 is `seed`, 1 is `other`."""
    truncation: float
    """As in `ganvas sample`; 1 leaves the latents as they are."""
    labels: tuple[str, ...]
    """One label or all; none: they are drawn as often as the data has them."""


FIELDS = ("run", "seed", "other", "mix", "truncation", "label", "n")


def read_request(
    query: Mapping[str, str], generators: Sequence[TrainedGenerator]
) -> PictureRequest:
    """Read a query: `run=0&seed=1&n=64`; `other`, `mix`, `truncation` and `label` may be missing.

    Raises:
        GanvasError: fields are unknown, or out of their ranges; the message names them all.
    """
    problems = [f"{name!r} is no field" for name in query if name not in FIELDS]

    def whole(name: str, least: int, most: int, otherwise: int) -> int:
        text = query.get(name, str(otherwise))
        if text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= most:
            return int(text)
        problems.append(f"{name}: expected {least} to {most}, got {text[:40]!r}")
        return otherwise

    def fraction(name: str, otherwise: float) -> float:
        text = query.get(name, str(otherwise))
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if 0 <= value <= 1:
            return value
        problems.append(f"{name}: expected 0 to 1, got {text[:40]!r}")
        return otherwise

    generator = generators[whole("run", 0, len(generators) - 1, 0)]
    names = generator.label_names
    labels: tuple[str, ...] = ()
    if query.get("label") == EACH and names:
        labels = names
    elif "label" in query and names:
        labels = (names[whole("label", 0, len(names) - 1, 0)],)
    elif "label" in query:
        problems.append("label: this generator takes no labels")
    rows = max(1, len(labels))
    seed = whole("seed", 0, LARGEST_SEED, 0)
    request = PictureRequest(
        generator,
        n=whole("n", 1, max(1, min(MOST_OF_EACH, MOST_PICTURES // rows)), 1),
        seed=seed,
        other=whole("other", 0, LARGEST_SEED, seed),
        mix=fraction("mix", 0),
        truncation=fraction("truncation", 1),
        labels=labels,
    )
    if problems:
        raise GanvasError("; ".join(problems))
    return request


@usual_torch()
def make_pictures(request: PictureRequest) -> Pixels:
    """The pictures, uint8 (N, H, W, C), label by label.

    Without `mix` and `truncation` they are those of `ganvas sample`, bit for bit.
    """
    generator = request.generator
    samples = SampleRequest(generator, request.n, request.seed, request.labels)
    others = generator.latents(request.n, request.other)  # (n, Z): a batch of `inputs` has n rows
    pictures = []
    for inputs in samples.inputs():
        latents = Latents(mixed(inputs.values, others, request.mix), inputs.labels)
        truncated = truncate(generator.network, latents, request.truncation)
        pictures.append(generate(generator.network, truncated))
    return np.concatenate(pictures)


def mixed(latents: Tensor, others: Tensor, alpha: float) -> Tensor:
    """Each of the latents (N, Z) moved towards the other of its row (`latents.walks.slerp`)."""
    if alpha == 0:
        return latents
    step = torch.tensor([alpha])
    return torch.cat([slerp(*pair, step) for pair in zip(latents, others, strict=True)])
