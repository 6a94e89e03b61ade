"""Recipes: the types, and the named ones. `ganvas.recipes.dcgan()` is a complete `Recipe`."""

from ganvas.recipes.catalog import CATALOG as CATALOG
from ganvas.recipes.catalog import describe as describe
from ganvas.recipes.catalog import load_recipe as load_recipe
from ganvas.recipes.recipe import Intervals as Intervals
from ganvas.recipes.recipe import OptimizerSettings as OptimizerSettings
from ganvas.recipes.recipe import Recipe as Recipe
