"""Pictures: from files of any kind to one uint8 tensor, and from there to what networks see.

Stored images are ``(N, C, H, W)`` uint8; networks see float in [-1, 1].

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
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from gancourse.errors import GancourseError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
SUFFIXES = set(".jpg .jpeg .jpe .jfif .png .webp .bmp .tif .tiff .gif .ppm .pgm .pbm .pnm".split())
SUFFIXES |= {".heic", ".heif", ".avif", ".jxl", ".jp2"}  # not in FORMATS: named as unread
MAX_PIXELS = 50_000_000  # of one picture: 0.2 GB decoded, and four are decoded at a time
MAX_ASPECT = 1000  # all but a thousandth of a longer strip would be cut off
STRIP = 8  # a picture longer than so many times its short side is cut before it is resized
MAX_BYTES = 2 * 2**30  # of decoded pixels held at once; horse2zebra at 256 px takes 0.5 GB
MAX_BAD = 0.05  # more unreadable files than this means a broken copy, not a stray file
SYSTEM_FILES = {"thumbs.db", "desktop.ini"}  # with hidden files: what desktops leave behind
Pair = tuple[str, str]  # (file, reason)


class DataNotFound(GancourseError, FileNotFoundError):
    """The pictures asked for are not where they were looked for; the text says what was found."""


def to_float(images: torch.Tensor) -> torch.Tensor:
    """uint8 in [0, 255] -> float32 in [-1, 1], the range of a tanh generator. Any shape."""
    return images.float() / 127.5 - 1


def to_uint8(images: torch.Tensor) -> torch.Tensor:
    """Float in [-1, 1] -> uint8 in [0, 255], rounded; values outside are clamped. Any shape.

    ``to_uint8(to_float(x))`` is ``x`` for each of the 256 values.
    """
    return ((images.detach().float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def held_out(name: str) -> bool:
    """Whether a file belongs to the held-out quarter: a fixed hash of its name decides.

    sha256(name), first 8 bytes as a big-endian integer / 2**64 < 0.25. The name alone decides, so
    a new download, another order of files or another machine never moves a picture.
    """
    return (
        int.from_bytes(hashlib.sha256(name.encode(errors="surrogateescape")).digest()[:8], "big")
        / 2**64
        < 0.25
    )


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pictures of one set, part and split.

    ``images`` is (N, C, H, W) uint8, ``names`` the N file names, ``labels`` (N,) long into
    ``classes`` or None, ``truth`` ground truth by name (tensors whose first dimension is N),
    ``boxes`` N float tensors (n, 4) of x0, y0, x1, y1 in pixels of ``images``, or None, and
    ``skipped`` the files that could not be read, each with its reason.
    """

    images: torch.Tensor
    names: list[str]
    name: str
    part: str | None = None
    split: str = "all"
    source: str = "real"
    labels: torch.Tensor | None = None
    classes: tuple[str, ...] = ()
    truth: dict[str, torch.Tensor] = field(default_factory=dict)
    boxes: list[torch.Tensor] | None = None
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self):
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise GancourseError(
                f"ImageSet {self.name!r} takes uint8 images (N, C, H, W), not "
                f"{self.images.dtype} {tuple(self.images.shape)}; to_uint8() converts."
            )
        sizes = {"names": len(self.names), **{k: len(v) for k, v in self.truth.items()}}
        sizes |= {"labels": len(self.labels)} if self.labels is not None else {}
        sizes |= {"boxes": len(self.boxes)} if self.boxes is not None else {}
        wrong = {k: n for k, n in sizes.items() if n != len(self.images)}
        if wrong:
            raise GancourseError(f"{len(self.images)} images, but other counts: {wrong}.")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def caption(self) -> str:
        """What a figure or a number shows: ``226 real NEU-DET scratches, 128 px, train split``."""
        split = "" if self.split == "all" else f", {self.split} split"
        height, width = self.images.shape[-2:]
        size = f"{height}" if height == width else f"{height}x{width}"
        return f"{len(self)} {self.source} {self.name} {self.part or 'images'}, {size} px{split}"

    def to(self, device: torch.device | str) -> ImageSet:
        """The same set with images, labels and ground truth on ``device``."""
        move = {k: v.to(device) for k, v in self.truth.items()}
        labels = None if self.labels is None else self.labels.to(device)
        return replace(self, images=self.images.to(device), labels=labels, truth=move)

    def floats(self, index=None) -> torch.Tensor:
        """Images (all, or those of ``index``) as (n, C, H, W) float32 in [-1, 1]."""
        return to_float(self.images if index is None else self.images[index])

    @property
    def device(self) -> torch.device:
        """Where the images are held."""
        return self.images.device

    def batches(self, indices):
        """For each index tensor (n,) of ``indices`` its images (n, C, H, W) uint8."""
        for index in indices:
            yield self.images[index.to(self.device)]

    def subset(self, index) -> ImageSet:
        """The pictures of ``index`` (a slice, a list, or a tensor of integers or booleans)."""
        at = torch.arange(len(self))[index.cpu() if torch.is_tensor(index) else index].reshape(-1)
        there = at.to(self.images.device)
        return replace(
            self,
            images=self.images[there],
            names=[self.names[i] for i in at],
            labels=None if self.labels is None else self.labels[at.to(self.labels.device)],
            truth={k: v[at.to(v.device)] for k, v in self.truth.items()},
            boxes=None if self.boxes is None else [self.boxes[i] for i in at],
        )

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the shape and the pixels: equal content, equal fingerprint."""
        digest = hashlib.sha256(repr(tuple(self.images.shape)).encode())
        digest.update(self.images.cpu().contiguous().numpy())
        return digest.hexdigest()


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


def decode(file, size: int | None, channels: int = 3, half: str | None = None) -> torch.Tensor:
    """One picture file, a path or an open binary file, as (channels, H, W) uint8.

    ``size``: short side to ``size`` by antialiased bicubic, then a centre crop to size x size;
    None leaves it as it is. ``half``: "left" or "right" of a paired picture, cut first.
    Raises OSError, ValueError or SyntaxError when the file is no picture that can be read.
    """
    with open_picture(file) as opened:
        opened.load()
        ImageOps.exif_transpose(opened, in_place=True)
        picture = _to_mode(opened, "L" if channels == 1 else "RGB")
    if half:
        middle = picture.width // 2
        spans = {"left": (0, middle), "right": (picture.width - middle, picture.width)}
        picture = picture.crop((spans[half][0], 0, spans[half][1], picture.height))
    picture = fit_square(picture, size) if size else picture
    array = np.array(picture)
    return torch.from_numpy(array[None] if channels == 1 else array.transpose(2, 0, 1).copy())


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


def square_geometry(width: int, height: int, size: int) -> tuple[int, int, int, int]:
    """(new width, new height, left, top) of the resize and the centre crop to size x size."""
    short = min(width, height)
    new = max(size, round(width * size / short)), max(size, round(height * size / short))
    return *new, (new[0] - size) // 2, (new[1] - size) // 2


def fit_square(picture: Image.Image, size: int, how=Image.Resampling.BICUBIC) -> Image.Image:
    """Short side to ``size``, centre crop to size x size. Pillow's bicubic is antialiased.

    Of a strip only the middle is resized: 1 x 1000 pixels would become size x 1000 size.
    """
    longest = STRIP * min(picture.size)
    if max(picture.size) > longest:
        left = max(0, (picture.width - longest) // 2)
        top = max(0, (picture.height - longest) // 2)
        picture = picture.crop((left, top, picture.width - left, picture.height - top))
    width, height, left, top = square_geometry(*picture.size, size)
    if picture.size != (width, height):
        picture = picture.resize((width, height), how)
    return picture.crop((left, top, left + size, top + size))


def list_files(folder: str | Path, pattern: str = "*") -> list[Path]:
    """Files in ``folder`` that match ``pattern``, sorted by name; hidden files are left out.

    Raises ``DataNotFound``, listing what is there, when the folder is missing, misnamed (such as
    ``train/A`` for ``trainA``) or holds no match.
    """
    folder = Path(folder)
    visible = sorted(p for p in folder.glob("*") if not p.name.startswith("."))
    files = [p for p in visible if not p.is_dir() and p.name.lower() not in SYSTEM_FILES]
    found = [p for p in files if p.match(pattern)]
    if found:
        return found
    wanted = f"Expected pictures in {folder}" + ("" if pattern == "*" else f" named {pattern}")
    if not folder.is_dir():
        near = next(p for p in folder.parents if p.is_dir())
        raise DataNotFound(f"{wanted}, but there is no such folder. {inventory(near)}")
    raise DataNotFound(f"{wanted}, but there are none. {inventory(folder)}")


def picture_files(folder: Path) -> list[Path]:
    """Files with one of ``SUFFIXES`` in ``folder`` and below, sorted by path; hidden ones left out.

    Raises ``DataNotFound`` for a folder that may not be read.
    """

    def refuse(error: OSError):
        raise DataNotFound(f"{error.filename} cannot be read: {error.strerror}.") from error

    found = []
    for where, below, names in os.walk(folder, onerror=refuse):
        below[:] = [name for name in below if not name.startswith(".")]
        visible = [Path(where, name) for name in names if not name.startswith(".")]
        found += [file for file in visible if file.suffix.lower() in SUFFIXES]
    return sorted(found)


def inventory(folder: Path, most: int = 8) -> str:
    """What lies in ``folder``, two levels deep, in one line for an error message."""
    inside = sorted(p for p in folder.glob("*") if not p.name.startswith("."))
    deeper = [q for p in inside if p.is_dir() for q in sorted(p.glob("*")) if q.is_dir()]
    show = [p.relative_to(folder).as_posix() + "/" * p.is_dir() for p in inside]
    text = ", ".join(show[:most]) + (f", … ({len(show)} in all)" if len(show) > most else "")
    nested = ", ".join(q.relative_to(folder).as_posix() + "/" for q in deeper[:most])
    return f"Found in {folder}: {text or 'nothing'}" + (f"; and {nested}" if nested else "") + "."


def _attempt(one: Callable, item) -> torch.Tensor | str:
    try:
        return one(item)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise a dozen kinds on a corrupt file
        return f"{type(error).__name__}: {error}"


def check_bad(skipped: Sequence[Pair], total: int, folder) -> None:
    """Raise ``GancourseError`` when more than 5 % of ``total`` files are in ``skipped``."""
    if len(skipped) > MAX_BAD * total:
        shown = "; ".join(f"{name} ({reason})" for name, reason in skipped[:5])
        raise GancourseError(
            f"{len(skipped)} of {total} files in {folder} cannot be read as pictures, more than "
            f"{MAX_BAD:.0%}: {shown}{' …' if len(skipped) > 5 else ''}. Move what is no picture "
            "elsewhere, save what is one as JPEG or PNG, or get the files again."
        )


def load_files(items: Sequence[tuple[Path, str | None]], size: int, channels: int = 3):
    """Decode (file, half) pairs: (images (N, C, size, size) uint8, indices read, skipped).

    Raises ``GancourseError`` beyond ``MAX_BYTES`` of pixels (use ``Stream`` then), and when more
    than 5 % of the files cannot be read; it names them.
    """
    need = len(items) * channels * size * size
    if need > MAX_BYTES:
        raise GancourseError(
            f"{len(items)} images at {size} px take {need / 2**30:.1f} GiB, over the limit of "
            f"{MAX_BYTES / 2**30:.1f} GiB. Use data.Stream(files, size), a smaller size, or limit=…"
        )

    def read(item):
        file, half = item
        return _attempt(partial(decode, size=size, channels=channels, half=half), file)

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # Pillow decodes without the GIL
        results = list(pool.map(read, items))
    kept, skipped = [], []
    for index, result in enumerate(results):
        if torch.is_tensor(result):
            kept.append(index)
        else:
            skipped.append((items[index][0].name, result))
    check_bad(skipped, len(items), items[0][0].parent)
    return torch.stack([results[index] for index in kept]), kept, skipped


class Stream(torch.utils.data.Dataset):
    """Pictures of a set of any size, decoded when they are asked for.

    ``Batches`` takes it in an ``ImageSet``'s place: each batch is read from disk, by a torch
    ``DataLoader`` with ``workers`` processes. Broken files are left out of their batch and listed
    in ``skipped``; more than 5 % of them in one pass raise ``GancourseError``.
    """

    device = torch.device("cpu")

    def __init__(self, files: Sequence[Path], size: int, channels: int = 3, workers: int = 0):
        self.files, self.size, self.channels, self.workers = list(files), size, channels, workers
        self.skipped: list[Pair] = []

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int):
        read = partial(decode, size=self.size, channels=self.channels)
        return self.files[index].name, _attempt(read, self.files[index])

    def batches(self, indices: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
        """For each index tensor (n,) of ``indices`` its images (n, channels, size, size) uint8."""
        self.skipped = []
        loader = torch.utils.data.DataLoader(
            self,
            batch_sampler=[index.tolist() for index in indices],
            num_workers=self.workers,
            collate_fn=_collate,
            generator=torch.Generator(),  # its worker seeds must not come from the global stream
        )
        for batch, unread in loader:
            self.skipped += unread
            check_bad(self.skipped, len(self), self.files[0].parent)
            if batch is not None:
                yield batch

    def fingerprint(self) -> str:
        """SHA-256 (hex) over names, bytes on disk and the decoded shape: reads no picture."""
        listed = [(file.name, file.stat().st_size) for file in self.files]
        return hashlib.sha256(repr((self.size, self.channels, listed)).encode()).hexdigest()


def _collate(items):
    """Stack what was read; pass on (name, reason) of what was not."""
    good = [image for _, image in items if torch.is_tensor(image)]
    bad = [(name, reason) for name, reason in items if not torch.is_tensor(reason)]
    return (torch.stack(good) if good else None), bad
