"""Every command block of the README and the docs runs, in the order in which it stands there.

Commands run as written but for three things: training budgets, seeds, built-in images and numbers
of samples are cut, features are those of small pictures or of little training, and what installs
or tests the project itself is left to the test run that you are looking at.
"""

from __future__ import annotations

import gzip
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas.data import sources
from ganvas.data.arrays import open_idx
from ganvas.data.source import Source
from ganvas.metrics import classifier, lite0

from .conftest import Result
from .studies import stay_in_this_process

ROOT = Path(__file__).parents[2]
README, TRANSLATION = ROOT / "README.md", ROOT / "README.zh-CN.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ABOUT_THE_PROJECT_ITSELF = ("make ", "pip install", "git clone", "cd ")
BUDGET = 128
FEW = 1_500
"""Of the built-in images."""
TINY_STUDY = {
    "--images": str(BUDGET),
    "--seeds": "2",
    "--metrics": "swd",
    "--samples": "100",
    "--evaluations": "0",
}


@pytest.fixture
def folder_with_photos(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a reader of the README has: a folder of photos to stand in, and a cache."""
    monkeypatch.setattr(lite0, "SIDE", 32)  # a sixth of the time (its docstring)
    monkeypatch.setattr(classifier, "MIN_IMAGES_SHOWN", 3_000)
    few = few_of_fashion(tmp_path_factory.mktemp("built-in"))
    monkeypatch.setitem(sources.BUILT_IN, "fashion", lambda: few)
    # In the place of one for each test, since features of real images take long all the same.
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path_factory.getbasetemp() / "cache-of-pages"))
    stay_in_this_process(monkeypatch)  # studies start processes otherwise, which takes long
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    random = np.random.default_rng(0)
    for number in range(70):
        pixels = random.integers(0, 256, (80, 70, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.jpg")


def few_of_fashion(folder: Path) -> Source:
    """The first of the built-in images and their labels, under the same name."""
    written = []
    for kind, header in (("images-idx3", 16), ("labels-idx1", 8)):
        name = f"t10k-{kind}-ubyte.gz"
        content = gzip.decompress((sources.FASHION / name).read_bytes())
        end = header + FEW * (len(content) - header) // 10_000
        start = content[:4] + FEW.to_bytes(4, "big") + content[8:header]
        written.append(folder / name)
        written[-1].write_bytes(gzip.compress(start + content[header:end]))
    names = sources.FASHION_LABELS
    return open_idx(folder, written[:1], label_names=names, location="fashion")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.usefixtures("folder_with_photos")
def test_the_blocks_of_a_page_run(page: Path, ganvas: Callable[..., Result]) -> None:
    names: dict[str, object] = {}
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            exec(re.sub(r"images=[\d_]+", f"images={BUDGET}", text), names)
        elif language == "bash":
            for command in commands(text):
                run(command, ganvas)
        else:
            assert language in {"text", "toml"}, f"{page}: {language} blocks are run by nothing"


def test_the_translation_has_blocks_of_the_original() -> None:
    ours, theirs = ([*lines_of(page)] for page in (README, TRANSLATION))
    assert len(theirs) > 10
    assert [line for line in theirs if line not in ours] == []


def lines_of(page: Path) -> Iterator[str]:
    """What all blocks of a page do, line by line, without comments."""
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "bash":
            yield from commands(text)
        else:
            yield from (line.split("  #")[0] for line in text.splitlines())


def commands(block: str) -> Iterator[str]:
    """The commands of a shell block: joined where a line goes on, without comments."""
    for line in block.replace("\\\n", " ").splitlines():
        command = line.split(" #")[0].strip()
        if command and not command.startswith(("#", *ABOUT_THE_PROJECT_ITSELF)):
            yield command


def run(command: str, ganvas: Callable[..., Result]) -> None:
    """Run one command of ours, with its output in a file where the command says so."""
    command, _, target = command.partition(" > ")
    program, *words = shlex.split(command)
    assert program == "ganvas", f"this test runs only ganvas itself, not {command!r}"
    if words[0] in ("train", "resume"):
        budget = BUDGET if words[0] == "train" else 2 * BUDGET
        words = [word for word in words if not re.fullmatch(r"--images=\S+", word)]
        if "--images" in words:
            words[words.index("--images") + 1] = str(budget)
        else:
            words += ["--images", str(budget)]
        if "--evaluation.every" in words:
            words += ["--evaluation.samples", str(BUDGET)]
    if words[0] == "compare":
        words = cut_study(words)
    if words[0] == "evaluate":
        words += ["-n", str(BUDGET)]
    result = ganvas(*words)
    # Untrained networks may well be diagnosed: that has an exit code of its own.
    expected = (0, 1) if words[0] == "diagnose" else (0,)
    assert result.code in expected, f"{command}\n{result.err}"
    if target:
        Path(target.strip()).write_text(result.out)


def cut_study(words: list[str]) -> list[str]:
    """A study with tiny budgets; one that is gone on with has them already, and gets one seed."""
    going_on = not words[1].startswith("-")
    for flag, value in ({"--seeds": "3"} if going_on else TINY_STUDY).items():
        if flag in words:
            words[words.index(flag) + 1] = value
        else:
            words += [flag, value]
    return words
