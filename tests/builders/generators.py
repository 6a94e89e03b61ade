"""Small trained generators, without any training."""

from __future__ import annotations

from ganvas.data.settings import DataSettings, TrainingData
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.labels import LabelSet
from ganvas.networks import GENERATORS, POINT, Dimensions, Generator, ImageShape
from ganvas.randomness import seeded_weights
from tests.builders.tiny import fill_zero_weights, narrow

LATENT_DIM = 8
GREY = ImageShape(1, 16, 16)
POINTS = ImageShape(2, *POINT)
SETTINGS = DataSettings(size=(16, 16), held_out=0.2)
LABELS = LabelSet(("red", "green", "blue"), (6, 3, 1))


def small_generator(
    family: str = "dcgan", shape: ImageShape = GREY, *, labelled: bool = False
) -> TrainedGenerator:
    """A generator of a family, four channels wide, that takes `LABELS` if it is `labelled`."""
    description: Generator = narrow(GENERATORS[family])
    if labelled:
        conditional = description.conditional()
        assert conditional is not None
        description = conditional
    labels = LABELS if labelled else None
    with seeded_weights(0):
        network = description.build(Dimensions(shape, LATENT_DIM, len(LABELS.names)))
    fill_zero_weights(network)
    return TrainedGenerator(
        network.eval().requires_grad_(False),
        shape,
        LATENT_DIM,
        images_seen=64,
        extent=1.5 if shape.is_point else None,
        label_set=labels,
        data=TrainingData("noise", SETTINGS),
    )
