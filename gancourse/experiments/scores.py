"""What scores of sets do: real pictures against real ones, altered ones, mixed ones (chapter 08).

``python -m gancourse.experiments.scores FOLDER`` measures horse2zebra with all of its pictures and
writes the record that chapter 08 shows beside what it computes itself.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .. import data, records
from .. import device as devices
from ..errors import GancourseError, unknown
from ..evaluation.distances import frechet, kid, precision_recall
from ..evaluation.spread import STATISTICS, half_samples, permutation_test

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
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)


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
            **{"mean": float(values.mean()), "s": float(values.std(ddof=1)), "halves": halves},
            **{"bootstrap": float(np.std(again, axis=1, ddof=1).mean()), "moved": moved},
        }
    return {"draws": draws, "sizes": list(sizes), "scores": found}


def _resampled(pair, stream):
    return [x[torch.randint(len(x), (len(x),), generator=stream)] for x in pair]


def features_in_parts(extract, images: Tensor) -> Tensor:
    """Features, cached by parts of 100 pictures, so that an interruption costs little."""
    return torch.cat([extract.cached(part, progress=True) for part in images.split(100)])


def distinct(images: Tensor, seen: Tensor) -> list[int]:
    """Which of ``images`` are no copies of an earlier one or of one in ``seen``."""
    known, keep = {x.numpy().tobytes() for x in seen}, []
    for i, x in enumerate(images):
        key = x.numpy().tobytes()
        if key not in known:
            keep.append(i)
        known.add(key)
    return keep


def measure(
    out: str | Path, *, size: int = 256, repeats: int = 10, draws: int = 200, source: str = "real"
) -> Path:
    """Measure horse2zebra's pictures at ``size`` px and write the record to ``out``.

    Raises ``GancourseError`` where the pictures are missing. About 5,000 pictures go through the
    feature network: ten minutes of one CPU core, once, then they come from the cache.
    """
    from ..evaluation.features import extractor

    begun, stream = time.monotonic(), torch.Generator().manual_seed(0)
    extract = extractor("auto" if source == "real" else "stand-in")
    (test_a, old_a, new_a), (test_b, old_b, new_b) = (
        _pictures(part, size, source, extract) for part in "AB"
    )
    all_a, all_b = torch.cat([old_a, new_a]), torch.cat([old_b, new_b])
    both, n = torch.cat([all_a, all_b]), min(140, len(old_b), len(new_b) // 2)
    changed = {"none": old_b}
    for kind, levels in LEVELS.items():
        for v in levels:
            changed[f"{kind} {v}"] = features_in_parts(extract, alter(test_b.images, kind, v))
    by_pil = [features_in_parts(extract, _enlarged(x.images)) for x in (test_a, test_b)]
    content = {
        **{"model": "measurement", "experiment": "evaluation", "run": "horse2zebra"},
        **{"commit": records.commit(), "features": extract.name},
        "settings": {"size": size, "repeats": repeats, "draws": draws, "seed": 0},
        "device": devices.describe(extract.device),
        "data": _counts(test_a, all_a, all_b, len(old_b), len(new_b)),
        "bias": {
            "horses and zebras": over_sizes(split(both, stream), len(both) // 2, repeats),
            "zebras": over_sizes(split(all_b, stream), len(all_b) // 2, repeats),
            "horses to zebras": over_sizes(
                some_of(all_a, all_b, stream), min(len(all_a), len(all_b)), repeats
            ),
        },
        "altered": {name: scores(x, new_b, extract.name) for name, x in changed.items()},
        "enlarged by": {
            "bilinear": scores(old_a, old_b, extract.name),
            "PIL bicubic": scores(*by_pil, extract.name),
        },
        "new samples": new_samples(all_a, all_b, (min(120, len(old_a)), n), draws, stream),
        "power": {
            "horses": power_curve(all_b, all_a, n, draws // 3, 39, stream),
            "blurred zebras": power_curve(new_b, changed["blur 2"], n, draws // 3, 39, stream),
        },
        "minutes": round((time.monotonic() - begun) / 60, 1),
    }
    return records.save(out, records.rounded(content))


def _pictures(part: str, size: int, source: str, extract):
    """The test set of a domain, its features, and those of the training pictures, no copies."""
    options = {"part": part, "size": size, "source": source}
    test, train = (data.load("horse2zebra", split=s, **options) for s in ("test", "train"))
    old, new = (features_in_parts(extract, x.images) for x in (test, train))
    return test, old, new[distinct(train.images, test.images)]


def _counts(some, all_a, all_b, altered: int, others: int) -> dict:
    caption = (
        f"{len(all_a)} horses and {len(all_b)} zebras, all {some.source} horse2zebra without "
        f"copies, {some.images.shape[-1]} px"
    )
    return {"caption": caption, "source": some.source, "altered": altered, "others": others}


def _enlarged(images: Tensor) -> Tensor:
    """To the network's 299 px by PIL's bicubic, as clean-fid does; the network then leaves them."""
    from PIL import Image

    large = [
        np.array(Image.fromarray(x).resize((299, 299), Image.Resampling.BICUBIC))
        for x in images.permute(0, 2, 3, 1).numpy()
    ]
    return torch.from_numpy(np.stack(large)).permute(0, 3, 1, 2)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m gancourse.experiments.scores FOLDER")
    print(measure(sys.argv[1]))
