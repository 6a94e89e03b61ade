"""`ganvas train RECIPE DATA`: train a GAN and leave everything in a run directory."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ganvas.cli.flag_names import errors_with_flag_names
from ganvas.errors import RecipeError
from ganvas.fields import flatten
from ganvas.recipes import CATALOG, Recipe, load_recipe
from ganvas.recipes.recipe import architecture_type

RECIPE_BEFORE_ANY_IS_NAMED = "dcgan"


@dataclass(frozen=True)
class Train:
    """Train a GAN on images. Every field of the recipe is a flag; defaults are the recipe's own."""

    recipe_name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RECIPE")]
    """A name (see ganvas recipes), or a .toml or .json file."""
    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """Folder, .zip, .npz, .npy, .parquet, IDX folder, fashion, ring, grid, stacked:DATA."""
    out: Path | None = None
    """Run directory to make; by default runs/RECIPE-DATA-N."""
    seed: int = 0
    """Decides weights, order and latents: same seed, same machine, same bits."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    verify: bool = False
    """Read every image file again, even where size and time stamp are those of the last start."""
    deterministic: bool = False
    """Make CUDA repeat itself bit for bit; the CPU does anyway."""
    compile: Literal["auto", "on", "off"] = "auto"
    """auto: CUDA graphs where there is CUDA; on: compiled too, on every device; off: neither."""
    architecture: str = ""
    """Exchange the recipe's architecture for another one, by name, with that one's defaults."""
    recipe: Annotated[Recipe, tyro.conf.arg(name="")] = field(
        default_factory=CATALOG[RECIPE_BEFORE_ANY_IS_NAMED]
    )

    def run(self) -> None:
        """Train."""
        from ganvas.training.trainer import train

        with errors_with_flag_names(flatten(self.recipe)):
            train(
                self.recipe,
                self.data,
                self.out,
                seed=self.seed,
                device=self.device,
                verify=self.verify,
                deterministic=self.deterministic,
                compile=self.compile,
            )


def train_with(recipe_name: str, arguments: list[str]) -> Train:
    """The defaults of `train` for a recipe, and for the architecture that the arguments name.

    Which flags exist depends on both, so they are looked up before anything is parsed.

    Raises:
        RecipeError: the recipe or the architecture is not known, or the file has problems.
    """
    recipe = load_recipe(recipe_name)
    architecture = value_of("--architecture", arguments)
    if architecture and architecture != recipe.architecture.name:
        try:
            chosen = architecture_type(architecture)()
        except KeyError as error:
            raise RecipeError([error.args[0]], "--architecture") from error
        recipe = replace(recipe, architecture=chosen, name=f"{recipe.name}-{architecture}")
    return Train(recipe_name=tyro.MISSING, data=tyro.MISSING, recipe=recipe)


def named_recipe(arguments: list[str]) -> str:
    """The recipe among the arguments of `train`: the first word, or after flags a known name.

    A guess where flags come first: `parse` compares it with what was parsed.
    """
    if arguments and not arguments[0].startswith("-"):
        return arguments[0]
    known = (word for word in arguments if word in CATALOG or word.endswith((".toml", ".json")))
    return next(known, RECIPE_BEFORE_ANY_IS_NAMED)


def value_of(flag: str, arguments: list[str]) -> str:
    """The value that a flag is given, as two words or as one with an equals sign."""
    for word, following in itertools.pairwise([*arguments, ""]):
        if word == flag:
            return following
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return ""
