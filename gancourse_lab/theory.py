"""Densities where the truth is known: the optimal discriminator, the game's value, W1, the ring.

Everything here takes ``torch.distributions`` objects. A mean over p is taken on a grid whose cells
hold *equal probability*: the midpoints (i + ½)/CELLS of the levels, sent through p's quantile
function, each with weight 1/CELLS (a mixture component by component). Unlike a grid of equal steps
it needs no bounds, follows heavy tails, and a jump of p costs nothing; a jump of the integrand
costs at most its height/CELLS. Tests hold the error below 1e-4.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import (
    Categorical,
    Cauchy,
    Distribution,
    Exponential,
    Independent,
    Laplace,
    MixtureSameFamily,
    Normal,
    Uniform,
)
from torch.nn import functional as F

from gancourse.errors import GancourseError

CELLS = 40_000


def _mixture(weights, means, spreads) -> MixtureSameFamily:
    weights, means, spreads = (
        torch.tensor(v, dtype=torch.float64) for v in (weights, means, spreads)
    )
    return MixtureSameFamily(Categorical(weights), Normal(means, spreads), validate_args=False)


def _named(kind: type[Distribution], *parameters: float) -> Distribution:
    values = (torch.tensor(v, dtype=torch.float64) for v in parameters)
    return kind(*values, validate_args=False)  # log_prob is -inf outside, instead of an error


NAMED: dict[str, Distribution] = {
    "normal": _named(Normal, 0.0, 1.0),
    "uniform": _named(Uniform, -2.0, 2.0),
    "exponential": _named(Exponential, 1.0),
    "Laplace": _named(Laplace, 0.0, 1.0),
    "Cauchy": _named(Cauchy, 0.0, 0.5),
    "two humps": _mixture([0.35, 0.65], [-1.5, 1.0], [0.35, 0.6]),
}


def ring(modes: int = 8, radius: float = 2.0, spread: float = 0.05) -> MixtureSameFamily:
    """``modes`` round Gaussians of standard deviation ``spread``, evenly on a circle in the plane.

    The usual test for mode collapse (Metz 2017, section 3.1). The centres (modes, 2) are its
    ``component_distribution.mean``.
    """
    if modes < 1 or radius < 0 or spread <= 0:
        raise GancourseError(
            "A ring needs at least one mode, a radius of at least 0 and a spread above 0, "
            f"not modes={modes}, radius={radius}, spread={spread}."
        )
    angle = 2 * math.pi * torch.arange(modes) / modes
    centres = radius * torch.stack([angle.cos(), angle.sin()], dim=1)
    spots = Independent(Normal(centres, torch.full_like(centres, spread)), 1)
    return MixtureSameFamily(Categorical(torch.ones(modes)), spots)


def log_density(p: Distribution, x: Tensor) -> Tensor:
    """log p(x), -inf outside p's support: x (…,) for a p over numbers, (…, d) for one over vectors.

    Raises ``GancourseError`` where p has no density: p discrete, without ``log_prob``, a batch of
    distributions, or x of another dimension than p. x may be on any device: it is computed where
    p's parameters are, and the result is on x's.
    """
    _check_density(p)
    if x.shape[x.dim() - len(p.event_shape) :] != p.event_shape:
        raise GancourseError(
            f"{_name(p)} is over shape {tuple(p.event_shape)}, x has shape {tuple(x.shape)}: "
            "the last dimensions must agree."
        )
    at = x.to(_where(p))
    inside = p.support.check(at)
    result = torch.full(inside.shape, -math.inf, dtype=x.dtype, device=at.device)
    result[inside] = p.log_prob(at[inside]).to(x.dtype)
    return result.to(x.device)


def _where(p: Distribution) -> torch.device:
    """The device of p's parameters; the CPU for a distribution without any."""
    parts = vars(p).values()
    for tensor in (part for part in parts if torch.is_tensor(part)):
        return tensor.device
    for inner in (part for part in parts if isinstance(part, Distribution)):
        return _where(inner)
    return torch.device("cpu")


def optimal_logit(p: Distribution, q: Distribution, x: Tensor) -> Tensor:
    """log p(x) - log q(x), the logit of D*(x); NaN where both densities are 0, as D* is free there.

    Shapes and errors as for ``log_density``.
    """
    return log_density(p, x) - log_density(q, x)


def optimal_discriminator(p: Distribution, q: Distribution, x: Tensor) -> Tensor:
    """D*(x) = p(x) / (p(x) + q(x)), the best answer to a fixed G (Goodfellow 2014, eq. 2).

    In [0, 1]; NaN where both densities are 0. Shapes and errors as for ``log_density``.
    """
    return torch.sigmoid(optimal_logit(p, q, x))


def quantile(p: Distribution, u: Tensor) -> Tensor:
    """The x at which p's cumulative distribution reaches u, for levels u in (0, 1).

    By ``p.icdf``, or where p has only a ``cdf`` by bisection to float64's last digits. Raises
    ``GancourseError`` where p is not over single numbers, or has neither.
    """
    _check_scalar(p)
    if not bool(((u > 0) & (u < 1)).all()):
        raise GancourseError("A level u of a quantile must lie strictly between 0 and 1.")
    try:
        return p.icdf(u)
    except NotImplementedError:
        pass
    try:
        return _bisect(p, u)
    except NotImplementedError:
        raise GancourseError(
            f"{_name(p)} has neither icdf nor cdf, so its quantiles cannot be computed. Valid are "
            f"Normal, Uniform, … or densities.NAMED ({', '.join(NAMED)}); or draw samples of it."
        ) from None


def _bisect(p: Distribution, u: Tensor) -> Tensor:
    bound = 1.0
    while bool((p.cdf(u.new_tensor(-bound)) > u).any() | (p.cdf(u.new_tensor(bound)) < u).any()):
        bound *= 2
    low, high = torch.full_like(u, -bound), torch.full_like(u, bound)
    for _ in range(60):
        middle = (low + high) / 2
        below = p.cdf(middle) < u
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


def mean_over(p: Distribution, f: Callable[[Tensor], Tensor], cells: int = CELLS) -> float:
    """E_p[f(x)] by quadrature on cells of equal probability; f takes x (cells,) float64.

    Raises ``GancourseError`` where p has no density over single numbers.
    """
    _check_density(p)
    _check_scalar(p)
    levels = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells
    if not isinstance(p, MixtureSameFamily):
        return float(f(quantile(p, levels)).double().mean())
    parts = p.component_distribution
    x = parts.icdf(levels[:, None])  # (cells, components)
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
    """JSD(p, q) = ½ KL(p | m) + ½ KL(q | m) with m = (p + q)/2: 0 to log 2 nats, error ≤ 1e-4.

    Raises ``GancourseError`` where either has no density over single numbers.
    """

    def divergence(a: Distribution, b: Distribution) -> float:  # log a/m = log 2 - log(1 + b/a)
        return mean_over(a, lambda x: math.log(2) - F.softplus(optimal_logit(b, a, x)))

    return 0.5 * divergence(p, q) + 0.5 * divergence(q, p)


def wasserstein1(x: Tensor | Distribution, y: Tensor | Distribution) -> float:
    """W1 = ∫ |F_x⁻¹(u) - F_y⁻¹(u)| du = ∫ |F_x - F_y| dx: how far mass has to travel on the line.

    Each is a sample (n,), of any size, for which the value is exact, or a distribution over
    numbers, which stands as its ``CELLS`` quantiles. In the unit of x. Needs no density.
    """
    levels = (torch.arange(CELLS, dtype=torch.float64) + 0.5) / CELLS
    x, y = (  # on the CPU: MPS has no float64
        quantile(v, levels.to(_where(v))).cpu() if isinstance(v, Distribution) else v.cpu().double()
        for v in (x, y)
    )
    for sample in (x, y):
        if sample.dim() != 1 or not len(sample) or not bool(sample.isfinite().all()):
            raise GancourseError(
                "wasserstein1 takes samples of shape (n,) with n ≥ 1 and finite numbers, or "
                f"distributions over numbers, not a sample of shape {tuple(sample.shape)}."
            )
    x, y = x.sort().values, y.sort().values
    both = torch.cat([x, y]).sort().values
    below_x = torch.searchsorted(x, both[:-1], right=True).double() / len(x)
    below_y = torch.searchsorted(y, both[:-1], right=True).double() / len(y)
    return float((both.diff() * (below_x - below_y).abs()).sum())


def modes_found(samples: Tensor, centres: Tensor, radius: float, share: float = 0.02) -> int:
    """How many centres (m, d) have at least ``share`` of the samples (n, d) within ``radius``.

    Of 8 equally frequent modes each should have 0.125; below 0.02 a mode counts as lost.
    """
    if samples.dim() != 2 or centres.dim() != 2 or samples.shape[1] != centres.shape[1]:
        raise GancourseError(
            "modes_found takes samples (n, d) and centres (m, d) of one d, not "
            f"{tuple(samples.shape)} and {tuple(centres.shape)}."
        )
    near = torch.cdist(samples, centres.to(samples)) <= radius
    return int((near.cpu().double().mean(0) >= share).sum())


def _name(p: object) -> str:
    return type(p).__name__


def _check_scalar(p: Distribution) -> None:
    if not isinstance(p, Distribution) or p.batch_shape or p.event_shape:
        shapes = f" with batch {tuple(p.batch_shape)}, event {tuple(p.event_shape)}" * isinstance(
            p, Distribution
        )
        raise GancourseError(
            f"One torch distribution over single numbers is needed here, not {_name(p)}{shapes}. "
            f"Valid is Normal(0., 1.), say, or one of densities.NAMED: {', '.join(NAMED)}."
        )


def _check_density(p: Distribution) -> None:
    """Raise unless p is a single distribution with a density."""
    try:
        continuous = not p.support.is_discrete and type(p).log_prob is not Distribution.log_prob
    except (AttributeError, NotImplementedError):
        continuous = False
    if not continuous or p.batch_shape:
        why = f"is a batch of shape {tuple(p.batch_shape)}" if continuous else "has no density"
        raise GancourseError(
            f"{_name(p)} {why}, and one density is needed here. Valid are single continuous "
            f"torch distributions with log_prob, such as densities.NAMED ({', '.join(NAMED)}); "
            "for samples or point masses take wasserstein1 or losses.mmd2, which need none."
        )
