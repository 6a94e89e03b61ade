"""Prepared data: what is in it, and when it is reused."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganvas.data.cache import default_cache
from ganvas.data.digests import read_digests
from ganvas.data.held_out import choose_held_out, fewest_images
from ganvas.data.preparation import fingerprint, prepare
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.source import NO_FILE, FileStamp, Item, Source
from ganvas.data.sources import open_source

from .pictures import flat

SETTINGS = DataSettings(size=(16, 16))


def entries(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.is_dir())


def prepared_from(
    folder: Path, cache: Path, settings: DataSettings = SETTINGS
) -> tuple[PreparedData, bool]:
    """The data, and whether it was decoded (rather than reused)."""
    stages: list[str] = []
    source = open_source(folder)
    data = prepare(source, settings, cache, lambda stage, done, total: stages.append(stage))
    return data, "decoding" in stages


def test_images_are_a_read_only_map(photos: Path, cache: Path) -> None:
    data, _ = prepared_from(photos, cache)
    assert isinstance(data.images, np.memmap)
    assert not data.images.flags.writeable
    assert data.images.shape == (20, 1, 16, 16)
    assert data.images[:, 0, 0, 0].tolist() == list(range(20))
    assert str(data.shape) == "16x16, grey"
    assert (data.name, data.location) == ("photos", str(photos))


def test_summary_is_one_line(photos: Path, cache: Path) -> None:
    assert prepared_from(photos, cache)[0].summary() == (
        "photos: 20 images 16x16 grey; 18 to train on, 2 held out"
    )
    (photos / "empty.png").write_bytes(b"")
    (photos / "copy.png").write_bytes((photos / "00.png").read_bytes())
    assert prepared_from(photos, cache)[0].summary() == (
        "photos: 20 images 16x16 grey; 18 to train on, 2 held out; "
        "1 exact copy left out; 1 unusable left out"
    )


def test_fashion_is_prepared_with_its_labels(cache: Path) -> None:
    source = open_source("fashion")
    data = prepare(source, DataSettings(size=(28, 28)), cache)
    assert data.summary() == (
        "fashion: 10,000 images 28x28 grey, 10 labels; 9,000 to train on, 1,000 held out"
    )
    assert data.labels is not None
    assert np.bincount(data.labels).tolist() == [1000] * 10
    np.testing.assert_array_equal(data.images[123, 0], np.asarray(source.read(123)))


def test_fingerprints_of_existing_runs_stay(cache: Path) -> None:
    settings = DataSettings(size=(28, 28), split="content")  # of a run without the field
    data = prepare(open_source("fashion"), settings, cache)
    assert data.fingerprint == "62649b5f11395e85c74e79b447034363"
    assert data.key == "data-fd2d25ef5cf6b030aa87e269"


def test_a_fingerprint_covers_names_labels_and_contents(cache: Path) -> None:
    names = ["plain.png", "käse/1.png", 'quo"te\\.png', "日本/2.png"]
    labels = [None, "käse", None, "日本"]
    items = [Item(name, label) for name, label in zip(names, labels, strict=True)]
    source = _Counting("names", "names", items, ("käse", "日本"))
    digests = [bytes([number]) * 32 for number in range(4)]
    expected = hashlib.blake2b(digest_size=16)
    for item, digest in zip(items, digests, strict=True):
        expected.update(json.dumps([item.name, item.label]).encode() + digest)
    expected.update(json.dumps(["käse", "日本"]).encode())
    assert fingerprint(source, digests) == expected.hexdigest()


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5])
def test_the_split_is_complete_and_exact(photos: Path, cache: Path, fraction: float) -> None:
    data, _ = prepared_from(photos, cache, replace(SETTINGS, held_out=fraction))
    assert len(data.held_out) == 20 * fraction
    assert sorted([*data.training, *data.held_out]) == list(range(20))
    assert list(data.held_out) == sorted(data.held_out)


def test_copies_are_never_on_both_sides_of_the_split(photos: Path, cache: Path) -> None:
    for path in sorted(photos.iterdir()):
        shutil.copy(path, photos / f"copy-{path.name}")
    settings = replace(SETTINGS, held_out=0.3, keep_duplicates=True)
    data, _ = prepared_from(photos, cache, settings)
    sides = [{data.images[i].tobytes() for i in side} for side in (data.training, data.held_out)]
    assert len(data.held_out) == 12
    assert not sides[0] & sides[1]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Nineteen images of one label, and two of another, which have the lowest hashes of all."""
    flat_folder = tmp_path / "flat"
    flat_folder.mkdir()
    for value in range(21):
        flat("L", value).save(flat_folder / f"{value}.png")
    source = open_source(flat_folder)
    digests = read_digests(source, tmp_path)
    for position, index in enumerate(sorted(range(21), key=lambda index: digests[index])):
        folder = tmp_path / "labelled" / ("rare" if position < 2 else "common")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(flat_folder / source.items[index].name, folder)
    return tmp_path / "labelled"


def test_every_label_with_two_images_keeps_one_to_train_on(labelled: Path, cache: Path) -> None:
    data, _ = prepared_from(labelled, cache)
    assert data.labels is not None
    assert np.bincount(data.labels[data.training]).tolist() == [18, 1]
    assert len(data.held_out) == 2


def test_a_run_of_before_keeps_its_split_and_its_prepared_copy(labelled: Path, cache: Path) -> None:
    older = replace(SETTINGS, split="content")
    data, _ = prepared_from(labelled, cache, older)
    assert data.labels is not None
    assert data.labels[data.held_out].tolist() == [1, 1]
    _, decoded_again = prepared_from(labelled, cache)
    assert decoded_again
    again, decoded_again = prepared_from(labelled, cache, older)
    assert not decoded_again
    assert again.held_out.tolist() == data.held_out.tolist()


def test_images_without_labels_are_prepared_once_for_both_splits(photos: Path, cache: Path) -> None:
    first, _ = prepared_from(photos, cache)
    second, decoded_again = prepared_from(photos, cache, replace(SETTINGS, split="content"))
    assert not decoded_again
    assert first.key == second.key


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 0.9])
def test_the_fewest_images_are_just_enough(fraction: float) -> None:
    fewest = fewest_images(32, fraction)
    digests = [bytes([number % 256, number // 256]) for number in range(fewest)]
    assert fewest - len(choose_held_out(digests, fraction)) >= 32
    assert fewest - 1 - len(choose_held_out(digests[:-1], fraction)) < 32


def test_adding_images_moves_few_across_the_split(cache: Path) -> None:
    digests = [int(n).to_bytes(8, "big") for n in np.random.default_rng(0).permutation(10**4)]
    before = set(choose_held_out(digests[:9_000], 0.1))
    after = {i for i in choose_held_out(digests, 0.1) if i < 9_000}
    assert len(before) == 900
    assert len(before & after) > 0.9 * len(before)


@pytest.mark.parametrize(
    ("modes", "asked", "expected"),
    [
        (["L", "LA", "1", "I;16"], "auto", 1),
        (["L", "RGB"], "auto", 3),
        (["L", "RGBA"], "auto", 3),
        (["RGB"], "1", 1),
        (["LA"], "2", 2),
        (["L"], "4", 4),
    ],
)
def test_channels_are_those_asked_for_or_suit_all_images(
    tmp_path: Path, cache: Path, modes: list[str], asked: Any, expected: int
) -> None:
    for mode in modes:
        flat(mode, 0).save(tmp_path / f"{mode[0]}{len(mode)}.png")
    data, _ = prepared_from(tmp_path, cache, replace(SETTINGS, channels=asked))
    assert data.images.shape[1] == expected


def test_a_broken_colour_image_does_not_make_grey_ones_colour(photos: Path, cache: Path) -> None:
    flat("RGB", "red", 64).save(photos / "broken.bmp")
    (photos / "broken.bmp").write_bytes((photos / "broken.bmp").read_bytes()[:200])
    data, _ = prepared_from(photos, cache)
    assert data.images.shape[1] == 1
    assert [problem.file for problem in data.unusable] == ["broken.bmp"]


def test_duplicates_are_dropped_unless_kept(photos: Path, cache: Path) -> None:
    (photos / "copy.png").write_bytes((photos / "03.png").read_bytes())
    once, _ = prepared_from(photos, cache)
    kept, _ = prepared_from(photos, cache, replace(SETTINGS, keep_duplicates=True))
    assert (len(once.images), once.duplicates) == (20, 1)
    assert (len(kept.images), kept.duplicates) == (21, 0)


def test_copies_of_a_broken_file_are_all_listed(photos: Path, cache: Path) -> None:
    for name in ("x.png", "y.png"):
        (photos / name).write_bytes(b"no image")
    data, _ = prepared_from(photos, cache)
    assert [problem.file for problem in data.unusable] == ["x.png", "y.png"]
    assert data.duplicates == 0


# Reuse


def test_prepared_data_is_reused_from_another_location(photos: Path, cache: Path) -> None:
    first, decoded = prepared_from(photos, cache)
    assert decoded
    again, decoded = prepared_from(photos, cache)
    assert not decoded
    np.testing.assert_array_equal(first.images, again.images)
    moved = photos.rename(photos.with_name("moved"))
    data, decoded = prepared_from(moved, cache)
    assert not decoded
    assert (data.name, data.location) == ("moved", str(moved))
    assert data.fingerprint == first.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"size": (16, 20)},
        {"channels": "3"},
        {"fit": "pad"},
        {"background": "black"},
        {"keep_duplicates": True},
        {"max_megapixels": 91},
    ],
    ids=str,
)
def test_a_changed_setting_prepares_again(
    photos: Path, cache: Path, change: dict[str, Any]
) -> None:
    prepared_from(photos, cache)
    assert prepared_from(photos, cache, replace(SETTINGS, **change))[1]


def test_settings_of_the_stream_do_not_matter(photos: Path, cache: Path) -> None:
    prepared_from(photos, cache)
    assert not prepared_from(photos, cache, replace(SETTINGS, flip=True, dequantize=True))[1]


@pytest.mark.parametrize("change", ["content", "name", "label", "removed", "added"])
def test_a_change_of_the_data_prepares_again(photos: Path, cache: Path, change: str) -> None:
    before, _ = prepared_from(photos, cache)
    if change == "content":
        flat("L", 99).save(photos / "05.png")
    elif change == "name":
        (photos / "05.png").rename(photos / "5.png")
    elif change == "label":
        (photos / "cat").mkdir()
        (photos / "05.png").rename(photos / "cat" / "05.png")
    elif change == "removed":
        (photos / "05.png").unlink()
    else:
        flat("L", 99).save(photos / "99.png")
    after, decoded = prepared_from(photos, cache)
    assert decoded
    assert after.fingerprint != before.fingerprint


def test_other_labels_or_another_shape_of_the_same_bytes_are_other_data(
    tmp_path: Path, cache: Path
) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (2, 8, 32), dtype=np.uint8)
    fingerprints = set()
    for images, labels in ((rows, [0, 1]), (rows, [1, 0]), (rows.reshape(2, 32, 8), [0, 1])):
        np.savez(tmp_path / "a.npz", images=images, labels=labels)
        fingerprints.add(prepared_from(tmp_path / "a.npz", cache)[0].fingerprint)
    assert len(fingerprints) == len(entries(cache)) == 3


@pytest.mark.parametrize("damage", ["cut", "no description", "bad description", "other shape"])
def test_a_damaged_entry_is_rebuilt(photos: Path, cache: Path, damage: str) -> None:
    prepared_from(photos, cache)
    entry = cache / entries(cache)[0]
    if damage == "cut":
        (entry / "images.npy").write_bytes((entry / "images.npy").read_bytes()[:-1])
    elif damage == "no description":
        (entry / "prepared.json").unlink()
    elif damage == "bad description":
        (entry / "prepared.json").write_text("{")
    else:
        np.save(entry / "images.npy", np.zeros((19, 1, 16, 16), np.uint8))
    data, decoded = prepared_from(photos, cache)
    assert decoded
    assert data.images[:, 0, 0, 0].tolist() == list(range(20))
    assert entries(cache) == [entry.name]


def test_description_says_what_was_done(photos: Path, cache: Path) -> None:
    data, _ = prepared_from(photos, cache)
    about = json.loads((cache / entries(cache)[0] / "prepared.json").read_text())
    assert about["shape"] == [20, 1, 16, 16]
    assert about["fingerprint"] == data.fingerprint
    assert about["settings"]["fit"] == "crop"
    assert "flip" not in about["settings"]


def test_the_cache_is_where_the_environment_says(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "chosen"))
    prepare(open_source(photos), SETTINGS)
    assert len(entries(tmp_path / "chosen")) == 1
    monkeypatch.delenv("GANVAS_CACHE")
    assert default_cache().name.lower() in ("ganvas", "cache")


# Scale


@dataclass(frozen=True, eq=False)
class _Counting(Source):
    """Many colour images made on the fly, so that nothing but ganvas can hold them in memory."""

    def stamps(self) -> list[FileStamp]:
        return [NO_FILE] * len(self.items)

    def content(self, index: int) -> bytes:
        return index.to_bytes(8, "little")

    def read(self, index: int) -> Image.Image:
        return Image.new("RGB", (64, 64), (index % 256, index // 256, 0))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_preparing_and_reading_need_little_memory(cache: Path) -> None:
    def own_memory() -> int:  # bytes that are not pages of a mapped file
        fields = Path("/proc/self/status").read_text().split()
        return 1024 * int(fields[fields.index("RssAnon:") + 1])

    count = 8000  # 98 MB packed
    items = [Item(str(index), None) for index in range(count)]
    source = _Counting("many", "many", items, ())
    settings = DataSettings(size=(64, 64))
    most = before = own_memory()

    def watch(stage: str, done: int, total: int) -> None:
        nonlocal most
        most = max(most, own_memory())

    data = prepare(source, settings, cache, watch)
    assert data.images.nbytes == count * 3 * 64 * 64
    assert data.images[:, 0].max() == 255
    assert max(most, own_memory()) - before < 40e6
