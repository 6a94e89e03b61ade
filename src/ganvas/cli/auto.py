"""`ganvas train auto DATA`: the recipe is chosen for the images and this machine.

Which flags there are, and their defaults, depends on what is chosen. So the arguments are parsed
twice: at once, so that what cannot be is said before anything is read, and again with the choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ganvas.cli.flag_names import errors_with_flag_names
from ganvas.cli.train import Train
from ganvas.errors import RecipeError
from ganvas.fields import field_types
from ganvas.recipes import Recipe, checked


@dataclass(frozen=True)
class Auto:
    """Choose a recipe and train it, with the flags that were given.

    first: the arguments with the defaults of a stand-in for the recipe.
    images: what --images says; None if it is not given.
    chooses_size: whether --size is not given.
    with_recipe: parses the arguments again, with a recipe's flags and defaults.
    """

    first: Train
    images: int | None
    chooses_size: bool
    with_recipe: Callable[[Recipe], Train]

    def run(self) -> None:
        """Choose, and train."""
        from ganvas.devices import choose_device
        from ganvas.runs.labels import labels_of_files
        from ganvas.training.candidates import with_tuning
        from ganvas.training.choosing import choose
        from ganvas.training.earlier_run import EarlierRun
        from ganvas.training.least_memory import check_memory
        from ganvas.training.run_files import check_free

        check_free(self.first.out, self.first.recipe_name)
        if self.first.start_from is not None:
            EarlierRun.read(self.first.start_from)  # so that there is one, before images are read
        labels_of_files(self.first.recipe, self.first.data)
        if self.first.tune:  # the steps of every choice have as many images as the stand-in's
            with errors_with_flag_names(["tune", *field_types(self.first.recipe)]):
                with_tuning(self.first.recipe)
        if not self.chooses_size:
            check_memory(self.first.recipe, choose_device(self.first.device))
        with errors_with_flag_names(["time", "images"]):
            choice = choose(
                self.first.data,
                time=self.first.time,
                images=self.images,
                settings=self.first.recipe.data,
                chooses_size=self.chooses_size,
                device=self.first.device,
                verify=self.first.verify,
                fits=self.fits,
            )
        chosen = self.with_recipe(choice.recipe)
        plans = chosen.recipe.evaluation == choice.recipe.evaluation
        continues = chosen.start_from is not None  # then the flags' defaults are for that
        chosen.train(
            replace(
                choice,
                recipe=chosen.recipe,
                plans_scores=plans,
                for_trained_weights=continues,
                notes=choice.notes if plans else (),
            )
        )

    def fits(self, recipe: Recipe) -> bool:
        """Whether a recipe can be trained with the flags that were given."""
        try:
            checked(self.with_recipe(recipe).recipe)
        except RecipeError:
            return False
        return True
