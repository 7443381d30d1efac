"""Metropolis and Hastings: walks that keep a density, and how many independent draws they are."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution


def metropolis(p: Distribution, step: float, chains: int, n: int, start: float):
    """States (n, chains) of independent walks that keep p; the share of proposals taken.

    A state proposes itself plus ``step`` times a normal number and goes there with probability
    min(1, p(there)/p(here)); else it stays (Metropolis et al. 1953).
    """
    x = torch.full((chains,), start, dtype=torch.float64)
    log_p, states, moves = p.log_prob(x), [], 0.0
    for _ in range(n):
        proposed = x + step * torch.randn(chains, dtype=x.dtype)
        log_new = p.log_prob(proposed)
        go = torch.rand(chains, dtype=x.dtype).log() < log_new - log_p
        x, log_p = torch.where(go, proposed, x), torch.where(go, log_new, log_p)
        states.append(x)
        moves += float(go.double().mean()) / n
    return torch.stack(states), moves


def hastings(law: Tensor, offer: Tensor) -> Tensor:
    """The chance [i, j] of a move between places, which keeps ``law`` (Hastings 1970).

    ``law`` (n,): the probability of each place. ``offer`` [i, j]: the chance that i proposes j.
    """
    offered = law[:, None] * offer
    moving = offer * (offered.T / offered).clamp(max=1)
    return moving + torch.diag(1 - moving.sum(1))  # a refusal stays where it is


def autocorrelation(states: Tensor, mean: float, variance: float, lags: int) -> Tensor:
    """ρ_0, ρ_1, … of chains (n, chains) whose mean and variance are known."""
    centred = (states - mean) / variance**0.5
    return torch.stack([(centred[: len(centred) - k] * centred[k:]).mean() for k in range(lags)])


def effective_share(rho: Tensor) -> float:
    """n_eff / n: the sum runs until ρ first drops below 0.02, where only noise is left."""
    small = (rho < 0.02).nonzero()
    end = int(small[0]) if len(small) else len(rho)
    return float(1 / (1 + 2 * rho[1:end].sum()))


class Walked(NamedTuple):
    """Chains and how much they are worth."""

    states: Tensor  # (n, chains), without the start
    moves: float  # share of proposals taken
    rho: Tensor  # autocorrelation
    share: float  # n_eff / n


def walked(p: Distribution, step: float, n: int, chains: int = 64, start: float = 1.0) -> Walked:
    """``chains`` walks of n states by ``metropolis``; the first tenth is left out."""
    states, moves = metropolis(p, step, chains, n, start)
    states = states[n // 10 :]  # the start is forgotten after a while
    lags = min(len(states) // 2, 600)
    rho = autocorrelation(states, float(p.mean), float(p.variance), lags)
    return Walked(states, moves, rho, effective_share(rho))
