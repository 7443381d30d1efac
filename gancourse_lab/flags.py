"""What a sick run shows: one small function a sign, and the limit beyond which it counts.

A *reading* is a number taken from a run: from its settings, curves, gradients or samples. ``SIGNS``
says for each which value is too much, why just there, and what to do. Pictures are (N, C, H, W)
float in [-1, 1]. ``monitor.Monitor`` takes the readings while a run runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WINDOW = 100  # steps over which curves are averaged: one batch's luck is gone by then


class Sign(NamedTuple):
    """A reading beyond ``limit`` raises the flag: above it, or below it if ``below``."""

    limit: float
    says: str  # the flag's evidence; {value}, {limit} and {where} are filled in
    why: str  # where the limit comes from
    remedy: str
    below: bool = False

    def raised(self, value: float) -> bool:
        """Whether ``value`` is beyond the limit."""
        return value < self.limit if self.below else value > self.limit


# "Healthy runs": 20 seeds of each model of gancourse_lab.faults on the real steel; 5 of each fault.
# (Of strong-d and collapse, planted anew since with one number each, the recorded seeds.)
SIGNS: dict[str, Sign] = {
    "optimiser state lost": Sign(
        0.5,
        "the networks have taken {where} steps, Adam {value:.0%} fewer",
        "a resumed run has both counts equal; half leaves room for a warm start",
        "save and load optimisers, pools and random states too (gancourse.train.checkpoint)",
    ),
    "wrong value range": Sign(
        1e-3,
        "D's real images span {where}, {value:.2f} off the [-1, 1] that tanh can paint",
        "closed form: /127.5 - 1 ends exactly at -1 and 1; 1e-3 is an eighth of a grey level",
        "scale the images to [-1, 1]: x / 127.5 - 1, no mean and standard deviation",
    ),
    "norm's eps": Sign(
        0.01,
        "{where} has eps = {value:g}",
        "PyTorch's default is 1e-5, TensorFlow's 1e-3: 0.01 is ten times the larger",
        "the second argument of BatchNorm2d is eps: name what you mean, as in momentum=0.2",
    ),
    "network stands still": Sign(
        1e-7,
        "{where}'s weights moved by {value:.0e} of their size",
        "float32 resolution; a network that Adam steps moves by 1e-3 and more in its first step",
        "zero_grad once, before both backward passes; is every network in an optimiser?",
        below=True,
    ),
    "fakes not detached": Sign(
        0.0,
        "D's step left a gradient of {value:.2g} in {where}",
        "exact: with detach() no gradient of D's loss reaches G, not even a small one",
        "D(fake.detach()) in D's step",
    ),
    "dead ReLUs": Sign(
        0.5,
        "{value:.0%} of the channels of {where} fire on fewer than 1% of their inputs",
        "healthy runs: no channel at all; every norm's shift at -3: all of them; half is midway",
        "start the norm's shift at 0, lower the learning rate, use LeakyReLU in D",
    ),
    "learning rate too high": Sign(
        0.2,
        "one step moves the samples by {value:.2f} of the real images' spread (limit {limit:g})",
        "healthy runs reach 0.12, ten times their rates start at 0.30; 0.2 is midway in ratio",
        "divide the learning rates by 3 to 10",
    ),
    "checkerboard": Sign(
        0.02,
        "{value:.1%} of the samples' variance repeats every {where}",
        "enlarge and convolve stays below 0.001, kernel 3 at stride 2 reaches 0.03 at the least",
        "a kernel that the stride divides (4 for 2), or resize and convolve",
    ),
    "augmentation leaks": Sign(
        5.0,
        "flat patches are {value:.0f} times as often mid-grey as of the greys beside it, compared "
        "with the real images: cut out or shifted in",
        "healthy runs reach 2.5, two cutouts and a shift start at 10; 5 is midway in ratio",
        "augment the fakes too, in both steps (DiffAugment), or take out cutout and shift",
    ),
    "mode collapse": Sign(
        0.25,
        "the samples vary {value:.3f} times as much as the real images (limit {limit:g})",
        "healthy runs vary 1.06 times as much at the least, with a D at a 25th of its rate 0.24 at "
        "the most, and chapter 03's cats after a minute 0.34",
        "slow G down or let D learn faster; D needs to see the whole batch (batch norm, minibatch)",
        below=True,
    ),
    "D wins": Sign(
        0.95,
        "D(x) - D(G(z)) is {value:.3f} on average over {where} steps",
        "healthy runs reach 0.32, beside a G at a thousandth of its rate 0.98 and more; at 0.95 D "
        "errs by 0.025",
        "lower D's learning rate, width or number of updates; spectral norm; more data",
    ),
    "cycle does not close": Sign(
        0.9,
        "F(G(x)) is {value:.2f} times as far from x as another picture of the domain",
        "1 is no better than showing any other picture",
        "is the cycle term in the sum, with its λ, and does its gradient reach both generators?",
    ),
    "identity not scaled": Sign(
        0.02,
        "gen adds up with weight {where} for identity: {value:.0%} off",
        "an identity in the log, less three standard errors of the fit: rounding",
        "identity counts λ · λ_identity, and λ_identity is a fraction",
    ),
}


# Where a model's limit is another.
# A CycleGAN's D may not win at all: cycle and identity loss then pull G back to doing nothing, and
# the pictures fade. The sharper D of recorded healthy runs reaches 0.63 (cats at 64 px, near their
# end); those whose pictures faded for a time (a D of width 48, 32 px) reach 0.66, 0.68, 0.80, and
# pass 0.65 by step 650. At 256 px it was passed at 12,700, and at 19,000 the stripes were gone. The
# gap between 0.63 and 0.66 is small: look at the pictures when it speaks.
# A pix2pix answers one input with one picture, and its L1 term asks for the mean of what that may
# be: its pictures vary less than photographs. Healthy façades (32 px, 400 steps, two seeds) vary
# 0.08 times as much at step 150 and 0.2 at 400; one answer for every input is 0.
LIMITS = {"cyclegan": {"D wins": 0.65}, "pix2pix": {"mode collapse": 0.02}}


def value_range(real: Tensor) -> tuple[float, str]:
    """How far D's real images miss [-1, 1], and the interval they fill.

    Values outside count by their excess. Images without a single value below 0 fill [0, 1], half
    of what tanh paints: they count by what lies unused below them.
    """
    low, high = float(real.min()), float(real.max())
    unused = low + 1 if low > -1e-3 else 0.0
    return max(high - 1, -1 - low, unused, 0.0), f"[{low:.2f}, {high:.2f}]"


def largest_eps(networks: Mapping[str, nn.Module]) -> tuple[float, str]:
    """The largest ``eps`` of any layer that has one, and that layer's name; 0 without any."""
    found = [
        (layer.eps, f"{network}.{name}")
        for network, net in networks.items()
        for name, layer in net.named_modules()
        if isinstance(getattr(layer, "eps", None), float)
    ]
    return max(found, default=(0.0, ""))


def lost_steps(steps: int, optimisers: Sequence) -> tuple[float, str]:
    """Which share of a resumed run's ``steps`` is missing in the optimisers' own counts.

    Adam and its kin count; an optimiser that does not, such as SGD, has no count to lose.
    """
    counts = [
        max((float(s["step"]) for s in o.state.values()), default=0)
        for o in optimisers
        if "betas" in o.defaults
    ]
    return (1 - min(counts, default=steps) / steps if steps else 0.0), str(steps)


def sizes(network: nn.Module) -> Tensor:
    """The norm of every trainable tensor of ``network``: (k,). One that moves changes its norm."""
    return torch.stack([p.detach().float().norm() for p in network.parameters()])


def movement(before: Tensor, network: nn.Module) -> float:
    """The largest relative change of a tensor's norm since ``before = sizes(network)``."""
    after = sizes(network)
    return float(((after - before).abs() / torch.maximum(before, after).clamp(min=1e-12)).max())


def silent_channels(activity: Mapping[str, Tensor]) -> tuple[float, str]:
    """The layer with the largest share of channels that fire on under 1 % of their inputs.

    ``activity``: layer → (channels,), the share of positive outputs of each channel.
    """
    shares = {name: float((share < 0.01).float().mean()) for name, share in activity.items()}
    worst = max(shares, key=shares.get, default="")
    return shares.get(worst, 0.0), worst


def jump(before: Tensor, after: Tensor, real: Tensor) -> float:
    """How far one step moved the sample of a latent, in standard deviations of ``real``: median."""
    moved = (after - before).square().mean((1, 2, 3)).sqrt()
    return float(moved.median() / real.std())


def diversity(samples: Tensor, real: Tensor) -> float:
    """Variance from picture to picture, pixel by pixel, of the samples over that of ``real``."""
    return float(samples.var(0).mean() / real.var(0).mean())


def comb(samples: Tensor) -> tuple[float, str]:
    """Which share of the samples' variance repeats every two or four pixels, and with which period.

    Upsampling with uneven overlap repeats itself every two pixels, every four where the layer
    before it does so (Odena 2016). The power spectrum, averaged over pictures and summed along the
    lines of that frequency, less what the two next lower frequencies have; rows or columns,
    whichever shows more.
    """
    power = torch.fft.fft2(samples - samples.mean((2, 3), keepdim=True)).abs().square().mean((0, 1))
    shares = []
    for lines in (power.sum(1), power.sum(0)):
        for period, twins in ((2, 1), (4, 2)):  # frequencies ±1/4 are two lines, ±1/2 is one
            k = len(lines) // period
            excess = twins * (lines[k] - lines[k - 2 : k].mean())
            shares.append((float(excess / power.sum().clamp(min=1e-12)), f"{period} pixels"))
    return max(shares)


def grey_patches(pictures: Tensor) -> float:
    """How much more frequent flat patches are at mid-grey than at the greys beside it; about 1.

    Cutout and a shift leave patches of exactly 0. Over all 3×3 windows whose values lie within 0.1,
    channel by channel: density of their midpoints in |m| < 0.05 over that in 0.05 to 0.15.
    """
    planes = pictures.flatten(0, 1)[:, None]
    high, low = F.max_pool2d(planes, 3, 1), -F.max_pool2d(-planes, 3, 1)
    flat, middle = high - low < 0.1, ((high + low) / 2).abs()
    inside = (flat & (middle < 0.05)).float().mean()
    beside = (flat & (middle >= 0.05) & (middle < 0.15)).float().mean() / 2
    return float(inside / (beside + 0.01))  # where hardly a patch is flat: about 0


def unclosed(back: Tensor, x: Tensor, real: Tensor) -> float:
    """Mean |F(G(x)) - x| over the mean distance of two different pictures of ``real``.

    0 where ``real`` is one picture only: then there is no other to compare with.
    """
    shifts = range(1, min(len(real), 9))
    if not shifts:
        return 0.0
    others = sum(float((real - real.roll(i, 0)).abs().mean()) for i in shifts) / len(shifts)
    return float((back - x).abs().mean()) / others


def margin(terms: Mapping[str, Sequence[float]], loss: str, window: int = WINDOW):
    """How surely D tells reals from fakes in the last ``window`` steps: 0 chance, 1 always.

    D(x) - D(G(z)) for a D that answers with probabilities. Least squares: a D that answers 1 - e on
    reals and e on fakes has the loss e², so 1 - 2√loss. None where the curves do not say it, or
    are shorter than the window.
    """
    if len(terms.get("gen", ())) < window:
        return None
    last = {name: values[-window:] for name, values in terms.items()}
    if loss == "bce" and "p_real" in last:
        return _mean(last["p_real"]) - _mean(last["p_fake"])
    if loss == "lsgan" and "disc_real" in last:
        return 1 - 2 * math.sqrt(_mean(last["disc_real"]) + _mean(last["disc_fake"]))
    if loss == "lsgan" and "disc_a" in last:
        return 1 - 2 * math.sqrt(min(_mean(last["disc_a"]), _mean(last["disc_b"])))
    return None


def loss_weights(terms: Mapping[str, Sequence[float]], adversarial: bool = True):
    """The weights (cycle, identity) with which ``gen`` adds up, by least squares over the steps.

    gen - adv_a - adv_b = w (cycle_a + cycle_b) + v (idt_a + idt_b), CycleGAN section 3. None where
    a log has no identity terms, or too few steps to tell the two apart.
    """
    sums = _sums(terms, adversarial)
    if sums is None:
        return None
    columns, rest = sums
    return tuple(torch.linalg.lstsq(columns, rest).solution.flatten().tolist())


def identity_off(
    terms: Mapping[str, Sequence[float]], expected: float, adversarial: bool = True
) -> tuple[float, float] | None:
    """By which share identity's weight in a log misses ``expected``, and that weight.

    Only what is beyond three standard errors of the fit counts: a record keeps four digits, and
    where cycle and identity rise and fall together these leave the weight uncertain by some per
    cent. None where ``loss_weights`` is.
    """
    sums = _sums(terms, adversarial)
    if sums is None:
        return None
    # a record's mean over a block of steps, repeated for each of them, is one equation
    distinct = torch.cat(sums, 1).unique(dim=0)
    columns, rest = distinct[:, :2], distinct[:, 2:]
    weights = torch.linalg.lstsq(columns, rest).solution
    left = (rest - columns @ weights).square().sum() / max(len(rest) - 2, 1)
    error = (left * torch.linalg.pinv(columns.T @ columns)[1, 1]).sqrt()
    weight = float(weights[1])
    return max(abs(weight - expected) - 3 * float(error), 0.0) / (expected or 1.0), weight


def _sums(terms, adversarial: bool) -> tuple[Tensor, Tensor] | None:
    """(steps, 2) both distances and (steps, 1) what they add up to; None for too short a log."""
    needed = ("gen", "cycle_a", "cycle_b", "idt_a", "idt_b")
    if not all(name in terms for name in needed) or len(terms["gen"]) < 10:
        return None
    t = {name: torch.tensor(v[-WINDOW:], dtype=torch.float64) for name, v in terms.items()}
    rest = t["gen"] - (t["adv_a"] + t["adv_b"] if adversarial else 0)
    columns = torch.stack([t["cycle_a"] + t["cycle_b"], t["idt_a"] + t["idt_b"]], 1)
    return columns, rest[:, None]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
