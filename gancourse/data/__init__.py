"""Pictures by name, ``data.load("NEU-DET", part="scratches")``, or your own: ``data.folder(path)``.

Whatever takes a name of the catalog takes a path, too. A picture goes from ``load`` through
``images`` (files to pixels) to ``sets`` (an ``ImageSet``, its ``Batches``, floats).
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from gancourse.data import catalog, fetch, images
from gancourse.data.catalog import CATALOG
from gancourse.data.images import DataNotFound
from gancourse.data.sets import ImageSet, to_float, to_uint8
from gancourse.errors import GancourseError, among

__all__ = [
    "CATALOG",
    "DataNotFound",
    "ImageSet",
    "check_apart",
    "folder",
    "load",
    "to_float",
    "to_uint8",
]

SOURCES = ("auto", "real", "stand-in")


def load(
    name: str | Path,
    *,
    part: str | None = None,
    size: int = 64,
    split: str = "all",
    source: str = "auto",
    channels: int = 3,
    limit: int | None = None,
) -> ImageSet:
    """A data set as ``ImageSet`` with images (N, channels, size, size) uint8.

    ``name`` and ``part`` as in ``catalog.CATALOG`` (a steel class, domain "A" or "B", …; None is
    all parts). ``split``: "all", "train" or "test"; sets without an official split hold out the
    quarter that a hash of the file name picks. ``limit``: at most so many, evenly spaced by name.
    ``source``: "auto" looks in ``$GANCOURSE_DATA/<name>``, in the cache, then downloads, then makes
    a stand-in, and the set's ``source`` and ``caption`` say which; "real" never makes a stand-in;
    "stand-in" always does.

    A ``Path``, or a text with a path separator, names a folder of your own: see ``folder``;
    ``part`` is then one of its subfolders.

    Raises ``UnknownName`` for a word it does not know, ``DataNotFound`` when "real" data is missing
    or a folder is laid out otherwise, ``GancourseError`` when over 5 % of the files are broken.
    """
    _check_numbers(size, channels, limit)
    split, source = among("split", split, images.SPLITS), among("source", source, SOURCES)
    how = {"size": size, "split": split, "channels": channels}
    if isinstance(name, os.PathLike) or "/" in name or os.sep in name:
        if source == "stand-in":
            raise GancourseError(f"{name} is a folder of yours: it has no stand-in.")
        mine = folder(Path(name) / (part or ""), limit=limit, **how)
        return replace(mine, name=Path(name).expanduser().resolve().name, part=part)
    entry = catalog.find(name)
    part = None if part is None else among("part", part, entry.parts)
    where = None if source == "stand-in" else fetch.locate(entry, source == "real")
    if where is None:
        from gancourse.data import standins  # drawn only when needed

        return standins.make(entry.name, part=part, n=limit, **how)
    parts = [part] if part else entry.parts or [None]
    found = [
        (file.name, file, entry.halves.get(p))
        for p in parts
        for file in images.set_files(entry, where, p, split)
    ]
    if not found:
        raise DataNotFound(f"No pictures in the {split} split of {entry.name} in {where}.")
    pixels, names, skipped = images.load_files(found, size, channels, limit)
    return ImageSet(pixels, names, entry.name, part, split, skipped=skipped)


def folder(
    path: str | Path,
    *,
    size: int = 64,
    split: str = "all",
    channels: int = 3,
    limit: int | None = None,
) -> ImageSet:
    """Your own pictures as ``ImageSet``, images (N, channels, size, size) uint8, source "own".

    Takes every file with a picture's suffix (``images.SUFFIXES``) in the folder and its subfolders,
    cut and resized as by ``load``; ``names`` are paths below the folder. "test" is the quarter that
    a hash of the file's name holds out, "train" the rest. ``limit`` as in ``load``. Transparent
    pictures are laid over white.

    Raises ``DataNotFound`` when there is no such folder, it may not be read, or it holds no picture
    of the split; ``GancourseError`` when over 5 % of the files are broken (fewer: ``skipped``).
    """
    _check_numbers(size, channels, limit)
    where = _folder_at(path)
    split = among("split", split, images.SPLITS)
    every = images.picture_files(where)
    if not every:
        suffixes = " ".join(sorted(images.SUFFIXES))
        raise DataNotFound(
            f"No pictures in {where} or below it. {images.inventory(where)} A picture is a file "
            f"named {suffixes}."
        )
    found = [
        (file.relative_to(where).as_posix(), file, None)
        for file in every
        if images.in_split(file.name, split)
    ]
    if not found:
        raise DataNotFound(
            f"The {split} split of {where} is empty: the hash of their names puts all "
            f"{len(every)} pictures into the other one. Add pictures, or take split='all'."
        )
    pixels, names, skipped = images.load_files(found, size, channels, limit)
    name = where.resolve().name or str(where)
    return ImageSet(pixels, names, name, split=split, source="own", skipped=skipped)


def check_apart(a: str | Path, b: str | Path) -> None:
    """Raise ``GancourseError`` when the folders ``a`` and ``b`` are one, or one lies in the other.

    A CycleGAN's two domains would then share pictures. Links are followed.
    """
    first, second = _folder_at(a).resolve(), _folder_at(b).resolve()
    for outer, inner in ((first, second), (second, first)):
        if any(outer.samefile(place) for place in (inner, *inner.parents)):
            raise GancourseError(
                f"The domains {a} and {b} are not apart: {inner} is {outer}, or lies inside it. "
                "Put each domain's pictures into a folder of its own."
            )


def _folder_at(path: str | Path) -> Path:
    """``path`` with ~ expanded; raises ``DataNotFound`` unless it is a folder."""
    try:
        where = Path(path).expanduser()
        is_folder, exists = where.is_dir(), where.exists()
    except (OSError, RuntimeError) as error:  # may not be read, or ~ of somebody unknown
        raise DataNotFound(f"{path} cannot be read: {error}.") from error
    if is_folder:
        return where
    if exists:
        raise DataNotFound(f"{where} is a file, not a folder. Name the folder that holds it.")
    raise DataNotFound(f"There is no folder {where}. {images.inventory(where)}")


def _check_numbers(size: int, channels: int, limit: int | None) -> None:
    if channels not in (1, 3) or size < 1 or (limit is not None and limit < 1):
        raise GancourseError("Pictures load with channels=1 or 3, size >= 1 and limit >= 1.")
