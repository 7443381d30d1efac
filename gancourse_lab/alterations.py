"""Altered, mixed and repeated sets, and what scores make of them (chapter 08)."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gancourse import records
from gancourse.errors import GancourseError, unknown
from gancourse.metrics.distances import frechet, kid, precision_recall
from gancourse_lab.uncertainty import STATISTICS, half_samples, permutation_test

SIZES = (10, 20, 40, 70, 100, 130, 200, 300, 500, 700, 1000)  # pictures a side
SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
LEVELS: dict[str, tuple] = {  # kinds of alteration, each with its degrees
    "resize": ("nearest", "bilinear", "bicubic", "bilinear aa", "bicubic aa"),
    "jpeg": (75, 50, 25, 10),
    "blur": (0.5, 1, 2, 4),
    "noise": (8, 16, 32),
    "mirror": ("left-right",),
}


def alter(images: Tensor, kind: str, level) -> Tensor:
    """``images`` (N, 3, H, W) uint8 altered: one ``kind`` of ``LEVELS``, or "none", to a ``level``.

    "resize": shrunk to 64 × 64 by a method, "aa" with antialiasing, as PIL does; "jpeg": saved at
    a quality of 1..95 and read again; "blur" and "noise": standard deviation in pixels and in grey
    levels of 255, noise from a fixed seed; "mirror" has no degrees.
    """
    if kind not in (*LEVELS, "none"):
        raise unknown("alteration", kind, (*LEVELS, "none"))
    x = images.float()
    if kind == "resize":
        mode, _, smooth = level.partition(" ")
        options = {} if mode == "nearest" else {"antialias": smooth == "aa", "align_corners": False}
        x = F.interpolate(x, size=64, mode=mode, **options)
    elif kind == "jpeg":
        x = torch.stack([_through_jpeg(image, level) for image in images])
    elif kind == "blur":
        reach = int(3 * level + 0.5)
        at = torch.arange(-reach, reach + 1) / level
        weights = torch.softmax(-at.square() / 2, 0).expand(images.shape[1], 1, 1, -1)
        x = F.pad(x, [reach] * 4, mode="reflect")
        for w in (weights, weights.mT):
            x = F.conv2d(x, w, groups=images.shape[1])
    elif kind == "noise":
        x = x + level * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    elif kind == "mirror":
        x = images.flip(3)
    return x.round().clamp(0, 255).to(torch.uint8)


def _through_jpeg(image: Tensor, quality: int) -> Tensor:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(file, formats=["JPEG"]))).permute(2, 0, 1)


def scores(fake: Tensor, real: Tensor, features: str) -> dict:
    """Of features (n, d), (m, d): Fréchet distance, [KID×10³, low, high], precision and recall.

    ``features``, an ``Extractor.name``, says what the two distances are called, as in a record.
    """
    of_kid, of_frechet = records.metric_names(features)
    found = {of_frechet: frechet(fake, real), of_kid: [1e3 * value for value in kid(fake, real)]}
    return found | dict(zip(("precision", "recall"), precision_recall(real, fake), strict=True))


def split(pool: Tensor, stream: torch.Generator) -> Callable:
    """n → two random sets of n rows of ``pool`` with no row in common: real against real."""

    def draw(n: int):
        order = torch.randperm(len(pool), generator=stream)
        return pool[order[:n]], pool[order[n : 2 * n]]

    return draw


def some_of(first: Tensor, second: Tensor, stream: torch.Generator) -> Callable:
    """(n, m=n) → n random rows of ``first`` and m of ``second``."""

    def draw(n: int, m: int | None = None):
        pairs = ((first, n), (second, n if m is None else m))
        return [x[torch.randperm(len(x), generator=stream)[:count]] for x, count in pairs]

    return draw


def over_sizes(draw: Callable, most: int, repeats: int) -> dict:
    """Fréchet distance and KID×10³ of ``draw(n)``, ``repeats`` times, for the SIZES up to ``most``.

    {"n": sizes, "FD": [[…], …], "KID": [[…], …]}, one row a size.
    """
    sizes = [n for n in SIZES if n <= most]
    pairs = [[draw(n) for _ in range(repeats)] for n in sizes]
    return {
        "n": sizes,
        "FD": [[frechet(*pair) for pair in row] for row in pairs],
        "KID": [[1e3 * kid(*pair).value for pair in row] for row in pairs],
    }


def power_curve(
    base: Tensor, strangers: Tensor, n: int, draws: int, shuffles: int, stream: torch.Generator
) -> dict:
    """How often n against n rows of ``base`` show that a share of one side was replaced.

    At each of SHARES: the part of ``draws`` in which a permutation test of KID, and one of the
    Fréchet distance, says so at 0.05, and the "mean" KID×10³.
    """
    if len(base) < 2 * n or len(strangers) < max(SHARES) * n or draws < 1:
        raise GancourseError(
            f"Two sides of {n} need {2 * n} rows, {round(max(SHARES) * n)} strangers and a draw; "
            f"there are {len(base)}, {len(strangers)} and {draws}."
        )
    found = {"n": n, "draws": draws, "share": list(SHARES), "KID": [], "Fréchet": [], "mean": []}
    for share in SHARES:
        count, tests = round(share * n), []
        for _ in range(draws):
            one, two = split(base, stream)(n)
            some = torch.randperm(len(strangers), generator=stream)[:count]
            sides = one, torch.cat([strangers[some], two[count:]])
            tests.append([permutation_test(*sides, shuffles, stream, s) for s in STATISTICS])
        p, values = np.array(tests).transpose(2, 1, 0)  # (kid, frechet) × draws
        for name, of in zip(("KID", "Fréchet"), p, strict=True):
            found[name].append(float((of <= 0.05).mean()))
        found["mean"].append(1e3 * float(values[0].mean()))
    return found


def new_samples(first: Tensor, second: Tensor, sizes, draws: int, stream) -> dict:
    """Spread of each score over ``draws`` new pairs of ``sizes`` rows, and as one pair guesses it.

    The scores: "Fréchet", "KID" (times 10³), "precision", "recall".
    ``moved``: by how much a bootstrap's mean lies above the score of its own pair.
    """
    pairs = [some_of(first, second, stream)(*sizes) for _ in range(draws)]
    ways = {
        "Fréchet": frechet,
        "KID": lambda a, b: 1e3 * kid(a, b).value,
        "precision": lambda a, b: precision_recall(b, a)[0],
        "recall": lambda a, b: precision_recall(b, a)[1],
    }
    found = {}
    for name, score in ways.items():
        values = np.array([score(*pair) for pair in pairs])
        guesses = [half_samples(score, *pair, draws=40) for pair in pairs[:10]]
        halves = float(np.mean([(g.high - g.value) / 1.96 for g in guesses]))
        again = [[score(*_resampled(pair, stream)) for _ in range(40)] for pair in pairs[:10]]
        moved = float(np.mean([np.mean(a) - v for a, v in zip(again, values, strict=False)]))
        found[name] = {
            "mean": float(values.mean()),
            "s": float(values.std(ddof=1)),
            "halves": halves,
            "bootstrap": float(np.std(again, axis=1, ddof=1).mean()),
            "moved": moved,
        }
    return {"draws": draws, "sizes": list(sizes), "scores": found}


def _resampled(pair, stream):
    return [x[torch.randint(len(x), (len(x),), generator=stream)] for x in pair]
