"""One step of a WGAN with gradient penalty: some updates of the critic D, then one of G."""

from __future__ import annotations

import torch
from torch import Tensor

from gancourse import losses
from gancourse.augment import diffaugment
from gancourse.errors import GancourseError
from gancourse.models import wgan
from gancourse.train.dcgan import LatentStep, check_latent, sample_z
from gancourse.train.step import Chart


class WGANStep(LatentStep):
    """A WGAN-GP: ``critic_steps`` updates of the critic D, then one of G (Gulrajani 2017, alg. 1).

    Calling it with reals (N, C, H, W) in [-1, 1] returns the terms ``wasserstein``
    (E[D(x)] - E[D(G(z))], which grows towards the distance of both distributions), ``penalty``
    (without its factor λ), ``disc`` (λ penalty - wasserstein, what D minimises), each the mean over
    the updates of D, and ``gen`` (-E[D(G(z))]). D(x) is any number, no probability of being real.

    Algorithm 1 draws a new batch for every update of D. So the N reals are split among the updates,
    N / critic_steps each: all are seen once, and an epoch is one pass over the data.
    Raises ``GancourseError`` for settings that do not fit.
    """

    model = "wgan"
    charts = (
        Chart("E[D(x)] - E[D(G(z))]", "distance", ("wasserstein",)),
        Chart("E[(|∇D| - 1)²]", "penalty", ("penalty",)),
    )

    def __init__(self, settings, device: str = "auto", **execution):
        check_settings(settings)
        super().__init__(settings, device, **execution)
        self.loss_disc, self.loss_gen = losses.pair("wasserstein")
        networks = {"gen": wgan.generator(settings), "disc": wgan.critic(settings)}
        self.prepare(networks, settings.lr, settings.lr)

    def update(self, real: Tensor) -> dict[str, Tensor]:
        """All updates of D and the one of G; their terms."""
        s = self.settings
        real = real.to(self.device).contiguous(memory_format=self.layout)
        shares = real.chunk(s.critic_steps)
        found = [self._move_critic(share) for share in shares]
        terms = {name: torch.stack([each[name] for each in found]).mean() for name in found[0]}

        # G's step. D is frozen: its weight gradients would be computed for nothing.
        self.disc.requires_grad_(False)
        fake = self.gen(sample_z(len(shares[0]), s, self.device))
        gen = self.loss_gen(self.disc(diffaugment(fake, s.diffaugment)))
        self.opt_gen.zero_grad()
        self.accelerator.backward(gen)
        self.opt_gen.step()
        self.disc.requires_grad_(True)
        return terms | {"gen": gen}

    def _move_critic(self, real: Tensor) -> dict[str, Tensor]:
        """One update of D on reals (n, C, H, W) and as many fresh fakes; its terms."""
        s = self.settings
        with torch.no_grad():  # D's gradient must not run on into G
            fake = self.gen(sample_z(len(real), s, self.device))
        # the critic is the whole way from a picture as it is shown: so the penalty sees those, too
        real, fake = diffaugment(real, s.diffaugment), diffaugment(fake, s.diffaugment)
        on_real, on_fake = self.loss_disc(self.disc(real), self.disc(fake))
        # forward: what torch.compile makes of a call cannot be differentiated twice
        penalty = losses.gradient_penalty(self.disc.forward, real, fake)
        disc = on_real + on_fake + s.lambda_penalty * penalty
        self.opt_disc.zero_grad()
        self.accelerator.backward(disc)
        self.opt_disc.step()
        terms = {"wasserstein": -(on_real + on_fake), "penalty": penalty, "disc": disc}
        return {name: value.detach() for name, value in terms.items()}


def check_settings(s) -> None:
    """Raise ``GancourseError`` for a number or a word that no run could begin with.

    Costs nothing: to be called before data are loaded.
    """
    if s.batch_size % s.critic_steps:
        raise GancourseError(
            f"batch_size {s.batch_size} must be a multiple of critic_steps {s.critic_steps}: each "
            "update of the critic takes its share of a batch."
        )
    check_latent(s, wgan.NETWORKS)
