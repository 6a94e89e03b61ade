"""Rejection: of more candidates than images, those that the discriminator ranks best are kept.

Simpler than accepting a candidate as often as the ratio of densities says (Azadi 2019), which needs
a calibrated discriminator: an order is all that is used. So it serves every loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganvas.errors import ArgumentError
from ganvas.latents.latents import BATCH_SIZE, Latents, generate_batches
from ganvas.latents.truncation import truncate
from ganvas.networks import average_heads
from ganvas.randomness import draw_latents

BLOCK = 64
"""Images that are chosen together: the best of the candidates for so many. A block does not depend
on how many images follow, so the first k of n images are those of k. It divides `BATCH_SIZE`."""


@dataclass(frozen=True)
class TrainedDiscriminator:
    """A discriminator in evaluation mode, of the moment that its generator is of.

    takes_labels: whether it is called as (images, labels).
    """

    network: nn.Module
    takes_labels: bool = False

    def logits(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """How real each image looks, (N,); more is better under every loss.

        Args:
            images: (N, C, H, W) as the generator gives them.
            labels: int64 (N,), if it takes them.
        """
        given = (labels,) if self.takes_labels else ()
        with torch.inference_mode():
            logits: Tensor = average_heads(self.network(images, *given)).float()
        return logits


def spare_labels(labels: Tensor, fraction: float) -> Tensor:
    """The labels of the candidates that are needed beside one for each image.

    Args:
        labels: int64 (N,), of the images; all alike where the generator takes none.
        fraction: of the candidates of each label, which is kept.
    """
    kinds, counts = torch.unique(labels, return_counts=True)
    spare = [math.ceil(count / fraction - 1e-6) - count for count in counts.tolist()]
    repeated: Tensor = kinds.repeat_interleave(torch.tensor(spare))
    return repeated


def best_rows(logits: Tensor, labels: Tensor, count: int) -> Tensor:
    """Which candidate becomes each image: of every label the best, as many as it has images.

    The first `count` candidates are drawn for one image each. Those among the best stay in their
    place, and better ones of the same label take the places of the others.

    Args:
        logits: (M,); of equal ones the first is better.
        labels: int64 (M,).
        count: of images, at most M.

    Returns:
        int64 (count,), distinct.
    """
    rows = torch.arange(count)
    for label in torch.unique(labels[:count]):
        candidates = (labels == label).nonzero()[:, 0]  # ascending
        own = candidates[candidates < count]
        order = logits[candidates].argsort(descending=True, stable=True)
        best = candidates[order[: len(own)]].sort().values
        rows[own[~torch.isin(own, best)]] = best[best >= count]
    return rows


def keep_best(
    network: nn.Module,
    discriminator: TrainedDiscriminator,
    candidates: Latents,
    labels: Tensor,
    count: int,
) -> Latents:
    """The candidates that become images (`best_rows`).

    Args:
        candidates: M of them; at first one for each image.
        labels: int64 (M,) on the CPU, of the candidates; all alike where there are none.

    Raises:
        GanvasError: the discriminator diverged.
    """
    parts = zip(generate_batches(network, candidates), torch.split(labels, BATCH_SIZE), strict=True)
    logits = torch.cat(
        [discriminator.logits(images, part.to(images.device)).cpu() for images, part in parts]
    )
    if not logits.isfinite().all():
        raise ArgumentError(
            "keep",
            "the discriminator gives values that are not finite, so it ranks nothing. Choose an "
            "earlier checkpoint (--checkpoint N)",
        )
    return candidates[best_rows(logits, labels, count)]


def best_of_block(
    network: nn.Module,
    discriminator: TrainedDiscriminator,
    latents: Tensor,
    labels: Tensor | None,
    fraction: float,
    truncation: float,
    random: torch.Generator,
) -> Latents:
    """What images of a block are made from, truncated.

    Args:
        latents: (N, Z), a candidate for each image.
        labels: int64 (N,) on the CPU, of the images, if the generator takes labels.
        fraction: of the candidates, that is kept.
        truncation: of all candidates, before they are ranked.
        random: draws the others.
    """
    count, latent_dim = latents.shape
    kinds = torch.zeros(count, dtype=torch.int64) if labels is None else labels
    spare_kinds = spare_labels(kinds, fraction)
    spare = draw_latents(len(spare_kinds), latent_dim, random).to(latents.device)
    kinds = torch.cat([kinds, spare_kinds])
    drawn = Latents(
        torch.cat([latents, spare]), None if labels is None else kinds.to(latents.device)
    )
    candidates = truncate(network, drawn, truncation)
    return keep_best(network, discriminator, candidates, kinds, count)
