"""No path of the machine that made a page is left in its texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganvas.reports.local_paths import (
    LocalPaths,
    folder_name,
    run_name,
    shorten_command,
    shorten_location,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "the images are no longer at /home/ann/photos. Say",
            "the images are no longer at photos. Say",
        ),
        ("[Errno 2] No such file: '/home/ann/x.png'", "[Errno 2] No such file: 'x.png'"),
        ("cannot read ~/photos/a.png: cut", "cannot read a.png: cut"),
        ("cannot read ~ann/photos/a.png: cut", "cannot read a.png: cut"),
        (r"cannot read C:\Users\Ann\x.png, D:/y.png", "cannot read x.png, y.png"),
        (r"cannot read \\server\share\x.png", "cannot read x.png"),
        ("see file:///home/ann/x.html", "see x.html"),
        ("weights=/opt/inception.pth;/a/b", "weights=inception.pth;b"),
        ("in /home/ann/", "in ann"),
        ("died at 'tcp://ann-desk:8786', 4 times", "died at 'tcp://ADDRESS', 4 times"),
    ],
)
def test_absolute_paths_become_names(text: str, expected: str) -> None:
    assert LocalPaths().hide(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "1,295 images/s, 5k / 10k, 0.5 / 1",
        "https://arxiv.org/abs/1706.08500, eq. 6",
        "generator/loss/adversarial",
        "and/or, n/a, photos/a.png: cut",
        "--objective.loss hinge",
        "/ alone, and ~ alone, 1:04",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert LocalPaths().hide(text) == text


def test_known_paths_may_hold_blanks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "ann lee"
    photos = home / "my photos (old)"
    photos.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    paths = LocalPaths.of([photos])
    assert paths.hide(f"{photos}/a b.png: cut") == "my photos (old)/a b.png: cut"
    assert paths.hide(f"no disk at {home}/other things") == "no disk at other things"
    assert paths.hide(f"{photos}-2") != f"{photos}-2", "another folder is no less private"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("fashion", "fashion"),
        ("/home/ann/photos", "photos"),
        ("/home/ann/photos.zip", "photos.zip"),
        ("stacked:/home/ann/digits", "stacked:digits"),
        ("stacked:fashion", "stacked:fashion"),
        ("hf:ann/photos@1f3a:train", "hf:ann/photos@1f3a:train"),
        ("stacked:hf:ann/digits", "stacked:hf:ann/digits"),
        (r"C:\Users\Ann\photos", "photos"),
        ("/home/ann/photos/", "photos"),
    ],
)
def test_a_location_keeps_its_kind_and_its_name(location: str, expected: str) -> None:
    assert shorten_location(location) == expected


def test_a_command_keeps_its_flags_and_loses_its_folders_and_addresses() -> None:
    words = ["ganvas", "train", "dcgan", "/home/ann/my photos", "--out", "runs/first"]
    words += ["--data=stacked:/home/ann/x", "--dask", "tcp://ann-desk:8786", "../ann/y", "~/z"]
    assert shorten_command(words) == (
        "ganvas train dcgan 'my photos' --out runs/first --data=stacked:x --dask tcp://ADDRESS y z"
    )


def test_a_run_keeps_its_name_and_a_model_of_the_hub_its_address() -> None:
    assert run_name("/home/me/work/runs/first") == str(Path("runs/first"))
    assert run_name("hf:ann/photos@1f3a") == "hf:ann/photos@1f3a"


def test_commands_start_where_the_reader_stands() -> None:
    assert folder_name(Path("/home/me/work/runs/first")) == Path("runs/first")
    assert folder_name(Path("/home/me/first")) == Path("first")
