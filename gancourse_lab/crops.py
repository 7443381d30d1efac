"""Crops of steel: boxes, masks, where the strip ends, squares around defects."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from PIL import Image, ImageOps

from gancourse.data.images import open_picture
from gancourse.errors import GancourseError

STRIP = (256, 1600)  # height and width of a Severstal strip
STRIP_CLASSES = 4
DARK = 20 / 255  # mean grey of a column below which it is the margin beside the strip, not steel


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


def box_mask(boxes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """True for each pixel whose centre lies in one of the boxes (n, 4), as (1, H, W) bool."""
    y, x = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    inside_x = (x >= boxes[:, 0, None]) & (x < boxes[:, 2, None])  # (n, W)
    inside_y = (y >= boxes[:, 1, None]) & (y < boxes[:, 3, None])  # (n, H)
    return (inside_y[:, :, None] & inside_x[:, None, :]).any(0, keepdim=True)


def steel_span(image: torch.Tensor, dark: float = DARK) -> tuple[int, int]:
    """First and one past the last column of (C, H, W) uint8 that is steel, not dark margin.

    (0, 0) when every column is dark.
    """
    bright = (image.float().mean((0, 1)) / 255 >= dark).nonzero()
    return (int(bright[0]), int(bright[-1]) + 1) if len(bright) else (0, 0)


def crop_size(boxes: torch.Tensor, admit: float = 0.95, multiple: int = 16) -> int:
    """The side of a square crop that holds the share ``admit`` of the boxes (n, 4).

    Most defects, not the few extraordinarily wide ones; rounded up to a ``multiple``.
    """
    longest = (boxes[:, 2:] - boxes[:, :2]).amax(1).sort().values
    side = float(longest[max(0, int(np.ceil(admit * len(longest))) - 1)])
    return int(np.ceil(side / multiple)) * multiple


def crop_at(
    box: Sequence[float], size: int, height: int, span: tuple[int, int], off_centre: float = 0.25
) -> tuple[int, int] | None:
    """Left and top of the size x size crop around a defect, by Cloudera's rule, or None.

    The defect lies wholly inside its crop and roughly in the middle: its centre at most
    ``off_centre`` x size away from the crop's, except along a side on which the crop fills the
    image. The crop lies within rows 0 to ``height`` and columns ``span`` (see ``steel_span``).
    """
    corner = []
    for low, high, (first, end) in (
        (box[0], box[2], span),
        (box[1], box[3], (0, height)),
    ):
        if size > end - first or high - low > size:
            return None
        start = min(max(round((low + high - size) / 2), first), end - size)
        free = end - first > size
        far = abs((low + high) / 2 - (start + size / 2)) > off_centre * size
        if low < start or high > start + size or (free and far):
            return None
        corner.append(start)
    return corner[0], corner[1]


def rle_decode(text: str, height: int, width: int) -> torch.Tensor:
    """The (H, W) bool mask of a run-length text; raises ``GancourseError`` if it does not fit."""
    try:
        runs = np.array(text.split(), dtype=np.int64).reshape(-1, 2)
    except ValueError as error:
        raise GancourseError(f"Not a run-length mask: {text[:40]!r}.") from error
    if len(runs) and (runs.min() < 1 or runs.sum(1).max() > height * width + 1):
        raise GancourseError(f"A run-length mask leaves its {height}x{width} image: {text[:40]!r}.")
    flat = np.zeros(height * width, bool)
    for start, length in runs:
        flat[start - 1 : start - 1 + length] = True
    return torch.from_numpy(flat.reshape(width, height).T.copy())


def read_train_csv(file: Path) -> dict[str, dict[int, str]]:
    """Severstal's ``train.csv``: picture -> {class 1..4: run-length text}, defective ones only."""
    masks: dict[str, dict[int, str]] = {}
    with open(file, newline="") as opened:
        for row in csv.DictReader(opened):
            if row["EncodedPixels"]:
                masks.setdefault(row["ImageId"], {})[int(row["ClassId"])] = row["EncodedPixels"]
    return masks


def strip_masks(files: Sequence[Path], size: int) -> torch.Tensor:
    """(N, 4, size, size) bool masks of Severstal strips, cut like the pictures of ``data.load``."""
    known = read_train_csv(files[0].parent.parent / "train.csv")
    masks = torch.zeros(len(files), STRIP_CLASSES, size, size, dtype=torch.bool)
    for i, file in enumerate(files):
        for kind, text in known.get(file.name, {}).items():
            mask = Image.fromarray(rle_decode(text, *STRIP).numpy()).convert("L")
            masks[i, kind - 1] = _square(mask, size)
    return masks


def tile_masks(files: Sequence[Path], size: int) -> torch.Tensor:
    """(N, 1, size, size) bool masks of magnetic tiles; a tile without a mask has no defect."""
    masks = torch.zeros(len(files), 1, size, size, dtype=torch.bool)
    for i, file in enumerate(files):
        png = file.with_suffix(".png")
        if png.is_file():
            with open_picture(png) as mask:
                masks[i, 0] = _square(mask.convert("L").point(lambda v: 255 * (v > 127)), size)
    return masks


def _square(mask: Image.Image, size: int) -> torch.Tensor:
    """(size, size) bool: True wherever a defect (255) touches the pixel, so that none is lost."""
    return torch.from_numpy(np.array(ImageOps.fit(mask, (size, size), Image.Resampling.BOX)) > 0)
