"""`ganvas export`: from a run to a generator in another form.

A new target is a file with a function that writes it, a line in `TARGETS`, and its name in
`names.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ganvas.errors import GanvasError, did_you_mean
from ganvas.exports.folder import write_folder
from ganvas.exports.names import Output, TargetName, Weights
from ganvas.exports.onnx_file import write_onnx
from ganvas.exports.request import ExportRequest
from ganvas.exports.web_page import write_web_page
from ganvas.extras import check_extra
from ganvas.generators.files import load, read_description
from ganvas.runs import Run
from ganvas.runs.directories import check_is_run, check_new_file, check_new_folder, is_onnx
from ganvas.storage import given_path
from ganvas.torch_state import usual_torch


@dataclass(frozen=True)
class Target:
    """A form in which a generator can be exported."""

    write: Callable[[ExportRequest], str]
    """Writes it, and says in a sentence how it compares with what torch computes."""
    suffix: str
    """Of the file; empty for a folder."""
    options: tuple[str, ...] = ()
    """Fields of `ExportRequest` that may be other than by default."""
    extra: str = ""
    """Of ganvas, that installs `modules`."""
    modules: tuple[str, ...] = ()
    """Libraries that it needs."""


ONNX_MODULES = ("onnx", "onnxscript", "onnxruntime")
"""What the extra onnx installs: to write a file, and to compare it with torch."""

TARGETS: dict[TargetName, Target] = {
    "onnx": Target(
        write_onnx,
        ".onnx",
        options=("weights", "output"),
        extra="onnx",
        modules=ONNX_MODULES,
    ),
    "folder": Target(write_folder, ""),
    "web": Target(
        write_web_page,
        ".html",
        options=("weights", "folder"),
        extra="onnx",
        modules=ONNX_MODULES,
    ),
}


@usual_torch()
def export(
    run: Run | Path | str,
    to: TargetName = "onnx",
    out: Path | str | None = None,
    *,
    checkpoint: str = "last",
    weights: Weights = "float32",
    output: Output = "float",
    folder: bool = False,
) -> Path:
    """Write a run's generator in a form that needs no ganvas.

    The export is compared with torch before it gets its name.

    Args:
        run: the run, its directory, or a generator/ folder copied from one.
        to: onnx, one file; folder, with code that needs torch and safetensors alone; or web, one
            HTML file that makes pictures in a browser.
        out: the file, which is replaced if it exists, or the new folder; by default it has the
            run's name, in the run's directory.
        checkpoint: last, best, or the images seen at a checkpoint (80k).
        weights: of onnx and web: float32, or float16 in half the size.
        output: of onnx: float (N, C, H, W) in [-1, 1], or uint8 (N, H, W, C) in [0, 255].
        folder: of web: files for a web server instead of one that opens from a disk.

    Returns:
        What was written.

    Raises:
        GanvasError: there is no such target, or it has no such option; a library is missing; or a
            layer of the network cannot be exported.
        RunError: there is no such run or checkpoint, or the file cannot be written.
    """
    path, _ = export_described(run, to, out, checkpoint, weights, output, folder)
    return path


def export_described(
    run: Run | Path | str,
    to: TargetName,
    out: Path | str | None,
    checkpoint: str,
    weights: Weights,
    output: Output,
    folder: bool,
) -> tuple[Path, str]:
    """As `export`, with a sentence on how it compares with what torch computes."""
    target = target_named(to)
    check_options(to, target, weights, output, folder)
    check_extra(target.extra, f"exporting to {to}", *target.modules)
    source = run.directory if isinstance(run, Run) else given_path(run)
    if is_onnx(source):
        raise GanvasError(f"{source} is exported already: export the run that it is of")
    if source.is_file():
        check_is_run(source)
    name = source.resolve().name
    suffix = "" if folder else target.suffix
    default = f"{name}-web" if folder else f"{name}{suffix}"
    path = given_path(out) if out is not None else source / default
    check_out(path, to, suffix)
    trained = load(run, "cpu", checkpoint)
    request = ExportRequest(trained, read_description(source), name, path, weights, output, folder)
    return path, target.write(request)


def target_named(name: str) -> Target:
    """The target of a name.

    Raises:
        GanvasError: there is none.
    """
    for known, target in TARGETS.items():
        if name == known:
            return target
    near = did_you_mean(name, TARGETS)
    raise GanvasError(f"{name!r} is no form to export to.{near} All: {', '.join(TARGETS)}")


def check_options(to: str, target: Target, weights: Weights, output: Output, folder: bool) -> None:
    """Raise a `GanvasError` for an option that the target does not have."""
    changed = {"weights": weights != "float32", "output": output != "float", "folder": folder}
    problems = []
    for name, given in changed.items():
        if given and name not in target.options:
            takers = [known for known, other in TARGETS.items() if name in other.options]
            only = " only" if len(takers) == 1 else ""
            problems.append(f"--{name} is for --to {' and '.join(takers)}{only}, not --to {to}")
    if problems:
        raise GanvasError("\n".join(problems))


def check_out(path: Path, to: str, suffix: str) -> None:
    """Raise a `GanvasError` unless a file with this suffix, or a folder, can be written there."""
    if suffix and path.suffix.lower() != suffix:
        raise GanvasError(f"{path}: expected a name that ends in {suffix}, for --to {to}")
    check = check_new_file if suffix else check_new_folder
    check(path)
