"""A whole GAN by the contract of ``gancourse.train.step``, to copy. ``YOURS`` is where ideas go.

``gancourse/train`` holds the steps of the models that the course trains.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gancourse import losses
from gancourse.data.sets import to_uint8
from gancourse.train.step import Chart, Probe, Step


@dataclass(frozen=True)
class Settings:  # YOURS: add what you vary; these are what step, batches and monitor read
    size: int = 16
    batch_size: int = 8
    augment: str = "none"
    ema: float = 0.99
    beta1: float = 0.5
    beta2: float = 0.999
    seed: int = 0


def networks() -> dict[str, nn.Module]:  # YOURS: z (N, 32) → (N, 1, 16, 16) in [-1, 1] → (N, 1)
    gen = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 256), nn.Tanh())
    disc = nn.Sequential(nn.Flatten(), nn.Linear(256, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    return {"gen": gen.append(nn.Unflatten(1, (1, 16, 16))), "disc": disc}


class TemplateStep(Step):
    model = "template"  # YOURS: a name for it
    generators, discriminators = ("gen",), ("disc",)  # YOURS: all networks, as attributes
    charts = (Chart("losses", "loss", ("disc", "gen")),)  # YOURS: which terms share an axis

    def __init__(self, settings: Settings, device: str = "auto"):
        super().__init__(settings, device)
        self.prepare(networks(), lr_gen=1e-3, lr_disc=1e-3)  # YOURS: learning rates

    def update(self, real: Tensor) -> dict[str, Tensor]:  # YOURS: the losses, and who moves when
        real = real.to(self.device)
        fake = self.gen(torch.randn(len(real), 32, device=self.device))
        disc = sum(losses.bce_discriminator(self.disc(real), self.disc(fake.detach())))
        self.opt_disc.zero_grad()
        self.accelerator.backward(disc)
        self.opt_disc.step()
        gen = losses.bce_generator(self.disc(fake))
        self.opt_gen.zero_grad()
        self.accelerator.backward(gen)
        self.opt_gen.step()
        return {"disc": disc, "gen": gen}

    def probes(self, images: list[Tensor]) -> list[Probe]:  # YOURS: what outputs should be like
        return [Probe("gen", torch.randn(16, 32, generator=torch.Generator()), images[0])]

    def sample(self, z: Tensor, ema: bool = False) -> Tensor:  # YOURS: how a picture is drawn
        return to_uint8(self.shown("gen", ema)(z.to(self.device)).detach()).cpu()
