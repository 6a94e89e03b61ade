"""How steep the discriminator is: slopes in closed form, norms against exact singular values."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ganvas.health.probes import lipschitz
from ganvas.health.probes.context import NotMeasurable
from ganvas.health.probes.lipschitz import module_bound, operator_norm
from ganvas.health.probes.norms import row_norms
from ganvas.networks.blocks import (
    MeanPool,
    PoolingConvolution,
    PostactivationBlock,
    PreactivationBlock,
    Shortcut,
    SumPool,
    UpsamplingConvolution,
)
from ganvas.networks.grouped import BilinearHalving, GroupedBlock
from ganvas.networks.labels import (
    ConcatenatedLabels,
    LabelEmbedding,
    LabelledDiscriminator,
    LabelledLogit,
    LabelProjection,
    ProjectionDiscriminator,
)
from tests.builders.probe_contexts import Critic, draw, probe

SHAPE = (2, 4, 4)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear_critic(weight: Tensor) -> nn.Module:
    """D(x) = <w, x> + 7."""
    layer = nn.Linear(weight.numel(), 1)
    with torch.no_grad():
        layer.weight.copy_(weight.flatten())
        layer.bias.fill_(7.0)
    return nn.Sequential(nn.Flatten(), layer, nn.Flatten(0))


def bowl(images: Tensor) -> Tensor:
    """D(x) = |x|^2 / 2, whose gradient is x."""
    return images.square().flatten(1).sum(1) / 2


def test_a_linear_critic_has_the_same_gradient_norm_everywhere() -> None:
    weight = draw(*SHAPE, seed=5)
    steepness = pytest.approx(float(weight.norm()), rel=1e-5)
    sets = {"fake": draw(6, *SHAPE, seed=1), "real": draw(6, *SHAPE, seed=2)}
    for image, other in ((0, 1), (2, 3)):  # two pairs along the weight: the steepest direction
        sets["real"][image] = sets["real"][other] + 0.3 * weight
    numbers = probe("input_gradient", **sets, discriminator=linear_critic(weight))
    assert len(numbers) == 6
    assert all(value == steepness for value in numbers.values())
    for name in ("empirical", "bound"):
        (value,) = probe(f"lipschitz/{name}", **sets, discriminator=linear_critic(weight)).values()
        assert value == steepness


def test_gradient_norms_are_measured_at_reals_fakes_and_in_between() -> None:
    real, fake = draw(8, *SHAPE, seed=1), 3 * draw(8, *SHAPE, seed=2)
    numbers = probe("input_gradient", fake, real, critic=bowl)
    share = torch.rand((8, 1, 1, 1), generator=seeded())  # what the context's generator gives first
    between = share * real + (1 - share) * fake
    for name, images in {"real": real, "fake": fake, "between": between}.items():
        lengths = images.flatten(1).norm(dim=1)
        assert numbers[f"probe/input_gradient/{name}"] == pytest.approx(lengths.mean().item())
        largest = numbers[f"probe/input_gradient/{name}_largest"]
        assert largest == pytest.approx(lengths.max().item())


def test_the_empirical_constant_is_the_largest_ratio_of_any_pair() -> None:
    real, fake = draw(5, *SHAPE, seed=1), draw(5, *SHAPE, seed=2)
    (measured,) = probe("lipschitz/empirical", fake, real, critic=bowl).values()
    both = torch.cat([real, fake]).double()
    ratios = [
        float((bowl(a[None]) - bowl(b[None])).abs() / (a - b).norm())
        for index, a in enumerate(both)
        for b in both[:index]
    ]
    assert measured == pytest.approx(max(ratios), rel=1e-5)


def test_copies_of_an_image_do_not_count_as_a_pair() -> None:
    """Their distance is rounding, and so is the difference of their logits."""
    fake = draw(1, *SHAPE, seed=1).expand(5, *SHAPE)
    nearly = fake + 1e-7 * draw(5, *SHAPE, seed=3)

    def jumpy(images: Tensor) -> Tensor:
        return bowl(images) + 1e-2 * (images[:, 0, 0, 0] * 1e7).sin()

    real = draw(5, *SHAPE, seed=2)
    (measured,) = probe("lipschitz/empirical", nearly, real, critic=jumpy).values()
    assert measured < 10
    with pytest.raises(NotMeasurable, match="all images are the same"):
        probe("lipschitz/empirical", fake, fake, critic=bowl)


LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(40, 30), (40,)),
    "narrow": (lambda: nn.Linear(3, 50), (3,)),
    "convolution": (lambda: nn.Conv2d(3, 5, 3, padding=1), (3, 6, 5)),
    "strided": (lambda: nn.Conv2d(2, 8, 4, stride=2, padding=1), (2, 8, 8)),
    "unpadded": (lambda: nn.Conv2d(4, 1, (4, 3)), (4, 4, 3)),
    "one pixel": (lambda: nn.Conv2d(5, 7, 1, stride=2), (5, 3, 4)),
    "one pixel of a group": (lambda: nn.Conv2d(4, 6, 1, groups=2), (4, 3, 4)),
    "one pixel, repeated edges": (
        lambda: nn.Conv2d(2, 3, 1, padding=1, padding_mode="replicate"),
        (2, 3, 4),
    ),
    "transposed": (lambda: nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1), (3, 4, 4)),
    "upsampling": (lambda: UpsamplingConvolution(3, 2), (3, 4, 4)),
    "pooling": (lambda: PoolingConvolution(2, 6), (2, 8, 8)),
    "shortcut": (lambda: Shortcut(3, 4, "down"), (3, 6, 4)),
    "identity": (lambda: Shortcut(3, 3, "none"), (3, 4, 4)),
    "sum": (SumPool, (5, 4, 3)),
    "mean": (MeanPool, (5, 4, 3)),
}


@pytest.mark.parametrize(("make", "shape"), LAYERS.values(), ids=LAYERS)
def test_the_norm_of_a_layer_is_the_largest_singular_value_of_its_matrix(
    make: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    layer = make()
    shown = torch.zeros(1, *shape)
    matrix = torch.autograd.functional.jacobian(layer, shown)
    matrix = matrix.reshape(-1, shown.numel()).double()
    exact = float(torch.linalg.svdvals(matrix)[0])
    for seed in range(5):
        found = operator_norm(layer, shown, seeded(seed))
        assert exact * 0.998 < found < exact * (1 + 1e-5)


def test_a_layer_of_zeros_has_norm_zero() -> None:
    layer = nn.Conv2d(2, 2, 3)
    nn.init.zeros_(layer.weight)
    assert operator_norm(layer, torch.zeros(1, 2, 4, 4), seeded()) == 0


def test_operator_norm_differs_from_the_norm_of_the_kernel() -> None:
    """Where a kernel sums its neighbourhood, the layer is steeper than its reshaped matrix."""
    layer = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.ones_(layer.weight)
    found = operator_norm(layer, torch.zeros(1, 1, 32, 32), seeded())
    assert layer.weight.norm() == 3
    # One dimension has eigenvalues 1 + 2 cos(k pi / 33), and two dimensions their products.
    assert found == pytest.approx((1 + 2 * torch.tensor(torch.pi / 33).cos().item()) ** 2, rel=1e-4)


def scaled_identity(layer: nn.Conv2d, factor: float) -> None:
    nn.init.dirac_(layer.weight)
    with torch.no_grad():
        layer.weight.mul_(factor)


@pytest.mark.parametrize("kind", [PreactivationBlock, PostactivationBlock])
@pytest.mark.parametrize("residual", [True, False])
def test_bound_of_a_residual_block_is_the_sum_of_its_branches(
    kind: type[PreactivationBlock | PostactivationBlock], residual: bool
) -> None:
    block = kind(2, 2, "none", "none", residual=residual)
    scaled_identity(block.convolution1, 2.0)
    scaled_identity(block.convolution2, 3.0)
    bound, made = module_bound(block, torch.zeros(1, 2, 4, 4), seeded())
    assert bound == pytest.approx(2 * 3 + residual, rel=1e-5)
    assert made.shape == (1, 2, 4, 4)
    images = draw(2, 2, 4, 4).abs()  # ReLUs let them pass, so the bound is reached
    with torch.no_grad():
        one, other = block(images)
    steepness = (one - other).norm() / (images[0] - images[1]).norm()
    assert float(steepness) == pytest.approx(2 * 3 + residual, rel=1e-5)


def test_bound_of_a_sequence_is_the_product_with_shared_layers_repeated() -> None:
    twice = nn.Linear(4, 4)
    nn.init.eye_(twice.weight)
    with torch.no_grad():
        twice.weight.mul_(3)
    network = nn.Sequential(twice, nn.LeakyReLU(0.2), nn.LeakyReLU(-2.0), nn.Tanh(), twice)
    assert module_bound(network, torch.zeros(1, 4), seeded())[0] == pytest.approx(18, rel=1e-5)


@pytest.mark.parametrize("channels", [3, 5])
def test_bound_of_a_bilinear_halving_is_the_largest_singular_value_of_its_matrix(
    channels: int,
) -> None:
    torch.manual_seed(0)
    halving = BilinearHalving(3, channels)
    images = torch.zeros(1, 3, 6, 4)
    matrix = torch.autograd.functional.jacobian(halving, images).reshape(-1, images.numel())
    bound, made = module_bound(halving, images, seeded())
    assert made.shape == (1, channels, 3, 2)
    assert bound == pytest.approx(float(torch.linalg.svdvals(matrix.double())[0]), rel=1e-3)


def test_bound_of_a_projection_is_reached_by_the_label_with_the_longest_embedding() -> None:
    """Of 2 x 3 equal places each channel sums to six times its value, sqrt(6) times its length."""
    projection = LabelProjection(2, 3, nn.Identity())
    with torch.no_grad():
        projection.embedding.weight.copy_(torch.tensor([[1.0, 0.0], [3.0, 4.0], [0.0, 2.0]]))
    projection.strength.value.fill_(0.5)
    head = nn.Sequential(SumPool(), nn.Linear(2, 1), nn.Flatten(0))
    with torch.no_grad():
        head[1].weight.copy_(torch.tensor([[0.6, 0.8]]))
    network = ProjectionDiscriminator({"features": nn.Identity(), "logit": head}, projection)
    bound, logit = module_bound(network, torch.zeros(1, 2, 2, 3), seeded())
    assert logit.shape == (1,)
    assert bound == pytest.approx((1 + 0.5 * 5) * 6**0.5, rel=1e-5)
    along = torch.tensor([3.0, 4.0])[None, :, None, None].expand(1, 2, 2, 3)
    with torch.no_grad():
        difference = network(along, torch.tensor([1])) - network(0 * along, torch.tensor([1]))
    assert float(difference) / float(along.norm()) == pytest.approx(bound, rel=1e-5)


def test_bound_of_a_logit_that_is_all_labelled_is_that_of_its_longest_embedding() -> None:
    head = LabelledLogit([nn.Flatten()], 3, num_labels=2)
    with torch.no_grad():
        head.embedding.weight.copy_(torch.tensor([[1.0, 2.0, 2.0], [0.0, 1.0, 0.0]]))
    bound, _ = module_bound(LabelledDiscriminator({"logit": head}), torch.zeros(1, 3), seeded())
    assert bound == pytest.approx(3)


def test_labels_beside_the_pixels_add_nothing_to_the_bound() -> None:
    layer = nn.Linear(4 + 2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 1.0, 1.0, 1.0, 0.0, 0.0]]))
    network = ConcatenatedLabels(LabelEmbedding(3, 2), {"logit": layer})
    bound, _ = module_bound(network, torch.zeros(1, 1, 2, 2), seeded())
    assert bound == pytest.approx(2, rel=1e-5)


def test_images_of_different_labels_are_no_pair() -> None:
    """Their logits differ by what the labels add, however near the images are."""
    real = draw(4, *SHAPE, seed=1)
    labels = torch.tensor([0, 0, 1, 1])

    class Labelled(Critic):
        def forward(self, images: Tensor, labels: Tensor) -> Tensor:
            return super().forward(images) + 1e6 * labels

    nearly = real + 1e-2 * draw(4, *SHAPE, seed=2)
    shown = {"fake": nearly, "real": real, "discriminator_labels": (labels,)}
    (measured,) = probe("lipschitz/empirical", discriminator=Labelled(bowl), **shown).values()
    assert 0 < measured < 10


def test_spectral_normalisation_of_linear_layers_bounds_each_by_one() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 1))
    for index in (0, 2):
        parametrizations.spectral_norm(network[index])
    for _ in range(100):  # each forward pass is one power iteration
        network(torch.zeros(1, 9))
    assert module_bound(network, torch.zeros(1, 9), seeded())[0] == pytest.approx(1, rel=1e-3)


class Squared(nn.Linear):
    """A linear layer by its base, and none by what it does."""

    def forward(self, values: Tensor) -> Tensor:
        return super().forward(values).square()


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.BatchNorm2d(1), r"^1 \(BatchNorm2d\): a layer that divides by the spread"),
        (nn.GroupNorm(1, 1), r"^1 \(GroupNorm\): a layer that divides by the spread"),
        (nn.Softplus(), r"^1 \(Softplus\): no bound of such a layer is known"),
        (nn.Sequential(nn.ReLU(), nn.GELU()), r"^1\.1 \(GELU\): no bound of such a layer is known"),
        (Squared(16, 16), r"^1 \(Squared\): no bound of such a layer is known"),
    ],
)
def test_a_layer_without_a_bound_is_named(layer: nn.Module, reason: str) -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1), layer, MeanPool(), nn.Flatten(0))
    with pytest.raises(NotMeasurable, match=reason):
        probe("lipschitz/bound", discriminator=network)


def test_no_norm_is_computed_where_a_layer_has_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Norms take a third of the time of all probes, and the last layer alone may lack a bound."""

    def computed(layer: nn.Module, example: Tensor, random: torch.Generator) -> float:
        raise AssertionError(f"the norm of {layer}")

    monkeypatch.setattr(lipschitz, "operator_norm", computed)
    network = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Flatten(), nn.Linear(4, 1), nn.Softplus())
    with pytest.raises(NotMeasurable, match=r"^3 \(Softplus\)"):
        probe("lipschitz/bound", draw(2, 1, 4, 4), draw(2, 1, 4, 4), discriminator=network)


def test_row_norms_neither_underflow_nor_overflow() -> None:
    rows = torch.tensor([[3.0, -4.0], [3e-30, 4e-30], [3e30, 4e30], [0.0, 0.0]])
    torch.testing.assert_close(
        row_norms(rows), torch.tensor([5.0, 5e-30, 5e30, 0.0]), atol=0, rtol=1e-6
    )
    assert not row_norms(torch.tensor([[1.0, float("nan")], [1.0, float("inf")]])).isfinite().any()


def test_bound_of_a_grouped_block_is_one_more_than_that_of_its_branch() -> None:
    """x + f(x), which starts as the identity."""
    block, example = GroupedBlock(4, 4, depth=1), torch.zeros(1, 4, 3, 3)
    assert module_bound(block, example, seeded())[0] == 1
    nn.init.normal_(block.get_submodule("body.narrow").weight)  # type: ignore[arg-type]
    branch, _ = module_bound(block.body, example, seeded())
    assert branch > 0
    assert module_bound(block, example, seeded())[0] == pytest.approx(1 + branch)
