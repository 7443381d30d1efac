"""Square crops of steel by Cloudera's rules: around defects, and of clean steel.

A defect lies wholly inside its crop and roughly in the middle; a crop never leaves the picture,
stays off its dark margins, and admits most defects, not the few extraordinarily wide ones; a clean
crop touches no defect.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image

from gancourse.data import images
from gancourse.errors import GancourseError
from gancourse_lab.defects import CLEAN, Sheet

DARK = 20 / 255  # mean grey of a column below which it is the margin beside the strip, not steel
TRIES = 30  # places that are tried for a clean crop


def steel_span(image: torch.Tensor, dark: float = DARK) -> tuple[int, int]:
    """First and one past the last column of (C, H, W) uint8 that is steel, not dark margin.

    (0, 0) when every column is dark.
    """
    bright = (image.float().mean((0, 1)) / 255 >= dark).nonzero()
    return (int(bright[0]), int(bright[-1]) + 1) if len(bright) else (0, 0)


def crop_size(boxes: torch.Tensor, admit: float = 0.95, multiple: int = 16) -> int:
    """The side of a square crop that holds the share ``admit`` of the boxes (n, 4).

    Most defects, not the few extraordinarily wide ones; rounded up to a ``multiple``.
    Raises ``GancourseError`` where there is no box.
    """
    if not len(boxes):
        raise GancourseError("There is no defect to take the size of a crop from.")
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
    at = place(box, size, (0, height), span, off_centre)
    return None if isinstance(at, str) else at


def place(box, size: int, rows, span, off_centre: float = 0.25) -> tuple[int, int] | str:
    """Left and top of the crop around ``box`` as in ``crop_at``, or why there is none.

    The crop lies within ``rows`` and columns ``span``, each (first, one past the last).
    """
    corner = []
    for low, high, (first, end) in ((box[0], box[2], span), (box[1], box[3], rows)):
        if size > end - first:
            return "the steel is narrower than a crop"
        if high - low > size:
            return "the defect is wider than a crop"
        start = min(max(round((low + high - size) / 2), first), end - size)
        if low < start or high > start + size:
            return "the defect lies on an edge or in a dark margin"
        far = abs((low + high) / 2 - (start + size / 2)) > off_centre * size
        if end - first > size and far:
            return "the defect would be far from the middle"
        corner.append(start)
    return corner[0], corner[1]


@dataclass(frozen=True)
class Rule:
    """How crops are cut: ``size`` pixels a side, resized to ``pixels``.

    ``size`` 0 takes the short side of each picture's steel. A crop stays ``edge`` pixels off the
    picture's edges. ``per_defect``: one crop a defect, or only the largest that can be cut out of a
    picture. ``clean``: crops without a defect that are taken from a picture, ``clean_from`` "clean"
    pictures or "all".
    """

    size: int = 0
    pixels: int = 64
    off_centre: float = 0.25
    edge: int = 0
    per_defect: bool = True
    clean: int = 1
    clean_from: str = "clean"
    seed: int = 0


@dataclass
class Crops:
    """What was cut: pictures (N, 1, pixels, pixels) uint8, their kinds, names and pieces.

    ``refused`` counts defects and clean places by the reason why they got no crop, ``problems``
    are (file, row, reason) of what could not be read.
    """

    images: torch.Tensor
    kinds: list[str]
    names: list[str]
    pieces: list[str]
    refused: Counter = field(default_factory=Counter)
    problems: list[tuple[str, int, str]] = field(default_factory=list)

    def __str__(self) -> str:
        """Counts of what was taken and of what was not, a line each."""
        lines = [f"{n} {kind}" for kind, n in sorted(Counter(self.kinds).items())]
        lines += [f"{n} refused: {why}" for why, n in self.refused.most_common()]
        return "\n".join([*lines, f"{len(self.problems)} could not be read"])


def cut(sheets: Sequence[Sheet], rule: Rule = Rule()) -> Crops:
    """All crops of ``sheets`` by ``rule``, in their order.

    Raises ``GancourseError`` where no crop is left, with the reasons counted.
    """

    def one(sheet: Sheet) -> tuple:
        try:
            grey = images.decode(sheet.file, None, 1)
        except (OSError, ValueError, SyntaxError) as error:
            return [], Counter(), (sheet.file.name, 0, f"cannot be read: {error}")
        return *_of_sheet(sheet, grey, rule), None

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # Pillow works without the GIL
        found = list(pool.map(one, sheets))
    refused, problems = Counter(), [problem for *_, problem in found if problem]
    for _, reasons, _ in found:
        refused += reasons
    taken = [crop for crops, *_ in found for crop in crops]
    if not taken:
        counted = "; ".join(f"{n}: {why}" for why, n in refused.most_common()) or "no picture"
        raise GancourseError(
            f"No crop was cut from {len(sheets)} pictures ({counted}). Take another size, or a "
            "larger off_centre."
        )
    pixels, kinds, names, groups = zip(*taken, strict=True)
    stacked = torch.from_numpy(np.stack(pixels))[:, None]
    return Crops(stacked, list(kinds), list(names), list(groups), refused, problems)


def _of_sheet(sheet: Sheet, grey: torch.Tensor, rule: Rule) -> tuple[list[tuple], Counter]:
    """(pixels, kind, name, piece) of the crops of one sheet, and what it refused."""
    height, width = sheet.size
    edge, (first, end) = rule.edge, steel_span(grey)
    span, rows = (max(first, edge), min(end, width - edge)), (edge, height - edge)
    size = rule.size or max(1, min(span[1] - span[0], rows[1] - rows[0]))
    places, refused = [], Counter()
    areas = (sheet.boxes[:, 2:] - sheet.boxes[:, :2]).prod(1)
    for i in np.argsort(-areas, kind="stable"):
        at = place(sheet.boxes[i], size, rows, span, rule.off_centre)
        if isinstance(at, str):
            refused[at] += 1
        elif rule.per_defect or not places:
            places.append((sheet.kinds[i], at))
    if rule.clean_from == "all" or not len(sheet.boxes):
        rng = np.random.default_rng([rule.seed, *sheet.file.name.encode()])
        for _ in range(rule.clean):
            at = clean_place(sheet, size, rows, span, rng)
            if at is None:
                refused["no place without a defect"] += 1
            else:
                places.append((CLEAN, at))
    crops = []
    for number, (kind, (left, top)) in enumerate(places):
        part = Image.fromarray(grey[0, top : top + size, left : left + size].numpy())
        if size != rule.pixels:
            part = part.resize((rule.pixels, rule.pixels), Image.Resampling.BICUBIC)
        crops.append((np.asarray(part), kind, f"{sheet.file.stem}-{number}", sheet.piece))
    return crops, refused


def clean_place(sheet: Sheet, size: int, rows, span, rng) -> tuple[int, int] | None:
    """A random left and top where a crop touches no defect's box; None where none is found."""
    free = span[1] - span[0] - size, rows[1] - rows[0] - size
    if min(free) < 0:
        return None
    x0, y0, x1, y1 = sheet.boxes.T
    for _ in range(TRIES):
        left = span[0] + int(rng.integers(free[0] + 1))
        top = rows[0] + int(rng.integers(free[1] + 1))
        touches = (x0 < left + size) & (x1 > left) & (y0 < top + size) & (y1 > top)
        if not touches.any():
            return left, top
    return None
