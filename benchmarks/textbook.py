"""GANs as textbooks and tutorials train them: the loops that ganvas is compared with.

Plain PyTorch without ganvas: two Adam optimizers, the loss written out, the same fakes for both
players. No EMA, no gradient norms, no history, no files. DCGAN's networks (Radford 2016) are
written out too; the other loops get their networks as arguments.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
import torch.nn.functional as F  # noqa: N812  (its name wherever torch is read)
from torch import Tensor, autograd, nn, optim
from torch.nn.utils import parametrizations

LATENT_DIM = 128
"""Length of DCGAN's latent vector."""


def generator(side: int, width: int, channels: int) -> nn.Sequential:
    """Noise (N, Z, 1, 1) -> 4x4 -> doubled until `side` -> (N, channels, side, side)."""
    multiplier = side // 8  # of the width, at the 4x4 grid
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
    return nn.Sequential(*layers).apply(init_weights)


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
    return nn.Sequential(*layers).apply(init_weights)


def init_weights(layer: nn.Module) -> None:
    """Initialise as Radford 2016: weights N(0, 0.02), gains of batch normalisation N(1, 0.02)."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)


class TextbookLoop(ABC):
    """A complete training script. `run` continues it for some steps."""

    latents: tuple[int, ...]
    """Shape of one latent vector."""
    rate: float
    betas: tuple[float, float]

    def __init__(
        self,
        pixels: Tensor,
        generator: nn.Module,
        discriminator: nn.Module,
        device: torch.device,
        batch: int,
    ) -> None:
        """`pixels`: uint8 (N, C, S, S) in main memory."""
        self.device = device
        self.batch = batch
        self.generator = generator.to(device)
        self.discriminator = self.prepared(discriminator).to(device)
        self.generator_adam = optim.Adam(self.generator.parameters(), self.rate, self.betas)
        self.discriminator_adam = optim.Adam(self.discriminator.parameters(), self.rate, self.betas)
        self.batches = endless_batches(pixels, batch)

    def prepared(self, discriminator: nn.Module) -> nn.Module:
        """The discriminator as it is trained, before it has an optimizer."""
        return discriminator

    def run(self, steps: int, bf16: bool = False) -> None:
        """Train for some steps, in float32 or as torch's autocast does it in bfloat16."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            for _ in range(steps):
                self.step()

    @abstractmethod
    def step(self) -> None:
        """Update the discriminator, then the generator."""

    def real(self) -> Tensor:
        """The next batch (N, C, S, S) in [-1, 1]."""
        return next(self.batches).to(self.device).float() / 127.5 - 1

    def noise(self) -> Tensor:
        """The latents of the next fakes (N, *latents)."""
        return torch.randn(self.batch, *self.latents, device=self.device)


class DCGANLoop(TextbookLoop):
    """Radford 2016: binary cross-entropy on logits, reals and fakes in separate forward passes."""

    latents = (LATENT_DIM, 1, 1)
    rate, betas = 2e-4, (0.5, 0.999)

    def __init__(self, pixels: Tensor, width: int, device: torch.device, batch: int) -> None:
        _, channels, side, _ = pixels.shape
        networks = generator(side, width, channels), discriminator(side, width, channels)
        super().__init__(pixels, *networks, device, batch)
        self.criterion = nn.BCEWithLogitsLoss()
        self.ones = torch.ones(batch, device=device)
        self.zeros = torch.zeros(batch, device=device)

    def step(self) -> None:
        real = self.real()
        self.discriminator.zero_grad()
        self.criterion(self.discriminator(real), self.ones).backward()
        fake = self.generator(self.noise())
        self.criterion(self.discriminator(fake.detach()), self.zeros).backward()
        self.discriminator_adam.step()

        self.generator.zero_grad()
        self.criterion(self.discriminator(fake), self.ones).backward()
        self.generator_adam.step()


class WassersteinLoop(TextbookLoop):
    """Gulrajani 2017 with one critic step: Wasserstein loss, gradient penalty of weight 10."""

    latents = (128,)
    rate, betas = 5e-4, (0.5, 0.9)

    def step(self) -> None:
        real = self.real()
        fake = self.generator(self.noise())
        self.discriminator.zero_grad()
        alpha = torch.rand(self.batch, 1, 1, 1, device=self.device)
        between = (alpha * real + (1 - alpha) * fake.detach()).requires_grad_(True)
        logits = self.discriminator(between).sum()
        (gradient,) = autograd.grad(logits, between, create_graph=True)
        penalty = 10 * (gradient.flatten(1).norm(dim=1) - 1).square().mean()
        distance = self.discriminator(real).mean() - self.discriminator(fake.detach()).mean()
        (penalty - distance).backward()
        self.discriminator_adam.step()

        self.discriminator.requires_grad_(False)
        self.generator.zero_grad()
        (-self.discriminator(fake).mean()).backward()
        self.generator_adam.step()
        self.discriminator.requires_grad_(True)


class R3GANLoop(TextbookLoop):
    """Huang 2024: the relativistic loss with R1 and R2, new reals for the generator's step."""

    latents = (64,)
    rate, betas = 1e-3, (0.0, 0.9)
    gamma = 5.0

    def step(self) -> None:
        generated = self.generator(self.noise())
        real, fake = self.real().requires_grad_(True), generated.detach().requires_grad_(True)
        self.discriminator.zero_grad()
        real_logits, fake_logits = self.discriminator(real), self.discriminator(fake)
        penalty = squared_gradient(real_logits, real)
        penalty = penalty + squared_gradient(fake_logits, fake)
        loss = F.softplus(fake_logits - real_logits) + self.gamma / 2 * penalty
        loss.mean().backward()
        self.discriminator_adam.step()

        self.discriminator.requires_grad_(False)
        self.generator.zero_grad()
        real_logits, fake_logits = self.discriminator(self.real()), self.discriminator(generated)
        F.softplus(real_logits - fake_logits).mean().backward()
        self.generator_adam.step()
        self.discriminator.requires_grad_(True)


class StyleLoop(TextbookLoop):
    """Karras 2020: the non-saturating loss, and R1 at every 16th step, 16 times as strong."""

    latents = (128,)
    rate, betas = 2.5e-3, (0.0, 0.99)
    gamma, every = 0.0064, 16
    steps = 0
    """Done so far."""

    def step(self) -> None:
        generated = self.generator(self.noise())
        penalised = self.steps % self.every == 0
        self.steps += 1
        real = self.real().requires_grad_(penalised)
        self.discriminator.zero_grad()
        real_logits = self.discriminator(real)
        loss = F.softplus(-real_logits) + F.softplus(self.discriminator(generated.detach()))
        if penalised:
            penalty = squared_gradient(real_logits, real)
            loss = loss + self.every * self.gamma / 2 * penalty
        loss.mean().backward()
        self.discriminator_adam.step()

        self.discriminator.requires_grad_(False)
        self.generator.zero_grad()
        F.softplus(-self.discriminator(generated)).mean().backward()
        self.generator_adam.step()
        self.discriminator.requires_grad_(True)


def squared_gradient(logits: Tensor, images: Tensor) -> Tensor:
    """The squared norm of the gradient of each logit in its own image (N,)."""
    (gradient,) = autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3))


class BigGANLoop(TextbookLoop):
    """Brock 2019: the hinge loss, spectral norms in both players, orthogonal regularisation."""

    latents = (128,)
    rate, betas = 1e-3, (0.0, 0.9)
    beta = 1e-4

    def prepared(self, discriminator: nn.Module) -> nn.Module:
        for layer in list(discriminator.modules()):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                parametrizations.spectral_norm(layer)
        return discriminator

    def step(self) -> None:
        real = self.real()
        fake = self.generator(self.noise())
        self.discriminator.zero_grad()
        loss = F.relu(1 - self.discriminator(real)).mean()
        loss = loss + F.relu(1 + self.discriminator(fake.detach())).mean()
        loss.backward()
        self.discriminator_adam.step()

        self.discriminator.requires_grad_(False)
        self.generator.zero_grad()
        (-self.discriminator(fake).mean() + self.beta * self.similarity()).backward()
        self.generator_adam.step()
        self.discriminator.requires_grad_(True)

    def similarity(self) -> Tensor:
        """The squared inner products of the filters of each layer, as in equation 3."""
        total = torch.zeros((), device=self.device)
        for name, weight in self.generator.named_parameters():
            # Gains and biases are made by two layers, whose weights lie in one tensor.
            for part in weight.chunk(2 if "affine" in name else 1) if weight.ndim > 1 else ():
                filters = part.flatten(1)
                products = filters @ filters.T
                total = total + (products - products.diagonal().diag()).square().sum()
        return total


def endless_batches(pixels: Tensor, batch: int) -> Iterator[Tensor]:
    """Shuffled full batches, epoch after epoch: uint8 (batch, C, S, S)."""
    while True:
        order = torch.randperm(len(pixels))
        for start in range(0, len(pixels) - batch + 1, batch):
            yield pixels[order[start : start + batch]]
