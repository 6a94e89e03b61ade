"""`ganvas.report`: one HTML file about a run or a study."""

from __future__ import annotations

from pathlib import Path

from ganvas import storage
from ganvas.errors import GanvasError, RunError
from ganvas.reports.run_report import run_report
from ganvas.reports.study_report import study_report
from ganvas.runs import Run
from ganvas.runs.directories import is_study
from ganvas.terminal import tolerant_output
from ganvas.torch_state import usual_torch

NAME = "report.html"


@tolerant_output()
@usual_torch()
def report(
    directory: Run | Path | str, out: Path | str | None = None, *, quiet: bool = True
) -> Path:
    """Write one self-contained HTML page about a run or a study, finished or not.

    Args:
        directory: the run or study.
        out: the file; by default report.html in the directory.
        quiet: show no progress bars.

    Returns:
        The file.

    Raises:
        RunError: the directory is neither, or the file cannot be written.
        GanvasError: the page would be larger than 8 MB.
    """
    source = directory.directory if isinstance(directory, Run) else storage.given_path(directory)
    path = source / NAME if out is None else storage.given_path(out)
    if path.is_dir():
        raise GanvasError(f"{path} is a folder; give a file, such as {path / NAME}")
    make_page = study_report if is_study(source) else run_report
    try:
        page = make_page(source, quiet)
    except FileNotFoundError as error:  # the run is training, or rewinds, meanwhile
        raise RunError(
            f"{error.filename} was removed while the report was made. Try again"
        ) from error
    storage.make_directory(path.absolute().parent)
    storage.write_bytes(path, page)
    return path
