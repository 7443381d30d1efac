"""Distances between two sets of features: Fréchet (FID), kernel (KID), precision and recall.

Everything is computed in float64 on the CPU, without SciPy: ``scipy.linalg.sqrtm`` fails below
2048 images ("imaginary component"), is slow, and its ``disp`` argument is being removed.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from gancourse.errors import GancourseError

CHUNK_BYTES = 2**28  # working memory of one block of a kernel or distance matrix


class Interval(NamedTuple):
    """An estimate with its confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def interval(value: float, variance: float) -> Interval:
    """``value`` ± 1.96 standard deviations."""
    half = 1.96 * variance**0.5
    return Interval(value, value - half, value + half)


def frechet(a: torch.Tensor, b: torch.Tensor) -> float:
    """Fréchet distance of Gaussians fitted to features ``a`` (n, d) and ``b`` (m, d); n, m ≥ 2.

    ‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr√(Σ₁Σ₂), and tr√(Σ₁Σ₂) = ‖A Bᵀ‖_* (sum of singular values)
    for any AᵀA = Σ₁, BᵀB = Σ₂. Where n < d, A is the centred features / √(n − 1), so nothing of
    size d × d is formed; otherwise it comes from Σ by eigh. On Inception features it is the FID.
    """
    a, b = pair(a, b)
    (mu1, root1), (mu2, root2) = _root(a), _root(b)
    return _distance(mu1, root1, mu2, root2)


def frechet_from_stats(mu1, cov1, mu2, cov2) -> float:
    """As ``frechet``, from means (d,) and covariances (d, d), such as published ``.npz`` files."""
    mu1, cov1, mu2, cov2 = (torch.as_tensor(x).double() for x in (mu1, cov1, mu2, cov2))
    d = mu1.numel()
    shapes = [tuple(x.shape) for x in (mu1, cov1, mu2, cov2)]
    if shapes != [(d,), (d, d)] * 2:
        raise GancourseError(f"Means (d,) and covariances (d, d) must agree; got {shapes}.")
    return _distance(mu1, _root_of(cov1), mu2, _root_of(cov2))


def stats(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (d,) and unbiased covariance (d, d) of ``features`` (n, d), n ≥ 2, in float64."""
    features = _features(features).double()
    mu = features.mean(0)
    centred = features - mu
    return mu, centred.T @ centred / (len(features) - 1)


def _root(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and a matrix R (min(n, d), d) with RᵀR = Σ."""
    n, d = features.shape
    if n < d:
        features = features.double()
        mu = features.mean(0)
        return mu, (features - mu) / (n - 1) ** 0.5
    mu, cov = stats(features)
    return mu, _root_of(cov)


def _root_of(cov: torch.Tensor) -> torch.Tensor:
    if not torch.allclose(cov, cov.T, rtol=1e-5, atol=1e-8):  # NaN is not close to itself
        raise GancourseError("A covariance must be finite and symmetric; this one is not.")
    values, vectors = torch.linalg.eigh(cov)
    if values[0] < -1e-5 * values[-1].abs().clamp(min=1e-12):
        raise GancourseError(f"A covariance has no negative eigenvalue; this has {values[0]:.3g}.")
    return vectors.T * values.clamp(min=0).sqrt()[:, None]


def _distance(mu1, root1, mu2, root2) -> float:
    cross = torch.linalg.svdvals(root1 @ root2.T).sum()
    trace = root1.square().sum() + root2.square().sum()
    value = float((mu1 - mu2).square().sum() + trace - 2 * cross)
    return max(value, 0.0)  # of equal sets rounding may leave −1e-12


def kid(a: torch.Tensor, b: torch.Tensor) -> Interval:
    """Kernel distance (Bińkowski et al. 2018) of features (n, d) and (m, d), 95 % interval.

    The unbiased MMD² with k(x, y) = (xᵀy/d + 1)³, over all pairs: it may be negative, and is 0 on
    average for two samples of one distribution. The interval is the jackknife's, from row sums of
    the kernel: too wide near 0, too narrow for a few dozen rows with heavy tails, infinite for two
    rows. Papers print KID × 10³, the mean over random subsets.
    """
    a, b = pair(a, b)
    n, m = len(a), len(b)
    aa, bb = _kernel_sums(a, a)[0], _kernel_sums(b, b)[0]  # k(x, x) left out
    ab, ba = _kernel_sums(a, b, diagonal=True)
    total_a, total_b, cross = aa.sum() / (n * (n - 1)), bb.sum() / (m * (m - 1)), ab.sum()
    value = float(total_a + total_b - 2 * cross / (n * m))
    if min(n, m) < 3:
        return interval(value, float("inf"))
    # MMD² without row i of a, and without row j of b
    less_a = (aa.sum() - 2 * aa) / ((n - 1) * (n - 2)) + total_b - 2 * (cross - ab) / ((n - 1) * m)
    less_b = (bb.sum() - 2 * bb) / ((m - 1) * (m - 2)) + total_a - 2 * (cross - ba) / (n * (m - 1))
    variance = less_a.var(correction=0) * (n - 1) + less_b.var(correction=0) * (m - 1)
    return interval(value, float(variance))


def _kernel_sums(a, b, diagonal: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Row and column sums of k(a, b) in blocks, without the diagonal unless asked for."""
    rows = torch.zeros(len(a), dtype=torch.float64)
    columns = torch.zeros(len(b), dtype=torch.float64)
    step = max(1, int((CHUNK_BYTES / 16) ** 0.5))
    for i in range(0, len(a), step):
        left = a[i : i + step].double()
        for j in range(0, len(b), step):
            block = (left @ b[j : j + step].double().T / a.shape[1] + 1) ** 3
            if i == j and not diagonal:
                block.fill_diagonal_(0)
            rows[i : i + step] += block.sum(1)
            columns[j : j + step] += block.sum(0)
    return rows, columns


def precision_recall(real: torch.Tensor, fake: torch.Tensor, k: int = 3) -> tuple[float, float]:
    """Improved precision and recall (Kynkäänniemi et al. 2019), both in [0, 1].

    Precision: the share of ``fake`` rows within the ball of some ``real`` row, whose radius is
    the distance to its ``k``-th nearest other real row. Recall: the same with sides exchanged.
    """
    real, fake = pair(real, fake)
    if not 1 <= k < min(len(real), len(fake)):
        raise GancourseError(
            f"Precision and recall with k={k} need more than k rows on either side; "
            f"got {len(real)} and {len(fake)}."
        )
    return _inside(fake, real, k), _inside(real, fake, k)


def _inside(points: torch.Tensor, centres: torch.Tensor, k: int) -> float:
    """The share of ``points`` within the ball of some row of ``centres``."""
    points, centres = points.double(), centres.double()
    step = max(1, CHUNK_BYTES // (32 * len(centres)))
    reach = torch.cat(
        [torch.cdist(part, centres).kthvalue(k + 1).values for part in centres.split(step)]
    )  # k + 1: the nearest row is the row itself
    reach += 1e-7 * centres.norm(dim=1).max()  # what rounding may leave between equal rows
    hits = [(torch.cdist(part, centres) <= reach).any(1) for part in points.split(step)]
    return float(torch.cat(hits).double().mean())


def pair(a, b) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (n, d) and (m, d) on the CPU; raises ``GancourseError`` for what is none."""
    a, b = _features(a), _features(b)
    if a.shape[1] != b.shape[1]:
        raise GancourseError(
            f"Features of {a.shape[1]} and {b.shape[1]} dimensions: from two different extractors? "
            "Take both from the same one."
        )
    return a, b


def _features(x) -> torch.Tensor:
    x = torch.as_tensor(x).detach().cpu()
    if x.ndim != 2 or len(x) < 2 or x.shape[1] < 1:
        raise GancourseError(
            f"A distance between sets needs features (n, d) with n ≥ 2; got {tuple(x.shape)}."
        )
    finite = x.isfinite().all(1)
    if not finite.all():
        raise GancourseError(
            f"{int((~finite).sum())} of {len(x)} feature rows hold NaN or infinity: finite numbers "
            "are needed. Look at the images and at the extractor; leaving the rows out would hide "
            "the fault."
        )
    if (x - x[0]).abs().max() <= 1e-6 * x[0].abs().max():  # rounding differs between batches
        raise GancourseError(
            f"All {len(x)} feature rows are equal: a distance between sets needs images that "
            "differ. Is it one image many times, a generator that ignores its input, or a broken "
            "extractor?"
        )
    return x
