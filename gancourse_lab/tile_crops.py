"""Magnetic tiles as two domains: A, crops without a defect, and B, crops around one.

Both are cut from the same tiles at the pictures' own pixels, so that the defect is the only thing
in which the domains differ. A piece of metal is in training or held out, never in both.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, interpolate, normalize, pad

from gancourse import data
from gancourse.data import catalog, fetch, images
from gancourse.data.sets import ImageSet
from gancourse_lab import crops, defects

NAME = "magnetic-tile"
# Kinds that fit into 64 px and lie inside the metal; breaks lie at a tile's rim, frays and uneven
# tiles are larger than a crop.
KINDS = ("blowhole", "crack")
CLEAN_CROPS = 2  # of a tile
METAL = 64  # pixels of a tile that a crop shows
PARTS = {"A": crops.CLEAN, "B": " and ".join(KINDS)}


# Numbers of pieces that are one tile, photographed again in another session: ``by_gap`` tells them
# apart. Found by ``alike``, above 0.4, and by eye on 2026-11-28, after the recorded runs, whose
# splits do not know them; no other two pieces reach 0.3.
TWINS = (
    ("85602", "86828", "88149"),
    ("52677", "65017"),
    ("355658", "358102"),
    ("9196", "10202"),
    ("5874", "13549"),
    ("306425", "309366"),
)


def alike(pictures: list[torch.Tensor], pieces: list[str]) -> dict[tuple[str, str], tuple]:
    """How alike two pieces of metal are: (piece, piece) → (correlation, picture, picture).

    ``pictures``: uint8 (1, H, W) of any size, a piece each. Of every two pieces the pair of
    pictures that correlates most, by their fine details at 96 px: brightness and contrast of the
    surroundings are taken out, and so are the grinding marks, which many tiles share. A tile that
    was laid the other way round is not recognised.
    """
    found = torch.stack([_details(one) for one in pictures])
    table = (found @ found.T).numpy()
    best = {}
    for i, j in zip(*np.triu_indices(len(pieces), 1), strict=True):
        if pieces[i] == pieces[j]:
            continue
        pair = tuple(sorted((pieces[i], pieces[j]), key=lambda name: (len(name), name)))
        if table[i, j] > best.get(pair, (-1,))[0]:
            best[pair] = float(table[i, j]), int(i), int(j)
    return best


def _details(picture: torch.Tensor) -> torch.Tensor:
    """What is fine in a picture (1, H, W), as a vector of length 1."""
    small = interpolate(picture[None].float(), (96, 96), mode="area")
    fine = small - avg_pool2d(pad(small, [3] * 4, mode="reflect"), 7, stride=1)
    spread = avg_pool2d(pad(fine.square(), [6] * 4, mode="reflect"), 13, stride=1).sqrt()
    fine = (fine / (spread + 1)).clamp(-3, 3)
    fine = fine - fine.mean(2, keepdim=True)  # grinding marks run from top to bottom
    return normalize(fine[..., 6:-6, 6:-6].flatten(), dim=0)


def domain(
    part: str, pixels: int, split: str = "train", source: str = "auto", side: int = METAL
) -> ImageSet:
    """Domain ``part``, "A" or "B", of the tiles: crops of ``side`` px at ``pixels``, one channel.

    Split by the piece's name as ``data.load`` splits the tiles. Stand-ins are drawn where the real
    tiles are missing, as there.
    """
    where = None if source == "stand-in" else fetch.locate(catalog.find(NAME), source == "real")
    if where is None:
        return _drawn(part, pixels, split)
    sheets = [s for s in defects.tile_sheets(where).sheets if images.in_split(s.piece, split)]
    rule = crops.Rule(size=side, pixels=pixels, clean=CLEAN_CROPS, clean_from="all")
    made = crops.cut(sheets, rule)
    wanted = (crops.CLEAN,) if part == "A" else KINDS
    at = [i for i, kind in enumerate(made.kinds) if kind in wanted]
    names = [f"{made.kinds[i]}/{made.names[i]}" for i in at]
    return ImageSet(made.images[at], names, NAME, PARTS[part], split)


def load(settings, part: str, split: str = "train", source: str = "auto") -> ImageSet:
    """Domain ``part`` as a run with ``settings`` takes it: a picture shows ``METAL`` px of a tile.

    Training crops are larger, by ``load_size``: what the window is cut from.
    """
    pixels = settings.load_size if split == "train" else settings.size
    return domain(part, pixels, split, source, round(METAL * pixels / settings.size))


def with_masks(
    split: str = "train", source: str = "auto", side: int = METAL
) -> tuple[torch.Tensor, np.ndarray]:
    """Crops of domain B, uint8 (N, 1, side, side), and their masks (N, side, side) bool.

    As ``domain`` cuts them, defect by defect.
    """
    where = None if source == "stand-in" else fetch.locate(catalog.find(NAME), source == "real")
    if where is None:
        sets = [data.load(NAME, part=name, **_asked(side, split)) for name in _parts("B")]
        marks = torch.cat([one.truth["mask"] for one in sets]).any(1)
        return torch.cat([one.images for one in sets]), marks.numpy()
    pictures, masks = [], []
    for sheet in defects.tile_sheets(where).sheets:
        if not set(sheet.kinds) & set(KINDS) or not images.in_split(sheet.piece, split):
            continue
        grey = images.decode(sheet.file, None, 1)
        for box in sheet.boxes:
            at = crops.place(box, side, (0, sheet.size[0]), crops.steel_span(grey))
            if not isinstance(at, str):
                rows, columns = slice(at[1], at[1] + side), slice(at[0], at[0] + side)
                pictures.append(grey[:, rows, columns])
                masks.append(sheet.mask[rows, columns])
    return torch.stack(pictures), np.stack(masks)


def _asked(pixels: int, split: str) -> dict:
    """How drawn tiles are loaded."""
    return {"size": pixels, "channels": 1, "split": split, "source": "stand-in"}


def _parts(part: str) -> list[str]:
    """The tiles' own names of what a domain holds."""
    return ["MT_Free"] if part == "A" else [f"MT_{kind.title()}" for kind in KINDS]


def _drawn(part: str, pixels: int, split: str) -> ImageSet:
    """The same of drawn tiles, which are as large as a crop."""
    sets = [data.load(NAME, part=name, **_asked(pixels, split)) for name in _parts(part)]
    return ImageSet(
        torch.cat([part.images for part in sets]),
        [name for part in sets for name in part.names],
        NAME,
        PARTS[part],
        split,
        source="stand-in",
    )
