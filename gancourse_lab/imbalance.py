"""Scarce defects: labelled pictures, folds that keep pieces together, and the arms of the study.

An *arm* is one way of coping with few pictures of a class; ``training`` makes of real and, where
the arm takes them, synthetic pictures what the classifier trains on.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from gancourse import data
from gancourse.data import catalog, fetch, images, pieces
from gancourse.errors import GancourseError, among
from gancourse_lab import crops, defects
from gancourse_lab.classifier import Training

SIZE = 64
FOLDS = 5
TILE_CROP = 96  # as wide as a tile, a blowhole is 4 px at SIZE, and a classifier misses it
COPY = 0.9  # correlation of the details of two NEU pictures from which they show one place
PLAIN = ("as-is", "class-weights", "over-sampling", "under-sampling", "classical")
PLAIN += ("over-sampling+classical",)
CEILING = "ceiling"  # as-is, with all real pictures of the minority
GENERATORS = ("dcgan", "cyclegan")
ARMS = (*PLAIN, *(f"{model}{end}" for model in GENERATORS for end in ("", "+classical")))


class Leak(GancourseError):
    """Pictures that must not be seen in training are among those that are."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Pictures (N, 1, SIZE, SIZE) uint8 with labels (N,), names and pieces of metal.

    ``classes`` names the labels; ``minority`` is the one that is made scarce.
    """

    images: Tensor
    labels: Tensor
    names: list[str]
    pieces: list[str]
    classes: tuple[str, ...]
    minority: int
    caption: str = ""

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, index) -> Labelled:
        """The pictures of ``index``."""
        at = torch.as_tensor(index)
        return replace(
            self,
            images=self.images[at],
            labels=self.labels[at],
            names=[self.names[i] for i in at.tolist()],
            pieces=[self.pieces[i] for i in at.tolist()],
        )

    def of(self, label: int) -> Labelled:
        """The pictures of one class."""
        return self.subset((self.labels == label).nonzero().flatten())


# Data


def neu(source: str = "auto", limit: int | None = None) -> Labelled:
    """NEU-DET's six classes, scratches the minority; pieces are blocks of 20 neighbours.

    Blocks that hold copies of each other are one. ``limit``: so many pictures a class.
    """
    parts = catalog.find("NEU-DET").parts
    sets = [
        data.load("NEU-DET", part=p, size=SIZE, channels=1, source=source, limit=limit)
        for p in parts
    ]
    made = _labelled(sets, parts, parts.index("scratches"), "NEU-DET")
    groups = pieces.by_block(made.names)
    return replace(made, pieces=joined(groups, near_copies(made.images, COPY)))


def tiles(source: str = "auto", limit: int | None = None) -> Labelled:
    """Magnetic tiles, clean or defective (the minority): one crop a tile of ``TILE_CROP`` pixels.

    Around the largest defect that fits, wholly inside; as near to the middle as the tile lets it,
    because breaks lie at its rim: at most a quarter off the middle, half of them are left. Tiles
    are taken as they are, at most 256 px long here. ``limit``: so many pictures a class.
    """
    entry = catalog.find("magnetic-tile")
    where = None if source == "stand-in" else fetch.locate(entry, source == "real")
    if where is None:
        return _drawn_tiles(limit)
    rule = crops.Rule(size=TILE_CROP, pixels=SIZE, off_centre=0.5, per_defect=False)
    found = defects.tile_sheets(where)
    made = crops.cut(found.sheets, rule)
    labels = torch.tensor([int(kind != defects.CLEAN) for kind in made.kinds])
    whole = Labelled(
        made.images, labels, made.names, made.pieces, ("clean", "defective"), 1, "magnetic-tile"
    )
    keep = [_spread((labels == k).nonzero().flatten(), limit) for k in (0, 1)]
    whole = whole.subset(torch.cat(keep))
    counts = Counter(whole.classes[k] for k in whole.labels.tolist())
    said = ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))
    return replace(whole, caption=f"real magnetic-tile, {said}, {SIZE} px")


def _spread(index: Tensor, limit: int | None) -> Tensor:
    """At most ``limit`` of ``index``, evenly spaced."""
    if limit is None or limit >= len(index):
        return index
    return index[torch.arange(limit) * len(index) // limit]


def _drawn_tiles(limit: int | None) -> Labelled:
    parts = catalog.find("magnetic-tile").parts
    n = limit or 300
    sizes = [n if part == "MT_Free" else max(1, n // (len(parts) - 1)) for part in parts]
    sets = [
        data.load("magnetic-tile", part=p, size=SIZE, channels=1, source="stand-in", limit=k)
        for p, k in zip(parts, sizes, strict=True)
    ]
    made = _labelled(sets, parts, 0, "magnetic-tile")
    labels = (made.labels != parts.index("MT_Free")).long()
    return replace(made, labels=labels, classes=("clean", "defective"), minority=1)


def own(path: str | Path, minority: str) -> Labelled:
    """Your own pictures: a folder with a subfolder for each class; ``minority`` names one of them.

    Near copies count as one piece. Raises ``GancourseError`` where there are not two classes.
    """
    where = Path(path).expanduser()
    found = sorted(p.name for p in where.glob("*") if p.is_dir() and not p.name.startswith("."))
    if len(found) < 2:
        raise GancourseError(
            f"{path} needs a subfolder for each of two classes or more, not {found or 'none'}. "
            f"{images.inventory(where)}"
        )
    minority = among("class", minority, found)
    sets = [data.folder(where / name, size=SIZE, channels=1) for name in found]
    made = _labelled(sets, found, found.index(minority), where.resolve().name)
    return replace(made, pieces=joined(made.names, near_copies(made.images, 0.95)))


def _labelled(sets: Sequence, classes: Sequence[str], minority: int, name: str) -> Labelled:
    """The sets as one, each a class, every picture a piece of its own."""
    labels = torch.cat([torch.full((len(part),), k) for k, part in enumerate(sets)])
    names = [f"{classes[k]}/{n}" for k, part in enumerate(sets) for n in part.names]
    caption = f"{sets[0].source} {name}, {len(names)} pictures of {len(classes)} classes, {SIZE} px"
    stacked = torch.cat([part.images for part in sets])
    return Labelled(stacked, labels, names, names, tuple(classes), minority, caption)


def near_copies(pictures: Tensor, threshold: float) -> np.ndarray:
    """Pairs (k, 2) of ``pictures`` whose details, at 48 px, correlate above ``threshold``.

    Details: what a Gaussian of 6 px takes away is not compared, because all steel is lit alike.
    """
    small = torch.nn.functional.interpolate(pictures.float(), (48, 48), mode="area")[:, 0].numpy()
    rows = small - ndimage.gaussian_filter(small, (0, 6, 6))
    rows = rows.reshape(len(rows), -1)
    rows = rows - rows.mean(1, keepdims=True)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6
    return np.argwhere(np.triu(rows @ rows.T, 1) > threshold)


def joined(groups: Sequence[str], pairs: np.ndarray) -> list[str]:
    """``groups`` with those made one that a pair (i, j) of pictures links."""
    names, at = np.unique(groups, return_inverse=True)
    links = np.zeros((len(names), len(names)), bool)
    links[at[pairs[:, 0]], at[pairs[:, 1]]] = True
    _, component = connected_components(links, directed=False)
    first = {c: names[i] for i, c in reversed(list(enumerate(component)))}
    return [str(first[component[i]]) for i in at]


# Folds


@dataclass(frozen=True, eq=False)
class Fold:
    """Training, validation and test pictures of one seed; no piece is in two of them."""

    train: Labelled
    validation: Labelled
    test: Labelled


def fold(whole: Labelled, seed: int, folds: int = FOLDS) -> Fold:
    """Fold ``seed`` of ``folds``: tested once, the next one validates, the others train.

    Raises ``GancourseError`` for a class with fewer pieces than folds, none among them.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    for k, name in enumerate(whole.classes):
        held = {whole.pieces[i] for i in (whole.labels == k).nonzero().flatten().tolist()}
        if len(held) < folds:
            raise GancourseError(
                f"The class {name} has {int((whole.labels == k).sum())} pictures of {len(held)} "
                f"pieces, too few for {folds} folds: add pictures of other pieces."
            )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    parts = [test for _, test in splitter.split(whole.labels, whole.labels, whole.pieces)]
    test, validation = parts[seed % folds], parts[(seed + 1) % folds]
    train = np.setdiff1d(np.arange(len(whole)), np.concatenate([test, validation]))
    made = Fold(*(whole.subset(np.sort(part)) for part in (train, validation, test)))
    for part in (made.train, made.validation, made.test):
        if len(set(part.labels.tolist())) < len(whole.classes):
            raise GancourseError(
                "A fold lacks a class: its pieces are too large. Take fewer folds, or more pieces."
            )
    return made


def scarce(train: Labelled, n: int | str, seed: int) -> Labelled:
    """``train`` with ``n`` pictures of the minority ("all": all of them); fewer n are among more.

    Raises ``GancourseError`` where there are fewer.
    """
    few = (train.labels == train.minority).nonzero().flatten()
    if n == "all":
        return train
    if not 1 <= int(n) <= len(few):
        raise GancourseError(
            f"{n} pictures of {train.classes[train.minority]} are asked for, and the fold trains "
            f"on {len(few)}."
        )
    chosen = few[torch.randperm(len(few), generator=torch.Generator().manual_seed(seed))[: int(n)]]
    others = (train.labels != train.minority).nonzero().flatten()
    return train.subset(torch.cat([others, chosen]).sort().values)


def digests(pictures: Tensor) -> list[str]:
    """SHA-256 of the pixels of each picture (N, C, H, W) uint8."""
    return [hashlib.sha256(one.contiguous().numpy()).hexdigest() for one in pictures]


def torn(fold: Fold, groups: Sequence[Sequence[str]]) -> np.ndarray:
    """Which test pictures, bool (N,), show metal that training or validation shows as well.

    ``groups``: pieces that are one, such as ``tile_crops.TWINS``, which the fold did not know.
    """
    elsewhere = {*fold.train.pieces, *fold.validation.pieces}
    seen = {piece for group in groups if elsewhere & set(group) for piece in group}
    return np.array([piece in seen for piece in fold.test.pieces])


def check_apart(seen: Tensor, *held_out: Labelled, what: str = "The training") -> None:
    """Raise ``Leak`` where ``seen`` has the pixels of a ``held_out`` picture, flipped or not."""
    forbidden = {}
    for part in held_out:
        for dims in ([], [-1], [-2], [-2, -1]):
            forbidden |= dict(zip(digests(part.images.flip(dims)), part.names, strict=True))
    found = sorted({forbidden[d] for d in digests(seen) if d in forbidden})
    if found:
        raise Leak(
            f"{what} sees {len(found)} of the pictures held out for validation or test, such as "
            f"{found[0]}. Split by piece of metal before anything is trained."
        )


# Arms


def training(arm: str, real: Labelled, synthetic: Tensor | None = None, seed: int = 0) -> Training:
    """What the classifier trains on in ``arm``: ``real``, and ``synthetic`` minority pictures.

    ``arm`` is a word of ``PLAIN``, ``CEILING``, or a generator's name, alone or with "+classical".
    Raises ``UnknownName`` for another.
    """
    words = arm.split("+")
    known = {*PLAIN, CEILING, *GENERATORS, *(f"{g}+classical" for g in GENERATORS)}
    among("arm", arm, known)
    pictures, labels = real.images, real.labels
    if words[0] in GENERATORS:
        if synthetic is None:
            raise GancourseError(f"The arm {arm} needs synthetic pictures.")
        pictures = torch.cat([pictures, synthetic])
        labels = torch.cat([labels, torch.full((len(synthetic),), real.minority)])
    if "under-sampling" in words:
        keep = _fewest(labels, seed)
        pictures, labels = pictures[keep], labels[keep]
    counts = labels.bincount(minlength=len(real.classes)).float()
    rarity = len(labels) / (len(counts) * counts)  # 1 on average over the pictures
    return Training(
        pictures,
        labels,
        draw=rarity[labels] if "over-sampling" in words else None,
        cost=rarity if "class-weights" in words else None,
        augment="classical" in words,
    )


def _fewest(labels: Tensor, seed: int) -> Tensor:
    """As many indices of each class as the smallest class has, drawn by ``seed``."""
    fewest, stream = int(labels.bincount().min()), torch.Generator().manual_seed(seed)
    taken = []
    for label in range(int(labels.max()) + 1):
        of = (labels == label).nonzero().flatten()
        taken.append(of[torch.randperm(len(of), generator=stream)[:fewest]])
    return torch.cat(taken).sort().values
