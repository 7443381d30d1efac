"""Densities where the truth is known: the optimal discriminator, the game's value, W1, the ring.

Everything here takes ``torch.distributions`` objects with parameters on the CPU. A mean over p is
taken on a grid whose cells hold *equal probability*: the midpoints (i + ½)/CELLS of the levels,
sent through p's quantile function, each with weight 1/CELLS (a mixture component by component).
Unlike a grid of equal steps it needs no bounds, follows heavy tails, and a jump of p costs
nothing; a jump of the integrand costs at most its height/CELLS. Tests hold the error below 1e-4.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import elementwise
from scipy.stats import wasserstein_distance
from torch import Tensor
from torch import distributions as td
from torch.distributions import Distribution, MixtureSameFamily
from torch.nn import functional as F

from gancourse.errors import GancourseError

CELLS = 40_000
LEVELS = (torch.arange(CELLS, dtype=torch.float64) + 0.5) / CELLS


def _double(values) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


_HUMPS = td.Normal(_double([-1.5, 1.0]), _double([0.35, 0.6]))
# without torch's own check, log_prob and cdf take any x instead of raising outside the support
NAMED: dict[str, Distribution] = {
    "normal": td.Normal(_double(0.0), _double(1.0), validate_args=False),
    "uniform": td.Uniform(_double(-2.0), _double(2.0), validate_args=False),
    "exponential": td.Exponential(_double(1.0), validate_args=False),
    "Laplace": td.Laplace(_double(0.0), _double(1.0), validate_args=False),
    "Cauchy": td.Cauchy(_double(0.0), _double(0.5), validate_args=False),
    "two humps": MixtureSameFamily(td.Categorical(_double([0.35, 0.65])), _HUMPS, False),
}


def normal(mean: float, spread: float = 1.0) -> td.Normal:
    """A normal distribution in float64: closed forms are checked to more than seven digits."""
    return td.Normal(_double(float(mean)), _double(float(spread)))


def uniform(low: float, high: float) -> td.Uniform:
    """A uniform distribution in float64; its density is 0 outside, not an error."""
    return td.Uniform(_double(float(low)), _double(float(high)), validate_args=False)


def ring(modes: int = 8, radius: float = 2.0, spread: float = 0.05) -> MixtureSameFamily:
    """``modes`` round Gaussians of standard deviation ``spread``, evenly on a circle in the plane.

    The usual test for mode collapse (Metz 2017, section 3.1). The centres (modes, 2) are its
    ``component_distribution.mean``.
    """
    angle = 2 * math.pi * torch.arange(modes) / modes
    centres = radius * torch.stack([angle.cos(), angle.sin()], dim=1)
    spots = td.Independent(td.Normal(centres, torch.full_like(centres, spread)), 1)
    return MixtureSameFamily(td.Categorical(torch.ones(modes)), spots)


def log_density(p: Distribution, x: Tensor) -> Tensor:
    """log p(x), -inf outside p's support: x (…,) for a p over numbers, (…, d) for one over vectors.

    x may be on any device; the result is there, too. Raises ``GancourseError`` for a discrete p.
    """
    _check_density(p)
    at = x.cpu()
    inside = p.support.check(at)
    result = torch.full(inside.shape, -math.inf, dtype=x.dtype)
    result[inside] = p.log_prob(at[inside]).to(x.dtype)
    return result.to(x.device)


def optimal_logit(p: Distribution, q: Distribution, x: Tensor) -> Tensor:
    """log p(x) - log q(x), the logit of D*(x), as ``log_density``; NaN where both p and q are 0."""
    return log_density(p, x) - log_density(q, x)


def optimal_discriminator(p: Distribution, q: Distribution, x: Tensor) -> Tensor:
    """D*(x) = p(x) / (p(x) + q(x)), the best answer to a fixed G (Goodfellow 2014, eq. 2).

    In [0, 1]; NaN where both densities are 0, as D* is free there. Shapes as ``log_density``.
    """
    return torch.sigmoid(optimal_logit(p, q, x))


def quantile(p: Distribution, u: Tensor) -> Tensor:
    """The x at which p's cumulative distribution reaches u, for levels u in (0, 1), float64.

    By ``p.icdf``; where p has only a ``cdf``, by SciPy's root finder. Raises ``GancourseError``
    where p is not over single numbers.
    """
    _check_scalar(p)
    try:
        return p.icdf(u)
    except NotImplementedError:
        pass

    def missing(x, level):
        return p.cdf(torch.as_tensor(x)).numpy() - level

    bracket = elementwise.bracket_root(missing, -1.0, 1.0, args=(u.numpy(),)).bracket
    return torch.as_tensor(elementwise.find_root(missing, bracket, args=(u.numpy(),)).x)


def mean_over(p: Distribution, f: Callable[[Tensor], Tensor]) -> float:
    """E_p[f(x)] by quadrature on cells of equal probability; f takes x (n,) float64.

    Raises ``GancourseError`` where p has no density over single numbers.
    """
    _check_density(p)
    _check_scalar(p)
    if not isinstance(p, MixtureSameFamily):
        return float(f(quantile(p, LEVELS)).double().mean())
    x = p.component_distribution.icdf(LEVELS[:, None])  # (CELLS, components)
    values = f(x.flatten()).double().reshape(x.shape)
    return float((values.mean(0) * p.mixture_distribution.probs).sum())


def game_value(p: Distribution, q: Distribution, d: Callable[[Tensor], Tensor]) -> float:
    """V(D, G) = E_p[log D(x)] + E_q[log(1 - D(x))] (Goodfellow 2014, eq. 1), q being G's density.

    ``d`` maps x (n,) float64 to the *logit* of D, as the networks here do: its logarithms do not
    overflow. For D* that is ``lambda x: optimal_logit(p, q, x)``. In nats, error at most 1e-4.
    """
    on_real = mean_over(p, lambda x: -F.softplus(-d(x)))
    return on_real + mean_over(q, lambda x: -F.softplus(d(x)))


def jensen_shannon(p: Distribution, q: Distribution) -> float:
    """JSD(p, q) = ½ KL(p | m) + ½ KL(q | m) with m = (p + q)/2: 0 to log 2 nats, error ≤ 1e-4."""

    def divergence(a: Distribution, b: Distribution) -> float:  # log a/m = log 2 - log(1 + b/a)
        return mean_over(a, lambda x: math.log(2) - F.softplus(optimal_logit(b, a, x)))

    return 0.5 * divergence(p, q) + 0.5 * divergence(q, p)


def wasserstein1(x: Tensor | Distribution, y: Tensor | Distribution) -> float:
    """W1 = ∫ |F_x⁻¹(u) - F_y⁻¹(u)| du = ∫ |F_x - F_y| dx: how far mass has to travel on the line.

    Each is a sample (n,), of any size, for which the value is exact, or a distribution over
    numbers, which stands as its ``CELLS`` quantiles. In the unit of x. Needs no density. Raises
    ``GancourseError`` for samples of another shape.
    """
    return float(wasserstein_distance(_sample(x), _sample(y)))


def _sample(x: Tensor | Distribution) -> np.ndarray:
    """x itself or its ``CELLS`` quantiles."""
    if isinstance(x, Distribution):
        x = quantile(x, LEVELS)
    if x.dim() != 1:  # of two (n, 1), SciPy would say 0
        raise GancourseError(f"wasserstein1 takes samples of shape (n,), not {tuple(x.shape)}.")
    return x.detach().cpu().double().numpy()


def modes_found(samples: Tensor, centres: Tensor, radius: float, share: float = 0.02) -> int:
    """How many centres (m, d) have at least ``share`` of the samples (n, d) within ``radius``.

    Of 8 equally frequent modes each should have 0.125; below 0.02 a mode counts as lost.
    """
    near = torch.cdist(samples, centres.to(samples)) <= radius
    return int((near.cpu().double().mean(0) >= share).sum())


def _check_scalar(p: Distribution) -> None:
    if p.batch_shape or p.event_shape:
        raise GancourseError(
            f"One torch distribution over single numbers is needed here, not {type(p).__name__} "
            f"with batch {tuple(p.batch_shape)}, event {tuple(p.event_shape)}. "
            f"Valid is Normal(0., 1.), say, or one of theory.NAMED: {', '.join(NAMED)}."
        )


def _check_density(p: Distribution) -> None:
    if p.support.is_discrete:
        raise GancourseError(
            f"{type(p).__name__} has no density, and one density is needed here. Valid are single "
            "continuous torch distributions with log_prob, such as theory.NAMED "
            f"({', '.join(NAMED)}); for samples or point masses take wasserstein1 or losses.mmd2, "
            "which need none."
        )
