"""The exported page and the one of `ganvas demo`, in a real browser.

Exporting takes seconds and so does a browser, so three pages are exported once, and one browser
opens all of them. Nothing cheaper shows that the pixels on a canvas are those of torch.
"""

from __future__ import annotations

import base64
import http.server
import itertools
import json
import math
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

import ganvas as library
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.labels import LabelSet
from ganvas.latents.latents import Latents, generate
from ganvas.networks import ImageShape

from ..builders.commands import finish, start, wait_until
from ..builders.generator_folders import LABELS, LATENT_DIM, write_generator
from ..extras import require_extra
from .devtools import Page, chromium

GAP = 2
SHOWN = "document.getElementById('status').textContent"
PROBLEM = "document.getElementById('problem').textContent"
SEED = "document.getElementById('seed').value"

Pixels = npt.NDArray[np.uint8]

require_extra("onnx", "web")

pytestmark = pytest.mark.usefixtures("known_operators")


@dataclass(frozen=True)
class Exported:
    """A generator and its page."""

    folder: Path
    generator: TrainedGenerator
    page: Path


def exported(folder: Path, shape: ImageShape, labels: LabelSet | None = None) -> Exported:
    generator = write_generator(folder, "dcgan", shape, labels)
    return Exported(folder, generator, library.export(folder, "web"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exported]:
    folder = tmp_path_factory.mktemp("pages")
    return {
        "grey": exported(folder / "grey", ImageShape(1, 16, 16)),
        "colour": exported(folder / "colour", ImageShape(3, 16, 24)),
        "labelled": exported(folder / "labelled", ImageShape(1, 16, 16), LABELS),
    }


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("browser")) as page:
        page.resize(1280, 800)
        yield page


def show(window: Page, address: str) -> None:
    """Go to an address, of which only what follows # may be new, and wait until it is drawn."""
    page, _, fragment = address.partition("#")
    if window.evaluate("location.href.split('#')[0]") == page:
        follow = f"history.replaceState(null, '', '#{fragment}'); dispatchEvent"
        window.evaluate(f"{follow}(new HashChangeEvent('hashchange'))")
    else:
        window.requests.clear()
        window.problems.clear()
        window.open(address)
        window.wait_for(f"document.readyState === 'complete' && ({SHOWN} || {PROBLEM})")
    window.wait_for("!drawing")
    assert window.evaluate(PROBLEM) == ""


def pictures(window: Page, generator: TrainedGenerator, count: int) -> Pixels:
    """The first pictures on the canvas, (N, H, W, C)."""
    read = """(() => {
      const canvas = document.getElementById("canvas");
      // A copy, as the browser advises against reading a canvas on the screen again and again.
      const copy = new OffscreenCanvas(canvas.width, canvas.height);
      const context = copy.getContext("2d", {willReadFrequently: true});
      context.drawImage(canvas, 0, 0);
      const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
      let text = "";
      for (let at = 0; at < data.length; at += 8192) {
        text += String.fromCharCode(...data.subarray(at, at + 8192));
      }
      return JSON.stringify([canvas.width, canvas.height, btoa(text)]);
    })()"""
    width, height, packed = json.loads(window.evaluate(read))
    pixels = np.frombuffer(base64.b64decode(packed), np.uint8).reshape(height, width, 4)
    shape = generator.shape
    columns = width // (shape.width + GAP)
    cells = []
    for index in range(count):
        top = GAP + index // columns * (shape.height + GAP)
        left = GAP + index % columns * (shape.width + GAP)
        cells.append(pixels[top : top + shape.height, left : left + shape.width])
    cut = np.stack(cells)
    assert (cut[..., 3] == 255).all(), "a cell without a picture"
    colours = 3 if shape.channels == 3 else 1
    assert colours == 3 or (cut[..., 0] == cut[..., 1]).all()
    return cut[..., :colours]


def levels_between(ours: Pixels, theirs: Pixels) -> int:
    assert ours.shape == theirs.shape
    assert theirs.std() > 20, "flat pictures say nothing"
    return int(np.abs(ours.astype(int) - theirs.astype(int)).max())


@pytest.mark.parametrize("name", ["grey", "colour", "labelled"])
def test_the_canvas_shows_what_torch_makes_of_the_same_latents(
    window: Page, pages: dict[str, Exported], name: str
) -> None:
    generator, page = pages[name].generator, pages[name].page
    show(window, page.as_uri())
    latents = generator.latents(20, seed=1)
    labels = generator.draw_labels(20, seed=1)
    given = json.dumps([latents.tolist(), None if labels is None else labels.tolist()])
    window.evaluate(f"ganvas.show(...{given})")
    assert levels_between(pictures(window, generator, 20), generator.sample(20, seed=1)) <= 1
    assert window.problems == []


def test_the_page_asks_for_nothing(window: Page, pages: dict[str, Exported]) -> None:
    window.open("about:blank")
    show(window, pages["grey"].page.as_uri())
    own, *others = window.requests
    assert own == pages["grey"].page.as_uri()
    assert [address for address in others if not address.startswith(("blob:null/", "data:"))] == []


# -- Random numbers of the page, by an implementation of their own --------------------------------


def words(seed: int, stream: int) -> Iterator[int]:
    """sfc32 as in PractRand: seeded with three words, then fifteen words are dropped."""
    a, b, c, counter = stream, seed, 0, 1
    for number in itertools.count():
        word = (a + b + counter) % 2**32
        counter = (counter + 1) % 2**32
        a, b, c = (
            b ^ b >> 9,
            (c + (c << 3)) % 2**32,
            ((c << 21 | c >> 11) % 2**32 + word) % 2**32,
        )
        if number >= 15:
            yield word


def normals(count: int, seed: int) -> npt.NDArray[np.float64]:
    """Box and Muller's transform of pairs of words."""
    numbers: list[float] = []
    stream = words(seed, 0)
    while len(numbers) < count:
        first, second = (next(stream) + 1) / 2**32, next(stream) / 2**32
        radius = math.sqrt(-2 * math.log(first))
        numbers += [radius * math.cos(math.tau * second), radius * math.sin(math.tau * second)]
    return np.array(numbers[:count])


def drawn_labels(count: int, seed: int, labels: LabelSet) -> list[int]:
    stream = words(seed, 1)
    edges = np.cumsum(labels.counts)
    places = [next(stream) / 2**32 * edges[-1] for _ in range(count)]
    return [int(np.searchsorted(edges, place, side="right")) for place in places]


def arc(start: npt.NDArray[np.float64], end: npt.NDArray[np.float64], alpha: float) -> object:
    cosine = (start * end).sum(1) / np.linalg.norm(start, axis=1) / np.linalg.norm(end, axis=1)
    angle = np.arccos(cosine)[:, None]
    return (np.sin((1 - alpha) * angle) * start + np.sin(alpha * angle) * end) / np.sin(angle)


def test_the_random_numbers_of_the_page_are_standard_normal() -> None:
    from scipy import stats

    for seed in (0, 1, 2**32 - 1):
        assert stats.kstest(normals(20_000, seed), "norm").pvalue > 1e-3
    first, second = normals(20_000, 7), normals(20_000, 8)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    shares = np.bincount(drawn_labels(5_000, 3, LABELS)) / 5_000
    assert np.abs(shares - np.array(LABELS.counts) / 100).max() < 0.03


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("grey", "#seed=5&n=16"),
        ("grey", "#seed=5&n=16&truncation=0.8&other=9&mix=0.25"),
        ("labelled", "#seed=4294967295&n=16"),
        ("labelled", "#seed=5&n=6&label=each"),
        ("labelled", "#seed=5&n=16&label=2"),
    ],
)
def test_an_address_says_what_is_drawn(
    window: Page, pages: dict[str, Exported], name: str, address: str
) -> None:
    generator = pages[name].generator
    show(window, pages[name].page.as_uri() + address)
    given = dict(word.split("=") for word in address[1:].split("&"))
    n, seed = int(given["n"]), int(given["seed"])
    latents = normals(n * LATENT_DIM, seed).reshape(n, LATENT_DIM)
    if "mix" in given:
        others = normals(n * LATENT_DIM, int(given["other"])).reshape(n, LATENT_DIM)
        latents = np.asarray(arc(latents, others, float(given["mix"])))
    latents *= float(given.get("truncation", 1))
    labels = None
    if generator.label_set is not None:
        label = given.get("label")
        labels = drawn_labels(n, seed, LABELS) if label is None else [int(label == "2") * 2] * n
        if label == "each":
            latents, labels = np.tile(latents, (3, 1)), [0] * n + [1] * n + [2] * n
    expected = generate(
        generator.network,
        Latents(
            torch.from_numpy(latents).float(), None if labels is None else torch.tensor(labels)
        ),
    )
    drawn = pictures(window, generator, len(latents))
    assert levels_between(drawn, expected) <= 1
    assert window.evaluate("location.hash") == address


# -- Use -------------------------------------------------------------------------------------------


def test_the_keyboard_is_enough(window: Page, pages: dict[str, Exported]) -> None:
    show(window, pages["labelled"].page.as_uri() + "#seed=5&n=16")
    for key, seed in (("ArrowRight", "6"), ("ArrowRight", "7"), ("ArrowLeft", "6")):
        window.press(key)
        assert window.evaluate(SEED) == seed
    window.wait_for(f"location.hash.includes('seed=6') && {SHOWN}.startsWith('16 pictures in')")
    window.press("a")
    window.wait_for(f"{SEED} !== '6'")
    stops = []
    for _ in range(14):
        window.press("Tab")
        stops.append(window.evaluate("document.activeElement.id || document.activeElement.tagName"))
    controls = ["previous", "seed", "next", "again", "label", "count", "truncation", "mix"]
    places = [stops.index(control) for control in controls]
    assert places == sorted(places)
    window.evaluate("document.getElementById('seed').focus()")
    window.press("ArrowRight")  # moves the cursor in the field, and not to the next seed
    window.evaluate("document.getElementById('mix').focus()")
    window.press("ArrowRight")
    window.wait_for("location.hash.includes('mix=0.01')")


def test_labels_of_rows_stand_beside_them(window: Page, pages: dict[str, Exported]) -> None:
    show(window, pages["labelled"].page.as_uri() + "#label=each")
    names = "[...document.querySelectorAll('#rows li')].map((row) => row.textContent)"
    assert window.evaluate(names) == list(LABELS.names)
    heights = "[document.getElementById('rows'), canvas].map((it) => it.offsetHeight)"
    rows, canvas = window.evaluate(heights)
    assert abs(rows - canvas) <= 8


@pytest.mark.parametrize("address", ["#n=64", "#label=each", "#n=1"])
def test_a_narrow_window_is_not_scrolled_sideways(
    window: Page, pages: dict[str, Exported], address: str
) -> None:
    show(window, pages["labelled"].page.as_uri())
    window.resize(320, 640)
    try:
        show(window, pages["labelled"].page.as_uri() + address)
        assert window.evaluate("document.documentElement.scrollWidth") == 320
        assert 0 < window.evaluate("canvas.getBoundingClientRect().right") <= 320
    finally:
        window.resize(1280, 800)


def test_pictures_are_saved_as_a_png(
    window: Page, pages: dict[str, Exported], tmp_path: Path
) -> None:
    generator, page = pages["colour"].generator, pages["colour"].page
    window.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    show(window, page.as_uri() + "#seed=3&n=4")
    shown = pictures(window, generator, 4)
    window.press("s")
    saved = tmp_path / "colour-seed-3.png"
    assert wait_until(saved.is_file, window.process)
    with Image.open(saved) as image:
        factor = 64 // 24  # small pictures are enlarged as by `ganvas sample`
        small = np.asarray(image.convert("RGB"))[::factor, ::factor]
    assert (small[0] == 255).all(), "the gaps are white"
    assert np.array_equal(small[GAP : GAP + 16, GAP : GAP + 24], shown[0])


def test_without_webassembly_it_is_one_sentence(window: Page, pages: dict[str, Exported]) -> None:
    window.open("about:blank")
    script = window.send(
        "Page.addScriptToEvaluateOnNewDocument", source="delete globalThis.WebAssembly"
    )
    try:
        window.open(pages["grey"].page.as_uri())
        window.wait_for(f"document.readyState === 'complete' && {PROBLEM}")
        assert window.evaluate(PROBLEM).startswith("This browser cannot run WebAssembly")
        assert window.evaluate("document.getElementById('fields').disabled") is True
    finally:
        window.send("Page.removeScriptToEvaluateOnNewDocument", **script)
        window.open("about:blank")


def test_a_folder_works_on_a_web_server_and_says_so_elsewhere(
    window: Page, pages: dict[str, Exported], tmp_path: Path
) -> None:
    out = library.export(pages["grey"].folder, "web", tmp_path / "site", folder=True)
    window.open("about:blank")
    window.open((out / "index.html").as_uri())
    window.wait_for(f"document.readyState === 'complete' && {PROBLEM}")
    assert "Put this folder on a web server (python -m http.server)" in window.evaluate(PROBLEM)

    handler = partial(QuietHandler, directory=str(out))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/"
            show(window, address)
            asked = {url.removeprefix(address) for url in window.requests if url.startswith("http")}
            names = {path.name for path in out.iterdir()} - {"LICENSE-onnxruntime-web.txt"}
            assert asked == names - {"index.html"} | {""}
        finally:
            server.shutdown()
            thread.join()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """A plain web server that prints nothing."""

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def test_demo_shows_the_images_of_sample_until_ctrl_c(
    window: Page, pages: dict[str, Exported], tmp_path: Path
) -> None:
    grey, labelled = pages["grey"], pages["labelled"]
    write_generator(tmp_path / "normalising", "fastgan", ImageShape(1, 16, 16))
    process = start(
        ["demo", grey.folder, labelled.folder, tmp_path / "normalising", "--no-browser"]
    )
    try:
        address = process.stdout.readline().split()[0]
        show(window, f"{address}/#seed=2&n=16")
        sampled = grey.generator.sample(16, seed=2)
        assert np.array_equal(pictures(window, grey.generator, 16), sampled)
        window.evaluate("run.value = 1; run.dispatchEvent(new Event('change'))")
        window.wait_for(f"document.title === 'labelled' && {SHOWN}.startsWith('64 pictures')")
        window.wait_for("location.hash === '#seed=2&run=1'")
        window.wait_for("!drawing")
        sampled = labelled.generator.sample(64, seed=2)
        assert np.array_equal(pictures(window, labelled.generator, 64), sampled)
        show(window, f"{address}/#seed=2&run=1&truncation=0.5")
        hidden = "document.getElementById('truncation-control').hidden"
        assert window.evaluate(f"[{hidden}, location.hash.includes('truncation=0.5')]") == [0, 1]
        window.evaluate("run.value = 2; run.dispatchEvent(new Event('change'))")
        window.wait_for("document.title === 'normalising' && location.hash === '#seed=2&run=2'")
        window.wait_for("!drawing")
        assert window.evaluate(hidden)
        show(window, f"{address}/#seed=2&run=2&truncation=0.5")
        assert window.evaluate("location.hash") == "#seed=2&run=2"
        assert [url for url in window.requests if not url.startswith((address, "data:"))] == []
        process.send_signal(signal.SIGINT)
        ended = finish(process)
        assert ended.code == 130
        assert ended.err == f"ganvas: {address} is closed\n"
        window.press("ArrowRight")
        window.wait_for(
            f"{PROBLEM}.startsWith('The server does not answer: ganvas demo has ended')"
        )
    finally:
        if process.poll() is None:
            process.kill()
