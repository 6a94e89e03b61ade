"""A trained generator as a folder that explains itself: code and weights, without ganvas."""

from __future__ import annotations

import copy
from typing import Any

import jinja2
import numpy as np
import torch
from torch import Tensor

import ganvas
from ganvas import storage
from ganvas.exports.comparison import Samples, check_same_samples
from ganvas.exports.plain_code import plain_code
from ganvas.exports.request import ExportRequest
from ganvas.generators.files import output_in_words, save_generator
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.images import from_network
from ganvas.labels import LabelSet


def write_folder(request: ExportRequest) -> str:
    """Write a folder that makes the same images as torch, and say how nearly.

    It holds what `ganvas.load` reads, the network as plain code, `load.py` with `sample`, and a
    README.
    """
    trained = request.trained
    code = plain_code(copy.deepcopy(trained.network).cpu().eval(), example_inputs(trained))
    comparison = check_same_samples(trained, lambda n: samples_of(code, trained, n), exact=True)
    texts = folder_texts(request, code)
    with storage.write_errors(request.out), storage.atomic_directory(request.out) as draft:
        save_generator(draft, trained, request.description)
        for name, text in texts.items():
            storage.write_bytes(draft / name, text.encode())
    return comparison


def example_inputs(trained: TrainedGenerator) -> dict[str, Tensor]:
    """Inputs of the network by name, two of each."""
    inputs = {"latents": torch.zeros(2, trained.latent_dim)}
    if trained.label_set is not None:
        inputs["mixtures"] = torch.zeros(2, len(trained.label_names))
    return inputs


def samples_of(code: str, trained: TrainedGenerator, n: int) -> Samples:
    """The samples of a generator whose network is this code."""
    module: dict[str, Any] = {"torch": torch}
    exec(code, module)
    weights = {**module["CONSTANTS"], **trained.network.state_dict()}
    batches = []
    for inputs in trained.input_batches(n):
        mixtures: tuple[Tensor, ...] = ()
        if inputs.labels is not None:
            mixtures = (torch.eye(len(trained.label_names))[inputs.labels],)
        with torch.inference_mode():
            batches.append(from_network(module["generate"](weights, inputs.values, *mixtures)))
    return np.concatenate(batches)


def folder_texts(request: ExportRequest, code: str) -> dict[str, str]:
    """The texts of the folder, by the names of their files."""
    trained = request.trained
    shape = trained.shape
    if trained.makes_points:
        returns = f"float32 (n, {shape.channels}), points in the units of the data"
    else:
        returns = f"uint8 (n, {shape.height}, {shape.width}, {shape.channels}) in [0, 255]"
    values = {
        "code": code,
        "data": markdown(trained.data.name) if trained.data else "",
        "images_seen": f"{trained.images_seen:,}",
        "labels": label_rows(trained.label_set),
        "latents": f"float32 (N, {trained.latent_dim}), standard normal",
        "name": markdown(request.name),
        "noun": "points" if trained.makes_points else "images",
        "output": output_in_words(request.description, shape),
        "points": trained.makes_points,
        "returns": returns,
        "version": ganvas.__version__,
        "what": str(shape) if trained.makes_points else f"images, {shape}",
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ganvas.exports"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # Python and Markdown
    )
    names = ("README.md", "load.py", "network.py")
    return {name: environment.get_template(f"{name}.jinja").render(values) for name in names}


def label_rows(labels: LabelSet | None) -> list[tuple[str, str]]:
    """The name of each label and its number of training images."""
    if labels is None:
        return []
    return [
        (markdown(name), f"{count:,}")
        for name, count in zip(labels.names, labels.counts, strict=True)
    ]


def markdown(text: str) -> str:
    """Text for a line or a cell of Markdown."""
    return " ".join(text.split()).replace("|", "\\|")
