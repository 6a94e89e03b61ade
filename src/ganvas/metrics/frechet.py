"""The Frechet distance between two sets of features: FID when they are Inception's."""

from __future__ import annotations

import scipy.linalg
import torch
from torch import Tensor

from ganvas.metrics.estimate import Estimate, normal_interval
from ganvas.metrics.inputs import check_features, identical_warnings, row_blocks
from ganvas.metrics.neighbours import mean_of

FEWEST = 2
"""Samples of each set that a covariance needs."""

SAMPLES_PER_DIMENSION = 2
"""With at most so many the distance is computed from samples, with more from covariances.

Both give the same distance, within 1e-9 of it; within 1e-6 where n or m is below the number of
dimensions, because the root of an eigenvalue that is zero but for rounding is not. Seconds of CPU
time for n real and m generated samples of 1,280 dimensions, on one thread of a busy CPU:

      n      m   samples   covariances
    300    300      0.05          1.20
  1,000  1,000      0.51          1.37
  1,000  2,000      0.95          1.55
  3,000  3,000      1.77          1.78
"""

BIASED = "the distance is biased upwards; compare it with that of real images, not with zero"
"""What no more samples than dimensions mean, in a note."""


def frechet_distance(real: Tensor, fake: Tensor) -> Estimate:
    """|mu_r - mu_f|^2 + tr(S_r + S_f - 2 (S_r S_f)^(1/2)) of two fitted Gaussians.

    Heusel 2017, eq. 6, in float64. The interval is over new generated samples, with the real ones
    fixed. It does not include the bias: the distance between samples is larger than the distance
    between their distributions, by about (d + d (d + 1) / 4)(1/n + 1/m) if both are the same
    isotropic Gaussian of variance one.

    Args:
        real: (n, d), n >= 2. On the CPU it may be memory-mapped: it is read in blocks.
        fake: (m, d), m >= 2.

    Returns:
        The distance, with the details `mean_term` and `covariance_term` that sum to it.

    Raises:
        GanvasError: too few samples, values that are not finite, different d.
    """
    check_features(at_least=FEWEST, real=real, fake=fake)
    mean_term, covariance_term, influence = distance_terms(real, fake)
    value = max(0.0, mean_term + covariance_term)  # rounding gives -1e-12 for identical sets
    low, high = normal_interval(value, float(influence.std()) / len(fake) ** 0.5)
    return Estimate(
        value,
        (max(0.0, low), high),
        "delta method over generated samples",
        identical_warnings(real=real, generated=fake),
        {"mean_term": mean_term, "covariance_term": value - mean_term},
        dimension_notes(real, fake),
    )


def distance_terms(real: Tensor, fake: Tensor) -> tuple[float, float, Tensor]:
    """The two terms of the distance, and the influence of each sample on it.

    Args:
        real: (n, d), n >= 2, finite.
        fake: (m, d), m >= 2, finite.

    Returns:
        The mean term, the covariance term, and the influences (m,): see `influence_on_distance`.
    """
    if max(len(real), len(fake)) <= SAMPLES_PER_DIMENSION * real.shape[1]:
        return terms_from_samples(real, fake)
    return terms_from_covariances(real, fake)


def terms_from_covariances(real: Tensor, fake: Tensor) -> tuple[float, float, Tensor]:
    """`distance_terms` of many samples, which are read in blocks."""
    real_mean, real_covariance = moments(real)
    fake_mean, fake_covariance = moments(fake)
    shift = fake_mean - real_mean
    transport, root_trace = optimal_transport(fake_covariance, real_covariance)
    influence = influence_on_distance(fake, fake_mean, shift, transport)
    covariance_term = real_covariance.trace() + fake_covariance.trace() - 2 * root_trace
    return float(shift.square().sum()), float(covariance_term), influence


def moments(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) and unbiased covariance (d, d) of rows (n, d), in float64."""
    mean = mean_of(rows)
    covariance = torch.zeros(len(mean), len(mean), dtype=mean.dtype, device=mean.device)
    for block in row_blocks(rows):
        centred = block.double() - mean
        covariance.addmm_(centred.T, centred)
    return mean, covariance / (len(rows) - 1)


def optimal_transport(source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The symmetric T with T source T = target, for two covariances S and R (d, d).

    T = S^(-1/2) (S^(1/2) R S^(1/2))^(1/2) S^(-1/2): the linear map that transports one Gaussian to
    the other at least cost (Olkin and Pukelsheim 1982). For a singular source the pseudo-inverse
    replaces the inverse, and T is zero in its null space.

    Returns:
        T, and tr (S R)^(1/2), the trace of the root in the middle.
    """
    values, vectors = eigenvalues(source)
    roots = values.clamp(min=0).sqrt()
    smallest = roots.max() * (len(source) * torch.finfo(source.dtype).eps) ** 0.5
    inverse_roots = torch.where(roots > smallest, 1 / roots, 0.0)
    root = (vectors * roots) @ vectors.T
    inverse_root = (vectors * inverse_roots) @ vectors.T
    inner = root @ target @ root
    values, vectors = eigenvalues((inner + inner.T) / 2)  # rounding broke its symmetry
    roots = values.clamp(min=0).sqrt()
    transport: Tensor = inverse_root @ ((vectors * roots) @ vectors.T) @ inverse_root
    return transport, roots.sum()


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


def terms_from_samples(real: Tensor, fake: Tensor) -> tuple[float, float, Tensor]:
    """`distance_terms` of few samples, quick because no (d, d) matrix is decomposed.

    With centred samples A (n, d) and B (m, d), S_r = A^T A / (n - 1) and S_f = B^T B / (m - 1),
    tr (S_r S_f)^(1/2) is the sum of the singular values s of B A^T / ((n - 1)(m - 1))^(1/2), an
    (m, n) matrix. With its left singular vectors U, the transport T of `optimal_transport` has
    (x_i - mu)^T T (x_i - mu) = (m - 1) sum_k U_ik^2 s_k.

    Computed on the CPU: many GPUs are slow in float64.
    """
    real, fake = real.cpu().double(), fake.cpu().double()
    shift = fake.mean(0) - real.mean(0)
    centred = fake - fake.mean(0)
    real_root = (real - real.mean(0)) / (len(real) - 1) ** 0.5
    fake_root = centred / (len(fake) - 1) ** 0.5
    # Triangular factors make the matrix smaller where there are more samples than dimensions.
    rotation, triangle = torch.linalg.qr(fake_root)
    _, real_triangle = torch.linalg.qr(real_root, mode="r")
    left, values = singular_values(triangle @ real_triangle.T)
    transported = (len(fake) - 1) * (rotation @ left).square() @ values  # (m,)
    influence = 2 * centred @ shift + centred.square().sum(1) - transported
    covariance_term = real_root.square().sum() + fake_root.square().sum() - 2 * values.sum()
    return float(shift.square().sum()), float(covariance_term), influence


def singular_values(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The left singular vectors (m, k) and the k singular values of a matrix, on the CPU.

    Where torch's solver fails, as that of `eigenvalues` does, QR iteration does not.
    """
    try:
        left, values, _ = torch.linalg.svd(matrix, full_matrices=False)
    except RuntimeError:  # torch.linalg.LinAlgError is one, and not exported
        vectors, numbers, _ = scipy.linalg.svd(
            matrix.numpy(), full_matrices=False, lapack_driver="gesvd"
        )
        left, values = torch.from_numpy(vectors), torch.from_numpy(numbers)
    return left, values


def dimension_notes(real: Tensor, fake: Tensor) -> tuple[str, ...]:
    """A note for each set with no more samples than dimensions."""
    return tuple(
        f"{len(rows):,} {name} samples are no more than the {rows.shape[1]:,} dimensions: {BIASED}"
        for name, rows in (("real", real), ("generated", fake))
        if len(rows) <= rows.shape[1]
    )
