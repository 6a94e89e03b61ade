"""The base of networks: a frozen description that builds a generator or a discriminator.

A family (`dcgan.py`, `resnet.py`, ...) is one file with a description of each. Any generator trains
against any discriminator, so neither depends on the other. Importing a description imports no
torch, because the command line's help needs it; `build` does.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

from ganvas.errors import RecipeError, did_you_mean
from ganvas.json_files import adapter
from ganvas.networks.installed import import_installed
from ganvas.networks.sizes import (
    FEWEST_DOUBLINGS,
    POINT,
    Doubling,
    ImageShape,
    doubling_of,
    size_problem,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

Role = Literal["generator", "discriminator"]
ROLES: tuple[Role, Role] = ("generator", "discriminator")
"""Both players, by the names of their fields in a recipe."""

NormName = Literal["none", "batch", "layer"]
"""Normalisation: over a batch, per channel; or over one sample, with a gain per channel."""

GENERATORS: dict[str, type[Generator]] = {}
"""Every generator by name. A class that derives from `Generator` registers itself."""

DISCRIMINATORS: dict[str, type[Discriminator]] = {}
"""Every discriminator by name. A class that derives from `Discriminator` registers itself."""


@dataclass(frozen=True)
class Dimensions:
    """The dimensions that the data and the recipe fix for a network."""

    image: ImageShape
    """The generator's output or the discriminator's input; a pack has all its channels."""
    latent_dim: int
    """Z, the length of a latent vector."""
    num_labels: int = 0
    """How many labels the data has; 0 without labels."""
    later_doublings: int = 0
    """Doublings that a network lacks while it grows (`growing.py`): it has the coarse stages of the
    network without this, by the same names and as wide. The image is always of the full size."""

    @property
    def doubling(self) -> Doubling:
        """How the size at which the network works is split into doublings.

        Raises:
            RecipeError: the image's size does not fit, or has no size so many halvings below it.
        """
        whole = doubling_of(self.image)
        if not 0 <= self.later_doublings <= whole.doublings - FEWEST_DOUBLINGS:
            most = whole.doublings - FEWEST_DOUBLINGS
            raise RecipeError(
                [f"later_doublings: 0 to {most} for {self.image}, got {self.later_doublings}"]
            )
        return replace(whole, doublings=whole.doublings - self.later_doublings)


@dataclass(frozen=True, kw_only=True)
class Network(ABC):
    """Base of every description. A description adds its own fields and `build`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "extra": "forbid",
        "revalidate_instances": "always",
    }

    role: ClassVar[Role]
    name: ClassVar[str]
    supports_points: ClassVar[bool] = False
    """Whether the network can be built for points (`sizes.POINT`)."""
    grows: ClassVar[bool] = False
    """Whether its coarse stages can be built alone (`Dimensions.later_doublings`)."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not inspect.isabstract(cls):
            cls._register()

    @classmethod
    @abstractmethod
    def table(cls) -> dict[str, type[Any]]:
        """`GENERATORS` or `DISCRIMINATORS`."""

    @classmethod
    def _register(cls) -> None:
        table = cls.table()
        if cls.name in table and table[cls.name].__module__ != cls.__module__:
            raise TypeError(f"two {cls.role}s are called {cls.name!r}: rename one of them")
        table[cls.name] = cls

    @classmethod
    def named(cls, name: str) -> Self:
        """The description of that name, with its default fields.

        A name that ganvas does not have may be one of another installed package.

        Raises:
            ValueError: no such network; the message names the nearest.
        """
        table = cls.table()
        problems = () if name in table else import_installed()
        if name not in table:
            known = ", ".join(sorted(table))
            hint = did_you_mean(name, table)
            lines = (f"{name!r} is no {cls.role} network.{hint} All: {known}.", *problems)
            raise ValueError(f"{' '.join(lines)} For one of your own see docs/add-a-network.md")
        network: Self = table[name]()
        return network

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Files hold a network as a table of its name and its fields."""
        if not inspect.isabstract(source):
            return handler(source)
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            source._validated,
            serialization=core_schema.plain_serializer_function_ser_schema(network_table),
        )

    @classmethod
    def _validated(cls, value: object) -> Self:
        """A description, from an instance or from a table, with every field checked.

        Raises:
            ValidationError: of pydantic, naming the fields that are wrong.
            ValueError: the value is no table with a name.
        """
        if isinstance(value, cls):
            checked: Self = adapter(type(value)).validate_python(value, strict=True)
            return checked
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            known = ", ".join(sorted(cls.table()))
            raise ValueError(f"expected a table with a name, one of {known}; got {value!r}")
        fields = {key: field for key, field in value.items() if key != "name"}
        description = type(cls.named(value["name"]))
        read: Self = adapter(description).validate_python(fields)
        return read

    @abstractmethod
    def build(self, dimensions: Dimensions) -> nn.Module:
        """Build the network; torch's constructors and `nn.init` draw its weights.

        `randomness.seeded_weights` decides what they draw from.
        """

    @property
    def uses_labels(self) -> bool:
        """Whether the network takes labels, int64 (N,), as a second argument."""
        return False

    def conditional(self) -> Self | None:
        """This network taking labels, in the form that suits it; None if it has no such form."""
        return self if self.uses_labels else None

    def unconditional(self) -> Self:
        """This network without labels."""
        return self

    def size_problem(self, height: int, width: int) -> str | None:
        """Why the network cannot be built for this size, with alternatives; None if it can.

        All networks take the same image sizes. Some support points too.
        """
        if (height, width) != POINT:
            return size_problem(height, width)
        if self.supports_points:
            return None
        alternatives = " or ".join(
            sorted(name for name, network in self.table().items() if network.supports_points)
        )
        return (
            f"1x1 is the size of points, but the {self.role} {self.name} is for images. "
            f"Choose {alternatives} for points"
        )

    def problems(self, image: ImageShape) -> list[str]:
        """Fields that do not fit this image shape, one line per problem.

        Each line starts with the field's name (`final_grid: ...`). A size that does not fit
        (`size_problem`) is not repeated here.
        """
        return []


@dataclass(frozen=True, kw_only=True)
class Generator(Network):
    """Describes a generator: `forward(latents (N, Z)) -> images (N, C, H, W)`.

    If it `uses_labels`, it is called as `forward(latents, labels)`. Images lie in [-1, 1] if it has
    `bounded_output`; points (N, C, 1, 1) are unbounded.
    """

    role: ClassVar[Role] = "generator"
    bounded_output: ClassVar[bool] = True
    """Whether its images lie in [-1, 1]. Otherwise values outside are clamped when images become
    pixels (`images.to_uint8`)."""
    has_styles: ClassVar[bool] = False
    """Whether it is built with a style space, as a `StyleBased` network (`styles.py`)."""

    @classmethod
    def table(cls) -> dict[str, type[Any]]:
        return GENERATORS


@dataclass(frozen=True, kw_only=True)
class Discriminator(Network):
    """Describes a discriminator: `forward(images (N, C, H, W) in [-1, 1]) -> logits`, unbounded.

    Logits are (N,), or (N, K) of a network with K heads. If it `uses_labels`, it is called as
    `forward(images, labels)`.
    """

    role: ClassVar[Role] = "discriminator"

    @classmethod
    def table(cls) -> dict[str, type[Any]]:
        return DISCRIMINATORS

    @property
    @abstractmethod
    def uses_batch_statistics(self) -> bool:
        """Whether the logit for one image depends on the other images of its batch.

        True under batch normalisation and minibatch standard deviation. Gradient penalties are then
        refused, because they need the gradient with respect to a single input (Gulrajani 2017,
        section 4); R1 and R2 not if `group_size` says what they are of.
        """

    @property
    def group_size(self) -> int:
        """How many neighbouring images a logit depends on, if it compares the images of a group.

        1: on one alone, or on all of a batch. A group is then seen as one input with as many
        logits. R1 and R2 are those of their sum: |gradient|^2 with respect to all of its images. It
        vanishes when the discriminator is flat where the data are, which is what these penalties
        are for (Mescheder 2018, section 4). Under batch normalisation it may vanish anywhere, as
        the sum of normalised numbers is constant.
        """
        return 1

    @property
    def needs_labels(self) -> bool:
        """Whether its logit has no part without labels, so that they cannot count less."""
        return False

    @property
    def reconstructs(self) -> bool:
        """Whether it is built with decoders, as a `Reconstructing` network.

        The penalty `reconstruction` trains them; without it they do nothing.
        """
        return False


@runtime_checkable
class Reconstructing(Protocol):
    """A discriminator that can make images again from what it sees in them."""

    def reconstruct(
        self, images: Tensor, uniform: Tensor, *labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits, as the network gives them, and how far the images made again are off, (N,).

        Args:
            images: (N, C, H, W).
            uniform: (N, 1, 1, 1) in [0, 1), for what is chosen by chance.
        """
        ...


def network_table(network: Network) -> dict[str, Any]:
    """A network as the table that files hold: its name and its fields."""
    return {"name": network.name, **asdict(network)}


def bind_labels(network: Callable[..., Tensor], *labels: Tensor) -> Callable[[Tensor], Tensor]:
    """The network as a function of its first argument alone.

    Args:
        network: takes (inputs) or, if it uses labels, (inputs, labels).
        labels: int64 (N,), or nothing for a network that takes none.
    """
    return (lambda inputs: network(inputs, *labels)) if labels else network


def average_heads(logits: Tensor) -> Tensor:
    """One logit for each image, (N,), from logits (N,) or (N, K) of several heads."""
    return logits.flatten(1).mean(1) if logits.dim() > 1 else logits
