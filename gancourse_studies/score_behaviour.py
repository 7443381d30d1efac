"""What scores of sets do: real pictures against real ones, altered ones, mixed ones (chapter 08).

``python -m gancourse_studies.score_behaviour FOLDER`` measures horse2zebra with all of its pictures
and writes the record that chapter 08 shows beside what it computes itself.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gancourse import data
from gancourse import device as devices
from gancourse_lab.alterations import (
    LEVELS,
    alter,
    new_samples,
    over_sizes,
    power_curve,
    scores,
    some_of,
    split,
)
from gancourse_studies import recording


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
    from gancourse.metrics.features import extractor

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
        "model": "measurement",
        "experiment": "evaluation",
        "run": "horse2zebra",
        "commit": recording.commit(),
        "features": extract.name,
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
    return recording.save(out, recording.rounded(content))


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
        sys.exit("usage: python -m gancourse_studies.score_behaviour FOLDER")
    print(measure(sys.argv[1]))
