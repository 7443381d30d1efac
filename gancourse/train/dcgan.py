"""One optimiser step of a DCGAN: D first, then G on the same fakes."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from gancourse import losses
from gancourse.augment import diffaugment
from gancourse.data.images import to_float, to_uint8
from gancourse.errors import unknown
from gancourse.models import dcgan
from gancourse.train.speed import Tunable, load_optimiser, optimiser_state


def sample_z(n: int, settings, device, generator: torch.Generator | None = None) -> Tensor:
    """The random input of G: n vectors (n, z_dim), standard normal or uniform in [-1, 1]."""
    if settings.z not in ("normal", "uniform"):
        raise unknown("latent distribution", settings.z, ("normal", "uniform"))
    # drawn on the generator's device (the CPU for a fixed one) so that seeds travel
    where = generator.device if generator else device
    z = torch.empty(n, settings.z_dim, device=where)
    if settings.z == "normal":
        z.normal_(generator=generator)
    else:
        z.uniform_(-1, 1, generator=generator)
    return z.to(device)


@torch.no_grad()
def update_ema(average: nn.Module, network: nn.Module, decay: float) -> None:
    """A running average of a network's weights, moved by one step; steadier than the last weights.

    average ← decay · average + (1 - decay) · network, for parameters and float buffers.
    """
    mine = [*average.parameters(), *average.buffers()]
    theirs = [*network.parameters(), *network.buffers()]
    pairs = list(zip(mine, theirs, strict=True))
    floats = [(a, b) for a, b in pairs if a.dtype.is_floating_point]
    torch._foreach_lerp_(*map(list, zip(*floats, strict=True)), 1 - decay)
    for a, b in pairs:
        if not a.dtype.is_floating_point:  # batch norm's counter
            a.copy_(b)


class DCGANStep(Tunable):
    """Networks and optimisers of a DCGAN, and the step that moves them.

    Calling it with reals (N, C, H, W) in [-1, 1] makes one update of D and one of G and returns
    the terms: ``disc_real`` and ``disc_fake`` (the two halves of D's loss), ``gen`` (G's loss),
    ``p_real`` and ``p_fake`` (mean D(x) and D(G(z)) before the updates). ``precision``,
    ``compile``, ``graph`` and ``channels_last`` as in ``speed.Tunable``; a step is eager and in
    fp32 until its ``tune`` is called.
    """

    networks = ("gen", "disc")

    def __init__(
        self,
        settings,
        device: str = "auto",
        precision: str = "auto",
        *,
        compile: str | bool = "auto",
        graph: str | bool = "auto",
        channels_last: str | bool = "auto",
    ):
        super().__init__(settings, device, precision, compile, graph, channels_last)
        self.loss_disc, self.loss_gen = losses.pair(settings.loss)
        gen, disc = dcgan.build(settings)
        self.ema = copy.deepcopy(gen).to(self.device).eval().requires_grad_(False)
        gen, disc = (net.to(memory_format=self.layout) for net in (gen, disc))
        betas = (settings.beta1, settings.beta2)
        # fused: one pass over the weights, of which the published networks have 57 million
        fused = self.device.type in ("cpu", "cuda")
        self.gen, self.disc, self.opt_gen, self.opt_disc = self.accelerator.prepare(
            gen,
            disc,
            torch.optim.Adam(gen.parameters(), settings.lr_g, betas, fused=fused),
            torch.optim.Adam(disc.parameters(), settings.lr_d, betas, fused=fused),
        )

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

        return {
            "disc_real": disc_real,
            "disc_fake": disc_fake,
            "gen": gen,
            "p_real": logit_real.detach().sigmoid().mean(),
            "p_fake": logit_fake.detach().sigmoid().mean(),
        }

    def average(self) -> None:
        """Move the average of G's weights."""
        # short memory first: the average must forget the random start
        decay = min(self.settings.ema, (1 + self.steps) / (10 + self.steps))
        update_ema(self.ema, self.network("gen"), decay)

    def averages(self) -> tuple[str, ...]:
        return ("ema",)

    @torch.no_grad()
    def sample(self, z: Tensor, ema: bool = False, batch_size: int = 64) -> Tensor:
        """Images uint8 (N, C, H, W) on the CPU from z (N, z_dim), in evaluation mode.

        ``ema`` takes the averaged weights instead of the last ones.
        """
        net = self.ema if ema else self.accelerator.unwrap_model(self.gen)
        return sample_images(net, z.to(self.device), batch_size)

    def state_dict(self) -> dict:
        """Networks, optimisers, average and counter: all that the next step depends on."""
        return {
            "gen": self.network("gen").state_dict(),
            "disc": self.network("disc").state_dict(),
            "ema": self.ema.state_dict(),
            "opt_gen": optimiser_state(self.opt_gen),
            "opt_disc": optimiser_state(self.opt_disc),
            **self.speed_state(),
        }

    def load_state_dict(self, state: dict) -> None:
        """Take over what ``state_dict`` returned."""
        for name in ("gen", "disc", "ema"):
            self.network(name).load_state_dict(state[name])
        self.load_speed_state(state)
        load_optimiser(self.opt_gen, state["opt_gen"])
        load_optimiser(self.opt_disc, state["opt_disc"])


@torch.no_grad()
def sample_images(gen: nn.Module, z: Tensor, batch_size: int = 64) -> Tensor:
    """G(z) as uint8 (N, C, H, W) on the CPU, in evaluation mode; z (N, z_dim) on G's device."""
    was_training = gen.training
    gen.eval()
    parts = [to_uint8(gen(part)).cpu().contiguous() for part in z.split(batch_size)]
    gen.train(was_training)
    return torch.cat(parts)


@torch.no_grad()
def mean_logit(disc, images, batch_size: int = 64) -> float:
    """Mean of D's logits over an ``ImageSet``, in evaluation mode, nothing augmented."""
    device, training = next(disc.parameters()).device, disc.training
    disc.eval()
    logits = [disc(to_float(part.to(device))) for part in images.images.split(batch_size)]
    disc.train(training)
    return float(torch.cat([part.flatten() for part in logits]).mean())
