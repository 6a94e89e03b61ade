"""A bare environment: no home folder, nothing that a library may write to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganvas.data.cache import default_cache
from ganvas.errors import DataError

from .conftest import Ganvas, refused

KEPT = ("PATH", "PYTHONPATH", "SYSTEMROOT")


def printed(*arguments: str) -> str:
    """What Python prints on stderr, where no folder of the user can be made."""
    bare = {name: os.environ[name] for name in KEPT if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**bare, "HOME": os.devnull},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        check=True,
    ).stderr


def test_matplotlib_says_nothing_about_its_own_folders() -> None:
    said = "import matplotlib.font_manager"
    assert "temporary cache directory" in printed("-c", said), "it no longer needs to be silenced"
    assert printed("-c", f"import ganvas; {said}") == ""


@pytest.mark.parametrize(
    ("backend", "holds"),
    [
        ("svg", "matplotlib.get_backend() == 'svg'"),
        ("module://of_another_notebook.inline", "matplotlib.figure.Figure().subplots()"),
    ],
)
def test_a_backend_that_is_not_installed_does_not_matter(backend: str, holds: str) -> None:
    """As for a command in the notebook of another environment."""
    program = (
        f"import os; os.environ['MPLBACKEND'] = {backend!r}\n"
        "import ganvas.reports.figures, matplotlib\n"
        f"assert os.environ['MPLBACKEND'] == {backend!r} and {holds}"
    )
    assert printed("-c", program) == ""


def test_a_program_that_asks_for_the_log_of_a_library_gets_it() -> None:
    program = (
        "import ganvas, logging; {}; logging.getLogger('PIL.TiffImagePlugin').warning('odd tag')"
    )
    assert printed("-c", program.format("pass")) == ""
    assert "odd tag" in printed("-c", program.format("logging.basicConfig()"))


def test_the_commands_drop_what_any_library_logs_or_warns_about() -> None:
    program = (
        "import logging, warnings\n"
        "from ganvas.cli import quiet_libraries\n"
        "quiet_libraries()\n"
        "logging.getLogger('some.library').warning('odd')\n"
        "warnings.warn('odd')"
    )
    assert printed("-c", program) == ""
    assert "UserWarning: odd" in printed("-W", "default", "-c", program)


def test_without_a_home_folder_the_message_names_the_variable_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_home(*_: object, **__: object) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("GANVAS_CACHE")
    monkeypatch.setattr("ganvas.data.cache.user_cache_dir", no_home)
    with pytest.raises(DataError, match="set GANVAS_CACHE to a folder"):
        default_cache()
    monkeypatch.setenv("GANVAS_CACHE", "~nobody-of-this-name/cache")
    assert default_cache() == Path("~nobody-of-this-name/cache")


def test_the_home_of_an_unknown_user_is_no_data(ganvas: Ganvas) -> None:
    refused(ganvas("check", "~nobody-of-this-name/photos"), "no such file or folder")
