"""Growing: at some counts of images both networks get the stages of the next size.

What the smaller networks have learnt is taken by name and shape, as from an earlier run. Optimizers
start again, as in Karras 2018's code (`reset_opt_for_new_lod`) and between the runs of Sauer 2022:
moments of the gradients from before say little when a random stage stands in between.
"""

from __future__ import annotations

from ganvas.formatting import format_image_size, format_list
from ganvas.recipes import Recipe
from ganvas.tensor_file import Tensors
from ganvas.training.batch_size import release_unused_memory
from ganvas.training.earlier_run import TakenWeights, take_weights
from ganvas.training.freezing import frozen_stages
from ganvas.training.state import TrainState, initial_players


def grow_if_due(recipe: Recipe, state: TrainState) -> list[str]:
    """Give both networks the stages of the size that is due after the images seen; else nothing.

    A function of recipe, seed and state alone, so a run that resumes grows alike. All processes
    must call it.

    Returns:
        What people are told.
    """
    later_doublings = recipe.later_doublings(state.images_seen)
    if later_doublings >= state.later_doublings:
        return []
    smaller = weights_by_name(state)
    players = initial_players(
        recipe,
        state.stream.data.shape,
        state.num_labels,
        state.seed,
        state.device,
        state.processes,
        later_doublings,
    )
    state.use_players(players, later_doublings)
    release_unused_memory(state.device)  # graphs of the smaller networks among it
    frozen = frozen_stages(state.generator) if recipe.grow_freeze else []
    taken = take_weights(state, with_averages(smaller, frozen))
    return _lines(recipe, state, taken, frozen)


def weights_by_name(state: TrainState) -> Tensors:
    """All weights and running statistics of the three networks, as checkpoints name them."""
    return {
        f"{network}/{name}": tensor
        for network, module in state.modules().items()
        for name, tensor in module.state_dict().items()
    }


def with_averages(tensors: Tensors, stages: list[str]) -> Tensors:
    """The weights with those of the EMA in these stages of the generator.

    A stage that no longer trains is then the same in both, as in Sauer 2022's code: else the EMA of
    the stages after it would belong to other features than its own.
    """
    changed = dict(tensors)
    for name in tensors:
        network, _, own = name.partition("/")
        if network == "generator" and own.partition(".")[0] in stages:
            changed[name] = tensors[f"ema/{own}"]
    return changed


def _lines(
    recipe: Recipe, state: TrainState, taken: list[TakenWeights], frozen: list[str]
) -> list[str]:
    """What grew, what it kept, what is new, and what is frozen."""
    size = format_image_size(recipe.size_at(state.images_seen))
    counts = "  ·  ".join(f"{weights.network} {weights.count}" for weights in taken)
    new = "  ·  ".join(
        f"{weights.network} {format_list(list(dict.fromkeys(map(stage_of, weights.left))))}"
        for weights in taken
        if weights.network != "ema"
    )
    lines = [
        f"at {state.images_seen:,} images the networks grow to {size}, and keep: {counts}",
        f"new, so random: {new}",
    ]
    if frozen:
        lines.append(f"generator: {format_list(frozen)} train no more (grow_freeze)")
    return lines


def stage_of(name: str) -> str:
    """The stage of a tensor: `double2` of `double2.0.weight`."""
    return name.partition(".")[0]
