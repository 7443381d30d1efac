"""Nearest neighbours, and whether generated images lie suspiciously near the training set."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats

from gancourse import device as devices
from gancourse.errors import GancourseError

SPARE = 16  # candidates beyond k: rounding may swap neighbours that are equally far
VALUES = 2**24  # distances of one block of queries, 128 MB in float64
CACHED = 2**19  # numbers of one block of the reference, 4 MB: in larger ones memory is the limit


def knn(query: torch.Tensor, reference: torch.Tensor, k: int, *, device: str = "auto"):
    """The ``k`` nearest ``reference`` rows of every ``query`` row by Euclidean distance.

    Rows (n, …) are flattened. Returns distances float64 (n, k) ascending and indices int64 (n, k),
    ties by lower index, both on the CPU. ``‖q - r‖² = ‖q‖² + ‖r‖² - 2 q·r`` in float64, by matrix
    product: of uint8 pictures every term is a whole number below 2⁵³, so the result is exact. Of
    features the product chooses candidates, and these are measured by differences.
    Raises ``GancourseError`` for rows that do not agree, for k outside 1…m, and for NaN.
    """
    shapes = tuple(query.shape), tuple(reference.shape)
    if len(shapes[0]) < 2 or shapes[0][1:] != shapes[1][1:] or 0 in shapes[0] + shapes[1]:
        raise GancourseError(f"Rows of query and reference must agree; got {shapes}.")
    if not 1 <= k <= len(reference):
        raise GancourseError(f"k={k} nearest of {len(reference)} reference rows.")
    where = devices.pick(device)
    if where.type == "mps":  # has no float64
        where = torch.device("cpu")
    query, reference = query.detach().flatten(1), reference.detach().flatten(1)
    rows = max(1, VALUES // max(len(reference), query.shape[1]))
    found = [_nearest(part, reference, k, where) for part in query.split(rows)]
    distance = torch.cat([part[0] for part in found])
    index = torch.cat([part[1] for part in found])
    return distance.cpu(), index.cpu()


def _nearest(query, reference, k: int, where: torch.device):
    """``knn`` of a block of queries."""
    squared = _squared_distances(query, reference, where)
    if not squared.isfinite().all():
        raise GancourseError("Nearest neighbours of rows with NaN or infinity are undefined.")
    squared, index = squared.sort(dim=1, stable=True)
    if not query.is_floating_point() and not reference.is_floating_point():
        return squared[:, :k].sqrt(), index[:, :k]
    index = index[:, : k + SPARE].sort(dim=1).values  # the stable sort below keeps ties in order
    chosen = reference[index.cpu()].to(where).double()
    difference = query.to(where).double()[:, None] - chosen
    distance, order = torch.linalg.vector_norm(difference, dim=2).sort(dim=1, stable=True)
    return distance[:, :k], index.gather(1, order)[:, :k]


def _squared_distances(query, reference, where: torch.device) -> torch.Tensor:
    """Squared distances float64 (n, m), a block of columns at a time."""
    total = torch.zeros(len(query), len(reference), dtype=torch.float64, device=where)
    columns = max(1, CACHED // len(reference))
    for q, r in zip(query.split(columns, 1), reference.split(columns, 1), strict=True):
        q, r = q.to(where).double(), r.to(where).double()
        total += q.square().sum(1)[:, None] + r.square().sum(1) - 2 * q @ r.T
    return total


@dataclass(frozen=True)
class Copying:
    """How near fakes lie to the training images, against real images that were held out.

    If fakes and held-out images were draws of one distribution, either would be the nearer one
    half of the time. ``auc`` is the estimated probability that the fake is (ties count half),
    ``effect`` = 2 auc − 1 the rank-biserial correlation in [−1, 1], ``p_value`` the one-sided
    Mann–Whitney test of auc > 1/2. A few copies among many fakes move it little, hence
    ``closest``: how many fakes lie nearer than every held-out image, with its exact ``closest_p``.
    """

    fake: torch.Tensor  # (n,) distance of each fake to its nearest training image
    held_out: torch.Tensor  # (m,) the same for each held-out image
    nearest: torch.Tensor  # (n,) which training image that is
    space: str  # "pixels" or the name of the features
    auc: float
    effect: float
    p_value: float
    closest: int
    closest_p: float
    alpha: float

    def pairs(self, count: int = 8) -> list[tuple[int, int, float]]:
        """The most suspicious pairs (fake, training image, distance), nearest first."""
        order = self.fake.argsort(stable=True)[:count].tolist()
        return [(i, int(self.nearest[i]), float(self.fake[i])) for i in order]

    @property
    def detectable(self) -> float:
        """The AUC that samples of this size would flag four times out of five."""
        n, m = len(self.fake), len(self.held_out)
        z = stats.norm.ppf(1 - self.alpha / 2) + stats.norm.ppf(0.8)
        return min(1.0, 0.5 + z * ((n + m + 1) / (12 * n * m)) ** 0.5)

    @property
    def verdict(self) -> str:
        """What the statistic shows and what it leaves open, in words."""
        n, m, said = len(self.fake), len(self.held_out), []
        where = f"in {self.space} ({n} fakes, {m} held-out images)"
        far = 1 - self.p_value < self.alpha / 2  # two tests share alpha
        if self.p_value < self.alpha / 2:
            said.append(
                f"Fakes lie nearer to the training images than held-out images do {where}: "
                f"AUC {self.auc:.2f}, p = {self.p_value:.1g}. Copying does this, and so do fakes "
                "that are merely smoother or less varied: look at the nearest pairs."
            )
        elif self.closest_p >= self.alpha / 2:
            said.append(
                f"The ranks show no copying {where}: AUC {self.auc:.2f}, p = {self.p_value:.2g}. "
                f"They would show an AUC of {self.detectable:.2f} or more; they cannot exclude "
                "single copies, nor copies that these distances do not see."
                + " The fakes lie farther away than real images do."
                * far
            )
        if self.closest:
            said.append(
                f"{self.closest} of {n} fakes are nearer to a training image than any held-out "
                f"image is (p = {self.closest_p:.1g}; the nearest at {float(self.fake.min()):.4g}, "
                f"held-out at {float(self.held_out.min()):.4g}): look at these pairs."
            )
        return " ".join(said)


def copying(
    fake: torch.Tensor,
    train: torch.Tensor,
    held_out: torch.Tensor,
    *,
    features: Callable | None = None,
    flips: str = "h",
    shift: int = 0,
    alpha: float = 0.01,
    seed: int = 0,
    device: str = "auto",
) -> Copying:
    """Whether ``fake`` images lie nearer to ``train`` than real ``held_out`` images do?

    All are uint8 (N, C, H, W) of one size, or features (N, d). Distances are Euclidean over pixel
    values 0…255, or over ``features`` (an ``Extractor``). The nearest one is sought over the
    image and its ``flips`` ("", "h", "v" or "hv"), and over crops ``shift`` pixels off the
    centre in every direction, compared with the centre crop of the training images. Held-out
    images are treated alike, so that the search favours neither side. The p-value is a
    permutation's for fewer than 20 images on either side, else the normal approximation's.
    """
    if min(len(fake), len(train), len(held_out)) < 2:
        raise GancourseError("The copying check needs at least two images on each side.")
    if fake.shape[1:] != train.shape[1:] or held_out.shape[1:] != train.shape[1:]:
        shapes = [tuple(x.shape[1:]) for x in (fake, train, held_out)]
        raise GancourseError(f"Fake, training and held-out images differ in shape: {shapes}.")
    embed = features or (lambda x: x)
    reference = embed(next(_variants(train, "", shift)))

    def nearest(images):
        found = [
            knn(embed(x), reference, 1, device=device) for x in _variants(images, flips, shift)
        ]
        distance, best = torch.stack([d[:, 0] for d, _ in found]).min(0)
        return distance, torch.stack([i[:, 0] for _, i in found]).gather(0, best[None])[0]

    (x, index), (y, _) = nearest(fake), nearest(held_out)
    auc, p_value = mann_whitney(x, y, seed=seed)
    closest = int((x < y.min()).sum())
    closest_p = math.comb(len(x), closest) / math.comb(len(x) + len(y), closest)
    owner = getattr(features, "__self__", features)  # of the method Extractor.cached
    space = getattr(owner, "name", "features" if features or fake.ndim == 2 else "pixels")
    return Copying(x, y, index, space, auc, 2 * auc - 1, p_value, closest, closest_p, alpha)


def mann_whitney(x, y, seed: int = 0) -> tuple[float, float]:
    """P(x < y) + P(x = y)/2 and the one-sided p-value that it exceeds 1/2 (Mann–Whitney U).

    By the normal approximation with continuity correction; with fewer than 20 values on a side by
    9,999 random permutations, ``seed`` their generator's.
    """
    x, y = x.cpu().double().numpy(), y.cpu().double().numpy()  # else SciPy counts in float32
    if (x[:1] == y).all() and (x[:1] == x).all():  # all equal: no ranks
        return 0.5, 1.0
    method = "asymptotic"
    if min(len(x), len(y)) < 20:
        method = stats.PermutationMethod(n_resamples=9999, rng=np.random.default_rng(seed))
    test = stats.mannwhitneyu(y, x, alternative="greater", method=method)
    return float(test.statistic) / (len(x) * len(y)), float(test.pvalue)


def _variants(images, flips: str, shift: int):
    """Flipped and shifted crops of ``images``, the unflipped centre first; features as they are."""
    if images.ndim == 2:
        yield images
        return
    height, width = images.shape[2] - 2 * shift, images.shape[3] - 2 * shift
    if shift < 0 or min(height, width) < 1:
        raise GancourseError(f"A shift of {shift} leaves nothing of {tuple(images.shape[2:])}.")
    if not set(flips) <= set("hv"):
        raise GancourseError(f"flips={flips!r}: use '', 'h', 'v' or 'hv'.")
    offsets = sorted(range(2 * shift + 1), key=lambda o: abs(o - shift))
    axes = [a for n in range(len(flips) + 1) for a in itertools.combinations(flips, n)]
    for axis, top, left in itertools.product(axes, offsets, offsets):
        crop = images[:, :, top : top + height, left : left + width]
        yield crop.flip([{"v": 2, "h": 3}[a] for a in axis]) if axis else crop
