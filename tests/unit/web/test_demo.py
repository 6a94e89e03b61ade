"""What `ganvas demo` answers: the pictures of `ganvas sample`, or one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from ...extras import require_extra

require_extra("web")

from starlette.applications import Starlette

from ganvas.errors import GanvasError
from ganvas.generators.sample_files import SampleRequest
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.latents.latents import Latents, generate
from ganvas.networks import ImageShape
from ganvas.web.demo import demo_app, load_runs

from ...builders.asgi import ask
from ...builders.generator_folders import LABELS, write_generator

SHAPE = (16, 16, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two generators, `a/plain` and `a/labelled`."""
    folder = tmp_path_factory.mktemp("demo") / "a"
    write_generator(folder / "plain")
    write_generator(folder / "labelled", labels=LABELS, seed=1)
    return folder


@pytest.fixture(scope="module")
def app(folder: Path) -> Starlette:
    return demo_app(load_runs([folder / "plain", folder / "labelled"], "cpu", "last"))


@pytest.fixture(scope="module")
def plain(folder: Path) -> TrainedGenerator:
    return load_runs([folder / "plain"], "cpu", "last")[0].generator


@pytest.fixture(scope="module")
def labelled(folder: Path) -> TrainedGenerator:
    return load_runs([folder / "labelled"], "cpu", "last")[0].generator


def pictures(app: Starlette, query: str) -> npt.NDArray[np.uint8]:
    answer = ask(app, f"/samples?{query}")
    assert answer.status == 200, answer.text
    return np.frombuffer(answer.body, np.uint8).reshape(-1, *SHAPE)


def test_a_seed_gives_the_images_of_sample_bit_for_bit(
    app: Starlette, plain: TrainedGenerator, labelled: TrainedGenerator
) -> None:
    assert np.array_equal(pictures(app, "n=9&seed=3"), plain.sample(9, seed=3))
    assert np.array_equal(pictures(app, "run=1&n=5&seed=3"), labelled.sample(5, seed=3))


def test_labels_are_one_or_a_row_for_each(app: Starlette, labelled: TrainedGenerator) -> None:
    dogs = pictures(app, "run=1&n=5&seed=3&label=1")
    assert np.array_equal(dogs, labelled.sample(5, seed=3, labels="dog"))
    each = SampleRequest(labelled, 4, seed=3, labels=labelled.label_names)
    rows = np.concatenate(list(each.samples(lambda done, total: None)))
    assert np.array_equal(pictures(app, "run=1&n=4&seed=3&label=each"), rows)


def test_half_way_to_another_seed_lies_on_the_arc(app: Starlette, plain: TrainedGenerator) -> None:
    start, end = (plain.latents(2, seed).double().numpy() for seed in (3, 8))
    # Between two directions of equal weight the arc's middle is their sum, scaled by 1/(2 cos a/2).
    lengths = np.linalg.norm(start, axis=1) * np.linalg.norm(end, axis=1)
    half = np.arccos((start * end).sum(1) / lengths) / 2
    middle = (start + end) / (2 * np.cos(half))[:, None]
    expected = generate(plain.network, Latents(torch.from_numpy(middle).float()))
    drawn = pictures(app, "n=2&seed=3&other=8&mix=0.5")
    assert np.abs(drawn.astype(int) - expected.astype(int)).max() <= 1
    whole_way = pictures(app, "n=2&seed=3&other=8&mix=1")
    assert np.abs(whole_way.astype(int) - plain.sample(2, seed=8).astype(int)).max() <= 1


def test_truncation_scales_the_latents(app: Starlette, plain: TrainedGenerator) -> None:
    expected = generate(plain.network, Latents(0.5 * plain.latents(3, seed=2)))
    assert np.array_equal(pictures(app, "n=3&seed=2&truncation=0.5"), expected)
    first, second = pictures(app, "n=2&seed=2&truncation=0")
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("n=0", "n: expected 1 to 256, got '0'"),
        ("n=257", "n: expected 1 to 256"),
        ("n=1e3", "n: expected 1 to 256, got '1e3'"),
        ("run=2", "run: expected 0 to 1, got '2'"),
        ("run=../../etc/passwd", "run: expected 0 to 1"),
        ("seed=-1", "seed: expected 0 to 4294967295"),
        ("seed=%D9%A1", "seed: expected 0 to 4294967295"),
        (f"seed={'9' * 5000}", "seed: expected 0 to 4294967295"),
        ("mix=nan", "mix: expected 0 to 1, got 'nan'"),
        ("truncation=2", "truncation: expected 0 to 1, got '2'"),
        ("label=0", "label: this generator takes no labels"),
        ("run=1&label=cat", "label: expected 0 to 2, got 'cat'"),
        ("file=/etc/passwd", "'file' is no field"),
        ("n=0&seed=x", "n: expected 1 to 256, got '0'"),
        ("n=0&seed=x", "seed: expected 0 to 4294967295, got 'x'"),
    ],
)
def test_a_bad_request_is_one_sentence(app: Starlette, query: str, words: str) -> None:
    answer = ask(app, f"/samples?{query}")
    assert answer.status == 400
    assert answer.text.startswith(words) or f"; {words}" in answer.text
    assert answer.text.count("\n") == 1
    assert len(answer.text) < 300


def test_nothing_else_is_there(app: Starlette) -> None:
    for path in ("/config.json", "/../a/plain/config.json", "/samples/", "//etc/passwd"):
        assert ask(app, path).status == 404, path


def test_the_page_holds_every_run_and_no_path(app: Starlette, folder: Path) -> None:
    text = ask(app, "/").text
    assert '"name": "plain"' in text
    assert '"name": "labelled"' in text
    assert str(folder) not in text
    assert "bird <b>" not in text, "a label could end the script that it stands in"
    assert "bird \\u003cb>" in text
    assert "seed 1 here is --seed 1 there" in text


def test_runs_of_one_name_are_told_apart(folder: Path, tmp_path: Path) -> None:
    write_generator(tmp_path / "b" / "plain" / "generator")
    runs = load_runs([folder / "plain", tmp_path / "b" / "plain" / "generator"], "cpu", "last")
    assert [run.name for run in runs] == ["a/plain", "b/plain"]


def test_points_have_no_page(tmp_path: Path) -> None:
    write_generator(tmp_path / "ring", "mlp", ImageShape(2, 1, 1))
    with pytest.raises(GanvasError, match="generates points, and the page shows images"):
        load_runs([tmp_path / "ring"], "cpu", "last")
