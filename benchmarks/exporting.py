"""What an export costs and changes: seconds, bytes, levels of 255, and scores.

    .venv/bin/python benchmarks/exporting.py runs/dcgan-fashion-1 [RUN ...]
    .venv/bin/python benchmarks/exporting.py --data fashion runs/dcgan-fashion-1

For each run: ONNX with weights of float32 and float16, and quantized to int8, by onnxruntime's
static quantization with the latents of 512 samples. Each is compared with torch on 64 other
samples, the largest and the mean difference. With --data, each is scored too, as `ganvas evaluate`
does by default.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

import ganvas
from ganvas.exports.onnx_exporter import quiet_exporter
from ganvas.exports.onnx_file import onnx_bytes
from ganvas.generators.trained_generator import TrainedGenerator

CALIBRATION, COMPARED = 512, 64
BATCH = 32


class Calibration(CalibrationDataReader):
    """Inputs of samples, batch by batch."""

    def __init__(self, trained: TrainedGenerator) -> None:
        self._batches = self._inputs(trained)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)

    @staticmethod
    def _inputs(trained: TrainedGenerator) -> Iterator[dict[str, Any]]:
        for start in range(0, CALIBRATION, BATCH):
            indices = range(start, start + BATCH)
            for batch in trained.input_batches(CALIBRATION, seed=1, indices=indices):
                inputs = {"latents": batch.values.numpy()}
                if batch.labels is not None:
                    inputs["labels"] = batch.labels.numpy()
                yield inputs


def quantized(path: Path, trained: TrainedGenerator) -> Path:
    """The float32 model quantized to int8, weights by channel."""
    prepared, out = path.with_suffix(".prepared.onnx"), path.with_name("int8.onnx")
    quant_pre_process(path, prepared, skip_symbolic_shape=True)
    with quiet_exporter():
        quantize_static(
            prepared, out, Calibration(trained), quant_format=QuantFormat.QDQ, per_channel=True
        )
    return out


def exported(trained: TrainedGenerator, folder: Path) -> Iterator[tuple[str, Path, float]]:
    """Each form: its name, its file, and how many seconds of a core it took."""
    start = time.process_time()
    for weights in ("float32", "float16"):
        path = folder / f"{weights}.onnx"
        path.write_bytes(onnx_bytes(trained, weights))
        yield weights, path, time.process_time() - start
        start = time.process_time()
    path = quantized(folder / "float32.onnx", trained)
    yield "int8", path, time.process_time() - start


def levels(trained: TrainedGenerator, path: Path) -> tuple[int, float]:
    """The largest and the mean difference from torch."""
    got, expected = (it.sample(COMPARED, seed=2).astype(int) for it in (ganvas.load(path), trained))
    difference = np.abs(got - expected)
    return int(difference.max()), float(difference.mean())


def scores(path: Path | str, data: str) -> str:
    found = ganvas.evaluate(path, data=data, device="cpu")
    return ", ".join(f"{score.metric} {score.value:.4g}" for score in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--data", help="score with these images")
    arguments = parser.parse_args()
    print("| run | form | seconds | kB | largest | mean | scores |\n|---|---|---|---|---|---|---|")
    for run in arguments.runs:
        trained = ganvas.load(run)
        of_torch = scores(run, arguments.data) if arguments.data else ""
        print(f"| {Path(run).name} | torch | | | | | {of_torch} |", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            for name, path, seconds in exported(trained, Path(folder)):
                largest, mean = levels(trained, path)
                row = [Path(run).name, name, f"{seconds:.1f}", f"{path.stat().st_size / 1e3:,.0f}"]
                row += [str(largest), f"{mean:.2f}"]
                row += [scores(path, arguments.data) if arguments.data else ""]
                print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
