"""ganvas: train GANs that work, and know why.

The public names, on one page. All but the errors are loaded when first used, so that
`import ganvas` is quick, and the program hears Ctrl-C from its first moment.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from ganvas.errors import DataError as DataError
from ganvas.errors import DeviceError as DeviceError
from ganvas.errors import Diverged as Diverged
from ganvas.errors import GanvasError as GanvasError
from ganvas.errors import HubError as HubError
from ganvas.errors import Interrupted as Interrupted
from ganvas.errors import RecipeError as RecipeError
from ganvas.errors import RunError as RunError
from ganvas.errors import StudyError as StudyError
from ganvas.errors import Unhealthy as Unhealthy
from ganvas.version import __version__ as __version__

if TYPE_CHECKING:
    from ganvas import recipes as recipes
    from ganvas.diagnosis import Diagnosis as Diagnosis
    from ganvas.diagnosis import diagnose as diagnose
    from ganvas.evaluation.evaluate import evaluate as evaluate
    from ganvas.evaluation.score import Score as Score
    from ganvas.evaluation.truncation import truncation as truncation
    from ganvas.exports.targets import export as export
    from ganvas.generators.files import load as load
    from ganvas.generators.trained_generator import TrainedGenerator as TrainedGenerator
    from ganvas.hub.push import Pushed as Pushed
    from ganvas.hub.push import push as push
    from ganvas.latents.directions import Directions as Directions
    from ganvas.latents.latents import Latents as Latents
    from ganvas.latents.projection import Projection as Projection
    from ganvas.loggers.log import log as log
    from ganvas.recipes import Recipe as Recipe
    from ganvas.reports.report import report as report
    from ganvas.runs import Run as Run
    from ganvas.studies.reading import load_study as load_study
    from ganvas.studies.results import StudyResults as StudyResults
    from ganvas.studies.results import read_results as read_results
    from ganvas.studies.running import compare as compare
    from ganvas.studies.study import Arm as Arm
    from ganvas.studies.study import Study as Study
    from ganvas.training.choosing import Choice as Choice
    from ganvas.training.choosing import choose as choose
    from ganvas.training.trainer import resume as resume
    from ganvas.training.trainer import train as train

for _library in ("matplotlib", "PIL"):
    # Python prints the log of a library that no program has asked for, unless it has a handler.
    logging.getLogger(_library).addHandler(logging.NullHandler())

_LOADED_WHEN_USED = {
    "Arm": "ganvas.studies.study",
    "Choice": "ganvas.training.choosing",
    "Diagnosis": "ganvas.diagnosis",
    "Directions": "ganvas.latents.directions",
    "Latents": "ganvas.latents.latents",
    "Projection": "ganvas.latents.projection",
    "Pushed": "ganvas.hub.push",
    "Recipe": "ganvas.recipes",
    "Run": "ganvas.runs",
    "Score": "ganvas.evaluation.score",
    "Study": "ganvas.studies.study",
    "StudyResults": "ganvas.studies.results",
    "TrainedGenerator": "ganvas.generators.trained_generator",
    "choose": "ganvas.training.choosing",
    "compare": "ganvas.studies.running",
    "diagnose": "ganvas.diagnosis",
    "evaluate": "ganvas.evaluation.evaluate",
    "export": "ganvas.exports.targets",
    "load": "ganvas.generators.files",
    "load_study": "ganvas.studies.reading",
    "push": "ganvas.hub.push",
    "log": "ganvas.loggers.log",
    "read_results": "ganvas.studies.results",
    "report": "ganvas.reports.report",
    "resume": "ganvas.training.trainer",
    "train": "ganvas.training.trainer",
    "truncation": "ganvas.evaluation.truncation",
}

__all__ = [
    "DataError",
    "DeviceError",
    "Diverged",
    "GanvasError",
    "HubError",
    "Interrupted",
    "RecipeError",
    "RunError",
    "StudyError",
    "Unhealthy",
    "__version__",
    "recipes",
    *_LOADED_WHEN_USED,
]


def __getattr__(name: str) -> Any:
    if name == "recipes":
        return importlib.import_module("ganvas.recipes")
    if name in _LOADED_WHEN_USED:
        return getattr(importlib.import_module(_LOADED_WHEN_USED[name]), name)
    raise AttributeError(f"module 'ganvas' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
