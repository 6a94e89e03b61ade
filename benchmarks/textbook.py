"""A DCGAN as textbooks and tutorials train it: the loop that ganvas is measured against.

Plain PyTorch and nothing of ganvas: the networks of Radford 2016 written out, two Adams, binary
cross-entropy on logits, real and fake batches judged one after the other, and the same fakes used
again for the generator. No average of the weights, no gradient norms, no history, no files.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn, optim

BATCH = 32
LATENT_DIM = 128


def generator(side: int, width: int, channels: int) -> nn.Sequential:
    """Noise (N, Z, 1, 1) -> 4x4 -> doubled until `side` -> (N, channels, side, side)."""
    multiplier = side // 8  # of the width, next to the 4x4 grid
    layers: list[nn.Module] = [
        nn.ConvTranspose2d(LATENT_DIM, width * multiplier, 4, 1, 0, bias=False),
        nn.BatchNorm2d(width * multiplier),
        nn.ReLU(inplace=True),
    ]
    while multiplier > 1:
        layers += [
            nn.ConvTranspose2d(width * multiplier, width * multiplier // 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width * multiplier // 2),
            nn.ReLU(inplace=True),
        ]
        multiplier //= 2
    layers += [nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False), nn.Tanh()]
    return nn.Sequential(*layers).apply(draw_weights)


def discriminator(side: int, width: int, channels: int) -> nn.Sequential:
    """Images (N, channels, side, side) -> halved until 4x4 -> logits (N,)."""
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
    multiplier = 1
    while multiplier < side // 8:
        layers += [
            nn.Conv2d(width * multiplier, width * multiplier * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width * multiplier * 2),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        multiplier *= 2
    layers += [nn.Conv2d(width * multiplier, 1, 4, 1, 0), nn.Flatten(0)]
    return nn.Sequential(*layers).apply(draw_weights)


def draw_weights(layer: nn.Module) -> None:
    """Radford 2016: N(0, 0.02), gains of batch normalisation N(1, 0.02)."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)


class TextbookLoop:
    """The whole training script; `run` does some more steps of it."""

    def __init__(self, pixels: Tensor, width: int, device: torch.device) -> None:
        """`pixels` is uint8 (N, C, S, S) in main memory."""
        _, channels, side, _ = pixels.shape
        self.device = device
        self.generator = generator(side, width, channels).to(device)
        self.discriminator = discriminator(side, width, channels).to(device)
        self.generator_adam = optim.Adam(self.generator.parameters(), 2e-4, betas=(0.5, 0.999))
        self.discriminator_adam = optim.Adam(
            self.discriminator.parameters(), 2e-4, betas=(0.5, 0.999)
        )
        self.criterion = nn.BCEWithLogitsLoss()
        self.batches = endless_batches(pixels)

    def run(self, steps: int) -> None:
        """Train for some steps."""
        ones = torch.ones(BATCH, device=self.device)
        zeros = torch.zeros(BATCH, device=self.device)
        for _ in range(steps):
            real = next(self.batches).to(self.device).float() / 127.5 - 1

            self.discriminator.zero_grad()
            self.criterion(self.discriminator(real), ones).backward()
            noise = torch.randn(BATCH, LATENT_DIM, 1, 1, device=self.device)
            fake = self.generator(noise)
            self.criterion(self.discriminator(fake.detach()), zeros).backward()
            self.discriminator_adam.step()

            self.generator.zero_grad()
            self.criterion(self.discriminator(fake), ones).backward()
            self.generator_adam.step()


def endless_batches(pixels: Tensor) -> Iterator[Tensor]:
    """Shuffled whole batches, epoch after epoch: uint8 (BATCH, C, S, S)."""
    while True:
        order = torch.randperm(len(pixels))
        for start in range(0, len(pixels) - BATCH + 1, BATCH):
            yield pixels[order[start : start + BATCH]]
