"""`ganvas recipes [NAME]`: the named recipes, or one of them, complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from ganvas.recipes import CATALOG, describe, load_recipe, recipe_json, recipe_toml


@dataclass(frozen=True)
class Recipes:
    """List the named recipes, or print one of them, complete, ready to be changed and trained."""

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")] = ""
    """The recipe to print."""
    format: Literal["toml", "json"] = "toml"
    """How to print it."""

    def run(self) -> None:
        """Print."""
        if not self.name:
            width = max(map(len, CATALOG))
            for name in CATALOG:
                print(f"{name:{width}}  {describe(name).splitlines()[0]}")
            print("\none of them, complete: ganvas recipes NAME > mine.toml")
            return
        recipe = load_recipe(self.name)
        if self.format == "json":
            print(recipe_json(recipe), end="")
            return
        for line in describe(self.name).splitlines() if self.name in CATALOG else []:
            print(f"# {line}".rstrip())
        print(recipe_toml(recipe), end="")
