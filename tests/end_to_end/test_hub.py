"""`push`, and what others do with a model of the hub: load, sample, score, train on."""

from __future__ import annotations

import getpass
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ..extras import require_extra

require_extra("hf")

from huggingface_hub import ModelCard, constants

import ganvas as library
from ganvas import tensor_file
from ganvas.recipes import read_recipe
from ganvas.runs import Run

from ..builders.commands import Result, finish, start
from ..builders.hub import OWNER, TOKEN, Hub, Refused
from .conftest import refused, write_images, write_small

BUDGET = 480
REPO = f"{OWNER}/clothes"
ADDRESS = f"hf:{REPO}"
LICENCE = ("--license", "cc-by-4.0")
FILES = {"README.md", "config.json", "model.safetensors", "recipe.toml", "samples.png"}

Ganvas = Callable[..., Result]

# huggingface_hub 2.4 calls httpx2 in a way that the latter no longer likes.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a score, in a folder whose name gives something away."""
    folder = tmp_path_factory.mktemp("secret-project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANVAS_CACHE", str(folder / "cache"))
        train = ["train", write_small(folder), write_images(folder), "--images", BUDGET]
        scores = ["--evaluation.every", BUDGET, "--evaluation.samples", 100]
        metrics = ["--evaluation.metrics", "swd", "--held-out", 0.3]
        result = finish(start([*train, *scores, *metrics, "--out", folder / "runs" / "small-1"]))
    assert result.code == 0, result.err
    return folder / "runs" / "small-1"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run, into which a push writes."""
    return Path(shutil.copytree(trained, tmp_path / "runs" / "small-1"))


@pytest.fixture
def pushed(run: Path, hub: Hub, ganvas: Ganvas) -> dict[str, bytes]:
    """The files on the hub after a push with the discriminator."""
    result = ganvas("push", run, ADDRESS, *LICENCE, "--discriminator")
    assert result.code == 0, result.err
    assert f"{hub.address}/{REPO}/commit/" in result.out
    assert f"ganvas sample {ADDRESS}" in result.out
    return hub.repositories["model", REPO].files


def test_what_is_pushed_is_listed_first_and_is_what_the_run_has(
    run: Path, hub: Hub, ganvas: Ganvas
) -> None:
    result = ganvas("push", run, ADDRESS, *LICENCE, "--message", "first try")
    assert result.code == 0, result.err
    stored = hub.repositories["model", REPO]
    assert stored.commits[-1].message == "first try"
    assert not stored.private
    assert stored.files.keys() - {".gitattributes"} == FILES
    for name in FILES:
        assert (run / "hub" / name).read_bytes() == stored.files[name]
        assert f"  {name}" in result.err
    for name in ("config.json", "model.safetensors"):
        assert (run / "generator" / name).read_bytes() == stored.files[name]
    assert read_recipe(run / "hub" / "recipe.toml") == Run.open(run).read_recipe()


def test_the_card_has_metadata_samples_scores_and_how_to_load_it(
    run: Path, pushed: dict[str, bytes]
) -> None:
    card = ModelCard(pushed["README.md"].decode())
    about = card.data.to_dict()
    assert about["license"] == "cc-by-4.0"
    assert about["library_name"] == "ganvas"
    assert about["pipeline_tag"] == "unconditional-image-generation"
    score = Run.open(run).scores.records()[-1]
    result = card.data.eval_results[0]
    assert (result.metric_type, result.dataset_name) == ("swd", "images")
    assert result.metric_value == pytest.approx(score["value"], abs=1e-4)
    row = next(line for line in card.text.splitlines() if line.startswith("| swd |"))
    assert len(row.split("|")) == 7
    for text in (
        f'ganvas.load("{ADDRESS}")',
        "140 to train on, 60 held out",
        "at 480 images.",
        "- n_fake: 100",
        "ganvas train recipe.toml images.npz --seed 0",
        "width = 4",
        "discriminator.safetensors",
    ):
        assert text in card.text, text
    with Image.open(io.BytesIO(pushed["samples.png"])) as picture:
        scale = picture.width // (8 * 16)
        grid = np.asarray(picture)
    first = library.load(run).sample(64)[0]
    step = picture.width // 8
    shown = {grid[y, x].tobytes() for y in range(step) for x in range(step)}
    assert scale >= 1
    assert first[8, 8].tobytes() in shown, "the picture shows the samples of seed 0"


def test_nothing_private_is_pushed(trained: Path, run: Path, pushed: dict[str, bytes]) -> None:
    private = {TOKEN, getpass.getuser(), "secret-project", str(Path.home()), str(Path.cwd())}
    private |= {str(run), str(run.parent), str(trained.parent)}
    environment = (run / "environment.json").read_text()
    assert "secret-project" in environment, "there is something to hide"
    for name, content in pushed.items():
        found = [text for text in private if text.encode() in content]
        assert found == [], name


def test_a_pushed_generator_samples_the_same_images(
    run: Path,
    pushed: dict[str, bytes],
    tmp_path: Path,
    ganvas: Ganvas,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(library.load(ADDRESS).sample(4), library.load(run).sample(4))
    assert ganvas("sample", ADDRESS, "-n", 4).code == 0
    assert ganvas("sample", run, "-n", 4).code == 0
    assert Path("clothes-samples-0.png").read_bytes() == (run / "samples-0.png").read_bytes()
    assert ganvas("interpolate", ADDRESS, "-n", 2, "--steps", 2).code == 0
    assert Path("clothes-interpolation-0.gif").is_file()
    for directions in (ganvas("directions", ADDRESS, "-n", 2), ganvas("directions", run, "-n", 2)):
        assert directions.code == 0, directions.err
    assert Path("clothes-directions.npz").read_bytes() == (run / "directions.npz").read_bytes()


def test_a_command_of_its_own_finds_the_hub_and_offline_its_cache(
    pushed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As users set it: by the environment, before the library is imported."""
    sample = ["sample", ADDRESS, "-n", 4, "--out", tmp_path / "a.png"]
    assert finish(start(sample)).code == 0
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert finish(start([*sample[:-1], tmp_path / "b.png"])) == Result(
        0, f"4 images at {BUDGET} images seen: {tmp_path / 'b.png'}\n", ""
    )
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_dry_run_writes_the_folder_and_asks_nobody(
    run: Path, hub: Hub, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    result = ganvas("push", run, ADDRESS, *LICENCE, "--dry-run")
    assert result.code == 0, result.err
    assert {path.name for path in (run / "hub").iterdir()} == FILES
    assert f"nothing was sent; look at {run / 'hub' / 'README.md'}" in result.out
    assert hub.requests == []


def test_an_existing_repository_is_updated_only_when_asked_to(
    run: Path, hub: Hub, ganvas: Ganvas
) -> None:
    stored = hub.add(
        REPO, {"notes.md": b"by hand", "README.md": b"---\nlicense: mit\n---\n"}, "model"
    )
    refused(ganvas("push", run, ADDRESS, *LICENCE), f"{ADDRESS} exists already", "give --update")
    assert not (run / "hub").exists(), "before any work"
    assert ganvas("push", run, ADDRESS, *LICENCE, "--update").code == 0
    assert len(stored.commits) == 2
    assert stored.files.keys() == FILES | {"notes.md", ".gitattributes"}
    text = "is public, which --private does not change"
    refused(ganvas("push", run, ADDRESS, *LICENCE, "--update", "--private"), text)


def test_a_private_repository_stays_private(run: Path, hub: Hub) -> None:
    pushed = library.push(run, ADDRESS, license="MIT", private=True)
    assert hub.repositories["model", REPO].private
    assert (
        pushed.url
        == f"{hub.address}/{REPO}/commit/{hub.repositories['model', REPO].branches['main']}"
    )
    assert pushed.folder == run / "hub"


def test_an_earlier_checkpoint_goes_with_its_own_scores(run: Path, hub: Hub) -> None:
    library.push(run, ADDRESS, license="mit", checkpoint="400", discriminator=True)
    assert library.load(ADDRESS).images_seen == 400
    assert (
        "This generator was not scored."
        in hub.repositories["model", REPO].files["README.md"].decode()
    )


@pytest.mark.parametrize(
    ("to", "flags", "expected"),
    [
        (ADDRESS, (), "--license is missing: say how others may use these weights (--license mit,"),
        (ADDRESS, ("--license", "my own!"), "For one of your own give other; all: https://"),
        ("you/clothes", LICENCE, "'you/clothes' is no address of the hub: expected hf:OWNER"),
        (f"{ADDRESS}@v1", LICENCE, "pushes go to the main branch; leave out @v1"),
        ("hf:anna/clothes", LICENCE, "does not write for anna. Choose one of: hf:you/clothes, "),
        (ADDRESS, (*LICENCE, "--checkpoint", "7k"), "has no checkpoint at 7k images"),
    ],
)
def test_what_cannot_be_pushed_is_refused_before_anything_is_sent(
    trained: Path, hub: Hub, ganvas: Ganvas, to: str, flags: tuple[str, ...], expected: str
) -> None:
    refused(ganvas("push", trained, to, *flags), expected)
    assert hub.repositories == {}
    assert not (trained / "hub").exists()


@pytest.mark.parametrize(
    ("token", "role", "expected"),
    [
        ("", "", "this needs a token: `hf auth login`, or HF_TOKEN"),
        (
            "hf_wrong",
            "",
            "does not accept the token. Give another one: `hf auth login`, or HF_TOKEN",
        ),
        ("hf_reader", "read", "the token may only read. Give one that may write"),
    ],
)
def test_a_token_that_will_not_do_is_said_before_any_work_and_never_printed(
    trained: Path,
    hub: Hub,
    ganvas: Ganvas,
    monkeypatch: pytest.MonkeyPatch,
    token: str,
    role: str,
    expected: str,
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    hub.tokens |= {token: role} if role else {}
    result = ganvas("push", trained, ADDRESS, *LICENCE)
    refused(result, expected)
    assert not token or token not in result.out + result.err
    assert not (trained / "hub").exists()


def test_a_licence_that_the_hub_does_not_know_leaves_no_repository(
    run: Path, hub: Hub, ganvas: Ganvas
) -> None:
    refused(
        ganvas("push", run, ADDRESS, "--license", "wtfpl"), "refuses the card: ", "must be one of"
    )
    assert hub.repositories == {}


def test_a_hub_that_cannot_be_reached_or_is_broken_is_said(
    trained: Path, hub: Hub, ganvas: Ganvas, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.failure = Refused(500, "", "out of order")
    refused(ganvas("push", trained, ADDRESS, *LICENCE), "error 500 (out of order). Try again later")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused(ganvas("push", trained, ADDRESS, *LICENCE), "HF_HUB_OFFLINE is set. Unset it")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    refused(ganvas("push", trained, ADDRESS, *LICENCE), "127.0.0.1:9 cannot be reached (")
    refused(ganvas("sample", ADDRESS), "127.0.0.1:9 cannot be reached (")


def test_what_is_no_model_of_ganvas_is_said(hub: Hub, ganvas: Ganvas) -> None:
    refused(
        ganvas("sample", ADDRESS), f"{ADDRESS}: 127.0.0.1", "has no such model, or it is private"
    )
    hub.add(REPO, {"config.json": b"{}"}, "model")
    refused(ganvas("sample", ADDRESS), "holds no generator of ganvas: it has no model.safetensors")
    hub.add(REPO, {"config.json": b'{"model_type": "bert"}', "model.safetensors": b""}, "model")
    refused(ganvas("sample", ADDRESS), "has format None, this ganvas reads format 2")
    refused(
        ganvas("sample", ADDRESS, "--checkpoint", "best"), f"name a revision: {ADDRESS}@REVISION"
    )
    refused(ganvas("diagnose", ADDRESS), f"{ADDRESS} is a model of the hub, not a run")
    assert ADDRESS.partition(":")[2] in ganvas("resume", ADDRESS).err


def networks(path: Path) -> tensor_file.Tensors:
    names = ("generator/", "discriminator/", "ema/")
    return {k: v for k, v in tensor_file.read(path)[0].items() if k.startswith(names)}


def test_training_goes_on_from_generator_and_discriminator(
    run: Path, pushed: dict[str, bytes], tmp_path: Path, small: Path, images: Path, ganvas: Ganvas,
    hub: Hub,
) -> None:  # fmt: skip
    out = tmp_path / "second"
    budget = ("--images", 32, "--freeze-discriminator", 1, "--out", out)
    result = ganvas("train", small, images, "--from", ADDRESS, *budget)
    assert result.code == 0, result.err
    assert f"weights of {ADDRESS} at 480 images: generator 13 of 13 tensors" in result.out
    assert "discriminator 10 of 10 tensors" in result.out
    given = networks(Run.open(run).checkpoint_path(BUDGET))
    taken = networks(Run.open(out).checkpoint_path(0))
    assert given.keys() <= taken.keys()
    assert all(torch.equal(given[name], taken[name]) for name in given)
    commit = hub.repositories["model", REPO].branches["main"]
    assert Run.open(out).read_environment()["started_from"]["run"] == f"{ADDRESS}@{commit}"
    assert ganvas("report", out).code == 0
    assert f"{ADDRESS}@{commit}" in (out / "report.html").read_text()


def test_training_from_a_generator_alone_says_that_the_discriminator_is_new(
    run: Path, hub: Hub, tmp_path: Path, small: Path, images: Path, ganvas: Ganvas
) -> None:
    library.push(run, ADDRESS, license="mit")
    out = tmp_path / "second"
    train = ("train", small, images, "--from", ADDRESS, "--images", 32, "--out", out)
    refused(ganvas(*train, "--freeze-discriminator", 1), f"as {ADDRESS} has no discriminator")
    result = ganvas(*train)
    assert result.code == 0, result.err
    assert f"{ADDRESS} holds no raw generator: it begins as its average (EMA)" in result.out
    assert f"warning: {ADDRESS} holds no discriminator: an untrained one may undo" in result.out
    assert "not taken" not in result.out
    ema = library.load(run).network.state_dict()
    taken = networks(Run.open(out).checkpoint_path(0))
    for name, tensor in ema.items():
        assert torch.equal(taken[f"generator/{name}"], tensor)
        assert torch.equal(taken[f"ema/{name}"], tensor)


def test_a_discriminator_of_another_moment_is_refused(
    pushed: dict[str, bytes], run: Path, hub: Hub, small: Path, images: Path, ganvas: Ganvas
) -> None:
    library.push(run, ADDRESS, license="mit", update=True, checkpoint="400")
    text = "holds a discriminator at 480 images and a generator at 400"
    refused(ganvas("train", small, images, "--from", ADDRESS), text)


def test_a_model_of_the_hub_is_scored_against_images_that_are_named(
    pushed: dict[str, bytes], run: Path, images: Path, ganvas: Ganvas
) -> None:
    score = ("--metrics", "swd", "-n", 64)
    refused(ganvas("evaluate", ADDRESS, *score), "knows no images to compare with", "--data DATA")
    refused(ganvas("evaluate", ADDRESS, *score, "--data", "nowhere"), "nowhere: no such file")
    result = ganvas("evaluate", ADDRESS, *score, "--data", images, "--verbose")
    assert result.code == 0, result.err
    of_run = ganvas("evaluate", run, *score, "--data", images, "--verbose")
    assert result.out.split("complete protocols")[0] in of_run.out


def test_a_conditional_generator_shows_a_row_for_each_label(
    tmp_path: Path, hub: Hub, small: Path, ganvas: Ganvas
) -> None:
    data, out = tmp_path / "kinds.npz", tmp_path / "run"
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
    np.savez(data, images=images, labels=np.arange(40) % 2)
    train = ("train", small, data, "--labels", "on", "--images", 32, "--out", out)
    assert ganvas(*train).code == 0
    library.push(out, ADDRESS, license="mit", discriminator=True)
    card = hub.repositories["model", REPO].files["README.md"].decode()
    assert "A conditional GAN for images (16x16, colour), trained with" in card
    assert "not a selection.\nEach row has one label, from the top: `0`, `1`.\n" in card
    assert "2 labels: `0`, `1`." in card
    assert "generator.sample(16, seed=0, labels='0')" in card
    loaded = library.load(ADDRESS)
    assert loaded.label_names == ("0", "1")
    other = tmp_path / "others.npz"
    np.savez(other, images=images, labels=1 + np.arange(40) % 2)
    result = ganvas("train", small, other, "--labels", "on", "--from", ADDRESS, "--images", 32)
    refused(result, f"the labels differ from those of {ADDRESS}", "0 is '0' there and '1' here")
