"""A small file that unpacks to very much is refused before it fills the memory."""

from __future__ import annotations

import gzip
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ganvas.data import unpacking
from ganvas.data.source import UnusableImage
from ganvas.data.sources import open_source
from ganvas.data.unpacking import unpacking_problem
from ganvas.errors import DataError


def test_only_much_that_was_packed_very_small_is_refused() -> None:
    assert unpacking_problem(1_000, 100_000_000) is None, "not much"
    assert unpacking_problem(1_000_000, 200_000_000) is None, "masks pack so well"
    assert unpacking_problem(1_000_000, 200_000_001) == (
        "unpacks from 1 MB to 200 MB, more than 200 times as much; damaged, or made to fill the "
        "memory"
    )


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than the arrays of these tests may always be unpacked."""
    monkeypatch.setattr(unpacking, "ALWAYS_ALLOWED", 1_000)


@pytest.mark.usefixtures("strict")
def test_an_npz_that_unpacks_to_very_much(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, images=np.zeros((2_000, 16, 16, 3), np.uint8))
    with pytest.raises(DataError, match=r"bomb\.npz: array images unpacks from .* \.npy"):
        open_source(path)


@pytest.mark.usefixtures("strict")
def test_labels_of_an_npz_that_unpack_to_very_much(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    images = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), np.uint8)
    np.savez_compressed(path, images=images, labels=np.zeros(2**18, int))
    with pytest.raises(DataError, match="array labels unpacks from"):
        open_source(path)


@pytest.mark.usefixtures("strict")
def test_an_idx_file_that_unpacks_to_very_much(tmp_path: Path) -> None:
    header = struct.pack(">4B3I", 0, 0, 8, 3, 4_000, 16, 16)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(header + bytes(4_000 * 256)))
    with pytest.raises(DataError, match=r"ubyte\.gz unpacks from"):
        open_source(tmp_path)


@pytest.mark.usefixtures("strict")
def test_a_zip_entry_that_unpacks_to_very_much(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(1_000_000))
    with pytest.raises(UnusableImage, match="unpacks from"):
        open_source(path).content(0)
