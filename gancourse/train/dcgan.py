"""One optimiser step of a DCGAN: D first, then G on the same fakes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gancourse import losses
from gancourse.augment import POLICIES, diffaugment, parts
from gancourse.data.sets import to_float, to_uint8
from gancourse.errors import among
from gancourse.models import dcgan
from gancourse.train.step import Chart, Probe, Step

LATENTS = ("normal", "uniform")


def sample_z(n: int, settings, device, generator: torch.Generator | None = None) -> Tensor:
    """The random input of G: n vectors (n, z_dim), standard normal or uniform in [-1, 1]."""
    kind = among("latent distribution", settings.z, LATENTS)
    # a fixed generator draws on its own device, the CPU, so that seeds travel
    z = torch.empty(n, settings.z_dim, device=generator.device if generator else device)
    if kind == "normal":
        z.normal_(generator=generator)
    else:
        z.uniform_(-1, 1, generator=generator)
    return z.to(device)


class LatentStep(Step):
    """A step of one generator, which turns latents z (N, z_dim) into pictures, and of one D."""

    generators = ("gen",)
    discriminators = ("disc",)

    def probes(self, images: list[Tensor]) -> list[Probe]:
        """Always the same 32 latents, and the real images."""
        fixed = torch.Generator().manual_seed(0)
        return [Probe("gen", sample_z(32, self.settings, "cpu", fixed), images[0])]

    def sample(self, z: Tensor, ema: bool = False) -> Tensor:
        """Images uint8 (N, C, H, W) on the CPU from z (N, z_dim), in evaluation mode.

        ``ema`` takes the averaged weights instead of the last ones.
        """
        return sample_images(self.shown("gen", ema), z.to(self.device))


class DCGANStep(LatentStep):
    """A DCGAN: one update of D and one of G on the same fakes.

    Calling it with reals (N, C, H, W) in [-1, 1] returns the terms ``disc_real`` and ``disc_fake``
    (the two halves of D's loss), ``gen`` (G's loss), and, where D answers with a probability,
    ``p_real`` and ``p_fake`` (mean D(x) and D(G(z)) before the updates).
    """

    model = "dcgan"
    charts = (
        Chart("losses", "loss", ("disc_real", "disc_fake", "gen")),
        Chart("D's belief", "D(x), D(G(z))", ("p_real", "p_fake"), (0, 1)),
    )

    def __init__(self, settings, device: str = "auto", **execution):
        check_settings(settings)
        super().__init__(settings, device, **execution)
        self.loss_disc, self.loss_gen = losses.pair(settings.loss)
        gen, disc = dcgan.build(settings)
        self.prepare({"gen": gen, "disc": disc}, settings.lr_g, settings.lr_d)

    def update(self, real: Tensor) -> dict[str, Tensor]:
        """One update of D and one of G; their terms."""
        policy = self.settings.diffaugment
        real = real.to(self.device).contiguous(memory_format=self.layout)
        fake = self.gen(sample_z(len(real), self.settings, self.device))

        # D's step. detach: D's gradient must not run on into G.
        logit_real = self.disc(diffaugment(real, policy))
        logit_fake = self.disc(diffaugment(fake.detach(), policy))
        disc_real, disc_fake = self.loss_disc(logit_real, logit_fake)
        self.opt_disc.zero_grad()
        self.accelerator.backward(disc_real + disc_fake)
        self.opt_disc.step()

        # G's step. D is frozen: its weight gradients would be computed for nothing.
        self.disc.requires_grad_(False)
        gen = self.loss_gen(self.disc(diffaugment(fake, policy)))
        self.opt_gen.zero_grad()
        self.accelerator.backward(gen)
        self.opt_gen.step()
        self.disc.requires_grad_(True)

        terms = {"disc_real": disc_real, "disc_fake": disc_fake, "gen": gen}
        if self.settings.loss == "bce":  # only there D answers with a probability
            terms["p_real"] = logit_real.detach().sigmoid().mean()
            terms["p_fake"] = logit_fake.detach().sigmoid().mean()
        return terms


def check_latent(s, networks: dict) -> None:
    """Raise ``GancourseError`` for a word that networks, latents or augmentation do not know."""
    among("latent distribution", s.z, LATENTS)
    among("augmentation policy", s.augment, POLICIES)
    parts(s.diffaugment)
    with torch.device("meta"):  # the networks know their own words; nothing is computed
        for build in networks.values():
            build(s)


def check_settings(s) -> None:
    """Raise ``GancourseError`` for a word or a size that no DCGAN can be built with.

    Costs nothing: to be called before data are loaded.
    """
    losses.pair(s.loss)
    check_latent(s, dcgan.NETWORKS)


@torch.no_grad()
def sample_images(gen: nn.Module, z: Tensor) -> Tensor:
    """G(z) as uint8 (N, C, H, W) on the CPU, in evaluation mode; z (N, z_dim) on G's device."""
    was_training = gen.training
    gen.eval()
    parts = [to_uint8(gen(part)).cpu().contiguous() for part in z.split(64)]
    gen.train(was_training)
    return torch.cat(parts)


@torch.no_grad()
def mean_logit(disc: nn.Module, images) -> float:
    """Mean of D's logits over an ``ImageSet``, in evaluation mode, nothing augmented."""
    device, training = next(disc.parameters()).device, disc.training
    disc.eval()
    logits = [disc(to_float(part.to(device))) for part in images.images.split(64)]
    disc.train(training)
    return float(torch.cat([part.flatten() for part in logits]).mean())
