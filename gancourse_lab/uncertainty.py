"""How sure a score of two sets is: intervals without repeated rows, and a permutation test.

Not the bootstrap: it repeats rows, and repeated rows move every score of this room. Copies are
nearest neighbours at distance 0, and fewer different rows mean a larger Fréchet distance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from gancourse.errors import GancourseError, unknown
from gancourse.metrics.distances import Interval, interval, pair


def jackknife(statistic: Callable, a: torch.Tensor, b: torch.Tensor) -> Interval:
    """``statistic(a, b)`` with a 95 % interval from leaving out each row of ``a`` and ``b`` once.

    s² = Σ over both sides of (n − 1)/n · Σᵢ (θ₋ᵢ − θ̄)² (Efron 1982, chapter 3), value ± 1.96 s.
    Exact for means; right for smooth statistics such as ``frechet``; wrong for precision and
    recall, which jump: use ``half_samples``. Calls ``statistic`` n + m + 1 times. n, m ≥ 3.
    """
    a, b = pair(a, b)
    if min(len(a), len(b)) < 3:
        raise GancourseError(f"The jackknife needs 3 rows or more a side; {len(a)} and {len(b)}.")
    variance = 0.0
    for side in (a, b):
        n, left = len(side), []
        for i in range(n):
            rest = side[torch.arange(n) != i]
            left.append(float(statistic(rest, b) if side is a else statistic(a, rest)))
        variance += (n - 1) * float(np.var(left))
    return interval(float(statistic(a, b)), variance)


def half_samples(
    statistic: Callable, a: torch.Tensor, b: torch.Tensor, draws: int = 100, seed: int = 0
) -> Interval:
    """``statistic(a, b)`` with a 95 % interval from random halves of both sides, no row twice.

    The spread of a mean over halves drawn without replacement is that of the mean of all: the
    s² of ``draws`` halves stands for the variance (Politis and Romano 1994). Unlike a bootstrap
    it repeats no row, so neither the Fréchet distance nor nearest neighbours see copies. Too wide
    where the two distributions are equal, and for ``frechet`` where n is not far above d (chapter
    08 has numbers). n, m ≥ 6, draws ≥ 2.
    """
    a, b = pair(a, b)
    if min(len(a), len(b)) < 6 or draws < 2:
        raise GancourseError(
            f"Halves need 6 rows or more a side and 2 draws; {len(a)}, {len(b)} and {draws}."
        )
    stream = torch.Generator().manual_seed(seed)

    def half(x):
        return x[torch.randperm(len(x), generator=stream)[: len(x) // 2]]

    values = [float(statistic(half(a), half(b))) for _ in range(draws)]
    return interval(float(statistic(a, b)), float(np.var(values, ddof=1)))


def permutation_test(
    a: torch.Tensor,
    b: torch.Tensor,
    shuffles: int = 199,
    seed: int | torch.Generator = 0,
    statistic: str = "kid",
) -> tuple[float, float]:
    """(p, value): how often rows dealt to two sides at random score as far apart as (a, b) do.

    If ``a`` (n, d) and ``b`` (m, d) are draws of one distribution, p ≤ α with probability at most
    α, at any n and m, and whatever the bias of the statistic: all deals share it (Gretton et al.
    2012, section 8.1). ``statistic``: "kid" or "frechet". The smallest p is 1/(shuffles + 1). One
    matrix of scalar products (n + m, n + m) serves all shuffles. Raises ``UnknownName`` for
    another statistic, ``GancourseError`` for fewer than 19 shuffles, which could not reach 0.05.
    """
    if statistic not in STATISTICS:
        raise unknown("statistic", statistic, STATISTICS)
    if shuffles < 19:
        raise GancourseError(f"{shuffles} shuffles cannot give p = 0.05: take 19 or more.")
    a, b = pair(a, b)
    rows = torch.cat([a, b]).double()
    stream = seed
    if not isinstance(seed, torch.Generator):
        stream = torch.Generator().manual_seed(seed)
    deals = torch.rand(shuffles, len(rows), generator=stream).argsort(1)
    deals = torch.cat([torch.arange(len(rows))[None], deals])  # first the sides as they are
    values = STATISTICS[statistic](rows, len(a), deals)
    as_far = values >= values[0] - 1e-12 * values.abs().max()
    return float(as_far.double().mean()), float(values[0])


def paired_kid_test(
    before: torch.Tensor,
    after: torch.Tensor,
    target: torch.Tensor,
    shuffles: int = 1999,
    seed: int = 0,
) -> tuple[float, float]:
    """(p, change): whether ``after`` lies nearer to ``target`` than ``before`` does, two-sided.

    ``before`` and ``after`` (n, d) are features of the same n pictures, a horse and its zebra, and
    ``target`` (m, d) those of the domain aimed at. ``change`` is KID(after) - KID(before), negative
    for nearer. If a picture and its translation were exchangeable, each pair could be swapped: p is
    the share of random swaps, the pairs as they are included, that change at least as much.
    The pairing makes it far sharper than two intervals compared by eye. Raises ``GancourseError``
    for unequal shapes of the pairs.
    """
    if before.shape != after.shape:
        raise GancourseError(f"Pairs of two shapes: {tuple(before.shape)}, {tuple(after.shape)}.")
    rows, n, d = torch.cat([before, after]).double(), len(before), before.shape[1]
    within = ((rows @ rows.T / d + 1) ** 3).fill_diagonal_(0)
    across = ((rows @ target.double().T / d + 1) ** 3).mean(1)
    stream = torch.Generator().manual_seed(seed)
    swapped = torch.rand(shuffles + 1, n, generator=stream) < 0.5
    swapped[0] = False  # first the pairs as they are
    first = torch.cat([~swapped, swapped], 1).double()  # which of the 2n rows count as before

    def kids(chosen: torch.Tensor) -> torch.Tensor:  # less what depends on the target alone
        return ((chosen @ within) * chosen).sum(1) / (n * (n - 1)) - 2 * chosen @ across / n

    changes = kids(1 - first) - kids(first)
    as_far = changes.abs() >= changes[0].abs() * (1 - 1e-9)
    return float(as_far.double().mean()), float(changes[0])


def _kids(rows: torch.Tensor, n: int, deals: torch.Tensor) -> torch.Tensor:
    """KID between the first n rows and the others, for each order of the rows in ``deals``."""
    kernel = ((rows @ rows.T / rows.shape[1] + 1) ** 3).fill_diagonal_(0)  # no k(x, x)
    m = len(rows) - n
    first = torch.zeros(deals.shape, dtype=rows.dtype).scatter_(1, deals[:, :n], 1.0)
    second, to_first = 1 - first, first @ kernel
    within = (to_first * first).sum(1) / (n * (n - 1))
    within += ((second @ kernel) * second).sum(1) / (m * (m - 1))
    return within - 2 * (to_first * second).sum(1) / (n * m)


def _frechets(rows: torch.Tensor, n: int, deals: torch.Tensor) -> torch.Tensor:
    """As ``_kids``, the Fréchet distance: its parts are sums of scalar products."""
    rows, m, found = rows - rows.mean(0), len(rows) - n, []
    products = rows @ rows.T
    for deal in deals:
        g = products[deal][:, deal]
        aa, bb, ab = g[:n, :n], g[n:, n:], g[:n, n:]
        traces = (aa.trace() - n * aa.mean()) / (n - 1) + (bb.trace() - m * bb.mean()) / (m - 1)
        cross = ab - ab.mean(0) - ab.mean(1)[:, None] + ab.mean()  # of centred rows
        nuclear = torch.linalg.svdvals(cross).sum() / ((n - 1) * (m - 1)) ** 0.5
        found.append(aa.mean() + bb.mean() - 2 * ab.mean() + traces - 2 * nuclear)
    return torch.stack(found)


STATISTICS = {"kid": _kids, "frechet": _frechets}
