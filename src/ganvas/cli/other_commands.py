"""Commands of other tools, and what to type here instead. To add one, add its name to a row."""

from __future__ import annotations

from collections.abc import Collection

from ganvas.errors import GanvasError, did_you_mean

NEAR = 0.7
"""How similar a name must be to be suggested, 0 to 1; `version` and `train` are not."""

COMMANDS_OF_OTHER_TOOLS = {
    "generate gen images predict infer inference test synthesize draw gen-images": "sample",
    "walk morph gif video interpolation gen-video": "interpolate",
    "invert inversion encode embed projector reconstruct": "project",
    "sefa ganspace factorize closed-form-factorization edit semantics apply-factor": "directions",
    "style-mixing mixing stylemix": "mix",
    "timelapse progress training-film": "film",
    "fid score scores eval metrics metric calc-metrics benchmark is kid": "evaluate",
    "truncate precision-recall prdc truncation-sweep psi": "truncation",
    "list ls models presets configs recipe networks zoo": "recipes",
    "dataset data inspect info validate verify prepare stats dataset-tool": "check",
    "fit run start learn new": "train",
    "continue restart": "resume",
    "doctor health debug why": "diagnose",
    "show view plot html visualize": "report",
    "upload publish share push-to-hub": "push",
    "dashboard monitor follow live": "watch",
    "serve app ui gui playground gradio streamlit webui": "demo",
    "onnx convert to-onnx torchscript trace deploy freeze": "export",
    "logs tensorboard tb events": "log",
    "sweep study tune ablate search grid experiment": "compare",
    "version": "--version",
    "help": "--help",
}
"""Names that other tools give a command, separated by blanks, and what ganvas calls it."""

_BY_NAME = {name: ours for names, ours in COMMANDS_OF_OTHER_TOOLS.items() for name in names.split()}


def unknown_command(name: str, commands: Collection[str]) -> GanvasError:
    """The error for a command that there is not, with the one that was probably meant."""
    ours = _BY_NAME.get(name.lower().replace("_", "-"))
    hint = f" Use ganvas {ours}." if ours else did_you_mean(name, commands, NEAR)
    return GanvasError(f"{name!r} is no command.{hint} All: {', '.join(commands)}")
