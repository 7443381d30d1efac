"""Procedural stand-ins: pictures with ground truth for whoever has neither data nor network.

A picture depends only on (name, part, seed, index), its geometry not even on the size. ``truth``:

- ``mask`` (N, 1, H, W) bool, of all but facades: animal, specimen, or defects; for Severstal
  (N, 4, H, W), one channel per class. Steel and tiles have ``boxes`` too, one per defect (one
  around everything in crazing, pitted_surface and rolled-in_scale);
- ``pose`` (N, k), its columns named in ``CAT_POSE``, ``HORSE_POSE``, ``SPECIMEN_POSE``: positions
  from -1 (left, top) to 1, tilt in radians clockwise, the others relative to their largest;
- ``eyes`` (N, 2, 2), of cats: x, y of the left and the right eye in the picture;
- ``classes`` (N, H, W) long, of facades, numbered as in ``FACADE_CLASSES``;
- ``contrast``, ``light`` (N,) in 0..1, of specimens.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from ...errors import GancourseError, unknown
from ..catalog import MT_CLASSES, NEU_CLASSES, find
from ..images import ImageSet, held_out
from ..steel import rle_encode
from . import animals, objects, steel
from .animals import CAT_POSE, HORSE_POSE
from .drawing import Canvas
from .objects import FACADE_CLASSES, FACADE_COLOURS, SPECIMEN_POSE

__all__ = ["CAT_POSE", "FACADE_CLASSES", "FACADE_COLOURS", "HORSE_POSE", "SPECIMEN_POSE"]
__all__ += ["SETS", "make", "pairs", "write_severstal"]


class _Set(NamedTuple):
    name: str
    parts: tuple[str, ...]
    draw: Callable  # (canvas, part, scene, look) -> (picture (H, W[, 3]) in 0..1, truth)


_STRIPS = _Set("severstal-steel-defect-detection", (), steel.strip)
_HORSES = _Set("horse2zebra", ("A", "B"), animals.horse)
_CATS = _Set("grumpifycat", ("A", "B"), animals.cat)
_SPECIMENS = _Set("specimens", ("A", "B"), objects.specimen)
_FACADES = _Set("facades", ("photo", "label"), objects.facade)
_NEU = _Set("NEU-DET", NEU_CLASSES, steel.neu)
_TILES = _Set("magnetic-tile", MT_CLASSES, steel.tile)
SETS = {s.name: s for s in (_NEU, _CATS, _HORSES, _FACADES, _TILES, _STRIPS, _SPECIMENS)}
_PER_PART, _SPLITS = 300, ("all", "train", "test")
_LUMA = np.array((0.299, 0.587, 0.114), np.float32)  # ITU-R 601, as for real pictures


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
    drawn_set = find(name, SETS)
    known = drawn_set.parts
    for kind, word, words in ("part", part, (None, *known)), ("split", split, _SPLITS):
        if word not in words:
            raise unknown(kind, word, filter(None, words))
    height, width = (size, size) if isinstance(size, int) else size
    if channels not in (1, 3) or min(height, width) < 8 or (n is not None and n < 1):
        raise GancourseError("make() takes channels=1 or 3, a size of 8 or more, and n >= 1.")
    canvas, parts = Canvas.of(height, width), known or (None,) if part is None else (part,)
    wanted = list(_indices(parts, split, n))
    drawn = [_draw(drawn_set, canvas, p, seed, i, channels, paired) for i, p in wanted]
    names, pictures, truths = zip(*drawn, strict=True)
    labels = torch.tensor([known.index(p) for _, p in wanted]) if known else None
    boxes = [torch.from_numpy(t.pop("boxes")) for t in truths] if "boxes" in truths[0] else None
    truth = {key: torch.from_numpy(np.stack([t[key] for t in truths])) for key in truths[0]}
    truth = {key: v.float() if v.is_floating_point() else v for key, v in truth.items()}
    images, name = torch.from_numpy(np.stack(pictures)), drawn_set.name
    rest = {"source": "stand-in", "labels": labels, "classes": known, "truth": truth}
    return ImageSet(images, list(names), name, part=part, split=split, boxes=boxes, **rest)


def pairs(name: str, **options) -> tuple[ImageSet, ImageSet]:
    """Both domains, picture i of one showing what picture i of the other shows.

    ``options`` as for ``make``; ``n`` counts pairs. Away from the mask the two are equal.
    """
    first, second = find(name, {k: s for k, s in SETS.items() if len(s.parts) == 2}).parts
    return make(name, part=first, **options), make(name, part=second, paired=True, **options)


def write_severstal(folder: str | Path, n: int = 12, *, seed: int = 0, size=(256, 1600)) -> Path:
    """Write ``n`` strips as the Severstal archive has them: ``train_images/*.jpg``, ``train.csv``.

    The table has a line per picture and class of defect (1..4), none for clean pictures, with the
    mask as run-length text. Returns ``folder``.
    """
    folder, canvas = Path(folder), Canvas.of(*size)
    (folder / "train_images").mkdir(parents=True, exist_ok=True)
    with open(folder / "train.csv", "w", newline="") as table:
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(("ImageId", "ClassId", "EncodedPixels"))
        for index in range(n):
            name, picture, truth = _draw(_STRIPS, canvas, None, seed, index, 1, False)
            image = Image.fromarray(picture[0]).convert("RGB")
            image.save(folder / "train_images" / f"{name}.jpg", quality=95)
            for kind, mask in enumerate(truth["mask"], 1):
                if mask.any():
                    rows.writerow((f"{name}.jpg", kind, rle_encode(torch.from_numpy(mask))))
    return folder


def _indices(parts: tuple, split: str, n: int | None) -> Iterator[tuple[int, str | None]]:
    """(index, part) of the first ``n`` pictures of a split; a longer list begins the same way."""
    numbers = range(_PER_PART) if n is None else itertools.count()
    test = split == "test"
    kept = (i for i in numbers if split == "all" or held_out(f"standin_{i:04d}") == test)
    return itertools.islice(((i, p) for i in kept for p in parts), n)


def _draw(known: _Set, canvas: Canvas, part, seed: int, index: int, channels: int, paired: bool):
    """One picture: (its name, (C, H, W) uint8, truth)."""
    pose_of = None if known is _FACADES else "A" if paired and part == "B" else part
    keys = (known.name, pose_of, seed, index, "scene"), (known.name, part, seed, index, "look")
    digests = [hashlib.sha256(repr(key).encode()).digest() for key in keys]
    picture, truth = known.draw(canvas, part, *(np.random.default_rng(list(d)) for d in digests))
    if channels == 1 and picture.ndim == 3:
        picture = picture @ _LUMA
    pixels = np.clip(np.rint(255 * picture), 0, 255).astype(np.uint8)
    pixels = pixels.transpose(2, 0, 1) if pixels.ndim == 3 else np.repeat(pixels[None], channels, 0)
    label = (part or "strip") + "_as_A" * (pose_of == "A" != part)
    return f"standin_{label}_{index:04d}", pixels, truth
