"""The history file: append-only, safe to read after a kill, cut back on resume."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.errors import GanvasError
from ganvas.runs.history import History, records_with
from ganvas.runs.tables import FindingRecord

RECORDS = [{"images_seen": seen, "loss": seen / 3} for seen in (64, 128, 192)]


def written(path: Path) -> History:
    history = History(path)
    for record in RECORDS:
        history.append(record)
    return history


def test_run_without_records_has_an_empty_history(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    assert history.records() == []
    assert history.column("loss") == []


def test_records_are_read_back_in_order_with_every_digit(tmp_path: Path) -> None:
    assert written(tmp_path / "history.jsonl").records() == RECORDS


def test_column_leaves_out_records_that_lack_it(tmp_path: Path) -> None:
    history = written(tmp_path / "history.jsonl")
    history.append({"images_seen": 256, "discriminator/loss/r1": 0.5})
    assert history.column("images_seen") == [64, 128, 192, 256]
    assert history.column("discriminator/loss/r1") == [0.5]


def test_line_cut_anywhere_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = written(path)
    whole = path.read_bytes()
    before_last = whole[:-1].rindex(b"\n") + 1
    for end in range(before_last, len(whole)):
        path.write_bytes(whole[:end])
        assert history.records() == RECORDS[:2]


def test_appending_after_a_cut_line_works(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = written(path)
    path.write_bytes(path.read_bytes()[:-7])
    history.truncate_after(10_000)
    history.append(RECORDS[2])
    assert history.records() == RECORDS


@pytest.mark.parametrize(("images_seen", "kept"), [(0, 0), (64, 1), (191, 2), (192, 3), (999, 3)])
def test_records_after_a_checkpoint_are_dropped(
    tmp_path: Path, images_seen: int, kept: int
) -> None:
    history = written(tmp_path / "history.jsonl")
    history.truncate_after(images_seen)
    assert history.records() == RECORDS[:kept]
    assert [path.name for path in tmp_path.iterdir()] == ["history.jsonl"]


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False), max_size=5))
def test_truncating_keeps_all_digits(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    history = History(tmp_path_factory.mktemp("history") / "history.jsonl")
    for index, value in enumerate(values):
        history.append({"images_seen": index, "value": value})
    history.truncate_after(len(values))
    assert history.column("value") == values


@pytest.mark.parametrize(
    ("content", "newest"),
    [
        ("", None),
        ('{"images_seen": 1}\n', 1),
        ('{"images_seen": 1}\n{"images_seen": 2}\n', 2),
        ('{"images_seen": 1}\n{"images_s', 1),
        ('{"images_seen": 1}\n{"images_s\n', 1),
    ],
)
def test_last_record_ignores_a_cut_line(tmp_path: Path, content: str, newest: int | None) -> None:
    path = tmp_path / "history.jsonl"
    assert History(path).last_record() is None
    path.write_text(content)
    record = History(path).last_record()
    assert (record and record["images_seen"]) == newest


def test_last_record_of_a_long_history(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.path.write_text("".join(f'{{"images_seen": {n}}}\n' for n in range(20_000)))
    assert history.last_record() == {"images_seen": 19_999} == history.records()[-1]


@pytest.mark.parametrize(
    "line",
    [
        '{"loss": 1.0}',
        '{"images_seen": "128", "loss": 1.0}',
        '{"images_seen": 128, "seconds": [1]}',
        '{"images_seen": null}',
        "[128]",
        '{"images_seen": ' + "[" * 5_000,
    ],
)
def test_a_line_that_is_no_record_is_left_out(tmp_path: Path, line: str) -> None:
    path = tmp_path / "history.jsonl"
    history = written(path)
    with path.open("a") as file:
        file.write(f"{line}\n")
    assert history.records() == RECORDS
    assert history.last_record() == RECORDS[-1]


@pytest.mark.parametrize("change", [{"since": "0"}, {"verdict": None}, {"event": "begin"}])
def test_events_of_findings_have_the_fields_of_their_kind(
    tmp_path: Path, change: dict[str, object]
) -> None:
    findings = History(tmp_path / "findings.jsonl", FindingRecord)
    event = {"event": "onset", "images_seen": 64, "symptom": "x", "verdict": "watch", "since": 0}
    findings.append(event)
    findings.append({**event, **change})
    findings.append({"event": "rewind", "images_seen": 64, "symptom": "x", "number": 1})
    assert findings.records() == [event]


def test_records_that_lack_a_field_are_left_out_where_it_is_needed() -> None:
    timed = {"images_seen": 64, "seconds": 1.0, "memory_mb": 2.0}
    known = records_with([*RECORDS, timed, {**RECORDS[0], "seconds": 1.0}], "seconds", "memory_mb")
    assert known == [timed]


def test_records_are_read_on_from_a_position(tmp_path: Path) -> None:
    history = written(tmp_path / "history.jsonl")
    records, position = history.records_from(0)
    assert (records, position) == (RECORDS, history.path.stat().st_size)
    assert history.records_from(position) == ([], position)
    with history.path.open("a") as file:
        file.write('{"images_seen": 256, "lo')
    assert history.records_from(position) == ([], position), "the line is not whole yet"
    with history.path.open("a") as file:
        file.write('ss": 1.5}\n')
    new, _ = history.records_from(position)
    assert new == [{"images_seen": 256, "loss": 1.5}]


def test_history_as_arrays_has_nan_where_a_record_lacks_a_number(tmp_path: Path) -> None:
    history = written(tmp_path / "history.jsonl")
    history.append({"images_seen": 256, "probe/r_t": 0.5, "probe/layers": [1.0], "note": "text"})
    arrays = history.arrays()
    assert list(arrays) == ["images_seen", "loss", "probe/r_t"]
    assert arrays["images_seen"].tolist() == [64, 128, 192, 256]
    np.testing.assert_array_equal(arrays["loss"], [64 / 3, 128 / 3, 64, np.nan])
    np.testing.assert_array_equal(arrays["probe/r_t"], [np.nan, np.nan, np.nan, 0.5])
    assert History(tmp_path / "none.jsonl").arrays() == {}


def test_history_as_a_frame_is_indexed_by_images_seen(tmp_path: Path) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    frame = written(tmp_path / "history.jsonl").frame()
    assert frame.index.name == "images_seen"
    assert frame["loss"].to_dict() == {record["images_seen"]: record["loss"] for record in RECORDS}
    assert History(tmp_path / "none.jsonl").frame().empty


def test_frame_without_pandas_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(GanvasError, match="pip install pandas"):
        written(tmp_path / "history.jsonl").frame()
