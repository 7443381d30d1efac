"""Procedural stand-ins: pictures with ground truth for whoever has neither data nor network.

Returns plain arrays; ``gancourse.data.standins`` makes image sets of them. A picture depends only
on (name, part, seed, index), its geometry not even on the size. ``truth`` of a picture:

- ``mask`` (1, H, W) bool, of all but facades: animal, specimen, or defects; for Severstal
  (4, H, W), one channel per class. Steel and tiles have ``boxes`` too, one per defect (one
  around everything in crazing, pitted_surface and rolled-in_scale);
- ``pose`` (k,), its columns named in ``CAT_POSE``, ``HORSE_POSE``, ``SPECIMEN_POSE``: positions
  from -1 (left, top) to 1, tilt in radians clockwise, the others relative to their largest;
- ``eyes`` (2, 2), of cats: x, y of the left and the right eye in the picture;
- ``classes`` (H, W) long, of facades, numbered as in ``FACADE_CLASSES``;
- ``contrast``, ``light`` in 0..1, of specimens.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from gancourse_standins import animals, objects, steel
from gancourse_standins.animals import CAT_POSE, HORSE_POSE
from gancourse_standins.drawing import Canvas
from gancourse_standins.objects import FACADE_CLASSES, FACADE_COLOURS, SPECIMEN_POSE

__all__ = ["CAT_POSE", "FACADE_CLASSES", "FACADE_COLOURS", "HORSE_POSE", "SPECIMEN_POSE"]
__all__ += ["SETS", "draw", "rle_encode", "write_severstal"]

LUMA = np.array((0.299, 0.587, 0.114), np.float32)  # ITU-R 601, as for real pictures


class StandIn(NamedTuple):
    """A set that can be drawn."""

    name: str
    parts: tuple[str, ...]
    draw: Callable  # (canvas, part, scene, look) -> (picture (H, W[, 3]) in 0..1, truth)


SETS = {
    known.name: known
    for known in (
        StandIn("NEU-DET", steel.NEU_CLASSES, steel.neu),
        StandIn("grumpifycat", ("A", "B"), animals.cat),
        StandIn("horse2zebra", ("A", "B"), animals.horse),
        StandIn("facades", ("photo", "label"), objects.facade),
        StandIn("magnetic-tile", steel.TILE_CLASSES, steel.tile),
        StandIn("severstal-steel-defect-detection", (), steel.strip),
        StandIn("specimens", ("A", "B"), objects.specimen),
    )
}


def draw(
    name: str,
    part: str | None,
    index: int,
    *,
    height: int,
    width: int,
    channels: int = 3,
    seed: int = 0,
    paired: bool = False,
) -> tuple[str, np.ndarray, dict]:
    """Picture ``index`` of a part of the set ``name``: its name, (C, H, W) uint8, its truth.

    ``paired``: domain "B" gets the pose and background of "A"'s picture of that index. Facades are
    always paired. Raises ``KeyError`` for a name that is not in ``SETS``.
    """
    known = SETS[name]
    pose_of = part
    if name == "facades":
        pose_of = None
    elif paired and part == "B":
        pose_of = "A"
    scene = _stream(name, pose_of, seed, index, "scene")
    look = _stream(name, part, seed, index, "look")
    picture, truth = known.draw(Canvas.of(height, width), part, scene, look)
    if channels == 1 and picture.ndim == 3:
        picture = picture @ LUMA
    pixels = np.clip(np.rint(255 * picture), 0, 255).astype(np.uint8)
    if pixels.ndim == 3:
        pixels = pixels.transpose(2, 0, 1)
    else:
        pixels = np.repeat(pixels[None], channels, 0)
    label = part or "strip"
    if pose_of == "A" and part == "B":
        label = "B_as_A"
    return f"standin_{label}_{index:04d}", pixels, truth


def _stream(*key) -> np.random.Generator:
    """Random numbers that depend on ``key`` alone."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return np.random.default_rng(list(digest))


def rle_encode(mask: np.ndarray) -> str:
    """A (H, W) mask as Severstal's text: start and length of each run.

    Pixels are counted from 1, down the columns.
    """
    flat = np.concatenate([[0], (mask > 0).T.reshape(-1).astype(np.int8), [0]])
    change = np.diff(flat)
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    return " ".join(f"{start + 1} {end - start}" for start, end in zip(starts, ends, strict=True))


def write_severstal(folder: str | Path, n: int = 12, *, seed: int = 0, size=(256, 1600)) -> Path:
    """Write ``n`` strips as the Severstal archive has them: ``train_images/*.jpg``, ``train.csv``.

    The table has a line per picture and class of defect (1..4), none for clean pictures, with the
    mask as run-length text. Returns ``folder``.
    """
    folder = Path(folder)
    height, width = size
    (folder / "train_images").mkdir(parents=True, exist_ok=True)
    with open(folder / "train.csv", "w", newline="") as table:
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(("ImageId", "ClassId", "EncodedPixels"))
        for index in range(n):
            strip = "severstal-steel-defect-detection"
            options = {"height": height, "width": width, "channels": 1, "seed": seed}
            name, picture, truth = draw(strip, None, index, **options)
            image = Image.fromarray(picture[0]).convert("RGB")
            image.save(folder / "train_images" / f"{name}.jpg", quality=95)
            for kind, mask in enumerate(truth["mask"], 1):
                if mask.any():
                    rows.writerow((f"{name}.jpg", kind, rle_encode(mask)))
    return folder
