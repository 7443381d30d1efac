"""One optimiser step of a CycleGAN: both generators, then both discriminators."""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor, nn

from .. import device as devices
from .. import losses
from ..data.images import to_float, to_uint8
from ..errors import GancourseError, unknown
from ..models import cyclegan
from .loop import Callback, Run
from .pool import ImagePool

NETWORKS = ("gen_ab", "gen_ba", "disc_a", "disc_b")


@torch.no_grad()
def translate(network: nn.Module, images: Tensor, batch_size: int = 16) -> Tensor:
    """``images`` (N, C, H, W) uint8 through a generator: uint8 of the same shape, on the CPU."""
    device = next(network.parameters()).device
    training = network.training
    network.eval()
    parts = [to_uint8(network(to_float(part.to(device)))) for part in images.split(batch_size)]
    network.train(training)
    return torch.cat(parts).cpu()


class CycleGANStep:
    """A CycleGAN: four networks, two optimisers, two pools, and the step that moves them.

    ``gen_ab`` turns A into B; ``disc_a`` judges domain A. Calling it with reals (real_a, real_b),
    each (N, C, H, W) in [-1, 1], returns the terms *before* weighting: ``adv_a adv_b`` (G's side),
    ``cycle_a cycle_b`` (A→B→A and B→A→B), ``idt_a idt_b``, ``disc_a disc_b``, and ``gen``, the
    weighted sum that the generators minimise:

        gen = adv_a + adv_b + λ (cycle_a + cycle_b) + λ λ_identity (idt_a + idt_b).

    Terms that the settings leave out are not computed and not returned (section 3 of the paper).
    """

    def __init__(self, settings, device: str = "auto", precision: str = "auto"):
        s = self.settings = settings
        check_settings(s)
        self.loss_disc, self.loss_gen = losses.pair(s.loss)
        self.distance = losses.distance(s.cycle)
        self.accelerator = devices.accelerator(device, precision)
        self.device = self.accelerator.device
        nets = [cyclegan.generator(s) for _ in "ab"] + [cyclegan.discriminator(s) for _ in "ab"]
        fused = self.device.type in ("cpu", "cuda")
        betas = (s.beta1, s.beta2)
        gens, discs = (chain.from_iterable(n.parameters() for n in p) for p in (nets[:2], nets[2:]))
        prepared = self.accelerator.prepare(
            *nets,
            torch.optim.Adam(gens, s.lr, betas, fused=fused),
            torch.optim.Adam(discs, s.lr, betas, fused=fused),
        )
        self.gen_ab, self.gen_ba, self.disc_a, self.disc_b, self.opt_gen, self.opt_disc = prepared
        self.pool_a, self.pool_b = ImagePool(s.pool), ImagePool(s.pool)
        # The reference halves D's loss, "which slows down the rate at which D learns"; the
        # least-squares form of `losses` holds that half already.
        self.half = 1.0 if s.loss == "lsgan" else 0.5

    def __call__(self, reals: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        real_a, real_b = (r.contiguous() for r in reals)
        self._freeze_discriminators(True)
        self.opt_gen.zero_grad()
        # The two directions share no activations: each runs backward at once, which leaves half
        # as many in memory.
        there, fake_b = self.one_way("ab", real_a, real_b)
        self._backward(there["gen"])
        back, fake_a = self.one_way("ba", real_b, real_a)
        self._backward(back["gen"])
        self.opt_gen.step()
        terms = there | back | {"gen": there["gen"] + back["gen"]}
        self._freeze_discriminators(False)

        self.opt_disc.zero_grad()  # once, before both: in between, it would wipe out D_A's gradient
        for name, disc, real, fake in (
            ("disc_a", self.disc_a, real_a, self.pool_a.query(fake_a)),
            ("disc_b", self.disc_b, real_b, self.pool_b.query(fake_b)),
        ):
            if self.settings.adversarial:
                logits = disc(torch.cat([real, fake])).split([len(real), len(fake)])
                loss = self.half * sum(self.loss_disc(*logits))
                self.accelerator.backward(loss)
                terms[name] = loss
        if self.settings.adversarial:
            self.opt_disc.step()
        if self.settings.clip:  # a Wasserstein critic must be Lipschitz
            with torch.no_grad():
                for p in chain(self.disc_a.parameters(), self.disc_b.parameters()):
                    p.clamp_(-self.settings.clip, self.settings.clip)
        return {name: value.detach() for name, value in terms.items()}

    def _backward(self, loss: Tensor) -> None:
        if loss.requires_grad:  # cycle alone, one way: the other direction has no term
            self.accelerator.backward(loss)

    def generator_terms(self, real_a: Tensor, real_b: Tensor):
        """(terms, fake_a, fake_b): the full objective of the generators, with gradient."""
        there, fake_b = self.one_way("ab", real_a, real_b)
        back, fake_a = self.one_way("ba", real_b, real_a)
        return there | back | {"gen": there["gen"] + back["gen"]}, fake_a, fake_b

    def one_way(self, way: str, real_x: Tensor, real_y: Tensor):
        """(terms, fake_y) of one direction X → Y, ``way`` ``"ab"`` or ``"ba"``, with gradient.

        The terms are ``adv_y``, ``cycle_x`` (X→Y→X), ``idt_y`` and their weighted sum ``gen``.
        """
        s, (x, y) = self.settings, way
        gen, gen_back, disc, direction = (
            (self.gen_ab, self.gen_ba, self.disc_b, "forward")
            if way == "ab"
            else (self.gen_ba, self.gen_ab, self.disc_a, "backward")
        )
        identity = s.lambda_identity > 0 and s.lambda_cycle > 0
        # One pass for the fake and the identity image: instance norm keeps images apart, so the
        # numbers are those of two passes.
        n = len(real_x)
        to_y = gen(torch.cat([real_x, real_y]) if identity else real_x)
        fake_y = to_y[:n]
        terms, total = {}, real_x.new_zeros(())
        if s.adversarial:
            terms[f"adv_{y}"] = self.loss_gen(disc(fake_y))
            total = total + terms[f"adv_{y}"]
        if s.lambda_cycle > 0 and s.direction in ("both", direction):
            terms[f"cycle_{x}"] = self.distance(gen_back(fake_y), real_x)
            total = total + s.lambda_cycle * terms[f"cycle_{x}"]
        if identity:
            terms[f"idt_{y}"] = losses.distance("l1")(to_y[n:], real_y)
            total = total + s.lambda_cycle * s.lambda_identity * terms[f"idt_{y}"]
        return terms | {"gen": total}, fake_y

    def _freeze_discriminators(self, frozen: bool) -> None:
        """Without gradients of their weights, which G's step has no use for."""
        for disc in (self.disc_a, self.disc_b):
            disc.requires_grad_(not frozen)

    def network(self, name: str) -> nn.Module:
        """``gen_ab``, ``gen_ba``, ``disc_a`` or ``disc_b`` without Accelerate's wrapping."""
        return self.accelerator.unwrap_model(getattr(self, name))

    def sample(self, reals: tuple[Tensor, Tensor], ema: bool = False) -> Tensor:
        """uint8 images (images_a, images_b) → uint8 (n + m, C, H, W): their translations, A first.

        ``ema`` is there for the callbacks' sake: this recipe keeps no average.
        """
        images_a, images_b = reals
        fakes = [translate(self.network("gen_ab"), images_a)] if len(images_a) else []
        fakes += [translate(self.network("gen_ba"), images_b)] if len(images_b) else []
        return torch.cat(fakes)

    def set_epoch(self, epoch: int) -> float:
        """Set both learning rates for ``epoch``, counted from 0; returns the factor."""
        factor = decay(epoch, self.settings.epochs, self.settings.constant_epochs)
        for optimiser in (self.opt_gen, self.opt_disc):
            for group in optimiser.param_groups:
                group["lr"] = self.settings.lr * factor
        return factor

    def state_dict(self) -> dict:
        """Networks, optimisers and pools: all that the next step depends on."""
        scaler = self.accelerator.scaler
        return {
            **{name: self.network(name).state_dict() for name in NETWORKS},
            "opt_gen": self.opt_gen.state_dict(),
            "opt_disc": self.opt_disc.state_dict(),
            "pool_a": self.pool_a.state_dict(),
            "pool_b": self.pool_b.state_dict(),
            "scaler": scaler.state_dict() if scaler else {},
        }

    def load_state_dict(self, state: dict) -> None:
        """Take over what ``state_dict`` returned."""
        for name in NETWORKS:
            self.network(name).load_state_dict(state[name])
        self.opt_gen.load_state_dict(state["opt_gen"])
        self.opt_disc.load_state_dict(state["opt_disc"])
        self.pool_a.load_state_dict(state["pool_a"], self.device)
        self.pool_b.load_state_dict(state["pool_b"], self.device)
        if self.accelerator.scaler and state["scaler"]:
            self.accelerator.scaler.load_state_dict(state["scaler"])


def decay(epoch: int, epochs: int, constant: int) -> float:
    """Factor of the learning rate: 1 for ``constant`` epochs, then linearly towards 0.

    1 - max(0, epoch + 1 - constant) / (epochs - constant + 1), epoch counted from 0: with 200 and
    100 it is 1 up to epoch 99, 100/101 at epoch 100 and 1/101 at epoch 199, as in the reference.
    """
    return 1.0 - max(0, epoch + 1 - constant) / (max(epochs - constant, 0) + 1)


class LinearDecay(Callback):
    """Sets the step's learning rates at the start of every epoch (``CycleGANStep.set_epoch``)."""

    def on_start(self, run: Run) -> None:
        run.step.set_epoch(run.batches.epoch)

    on_epoch = on_start


def check_settings(s) -> None:
    """Raise ``GancourseError`` for a weight or a combination that trains nothing sensible."""
    for name in ("lambda_cycle", "lambda_identity", "clip"):
        value = getattr(s, name)
        if not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise GancourseError(f"{name} must be a number of at least 0, not {value!r}.")
    if s.direction not in ("both", "forward", "backward", "none"):
        raise unknown("direction", s.direction, ("both", "forward", "backward", "none"))
    cycle = s.lambda_cycle > 0 and s.direction != "none"
    if not (s.adversarial or cycle):
        raise GancourseError("No loss is left: switch the adversarial or the cycle loss on.")
