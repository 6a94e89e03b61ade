"""The policy `ada` against closed forms: each transformation alone, and all of them together."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.objectives import ada, augment_random
from ganvas.objectives.ada import colour_matrix
from ganvas.processes import ProcessGroup

SIDE = 16
UNIFORM = (
    "mirror", "mirror?", "quarters", "quarters?", "shift_x", "shift_y", "shift?", "scale?",
    "first_turn", "first_turn?", "stretch?", "second_turn", "second_turn?", "slide?",
    "brightness?", "contrast?", "inverted", "inverted?", "hue", "hue?", "saturation?",
    "hole_x", "hole_y", "hole?",
)  # fmt: skip
NORMAL = ("scale", "stretch", "slide_x", "slide_y", "brightness", "contrast", "saturation")
"""In the order of drawing; a name with ? decides whether the transformation happens."""


def noise(channels: int = 3, height: int = SIDE, width: int = SIDE, count: int = 2) -> Tensor:
    random = torch.Generator().manual_seed(0)
    shape = (count, channels, height, width)
    return 2 * torch.rand(shape, generator=random, dtype=torch.float64) - 1


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def augment(images: Tensor, *arguments: Any) -> Tensor:
    """`ada.augment` of one batch."""
    (augmented,) = ada.augment([images], *arguments)
    return augmented


Loaded = Callable[..., Tensor]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """`augment` with fixed random numbers: only the named transformations happen."""

    def with_loaded_dice(images: Tensor, *happens: str, **drawn: float) -> Tensor:
        assert {f"{name}?" for name in happens} <= set(UNIFORM)
        assert set(drawn) <= {*UNIFORM, *NORMAL}
        chances = {f"{name}?": 0.0 for name in happens}

        def numbers(names: tuple[str, ...], otherwise: float) -> Any:
            def draw(shape: tuple[int, int], *_: Any) -> Tensor:
                assert shape == (len(images), len(names))
                values = [{**chances, **drawn}.get(name, otherwise) for name in names]
                return torch.tensor(values, dtype=images.dtype).expand(shape)

            return draw

        monkeypatch.setattr(augment_random, "draw_uniform", numbers(UNIFORM, 0.999))
        monkeypatch.setattr(augment_random, "draw_normal", numbers(NORMAL, 0.0))
        augmented = augment(images, 0.5, seeded())
        monkeypatch.undo()
        return augmented

    return with_loaded_dice


# -- Unchanged images ------------------------------------------------------------------------------


def test_probability_zero_returns_the_images_and_draws_nothing() -> None:
    images, random = noise(), seeded()
    before = random.get_state()
    assert augment(images, 0.0, random) is images
    assert torch.equal(random.get_state(), before)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_untransformed_image_keeps_its_bits(
    loaded: Loaded, channels: int, dtype: torch.dtype
) -> None:
    images = noise(channels, 8, 32).to(dtype)
    assert torch.equal(loaded(images), images)


def test_with_other_sides_than_powers_of_2_it_keeps_them_but_for_rounding(loaded: Loaded) -> None:
    images = noise(3, 28, 100).float()
    torch.testing.assert_close(loaded(images), images, rtol=0, atol=5e-5)


# -- Geometry -----------------------------------------------------------------------


@pytest.mark.parametrize("size", [(16, 16), (7, 7), (12, 20), (1, 5)])
def test_mirror_is_a_flip(loaded: Loaded, size: tuple[int, int]) -> None:
    images = noise(3, *size)
    torch.testing.assert_close(loaded(images, "mirror", mirror=0.5), images.flip(3))
    torch.testing.assert_close(loaded(images, "mirror", mirror=0.49), images)


@pytest.mark.parametrize("quarters", range(4))
def test_only_square_images_are_turned_by_quarters(loaded: Loaded, quarters: int) -> None:
    drawn = quarters / 4 + 0.1
    for images in (noise(), noise(1, 7, 7)):
        expected = torch.rot90(images, quarters, (2, 3))
        torch.testing.assert_close(loaded(images, "quarters", quarters=drawn), expected)
    oblong = noise(3, 12, 20)
    torch.testing.assert_close(loaded(oblong, "quarters", quarters=drawn), oblong)


@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, -2), (2, 1), (-1, 2)])
def test_integer_translation_fills_with_the_reflection(
    loaded: Loaded, right: int, down: int
) -> None:
    """The largest shift, an eighth of the side, is two pixels here."""
    images = noise()
    augmented = loaded(images, "shift", shift_x=right / 4 + 0.5, shift_y=down / 4 + 0.5)
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="symmetric")
    top, left = 2 - down, 2 - right
    expected = torch.from_numpy(padded[:, :, top : top + SIDE, left : left + SIDE])
    assert torch.equal(augmented, expected)


def test_translation_by_half_a_pixel_is_the_mean_of_neighbours(loaded: Loaded) -> None:
    images = noise()
    augmented = loaded(images, "slide", slide_x=0.5 / (0.125 * SIDE))
    left = torch.cat([images[:, :, :, :1], images[:, :, :, :-1]], 3)  # the edge is its own mirror
    torch.testing.assert_close(augmented, (images + left) / 2)


def plane(across: Tensor, down: Tensor) -> Tensor:
    return 0.03 * across - 0.01 * down + 0.1


def positions(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Position (x, y) of each pixel relative to the centre."""
    across = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    down = torch.arange(height, dtype=torch.float64) - (height - 1) / 2
    return across.expand(height, width), down[:, None].expand(height, width)


def test_transformations_of_a_linear_ramp_are_exact(loaded: Loaded) -> None:
    """Bilinear interpolation of a linear ramp is exact."""
    across, down = positions(24, 32)
    images = plane(across, down)[None, None]
    inner = across.hypot(down) < 8
    angle = 0.3  # of turns by 2 pi (u - 1/2)
    cosine, sine = math.cos(angle), math.sin(angle)
    drawn = {"first_turn": 0.5 + angle / (2 * math.pi), "second_turn": 0.5 - angle / (2 * math.pi)}
    turned = across * cosine - down * sine, across * sine + down * cosine
    back = across * cosine + down * sine, down * cosine - across * sine
    cases = {
        "scale": (loaded(images, "scale", scale=5.0), (across / 2, down / 2)),
        "stretch": (loaded(images, "stretch", stretch=2.5),
                    (across / math.sqrt(2), down * math.sqrt(2))),
        "first_turn": (loaded(images, "first_turn", **drawn), turned),
        "second_turn": (loaded(images, "second_turn", **drawn), back),
        "both turns": (loaded(images, "first_turn", "second_turn", **drawn), (across, down)),
        # The source of a pixel is found by inverting the last transformation first.
        "turn after scale": (loaded(images, "scale", "second_turn", scale=5.0, **drawn),
                             (back[0] / 2, back[1] / 2)),
        "slide after turn": (loaded(images, "first_turn", "slide", slide_x=0.25, **drawn),
                             (turned[0] - cosine, turned[1] - sine)),
        "scale after shift": (loaded(images, "shift", "scale", shift_x=0.75, shift_y=0.5,
                                     scale=5.0),
                              (across / 2 - 2, down / 2)),
    }  # fmt: skip
    for name, (augmented, (x, y)) in cases.items():
        gap = (augmented[0, 0] - plane(x, y))[inner].abs().max()
        assert gap < 1e-12, name


# -- Colour ---------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_brightness_and_contrast_leave_alpha_unchanged(loaded: Loaded, channels: int) -> None:
    images = noise(channels)
    augmented = loaded(images, "brightness", "contrast", brightness=1.5, contrast=-2.0)
    expected = (images + 0.3) * 0.5
    if channels in (2, 4):
        expected[:, -1] = images[:, -1]
    torch.testing.assert_close(augmented, expected)


@pytest.mark.parametrize("probability", [0.3, 0.8, 1.0])
def test_at_least_one_of_two_rotations_has_the_probability(probability: float) -> None:
    """Karras 2020 (ADA), appendix B: each happens with 1 - sqrt(1 - p)."""
    limits = augment_random.drawing_limits(
        ada.augment, probability, torch.float64, torch.device("cpu")
    )
    for draw, limit in zip(ada.augment.draws, limits.flatten().tolist(), strict=True):
        if draw.one_of_two:
            assert 1 - (1 - limit) ** 2 == pytest.approx(probability)
        elif draw.happens:
            assert limit == probability


def test_shifts_are_whole_pixels_and_slides_are_not() -> None:
    """Integer translation and fractional translation (Karras 2020, ADA, appendix B)."""
    one, zero = torch.ones(1, 1), torch.zeros(1, 1)
    turns = torch.stack([one, zero, zero, one] * 3)
    moves = torch.tensor([0.1, -0.07, 0.03, -0.01]).view(4, 1, 1)  # of 16 pixels: 1.6, -1.12, ...
    affine = ada.affine_map(noise(count=1).float(), one, turns, torch.ones(3, 1, 1), moves)
    moved = affine[2].flatten()
    torch.testing.assert_close(moved, torch.tensor([2 + 0.48, -1 - 0.16]))


def mixed(images: Tensor, inverted: float = 0.0, hue: float = 0.0, saturation: float = 1.0) -> Any:
    values = [1 - 2 * inverted, saturation * math.cos(hue), saturation * math.sin(hue)]
    numbers = torch.tensor(values, dtype=torch.float64)[:, None, None]
    return (colour_matrix(*numbers) @ images.flatten(2)).view_as(images)


def luma(images: Tensor) -> Tensor:
    return images.mean(1, keepdim=True)


def test_hue_keeps_luma_and_the_length_of_chroma() -> None:
    images = noise()
    for hue in (-3.0, 0.4, 2.0):
        augmented = mixed(images, hue=hue)
        torch.testing.assert_close(luma(augmented), luma(images))
        lengths = [torch.linalg.vector_norm(i - luma(i), dim=1) for i in (augmented, images)]
        torch.testing.assert_close(*lengths)
        torch.testing.assert_close(mixed(augmented, hue=-hue), images)
    # A third of a turn takes red to green, green to blue, blue to red.
    torch.testing.assert_close(mixed(images, hue=2 * math.pi / 3), images.roll(1, 1))


def test_saturation_scales_chroma_and_inverted_luma_keeps_it() -> None:
    images = noise()
    grey = luma(images)
    torch.testing.assert_close(mixed(images, saturation=0.0), grey.expand_as(images))
    torch.testing.assert_close(mixed(images, saturation=3.0), grey + 3 * (images - grey))
    torch.testing.assert_close(mixed(images, inverted=1.0), images - 2 * grey)


def test_colours_change_in_the_papers_order() -> None:
    """Brightness, contrast, inverted luma, hue, saturation (Karras 2020, ADA, appendix B)."""
    images, brightness, contrast, hue, saturation = noise(), 0.3, 1.7, 0.6, 2.0
    numbers = [-1.0, math.cos(hue), math.sin(hue), contrast, saturation, brightness]
    columns = [torch.full((len(images), 1), number, dtype=images.dtype) for number in numbers]
    matrix, offset = ada.colour_change(3, *columns)
    changed = torch.einsum("nij,njhw->nihw", matrix, images) + offset[..., None]
    expected = mixed(contrast * (images + brightness), inverted=1.0, hue=hue, saturation=saturation)
    torch.testing.assert_close(changed, expected)


def test_colour_matrix_applies_to_three_colours_only(loaded: Loaded) -> None:
    chosen: dict[str, Any] = {"inverted": 0.9, "hue": 0.7, "saturation": 1.0}
    for channels in (1, 2):
        images = noise(channels)
        assert torch.equal(loaded(images, *chosen, **chosen), images)
    images = noise(4)
    augmented = loaded(images, *chosen, **chosen)
    expected = mixed(images[:, :3], inverted=1.0, hue=0.4 * math.pi, saturation=2.0)
    torch.testing.assert_close(augmented, torch.cat([expected, images[:, 3:]], 1))


def test_cutout_is_a_box_of_half_the_sides(loaded: Loaded) -> None:
    ones = torch.ones(1, 4, 16, 24)
    middle = loaded(ones, "hole", hole_x=0.5, hole_y=0.5)
    expected = ones.clone()
    expected[:, :, 4:12, 6:18] = 0
    assert torch.equal(middle, expected)
    corner = loaded(ones, "hole", hole_x=0.0, hole_y=0.0)
    expected = ones.clone()
    expected[:, :, :4, :6] = 0
    assert torch.equal(corner, expected)


def test_mean_area_of_cutout_equals_the_integral() -> None:
    """A side loses 1/2 less what lies outside: 2 times the integral of 1/4 - c over 0 to 1/4."""
    centres = torch.rand(2, 4_000, 1, generator=seeded(), dtype=torch.float64)
    radius = torch.full_like(centres[0], 0.25)
    images = torch.ones(4_000, 1, 16, 16, dtype=torch.float64)
    outside = ada.outside_of_hole(images, *centres, radius)
    assert float(1 - outside.mean()) == pytest.approx((1 / 2 - 1 / 16) ** 2, abs=0.005)


# -- All together ---------------------------------------------------------------------------------


@pytest.mark.parametrize("probability", [0.05, 0.3])
@pytest.mark.parametrize("channels", [1, 3])
def test_fraction_of_unchanged_images_follows_the_probability(
    channels: int, probability: float
) -> None:
    """The fraction of unchanged images equals that of independent transformations.

    Half of the mirrors, a quarter of the quarter turns and, at 8x8, of the shifts change nothing.
    """
    count, p = 10_000, probability
    images = noise(channels, 8, 8, count=1).expand(count, -1, -1, -1)
    augmented = augment(images, p, seeded())
    same = (augmented == images).flatten(1).all(1).double().mean()
    # Scale, turns, stretch, slide, brightness, contrast, cutout; hue and saturation; inversion.
    expected = (1 - p / 2) * (1 - 3 * p / 4) ** 2 * (1 - p) ** 7
    if channels == 3:
        expected *= (1 - p) ** 2 * (1 - p / 2)
    assert float(same) == pytest.approx(expected, abs=4 * math.sqrt(expected / count))


@pytest.mark.parametrize("event", [name for name in UNIFORM if name.endswith("?")])
def test_each_event_happens_below_the_probability_and_not_above(
    monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    """A draw just below the probability triggers the event, one just above does not."""
    images, p = noise(3, 8, 8, count=1), 0.3
    limit = 1 - math.sqrt(1 - p) if "turn" in event else p

    def drawn_at(chance: float) -> Tensor:
        def uniform(shape: tuple[int, int], *_: Any) -> Tensor:
            drawn = torch.full(shape, 0.9, dtype=torch.float64)
            drawn[:, UNIFORM.index(event)] = chance
            return drawn

        monkeypatch.setattr(augment_random, "draw_uniform", uniform)
        monkeypatch.setattr(
            augment_random,
            "draw_normal",
            lambda shape, *_: torch.ones(shape, dtype=torch.float64),
        )
        return augment(images, p, seeded())

    assert torch.equal(drawn_at(limit + 1e-9), images)
    assert not torch.equal(drawn_at(limit - 1e-9), images)


def test_two_batches_at_once_are_like_one_after_the_other() -> None:
    first, second = noise(count=8).float(), noise(count=4).float()
    one_by_one = seeded()
    expected = [augment(images, 0.7, one_by_one) for images in (first, second)]
    together = seeded()
    augmented = ada.augment([first, second], 0.7, together)
    assert all(map(torch.equal, augmented, expected))
    assert torch.equal(together.get_state(), one_by_one.get_state())


def test_the_transformation_of_an_image_does_not_depend_on_the_others() -> None:
    images = noise(count=4)
    augmented = augment(images, 0.8, seeded())
    other = images.clone()
    other[1:] = 0.5
    assert torch.equal(augment(other, 0.8, seeded())[0], augmented[0])
    assert not torch.equal(
        augment(images[:1].expand(4, -1, -1, -1), 0.8, seeded())[1], augmented[0]
    )


def test_randomness_comes_from_the_given_generator_alone() -> None:
    images = noise(count=8)
    random = seeded()
    torch.manual_seed(1)
    first, second = augment(images, 0.5, random), augment(images, 0.5, random)
    torch.manual_seed(2)
    again = seeded()
    assert torch.equal(augment(images, 0.5, again), first)
    assert torch.equal(augment(images, 0.5, again), second)
    assert not torch.equal(first, second)


def test_two_processes_augment_like_one() -> None:
    images = noise(count=6)
    whole = augment(images, 0.7, seeded())
    pair = ProcessGroup(0, 2), ProcessGroup(1, 2)
    parts = [
        augment(images[processes.local_slice(6)], 0.7, seeded(), processes) for processes in pair
    ]
    assert torch.equal(torch.cat(parts), whole)


def test_positions_of_16_bit_images_are_computed_in_32_bits() -> None:
    images = noise().to(torch.bfloat16)
    augmented = augment(images, 0.9, seeded())
    assert augmented.dtype == torch.bfloat16
    assert torch.equal(augmented, augment(images.float(), 0.9, seeded()).to(torch.bfloat16))
