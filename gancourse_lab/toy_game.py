"""Games on the line, looked at: what G makes, what D says and should say, what G is told."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.nn import functional as F

from gancourse import losses
from gancourse.progress import bar
from gancourse_lab import theory
from gancourse_lab.toy import MLP

X = torch.linspace(-4.5, 4.5, 301)  # where densities and D are drawn
EVERY_Z = ((torch.arange(4000) + 0.5) / 2000 - 1)[:, None]  # what G does, without sampling error
RING_SPREAD = 0.15  # standard deviation of each of the ring's eight modes
BELL = 0.1  # standard deviation of the bells that make a density of G's 4,000 points


def noise(*shape: int) -> Tensor:
    """z, uniform on (-1, 1)."""
    return 2 * torch.rand(*shape) - 1


@functools.cache
def humps() -> Tensor:
    """The two humps by 4,000 quantiles: what a generator should make of EVERY_Z."""
    levels = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    return theory.quantile(theory.NAMED["two humps"], levels)


def distance(sample: Tensor) -> float:
    """W1 of a sample (n,) to the two humps."""
    return theory.wasserstein1(sample, humps())


def density(points: Tensor, x: Tensor = X) -> Tensor:
    """The density at x of points (n,), each smoothed to a normal bell."""
    bells = torch.exp(-((x[:, None] - points) ** 2) / (2 * BELL**2))
    return bells.mean(1) / (BELL * math.sqrt(2 * math.pi))


@torch.no_grad()
def look(step: int, gen, disc, p: Distribution) -> dict:
    """Where a game stands: at X p, q, D and D*; the value of D and of D*; W1 to the two humps.

    q is the density of what G makes of EVERY_Z.
    """
    fake = gen(EVERY_Z)[:, 0].sort().values
    p_x, q_x = p.log_prob(X.double()).exp().float(), density(fake[::4])
    logit, both = disc(X[:, None])[:, 0], (p_x + q_x).clamp(min=1e-30)
    best = p_x / both

    def value(log_d: Tensor, log_rest: Tensor) -> float:
        return float((p_x * log_d + q_x * log_rest).sum() * (X[1] - X[0]))

    return {
        "step": step,
        "p": p_x,
        "q": q_x,
        "D": logit.sigmoid(),
        "best": best,
        "value": value(F.logsigmoid(logit), F.logsigmoid(-logit)),
        "most": value(best.clamp(min=1e-30).log(), (q_x / both).clamp(min=1e-30).log()),
        "W1": distance(fake),
    }


class Chase(NamedTuple):
    """Of each step and game, (steps, copies)."""

    belief: Tensor  # mean D(G(z))
    gradient: Tensor  # size of G's gradient
    means: Tensor  # distance of the means of reals and fakes
    spread: Tensor  # standard deviation of the fakes


def chase(generator_loss, steps: int, seed: int, copies: int = 5) -> Chase:
    """Games in which fakes around 0 are sent after reals around 4, by one loss of G.

    The reals are normal with standard deviation 0.5. Five updates of D for one of G, so that D is
    good. G steps by plain gradient descent: Adam divides a gradient by its size, which would hide
    that it vanishes. Two losses with one seed start from the same weights and see the same draws.
    """
    torch.manual_seed(seed)
    gen, disc = MLP(1, 1, copies=copies), MLP(1, 1, copies=copies)
    opt_gen = torch.optim.SGD(gen.parameters(), 0.05)
    opt_disc = torch.optim.Adam(disc.parameters(), 2e-3, (0.5, 0.999), fused=True)
    rows = []
    for _ in bar(range(steps), desc=generator_loss.__name__):
        for _ in range(5):
            real, fake = 4 + 0.5 * torch.randn(copies, 128, 1), gen(noise(copies, 128, 1))
            loss = copies * sum(losses.bce_discriminator(disc(real), disc(fake.detach())))
            opt_disc.zero_grad()
            loss.backward()
            opt_disc.step()
        logit = disc(fake)
        opt_gen.zero_grad()
        (copies * generator_loss(logit)).backward()  # the sum over the games
        size = sum(w.grad.flatten(1).square().sum(1) for w in gen.parameters()).sqrt()
        means = (fake.mean((1, 2)) - 4).abs()
        row = (logit.sigmoid().mean((1, 2)), size, means, fake.std((1, 2)))
        rows.append(torch.stack(row).detach())
        opt_gen.step()
    belief, gradient, means, spread = torch.stack(rows, 1)
    return Chase(belief, gradient, means, spread)


def first_within(distances: Tensor, reach: float) -> Tensor:
    """At which step (steps, copies) first come within ``reach``; the number of steps: never."""
    return ((distances < reach).cumsum(0) == 0).sum(0)


def within_for_good(distances: Tensor, reach: float) -> Tensor:
    """From which step on (steps, copies) stay within ``reach``; the number of steps: never."""
    return len(distances) - (distances < reach).flip(0).cumprod(0).sum(0)


class RingGame(NamedTuple):
    looks: Tensor  # fakes at the moments, (moments, copies, n, 2)
    moments: list[int]


def ring_game(
    rates: tuple[float, float],
    steps: int,
    seed: int,
    k: int = 1,
    copies: int = 4,
    brake: float = 0.0,
) -> RingGame:
    """``copies`` games on a ring of eight modes, looked at 25 times; ``k`` steps of D for one of G.

    ``rates`` of G and of D. Both are Adam's, with a momentum of 0.5. ``brake``: the weight γ of R1,
    a penalty on D's slope at the real points (Mescheder et al. 2018).
    """
    torch.manual_seed(seed)
    ring = theory.ring(spread=RING_SPREAD)
    gen = MLP(2, 2, 64, copies=copies)
    disc = MLP(2, 1, 64, copies=copies)
    opt_gen = torch.optim.Adam(gen.parameters(), rates[0], (0.5, 0.999), fused=True)
    opt_disc = torch.optim.Adam(disc.parameters(), rates[1], (0.5, 0.999), fused=True)
    looks, moments = [], sorted({round(steps * i / 24) for i in range(25)})
    for step in bar(range(steps + 1), desc=f"rates {rates[0]:g}, {rates[1]:g}"):
        if step in moments:
            with torch.no_grad():
                looks.append(gen(torch.randn(copies, 1000, 2)))
        for _ in range(k):
            real, fake = ring.sample((copies, 128)).float(), gen(torch.randn(copies, 128, 2))
            loss = sum(losses.bce_discriminator(disc(real), disc(fake.detach())))
            if brake:
                loss = loss + brake / 2 * losses.r1_penalty(disc, real)
            opt_disc.zero_grad()
            loss.backward()
            opt_disc.step()
        opt_gen.zero_grad()
        losses.bce_generator(disc(fake)).backward()
        opt_gen.step()
    return RingGame(torch.stack(looks), moments)
