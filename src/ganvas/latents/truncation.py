"""Truncation: latents nearer to the mean give images that are more typical, and less varied."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganvas.errors import ArgumentError
from ganvas.latents.latents import Latents, images_of, styles_of
from ganvas.networks.styles import StyleBased


def truncate(network: nn.Module, latents: Latents, psi: float) -> Latents:
    """The latents, moved towards the mean.

    Of a style generator the styles move: w' = mean + psi (w - mean) (Karras 2019, appendix B), with
    the running mean of training; where it takes labels, the mean of the image's own label, and of a
    mixture of labels the mixture of their means. Styles do not say their label, so each moves
    towards the nearest mean (Mokady 2022, multi-modal truncation).

    Other networks have no such space, and get psi z: latents drawn with a standard deviation of psi
    (the reduced temperature of Kingma and Dhariwal 2018).

    Args:
        psi: 1 returns the latents themselves, 0 gives the mean image; above 1 leads away from it.

    Returns:
        In the space w for a style generator and a psi other than 1. Gradients reach the latents.
    """
    if psi == 1:
        return latents
    if not isinstance(network, StyleBased):
        return Latents(psi * latents.values, latents.labels, latents.space)
    styles = styles_of(network, latents).values  # (N, L, S)
    if latents.space == "w":
        means = nearest_means(network.mean_styles, styles)
    else:
        means = means_of(network.mean_styles, latents.labels)
    means = means.unsqueeze(-2)  # one for all layers
    return Latents(means + psi * (styles - means), space="w")


def means_of(mean_styles: Tensor, labels: Tensor | None) -> Tensor:
    """The mean styles (N, S) of labels (N,) or mixtures (N, K), or (S,) that all images share."""
    if labels is None or mean_styles.dim() == 1:
        return mean_styles
    return labels @ mean_styles if labels.is_floating_point() else mean_styles[labels]


def nearest_means(mean_styles: Tensor, styles: Tensor) -> Tensor:
    """The mean (N, S) that is nearest to the styles (N, L, S), averaged over layers."""
    if mean_styles.dim() == 1:
        return mean_styles.expand(len(styles), -1)
    return mean_styles[torch.cdist(styles.mean(1), mean_styles).argmin(1)]


def depends_on_length(network: nn.Module, latents: Latents) -> bool:
    """Whether the length of latents has an effect.

    Halving them must change images, by more than a thousandth of what other latents change.

    Args:
        latents: at least two, to try, in the space z.
    """
    halved = Latents(latents.values / 2, latents.labels)
    with torch.inference_mode():
        images = images_of(network, latents)
        others = images_of(network, halved)
    return bool((images - others).norm() > 1e-3 * (images - images.roll(1, 0)).norm())


def check_truncates(network: nn.Module, latents: Latents) -> None:
    """Raise a `GanvasError` if truncation would do nothing, because the network normalises latents.

    Args:
        latents: at least two, to try (`depends_on_length`).
    """
    if not isinstance(network, StyleBased) and not depends_on_length(network, latents):
        raise ArgumentError(
            "truncation",
            "this generator's images do not depend on the length of its latents, which it "
            "normalises, as fastgan does (and an exported style generator, whose style space is "
            "not in the file). Leave it out; of a run, the discriminator can choose the better "
            "half instead: --keep best:0.5",
        )
