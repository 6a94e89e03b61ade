"""A trained generator with the latents and labels that its samples are made from."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from ganvas.arguments import check_count, check_type
from ganvas.checksum import checksum
from ganvas.data.settings import TrainingData
from ganvas.errors import ArgumentError, GanvasError
from ganvas.labels import LabelSet
from ganvas.latents.files import InputSpec
from ganvas.latents.latents import BATCH_SIZE, Latents
from ganvas.latents.rejection import BLOCK, TrainedDiscriminator, best_of_block
from ganvas.latents.settings import check_truncation, parse_keep
from ganvas.latents.truncation import check_truncates, depends_on_length, truncate
from ganvas.networks import ImageShape
from ganvas.networks.styles import StyleBased
from ganvas.randomness import draw_latents, named_generator
from ganvas.torch_state import usual_torch

LabelChoice = str | int | Sequence[str | int] | None
"""A label for all samples, or one for each, by name or number; None draws them."""


@dataclass(frozen=True)
class RandomInputs:
    """A generator and the random inputs that are drawn for it. `TrainedGenerator` is one."""

    network: nn.Module
    shape: ImageShape
    latent_dim: int
    images_seen: int
    extent: float | None = None
    """For points: half the side of the square around 0 in which they are drawn."""
    label_set: LabelSet | None = None
    """The labels that it takes; None if it takes none."""
    data: TrainingData | None = None
    """What it was trained on; None in files of ganvas 0.4 and before."""
    later_doublings: int = 0
    """How often its size was still to double when it was saved, in a run that grows: until then it
    repeats pixels."""
    discriminator: TrainedDiscriminator | None = None
    """Of the same checkpoint, if it was asked for (`load(RUN, discriminator=True)`)."""
    truncation: float = 1.0
    """How far latents are from their mean: 1 as they are drawn, 0 at the mean (`truncated`)."""
    kept: float = 1.0
    """The fraction of candidates that become images (`keeping`)."""
    exported_from: str = ""
    """The identity of the generator that this one was exported from; empty for any other."""

    @cached_property
    def identity(self) -> str:
        """A checksum of its weights (64 hex digits), by which files of latents know it.

        That of a run, of its copied generator/ folder, of what was pushed of it, and of its exports
        to ONNX is the same. A run that goes on has another.
        """
        return self.exported_from or checksum(self.network.state_dict(), {})

    @property
    def inputs(self) -> InputSpec:
        """The generator's identity, and the shapes and labels of its inputs."""
        return InputSpec(
            self.identity, self.images_seen, self.latent_dim, self.style_shape, self.label_set
        )

    @property
    def style_shape(self) -> tuple[int, int] | None:
        """L and S: how many layers take a style, and its length; None without a style space."""
        if not isinstance(self.network, StyleBased):
            return None
        return self.network.style_layers, self.network.mean_styles.shape[-1]

    @property
    def device(self) -> torch.device:
        """The device on which it generates."""
        tensors = itertools.chain(self.network.parameters(), self.network.buffers())
        return next(tensors).device

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels that it takes; empty if it takes none."""
        return self.label_set.names if self.label_set else ()

    @property
    def makes_points(self) -> bool:
        """Whether it generates points in the plane instead of images."""
        return self.shape.is_point

    @usual_torch()
    def truncated(self, truncation: float) -> Self:
        """The same generator with latents nearer to the mean: `latents.truncation.truncate`.

        Its images are more typical, and less varied; `ganvas truncation RUN` measures how much. The
        styles of a style generator become mean + truncation (w - mean) (Karras 2019, appendix B),
        with a mean for each label if it takes labels. Other generators scale latents: truncation z
        (Kingma and Dhariwal 2018). Samples, grids, walks and scores follow.

        Args:
            truncation: 0 to 2. 1 changes nothing, bit for bit; 0 gives the mean image.

        Raises:
            GanvasError: it is out of range, or the generator normalises its latents, so that their
                length has no effect.
        """
        check_truncation(truncation)
        if truncation != 1:
            check_truncates(self.network, self._two_latents())
        return replace(self, truncation=truncation)

    @usual_torch()
    def depends_on_length(self) -> bool:
        """Whether the length of latents has an effect: not where the network normalises them."""
        return depends_on_length(self.network, self._two_latents())

    def _two_latents(self) -> Latents:
        """Two of the first label, to try something with."""
        first = torch.zeros(2, dtype=torch.int64, device=self.device)
        return Latents(self.latents(2), None if self.label_set is None else first)

    def keeping(self, keep: str) -> Self:
        """The same generator, whose best images are chosen by the discriminator.

        This applies to samples, grids and scores; walks use latents as they are drawn. For every
        label a fraction F of the candidates is kept (`latents.rejection.best_rows`), so labels stay
        as frequent. Images of `sample` that are among the best stay in their place.

        Args:
            keep: best:F with F from 0.01 to 1, such as best:0.5. 1 changes nothing, bit for bit.

        Raises:
            GanvasError: it has another form; or the generator was loaded without its discriminator.
        """
        fraction = parse_keep(keep)
        if fraction < 1 and self.discriminator is None:
            raise ArgumentError(
                "keep",
                "the discriminator chooses, and it was not loaded: "
                "ganvas.load(RUN, discriminator=True)",
            )
        return replace(self, kept=fraction)

    @usual_torch()
    def latents(self, n: int, seed: int = 0) -> Tensor:
        """The latents of `sample`: float32 (n, latent_dim), standard normal.

        As they are drawn, before truncation and choice; `input_batches` gives what is left.
        """
        return torch.cat(list(self.latent_batches(n, seed)))  # (n, Z)

    def latent_batches(
        self, n: int, seed: int = 0, indices: range | None = None
    ) -> Iterator[Tensor]:
        """The latents of `sample` in batches (B, latent_dim), so that few are in memory.

        Args:
            indices: only these of the n.
        """
        check_count("n", n)
        indices = range(n) if indices is None else indices
        random = named_generator(seed, "samples")
        device = self.device
        # Row by row: for a larger tensor torch may draw other values from the same seed.
        rows = (draw_latents(1, self.latent_dim, random) for _ in range(indices.stop))
        for batch in batched(itertools.islice(rows, indices.start, None), BATCH_SIZE):
            yield torch.cat(batch).to(device)

    def label_indices(self, labels: LabelChoice, n: int) -> Tensor | None:
        """Label numbers, int64 (n,), of one label for all n or one for each.

        Raises:
            GanvasError: the generator takes no labels, or not these, or there are not n; or n is no
                count.
        """
        check_count("n", n)
        if labels is None:
            return None
        if self.label_set is None:
            raise GanvasError(
                "this generator takes no labels: it was trained without. Train one that does with "
                "--labels on, or with a recipe whose name ends in -conditional"
            )
        if isinstance(labels, np.generic | np.ndarray | Tensor) and labels.ndim == 0:
            labels = labels.item()
        check_type("labels", labels, (str, int, Iterable), "a label, or one for each image")
        names = [labels] * n if isinstance(labels, str | int) else list(labels)
        if len(names) != n:
            raise GanvasError(f"{n} images need {n} labels or one for all, got {len(names)}")
        return torch.tensor(self.label_set.indices_of(names))

    def check_latents(self, latents: Latents) -> None:
        """Raise a `GanvasError` unless this generator can make images of them."""
        check_type(
            "latents", latents, Latents, "Latents, as sample_latents and read_latents give them"
        )
        check_type("latents.values", latents.values, Tensor, "a tensor")
        shape = (self.latent_dim,) if latents.space == "z" else self.style_shape
        if shape is None:
            raise GanvasError("latents: these are styles, and this generator has no style space")
        given = tuple(latents.values.shape)
        if given[1:] != shape or not given[0]:
            wanted = ", ".join(map(str, ("N", *shape)))
            raise GanvasError(f"latents: expected values of shape ({wanted}), got {given}")
        if latents.values.dtype != torch.float32:
            dtype = str(latents.values.dtype).removeprefix("torch.")
            raise ArgumentError("latents.values", f"expected float32, got {dtype}: use .float()")
        if latents.space == "z" and (latents.labels is None) != (self.label_set is None):
            takes = "no labels" if self.label_set is None else "labels"
            have = "none" if latents.labels is None else "some"
            raise GanvasError(f"latents: this generator takes {takes}, and these have {have}")
        if latents.space == "z" and latents.labels is not None:
            self._check_labels(latents.labels, given[0])

    def _check_labels(self, labels: Tensor, n: int) -> None:
        """Raise an `ArgumentError` unless they are labels or mixtures of labels of n latents."""
        count = len(self.label_names)
        check_type("latents.labels", labels, Tensor, "a tensor")
        if labels.is_floating_point():
            fit = tuple(labels.shape) == (n, count)
        else:
            fit = labels.dtype == torch.int64 and tuple(labels.shape) == (n,)
            fit = fit and bool(((labels >= 0) & (labels < count)).all())
        if not fit:
            dtype = str(labels.dtype).removeprefix("torch.")
            raise ArgumentError(
                "latents.labels",
                f"expected int64 ({n},) from 0 to {count - 1}, or mixtures of labels float32 "
                f"({n}, {count}), got {dtype} {tuple(labels.shape)}",
            )

    def draw_labels(self, n: int, seed: int = 0) -> Tensor | None:
        """The labels of `sample`, int64 (n,): drawn as often as the training images have them.

        None if the generator takes no labels. The first k of n are those of k images.
        """
        if self.label_set is None:
            return None
        random = named_generator(seed, "labels of samples")
        places = torch.rand(n, generator=random, dtype=torch.float64)
        counts = torch.tensor(self.label_set.counts, dtype=torch.float64)
        edges = counts.cumsum(0) / counts.sum()
        return torch.searchsorted(edges, places, right=True).clamp_max(len(counts) - 1)

    def input_batches(
        self,
        n: int,
        seed: int = 0,
        indices: range | None = None,
        labels: Tensor | None = None,
    ) -> Iterator[Latents]:
        """What `sample` makes images from, in batches: latents, or styles if they are truncated.

        With labels if the generator takes them, except for styles.

        Args:
            indices: only these of the n.
            labels: int64 (n,); None draws them.
        """
        indices = range(n) if indices is None else indices
        if self.kept < 1:
            yield from self._chosen_batches(n, seed, indices, labels)
            return
        labels = self.draw_labels(n, seed) if labels is None else labels
        position = indices.start
        for values in self.latent_batches(n, seed, indices):
            end = position + len(values)
            own = None if labels is None else labels[position:end].to(values.device)
            yield truncate(self.network, Latents(values, own), self.truncation)
            position = end

    def sample_latents(self, n: int, seed: int = 0, labels: LabelChoice = None) -> Latents:
        """What `sample` makes n images from, in one batch."""
        batches = list(self.input_batches(n, seed, labels=self.label_indices(labels, n)))
        chosen = [batch.labels for batch in batches if batch.labels is not None]
        values = torch.cat([batch.values for batch in batches])
        return Latents(values, torch.cat(chosen) if chosen else None, batches[0].space)

    def _chosen_batches(
        self, n: int, seed: int, indices: range, labels: Tensor | None
    ) -> Iterator[Latents]:
        """As `input_batches`, of every block of images the best candidates.

        The last block is filled up, so that the images do not depend on n: with labels as they are
        drawn, or with the last of those given.
        """
        assert self.discriminator is not None  # `keeping` has checked it
        filled = -(-n // BLOCK) * BLOCK
        if labels is None:
            labels = self.draw_labels(filled, seed)
        else:
            labels = torch.cat([labels, labels[-1:].expand(filled - n)])
        start = indices.start // BLOCK * BLOCK
        stop = -(-indices.stop // BLOCK) * BLOCK
        for batch in self.latent_batches(filled, seed, range(start, stop)):
            for own in torch.split(batch, BLOCK):
                kept = best_of_block(
                    self.network,
                    self.discriminator,
                    own,
                    None if labels is None else labels[start : start + BLOCK],
                    self.kept,
                    self.truncation,
                    named_generator(seed, f"candidates for samples from {start}"),
                )
                yield kept[slice(max(0, indices.start - start), indices.stop - start)]
                start += BLOCK


def batched(items: Iterator[Tensor], size: int) -> Iterator[list[Tensor]]:
    """The items in lists of at most `size`."""
    while batch := list(itertools.islice(items, size)):
        yield batch
