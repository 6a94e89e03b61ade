"""The networks: one file an architecture.

Every module of this folder is imported, so adding a file is enough to make it known.
Importing this package imports no torch; building networks does.
"""

import importlib
import pkgutil

from ganvas.networks.network import ARCHITECTURES as ARCHITECTURES
from ganvas.networks.network import Architecture as Architecture
from ganvas.networks.network import Networks as Networks
from ganvas.networks.network import NormName as NormName
from ganvas.networks.sizes import POINT as POINT
from ganvas.networks.sizes import Doubling as Doubling
from ganvas.networks.sizes import ImageShape as ImageShape
from ganvas.networks.sizes import size_problem as size_problem
from ganvas.networks.sizes import split as split

LAYERS = ("blocks", "convolutions", "grouped")
"""The modules that are torch through and through; architectures import them when they build."""

for _module in pkgutil.iter_modules(__path__):
    if _module.name not in LAYERS:
        importlib.import_module(f"{__name__}.{_module.name}")

from ganvas.networks.dcgan import DCGAN as DCGAN  # noqa: E402
from ganvas.networks.maxout import Maxout as Maxout  # noqa: E402
from ganvas.networks.mlp import MLP as MLP  # noqa: E402
from ganvas.networks.r3gan import R3GAN as R3GAN  # noqa: E402
from ganvas.networks.resnet import ResNet as ResNet  # noqa: E402
from ganvas.networks.strided import Strided as Strided  # noqa: E402
