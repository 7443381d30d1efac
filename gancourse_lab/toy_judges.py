"""Judges of fakes that stand still: what a discriminator and a critic say, and how they pull.

The reals are uniform on the unit square, the fakes the same, moved by θ along the first axis: the
JSD is min(θ, 1) log 2 and W1 is θ. One network holds the judges of all θ side by side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from gancourse import losses
from gancourse.progress import bar
from gancourse_lab.toy import MLP

BATCH = 64
PENALTY = 10.0  # λ of the gradient penalty, as in Gulrajani et al. 2017


def moved(square: Tensor, shifts: Sequence[float]) -> Tensor:
    """Points (copies, n, 2), those of copy i moved by ``shifts[i]`` along the first axis."""
    theta = torch.tensor(shifts)
    return square + torch.stack([theta, 0 * theta], dim=1)[:, None]


def train(kind: str, shifts: Sequence[float], steps: int, clip: float = 0.0) -> MLP:
    """The judges of all shifts after so many steps of Adam; ``kind`` is a name of ``losses.pair``.

    A critic, "wasserstein", is clipped, every weight into ±clip after each step, or without
    ``clip`` held by the gradient penalty.
    """
    copies = len(shifts)
    judge = MLP(2, 1, copies=copies)
    optimiser = torch.optim.Adam(judge.parameters(), 5e-3, (0.5, 0.9), fused=True)
    disc_loss, _ = losses.pair(kind)

    def flat(x):  # for the penalty every point is one pair, whichever its shift
        return judge(x.view(copies, -1, 2)).flatten()

    label = f"judges, {kind}, clipped at {clip}" if clip else f"judges, {kind}"
    for _ in bar(range(steps), desc=label):
        real = torch.rand(copies, BATCH, 2)
        fake = moved(torch.rand(copies, BATCH, 2), shifts)
        loss = sum(disc_loss(judge(real), judge(fake)))
        if kind == "wasserstein" and not clip:
            penalty = losses.gradient_penalty(flat, real.view(-1, 2), fake.view(-1, 2))
            loss = loss + PENALTY * penalty
        optimiser.zero_grad()
        (copies * loss).backward()  # the sum over the copies
        optimiser.step()
        if clip:
            with torch.no_grad():
                for weights in judge.parameters():
                    weights.clamp_(-clip, clip)
    return judge


def discriminator_says(disc, square: Tensor, shifts: Sequence[float]) -> tuple[Tensor, Tensor]:
    """JSD / log 2 by the value that D reaches, and its mean |slope| at the fakes; one a shift.

    The slope is that of log(1 - D), the minimax form, which belongs to the JSD.
    """
    fakes = moved(square, shifts).requires_grad_()
    log_real, log_rest = -F.softplus(-disc(square)), -F.softplus(disc(fakes))
    jsd = (log_real.mean((1, 2)) + log_rest.mean((1, 2)) + math.log(4)) / 2
    return (jsd / math.log(2)).detach(), _slope(log_rest, fakes)


def critic_says(critic, square: Tensor, shifts: Sequence[float]) -> tuple[Tensor, Tensor]:
    """W1 by the gap of a critic's means, and its mean |slope| at the fakes; one a shift."""
    fakes = moved(square, shifts).requires_grad_()
    on_real, on_fake = critic(square), critic(fakes)
    return (on_real.mean((1, 2)) - on_fake.mean((1, 2))).detach(), _slope(on_fake, fakes)


def _slope(answers: Tensor, points: Tensor) -> Tensor:
    """Mean length of the gradient of ``answers`` at points (copies, n, 2)."""
    return torch.autograd.grad(answers.sum(), points)[0].norm(dim=-1).mean(1)


def at_bound(judge, clip: float) -> float:
    """The share of weights that clipping holds at ±clip."""
    sizes = torch.cat([weights.detach().abs().flatten() for weights in judge.parameters()])
    return float((sizes > 0.99 * clip).double().mean())


@torch.no_grad()
def across(judge, shifts: Sequence[float], shift: float, sigmoid: bool = False):
    """(x1, answers) along the middle of the square and beyond, of the judge of one shift."""
    x = torch.linspace(-0.5, 4.5, 400)
    middle = torch.stack([x, torch.full_like(x, 0.5)], dim=1).expand(len(shifts), -1, -1)
    answers = judge(middle)[list(shifts).index(shift), :, 0]
    return x, answers.sigmoid() if sigmoid else answers
