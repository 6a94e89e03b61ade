"""Starting from the weights of an earlier run, or of a model of the hub: which are taken, and which
do not fit.

Generator, discriminator and EMA each take the weights of their namesake, as in the code of
Karras 2020 (ADA) and Mo 2020 (FreezeD): the discriminator was trained against the raw generator, so
these two stay a pair, and samples begin with those of the earlier run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ganvas import tensor_file
from ganvas.command_line import ganvas_command
from ganvas.errors import DataError, RecipeError, RunError
from ganvas.formatting import format_first, format_list
from ganvas.generators.files import load, read_description
from ganvas.hub_files import (
    CONFIG_JSON,
    DISCRIMINATOR_FILE,
    address_of,
    fetch_model,
    is_hub,
)
from ganvas.labels import composed
from ganvas.networks import ImageShape
from ganvas.networks.labels import set_label_strength
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.runs.checkpoints import later_doublings_in, networks_in
from ganvas.runs.directories import is_run
from ganvas.runs.tables import OriginTable
from ganvas.schedules import value_at
from ganvas.storage import given_path
from ganvas.tensor_file import select_prefix
from ganvas.training.freezing import frozen_stages
from ganvas.training.state import TrainState

MOST_NAMED = 3
"""Tensors that do not fit, and labels that differ, that a message names."""


@dataclass(frozen=True)
class TakenWeights:
    """What one network took from its namesake.

    network: generator, discriminator or ema.
    taken: how many tensors.
    layers: how many of these are weights of layers, not biases, gains or counters.
    left: why each of the others keeps its random value, by name.
    """

    network: str
    taken: int
    layers: int
    left: dict[str, str]

    @property
    def count(self) -> str:
        """`12 of 14 tensors`."""
        return f"{self.taken} of {self.taken + len(self.left)} tensors"


@dataclass(frozen=True)
class EarlierRun:
    """The newest weights of a run or of a model of the hub, from which another run starts."""

    name: str
    """As the user named it."""
    location: str
    """Its absolute path, or its address with the commit."""
    description: str
    """`dcgan and resnet for 16x16 grey images`."""
    label_names: tuple[str, ...]
    """The labels that its networks take; empty if they take none."""
    tensors: tensor_file.Tensors
    images_seen: int
    notes: tuple[str, ...] = ()
    """What people should know before training: a newer checkpoint is damaged, a network missing."""

    @classmethod
    def read(cls, place: Path | str | Run) -> EarlierRun:
        """Read the newest whole checkpoint of a run, or what a model of the hub has.

        Raises:
            RunError: it is no run, has no checkpoint yet, or all of them are damaged.
            HubError: the hub does not give it.
        """
        if isinstance(place, Run):
            return cls._of_run(place.directory)
        if is_hub(place):
            address, folder = fetch_model(address_of(place), [DISCRIMINATOR_FILE])
            return cls._of_generator(folder, str(address_of(place)), str(address))
        path = given_path(place)
        if not (path / CONFIG_JSON).is_file():
            return cls._of_run(path)
        if is_run(path.parent):
            raise RunError(
                f"{path} is a generator without its discriminator, and an untrained one would soon "
                f"undo what it learnt. Name the run that it was trained in: {path.parent}"
            )
        return cls._of_generator(path, str(path), str(path.absolute()))

    @classmethod
    def _of_run(cls, path: Path) -> EarlierRun:
        run = Run.open(path)
        newest = run.read_newest_checkpoint()
        if newest is None:
            if run.read_status().was_saved:
                raise RunError(
                    f"{path} has no checkpoint, so there are no weights to start from: they were "
                    "deleted or moved. Put them back"
                )
            raise RunError(
                f"{path} has no checkpoint yet, so there are no weights to start from. "
                f"Continue it: {ganvas_command('resume', path)}"
            )
        tensors, values, notes = newest
        recipe, shape = run.read_recipe(), run.read_shape()
        later_doublings = later_doublings_in(values)
        labels = tuple(run.read_data()["labels"])
        return cls(
            name=str(path),
            location=str(path.absolute()),
            description=describe(recipe, shape, later_doublings),
            label_names=labels if recipe.takes_labels else (),
            tensors=networks_in(tensors, run, recipe, shape, later_doublings),
            images_seen=values["images_seen"],
            notes=tuple(notes),
        )

    @classmethod
    def _of_generator(cls, folder: Path, name: str, location: str) -> EarlierRun:
        """A generator away from its run, perhaps with the discriminator beside it."""
        trained = load(folder)
        ema = trained.network.state_dict()
        pair: tensor_file.Tensors = {f"generator/{key}": ema[key] for key in ema}
        notes = [f"{name} holds no raw generator: it begins as its average (EMA)"]
        if (folder / DISCRIMINATOR_FILE).is_file():
            pair, values = tensor_file.read(folder / DISCRIMINATOR_FILE)
            check_same_moment(name, values["images_seen"], trained.images_seen)
            notes = []
        else:
            notes.append(
                f"warning: {name} holds no discriminator: an untrained one may undo what the "
                "generator learnt. `push --discriminator` sends it too"
            )
        return cls(
            name=name,
            location=location,
            description=f"{read_description(folder).name} for {trained.shape}",
            label_names=trained.label_names,
            tensors={**pair, **{f"ema/{key}": ema[key] for key in ema}},
            images_seen=trained.images_seen,
            notes=tuple(notes),
        )

    @property
    def has_discriminator(self) -> bool:
        """Whether there is a trained discriminator too."""
        return any(name.startswith("discriminator/") for name in self.tensors)

    def check_labels(self, data: str, here: tuple[str, ...]) -> None:
        """Raise a `DataError` if both runs are conditional, on different labels.

        Args:
            data: the images, as the message names them.
            here: the labels that are learned; empty if none are.
        """
        here, there = (tuple(map(composed, names)) for names in (here, self.label_names))
        if not (there and here) or here == there:
            return
        pairs = [
            f"{index} is {old!r} there and {new!r} here"
            for index, (old, new) in enumerate(zip(there, here, strict=False))
            if old != new
        ]
        differences = pairs[:MOST_NAMED] or [f"{len(there)} there and {len(here)} here"]
        raise DataError(
            f"{data}: the labels differ from those of {self.name}, so what it learnt "
            f"of each would be another's: {format_list(differences)}. Give the same labels, or "
            "start from a run without labels"
        )

    def give(
        self, state: TrainState, recipe: Recipe, shape: ImageShape
    ) -> tuple[OriginTable, list[str]]:
        """Put the weights that fit into a state before its first image.

        Returns:
            The entry of environment.json, and what people are told.

        Raises:
            RunError: nothing fits but biases and counters.
        """
        taken = take_weights(state, self.tensors)
        here = describe(recipe, shape, state.later_doublings)
        there, advice = self.description, "Choose the networks, the size and the width of that run"
        if recipe.takes_labels != bool(self.label_names):
            there += " with labels" if self.label_names else " without labels"
            here += " with labels" if recipe.takes_labels else " without labels"
            advice += f", and {'learn' if self.label_names else 'do not learn'} labels"
        for network in state.modules().values():  # a setting, which came with the weights
            set_label_strength(network, value_at(recipe.label_strength, 0))
        if not any(network.layers for network in taken):
            raise RunError(
                f"no layer of {self.name} fits, by name and shape: it has "
                f"{there}, and this run {here}. {advice}"
            )
        origin = self._origin(taken)
        lines = self._lines(origin, frozen_stages(state.discriminator))
        for weights in taken:
            missing = weights.network == "discriminator" and not self.has_discriminator
            if weights.network != "ema" and weights.taken < len(weights.left) and not missing:
                lines.append(
                    f"warning: most of the {weights.network} is random, because that run has "
                    f"{there}, and this one {here}. {advice}"
                )
        return origin, lines

    def _origin(self, taken: list[TakenWeights]) -> OriginTable:
        return {
            "run": self.location,
            "images_seen": self.images_seen,
            "taken": {network.network: network.count for network in taken},
            "left": [
                f"{network.network}/{name}: {why}"
                for network in taken
                if network.network != "discriminator" or self.has_discriminator
                for name, why in network.left.items()
            ],
        }

    def _lines(self, origin: OriginTable, frozen: list[str]) -> list[str]:
        """What was taken, what was not, and what is frozen."""
        counts = "  ·  ".join(f"{network} {count}" for network, count in origin["taken"].items())
        seen = f"{self.images_seen:,} images"
        lines = [*self.notes, f"weights of {self.name} at {seen}: {counts}"]
        if origin["left"]:
            left = format_first(origin["left"], MOST_NAMED, "environment.json lists all")
            lines.append(f"not taken, so random: {left}")
        if frozen:
            lines.append(f"discriminator: {format_list(frozen)} kept as taken (FreezeD)")
        return lines


def take_weights(state: TrainState, tensors: Mapping[str, Tensor]) -> list[TakenWeights]:
    """Copy the tensors that fit by name and shape into the three networks; all ranks must call it.

    Args:
        state: before its first image.
        tensors: of a checkpoint (`TrainState.tensors`).
    """
    state.keeps_frozen = True
    results = []
    for network, module in state.modules().items():
        theirs, layers, left = select_prefix(dict(tensors), network), 0, {}
        own_tensors = module.state_dict()
        for name, own in own_tensors.items():
            if name not in theirs:
                left[name] = "there is none"
            elif own.shape != theirs[name].shape:
                left[name] = f"{tuple(theirs[name].shape)} there and {tuple(own.shape)} here"
            else:
                layers += own.dim() >= 2
                with torch.no_grad():
                    own.copy_(theirs[name])
        state.processes.broadcast(list(own_tensors.values()))
        results.append(TakenWeights(network, len(own_tensors) - len(left), layers, left))
    return results


def check_same_moment(name: str, pair: int, ema: int) -> None:
    """Raise a `RunError` if the discriminator is of another moment than the generator."""
    if pair != ema:
        raise RunError(
            f"{name} holds a discriminator at {pair:,} images and a generator at {ema:,}. Push "
            "both again (--discriminator), or remove the discriminator"
        )


def check_freezes_trained(recipe: Recipe, earlier: EarlierRun | None) -> None:
    """Raise a `RecipeError` if stages were to keep random weights."""
    if not recipe.freeze_discriminator or (earlier is not None and earlier.has_discriminator):
        return
    without = "without weights of an earlier run (--from RUN)"
    if earlier is not None:
        without = f"as {earlier.name} has no discriminator,"
    raise RecipeError(
        [
            f"freeze_discriminator: {without} the frozen stages would stay random; set it to 0, "
            "or name a run"
        ]
    )


def describe(recipe: Recipe, shape: ImageShape, later_doublings: int) -> str:
    """`dcgan and resnet for 16x16, grey`; of networks that grow, the size so far."""
    networks = (recipe.generator.network.name, recipe.discriminator.network.name)
    return f"{' and '.join(dict.fromkeys(networks))} for {shape.halved(later_doublings)}"
