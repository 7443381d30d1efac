"""Pictures by name: ``data.load("NEU-DET", part="scratches", size=128, split="train")``."""

from __future__ import annotations

from pathlib import Path

import torch

from gancourse.data import boxes, catalog, fetch, images
from gancourse.data.catalog import CATALOG, Entry
from gancourse.data.images import DataNotFound, ImageSet, Stream, to_float, to_uint8
from gancourse.errors import GancourseError, unknown

__all__ = ["CATALOG", "DataNotFound", "ImageSet", "Stream", "load", "to_float", "to_uint8"]

SOURCES = ("auto", "real", "stand-in")
SPLITS = ("all", "train", "test")


def load(
    name: str,
    *,
    part: str | None = None,
    size: int = 64,
    split: str = "all",
    source: str = "auto",
    channels: int = 3,
    limit: int | None = None,
    root: str | Path | None = None,
) -> ImageSet:
    """A data set as ``ImageSet`` with images (N, channels, size, size) uint8.

    ``name`` and ``part`` as in ``catalog.CATALOG`` (a steel class, domain "A" or "B", …; None is
    all parts). ``split``: "all", "train" or "test"; sets without an official split hold out the
    quarter that a hash of the file name picks. ``limit``: at most so many, evenly spaced by name.
    ``source``: "auto" looks in ``$GANCOURSE_DATA/<name>``, in the cache, then downloads, then makes
    a stand-in, and the set's ``source`` and ``caption`` say which; "real" never makes a stand-in;
    "stand-in" always does. ``root`` is used instead of ``$GANCOURSE_DATA`` and must hold the set.

    Raises ``UnknownName`` for a word it does not know, ``DataNotFound`` when "real" data is missing
    or a folder is laid out otherwise, ``GancourseError`` when over 5 % of the files are broken.
    """
    entry = catalog.find(name)
    part = _known("part", part, entry.parts) if part is not None else None
    split, source = _known("split", split, SPLITS), _known("source", source, SOURCES)
    if channels not in (1, 3) or size < 1 or (limit is not None and limit < 1):
        raise GancourseError("load() takes channels=1 or 3, size >= 1 and limit >= 1.")
    folder = None if source == "stand-in" else _locate(entry, source == "real", root)
    if folder is None:
        from gancourse.data import standins  # drawn only when needed

        asked = {"part": part, "n": limit, "size": size, "channels": channels, "split": split}
        return standins.make(entry.name, **asked)
    return _read(entry, folder, part, size, split, channels, limit)


def _known(kind: str, word: str, words: tuple[str, ...]) -> str:
    lowered = {w.lower(): w for w in words}
    if str(word).lower() not in lowered:
        raise unknown(kind, word, words)
    return lowered[str(word).lower()]


def _locate(entry: Entry, required: bool, root: str | Path | None) -> Path | None:
    """The folder of ``entry`` on this machine, or freshly downloaded; None: make a stand-in."""
    found = fetch.look(entry, root)
    if found:
        return found
    if root:
        inventory = images.inventory(Path(root))
        raise DataNotFound(f"There is no folder {entry.name!r} in {root}. {inventory}")
    found, why_not = fetch.automatic(entry)
    if found is None and required:
        raise DataNotFound(
            f"The real {entry.name} is not on this machine. {why_not} {entry.how_to_get}"
        )
    return found


def _read(entry, folder, part, size, split, channels, limit) -> ImageSet:
    """The files of one split and part, decoded, with their labels, boxes and masks."""
    parts = entry.parts if part is None else (part,)
    found = [(file, p) for p in parts or (None,) for file in _files(entry, folder, p, split)]
    if limit and limit < len(found):
        found = [found[i * len(found) // limit] for i in range(limit)]
    if not found:
        raise DataNotFound(f"No pictures in the {split} split of {entry.name} in {folder}.")
    items = [(file, entry.halves.get(p)) for file, p in found]
    pixels, kept, skipped = images.load_files(items, size, channels)
    found = [found[i] for i in kept]
    read = [file for file, _ in found]
    labels = torch.tensor([entry.parts.index(p) for _, p in found]) if entry.parts else None
    return ImageSet(
        images=pixels,
        names=[file.name for file in read],
        name=entry.name,
        part=part,
        split=split,
        labels=labels,
        classes=entry.parts,
        boxes=boxes.boxes_of(read, size) if entry.name == "NEU-DET" else None,
        skipped=skipped,
    )


def _files(entry: Entry, folder: Path, part: str | None, split: str) -> list[Path]:
    """The picture files of one part and split, sorted by name within a folder."""
    pattern = entry.pattern.format(part=part)
    if entry.test is None:
        found = images.list_files(folder / entry.train.format(part=part), pattern)
        wanted = {"all": (True, False), "train": (False,), "test": (True,)}[split]
        return [f for f in found if images.held_out(entry.key(f)) in wanted]
    sides = {"all": (entry.train, entry.test), "train": (entry.train,), "test": (entry.test,)}
    folders = [folder / side.format(part=part) for side in sides[split]]
    return [file for where in folders for file in images.list_files(where, pattern)]
