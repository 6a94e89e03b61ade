"""What a network is: a frozen description that builds a generator or a discriminator.

A family (`dcgan.py`, `resnet.py`, ...) is one file with a description of each. Any generator trains
against any discriminator, so neither knows the other. Descriptions import no torch, because the
command line's help reads them; `build` does.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from ganvas.errors import did_you_mean
from ganvas.networks.sizes import POINT, ImageShape, size_problem

if TYPE_CHECKING:
    from torch import Tensor, nn

NormName = Literal["none", "batch", "layer"]
"""Normalisation: over a batch, per channel; or over one sample, with a gain per channel."""

GENERATORS: dict[str, type[Generator]] = {}
"""Every generator by name. A class that derives from `Generator` registers itself."""

DISCRIMINATORS: dict[str, type[Discriminator]] = {}
"""Every discriminator by name. A class that derives from `Discriminator` registers itself."""


@dataclass(frozen=True)
class Dimensions:
    """What a network is built for, and what the data and the recipe decide about it."""

    image: ImageShape
    """What the generator makes, or what the discriminator sees: of packs, all their channels."""
    latent_dim: int
    """Z, the length of a latent vector."""
    num_labels: int = 0
    """How many labels the data has; 0 without labels."""


@dataclass(frozen=True, kw_only=True)
class Network(ABC):
    """Base of every description: the fields that only this network has, and `build`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "extra": "forbid",
        "revalidate_instances": "always",
    }

    role: ClassVar[Literal["generator", "discriminator"]]
    name: ClassVar[str]
    supports_points: ClassVar[bool] = False
    """Whether it can be built for points (`sizes.POINT`)."""
    uses_labels: ClassVar[bool] = False
    """Whether the network takes labels, int64 (N,), as a second argument."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not inspect.isabstract(cls):
            cls._register()

    @classmethod
    @abstractmethod
    def table(cls) -> dict[str, type[Any]]:
        """The table of its kind: `GENERATORS` or `DISCRIMINATORS`."""

    @classmethod
    def _register(cls) -> None:
        table = cls.table()
        if cls.name in table and table[cls.name].__module__ != cls.__module__:
            raise TypeError(f"two {cls.role}s are called {cls.name!r}: rename one of them")
        table[cls.name] = cls

    @classmethod
    def named(cls, name: str) -> Self:
        """The description of that name, with its default fields.

        Raises:
            ValueError: no such network; the message names the nearest.
        """
        table = cls.table()
        if name not in table:
            known = ", ".join(sorted(table))
            hint = did_you_mean(name, table)
            raise ValueError(f"{name!r} is no {cls.role} network.{hint} All: {known}")
        network: Self = table[name]()
        return network

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """In files a network is a table of its name and its fields."""
        if not inspect.isabstract(source):
            return handler(source)
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            source._validated,
            serialization=core_schema.plain_serializer_function_ser_schema(network_table),
        )

    @classmethod
    def _validated(cls, value: object) -> Self:
        """A description of this kind, from an instance or from a table, with every field checked.

        Raises:
            ValueError: of pydantic's kind, naming the fields that are wrong.
        """
        from pydantic import TypeAdapter

        if isinstance(value, cls):
            checked: Self = TypeAdapter(type(value)).validate_python(value, strict=True)
            return checked
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            known = ", ".join(sorted(cls.table()))
            raise ValueError(f"expected a table with a name, one of {known}; got {value!r}")
        fields = {key: given for key, given in value.items() if key != "name"}
        kind = type(cls.named(value["name"]))
        return TypeAdapter(kind).validate_python(fields)

    @abstractmethod
    def build(self, dimensions: Dimensions) -> nn.Module:
        """Make the network, with weights drawn from torch's global random generator."""

    def size_problem(self, height: int, width: int) -> str | None:
        """Why it cannot be built for this size, with the sizes or networks that can; or None.

        All networks take the same image sizes. Some support points too.
        """
        if (height, width) != POINT:
            return size_problem(height, width)
        if self.supports_points:
            return None
        able = " or ".join(
            sorted(name for name, kind in self.table().items() if kind.supports_points)
        )
        return (
            f"1x1 is the size of points, but the {self.role} {self.name} is for images. "
            f"Choose {able} for points"
        )

    def problems(self, image: ImageShape) -> list[str]:
        """What cannot be built for this image shape, one line per problem.

        Each line starts with the field's name (`final_grid: ...`). A size that does not fit
        (`size_problem`) is not repeated here.
        """
        return []


@dataclass(frozen=True, kw_only=True)
class Generator(Network):
    """Describes a generator: `forward(latents (N, Z)) -> images (N, C, H, W)`.

    One that `uses_labels` is called as `forward(latents, labels)`. Images lie in [-1, 1] if it has
    `bounded_output`, points (N, C, 1, 1) anywhere.
    """

    role: ClassVar[Literal["generator", "discriminator"]] = "generator"
    bounded_output: ClassVar[bool] = True
    """Whether its images end in [-1, 1]. Otherwise values beyond are clamped when images become
    pixels (`images.to_uint8`)."""

    @classmethod
    def table(cls) -> dict[str, type[Any]]:
        return GENERATORS


@dataclass(frozen=True, kw_only=True)
class Discriminator(Network):
    """Describes a discriminator: `forward(images (N, C, H, W) in [-1, 1]) -> logits`, unbounded.

    Logits are (N,), or (N, K) of a network with K heads. One that `uses_labels` is called as
    `forward(images, labels)`.
    """

    role: ClassVar[Literal["generator", "discriminator"]] = "discriminator"

    @classmethod
    def table(cls) -> dict[str, type[Any]]:
        return DISCRIMINATORS

    @property
    @abstractmethod
    def uses_batch_statistics(self) -> bool:
        """Whether the logit for one image depends on the others of its batch.

        True under batch normalisation. A gradient penalty is then undefined: it is a statement
        about the gradient at one input (Gulrajani 2017, section 4).
        """


def network_table(network: Network) -> dict[str, Any]:
    """The table that a file holds for a network: its name and its fields."""
    return {"name": network.name, **asdict(network)}


def bind_labels(network: Callable[..., Tensor], *labels: Tensor) -> Callable[[Tensor], Tensor]:
    """The network as a function of its first argument alone.

    Args:
        network: takes (inputs) or, if it uses labels, (inputs, labels).
        labels: int64 (N,), or nothing for a network that takes none.
    """
    return (lambda inputs: network(inputs, *labels)) if labels else network
