"""Bounding boxes of defects, from Pascal VOC files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import torch

from gancourse.data.images import open_picture, square_geometry


def voc_boxes(file: Path) -> torch.Tensor:
    """The boxes of a Pascal VOC file, (n, 4) float: x0, y0, x1, y1 in pixels, x1 and y1 outside.

    VOC counts pixels from 1 and includes the last one, hence x0 = xmin - 1 and x1 = xmax.
    """
    spans = [
        [float(box.findtext(tag)) for tag in ("xmin", "ymin", "xmax", "ymax")]
        for box in ElementTree.parse(file).iter("bndbox")
    ]
    return torch.tensor(spans).reshape(-1, 4) - torch.tensor([1.0, 1.0, 0.0, 0.0])


def boxes_of(files: Sequence[Path], size: int) -> list[torch.Tensor]:
    """Boxes of NEU-DET pictures in pixels of the size x size crop that ``load`` returns.

    Reads ``ANNOTATIONS/<name>.xml`` beside ``IMAGES``; boxes are cut at the border of the crop and
    dropped when nothing is left. A picture without an annotation file has no boxes.
    """
    boxes = []
    for file in files:
        xml = file.parent.parent / "ANNOTATIONS" / f"{file.stem}.xml"
        found = voc_boxes(xml) if xml.is_file() else torch.zeros(0, 4)
        with open_picture(file) as picture:
            wide, high, left, top = square_geometry(*picture.size, size)
            scale = torch.tensor([wide / picture.width, high / picture.height]).repeat(2)
        moved = (found * scale - torch.tensor([left, top, left, top])).clamp(0, size)
        boxes.append(moved[(moved[:, 2] > moved[:, 0]) & (moved[:, 3] > moved[:, 1])])
    return boxes
