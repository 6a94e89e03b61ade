"""`ganvas export RUN`: a trained generator in a form that needs no ganvas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ganvas.exports.names import Output, TargetName, Weights
from ganvas.formatting import format_bytes
from ganvas.terminal import print_lines


@dataclass(frozen=True)
class Export:
    """Write a generator in a form that needs no ganvas, and check that it samples as torch does.

    onnx is one file for onnxruntime and others. folder is code and weights that need torch and
    safetensors alone. web is an HTML file that makes pictures in any browser, offline. onnx and web
    need pip install 'ganvas[onnx]'.
    """

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory, or a generator/ folder copied from one."""
    to: TargetName = "onnx"
    """The form."""
    out: Path | None = None
    """The file (replaced if it exists) or a new folder; by default in the run, with its name."""
    checkpoint: str = "last"
    """last, best (by the scores while training), or images seen: 80k."""
    weights: Weights = "float32"
    """For onnx and web: float16 halves the generator."""
    output: Output = "float"
    """For onnx: float (N, C, H, W) in [-1, 1], or uint8 (N, H, W, C) in [0, 255]."""
    folder: bool = False
    """For web: files for a web server, instead of one file that opens from a disk."""

    def run(self) -> None:
        """Export, and print where it is and how it compares."""
        from ganvas.exports.targets import export_described

        path, comparison = export_described(
            self.run_directory,
            self.to,
            self.out,
            self.checkpoint,
            self.weights,
            self.output,
            self.folder,
        )
        files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        size = format_bytes(sum(file.stat().st_size for file in files))
        print_lines(f"{path}: {size}, {comparison}")
