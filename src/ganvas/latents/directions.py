"""Directions in which the images of a generator change: SeFa, GANSpace, and between labels.

They are found in its weights, or in styles of random latents: without images, in seconds. What a
direction changes, only its strip shows; the methods order them by how much they change.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor, nn

from ganvas.arguments import check_type, in_words, is_count
from ganvas.errors import ArgumentError, GanvasError
from ganvas.latents.latents import Latents, mixtures, styles_of
from ganvas.networks.first_layers import first_layers
from ganvas.networks.styles import StyleBased

Method = Literal["sefa", "ganspace", "labels"]
"""Closed form from the first layer's weights; principal components; from one label to others."""

DirectionSpace = Literal["z", "w", "labels"]
"""What directions move: latents (N, Z), styles (N, L, S), or mixtures of labels (N, K)."""

SAMPLES = 10_000
"""Latents whose styles show how far styles spread."""

STEPS_BETWEEN_LABELS = 3
"""So many steps lead from one label to the other."""

STRIP_STEPS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""Where a strip shows a direction. The image itself is in the middle."""

SMALLEST_SHARE = 1e-12
"""Directions with less have no order, but for rounding."""


@dataclass(frozen=True)
class Directions:
    """Unit vectors in a generator's inputs. `move` moves inputs along them.

    method: how they were found.
    space: what they move.
    names: one for each of the D directions.
    vectors: float32 (D, Z), (D, S) or (D, K), of length 1. The largest component is positive for
        sefa and ganspace, so the sign does not depend on the machine.
    step_lengths: float32 (D,), the length of one step: a standard deviation of latents (1) or of
        styles in this direction, or a third of the way from one label to the other.
    shares: float32 (D,), falling: the fraction of the variance in each direction: of the outputs of
        the first layer, each divided by the length of its weights (sefa) or not (ganspace in z);
        or of styles (ganspace in w). None between labels.
    """

    method: Method
    space: DirectionSpace
    names: tuple[str, ...]
    vectors: Tensor
    step_lengths: Tensor
    shares: Tensor | None = None

    def __len__(self) -> int:
        return len(self.names)

    def first(self, n: int) -> Directions:
        """The first n.

        Raises:
            GanvasError: there are fewer.
        """
        if not is_count(n) or n > len(self):
            raise ArgumentError(
                "n", f"expected 1 to {len(self)}, the directions there are, got {in_words(n)}"
            )
        shares = None if self.shares is None else self.shares[:n]
        vectors, step_lengths = self.vectors[:n], self.step_lengths[:n]
        return replace(
            self, names=self.names[:n], vectors=vectors, step_lengths=step_lengths, shares=shares
        )

    def check(self, numbers: Collection[int]) -> None:
        """Raise a `GanvasError` unless these are numbers of directions, from 0 on."""
        unknown = [str(number) for number in numbers if number not in range(len(self))]
        if unknown:
            raise GanvasError(
                f"no direction {' and '.join(unknown)}: this generator has 0 to {len(self) - 1} "
                f"with the method {self.method}"
            )

    def offset(self, moves: Mapping[int, float]) -> Tensor:
        """The sum of moves: float32 (Z,), (S,) or (K,).

        Args:
            moves: how many steps to go, by the number of a direction.

        Raises:
            GanvasError: no such direction, or no such moves.
        """
        check_type("moves", moves, Mapping, "steps by the number of a direction, such as {3: 2.0}")
        self.check(moves)
        steps = torch.zeros(len(self))
        for number, count in moves.items():
            check_type(f"moves[{number}]", count, Real, "a number of steps")
            steps[number] = count
        return (steps * self.step_lengths) @ self.vectors

    def move(
        self,
        network: nn.Module,
        latents: Latents,
        moves: Mapping[int, float],
        layers: Sequence[int] | None = None,
    ) -> Latents:
        """Inputs of a generator, moved along some directions. Gradients reach the latents.

        Args:
            network: the generator that the directions are of.
            latents: N of them. For directions in w they become styles first.
            moves: steps to move, by the number of a direction; if empty, nothing changes.
            layers: for directions in w, those whose styles are moved; None moves all.

        Raises:
            GanvasError: no such direction or layer, or layers for directions in another space.
        """
        offset = self.offset(moves).to(latents.values.device)
        if self.space == "w":
            styles = styles_of(network, latents)
            chosen = layer_mask(styles.values.shape[1], layers).to(offset.device)  # (L, 1)
            return replace(styles, values=styles.values + chosen * offset)
        if layers is not None:
            raise GanvasError("layers are chosen for directions of styles: this generator has none")
        if self.space == "labels":
            assert latents.labels is not None
            return replace(latents, labels=mixtures(latents.labels, len(offset)) + offset)
        return replace(latents, values=latents.values + offset)


def layer_mask(count: int, layers: Sequence[int] | None) -> Tensor:
    """1 for the chosen layers, else 0: float32 (L, 1).

    Raises:
        GanvasError: no such layer.
    """
    if layers is None:
        return torch.ones(count, 1)
    if isinstance(layers, str) or not isinstance(layers, Iterable):
        raise ArgumentError("layers", f"expected numbers such as [0, 1, 2], got {in_words(layers)}")
    unknown = [str(layer) for layer in layers if layer not in range(count)]
    if unknown:
        raise GanvasError(f"no layer {unknown[0]}: this generator has layers 0 to {count - 1}")
    mask = torch.zeros(count, 1)
    mask[list(layers)] = 1
    return mask


def strips(
    network: nn.Module,
    directions: Directions,
    latents: Latents,
    layers: Sequence[int] | None = None,
) -> Latents:
    """One image moved along each direction by `STRIP_STEPS`: D * T inputs, strip after strip."""
    moved = [
        directions.move(network, latents[:1], {number: steps}, layers)
        for number in range(len(directions))
        for steps in STRIP_STEPS
    ]
    values = torch.cat([each.values for each in moved])
    labels = [each.labels for each in moved if each.labels is not None]
    return Latents(values, torch.cat(labels) if labels else None, moved[0].space)


# -- Methods -------------------------------------------------------------------------------------


def sefa(network: nn.Module, latents: Latents) -> Directions:
    """Directions that change what the first layer gives the most (Shen & Zhou 2021, SeFa).

    With A the weights of the first layer (O, Z), a step n changes its output by A n (eq. 3). The
    unit vectors with the largest |A n|^2 (eq. 4, 5) are the eigenvectors of A^T A with the largest
    eigenvalues (eq. 7). As in the authors' code, each row of A is first divided by its length, so
    that all outputs count alike. In a style generator A has the rows of every layer that takes a
    style.

    Args:
        network: a generator.
        latents: random ones in the space z. Of a style generator many: their styles say how long a
            step is. Of others one, which says how many latents there are.

    Raises:
        GanvasError: the network does not say which layer is its first.
    """
    return _principal("sefa", F.normalize(first_matrix(network, latents)), network, latents)


def ganspace(network: nn.Module, latents: Latents) -> Directions:
    """Principal components of styles, or of what the first layer gives (Härkönen 2020, GANSpace).

    Without a style space the components of A z + b are those of A A^T, because latents are standard
    normal: no samples are needed. The paper maps them back to latents by least squares (section
    2.2), which gives the right singular vectors of A, the eigenvectors of A^T A.

    Args:
        network: a generator.
        latents: random ones in the space z. Of a style generator many, whose styles are analysed.
            Of others one, which says how many latents there are.

    Raises:
        GanvasError: it has no style space, and does not say which layer is its first.
    """
    if isinstance(network, StyleBased):
        styles = centred_styles(network, latents)
        return _principal("ganspace", styles / math.sqrt(len(styles)), network, latents)
    return _principal("ganspace", first_matrix(network, latents), network, latents)


def between_labels(network: nn.Module, start: int, names: Sequence[str]) -> Directions:
    """From one label to each of the others, named `cat to dog`; three steps lead there.

    In a style generator, by the difference of the mean styles; in others, by the difference of the
    mixtures of labels. The latter is exact: three steps from an image of the first label give the
    image of the same latents and the other.

    Args:
        network: a generator that takes labels.
        start: the number of the first label.
        names: of the K labels.

    Raises:
        GanvasError: there is no other label.
    """
    others = [label for label in range(len(names)) if label != start]
    if not others:
        raise GanvasError(
            f"this generator has one label, {names[start]}: there is no way to others"
        )
    space: DirectionSpace = "labels"
    corners = torch.eye(len(names))
    if isinstance(network, StyleBased):
        space, corners = "w", network.mean_styles.float().cpu()
    ways = corners[others] - corners[start]  # (K - 1, S) or (K - 1, K)
    return Directions(
        "labels",
        space,
        tuple(f"{names[start]} to {names[label]}" for label in others),
        F.normalize(ways),
        ways.norm(dim=1) / STEPS_BETWEEN_LABELS,
    )


def first_matrix(network: nn.Module, latents: Latents) -> Tensor:
    """A: what the first layer makes of latents (O, Z), or all first layers of styles (O, S).

    Latents that it does not take (chunks) have columns of zeros; what it takes beside latents, an
    embedding of labels, has none. float64 on the CPU.

    Raises:
        GanvasError: the network does not say which layer it is.
    """
    layers = first_layers(network)
    if not layers:
        raise GanvasError(
            "this generator does not say which of its layers latents reach first, so its weights "
            "show no directions. If it takes labels, choose the method labels; if the network is "
            "yours, build that layer as a FirstLinear or a FirstConvolution (docs/add-a-network.md)"
        )
    matrix = torch.cat([layer.matrix().detach().double().cpu() for layer in layers])
    if isinstance(network, StyleBased):
        return matrix
    length = latents.values.shape[1]
    taken = matrix[:, :length]
    return F.pad(taken, (0, length - taken.shape[1]))


def centred_styles(network: nn.Module, latents: Latents) -> Tensor:
    """The styles of latents, less their mean: float64 (N, S), on the CPU."""
    styles = styles_of(network, latents).values[:, 0].detach().double().cpu()
    return styles - styles.mean(0)


def _principal(method: Method, matrix: Tensor, network: nn.Module, latents: Latents) -> Directions:
    """The eigenvectors of M^T M for a matrix (O, Z) or (O, S), as directions."""
    vectors, shares = principal_vectors(matrix)
    has_styles = isinstance(network, StyleBased)
    spread = torch.ones(len(vectors))
    if has_styles:
        spread = (centred_styles(network, latents) @ vectors.T).std(0, correction=0)
    names = tuple(f"{method} {number}" for number in range(len(vectors)))
    space: DirectionSpace = "w" if has_styles else "z"
    return Directions(method, space, names, vectors.float(), spread.float(), shares.float())


def principal_vectors(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvectors of M^T M as rows (D, I), and their shares of its trace (D,), the largest first.

    Those without a share are left out. The largest component of each is positive.

    Args:
        matrix: M, float64 (O, I).
    """
    values, columns = torch.linalg.eigh(matrix.T @ matrix)
    values, vectors = values.flip(0).clamp_min(0), columns.T.flip(0)
    shares = values / values.sum()
    rank = int((shares > SMALLEST_SHARE).sum())
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))  # (I, 1)
    return (vectors * largest.sign())[:rank], shares[:rank]
