"""`ganvas train RECIPE DATA`: train a GAN and leave everything in a run directory."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ganvas.cli.flag_names import errors_with_flag_names
from ganvas.command_line import ganvas_command
from ganvas.errors import RecipeError
from ganvas.fields import field_types
from ganvas.loggers.names import LOGGERS_HELP
from ganvas.networks import DISCRIMINATORS, GENERATORS, ROLES
from ganvas.recipes import CATALOG, Recipe, load_recipe
from ganvas.recipes.catalog import AUTO, NAMES
from ganvas.recipes.players import exchange_networks

if TYPE_CHECKING:
    from ganvas.training.choosing import Choice

RECIPE_BEFORE_ANY_IS_NAMED = "dcgan"
RECIPE_SUFFIXES = (".toml", ".json")
OWN_NETWORKS = "(default: the recipe's own)"


@dataclass(frozen=True)
class Train:
    """Train a GAN on images. Every field of the recipe is a flag; defaults are the recipe's own."""

    recipe_name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RECIPE")]
    """A name (see ganvas recipes), a .toml or .json file, or auto: what suits the images."""
    data: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """Folder, .zip, .tar, .npz, .npy, .parquet, IDX folder, hf:OWNER/NAME:SPLIT, fashion, ring,
    grid, stacked:DATA."""
    out: Path | None = None
    """Run directory to make; by default runs/RECIPE-DATA-N."""
    start_from: Annotated[Path | None, tyro.conf.arg(name="from", metavar="RUN")] = None
    """Start from the weights of an earlier run, or of hf:OWNER/NAME; defaults: learning rates / 4,
    no EMA ramp-up."""
    time: Annotated[
        str | None,
        tyro.conf.arg(metavar="TIME", help_behavior_hint="(default: as --images says)"),
    ] = None
    """Train for so long in place of --images: 90s, 10m, 1h30m. It counts training and its scores,
    not preparation."""
    tune: bool = False
    """Try three values of what matters most (weight of R1 and R2, clipping bound, or learning
    rates) on a tenth of the budget, and continue with the best."""
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
    log: Annotated[tuple[str, ...], tyro.conf.arg(help=f"Follow the run with {LOGGERS_HELP}")] = ()
    network: Annotated[
        str,
        tyro.conf.arg(
            metavar="NAME",
            help="Replace both players' networks by others, which have their own defaults: "
            f"{', '.join(sorted(GENERATORS.keys() & DISCRIMINATORS.keys()))}.",
            help_behavior_hint=OWN_NETWORKS,
        ),
    ] = ""
    generator_network: Annotated[
        str,
        tyro.conf.arg(
            name="generator.network",
            metavar="NAME",
            help=f"Replace the generator's network alone: {', '.join(sorted(GENERATORS))}.",
            help_behavior_hint=OWN_NETWORKS,
        ),
    ] = ""
    discriminator_network: Annotated[
        str,
        tyro.conf.arg(
            name="discriminator.network",
            metavar="NAME",
            help=f"Replace the discriminator's network alone: {', '.join(sorted(DISCRIMINATORS))}.",
            help_behavior_hint=OWN_NETWORKS,
        ),
    ] = ""
    recipe: Annotated[Recipe, tyro.conf.arg(name="")] = field(
        default_factory=CATALOG[RECIPE_BEFORE_ANY_IS_NAMED]
    )

    def run(self) -> None:
        """Train."""
        self.train(self.recipe)

    def train(self, recipe: Recipe | Choice) -> None:
        """Train a recipe, or what was chosen, with the other arguments."""
        from ganvas.training.trainer import train

        with errors_with_flag_names(["time", "tune", *field_types(self.recipe)]):
            train(
                recipe,
                self.data,
                self.out,
                start_from=self.start_from,
                time=self.time,
                tune=self.tune,
                seed=self.seed,
                device=self.device,
                verify=self.verify,
                deterministic=self.deterministic,
                compile=self.compile,
                log=self.log,
            )


def defaults_by_name(recipe_name: str, arguments: list[str]) -> Train:
    """The defaults of `train` for a recipe, with the networks that the arguments name.

    Which flags exist depends on both, and their defaults on --from too, so they are looked up
    before anything is parsed.

    Raises:
        RecipeError: an unknown recipe or network, or a file with problems.
    """
    check_order(recipe_name, arguments)
    recipe = load_recipe(RECIPE_BEFORE_ANY_IS_NAMED if recipe_name == AUTO else recipe_name)
    return defaults_for(recipe, arguments)


def defaults_for(recipe: Recipe, arguments: list[str]) -> Train:
    """As `defaults_by_name`, for a recipe that is at hand."""
    if value_of("--time", arguments) and value_of("--images", arguments):
        raise RecipeError(["--time and --images: one budget or the other, not both"], "train")
    if value_of("--time", arguments) and "--tune" in arguments:
        raise RecipeError(["--time and --tune: tuning needs a budget in images, --images"], "train")
    for_both = value_of("--network", arguments)
    names = [value_of(f"--{role}.network", arguments) or for_both for role in ROLES]
    for flag, name in zip((f"--{role}.network" for role in ROLES), names, strict=True):
        try:
            exchange_networks(recipe, **{flag[2:].partition(".")[0]: name})
        except ValueError as error:
            raise RecipeError([str(error)], "--network" if name == for_both else flag) from error
    recipe = exchange_networks(recipe, *names)
    if value_of("--from", arguments):
        recipe = recipe.for_trained_weights()  # the defaults of the flags, which the user's replace
    return Train(recipe_name=tyro.MISSING, data=tyro.MISSING, recipe=recipe)


def check_order(recipe_name: str, arguments: list[str]) -> None:
    """Raise a `RecipeError` if a run or images stand where the recipe should."""
    from ganvas.data.sources import source_exists
    from ganvas.runs.directories import is_run
    from ganvas.runs.file_names import RECIPE_JSON

    if names_recipe(recipe_name) or not source_exists(recipe_name):
        return
    if is_run(Path(recipe_name)):
        command = ganvas_command("train", Path(recipe_name) / RECIPE_JSON, "DATA")
        raise RecipeError(
            [
                f"{recipe_name!r} is a run, and the recipe comes first. To start from its weights, "
                f"add --from RUN. To train its recipe again: {command}"
            ]
        )
    meant = next((word for word in arguments if word in CATALOG), RECIPE_BEFORE_ANY_IS_NAMED)
    command = ganvas_command("train", meant, recipe_name)
    raise RecipeError([f"{recipe_name!r} is images, and the recipe comes first: {command}"])


def named_recipe(arguments: list[str]) -> str:
    """The recipe among the arguments of `train`: the first word, or after flags a known name.

    A guess where flags come first: `parse` compares it with what was parsed.
    """
    if arguments and not arguments[0].startswith("-"):
        return arguments[0]
    return next(filter(names_recipe, arguments), RECIPE_BEFORE_ANY_IS_NAMED)


def names_recipe(word: str) -> bool:
    """Whether a word may stand for a recipe: a name, `auto`, or a file."""
    return word in NAMES or word.endswith(RECIPE_SUFFIXES)


def value_of(flag: str, arguments: list[str]) -> str:
    """The value that a flag is given, as two words or as one with an equals sign."""
    for word, following in itertools.pairwise([*arguments, ""]):
        if word == flag:
            return following
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return ""
