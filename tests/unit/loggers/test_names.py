"""Which loggers there are, and what is said where one cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganvas.errors import GanvasError
from ganvas.loggers.names import LOGGERS, LoggerKind, check_loggers

from ...extras import require_extra


@pytest.mark.parametrize("names", ["tensorboard", ["tensorboard"], "tensorboard, tensorboard"])
def test_names_come_as_a_list_or_with_commas_and_count_once(names: str | list[str]) -> None:
    require_extra("log")
    assert check_loggers(names) == ("tensorboard",)


@pytest.mark.parametrize("names", ["", (), "off"])
def test_there_may_be_none(names: str | tuple[str, ...]) -> None:
    assert check_loggers(names) == ()


def test_all_problems_come_at_once_each_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoggerKind, "is_installed", lambda kind: False)
    with pytest.raises(GanvasError) as caught:
        check_loggers("tensorbord,tensorboard,mlflow")
    assert str(caught.value).splitlines() == [
        "log: 'tensorbord' is no logger. Did you mean tensorboard? All: tensorboard, wandb, "
        "mlflow, trackio",
        "log: tensorboard is not installed: pip install 'ganvas[log]'",
        "log: mlflow is not installed: pip install mlflow",
    ]


def test_folder_with_the_name_of_a_library_is_no_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notebook_logs").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert not LoggerKind("notebook_logs", "", "", ()).is_installed()


def test_every_logger_is_a_class_and_names_its_command(tmp_path: Path) -> None:
    for kind in LOGGERS.values():
        assert kind.load().__name__ == kind.class_name
        assert kind.view_command(tmp_path).startswith(kind.name)
    quoted = LOGGERS["tensorboard"].view_command(Path("my runs") / "a")
    assert quoted == "tensorboard --logdir 'my runs/a/tensorboard'"
