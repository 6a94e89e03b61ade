"""The networks: one file per family, with a generator and a discriminator.

Every module of this folder is imported, so a new file registers its networks.
Importing this package imports no torch; building networks does.
"""

import importlib
import pkgutil

from ganvas.networks.network import DISCRIMINATORS as DISCRIMINATORS
from ganvas.networks.network import GENERATORS as GENERATORS
from ganvas.networks.network import ROLES as ROLES
from ganvas.networks.network import Dimensions as Dimensions
from ganvas.networks.network import Discriminator as Discriminator
from ganvas.networks.network import Generator as Generator
from ganvas.networks.network import Network as Network
from ganvas.networks.network import NormName as NormName
from ganvas.networks.network import Reconstructing as Reconstructing
from ganvas.networks.network import Role as Role
from ganvas.networks.network import average_heads as average_heads
from ganvas.networks.network import bind_labels as bind_labels
from ganvas.networks.network import network_table as network_table
from ganvas.networks.sizes import POINT as POINT
from ganvas.networks.sizes import Doubling as Doubling
from ganvas.networks.sizes import ImageShape as ImageShape
from ganvas.networks.sizes import size_problem as size_problem
from ganvas.networks.sizes import split as split

TORCH_MODULES = (
    "attention",
    "blocks",
    "convolutions",
    "equalised",
    "excitation",
    "filtering",
    "first_layers",
    "grouped",
    "growing",
    "labels",
    "modulated",
    "running_statistics",
    "styles",
    "weights",
)
"""Modules that import torch; descriptions import them only inside `build`."""

for _module in pkgutil.iter_modules(__path__):
    if _module.name not in TORCH_MODULES:
        importlib.import_module(f"{__name__}.{_module.name}")

from ganvas.networks.biggan import BigGANDiscriminator as BigGANDiscriminator  # noqa: E402
from ganvas.networks.biggan import BigGANGenerator as BigGANGenerator  # noqa: E402
from ganvas.networks.dcgan import DCGANDiscriminator as DCGANDiscriminator  # noqa: E402
from ganvas.networks.dcgan import DCGANGenerator as DCGANGenerator  # noqa: E402
from ganvas.networks.fastgan import FastGANDiscriminator as FastGANDiscriminator  # noqa: E402
from ganvas.networks.fastgan import FastGANGenerator as FastGANGenerator  # noqa: E402
from ganvas.networks.maxout import MaxoutDiscriminator as MaxoutDiscriminator  # noqa: E402
from ganvas.networks.maxout import MaxoutGenerator as MaxoutGenerator  # noqa: E402
from ganvas.networks.mlp import MLPDiscriminator as MLPDiscriminator  # noqa: E402
from ganvas.networks.mlp import MLPGenerator as MLPGenerator  # noqa: E402
from ganvas.networks.r3gan import R3GANDiscriminator as R3GANDiscriminator  # noqa: E402
from ganvas.networks.r3gan import R3GANGenerator as R3GANGenerator  # noqa: E402
from ganvas.networks.resnet import ResNetDiscriminator as ResNetDiscriminator  # noqa: E402
from ganvas.networks.resnet import ResNetGenerator as ResNetGenerator  # noqa: E402
from ganvas.networks.strided import StridedDiscriminator as StridedDiscriminator  # noqa: E402
from ganvas.networks.strided import StridedGenerator as StridedGenerator  # noqa: E402
from ganvas.networks.style import StyleDiscriminator as StyleDiscriminator  # noqa: E402
from ganvas.networks.style import StyleGenerator as StyleGenerator  # noqa: E402
