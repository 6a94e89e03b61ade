"""Names of files of any kind, printed in encodings that lack their characters."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganvas.cli import main
from ganvas.cli.commands import COMMANDS

from ..builders.commands import Result
from .conftest import SMALL
from .studies import endings, stay_in_this_process, without_report
from .test_output import exit_code

ODD = os.fsdecode("Łódź · фото".encode() + b"\xff\x1b[31m\n!")
"""A name with characters of other alphabets, a byte that is no UTF-8, an escape, a new line."""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / f"{ODD}.toml"
    text = SMALL.replace('name = "small"', 'name = "smäll"').replace("images = 2000", "images = 96")
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def odd_images(tmp_path: Path, images: Path) -> Path:
    return images.rename(tmp_path / f"{ODD}.npz")


@pytest.fixture
def odd_folder(tmp_path: Path) -> Path:
    folder = tmp_path / ODD
    for label in ("ü", ODD):
        (folder / label).mkdir(parents=True)
        for number in range(4):
            pixels = np.random.default_rng(number).integers(0, 256, (16, 16), np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}{ODD}.png")
    (folder / f"broken{ODD}.png").write_bytes(b"nothing")
    return folder


def printed(encoding: str, *arguments: object) -> Result:
    """What a command prints to streams of this encoding."""
    streams = [
        io.TextIOWrapper(io.BufferedWriter(Kept()), encoding=encoding)  # type: ignore[type-var]
        for _ in range(2)
    ]
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        code = exit_code([str(argument) for argument in arguments])
    out, err = (bytes(stream.buffer.raw.content).decode(encoding) for stream in streams)
    assert "\x1b" not in out + err
    assert isinstance(code, int), (code, err)
    return Result(code, out, err)


class Kept(io.RawIOBase):
    """A file that keeps what is written, as a log file does."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self.content += content
        return len(content)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-16"])
def test_every_command_prints_any_name_in_any_encoding(
    tmp_path: Path,
    recipe: Path,
    odd_images: Path,
    monkeypatch: pytest.MonkeyPatch,
    encoding: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / f"run{ODD}"

    def ganvas(*arguments: object) -> str:
        result = printed(encoding, *arguments)
        assert result.code in (0, 1), result.err
        return result.out

    assert "\\udcff\\u001b[31m" in ganvas("train", recipe, odd_images, "--out", run)
    assert "resuming at 96 images" in ganvas("resume", run, "--images", 160)
    assert "\\udcff\\u001b[31m\\u000a!" in ganvas("sample", run, "-n", 4)
    ganvas("interpolate", run, "-n", 2)
    assert "\\udcff\\u001b[31m" in ganvas("directions", run, "-n", 2)
    ganvas("film", run)
    scores = ganvas("evaluate", run, "--metrics", "swd", "-n", 20, "--json")
    assert json.loads(scores)["scores"][0]["protocol"]["data"] == ODD
    assert "swd" in ganvas("evaluate", run, "--metrics", "swd", "-n", 20)
    assert json.loads(ganvas("diagnose", run, "--json"))["status"] == "finished"
    assert "at 160 images" in ganvas("diagnose", run)
    assert "opens in any browser" in ganvas("report", run)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "\\udcff" in page
    assert tomllib.loads(ganvas("recipes", recipe))["name"] == "smäll"
    assert "dcgan" in ganvas("recipes")


def test_a_study_of_any_name_is_printed_in_ascii(
    tmp_path: Path, recipe: Path, odd_images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stay_in_this_process(monkeypatch)
    without_report(monkeypatch)
    study = tmp_path / f"study{ODD}"
    few = ("--seeds", 1, "--images", 16, "--evaluations", 0, "--metrics", "swd", "--samples", 100)
    arm = ("--recipes", recipe, "--data", odd_images)
    result = printed("ascii", "compare", *arm, *few, "--out", study)
    assert result.code == 0, result.err
    assert "\\udcff\\u001b[31m" in result.out
    assert set(endings(study).values()) == {"finished"}


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_check_lists_any_names_in_any_encoding(odd_folder: Path, encoding: str) -> None:
    flags = ("--batch", 4, "--size", 16)
    text = printed(encoding, "check", odd_folder, *flags)
    assert text.code == 0
    (unusable,) = (line for line in text.out.splitlines() if "cannot be used" in line)
    assert "\\udcff\\u001b[31m\\u000a!.png: " in unusable
    found = json.loads(printed(encoding, "check", odd_folder, *flags, "--json").out)
    assert found["name"] == ODD
    assert set(found["labels"].values()) == {4}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_and_errors_need_only_ascii(name: str) -> None:
    assert "usage: ganvas" in printed("ascii", name, "--help").out
    assert printed("ascii", name, "--nö\udcff", "ü").code == 2
    assert printed("ascii", "nö\udcff").code == 2


@pytest.mark.parametrize("encoding", ["ascii", "cp936"])
def test_the_overview_is_printed_in_the_encodings_of_older_terminals(encoding: str) -> None:
    assert "usage: ganvas" in printed(encoding, "--help").out


IN_ASCII = """
import sys
assert (sys.getfilesystemencoding(), sys.stdout.encoding) == ("ascii", "ascii")
from ganvas.cli import main
recipe, images = sys.argv[1:]
assert main(["train", recipe, images]) == 0
from pathlib import Path
run, = Path("runs").iterdir()
assert main(["resume", str(run), "--images", "160"]) == 0
assert main(["report", str(run)]) == 0
assert main(["sample", "\\xf6"]) == 2
"""


FINGERPRINT = """
import sys
from ganvas.data.preparation import prepare
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
source = open_source("images")
prepared = prepare(source, DataSettings(size=(16, 16)))
print(ascii((prepared.fingerprint, prepared.label_names, source.items)))
"""


def test_the_locale_does_not_decide_whether_images_are_the_same(
    tmp_path: Path, odd_folder: Path
) -> None:
    odd_folder.rename(tmp_path / "images")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    first, second = (
        subprocess.run(
            [sys.executable, "-W", "error", "-c", FINGERPRINT],
            env={**os.environ, **locale},
            cwd=tmp_path,
            check=True,
            capture_output=True,
        ).stdout
        for locale in ({"PYTHONUTF8": "1"}, ascii_only)
    )
    assert first == second


def test_a_locale_without_utf_8_names_files_as_others_do(
    tmp_path: Path, recipe: Path, odd_images: Path
) -> None:
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run(
        [sys.executable, "-W", "error", "-c", IN_ASCII, recipe, odd_images],
        env={**os.environ, **locale, "OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        check=True,
    )
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name == f"smäll-{ODD}-1"
    assert main(["diagnose", str(run)]) in (0, 1)
