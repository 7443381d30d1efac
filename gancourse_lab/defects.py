"""Where defects lie, by the three layouts: boxes (NEU-DET), masks (tiles), run lengths (Severstal).

A ``Sheet`` is a picture file with its defects. What is wrong with one is listed by file and row,
and the rest is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from PIL import Image, ImageOps
from scipy import ndimage

from gancourse.data import catalog, images, pieces
from gancourse.data.images import open_picture
from gancourse.errors import GancourseError
from gancourse_lab import run_lengths
from gancourse_lab.run_lengths import STRIP, STRIP_CLASSES

JOIN = 4  # pixels: parts of a mask that are at most twice as far apart are one defect
CLEAN = "clean"


@dataclass(frozen=True, eq=False)
class Sheet:
    """A picture file, its piece of metal, and its defects: ``boxes`` (n, 4) and their ``kinds``.

    ``size`` is (height, width). ``mask`` (height, width) is True on defects, where masks are known.
    Boxes are x0, y0, x1, y1 in pixels, x1 and y1 outside.
    """

    file: Path
    size: tuple[int, int]
    piece: str
    boxes: np.ndarray
    kinds: list[str]
    mask: np.ndarray | None = None


@dataclass
class Sheets:
    """The sheets of a layout, and the (file, row, reason) of what was wrong; row 0: the file."""

    sheets: list[Sheet] = field(default_factory=list)
    problems: list[tuple[str, int, str]] = field(default_factory=list)

    def refuse(self, file: Path, row: int, reason: object) -> None:
        """Put a problem on the list."""
        self.problems.append((file.name, row, str(reason)))


def voc_boxes(file: Path) -> torch.Tensor:
    """The boxes of a Pascal VOC file, (n, 4) float: x0, y0, x1, y1 in pixels, x1 and y1 outside.

    VOC counts pixels from 1 and includes the last one, hence x0 = xmin - 1 and x1 = xmax.
    Raises ``GancourseError`` for a file that is no XML, and for a box that has no area.
    """
    boxes = []
    try:
        for box in ElementTree.parse(file).iter("bndbox"):
            found = [box.findtext(tag, "") for tag in ("xmin", "ymin", "xmax", "ymax")]
            boxes.append(_corners(found))
    except (OSError, ValueError, LookupError, SyntaxError) as error:  # ParseError is a SyntaxError
        raise GancourseError(
            f"{file} is no annotation that can be read ({error}). Mend it, or take it away: a "
            "picture without one has no boxes."
        ) from error
    return torch.tensor(boxes).reshape(-1, 4)


def _corners(texts: list[str]) -> list[float]:
    """x0, y0, x1, y1 of a VOC box; raises ``ValueError`` for what is none."""
    try:
        left, top, right, bottom = map(float, texts)
    except ValueError:
        raise ValueError(f"a box of {texts}") from None
    # up to 1e6 a float32 tells pixels apart; nan compares as False
    if not 0 <= left <= right <= 1e6 or not 0 <= top <= bottom <= 1e6:
        raise ValueError(f"a box from ({left:g}, {top:g}) to ({right:g}, {bottom:g})")
    return [left - 1, top - 1, right, bottom]


def boxes_of(files: Sequence[Path], size: int) -> list[torch.Tensor]:
    """Boxes of NEU-DET pictures in pixels of the size x size crop that ``data.load`` returns.

    Reads ``ANNOTATIONS/<name>.xml`` beside ``IMAGES``; boxes are cut at the border of the crop and
    dropped when nothing is left. A picture without an annotation file has no boxes.
    """
    boxes = []
    for file in files:
        xml = file.parent.parent / "ANNOTATIONS" / f"{file.stem}.xml"
        found = voc_boxes(xml) if xml.is_file() else torch.zeros(0, 4)
        with open_picture(file) as picture:
            width, height = picture.size
        short = min(width, height)
        corner = torch.tensor([(width - short) / 2, (height - short) / 2]).repeat(2)
        moved = ((found - corner) * size / short).clamp(0, size)
        boxes.append(moved[(moved[:, 2] > moved[:, 0]) & (moved[:, 3] > moved[:, 1])])
    return boxes


def neu_sheets(where: Path, part: str = "") -> Sheets:
    """NEU-DET in the folder ``where``; ``part`` is one class, "" all.

    A box that is inverted or leaves its picture is a problem, its row the number of the object in
    the file; pieces are blocks of neighbours (``gancourse.data.pieces``).
    """
    found = Sheets()
    entry = catalog.find("NEU-DET")
    for file in images.list_files(where / entry.train, entry.pattern.format(part=part or "*")):
        size = _size_of(file, found)
        if size is None:
            continue
        boxes, kinds = [], []
        xml = where / "ANNOTATIONS" / f"{file.stem}.xml"
        for row, kind, corners in _objects(xml, found):
            try:
                boxes.append(_inside(_corners(corners), size))
                kinds.append(kind)
            except ValueError as error:
                found.refuse(xml, row, error)
        array = np.array(boxes, np.float32).reshape(-1, 4)
        (piece,) = pieces.by_block([file.name])
        found.sheets.append(Sheet(file, size, piece, array, kinds))
    return found


def _objects(xml: Path, found: Sheets) -> list[tuple[int, str, list[str]]]:
    """(row, class, four texts) of each object of a VOC file; a file that is none is a problem."""
    if not xml.is_file():
        return []
    try:
        every = list(ElementTree.parse(xml).iter("object"))
    except (OSError, ValueError, LookupError, SyntaxError) as error:
        found.refuse(xml, 0, f"no annotation that can be read ({error})")
        return []
    tags = [f"bndbox/{tag}" for tag in ("xmin", "ymin", "xmax", "ymax")]
    return [
        (row, each.findtext("name", ""), [each.findtext(tag, "") for tag in tags])
        for row, each in enumerate(every, 1)
    ]


def _inside(box: list[float], size: tuple[int, int]) -> list[float]:
    """``box``, cut by the pixel that counting from 0 costs; raises ``ValueError`` beyond that."""
    height, width = size
    if box[2] > width + 1 or box[3] > height + 1:
        raise ValueError(f"a box to ({box[2]:g}, {box[3]:g}) in a picture of {width}x{height}")
    return [max(box[0], 0), max(box[1], 0), min(box[2], width), min(box[3], height)]


def tile_sheets(where: Path) -> Sheets:
    """Magnetic tiles in the folder ``where``: pixel masks, one piece for a tile's exposures.

    A mask that is missing, empty or of another size than its tile is a problem: the tile is left
    out, because what is no defect in it cannot be told.
    """
    found, entry = Sheets(), catalog.find("magnetic-tile")
    files = [
        (part, file)
        for part in entry.parts
        for file in images.list_files(where / entry.train.format(part=part), entry.pattern)
    ]
    groups = pieces.by_gap([file.name for _, file in files], entry.piece_gap)
    for (part, file), piece in zip(files, groups, strict=True):
        size = _size_of(file, found)
        if size is None:
            continue
        mask, kind = np.zeros(size, bool), part.removeprefix("MT_").lower()
        if part != "MT_Free":
            try:
                mask = _read_mask(file.with_suffix(".png"), size)
            except (OSError, ValueError, SyntaxError) as error:
                found.refuse(file, 0, error)
                continue
        boxes = boxes_in(mask)
        found.sheets.append(Sheet(file, size, piece, boxes, [kind] * len(boxes), mask))
    return found


def _read_mask(png: Path, size: tuple[int, int]) -> np.ndarray:
    """A tile's mask; raises ``ValueError`` for one that is missing, empty or of another size."""
    if not png.is_file():
        raise ValueError(f"its mask {png.name} is missing")
    with open_picture(png) as picture:
        mask = np.asarray(picture.convert("L")) > 127
    if mask.shape != size:
        raise ValueError(
            f"its mask has {mask.shape[1]}x{mask.shape[0]} px, the picture {size[1]}x{size[0]}"
        )
    if not mask.any():
        raise ValueError("its mask is empty")
    return mask


def strip_sheets(where: Path) -> Sheets:
    """Severstal's layout in the folder ``where``; every strip is a piece of its own.

    Rows are those of ``train.csv``. A picture that the table has and the folder lacks is a problem,
    and so is one of another size than its masks.
    """
    table = run_lengths.read_table(where / "train.csv")
    found = Sheets(problems=table.problems)
    files = images.list_files(where / "train_images", "*.jpg")
    for name in sorted(set(table.masks) - {file.name for file in files}):
        found.refuse(Path(name), 0, "in train.csv, but not in train_images")
    for file in files:
        size = _size_of(file, found)
        if size is None:
            continue
        if size != STRIP:
            found.refuse(file, 0, f"{size[1]}x{size[0]} px, not {STRIP[1]}x{STRIP[0]}")
            continue
        mask, boxes, kinds = np.zeros(size, bool), [], []
        for kind, text in table.masks.get(file.name, {}).items():
            one = run_lengths.decode(text, *size)
            mask |= one
            boxes.append(boxes_in(one))
            kinds += [f"class {kind}"] * len(boxes[-1])
        array = np.concatenate([np.zeros((0, 4), np.float32), *boxes])
        found.sheets.append(Sheet(file, size, file.stem, array, kinds, mask))
    return found


def boxes_in(mask: np.ndarray, join: int = JOIN) -> np.ndarray:
    """The boxes (n, 4) of the defects in a bool mask; parts near each other are one defect."""
    grown = ndimage.binary_dilation(mask, iterations=join) if join else mask
    labels = np.where(mask, ndimage.label(grown)[0], 0)
    found = [slices for slices in ndimage.find_objects(labels) if slices]
    corners = [(x.start, y.start, x.stop, y.stop) for y, x in found]
    return np.array(corners, np.float32).reshape(-1, 4)


def _size_of(file: Path, found: Sheets) -> tuple[int, int] | None:
    """Height and width from the header; None, and a problem, for what is no picture."""
    try:
        with open_picture(file) as picture:
            return picture.height, picture.width
    except (OSError, ValueError, SyntaxError) as error:
        found.refuse(file, 0, f"cannot be read: {error}")
        return None


def strip_masks(files: Sequence[Path], size: int) -> torch.Tensor:
    """(N, 4, size, size) bool masks of Severstal strips, cut like the pictures of ``data.load``."""
    known = run_lengths.read_table(files[0].parent.parent / "train.csv").masks
    masks = torch.zeros(len(files), STRIP_CLASSES, size, size, dtype=torch.bool)
    for i, file in enumerate(files):
        for kind, text in known.get(file.name, {}).items():
            mask = Image.fromarray(run_lengths.decode(text, *STRIP)).convert("L")
            masks[i, kind - 1] = _square(mask, size)
    return masks


def _square(mask: Image.Image, size: int) -> torch.Tensor:
    """(size, size) bool: True wherever a defect (255) touches the pixel, so that none is lost."""
    return torch.from_numpy(np.array(ImageOps.fit(mask, (size, size), Image.Resampling.BOX)) > 0)
