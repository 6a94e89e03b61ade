"""The Frechet distance between two sets of features: FID when they are Inception's."""

from __future__ import annotations

import scipy.linalg
import torch
from torch import Tensor, nn

from ganvas.metrics.estimate import Estimate, normal_interval
from ganvas.metrics.inputs import (
    check_features,
    identical_warnings,
    row_blocks,
    torchmetrics_image,
)

FEWEST = 2
"""Samples of each set that a covariance needs."""


def frechet_distance(real: Tensor, fake: Tensor) -> Estimate:
    """|mu_r - mu_f|^2 + tr(S_r + S_f - 2 (S_r S_f)^(1/2)) of two fitted Gaussians.

    Heusel 2017, eq. 6; torchmetrics computes moments and value in float64. The interval is over
    new generated samples, with the real ones fixed. It does not include the bias: the distance
    between samples is larger than the distance between their distributions, by about
    (d + d (d + 1) / 4)(1/n + 1/m) if both are the same isotropic Gaussian of variance one.

    Args:
        real: (n, d), n >= 2. On the CPU it may be memory-mapped: it is read in blocks.
        fake: (m, d), m >= 2.

    Returns:
        The distance, with the details `mean_term` and `covariance_term` that sum to it.

    Raises:
        GanvasError: too few samples, values that are not finite, different d, no torchmetrics.
    """
    check_features(at_least=FEWEST, real=real, fake=fake)
    module = torchmetrics_image("fid")
    # This process has all samples. No sync: with several processes only one gets here.
    metric = module.FrechetInceptionDistance(Identity(real.shape[1]), sync_on_compute=False)
    metric.to(fake.device)
    for rows, is_real in ((real, True), (fake, False)):
        for block in row_blocks(rows):
            metric.update(block.double(), real=is_real)
    value = max(0.0, float(metric.compute()))  # rounding gives -1e-12 for identical sets
    real_mean, real_covariance = moments(
        metric.real_features_sum, metric.real_features_cov_sum, len(real)
    )
    fake_mean, fake_covariance = moments(
        metric.fake_features_sum, metric.fake_features_cov_sum, len(fake)
    )
    shift = fake_mean - real_mean
    transport = optimal_transport(fake_covariance, real_covariance)
    influence = influence_on_distance(fake, fake_mean, shift, transport)
    low, high = normal_interval(value, float(influence.std()) / len(fake) ** 0.5)
    mean_term = float(shift.square().sum())
    return Estimate(
        value,
        (max(0.0, low), high),
        "delta method over generated samples",
        identical_warnings(real=real, generated=fake),
        {"mean_term": mean_term, "covariance_term": value - mean_term},
        dimension_notes(real, fake),
    )


class Identity(nn.Identity):
    """Lets torchmetrics take features in place of images; it reads d from `num_features`."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


def moments(total: Tensor, products: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Mean (d,) and unbiased covariance (d, d) from sum x (d,) and sum x x^T (d, d)."""
    mean = total / count
    return mean, (products - count * torch.outer(mean, mean)) / (count - 1)


def optimal_transport(source: Tensor, target: Tensor) -> Tensor:
    """The symmetric T with T source T = target, for two covariances (d, d).

    T = S^(-1/2) (S^(1/2) R S^(1/2))^(1/2) S^(-1/2): the linear map that transports one Gaussian to
    the other at least cost (Olkin and Pukelsheim 1982). For a singular source the pseudo-inverse
    replaces the inverse, and T is zero in its null space.
    """
    values, vectors = eigenvalues(source)
    roots = values.clamp(min=0).sqrt()
    smallest = roots.max() * (len(source) * torch.finfo(source.dtype).eps) ** 0.5
    inverse_roots = torch.where(roots > smallest, 1 / roots, 0.0)
    root = (vectors * roots) @ vectors.T
    inverse_root = (vectors * inverse_roots) @ vectors.T
    inner = root @ target @ root
    values, vectors = eigenvalues((inner + inner.T) / 2)  # rounding broke its symmetry
    middle = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    transport: Tensor = inverse_root @ middle @ inverse_root
    return transport


def eigenvalues(symmetric: Tensor) -> tuple[Tensor, Tensor]:
    """The eigenvalues (d,), ascending, and the eigenvectors (d, d) of a symmetric matrix.

    torch's divide-and-conquer solver sometimes fails if most eigenvalues are equal, as they are
    (zero) with fewer samples than features. QR iteration does not.
    """
    try:
        values, vectors = torch.linalg.eigh(symmetric)
    except RuntimeError:  # torch.linalg.LinAlgError is one, and not exported
        arrays = scipy.linalg.eigh(symmetric.cpu().numpy(), driver="ev")
        values, vectors = (torch.from_numpy(array).to(symmetric) for array in arrays)
    return values, vectors


def influence_on_distance(fake: Tensor, mean: Tensor, shift: Tensor, transport: Tensor) -> Tensor:
    """The influence of each sample on the distance, up to a constant; (m, d) -> (m,) in float64.

    The derivative of the distance with respect to the weight of x: 2 shift.(x - mu) from the means,
    and (x - mu)^T (I - T)(x - mu) from the covariances, since the gradient with respect to S_f is
    I - T. The constant is the mean over all samples, which a standard error does not need.
    """
    gradient = torch.eye(len(mean), dtype=mean.dtype, device=mean.device) - transport
    influences = []
    for block in row_blocks(fake):
        centred = block.double() - mean
        influences.append(2 * centred @ shift + ((centred @ gradient) * centred).sum(1))
    return torch.cat(influences)


def distance_terms(real: Tensor, fake: Tensor) -> tuple[float, float, Tensor]:
    """The two terms of the distance and the influence of each sample, quick for few samples.

    With centred samples A (n, d) and B (m, d), S_r = A^T A / (n - 1) and S_f = B^T B / (m - 1),
    tr (S_r S_f)^(1/2) is the sum of the singular values s of B A^T / ((n - 1)(m - 1))^(1/2), an
    (m, n) matrix: no (d, d) one is decomposed. With its left singular vectors U, the transport T of
    `optimal_transport` has (x_i - mu)^T T (x_i - mu) = (m - 1) sum_k U_ik^2 s_k.

    Args:
        real: (n, d), n >= 2, finite.
        fake: (m, d), m >= 2, finite.

    Returns:
        The mean term, the covariance term, and the influences (m,) of `influence_on_distance`.
    """
    real, fake = real.double(), fake.double()
    shift = fake.mean(0) - real.mean(0)
    centred = fake - fake.mean(0)
    real_root = (real - real.mean(0)) / (len(real) - 1) ** 0.5
    fake_root = centred / (len(fake) - 1) ** 0.5
    # Triangular factors make the matrix smaller where there are more samples than dimensions.
    rotation, triangle = torch.linalg.qr(fake_root)
    _, real_triangle = torch.linalg.qr(real_root, mode="r")
    left, values, _ = torch.linalg.svd(triangle @ real_triangle.T, full_matrices=False)
    transported = (len(fake) - 1) * (rotation @ left).square() @ values  # (m,)
    influence = 2 * centred @ shift + centred.square().sum(1) - transported
    covariance_term = real_root.square().sum() + fake_root.square().sum() - 2 * values.sum()
    return float(shift.square().sum()), float(covariance_term), influence


def dimension_notes(real: Tensor, fake: Tensor) -> tuple[str, ...]:
    """A note for each set with no more samples than dimensions."""
    return tuple(
        f"{len(rows):,} {name} samples are no more than the {rows.shape[1]:,} dimensions: the"
        " distance is biased upwards; compare it with that of real images, not with zero"
        for name, rows in (("real", real), ("generated", fake))
        if len(rows) <= rows.shape[1]
    )
