"""Sick runs on purpose: chapter 09's two small models, and one planted mistake for each flag.

``FAULTS[name]`` says what a mistake changes, ``train(name, seed)`` runs it. The mistakes are ones
that people shipped, or the plainest form of what goes wrong without one.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from torch import nn

from gancourse import augment, device, profiles
from gancourse.data import ImageSet, standins
from gancourse.data.batches import Batches, batches_of, load_data, pairs_of
from gancourse.errors import unknown
from gancourse.train.cyclegan import CycleGANStep
from gancourse.train.dcgan import DCGANStep, sample_z
from gancourse.train.loop import Callback, History, fit


class NotDetached(DCGANStep):
    """D's loss on fakes runs on into G, whose gradients are cleared too early to lose it again."""

    def __call__(self, real):
        self.opt_gen.zero_grad()
        self.opt_disc.zero_grad()
        fake = self.gen(sample_z(len(real), self.settings, self.device))
        logit_real, logit_fake = self.disc(real), self.disc(fake)  # fake.detach() is missing
        disc_real, disc_fake = self.loss_disc(logit_real, logit_fake)
        self.accelerator.backward(disc_real + disc_fake, retain_graph=True)
        self.opt_disc.step()
        self.disc.requires_grad_(False)
        gen = self.loss_gen(self.disc(fake))
        self.accelerator.backward(gen)
        self.opt_gen.step()
        self.disc.requires_grad_(True)
        return {
            "disc_real": disc_real.detach(),
            "disc_fake": disc_fake.detach(),
            "gen": gen.detach(),
            "p_real": logit_real.detach().sigmoid().mean(),
            "p_fake": logit_fake.detach().sigmoid().mean(),
        }


class IdentityNotScaled(CycleGANStep):
    """λ_identity alone is the weight of the identity terms; it should be λ · λ_identity."""

    def one_way(self, way, real_x, real_y):
        terms, fake = super().one_way(way, real_x, real_y)
        s = self.settings
        too_much = (s.lambda_cycle - 1) * s.lambda_identity * terms[f"idt_{way[1]}"]
        terms["gen"] = terms["gen"] - too_much
        return terms, fake


def norms(*networks: nn.Module) -> list[nn.BatchNorm2d]:
    """All batch norms of ``networks``."""
    return [
        layer for net in networks for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)
    ]


def eps_for_momentum(step: DCGANStep) -> None:
    """``BatchNorm2d(n, 0.8)``: the second argument is eps."""
    for layer in norms(step.gen, step.disc, step.ema):
        layer.eps = 0.8


def kill_relus(step: DCGANStep) -> None:
    """Every norm of G starts with shift -3: in front of its ReLU hardly a value is positive."""
    for layer in norms(step.gen):
        nn.init.constant_(layer.bias, -3.0)


def uneven_upsampling(step: DCGANStep) -> None:
    """Transposed convolutions of kernel 3 and stride 2: pixels get 1, 2 or 4 contributions."""
    for net in (step.gen, step.ema):
        for stage in list(net.stages)[1:]:
            old = next(layer for layer in stage if isinstance(layer, nn.ConvTranspose2d))
            new = nn.ConvTranspose2d(
                old.in_channels, old.out_channels, 3, 2, padding=1, output_padding=1, bias=False
            )
            stage[list(stage).index(old)] = new.to(step.device)
    step.ema.load_state_dict(step.gen.state_dict())
    step.ema.requires_grad_(False)
    step.opt_gen.param_groups[0]["params"] = list(step.gen.parameters())


def zero_grad_between(step: CycleGANStep) -> None:
    """D's gradients are cleared again between the backward of D_A's loss and that of D_B's."""
    step.disc_b.register_forward_pre_hook(lambda *_: step.opt_disc.zero_grad())


def standardise(batches: Batches) -> None:
    """Mean 0 and standard deviation 1 over the data set, as for a classifier."""
    x = batches.images.floats()
    mean, std = x.mean(), x.std()
    batches.augment = lambda images: (images - mean) / std


def augment_reals_only(batches: Batches) -> None:
    """DiffAugment as part of the data set: D's fakes never see it.

    A shift and two cutouts: with one, 252 steps are too few for G to draw the holes in every run.
    """
    policy = "translation,cutout,cutout"
    batches.augment = functools.partial(augment.diffaugment, policy=policy)


@dataclass(frozen=True)
class Fault:
    """``flag``: the sign it should raise; the rest is what it changes."""

    flag: str
    model: str = "dcgan"
    settings: dict = field(default_factory=dict)
    step: type | None = None
    break_step: Callable | None = None
    break_batches: Callable | None = None
    forgets: bool = False  # halfway everything but the networks' weights is lost


FAULTS: dict[str, Fault] = {
    "healthy": Fault(""),
    "lr-x10": Fault("learning rate too high", settings={"lr_g": 1e-2, "lr_d": 5e-3}),
    "strong-d": Fault("D wins", settings={"lr_g": 1e-6}),  # a thousandth of the healthy rate
    "no-detach": Fault("fakes not detached", step=NotDetached),
    "range": Fault("wrong value range", break_batches=standardise),
    "eps": Fault("norm's eps", break_step=eps_for_momentum),
    "dead": Fault("dead ReLUs", break_step=kill_relus),
    "collapse": Fault("mode collapse", settings={"lr_d": 2e-5}),  # 1/25 of the healthy rate
    "checkerboard": Fault(
        "checkerboard", settings={"upsample": "transpose"}, break_step=uneven_upsampling
    ),
    "leak": Fault("augmentation leaks", break_batches=augment_reals_only),
    "resume": Fault("optimiser state lost", forgets=True),
    "healthy-cyclegan": Fault("", "cyclegan"),
    "lambda-0": Fault("cycle does not close", "cyclegan", settings={"lambda_cycle": 0.0}),
    "identity": Fault("identity not scaled", "cyclegan", step=IdentityNotScaled),
    "still": Fault("network stands still", "cyclegan", break_step=zero_grad_between),
}
EXPERIMENTS = {"dcgan": "neu-scratches", "cyclegan": "horse2zebra"}


@dataclass
class Outcome:
    """A finished run: what it was trained on, with, and what it went through."""

    step: DCGANStep | CycleGANStep
    batches: Batches
    history: History


def load(model: str, source: str = "auto", n: int = 120):
    """Training images of the lab's ``"dcgan"`` (an ``ImageSet``) or ``"cyclegan"`` (two, drawn)."""
    if model == "dcgan":
        return load_data(profiles.settings(EXPERIMENTS[model], "lab"), source)
    size = profiles.settings(EXPERIMENTS[model], "lab").load_size
    horses = standins.make("horse2zebra", part="A", size=size, split="train", n=n)
    zebras = standins.make("horse2zebra", part="B", size=size, split="train", n=n)
    return horses, zebras


def build(name: str, seed: int = 0, images=None, **changes):
    """(step, batches) of the fault ``name``, fresh; ``changes`` are further settings.

    ``images`` as from ``load``. Raises ``UnknownName`` for a fault or setting it does not know.
    """
    if name not in FAULTS:
        raise unknown("fault", name, FAULTS)
    fault = FAULTS[name]
    if images is None:
        images = load(fault.model)
    settings = profiles.settings(EXPERIMENTS[fault.model], "lab", seed=seed, **fault.settings)
    settings = profiles.replace(settings, **changes)
    device.seed_everything(seed)
    if fault.step:
        step = fault.step(settings)
    elif fault.model == "dcgan":
        step = DCGANStep(settings)
    else:
        step = CycleGANStep(settings)
    if fault.break_step:
        fault.break_step(step)
    if isinstance(images, ImageSet):
        batches = batches_of(images.to(step.device), settings)
    else:
        horses, zebras = images
        batches = pairs_of(horses.to(step.device), zebras.to(step.device), settings)
    if fault.break_batches:
        fault.break_batches(batches)
    return step, batches


def train(
    name: str, seed: int = 0, images=None, callbacks: Iterable[Callback] = (), **changes
) -> Outcome:
    """Build and run the fault ``name``; arguments as for ``build``."""
    step, batches = build(name, seed, images, **changes)
    epochs = step.settings.epochs
    history = None
    if FAULTS[name].forgets:
        history = fit(step, batches, epochs // 2, callbacks)
        fresh, _ = build(name, seed, batches.images, **changes)
        fresh.gen.load_state_dict(step.gen.state_dict())
        fresh.disc.load_state_dict(step.disc.state_dict())
        step = fresh
    history = fit(step, batches, epochs, callbacks, history)
    return Outcome(step, batches, history)


def digest(case: int, name: str) -> str:
    """What a record keeps of the answer ``name`` to a case."""
    return hashlib.sha256(f"case {case}: {name}".encode()).hexdigest()[:16]
