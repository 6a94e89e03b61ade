"""In a notebook or not, the line that is updated, and what is shown below a cell."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from ganvas import devices, notebook
from ganvas.diagnosis import Diagnosis
from ganvas.errors import RunError
from ganvas.evaluation.score import Score, Scores
from ganvas.health.finding import Change, Finding
from ganvas.notebook import NotebookLine, in_notebook


class Handle:
    """What IPython's `display` gives, and what it was shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, content: dict[str, str], raw: bool) -> None:
        self.shown.append(content["text/plain"])


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Handle:
    """IPython as a kernel has it."""
    handle = Handle()

    def display(content: dict[str, str], raw: bool, display_id: bool) -> Handle:
        handle.update(content, raw)
        return handle

    class ZMQInteractiveShell:
        pass

    class ShellOfColab(ZMQInteractiveShell):
        pass

    ipython, of_display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.__dict__["get_ipython"] = ShellOfColab
    of_display.__dict__["display"] = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", of_display)
    return handle


def test_tests_run_in_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not in_notebook()
    ipython = ModuleType("IPython")
    ipython.__dict__["get_ipython"] = lambda: None
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert not in_notebook()


@pytest.mark.usefixtures("handle")
def test_kernel_is_a_notebook_also_where_its_shell_is_derived() -> None:
    assert in_notebook()


@pytest.mark.usefixtures("handle")
def test_command_of_a_notebook_is_not_that_of_its_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/private/ipykernel_launcher.py", "-f", "/private/k.json"])
    assert devices.command_of_process() == ["python", "(in a notebook)"]


def test_command_of_a_script_is_its_name_and_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/private/mine.py", "--images", "1k"])
    assert devices.command_of_process() == ["mine.py", "--images", "1k"]


def test_line_is_updated_not_oftener_than_is_seen_and_always_at_the_end(
    handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(notebook.time, "monotonic", lambda: clock[0])
    line = NotebookLine()
    for text in ("0%", "1%", "2%"):
        line.update(text)
        clock[0] += 0.3
    line.update("100%", at_once=True)
    assert handle.shown == ["0%", "2%", "100%"]


def test_html_is_escaped() -> None:
    assert notebook.paragraph("a < b") == "<p>a &lt; b</p>"
    assert "<td>&lt;script&gt;</td>" in notebook.table(("a",), [("<script>",)])
    assert 'alt="&quot;&gt;"' in notebook.picture(b"", '">')


def test_error_is_shown_as_its_message_without_frames() -> None:
    assert RunError("runs/x is gone")._render_traceback_() == ["RunError: runs/x is gone"]


def a_score(**changes: Any) -> Score:
    fields = {
        "metric": "swd",
        "value": 205.71,
        "interval": (198.2, 213.4),
        "floor": 17.54,
        "protocol": {"size": "32x32", "n_real": 1_000},
        "warnings": ("few samples",),
    }
    return Score(**{**fields, **changes})


def test_scores_are_short_as_text_and_a_table_as_html() -> None:
    scores = Scores([a_score(), a_score(metric="coverage-lite0")])
    assert repr(scores[0]) == "Score(swd 205.7 [198, 213], real images 17.54)"
    shown = scores._repr_html_()
    assert shown.count("<tr>") == 3
    assert "<td>205.7</td><td>[198, 213]</td><td>17.54</td><td>lower</td>" in shown
    assert shown.count("warning: few samples") == 1
    assert a_score()._repr_html_() == Scores([a_score()])._repr_html_()
    assert "real images" in Scores()._repr_html_()


def test_diagnosis_is_short_as_text_and_a_table_as_html() -> None:
    advice = (Change("batch", "128", "more"), Change("batch", "256", "more"))
    finding = Finding("mode-collapse", "watch", 0.5, 64, (), "Few images.", advice, "a paper")
    diagnosis = Diagnosis(
        verdict="watch",
        findings=(finding,),
        status="finished",
        images_seen=12_000,
        saved_at=12_000,
        records=3,
        applicable=10,
        not_checked={},
        too_early=(),
        all_checked_from=0,
        longer_budget=24_000,
        budget=12_000,
        not_applicable={},
        caveats=("a line is damaged",),
        events=(),
    )
    assert repr(diagnosis) == "Diagnosis(watch at 12,000 images (finished): mode-collapse)"
    shown = diagnosis._repr_html_()
    assert "<td>watch: mode-collapse</td><td>Few images.</td>" in shown
    assert "<td>--batch 128 or --batch 256</td>" in shown
    assert "note: a line is damaged" in shown
