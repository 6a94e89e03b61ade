"""Style mixing: who decides which layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganvas.errors import GanvasError
from ganvas.latents.latents import Latents, styles_of
from ganvas.latents.mixing import mix
from tests.builders.generators import small_generator
from tests.builders.styles import LAYERS, toy_generator


def test_all_layers_of_the_row_give_the_row_and_none_give_the_column() -> None:
    generator = toy_generator()
    sources = generator.sample(5)
    rows = generator.mix(2, 3, layers=range(LAYERS))
    columns = generator.mix(2, 3, layers=())
    assert rows.shape == columns.shape == (2, 3, 16, 16, 1)
    for row in range(2):
        for column in range(3):
            assert np.array_equal(rows[row, column], sources[row])
            assert np.array_equal(columns[row, column], sources[2 + column])


def test_coarse_layers_come_from_the_row_by_default() -> None:
    """Each of the four layers of the toy draws a quarter of the image."""
    generator = toy_generator()
    sources, mixed = generator.sample(5), generator.mix(2, 3)
    assert np.array_equal(mixed[1, 2, :8], sources[1, :8])
    assert np.array_equal(mixed[1, 2, 8:], sources[4, 8:])


def test_styles_and_labels_may_be_sources() -> None:
    generator = toy_generator(labelled=True)
    latents = Latents(generator.latents(2), torch.tensor([0, 2]))
    styles = styles_of(generator.network, latents)
    assert styles_of(generator.network, styles) is styles
    mixed = mix(generator.network, latents[:1], styles[1:], [0])
    expected = torch.cat([styles.values[:1, :1], styles.values[1:, 1:]], 1)
    torch.testing.assert_close(mixed.values, expected)
    assert np.array_equal(
        generator.mix(1, 1, layers=range(LAYERS), labels="dog")[0],
        generator.sample(1, labels="dog"),
    )


def test_progress_counts_mixtures_batch_by_batch() -> None:
    calls: list[tuple[int, int]] = []
    toy_generator().mix(13, 20, on_progress=lambda done, total: calls.append((done, total)))
    assert calls == [(256, 260), (260, 260)]


def test_what_cannot_be_mixed_is_refused() -> None:
    with pytest.raises(GanvasError, match=r"no styles that could be mixed.*ganvas interpolate"):
        small_generator().mix()
    with pytest.raises(GanvasError, match="no layer 7: this generator has layers 0 to 3"):
        toy_generator().mix(layers=[0, 7])
    with pytest.raises(TypeError, match="style space"):
        styles_of(small_generator().network, Latents(torch.zeros(1, 8)))
