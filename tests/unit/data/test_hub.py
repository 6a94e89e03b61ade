"""Data sets of the hub: which files are meant, which columns, and what a second start does."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.extras import require_extra

require_extra("hf")

import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import constants

from ganvas.data.hub import DataAddress
from ganvas.data.inspecting import inspect
from ganvas.data.preparation import prepare
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.data.sources import open_source, source_exists
from ganvas.errors import DataError, HubError
from tests.builders.hub import Hub

REPO = "you/clothes"
CARD = """---
configs:
- config_name: small
  data_files: "small/*.parquet"
- config_name: whole
  default: true
  data_files:
  - split: train
    path: ["a/train-*", "b/**"]
  - split: test
    path: a/test-*
---
Clothes.
"""


@pytest.fixture(autouse=True)
def silent(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """The library warns of nothing that its users could see."""
    yield
    assert capsys.readouterr() == ("", "")


def png(grey: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (16, 16), grey).save(buffer, "PNG")
    return buffer.getvalue()


def table(first: int = 0, names: dict[str, list[str]] | None = None, **columns: list[Any]) -> bytes:
    """Three rows: grey images from `first` on, and other columns; some with class names."""
    images = [{"bytes": png(first + row), "path": None} for row in range(3)]
    features = {
        name: {"_type": "ClassLabel", "names": each} for name, each in (names or {}).items()
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    content = pa.table({"image": images, **columns}).replace_schema_metadata(metadata)
    sink = io.BytesIO()
    pq.write_table(content, sink)
    return sink.getvalue()


def opened(data: str) -> Source:
    source = open_source(data)
    assert isinstance(source, Source)
    return source


def names(data: str) -> list[str]:
    return sorted({item.name.partition("[")[0] for item in opened(data).items})


def labels(data: str) -> list[str | None]:
    return [item.label for item in opened(data).items]


def message(data: str) -> str:
    with pytest.raises((DataError, HubError)) as caught:
        open_source(data)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "hf:you/clothes",
        "hf:you/clothes:train",
        "hf:you/clothes@refs/convert/parquet:small/train#image=picture,label=kind",
        "hf:you/clothes#label=kind",
    ],
)
def test_an_address_prints_as_it_is_typed(text: str) -> None:
    assert str(DataAddress.parse(text)) == text


@pytest.mark.parametrize("end", ["#", "#label", "#label=", "#kind=label", "#label=a,picture=b"])
def test_only_columns_of_images_and_labels_are_named(end: str) -> None:
    with pytest.raises(DataError, match=r"such as #image=picture,label=kind"):
        DataAddress.parse(f"hf:you/clothes{end}")


def test_splits_are_those_of_the_card(hub: Hub) -> None:
    paths = ("a/train-0", "a/train-1", "a/test-0", "a/x/train-2", "b/x/y", "small/z")
    hub.add(REPO, {f"{path}.parquet": table() for path in paths} | {"README.md": CARD.encode()})
    assert names(f"hf:{REPO}") == ["test-0", "train-0", "train-1", "y"]
    assert names(f"hf:{REPO}:train") == ["train-0", "train-1", "y"]
    assert names(f"hf:{REPO}:whole/test") == ["test-0"]
    assert names(f"hf:{REPO}:small") == names(f"hf:{REPO}:small/train") == ["z"]
    assert f"hf:{REPO}@" in (text := message(f"hf:{REPO}:val"))
    assert "has no split 'val'. There are: train, test, small. Name one, as in hf:" in text


def test_without_a_card_a_split_is_a_word_in_the_path(hub: Hub) -> None:
    paths = ("data/train-0", "val/1", "eval_2", "retrain", "Testing/3")
    hub.add(REPO, {f"{path}.parquet": table() for path in paths})
    assert names(f"hf:{REPO}:test") == ["3", "eval_2"]
    assert names(f"hf:{REPO}:validation") == ["1"]
    assert not any("train" in request for request in hub.requests), "only what is asked for"
    assert names(f"hf:{REPO}:train") == ["retrain", "train-0"]


@pytest.mark.parametrize(
    ("card", "test"),
    [
        (b"no metadata", ["test-0"]),
        (b"---\nconfigs: [\n---\n", ["test-0"]),
        (b"---\njust text\n---\n", ["test-0"]),
        (b"---\nconfigs: [{config_name: a, data_files: {test: '*1*'}}]\n---\n", ["train-1"]),
    ],
)
def test_a_card_that_says_nothing_of_splits_is_passed_over(
    hub: Hub, card: bytes, test: list[str]
) -> None:
    files = {"train-1.parquet": table(), "test-0.parquet": table()}
    hub.add(REPO, files | {"README.md": card})
    assert names(f"hf:{REPO}:test") == test


def test_several_subsets_without_a_default_are_named(hub: Hub) -> None:
    card = b"---\nconfigs:\n- {config_name: a, data_dir: a}\n- {config_name: b, data_dir: b}\n---\n"
    hub.add(REPO, {"a/1.parquet": table(), "b/2.parquet": table(), "README.md": card})
    assert "has 2 subsets. There are: a, b. Name one, as in hf:you/clothes@" in message(
        f"hf:{REPO}"
    )
    assert names(f"hf:{REPO}:b") == ["2"]


def test_labels_are_those_of_the_column_that_is_found_or_named(hub: Hub) -> None:
    kinds, colours = {"kind": ["bag", "coat"]}, {"kind": ["bag", "coat"], "colour": ["red", "blue"]}
    hub.add(REPO, {"1.parquet": table(names=kinds, kind=[0, 1, 0])})
    assert labels(f"hf:{REPO}") == ["bag", "coat", "bag"]
    hub.add(
        REPO, {"1.parquet": table(names=colours, kind=[0, 1, 0], colour=[1, 1, 0], n=[7, 8, 9])}
    )
    assert labels(f"hf:{REPO}") == [None] * 3, "two could be meant"
    inspection = inspect(open_source(f"hf:{REPO}"), DataSettings(size=(8, 8)), minimum=1)
    assert any(
        "kind and colour may each hold them, so none is read. Choose one in the address, such as "
        "#label=colour" in warning
        for warning in inspection.warnings
    )
    assert labels(f"hf:{REPO}#label=colour") == ["blue", "blue", "red"]
    assert labels(f"hf:{REPO}#label=n") == ["7", "8", "9"]
    assert "has no column `size` of labels; it has image (struct" in message(
        f"hf:{REPO}#label=size"
    )


def test_minus_one_is_no_label_where_classes_have_names(hub: Hub) -> None:
    hub.add(REPO, {"1.parquet": table(names={"label": ["bag", "coat"]}, label=[1, -1, -1])})
    assert labels(f"hf:{REPO}") == ["coat", None, None]
    hub.add(REPO, {"1.parquet": table(label=[1, -1, -1])})
    assert labels(f"hf:{REPO}") == ["1", "-1", "-1"]


def test_the_image_column_may_have_any_name(hub: Hub) -> None:
    images = [{"bytes": png(row), "path": None} for row in range(3)]
    sink = io.BytesIO()
    pq.write_table(pa.table({"picture": images, "id": [1, 2, 3]}), sink)
    hub.add(REPO, {"1.parquet": sink.getvalue()})
    assert opened(f"hf:{REPO}").content(2) == png(2)
    hub.add(REPO, {"1.parquet": table(picture=list(reversed(images)))})
    assert opened(f"hf:{REPO}").content(2) == png(2)
    assert opened(f"hf:{REPO}#image=picture").content(2) == png(0)
    assert "has no column `id`" in message(f"hf:{REPO}#image=id")


def test_columns_are_asked_of_parquet_files_alone(hub: Hub) -> None:
    hub.add(REPO, {"1.png": png(1)})
    assert "only parquet files have columns, and it holds .png files" in message(
        f"hf:{REPO}#label=a"
    )


def test_a_data_set_without_images_says_what_it_holds(hub: Hub) -> None:
    hub.add(REPO, {"a.csv": b"1", "b.arrow": b"2", "README.md": b"no metadata"})
    text = message(f"hf:{REPO}")
    assert "holds no parquet files, no .tar shards and no images, but .arrow, .csv." in text
    assert text.endswith(f"try hf:{REPO}@refs/convert/parquet")


def test_images_get_their_labels_from_the_table_of_their_split(hub: Hub) -> None:
    files = {
        f"{split}/{name}.png": png(grey)
        for split, grey in (("train", 0), ("test", 9))
        for name in "ab"
    }
    tables = {
        "train/metadata.csv": b"file_name,label\na.png,rose\nb.png,tulip\n",
        "test/metadata.csv": b"file_name,label\na.png,rose\nb.png,rose\n",
    }
    hub.add(REPO, {**files, **tables})
    labels = [item.label for item in opened(f"hf:{REPO}:train").items]
    assert labels == ["rose", "tulip"]
    assert "test/metadata.csv" not in " ".join(hub.downloads())


def test_several_zip_files_are_left_to_the_user(hub: Hub) -> None:
    hub.add(REPO, {"a.zip": b"1", "b.zip": b"2"})
    assert "holds 2 .zip files, and one can be read" in message(f"hf:{REPO}")


def test_a_second_start_downloads_nothing_and_a_new_commit_is_new_data(
    hub: Hub, tmp_path: Path
) -> None:
    def start(data: str = f"hf:{REPO}") -> tuple[str, str]:
        prepared = prepare(opened(data), DataSettings(size=(16, 16)), tmp_path / "cache")
        return prepared.location, prepared.fingerprint

    stored = hub.add(REPO, {"1.parquet": table()})
    first = start()
    hub.requests.clear()
    assert start() == first
    assert set(hub.requests) == {f"GET /api/datasets/{REPO}"}, "which commit is it?"
    stored.commit({"1.parquet": table(100)})
    changed = start()
    assert changed[0] != first[0]
    assert changed[1] != first[1]
    hub.requests.clear()
    assert start(first[0]) == first, "the location names the commit"
    assert hub.requests == []
    assert source_exists(first[0])


def test_offline_the_cache_serves(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add(REPO, {"data/train-0.parquet": table(), "data/test-0.parquet": table()})
    online = opened(f"hf:{REPO}:train")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert opened(f"hf:{REPO}:train").items == online.items
    assert "or not all of it, and HF_HUB_OFFLINE is set" in message(f"hf:{REPO}:test")


def test_progress_is_said_in_kilobytes(hub: Hub) -> None:
    hub.add(REPO, {"1.png": png(0) + bytes(20_000)})
    steps: list[tuple[str, int, int]] = []
    open_source(f"hf:{REPO}", lambda *step: steps.append(step))
    assert steps[-1] == ("downloading kB", 20, 20)
