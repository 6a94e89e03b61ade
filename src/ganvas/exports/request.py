"""What is exported, and where to: what every target gets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ganvas.exports.names import Output, Weights
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.networks import Generator


@dataclass(frozen=True)
class ExportRequest:
    """One generator, and the form and the place that it is wanted in."""

    trained: TrainedGenerator
    description: Generator
    """Of its network."""
    name: str
    """Of the run, for people."""
    out: Path
    """The file or folder to write: it can be written, and a folder is new."""
    weights: Weights = "float32"
    output: Output = "float"
    folder: bool = False
    """Of a web page: files for a server instead of one."""
