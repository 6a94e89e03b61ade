"""Every command block of the README and the docs runs, in the order of the page.

Commands run as written, with four exceptions: budgets, seeds, built-in images, numbers of samples
and the widths of large networks are reduced; features come from small images or a briefly trained
classifier; the hub is an imitation, with a data set hf:you/flowers; commands that install or test
the project itself are skipped. Where a command names a missing extra, the page is skipped.
"""

from __future__ import annotations

import gzip
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ganvas
from ganvas.cli.commands import COMMANDS
from ganvas.data import sources
from ganvas.data.arrays import open_idx
from ganvas.data.source import Source
from ganvas.extras import MissingExtra
from ganvas.metrics import classifier, contrastive, lite0, two_samples
from ganvas.training import candidates, monitor

from ..builders.commands import Result
from ..builders.hub import Hub
from ..extras import missing_libraries, require_extras_of
from .studies import stay_in_this_process

ROOT = Path(__file__).parents[2]
README, README_ZH = ROOT / "README.md", ROOT / "README.zh-CN.md"
PACKAGE = ROOT / "docs" / "package.md"
"""What a package index shows: a short README, with commands of the README."""
TRANSLATIONS = sorted((ROOT / "docs" / "zh").rglob("*.md"))
"""Their commands are those of the English pages: tests/end_to_end/test_site.py."""
PAGES = [README, *sorted({*(ROOT / "docs").rglob("*.md")} - {PACKAGE, *TRANSLATIONS})]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SKIPPED_COMMANDS = ("make ", "pip ", "docker ", "git clone", "cd ")
BUDGET = 64
"""Images of a training: a batch of most recipes."""
LONGER, NEEDS_LONGER = 128, {"--grow", "--tune", "points-modern"}
"""Images of one that has sizes or candidates to go through, or a larger batch."""
LARGE = {"r3gan", "style"}
"""Recipes whose networks take seconds for a step."""
NARROW = ("--generator.network.width", "16", "--discriminator.network.width", "16")
SAMPLES = 128
BUILT_IN_IMAGES = 1_500
"""How many of the built-in images the commands see."""
TINY_STUDY = {
    "--images": str(BUDGET),
    "--seeds": "1",
    "--metrics": "swd",
    "--samples": "100",
    "--evaluations": "0",
}


@pytest.fixture(scope="module")
def fashion(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return first_fashion_images(tmp_path_factory.mktemp("built-in"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos."""
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for number in range(210):  # a tenth is enough for scores
        pixels = random.integers(0, 256, (80, 70, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg")
    return folder


@pytest.fixture
def reader_folder(
    fashion: Source,
    photos: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The working directory of a reader of the README: the photos and a cache."""
    monkeypatch.setattr(candidates, "PART", 1)  # a step or two each
    monkeypatch.setattr(candidates, "fewest_steps", lambda: 1)
    monkeypatch.setattr(monitor, "PROBE_IMAGES", 16)  # probing takes longer than a step
    monkeypatch.setattr(lite0, "SIDE", 32)  # six times faster (its docstring)
    monkeypatch.setattr(classifier, "MIN_IMAGES_SEEN", 3_000)
    monkeypatch.setattr(contrastive, "IMAGES_SEEN", 1_000)
    monkeypatch.setattr(two_samples, "IMAGES_SEEN", 1_000)
    monkeypatch.setitem(sources.BUILT_IN, "fashion", lambda: fashion)
    # One cache for all pages, because features of real images take long even so.
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path_factory.getbasetemp() / "cache-of-pages"))
    stay_in_this_process(monkeypatch)  # starting processes for studies takes long
    monkeypatch.setattr("ganvas.web.server.serve", lambda app, listener, browser: None)  # for ever
    monkeypatch.chdir(tmp_path)
    shutil.copytree(photos, tmp_path / "photos")


def add_flowers(hub: Hub, photos: Path) -> None:
    """The data set hf:you/flowers, which is made of the reader's photos."""
    contents = {path.stem: path.read_bytes() for path in photos.iterdir()}
    kinds = ("rose", "tulip")
    flowers = {f"train/{kinds[int(n) % 2]}/{n}.jpg": content for n, content in contents.items()}
    hub.add("you/flowers", flowers)


def first_fashion_images(folder: Path) -> Source:
    """The first built-in images and their labels, under the same name."""
    written = []
    for kind, header in (("images-idx3", 16), ("labels-idx1", 8)):
        name = f"t10k-{kind}-ubyte.gz"
        content = gzip.decompress((sources.FASHION / name).read_bytes())
        end = header + BUILT_IN_IMAGES * (len(content) - header) // 10_000
        start = content[:4] + BUILT_IN_IMAGES.to_bytes(4, "big") + content[8:header]
        written.append(folder / name)
        written[-1].write_bytes(gzip.compress(start + content[header:end]))
    names = sources.FASHION_LABELS
    return open_idx(folder, written[:1], label_names=names, location="fashion")


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
@pytest.mark.usefixtures("reader_folder")
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # as in test_hub.py
def test_command_blocks_of_a_page_run(
    page: Path, ganvas: Callable[..., Result], request: pytest.FixtureRequest
) -> None:
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    if any("hf:" in text for _, text in blocks):
        add_flowers(request.getfixturevalue("hub"), Path("photos"))
    exporting = any("ganvas export" in text for _, text in blocks)
    if exporting and not missing_libraries("onnx"):
        request.getfixturevalue("known_operators")
    names: dict[str, object] = {"__name__": "__main__"}  # as a script, which has a guard
    for language, text in blocks:
        if language == "python":
            run_python(re.sub(r"images=[\d_]+", f"images={LONGER}", text), names)
        elif language == "bash":
            for command in commands(text):
                run(command, ganvas)
        else:
            assert language in {"text", "toml"}, f"{page}: no test runs {language} blocks"


def test_the_page_on_python_says_of_each_command_what_it_is_there() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    table = page.partition("| command | in Python |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert sorted(re.findall("`(.*?)`", " ".join(cells))) == sorted(COMMANDS)
    functions = re.findall(r"`ganvas\.([a-z_]+)", table)
    assert functions
    assert [name for name in functions if name not in ganvas.__all__] == []


def test_page_of_a_package_index_only_has_commands_of_the_readme() -> None:
    original, repeated = ([*code_lines(page)] for page in (README, PACKAGE))
    assert len(repeated) > 10
    assert [line for line in repeated if line not in original] == []


LINK = re.compile(r"\]\(([^)\s]+)\)")
"""The target of a link or a picture in Markdown."""


@pytest.mark.parametrize(
    "page",
    [
        *PAGES,
        *TRANSLATIONS,
        PACKAGE,
        README_ZH,
        ROOT / "CONTRIBUTING.md",
        ROOT / "benchmarks" / "README.md",
    ],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    targets = [target.split("#")[0] for target in LINK.findall(text) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_readme_is_short_and_begins_with_a_picture_and_two_commands() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 165
    first = "\n".join(lines[:12])
    assert first.index("**Train GANs that work") < first.index("![") < first.index("make demo")


def code_lines(page: Path) -> Iterator[str]:
    """The code of all blocks of a page, line by line, without comments."""
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "bash":
            yield from commands(text)
        else:
            yield from (line.split("  #")[0] for line in text.splitlines())


def commands(block: str) -> Iterator[str]:
    """The commands of a shell block: continued lines are joined, comments left out."""
    for line in block.replace("\\\n", " ").splitlines():
        command = line.split(" #")[0].strip()
        if command and not command.startswith(("#", *SKIPPED_COMMANDS)):
            yield command


def run_python(code: str, names: dict[str, object]) -> None:
    try:
        # As in a file of its own, without the __future__ imports of this one.
        exec(compile(code, "<page>", "exec", dont_inherit=True), names)
    except MissingExtra as error:
        require_extras_of(str(error))
        raise


def run(command: str, ganvas: Callable[..., Result]) -> None:
    """Run one ganvas command; `> FILE` writes its output to a file."""
    command, _, target = command.partition(" > ")
    program, *words = shlex.split(command)
    assert program == "ganvas", f"this test runs only ganvas, not {command!r}"
    if words[0] in ("train", "resume"):
        budget = LONGER if words[0] == "resume" or NEEDS_LONGER & set(words) else BUDGET
        words = [word for word in words if not re.fullmatch(r"--images=\S+", word)]
        if "--images" in words:
            words[words.index("--images") + 1] = str(budget)
        else:
            words += ["--images", str(budget)]
        if words[1] in LARGE and not set(NARROW) & set(words):
            words += NARROW
        if {"--evaluation.every", "--tune"} & set(words):
            words += ["--evaluation.samples", str(SAMPLES)]
    if words[0] == "compare":
        words = reduce_study(words)
    if words[0] in ("evaluate", "truncation"):
        words += ["-n", str(SAMPLES if words[0] == "evaluate" else SAMPLES // 2)]
    if words[0] == "project":
        words += ["--steps", "2", "--reference", "2"]
    result = ganvas(*words)
    # Untrained networks may have findings, which have an exit code of their own.
    expected = (0, 1) if words[0] == "diagnose" else (0,)
    if result.code not in expected:
        require_extras_of(result.err)
    assert result.code in expected, f"{command}\n{result.err}"
    if target:
        Path(target.strip()).write_text(result.out)


def reduce_study(words: list[str]) -> list[str]:
    """A study with tiny budgets; a resumed one has them already and gets one more seed."""
    resumed = not words[1].startswith("-")
    for flag, value in ({"--seeds": "2"} if resumed else TINY_STUDY).items():
        if flag in words:
            words[words.index(flag) + 1] = value
        else:
            words += [flag, value]
    return words
