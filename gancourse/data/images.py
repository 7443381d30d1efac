"""From picture files of any kind to one uint8 tensor.

What a file may look like, and what becomes of it:

- one of ``FORMATS``, of which the first frame is taken; no other reader of Pillow is ever asked,
  because some start a program (EPS: Ghostscript);
- at most ``MAX_PIXELS``, the long side at most ``MAX_ASPECT`` times the short one: what a file's
  header says is enough to refuse it;
- grey and bilevel: repeated over the channels; colour asked for as one channel: ITU-R 601 luma;
- palette: expanded first; transparency (RGBA, LA, palette): laid over white, as on a page;
- 16-bit grey: divided by 257 (65535 -> 255), never clipped; CMYK: converted to RGB;
- EXIF orientation: applied. Float pixels have no agreed range: such a file is refused.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from gancourse.data import pieces
from gancourse.data.catalog import Entry
from gancourse.errors import GancourseError

SPLITS = ("all", "train", "test")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
SUFFIXES = set(".jpg .jpeg .jpe .jfif .png .webp .bmp .tif .tiff .gif .ppm .pgm .pbm .pnm".split())
SUFFIXES |= {".heic", ".heif", ".avif", ".jxl", ".jp2"}  # not in FORMATS: named as unread
MAX_PIXELS = 50_000_000  # of one picture: 0.2 GB decoded, and four are decoded at a time
MAX_ASPECT = 1000  # all but a thousandth of a longer strip would be cut off
MAX_BYTES = 2 * 2**30  # of decoded pixels held at once; horse2zebra at 256 px takes 0.5 GB
MAX_BAD = 0.05  # more unreadable files than this means a broken copy, not a stray file


class DataNotFound(GancourseError, FileNotFoundError):
    """The pictures asked for are not where they were looked for; the text says what was found."""


def held_out(name: str) -> bool:
    """Whether a file belongs to the held-out quarter: a fixed hash of its name decides.

    sha256(name), first 8 bytes as a big-endian integer / 2**64 < 0.25. The name alone decides, so
    a new download, another order of files or another machine never moves a picture.
    """
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < 0.25


def in_split(key: str, split: str) -> bool:
    """Whether the file with this name, or ``key``, belongs to ``split``, one of ``SPLITS``."""
    return split == "all" or held_out(key) == (split == "test")


def load_files(items: Sequence[tuple], size: int, channels: int = 3, limit: int | None = None):
    """Decode (name, file, half) items, at most ``limit`` of them, evenly spaced.

    Returns (images (N, channels, size, size) uint8, the names of those read, (name, reason) of the
    others). Raises ``GancourseError`` beyond ``MAX_BYTES`` of pixels, and when more than 5 % of the
    files cannot be read; it names them.
    """
    if limit is not None and limit < len(items):
        items = [items[i * len(items) // limit] for i in range(limit)]
    need = len(items) * channels * size * size
    if need > MAX_BYTES:
        raise GancourseError(
            f"{len(items)} images at {size} px take {need / 2**30:.1f} GiB, over the limit of "
            f"{MAX_BYTES / 2**30:.1f} GiB. Take a smaller size, or limit=…"
        )

    def read(item) -> torch.Tensor | str:
        _, file, half = item
        try:
            return decode(file, size, channels, half)
        except MemoryError:
            raise
        except Exception as error:  # Pillow's readers raise a dozen kinds on a corrupt file
            return f"{type(error).__name__}: {error}"

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # Pillow decodes without the GIL
        results = list(pool.map(read, items))
    pixels, names, skipped = [], [], []
    for (name, _, _), result in zip(items, results, strict=True):
        if isinstance(result, str):
            skipped.append((name, result))
        else:
            pixels.append(result)
            names.append(name)
    check_bad(skipped, len(items), items[0][1].parent)
    return torch.stack(pixels), names, skipped


def check_bad(skipped: Sequence[tuple[str, str]], total: int, folder) -> None:
    """Raise ``GancourseError`` when more than 5 % of ``total`` files are in ``skipped``."""
    if len(skipped) > MAX_BAD * total:
        shown = "; ".join(f"{name} ({reason})" for name, reason in skipped[:5])
        raise GancourseError(
            f"{len(skipped)} of {total} files in {folder} cannot be read as pictures, more than "
            f"{MAX_BAD:.0%}: {shown}{' …' if len(skipped) > 5 else ''}. Move what is no picture "
            "elsewhere, save what is one as JPEG or PNG, or get the files again."
        )


def decode(file, size: int | None, channels: int = 3, half: str | None = None) -> torch.Tensor:
    """One picture file, a path or an open binary file, as (channels, H, W) uint8.

    ``size``: the middle square, resized to size x size by antialiased bicubic; None leaves the
    picture as it is. ``half``: "left" or "right" of a paired picture, cut first.
    Raises OSError, ValueError or SyntaxError when the file is no picture that can be read.
    """
    with open_picture(file) as opened:
        opened.load()
        ImageOps.exif_transpose(opened, in_place=True)
        picture = _to_mode(opened, "L" if channels == 1 else "RGB")
    if half:
        middle = picture.width // 2
        left = 0 if half == "left" else picture.width - middle
        picture = picture.crop((left, 0, left + middle, picture.height))
    if size is not None:
        picture = ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC)
    array = np.array(picture)
    return torch.from_numpy(array[None] if channels == 1 else array.transpose(2, 0, 1).copy())


def open_picture(file) -> Image.Image:
    """The picture in ``file``, a path or an open binary file, its pixels not read yet.

    Raises OSError or ValueError for what is no plain file, none of ``FORMATS``, or too large.
    """
    if isinstance(file, str | os.PathLike):
        found = os.stat(file)
        if not stat.S_ISREG(found.st_mode):
            raise OSError("not a plain file")  # a pipe would be waited for
        if found.st_size == 0:
            raise OSError("the file is empty")
    try:
        picture = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ValueError(f"not one of {', '.join(FORMATS)}") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"more than {MAX_PIXELS // 10**6} million pixels") from error
    width, height = picture.size
    if width * height > MAX_PIXELS:
        picture.close()
        raise ValueError(f"{width} x {height}: more than {MAX_PIXELS // 10**6} million pixels")
    if max(width, height) > MAX_ASPECT * min(width, height):
        picture.close()
        raise ValueError(f"{width} x {height}: one side is over {MAX_ASPECT} times the other")
    return picture


def _to_mode(picture: Image.Image, mode: str) -> Image.Image:
    """Grey or RGB at 8 bits, whatever came (see the module's text)."""
    if picture.mode.startswith("I"):  # 16-bit grey; Pillow's own convert() would clip at 255
        values = np.asarray(picture).astype(np.int32)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("grey values beyond 16 bits: no agreed range")
        picture = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if picture.mode == "F":
        raise ValueError("float pixels: no agreed range")
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    if picture.mode == mode:
        return picture
    return picture.convert("RGB").convert(mode)


# Which files


def set_files(entry: Entry, where: Path, part: str | None, split: str) -> list[Path]:
    """The pictures of one part and split of a catalog's set in ``where``, by name in a folder."""
    pattern = entry.pattern.format(part=part)
    train = where / entry.train.format(part=part or "")
    if entry.test is None:
        keys = _split_keys(entry, where)
        found = list_files(train, pattern)
        return [f for f in found if in_split(keys.get(f.name, f.name), split)]
    test = where / entry.test.format(part=part)
    folders = {"all": (train, test), "train": (train,), "test": (test,)}[split]
    return [file for place in folders for file in list_files(place, pattern)]


def _split_keys(entry: Entry, where: Path) -> dict[str, str]:
    """File name → piece of metal, over all parts, of a set that is split by pieces."""
    if not entry.piece_gap:
        return {}
    places = [where / entry.train.format(part=part) for part in entry.parts]
    names = [f.name for place in places for f in place.glob(entry.pattern) if _is_picture(f)]
    return dict(zip(names, pieces.by_gap(names, entry.piece_gap), strict=True))


def list_files(folder: Path, pattern: str = "*") -> list[Path]:
    """Pictures in ``folder`` whose names match ``pattern``, sorted; hidden ones are left out.

    Raises ``DataNotFound``, listing what is there, when the folder is missing, misnamed (such as
    ``train/A`` for ``trainA``) or holds no match.
    """
    found = sorted(file for file in folder.glob(pattern) if _is_picture(file))
    if found:
        return found
    wanted = f"Expected pictures in {folder}" + ("" if pattern == "*" else f" named {pattern}")
    reason = "there are none" if folder.is_dir() else "there is no such folder"
    raise DataNotFound(f"{wanted}, but {reason}. {inventory(folder)}")


def picture_files(folder: Path) -> list[Path]:
    """Pictures in ``folder`` and below, sorted by path; hidden files and folders are left out.

    Raises ``DataNotFound`` for a folder that may not be read.
    """

    def refuse(error: OSError):
        raise DataNotFound(f"{error.filename} cannot be read: {error.strerror}.") from error

    found = []
    for where, below, names in os.walk(folder, onerror=refuse):
        below[:] = [name for name in below if not name.startswith(".")]
        found += [file for name in names if _is_picture(file := Path(where, name))]
    return sorted(found)


def _is_picture(file: Path) -> bool:
    """By its name: one of ``SUFFIXES``, and not hidden."""
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".")


def inventory(folder: Path, most: int = 8) -> str:
    """What lies in ``folder``, or nearest above it, two levels deep: a line for an error."""
    folder = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    inside = sorted(p for p in folder.glob("*") if not p.name.startswith("."))
    deeper = [q for p in inside if p.is_dir() for q in sorted(p.glob("*")) if q.is_dir()]
    show = [p.relative_to(folder).as_posix() + "/" * p.is_dir() for p in inside]
    text = ", ".join(show[:most]) + (f", … ({len(show)} in all)" if len(show) > most else "")
    nested = ", ".join(q.relative_to(folder).as_posix() + "/" for q in deeper[:most])
    return f"Found in {folder}: {text or 'nothing'}" + (f"; and {nested}" if nested else "") + "."
