"""Pictures by name, ``data.load("NEU-DET", part="scratches")``, or your own: ``data.folder(path)``.

Whatever takes a name of the catalog takes a path, too.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import torch

from gancourse.data import boxes, catalog, fetch, images
from gancourse.data.catalog import CATALOG, Entry
from gancourse.data.images import DataNotFound, ImageSet, Stream, to_float, to_uint8
from gancourse.errors import GancourseError, unknown

__all__ = [
    "CATALOG",
    "DataNotFound",
    "ImageSet",
    "Stream",
    "check_apart",
    "folder",
    "load",
    "to_float",
    "to_uint8",
]

SOURCES = ("auto", "real", "stand-in")
SPLITS = ("all", "train", "test")


def load(
    name: str | Path,
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

    A ``Path``, or a text with a path separator, names a folder of your own: see ``folder``;
    ``part`` is then one of its subfolders.

    Raises ``UnknownName`` for a word it does not know, ``DataNotFound`` when "real" data is missing
    or a folder is laid out otherwise, ``GancourseError`` when over 5 % of the files are broken.
    """
    _check_numbers(size, channels, limit)
    if _is_path(name):
        return _load_own(Path(name), part, size, split, source, channels, limit, root)
    entry = catalog.find(name)
    part = _known("part", part, entry.parts) if part is not None else None
    split, source = _known("split", split, SPLITS), _known("source", source, SOURCES)
    where = None if source == "stand-in" else _locate(entry, source == "real", root)
    if where is None:
        from gancourse.data import standins  # drawn only when needed

        asked = {"part": part, "n": limit, "size": size, "channels": channels, "split": split}
        return standins.make(entry.name, **asked)
    return _read(entry, where, part, size, split, channels, limit)


def folder(
    path: str | Path,
    *,
    size: int = 64,
    split: str = "all",
    channels: int = 3,
    limit: int | None = None,
    name: str | None = None,
) -> ImageSet:
    """Your own pictures as ``ImageSet``, images (N, channels, size, size) uint8, source "own".

    Takes every file with a picture's suffix (``images.SUFFIXES``) in the folder and its subfolders,
    cut and resized as by ``load``; ``names`` are paths below the folder. "test" is the quarter that
    a hash of the file's name holds out, "train" the rest. ``limit`` as in ``load``; ``name`` is
    shown in captions, by default the folder's. Transparent pictures are laid over white.

    Raises ``DataNotFound`` when there is no such folder, it may not be read, or it holds no picture
    of the split; ``GancourseError`` when over 5 % of the files are broken (fewer: ``skipped``).
    """
    _check_numbers(size, channels, limit)
    split = _known("split", split, SPLITS)
    where = _folder_at(path)
    every = images.picture_files(where)
    if not every:
        suffixes = " ".join(sorted(images.SUFFIXES))
        raise DataNotFound(
            f"No pictures in {where} or below it. {images.inventory(where)} A picture is a file "
            f"named {suffixes}."
        )
    found = [file for file in every if _in_split(file.name, split)]
    if not found:
        raise DataNotFound(
            f"The {split} split of {where} is empty: the hash of their names puts all "
            f"{len(every)} pictures into the other one. Add pictures, or take split='all'."
        )
    found = _spread(found, limit)
    pixels, kept, skipped = images.load_files([(file, None) for file in found], size, channels)
    names = [file.relative_to(where).as_posix() for file in found]
    unread = [below for index, below in enumerate(names) if index not in set(kept)]
    return ImageSet(
        images=pixels,
        names=[names[index] for index in kept],
        name=name or where.resolve().name or str(where),
        split=split,
        source="own",
        skipped=[(below, why) for below, (_, why) in zip(unread, skipped, strict=True)],
    )


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


def _is_path(name: str | Path) -> bool:
    return isinstance(name, os.PathLike) or "/" in str(name) or os.sep in str(name)


def _load_own(path, part, size, split, source, channels, limit, root) -> ImageSet:
    """``folder`` for ``load``, which has more to say."""
    if _known("source", source, SOURCES) == "stand-in" or root:
        raise GancourseError(f"{path} is a folder of yours: it takes no stand-in and no root.")
    options = {"size": size, "split": split, "channels": channels, "limit": limit}
    if part is None:
        return folder(path, **options)
    name = _folder_at(path).resolve().name
    return replace(folder(path / part, name=name, **options), part=part)


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
    near = next(parent for parent in where.absolute().parents if parent.is_dir())
    raise DataNotFound(f"There is no folder {where}. {images.inventory(near)}")


def _check_numbers(size: int, channels: int, limit: int | None) -> None:
    if channels not in (1, 3) or size < 1 or (limit is not None and limit < 1):
        raise GancourseError("Pictures load with channels=1 or 3, size >= 1 and limit >= 1.")


def _in_split(key: str, split: str) -> bool:
    """Whether the file with this ``key`` belongs to "all", "train" or "test"."""
    return split == "all" or images.held_out(key) == (split == "test")


def _spread(found: list, limit: int | None) -> list:
    """At most ``limit`` of ``found``, evenly spaced."""
    if not limit or limit >= len(found):
        return found
    return [found[i * len(found) // limit] for i in range(limit)]


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
    found = _spread(found, limit)
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
        return [file for file in found if _in_split(entry.key(file), split)]
    sides = {"all": (entry.train, entry.test), "train": (entry.train,), "test": (entry.test,)}
    folders = [folder / side.format(part=part) for side in sides[split]]
    return [file for where in folders for file in images.list_files(where, pattern)]
