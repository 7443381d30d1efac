"""Image sets that are drawn: what ``data.load`` gives whoever has neither data nor network.

The pictures and their truth are those of ``gancourse_standins``, stacked: ``truth["mask"]`` is
(N, 1, H, W), ``truth["pose"]`` (N, k), and so on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import torch

from gancourse.data.catalog import find
from gancourse.data.images import SPLITS, in_split
from gancourse.data.sets import ImageSet
from gancourse.errors import GancourseError, among
from gancourse_standins import SETS, draw

PER_PART = 300  # pictures, where nobody says how many


def make(
    name, *, part=None, n=None, size=64, seed=0, channels=3, split="all", paired=False
) -> ImageSet:
    """``n`` drawn pictures of the set ``name`` (a key of ``SETS``, any case) with ground truth.

    ``part`` None takes the parts in turn. ``size``: pixels, or (height, width). ``split`` "train"
    and "test" take the indices that a hash puts there, a quarter in "test", the same ones in every
    part. ``n`` None: those of the first 300 indices that are in the split.
    ``paired``: domain "B" gets the poses and backgrounds of "A", so that picture i shows one thing
    in both; otherwise A and B share none. Facades are always paired.
    Raises ``UnknownName`` for a name, part or split it does not know.
    """
    known = find(name, SETS)
    part = None if part is None else among("part", part, known.parts)
    split = among("split", split, SPLITS)
    height, width = (size, size) if isinstance(size, int) else size
    if channels not in (1, 3) or min(height, width) < 8 or (n is not None and n < 1):
        raise GancourseError("make() takes channels=1 or 3, a size of 8 or more, and n >= 1.")
    parts = (part,) if part is not None else known.parts or (None,)
    wanted = list(_indices(parts, split, n))
    how = {"height": height, "width": width, "channels": channels, "seed": seed, "paired": paired}
    drawn = [draw(known.name, p, index, **how) for index, p in wanted]
    truths = [truth for _, _, truth in drawn]
    return ImageSet(
        images=torch.from_numpy(np.stack([pixels for _, pixels, _ in drawn])),
        names=[name for name, _, _ in drawn],
        name=known.name,
        part=part,
        split=split,
        source="stand-in",
        truth={key: _stacked(truths, key) for key in truths[0] if key != "boxes"},
    )


def pairs(name: str, **options) -> tuple[ImageSet, ImageSet]:
    """Both domains, picture i of one showing what picture i of the other shows.

    ``options`` as for ``make``; ``n`` counts pairs. Away from the mask the two are equal.
    """
    two = {key: known for key, known in SETS.items() if len(known.parts) == 2}
    first, second = find(name, two).parts
    return make(name, part=first, **options), make(name, part=second, paired=True, **options)


def _stacked(truths: list[dict], key: str) -> torch.Tensor:
    values = torch.from_numpy(np.stack([truth[key] for truth in truths]))
    return values.float() if values.is_floating_point() else values


def _indices(parts: tuple, split: str, n: int | None) -> Iterator[tuple[int, str | None]]:
    """(index, part) of the first ``n`` pictures of a split; a longer list begins the same way."""
    numbers = range(PER_PART) if n is None else itertools.count()
    kept = (index for index in numbers if in_split(f"standin_{index:04d}", split))
    return itertools.islice(((index, part) for index in kept for part in parts), n)
