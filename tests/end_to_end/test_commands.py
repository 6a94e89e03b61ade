"""Every command, from images to pictures, and the run directory that is left behind."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganvas as library
from ganvas.networks import DISCRIMINATORS, GENERATORS, POINT, Network
from ganvas.recipes import CATALOG, recipe_table
from ganvas.runs import Run
from ganvas.studies.worker import run_cost

from ..builders.choices import in_turns
from ..builders.commands import finish, start
from ..builders.tiny import FAMILIES
from .conftest import Ganvas, refused, train_small

REPORTED = {"dcgan-conditional", "r3gan-conditional", "biggan-conditional"}
"""Recipes whose runs are reported: what a report tells of networks depends on their labels."""
TINY = ("--images", 64, "--batch", 16, "--size", 16)


@pytest.fixture(autouse=True)
def few_images_are_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probing takes longer than a step."""
    monkeypatch.setattr("ganvas.training.monitor.PROBE_IMAGES", 16)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished small run."""
    return train_small(tmp_path_factory.mktemp("trained"), 480)


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(trained, tmp_path / "run")


def width_flags(*networks: Network) -> tuple[object, ...]:
    """Flags that make networks tiny."""
    return tuple(
        word
        for network in networks
        for field in dataclasses.fields(network)
        if field.name.endswith("width")
        for word in (f"--{network.role}.network.{field.name.replace('_', '-')}", 4)
    )


def with_labels(images: Path) -> Path:
    """The same images with labels."""
    path = images.with_name("labelled.npz")
    with np.load(images) as file:
        pixels = file["images"]
    np.savez(path, images=pixels, labels=np.array(["cat", "dog"])[np.arange(len(pixels)) % 2])
    return path


@pytest.mark.parametrize("name", CATALOG)
def test_every_recipe_trains_samples_interpolates_and_goes_on(
    tmp_path: Path, images: Path, ganvas: Ganvas, name: str
) -> None:
    run = tmp_path / "run"
    recipe = CATALOG[name]()
    batch = max(16, recipe.batch_unit)
    budget = batch * recipe.discriminator_steps
    for_points = recipe.data.size == POINT
    narrow = width_flags(recipe.generator.network, recipe.discriminator.network)
    data, size = ("ring", ()) if for_points else (images, ("--size", 16))
    if name.endswith("-conditional"):
        data = with_labels(images)
    flags = ("--batch", batch, *size, "--images", budget, *narrow)
    result = ganvas("train", name, data, "--out", run, *flags)
    assert result.code == 0, result.err
    assert ganvas("sample", run).code == 0
    walked = ganvas("interpolate", run, "-n", 2, "--steps", 2)
    assert walked.code == (2 if for_points else 0), walked.err  # points have no way in between
    result = ganvas("resume", run, "--images", 2 * budget)
    assert result.code == 0, result.err
    status = json.loads((run / "status.json").read_text())
    assert status["status"] == "finished"
    assert status["images_seen"] >= 2 * budget
    assert (run / "samples-0.png").exists()
    assert (run / "interpolation-0.gif").exists() != for_points
    cost = run_cost(Run.open(run))
    assert cost is not None
    weights = library.load(run).network.parameters()
    assert cost.generator_weights == sum(weight.numel() for weight in weights)
    if name in REPORTED:
        assert ganvas("report", run).code == 0


@pytest.mark.parametrize(("network", "size"), in_turns(FAMILIES, ["28", "16x24"]))
def test_any_network_trains_at_a_fitting_size(
    tmp_path: Path, images: Path, ganvas: Ganvas, network: str, size: str
) -> None:
    narrow = width_flags(GENERATORS[network](), DISCRIMINATORS[network]())
    short = ("--images", 32, "--batch", 16, "--discriminator-steps", 1)
    flags = ("--network", network, "--size", size, *short, *narrow)
    result = ganvas("train", "wgan-gp", images, "--out", tmp_path / "run", *flags)
    assert result.code == 0, result.err
    generator = library.load(tmp_path / "run")
    height, _, width = size.partition("x")
    assert generator.sample(2).shape == (2, int(height), int(width or height), 3)


def test_the_run_directory_holds_what_the_design_says(run: Path) -> None:
    recipe = json.loads((run / "recipe.json").read_text())
    assert recipe["images"] == 480
    shared = {"name": "dcgan", "width": 4, "norm": "batch", "conditioning": "none"}
    assert recipe["generator"]["network"] == {**shared, "upsampling": "transposed"}
    assert recipe["discriminator"]["network"] == {**shared, "activation": "leaky-relu"}
    environment = json.loads((run / "environment.json").read_text())
    assert environment["seed"] == 0
    assert {"torch", "python", "device", "command"} <= environment.keys()
    assert json.loads((run / "data.json").read_text())["images"] == 200
    records = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert [record["images_seen"] for record in records] == [112, 208, 304, 400, 480]
    assert {
        "discriminator/loss/adversarial",
        "generator/loss/adversarial",
        "discriminator/logits/real",
    } <= (records[0].keys())
    assert [path.name for path in sorted((run / "samples").iterdir())] == [
        "000000000.png",
        "000000480.png",
    ]
    assert {path.name for path in (run / "generator").iterdir()} == {
        "config.json",
        "model.safetensors",
    }


def test_a_grid_shows_the_same_latents_over_time(run: Path) -> None:
    before, after = (np.asarray(Image.open(path)) for path in sorted((run / "samples").iterdir()))
    assert before.shape == after.shape
    assert not np.array_equal(before, after)


def test_sample_writes_a_grid_a_folder_or_an_npz(run: Path, tmp_path: Path, ganvas: Ganvas) -> None:
    assert ganvas("sample", run, "-n", 5, "--seed", 3, "--out", tmp_path / "grid.png").code == 0
    assert ganvas("sample", run, "-n", 5, "--seed", 3, "--out", tmp_path / "a.npz").code == 0
    assert ganvas("sample", run, "-n", 5, "--seed", 3, "--out", tmp_path / "folder").code == 0
    with np.load(tmp_path / "a.npz") as file:
        packed, latents = file["images"], file["latents"]
    assert packed.shape == (5, 16, 16, 3)
    assert latents.shape == (5, 8)
    folder = [np.asarray(Image.open(p)) for p in sorted((tmp_path / "folder").iterdir())]
    assert np.array_equal(np.stack(folder), packed)
    assert np.array_equal(library.load(run).sample(5, seed=3), packed)


def test_sampling_needs_neither_the_data_nor_the_run_around_the_generator(
    run: Path, images: Path, tmp_path: Path
) -> None:
    expected = library.load(run).sample(4)
    copied = tmp_path / "elsewhere"
    shutil.copytree(run / "generator", copied)
    shutil.rmtree(run)
    images.unlink()
    assert np.array_equal(library.load(copied).sample(4), expected)


def test_interpolate_writes_a_strip_and_a_gif(run: Path, tmp_path: Path, ganvas: Ganvas) -> None:
    strip, walk = tmp_path / "strip.png", tmp_path / "walk.gif"
    assert ganvas("interpolate", run, "-n", 3, "--steps", 4, "--out", strip).code == 0
    assert ganvas("interpolate", run, "-n", 3, "--steps", 4, "--out", walk).code == 0
    with Image.open(walk) as picture:
        assert picture.n_frames == 12  # type: ignore[attr-defined]
        assert picture.info["loop"] == 0
    rows = library.load(run).interpolate(3, 4)
    with Image.open(strip) as picture:
        assert picture.size == (4 * (5 * 18 + 2), 4 * (2 * 18 + 2)), "two rows of five, enlarged"
        last_of_first_row = np.asarray(picture)[8:72:4, 4 * (4 * 18 + 2) : 4 * 90 : 4]
    assert np.array_equal(last_of_first_row, rows[4]), "a row ends at its second latent"


def test_python_trains_loads_and_samples_like_the_command_line(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = dataclasses.replace(library.recipes.CATALOG["mlp"](), images=128)
    run = library.train(recipe, images, seed=1, quiet=True)
    assert run.directory == Path("runs/mlp-images-1")
    assert library.train(recipe, images, quiet=True).directory == Path("runs/mlp-images-2")
    pictures = library.load("runs/mlp-images-1").sample(16, seed=0)
    assert pictures.shape == (16, 32, 32, 3)
    assert pictures.dtype == np.uint8


def test_from_python_values_are_checked_and_converted(tmp_path: Path, images: Path) -> None:
    recipe = library.recipes.dcgan()
    as_text = dataclasses.replace(recipe.generator, learning_rate="linear:2e-4:0")  # type: ignore[arg-type]
    ramped = dataclasses.replace(recipe, generator=as_text, images=64)
    run = library.train(ramped, images, tmp_path / "ramped", quiet=True)
    assert run.read_recipe().generator.learning_rate == library.recipes.Ramp(
        shape="linear", start=2e-4, end=0.0, images=64
    )
    assert library.load(run).sample(1).shape == (1, 32, 32, 3)
    for wrong in (
        dataclasses.replace(recipe, batch="many"),  # type: ignore[arg-type]
        dataclasses.replace(recipe, generator="resnet"),  # type: ignore[arg-type]
    ):
        with pytest.raises(library.RecipeError):
            library.train(wrong, images, tmp_path / "wrong", quiet=True)
    with pytest.raises(library.RecipeError, match="Did you mean dcgan"):
        library.train("dcgn", images, tmp_path / "wrong", quiet=True)
    with pytest.raises(library.DataError, match=r"numpy\.save"):
        library.train("dcgan", np.zeros(3), tmp_path / "wrong", quiet=True)  # type: ignore[arg-type]
    with pytest.raises(library.DeviceError):
        library.load(run, device="cuda:99")
    with pytest.raises(library.GanvasError, match="at least 1"):
        library.load(run).sample(0)


def test_a_run_without_its_checkpoints_is_not_trained_over(run: Path, ganvas: Ganvas) -> None:
    """Somebody deleted them to have space, and kept the generator."""
    shutil.rmtree(run / "checkpoints")
    kept = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    refused(ganvas("resume", run, "--images", 960), "was saved at 480 images", "deleted or moved")
    assert {path: path.read_bytes() for path in kept} == kept
    assert ganvas("sample", run, "-n", 4).code == 0


def test_a_budget_too_short_to_see_anything_is_warned_about(
    tmp_path: Path, images: Path, ganvas: Ganvas
) -> None:
    out = tmp_path / "run"
    flags = ("--batch", 32, "--held-out", 0, "--images", 32, "--out", out)
    text = ganvas("train", "dcgan", images, *flags).out
    assert "32 images are too few to see shapes" in text
    assert "Train on 200k" in text


def test_a_reader_that_goes_away_does_not_stop_training(
    tmp_path: Path, small: Path, images: Path
) -> None:
    process = start(["train", small, images, "--out", tmp_path / "run"])
    process.stdout.readline()
    process.stdout.close()
    assert finish(process).code == 0
    assert json.loads((tmp_path / "run" / "status.json").read_text())["status"] == "finished"


def test_recipes_lists_all_and_prints_one_that_trains(
    tmp_path: Path, images: Path, ganvas: Ganvas
) -> None:
    listed = ganvas("recipes").out
    assert all(name in listed for name in CATALOG)
    printed = tmp_path / "mine.toml"
    printed.write_text(ganvas("recipes", "mlp").out)
    assert ganvas("train", printed, images, "--out", tmp_path / "run", *TINY).code == 0
    assert json.loads(ganvas("recipes", "wgan", "--format", "json").out) == recipe_table(
        CATALOG["wgan"]()
    )


def test_a_measured_range_of_pixel_values_is_kept_by_the_run(tmp_path: Path) -> None:
    from ganvas.evaluation.evaluate import reference_images

    for name, top in (("dark", 4095), ("darker", 2000)):
        values = np.random.default_rng(top).random((80, 16, 16)) * top
        values[0, 0, :2] = 0, top
        np.save(tmp_path / f"{name}.npy", values.astype(np.uint16))
    recipe = library.recipes.CATALOG["mlp"]()
    data = dataclasses.replace(recipe.data, pixel_range="measured")
    recipe = dataclasses.replace(recipe, images=64, data=data)
    run = library.train(recipe, tmp_path / "dark.npy", tmp_path / "run", quiet=True)
    assert run.read_recipe().data.pixel_range == "0:4095"
    resumed = library.resume(run.directory, images=128, quiet=True)
    assert resumed.read_recipe().data.pixel_range == "0:4095"
    other = reference_images(run, tmp_path / "darker.npy", quiet=True)
    assert other.pixel_range == "0:4095"
    assert other.images.max() < 200, "not stretched anew"


def test_labels_travel_with_their_images(tmp_path: Path) -> None:
    from ganvas.data.preparation import prepare
    from ganvas.data.settings import DataSettings
    from ganvas.data.sources import open_source
    from ganvas.data.stream import ImageStream

    for label, grey in (("dark", 40), ("light", 200)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(10):
            picture = Image.new("L", (16, 16), grey + number)
            picture.save(tmp_path / "data" / label / f"{number}.png")
    settings = DataSettings(size=(16, 16), held_out=0.0)
    prepared = prepare(open_source(tmp_path / "data"), settings)
    stream = ImageStream(prepared, seed=0)
    seen: list[int] = []
    for _ in range(4):
        pixels, labels = stream.next(5)
        assert labels is not None
        names = [prepared.label_names[int(label)] for label in labels]
        assert names == ["dark" if image.max() < 100 else "light" for image in pixels]
        seen += [int(image.max()) for image in pixels]
    assert sorted(seen) == sorted([*range(40, 50), *range(200, 210)]), "each once an epoch"


HELP = """
import sys
from ganvas.cli import main
for words in ([], ["train"], ["check"], ["resume"], ["sample"]):
    try:
        main([*words, "--help"])
    except SystemExit as end:
        assert not end.code
    assert "torch" not in sys.modules, f"help of {words} must not wait for torch"
"""


def test_help_answers_without_torch() -> None:
    subprocess.run([sys.executable, "-c", HELP], check=True, stdout=subprocess.DEVNULL)


def test_help_of_train_names_all_networks(ganvas: Ganvas) -> None:
    text = " ".join(ganvas("train", "--help").out.replace("│", " ").split())
    both = GENERATORS.keys() & DISCRIMINATORS.keys()
    flags = {
        "--network": both,
        "--generator.network": GENERATORS,
        "--discriminator.network": DISCRIMINATORS,
    }
    for flag, names in flags.items():
        help_of_flag = text.partition(f"{flag} NAME ")[2].partition(" --")[0]
        assert help_of_flag.endswith(f": {', '.join(sorted(names))}. (default: the recipe's own)")


def test_a_log_file_gets_plain_lines(run: Path, tmp_path: Path, ganvas: Ganvas) -> None:
    out = ganvas("resume", run, "--images", 800).out
    assert "\x1b" not in out
    assert "100%" in out.splitlines()[-3]
    assert "resuming at 480 images\n" in out
    assert f"next: ganvas sample {run}" in out


def test_training_longer_than_an_epoch_shows_every_image_equally_often(images: Path) -> None:
    from ganvas.data.preparation import prepare
    from ganvas.data.settings import DataSettings
    from ganvas.data.sources import open_source
    from ganvas.data.stream import ImageStream

    prepared = prepare(open_source(images), DataSettings(size=(16, 16)))
    stream = ImageStream(prepared, seed=1)
    steps = 2 * len(prepared.training) // 12
    drawn = [image.numpy().tobytes() for _ in range(steps) for image in stream.next(12).images]
    counts = {image: drawn.count(image) for image in set(drawn)}
    assert set(counts.values()) == {2}
    assert set(counts) == {prepared.images[index].tobytes() for index in prepared.training}
    resumed = ImageStream(prepared, seed=1, samples_drawn=12)
    assert [image.numpy().tobytes() for image in resumed.next(12).images] == drawn[12:24]


def test_what_cannot_be_compiled_is_said_once_and_written_down(
    tmp_path: Path,
    small: Path,
    images: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no C++ compiler here")

    monkeypatch.setattr("torch.compile", lambda *_, **__: refuse)
    recipe = dataclasses.replace(library.recipes.load_recipe(str(small)), images=96)
    for quiet in (False, True):
        out = tmp_path / str(quiet)
        run = library.train(recipe, images, out, device="cpu", compile="on", quiet=quiet)
        said = capsys.readouterr().out
        assert said.count("the step cannot be compiled: ") == (0 if quiet else 1)
        assert (said == "") is quiet
        step = run.read_environment()["step"]
        assert step["name"] == "eager"
        assert step["why"].startswith("the step cannot be compiled: ")
