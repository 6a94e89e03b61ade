"""What generated images are like: variety, patterns, movement, against sets that are known."""

from __future__ import annotations

import gzip
from importlib.resources import files

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from ganvas import images
from ganvas.health.probes import PROBES
from ganvas.health.probes.context import NotMeasurable
from ganvas.health.probes.diversity import vendi
from ganvas.objectives.objective import Objective
from ganvas.objectives.settings import ObjectiveSettings
from tests.builders.probe_contexts import Replay, context, draw, probe

COUNT = 64


@pytest.fixture(scope="module")
def photographs() -> Tensor:
    """Real images, (128, 1, 32, 32) in [-1, 1]."""
    path = files("ganvas") / "data/builtin/fashion/t10k-images-idx3-ubyte.gz"
    with path.open("rb") as packed, gzip.open(packed) as file:
        header, size = 16, 28 * 28
        pixels = np.frombuffer(file.read(header + 2 * COUNT * size)[header:], np.uint8).copy()
    shown = torch.from_numpy(pixels.reshape(-1, 1, 28, 28))
    return images.to_signed(F.pad(shown, (2, 2, 2, 2)))


@pytest.fixture(scope="module")
def real(photographs: Tensor) -> Tensor:
    return photographs[:COUNT]


@pytest.fixture(scope="module")
def others(photographs: Tensor) -> Tensor:
    """As good as a generator can be: images that it did not learn from."""
    return photographs[COUNT:]


def number(name: str, column: str, fake: Tensor, real: Tensor) -> float:
    value = probe(name, fake, real)[f"probe/{column}"]
    assert isinstance(value, float)
    return value


# -- Variety -------------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 2, 5, 20])
def test_vendi_of_equal_groups_is_their_number(groups: int) -> None:
    which = torch.arange(20) % groups
    kernel = (which[:, None] == which).float()
    assert vendi(kernel) == pytest.approx(groups, rel=1e-6)


def test_vendi_of_two_images_is_that_of_their_eigenvalues() -> None:
    """[[1, k], [k, 1]] / 2 has the eigenvalues (1 + k) / 2 and (1 - k) / 2."""
    shares = torch.tensor([0.8, 0.2]).double()
    entropy = -(shares * shares.log()).sum()
    kernel = torch.tensor([[1.0, 0.6], [0.6, 1.0]])
    assert vendi(kernel) == pytest.approx(float(entropy.exp()))


@pytest.mark.parametrize("different", [1, 3, 8])
def test_copies_count_as_one_image_with_or_without_noise(
    real: Tensor, others: Tensor, different: int
) -> None:
    copies = others[:different].repeat(COUNT // different + 1, 1, 1, 1)[:COUNT]
    grainy = copies + 0.2 * draw(*copies.shape)
    for fake in (copies, grainy):
        found = probe("diversity/effective", fake, real)
        effective = found["probe/diversity/effective"]
        assert different * 0.85 < effective < different * 1.25
        assert found["probe/diversity/vendi"] < different * 1.25 / 30
        assert number("diversity/duplicates", "diversity/duplicates", fake, real) > 0.9


def test_diversity_of_real_images_is_one(real: Tensor, others: Tensor) -> None:
    for fake in (real, others):
        same = fake is real
        exactly = 1e-9 if same else 0.2
        ratio = number("diversity/distance", "diversity/distance", fake, real)
        assert ratio == pytest.approx(1, abs=exactly)
        found = probe("diversity/effective", fake, real)
        assert found["probe/diversity/vendi"] == pytest.approx(1, abs=exactly)
        assert found["probe/diversity/effective"] > COUNT / 2
        share = number("diversity/duplicates", "diversity/duplicates", fake, real)
        assert share == pytest.approx(0.05, abs=0.02 if same else 0.1)


def test_duplicates_are_nearer_than_all_but_a_twentieth_of_the_reals() -> None:
    """Twenty-one reals on a line, with gaps of 20, 19, ... 1: their nearest are 20, ... 2, 1, 1.

    One of them is below the 5 % quantile of 21 numbers, which is the second smallest: 1.
    """
    places = torch.cat([torch.zeros(1), torch.arange(20, 0, -1).float().cumsum(0)])
    for gap, duplicates in ((0.9, 2), (1.1, 0)):
        fake = torch.cat([torch.tensor([0.0, gap]), 1_000 * torch.arange(1, 20)])
        sets = [rows[:, None, None, None] for rows in (fake, places)]
        numbers = probe("diversity/duplicates", *sets)
        assert numbers == {"probe/diversity/duplicates": pytest.approx(duplicates / 21)}


def test_distance_scales_with_contrast(real: Tensor) -> None:
    assert number("diversity/distance", "diversity/distance", real / 2, real) == pytest.approx(0.5)
    flat = torch.zeros_like(real)
    assert number("diversity/distance", "diversity/distance", flat, real) == 0


def test_identical_reals_are_not_measurable() -> None:
    same = draw(1, 1, 16, 16).expand(8, -1, -1, -1)
    with pytest.raises(NotMeasurable, match="real images are the same"):
        probe("diversity/effective", real=same)


def test_the_gap_of_means_is_in_units_of_the_reals_spread(real: Tensor, others: Tensor) -> None:
    shift = 0.1
    spread = (real - real.mean(0)).square().flatten(1).sum(1).mean().sqrt()
    expected = float(shift * real[0].numel() ** 0.5 / spread)
    assert number("likeness", "likeness/mean_gap", real + shift, real) == pytest.approx(expected)
    assert number("likeness", "likeness/mean_gap", real, real) == pytest.approx(0, abs=1e-6)
    chance = (2 / COUNT) ** 0.5
    assert chance / 2 < number("likeness", "likeness/mean_gap", others, real) < 2 * chance
    assert number("likeness", "likeness/mean_gap", -torch.ones_like(real), real) > 0.7


# -- Checkerboard --------------------------------------------------------------------------------


def checkerboard(fake: Tensor, real: Tensor) -> float:
    return number("checkerboard", "checkerboard/ratio", fake, real)


def test_checkerboard_of_real_images_is_one(real: Tensor, others: Tensor) -> None:
    assert checkerboard(real, real) == 1
    assert 0.7 < checkerboard(others, real) < 1.4


@pytest.mark.parametrize(
    "pattern",
    [[[1, 0], [0, 1]], [[1, 0], [1, 0]], [[1, 1], [0, 0]], [[1, 0, 0, 0]], [[1], [1], [0], [0]]],
    ids=["checks", "columns", "rows", "every fourth column", "pairs of rows"],
)
def test_checkerboard_finds_a_planted_pattern(
    others: Tensor, real: Tensor, pattern: list[Tensor]
) -> None:
    """Pixels are brighter by a fifth in places that repeat every 2 or 4 pixels."""
    tile = torch.tensor(pattern).float()
    repeated = tile.repeat(32 // tile.shape[0], 32 // tile.shape[1])
    planted = (others + 1) * (1 + 0.2 * repeated) - 1
    assert checkerboard(planted, real) > 1.8 * checkerboard(others, real)


def upsampled(shown: Tensor, taps: list[float]) -> Tensor:
    """What a transposed convolution of stride 2 with this kernel makes of halved images."""
    kernel = torch.outer(torch.tensor(taps), torch.tensor(taps))[None, None]
    halved = F.avg_pool2d(shown, 2) + 1
    return F.conv_transpose2d(halved, kernel, stride=2, padding=1)[:, :, :32, :32] - 1


def test_checkerboard_finds_uneven_overlap_only(others: Tensor, real: Tensor) -> None:
    """Odena 2016: a kernel of 3 meets every other pixel twice, one of 4 meets all alike."""
    uneven = F.pad(upsampled(others, [0.5, 1.0, 0.7]), (0, 1, 0, 1), mode="replicate")
    even = upsampled(others, [0.25, 0.75, 0.75, 0.25])
    assert uneven.shape == even.shape == real.shape
    assert checkerboard(uneven, real) > 3
    assert checkerboard(even, real) < 1.2


def test_noise_and_blank_images_have_no_checkerboard(real: Tensor, others: Tensor) -> None:
    grainy = others + 0.1 * draw(*others.shape)
    blank = 0.3 + 1e-7 * draw(*others.shape)
    for fake in (grainy, blank):
        assert 0.5 < checkerboard(fake, real) < 1.5


@pytest.mark.parametrize("shape", [(2, 1, 1), (1, 12, 12), (1, 18, 18), (3, 12, 24)])
def test_checkerboard_is_absent_for_unsuitable_sizes(shape: tuple[int, ...]) -> None:
    assert probe("checkerboard", draw(8, *shape, seed=1), draw(8, *shape, seed=2)) == {}
    assert probe("checkerboard", draw(8, 3, 16, 24, seed=1), draw(8, 3, 16, 24, seed=2)) != {}


# -- Ends of the range ---------------------------------------------------------------------------


def test_saturated_pixels_are_counted_at_both_ends() -> None:
    fake = torch.tensor([[1.0, -1.0], [0.98, 0.0]]).expand(2, 3, 2, 2)
    real = torch.tensor([[-0.995, 0.5], [0.5, 0.5]]).expand(2, 3, 2, 2)
    assert probe("output", fake, real) == {
        "probe/output/saturated": 0.5,
        "probe/output/saturated_real": 0.25,
    }
    points = draw(8, 2, 1, 1)
    assert probe("output", 5 * points, 5 * points) == {}


def test_clipped_weights_are_counted_at_the_bound_and_at_zero() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Linear(2, 1), nn.Flatten(0))
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[0.1, -0.1, 0.0995, 0.05], [0.0, 0.0005, 0.03, -1]]))
        network[2].weight.copy_(torch.tensor([[0.002, 0.0]]))
        network[1].bias.fill_(0.1)  # biases are no weights
    shown = {"real": draw(4, 1, 2, 2), "fake": draw(4, 1, 2, 2), "discriminator": network}
    assert probe("clip", **shown) == {}
    objective = Objective.build(ObjectiveSettings(clip_weights=0.1))
    assert probe("clip", **shown, objective=objective) == {
        "probe/clip/share": pytest.approx(4 / 10),
        "probe/clip/small": pytest.approx(3 / 10),
    }


# -- Movement ------------------------------------------------------------------------------------


def kept_of(fake: Tensor, real: Tensor) -> Tensor:
    """What is snapshot of these fakes once they were probed."""
    probed = context(fake, real)
    assert probed.snapshot is None
    PROBES["movement"](probed)
    assert probed.snapshot is not None
    return probed.snapshot


def test_movement_is_the_change_over_the_difference_of_two_reals(real: Tensor) -> None:
    fake = draw(COUNT, 1, 32, 32)
    earlier = (images.to_uint8(-fake), images.to_uint8(fake.flip(0)))
    numbers = probe("movement", fake, real, previous_snapshots=earlier)
    pairs = [float((a - b).square().sum()) for i, a in enumerate(real) for b in real[:i]]
    unit = np.mean(pairs) ** 0.5
    for name, before in (("last", fake.flip(0)), ("before_last", -fake)):
        change = (fake - before).square().flatten(1).sum(1).mean().sqrt()
        assert numbers[f"probe/movement/{name}"] == pytest.approx(float(change) / unit, rel=1e-3)


def test_movement_of_an_unchanged_generator_is_zero(real: Tensor) -> None:
    fake = draw(COUNT, 1, 32, 32)
    snapshot = kept_of(fake, real)
    assert snapshot.dtype == torch.uint8
    assert probe("movement", fake, real, previous_snapshots=(snapshot,)) == {
        "probe/movement/last": 0.0
    }
    assert probe("movement", fake, real) == {}


def test_snapshots_of_points_are_not_rounded() -> None:
    """They have no range that 8 bits would cover."""
    real, fake = 4 * draw(COUNT, 2, 1, 1, seed=1), 4 * draw(COUNT, 2, 1, 1, seed=2)
    snapshot = kept_of(fake, real)
    assert torch.equal(snapshot, fake)
    numbers = probe(
        "movement",
        fake + torch.tensor([3.0, 4.0])[:, None, None],
        real,
        previous_snapshots=(snapshot,),
    )
    unit = (2 * real.flatten(1).var(0).sum()).sqrt()
    assert numbers["probe/movement/last"] == pytest.approx(5 / float(unit), rel=1e-5)


def test_images_of_another_shape_are_not_compared() -> None:
    with pytest.raises(NotMeasurable, match=r"\(7, 1, 16, 16\) then and \(8, 1, 16, 16\) now"):
        probe("movement", previous_snapshots=(torch.zeros(7, 1, 16, 16, dtype=torch.uint8),))


def test_ema_lag_is_the_distance_of_its_images(real: Tensor) -> None:
    fake = draw(COUNT, 1, 32, 32) / 2
    assert number("movement/average_lag", "movement/average_lag", fake, real) == 0
    numbers = probe("movement/average_lag", fake, real, ema=Replay(fake + 0.25))
    unit = float((2 * real.flatten(1).var(0).sum()).sqrt())
    expected = 0.25 * 32 / unit
    assert numbers["probe/movement/average_lag"] == pytest.approx(expected, rel=2e-2)
