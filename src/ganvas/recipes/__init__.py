"""Recipes: the types, and the named ones. `ganvas.recipes.dcgan()` is a complete `Recipe`."""

from ganvas.recipes.catalog import CATALOG as CATALOG
from ganvas.recipes.catalog import dcgan as dcgan
from ganvas.recipes.catalog import describe as describe
from ganvas.recipes.catalog import load_recipe as load_recipe
from ganvas.recipes.catalog import lsgan as lsgan
from ganvas.recipes.catalog import mlp as mlp
from ganvas.recipes.catalog import pacgan_points as pacgan_points
from ganvas.recipes.catalog import pacgan_stacked as pacgan_stacked
from ganvas.recipes.catalog import points_modern as points_modern
from ganvas.recipes.catalog import r3gan as r3gan
from ganvas.recipes.catalog import resnet as resnet
from ganvas.recipes.catalog import resnet_wgan_gp as resnet_wgan_gp
from ganvas.recipes.catalog import stacked_modern as stacked_modern
from ganvas.recipes.catalog import wgan as wgan
from ganvas.recipes.catalog import wgan_gp as wgan_gp
from ganvas.recipes.papers import r3gan_paper as r3gan_paper
from ganvas.recipes.papers import resnet_paper as resnet_paper
from ganvas.recipes.papers import resnet_wgan_gp_paper as resnet_wgan_gp_paper
from ganvas.recipes.papers import wgan_gp_paper as wgan_gp_paper
from ganvas.recipes.papers import wgan_paper as wgan_paper
from ganvas.recipes.recipe import Intervals as Intervals
from ganvas.recipes.recipe import OnFailure as OnFailure
from ganvas.recipes.recipe import OptimizerSettings as OptimizerSettings
from ganvas.recipes.recipe import Recipe as Recipe
from ganvas.schedules import Ramp as Ramp
