"""The networks: one file an architecture.

Every module of this folder is imported, so adding a file is enough to make it known.
Importing this package imports no torch; building networks does.
"""

import importlib
import pkgutil

from ganvas.architectures.architecture import ARCHITECTURES as ARCHITECTURES
from ganvas.architectures.architecture import Architecture as Architecture
from ganvas.architectures.architecture import Networks as Networks
from ganvas.architectures.architecture import NormName as NormName
from ganvas.architectures.sizes import POINT as POINT
from ganvas.architectures.sizes import Doubling as Doubling
from ganvas.architectures.sizes import ImageShape as ImageShape
from ganvas.architectures.sizes import size_problem as size_problem
from ganvas.architectures.sizes import split as split

LAYERS = ("blocks", "convolutions", "grouped")
"""The modules that are torch through and through; architectures import them when they build."""

for _module in pkgutil.iter_modules(__path__):
    if _module.name not in LAYERS:
        importlib.import_module(f"{__name__}.{_module.name}")

from ganvas.architectures.dcgan import DCGAN as DCGAN  # noqa: E402
from ganvas.architectures.maxout import Maxout as Maxout  # noqa: E402
from ganvas.architectures.mlp import MLP as MLP  # noqa: E402
from ganvas.architectures.r3gan import R3GAN as R3GAN  # noqa: E402
from ganvas.architectures.resnet import ResNet as ResNet  # noqa: E402
from ganvas.architectures.strided import Strided as Strided  # noqa: E402
