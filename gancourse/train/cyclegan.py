"""One optimiser step of a CycleGAN: both generators, then both discriminators."""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancourse import losses
from gancourse.augment import diffaugment, parts
from gancourse.data.sets import to_float, to_uint8
from gancourse.errors import GancourseError, unknown
from gancourse.models import cyclegan
from gancourse.train.loop import Callback, Run
from gancourse.train.pool import ImagePool
from gancourse.train.step import Chart, Probe, Step

DIRECTIONS = ("both", "forward", "backward", "none")
R1_EVERY = 4  # steps: the penalty differentiates twice, and changes slowly


@torch.no_grad()
def translate(network: nn.Module, images: Tensor) -> Tensor:
    """``images`` (N, C, H, W) uint8 through a generator: uint8 of the same shape, on the CPU.

    Any height and width: padded by reflection to multiples of 4, at least 8, and cut back.
    Raises ``GancourseError`` for images that are not uint8.
    """
    if images.dtype != torch.uint8:
        raise GancourseError(
            f"translate takes uint8 images as stored, not {images.dtype}. Convert floats in "
            "[-1, 1] with data.to_uint8, or call the network itself."
        )
    device = next(network.parameters()).device
    training = network.training
    network.eval()
    height, width = images.shape[-2:]
    parts = []
    for part in images.split(16):
        made = network(padded(to_float(part.to(device))))
        parts.append(to_uint8(made[..., :height, :width]).cpu())
    network.train(training)
    return torch.cat(parts)


def padded(images: Tensor) -> Tensor:
    """Float (N, C, H, W) with sides enlarged to multiples of 4, at least 8: G halves twice.

    Below and at the right, by reflection; a side of too few pixels repeats its last one.
    """
    height, width = images.shape[-2:]
    below, right = (max(8, -(-side // 4) * 4) - side for side in (height, width))
    if not (below or right):
        return images
    mode = "reflect" if below < height and right < width else "replicate"
    return F.pad(images, (0, right, 0, below), mode=mode)


class CycleGANStep(Step):
    """A CycleGAN: four networks, two optimisers, two pools, and the step that moves them.

    ``gen_ab`` turns A into B; ``disc_a`` judges domain A. Calling it with reals (real_a, real_b),
    each (N, C, H, W) in [-1, 1], returns the terms *before* weighting: ``adv_a adv_b`` (G's side),
    ``cycle_a cycle_b`` (A→B→A and B→A→B), ``idt_a idt_b``, ``disc_a disc_b``, and ``gen``, the
    weighted sum that the generators minimise:

        gen = adv_a + adv_b + λ (cycle_a + cycle_b) + λ λ_identity (idt_a + idt_b).

    Terms that the settings leave out are not computed and not returned (section 3 of the paper).
    """

    model = "cyclegan"
    generators = ("gen_ab", "gen_ba")
    discriminators = ("disc_a", "disc_b")
    charts = (
        Chart("adversarial", "loss", ("adv_a", "adv_b", "disc_a", "disc_b")),
        Chart("cycle and identity", "distance", ("cycle_a", "cycle_b", "idt_a", "idt_b")),
    )

    def __init__(self, settings, device: str = "auto", **execution):
        s = settings
        check_settings(s)
        super().__init__(s, device, **execution)
        self.loss_disc, self.loss_gen = losses.pair(s.loss)
        self.distance = losses.distance(s.cycle)
        networks = {name: build(s) for name, build in cyclegan.NETWORKS.items()}
        self.prepare(networks, s.lr, s.lr * s.disc_rate)
        self.pool_a, self.pool_b = ImagePool(s.pool), ImagePool(s.pool)
        # The reference halves D's loss, "which slows down the rate at which D learns"; the
        # least-squares form of `losses` holds that half already.
        self.half = 1.0 if s.loss == "lsgan" else 0.5

    def update(self, reals: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """One update of the generators and one of the discriminators; their terms."""
        layout = self.layout
        real_a, real_b = (r.to(self.device).contiguous(memory_format=layout) for r in reals)
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

        if self.settings.adversarial:
            self.opt_disc.zero_grad()  # before both: in between, it would wipe out D_A's gradient
            terms["disc_a"] = self._judge(self.disc_a, real_a, self.pool_a.query(fake_a))
            terms["disc_b"] = self._judge(self.disc_b, real_b, self.pool_b.query(fake_b))
            self.opt_disc.step()
        if self.settings.clip:  # a Wasserstein critic must be Lipschitz
            with torch.no_grad():
                for p in chain(self.disc_a.parameters(), self.disc_b.parameters()):
                    p.clamp_(-self.settings.clip, self.settings.clip)
        return terms

    def variant(self) -> bool:
        """Whether this step takes R1's penalty."""
        return self.settings.r1 > 0 and self.steps % R1_EVERY == 0

    def _judge(self, disc: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """D's loss on reals and fakes, after its backward pass."""
        s = self.settings
        shown = diffaugment(torch.cat([real, fake]), s.diffaugment)
        logits = disc(shown).split([len(real), len(fake)])
        loss = self.half * sum(self.loss_disc(*logits))
        if self.variant():
            # forward: what torch.compile makes of a call cannot be differentiated twice
            penalty = s.r1 / 2 * losses.r1_penalty(disc.forward, real)
            self.accelerator.backward(loss + penalty)
        else:
            self.accelerator.backward(loss)
        return loss

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
        s = self.settings
        if way == "ab":
            x, y, gen, gen_back, disc = "a", "b", self.gen_ab, self.gen_ba, self.disc_b
            direction = "forward"
        else:
            x, y, gen, gen_back, disc = "b", "a", self.gen_ba, self.gen_ab, self.disc_a
            direction = "backward"
        identity = s.lambda_identity > 0 and s.lambda_cycle > 0
        # One pass for the fake and the identity image: instance norm keeps images apart, so the
        # numbers are those of two passes.
        n = len(real_x)
        own = real_y[: max(1, round(s.identity_share * n))]
        to_y = gen(torch.cat([real_x, own]) if identity else real_x)
        fake_y = to_y[:n]
        terms, total = {}, real_x.new_zeros(())
        if s.adversarial:
            terms[f"adv_{y}"] = self.loss_gen(disc(diffaugment(fake_y, s.diffaugment)))
            total = total + terms[f"adv_{y}"]
        if s.lambda_cycle > 0 and s.direction in ("both", direction):
            terms[f"cycle_{x}"] = self.distance(gen_back(fake_y), real_x)
            total = total + s.lambda_cycle * terms[f"cycle_{x}"]
        if identity:
            terms[f"idt_{y}"] = losses.distance("l1")(to_y[n:], own)
            total = total + s.lambda_cycle * s.lambda_identity * terms[f"idt_{y}"]
        return terms | {"gen": total}, fake_y

    def _freeze_discriminators(self, frozen: bool) -> None:
        """Without gradients of their weights, which G's step has no use for."""
        for disc in (self.disc_a, self.disc_b):
            disc.requires_grad_(not frozen)

    def pools(self) -> tuple[str, ...]:
        """Both pools, of fakes of A and of B."""
        return ("pool_a", "pool_b")

    def probes(self, images: list[Tensor]) -> list[Probe]:
        """Four images of each domain: what G makes of A should look like B."""
        images_a, images_b = images
        return [Probe("gen_ab", images_a[:4], images_b), Probe("gen_ba", images_b[:4], images_a)]

    def ways_back(self) -> dict[str, str]:
        """Those that the objective closes; both where it closes none."""
        both = {"gen_ab": "gen_ba", "gen_ba": "gen_ab"}
        closed = {"forward": "gen_ab", "backward": "gen_ba"}.get(self.settings.direction)
        return {closed: both[closed]} if closed else both

    def sample(self, reals: tuple[Tensor, Tensor], ema: bool = True) -> Tensor:
        """uint8 images (images_a, images_b) → uint8 (n + m, C, H, W): their translations, A first.

        ``ema`` takes the averaged weights, where the settings keep an average.
        """
        images_a, images_b = reals
        fakes = [translate(self.shown("gen_ab", ema), images_a)] if len(images_a) else []
        fakes += [translate(self.shown("gen_ba", ema), images_b)] if len(images_b) else []
        return torch.cat(fakes)

    def set_epoch(self, epoch: int) -> float:
        """Set both learning rates for ``epoch``, counted from 0; returns the factor."""
        return self.set_rate(decay(epoch, self.settings.epochs, self.settings.constant_epochs))


def check_settings(s) -> None:
    """Raise ``GancourseError`` for a word, a weight or a combination that trains nothing sensible.

    Costs nothing: to be called before data are loaded.
    """
    losses.pair(s.loss)
    losses.distance(s.cycle)
    parts(s.diffaugment)
    with torch.device("meta"):  # the networks know their own words; nothing is computed
        for build in cyclegan.NETWORKS.values():
            build(s)
    if s.size % 4 or s.size < 8 or s.load_size < s.size:
        raise GancourseError(
            f"size {s.size} must be a multiple of 4, because G halves twice, and at least 8, and "
            f"load_size {s.load_size} at least as large."
        )
    _check_depth(s)
    if s.direction not in DIRECTIONS:
        raise unknown("direction", s.direction, DIRECTIONS)
    if not s.adversarial and (s.lambda_cycle == 0 or s.direction == "none"):
        raise GancourseError("No loss is left: switch the adversarial or the cycle loss on.")


@torch.no_grad()
def _check_depth(s) -> None:
    """Raise ``GancourseError`` for a D so deep that it leaves no two pixels to normalise."""
    with torch.device("meta"):
        try:
            cyclegan.discriminator(s)(torch.empty(1, s.channels, s.size, s.size))
        except (RuntimeError, ValueError) as error:
            raise GancourseError(
                f"A discriminator of patch_layers={s.patch_layers} leaves nothing of {s.size} px: "
                "take fewer layers, or a larger size."
            ) from error


SLOWEST = 0.02  # of the learning rate, at the end of a run by steps


def decay(epoch: int, epochs: int, constant: int) -> float:
    """Factor of the learning rate: 1 for ``constant`` epochs, then linearly towards 0.

    1 - max(0, epoch + 1 - constant) / (epochs - constant + 1), epoch counted from 0: with 200 and
    100 it is 1 up to epoch 99, 100/101 at epoch 100 and 1/101 at epoch 199, as in the reference.
    """
    return 1.0 - max(0, epoch + 1 - constant) / (max(epochs - constant, 0) + 1)


def decay_by_steps(done: int, steps: int) -> float:
    """Factor of the learning rate after ``done`` of ``steps`` steps: 1 in the first half.

    Then linearly to ``SLOWEST`` of it. ``steps`` 0: not known yet, so 1.
    """
    if not steps:
        return 1.0
    return min(1.0, max(SLOWEST, 2 * (1 - done / steps)))


class LinearDecay(Callback):
    """Sets the step's learning rates: by epoch as in the paper, or by step.

    By step where the settings have ``steps``, or with ``by_steps``, as in a run by minutes.
    """

    def __init__(self, by_steps: bool = False):
        self.by_steps = by_steps

    def on_start(self, run: Run) -> None:
        self.by_steps = self.by_steps or run.step.settings.steps > 0
        self.on_step(run)
        self.on_epoch(run)

    def on_step(self, run: Run) -> None:
        if self.by_steps:
            run.step.set_rate(decay_by_steps(run.done, run.steps))

    def on_epoch(self, run: Run) -> None:
        if not self.by_steps:
            run.step.set_epoch(run.batches.epoch)
