"""Are held-out images in a generator, as training images are? And what features change.

    .venv/bin/python benchmarks/projecting.py dcgan=runs/dcgan
    .venv/bin/python benchmarks/projecting.py dcgan=runs/dcgan style=runs/style

Every NAME=RUN is a run whose images are at hand. Some of its held-out images, as many training
images and a few of its own samples are projected: by features and pixels, and by pixels alone; of
a generator with a style space into w and w+. What is measured is written to
docs/results/projection.json, with a picture of each run, and the page projection.md is made of that
file (--page alone makes it again).
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: seconds of one thread

import numpy as np
import torch
from PIL import Image

import ganvas
from ganvas import json_files
from ganvas.data.prepared import PreparedData
from ganvas.drawing.grids import make_grid, to_pillow
from ganvas.formatting import format_number
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.images import Pixels
from ganvas.latents.projection import Projection, ProjectionSettings, joined
from ganvas.projections.held_out import images_of_run
from ganvas.runs import Run

COUNT, SAMPLES = 50, 16
"""Training and held-out images each, and own samples, which are surely in there."""
SHOWN = 10
"""Held-out images in the picture."""
GROUPS = ("training images", "held-out images", "own samples")
MEASURES = ("distance", "features", "rmse", "ssim")
RESAMPLES = 2_000

Measured = dict[str, dict[str, list[float]]]
"""Of each group the measures, one number an image."""


def arms(has_styles: bool) -> dict[str, ProjectionSettings]:
    """What is compared: without features and with them; with styles, in both spaces."""
    if has_styles:
        return {"w": ProjectionSettings(space="w"), "w+": ProjectionSettings(space="w+")}
    return {
        "pixels": ProjectionSettings(distance="pixels"),
        "features and pixels": ProjectionSettings(distance="features"),
    }


# -- Measuring -------------------------------------------------------------------------------------


def measure(name: str, directory: Path, count: int, out: Path) -> dict[str, Any]:
    """Project the images of every group by every arm, and draw the held-out ones."""
    torch.set_num_threads(1)
    run, generator = Run.open(directory), ganvas.load(directory)
    prepared = images_of_run(directory, generator, None, quiet=True)
    groups = images_of_groups(generator, prepared, count)
    result: dict[str, Any] = {
        "recipe": run.read_recipe().name,
        "data": prepared.name,
        "images_seen": generator.images_seen,
        "torch": torch.__version__,
        "arms": {},
    }
    columns = [groups["held-out images"][:SHOWN]]
    for arm, settings in arms(generator.inputs.style_shape is not None).items():
        start = time.process_time()
        projections = {
            group: project(generator, images, settings, f"{name}, {arm}: {group}")
            for group, images in groups.items()
        }
        seconds = (time.process_time() - start) / sum(map(len, groups.values()))
        columns.append(projections["held-out images"].images[:SHOWN])
        result["arms"][arm] = {
            "seconds": seconds,
            "settings": dataclasses.asdict(settings),
            "groups": {
                group: {key: values.tolist() for key, values in projection.distances.items()}
                for group, projection in projections.items()
            },
        }
    draw(columns, out / f"projection-{name}.png")
    return result


def images_of_groups(
    generator: TrainedGenerator, prepared: PreparedData, count: int
) -> dict[str, Pixels]:
    """Of each group some images, uint8 (N, H, W, C): `count` of real ones."""
    random = np.random.default_rng(0)

    def some(indices: np.ndarray) -> Pixels:
        chosen = np.sort(random.permutation(indices)[:count])
        return np.ascontiguousarray(prepared.images[chosen].transpose(0, 2, 3, 1))

    samples = generator.sample(SAMPLES, seed=1)
    return dict(
        zip(GROUPS, (some(prepared.training), some(prepared.held_out), samples), strict=True)
    )


def project(
    generator: TrainedGenerator, images: Pixels, settings: ProjectionSettings, task: str
) -> Projection:
    """The projection, with a line on stderr for every batch."""
    parts: list[Projection] = []
    for part in generator.projector(settings).batches(images, lambda done, total: None):
        parts.append(part)
        print(f"{task}: {sum(map(len, parts))} of {len(images)}", file=sys.stderr, flush=True)
    return joined(parts)


def draw(rows: list[Pixels], path: Path) -> None:
    """The images, and below each what every arm made of it."""
    grid = make_grid(np.concatenate(rows), columns=SHOWN)
    picture = to_pillow(grid)
    picture = picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.NEAREST)
    picture.save(path, optimize=True)


# -- The page --------------------------------------------------------------------------------------


def page(results: dict[str, Any]) -> str:
    """docs/results/projection.md."""
    parts = [
        "# Can the generator make these pictures?",
        "`ganvas project` searches for latents whose image is near a picture. Here the pictures "
        "are images that the run trained on, held-out ones, and the generator's own samples. "
        "`distance` is what is minimised, so compare it between images, not between arms; `rmse` "
        "(grey levels, 0 to 255) and `ssim` (more is nearer) are not minimised. Seconds are those "
        "of one thread for one picture, on a busy machine. Made by `benchmarks/projecting.py`.",
        "How often the projections of one group come nearer is a fraction of all pairs of images, "
        "with a 95 % bootstrap interval; 0.5 is no difference.",
        *(text for name, result in results.items() for text in section(name, result)),
    ]
    return "\n\n".join(parts) + "\n"


def section(name: str, result: dict[str, Any]) -> Iterator[str]:
    """One run."""
    yield f"## {name}"
    yield (
        f"`{result['recipe']}` on {result['data']}, {result['images_seen']:,} images seen; "
        f"PyTorch {result['torch']}. Medians."
    )
    yield "\n".join(table(result["arms"]))
    yield "\n".join(f"- {line}" for line in findings(result["arms"]))
    rows = "; ".join(result["arms"])
    yield (
        f"![Held-out images, and below each its projections](projection-{name}.png)\n\n"
        f"Rows: held-out images; then their projections by: {rows}."
    )


def table(of_arms: dict[str, Any]) -> Iterator[str]:
    """The median of every measure."""
    yield f"| minimised, of | images | {' | '.join(MEASURES)} | seconds |"
    yield "|---|---|" + "---|" * len(MEASURES) + "---|"
    for arm, measured in of_arms.items():
        for group, values in measured["groups"].items():
            medians = [
                format_number(float(np.median(values[key])), 3) if key in values else ""
                for key in MEASURES
            ]
            count = len(values["distance"])
            yield (
                f"| {arm}: {group} | {count} | {' | '.join(medians)} | {measured['seconds']:.1f} |"
            )


def findings(of_arms: dict[str, Any]) -> Iterator[str]:
    """How often an image of one group comes nearer than one of another."""
    for arm, measured in of_arms.items():
        held_out = measured["groups"]["held-out images"]["distance"]
        for group in ("training images", "own samples"):
            values = measured["groups"][group]["distance"]
            value, low, high = nearer(np.array(values), np.array(held_out))
            yield (
                f"{arm}: {group} come nearer than held-out images in {value:.2f} "
                f"[{low:.2f}, {high:.2f}] of all pairs."
            )


def nearer(ours: np.ndarray, others: np.ndarray) -> tuple[float, float, float]:
    """The fraction of pairs in which ours is less, with a 95 % bootstrap interval over images."""
    random = np.random.default_rng(0)

    def fraction(first: np.ndarray, second: np.ndarray) -> float:
        return float((first[:, None] < second).mean())

    drawn = [
        fraction(random.choice(ours, len(ours)), random.choice(others, len(others)))
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return fraction(ours, others), float(low), float(high)


def main() -> None:
    """Measure what is named, and write the results and their page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="*", help="NAME=RUN")
    parser.add_argument("--count", type=int, default=COUNT, help="of training, and of held-out")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--page", action="store_true", help="measure nothing")
    options = parser.parse_args()
    path = options.out / "projection.json"
    results = json_files.read_json(path) if path.exists() else {}
    if not options.page:
        for named in options.runs:
            name, _, directory = named.partition("=")
            results[name] = measure(name, Path(directory), options.count, options.out)
            json_files.write_json(path, results)
    (options.out / "projection.md").write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
