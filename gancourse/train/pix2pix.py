"""One optimiser step of a pix2pix (Isola et al. 2017): D on pairs, then G towards its own pair."""

from __future__ import annotations

from torch import Tensor

from gancourse import losses
from gancourse.errors import GancourseError
from gancourse.models import pix2pix
from gancourse.train.cyclegan import translate
from gancourse.train.step import Chart, Probe, Step


class Pix2PixStep(Step):
    """A pix2pix: ``gen`` turns A into B, ``disc`` judges the pair (A, B).

    Calling it with (real_a, real_b), each (N, C, H, W) in [-1, 1] and picture i of one belonging to
    picture i of the other, returns the terms *before* weighting: ``disc_real`` and ``disc_fake``,
    ``adv`` and ``l1``, and ``gen``, what G minimises (equations 1 to 4 of the paper):

        gen = adv + λ · mean |b - G(a)|.

    D minimises half of disc_real + disc_fake, "which slows down the rate at which D learns relative
    to G" (section 3.3). The only noise is G's dropout. The paper leaves it on when it tests, and
    still finds little variety; here ``sample`` is G in evaluation mode: one A has one answer.
    """

    model = "pix2pix"
    generators = ("gen",)
    discriminators = ("disc",)
    charts = (
        Chart("adversarial", "loss", ("adv", "disc_real", "disc_fake")),
        Chart("distance to the true picture", "mean |b - G(a)|", ("l1",)),
    )

    def __init__(self, settings, device: str = "auto", **execution):
        s = settings
        check_settings(s)
        super().__init__(s, device, **execution)
        self.loss_disc, self.loss_gen = losses.pair(s.loss)
        self.distance = losses.distance("l1")
        # the least-squares form of `losses` holds the half already
        self.half = 1.0 if s.loss == "lsgan" else 0.5
        networks = {"gen": pix2pix.generator(s), "disc": pix2pix.discriminator(s)}
        self.prepare(networks, s.lr, s.lr)

    def update(self, reals: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """One update of D and one of G; their terms."""
        layout = self.layout
        a, b = (real.to(self.device).contiguous(memory_format=layout) for real in reals)
        fake = self.gen(a)

        # D's step. detach: D's gradient must not run on into G.
        disc_real, disc_fake = self.loss_disc(self.disc(a, b), self.disc(a, fake.detach()))
        self.opt_disc.zero_grad()
        self.accelerator.backward(self.half * (disc_real + disc_fake))
        self.opt_disc.step()

        # G's step. D is frozen: its weight gradients would be computed for nothing.
        self.disc.requires_grad_(False)
        adv = self.loss_gen(self.disc(a, fake))
        l1 = self.distance(fake, b)
        gen = adv + self.settings.lambda_l1 * l1
        self.opt_gen.zero_grad()
        self.accelerator.backward(gen)
        self.opt_gen.step()
        self.disc.requires_grad_(True)
        return {"gen": gen, "adv": adv, "l1": l1, "disc_real": disc_real, "disc_fake": disc_fake}

    def probes(self, images: list[Tensor]) -> list[Probe]:
        """Sixteen pictures of A: what G makes of them should look like B."""
        images_a, images_b = images
        return [Probe("gen", images_a[:16], images_b)]

    def sample(self, images_a: Tensor, ema: bool = True) -> Tensor:
        """uint8 pictures of A (n, C, H, W) → their fakes of B, uint8 of the same shape, on the CPU.

        ``ema`` takes the averaged weights, where the settings keep an average.
        """
        return translate(self.shown("gen", ema), images_a)


def check_settings(s) -> None:
    """Raise ``GancourseError`` for settings that build or train nothing sensible.

    Costs nothing: to be called before data are loaded.
    """
    losses.pair(s.loss)
    pix2pix.halvings(s.size)
    if s.load_size < s.size:
        raise GancourseError(f"load_size {s.load_size} must be at least size {s.size}.")
    if s.size >> s.patch_layers < 4:
        raise GancourseError(
            f"A patch discriminator of {s.patch_layers} layers leaves no logit of {s.size} px: "
            f"take patch_layers={max(s.size.bit_length() - 3, 1)} or a larger size."
        )
