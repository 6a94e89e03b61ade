"""The kinds of inputs that are mutated: what writes whole ones, and which commands read them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from forked import run
from mutating import BYTES, JSON, LINES, TEXT, Mutation
from originals import write_archives, write_arrays, write_texts

NO_IMAGES = "ganvas: images.npz: no such file or folder"
"""How a study is refused that was read and checked, and whose images are not there."""


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    count: how many mutated ones there are in the whole benchmark.
    make: writes whole inputs into a folder.
    targets: (file to mutate, command that reads it): paths inside that folder.
    goes_on_to: what a refusal begins with that comes after the file was read whole, and used.
    """

    name: str
    count: int
    make: Callable[[Path], None]
    mutations: Sequence[Mutation]
    targets: Sequence[tuple[str, Sequence[str]]]
    goes_on_to: str = ""


def kinds() -> list[Kind]:
    """Every kind of input but images, which come in folders (`image_kinds`)."""
    arrays = ("images.npy", 500), ("images.npz", 300), ("packed.npz", 400)
    archives = ("stored.zip", 300), ("packed.zip", 400), ("images.parquet", 200)
    data = [
        *(Kind(name, count, write_arrays, BYTES, [checked(name)]) for name, count in arrays),
        Kind("IDX", 300, write_arrays, BYTES, idx_targets("idx", "")),
        Kind("IDX.gz", 200, write_arrays, BYTES, idx_targets("idx-gz", ".gz")),
        *(Kind(name, count, write_archives, BYTES, [checked(name)]) for name, count in archives),
        Kind("packed.parquet", 300, write_archives, BYTES, [checked("packed.parquet")]),
    ]
    read_recipe = ("recipes", "small.toml"), ("recipes", "recipe.json")
    read_study = ("compare", "study.toml"), ("compare", "study.json")
    texts = [
        Kind("recipe.toml", 500, write_texts, TEXT, [("small.toml", read_recipe[0])]),
        Kind("recipe.json", 500, write_recipe_json, JSON, [("recipe.json", read_recipe[1])]),
        Kind(
            "study.toml", 250, write_study_alone, TEXT, [("study.toml", read_study[0])], NO_IMAGES
        ),
        Kind(
            "study.json", 250, write_study_alone, JSON, [("study.json", read_study[1])], NO_IMAGES
        ),
    ]
    run_json = ("recipe", "status", "data", "environment", "generator/config", "rewound/1/plan")
    run_lines = ("history", "scores", "findings")
    readers: tuple[tuple[str, ...], ...] = (
        *(("report", "run"), ("diagnose", "run"), ("resume", "run")),
        *(("sample", "run", "-n", "4"), ("sample", "run", "-n", "4", "--checkpoint", "192")),
        ("evaluate", "run", "--metrics", "swd", "-n", "100"),
    )
    sampled = readers[3:5]
    weights = "run/generator/model.safetensors"
    checkpoints = "run/checkpoints/000000192.safetensors", "run/checkpoints/000000208.safetensors"
    runs = [
        Kind("JSON of a run", 525, write_run, JSON, targets("run", run_json, "json", readers)),
        Kind("JSONL of a run", 175, write_run, LINES, targets("run", run_lines, "jsonl", readers)),
        Kind("checkpoint", 125, write_run, BYTES, [
            *((checkpoints[0], reader) for reader in sampled[1:]),
            (checkpoints[1], readers[2]),
        ]),
        Kind("generator", 300, write_run, BYTES, [(weights, sampled[0])]),
        Kind("JSON of a study", 150, write_study, JSON, [
            *((f"study/{name}.json", reader)
            for name in ("study", "results", "outcomes/small-0", "outcomes/hinge-1")
            for reader in (("report", "study"), ("compare", "study"))),
        ]),
    ]  # fmt: skip
    return [*data, *texts, *runs]


def targets(
    folder: str, names: Sequence[str], suffix: str, readers: Sequence[Sequence[str]]
) -> list[tuple[str, Sequence[str]]]:
    """Every file with every command that may read it."""
    return [(f"{folder}/{name}.{suffix}", reader) for name in names for reader in readers]


def checked(name: str) -> tuple[str, Sequence[str]]:
    """A file that `check` reads."""
    return name, ("check", name, "--json")


def idx_targets(folder: str, suffix: str) -> list[tuple[str, Sequence[str]]]:
    """The images and the labels of a folder of IDX files."""
    names = ("images-idx3-ubyte", "images-idx3-ubyte", "labels-idx1-ubyte")
    return [(f"{folder}/{name}{suffix}", ("check", folder, "--json")) for name in names]


def write_recipe_json(folder: Path) -> None:
    """The small recipe as JSON."""
    write_texts(folder)
    made = run(["recipes", "small.toml", "--format", "json"], folder)
    (folder / "recipe.json").write_text(made.out)


def write_study_alone(folder: Path) -> None:
    """A study as TOML and JSON, without its images: it is read and checked, then refused."""
    import tomllib

    write_texts(folder)
    (folder / "images.npz").unlink()
    table = tomllib.loads((folder / "study.toml").read_text())
    (folder / "study.json").write_text(json.dumps(table, indent=2))


def write_run(folder: Path) -> None:
    """A run that was rewound once, and has something left to train."""
    write_texts(folder)
    rates = ("--discriminator.learning-rate", "1e30", "--on-failure", "rewind")
    trained = run(
        ["train", "small.toml", "images.npz", "--out", "run", "--images", "208", *rates], folder
    )
    assert trained.code == 0, trained.err
    recipe = folder / "run" / "recipe.json"
    recipe.write_text(recipe.read_text().replace('"images": 208', '"images": 224'))


def write_study(folder: Path) -> None:
    """A study that has ended."""
    write_texts(folder)
    compared = run(["compare", "study.toml", "--out", "study", "--workers", "1"], folder)
    assert compared.code == 0, compared.err


def image_kinds() -> dict[str, int]:
    """How many mutated images of each format there are."""
    counts = {"PNG": 800, "JPEG": 600, "TIFF": 1200, "GIF": 350, "WEBP": 600, "MPO": 150}
    return {**counts, "BMP": 300, "PPM": 250, "AVIF": 250, "JPEG2000": 300}
