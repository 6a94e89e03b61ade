"""The recipe.json of a run, also of one that an earlier version wrote."""

from __future__ import annotations

from pathlib import Path

from ganvas.recipes import Recipe
from ganvas.recipes.files import parse_recipe, read_table


def read_recipe_of_run(path: Path) -> Recipe:
    """A recipe.json that a run wrote.

    In ganvas 0.2 there was one split, and a folder train/ was a label; it names neither. In 0.3
    labels served scores alone, which was called auto.
    """
    table = read_table(path)
    if isinstance(data := table.get("data"), dict):
        data.setdefault("split", "content")
        data.setdefault("labels", "folders")
        if data["labels"] == "auto" and "label_strength" not in table:
            data["labels"] = "scores"
    return parse_recipe(table, str(path))
