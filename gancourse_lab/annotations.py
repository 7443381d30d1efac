"""Pictures with boxes as a detector's code reads them: Pascal VOC's XML, and COCO's JSON.

Boxes are x0, y0, x1, y1 in whole pixels from 0, x1 and y1 outside. VOC counts from 1 and includes
the last pixel; COCO has x, y, width and height from 0.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePath
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image
from torch import Tensor

from gancourse import files
from gancourse.errors import GancourseError

VOC = PurePath("VOCdevkit", "VOC2012")  # where torchvision's VOCDetection looks, year 2012
PICTURES = VOC / "JPEGImages"  # it reads .jpg there, and nothing else
COCO = "coco.json"
BOX = ("xmin", "ymin", "xmax", "ymax")


def write(
    folder: str | Path,
    pictures: Tensor,
    names: Sequence[str],
    boxes: Sequence,
    kinds: Sequence[Sequence[str]],
    image_set: str = "train",
) -> Path:
    """Write ``pictures`` (N, 1 or 3, H, W) uint8 into the new ``folder``, in both layouts.

    ``boxes`` and ``kinds``: of each picture (n, 4) and n words, n may be 0. Returns ``folder``:
    ``VOCDetection(folder, image_set=...)`` reads it, and ``CocoDetection(folder, folder /
    "coco.json")``. It appears whole or not at all. Raises ``GancourseError`` for a folder that is
    there, and for a picture's name or box that cannot be written, by the picture's name.
    """
    folder = files.path_of(folder)
    if folder.exists():
        raise GancourseError(f"{folder} is there already. Choose a new folder.")
    if not len(pictures) == len(names) == len(boxes) == len(kinds):
        counts = f"{len(pictures)}, {len(names)}, {len(boxes)} and {len(kinds)}"
        raise GancourseError(f"{counts} pictures, names, boxes and kinds: give one of each.")
    stems = _stems(names)
    size = tuple(pictures.shape[-2:])
    rows = [
        (stem, checked(stem, one, words, size), list(words))
        for stem, one, words in zip(stems, boxes, kinds, strict=True)
    ]
    files.folder(folder.parent)
    with files.writing(folder):
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name[:40]}.", dir=folder.parent))
        try:
            _fill(made, pictures.cpu(), rows, image_set)
            made.chmod(0o755)  # mkdtemp's is for its owner alone
            os.replace(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return folder


def _stems(names: Sequence[str]) -> list[str]:
    """The names as files have them; raises for one that VOC's list cannot hold, or that is twice.

    A folder before the name is left out, as ``picture_folder`` does it.
    """
    stems = [PurePath(name).name for name in names]
    odd = [stem for stem in stems if not re.fullmatch(r"[\w.-]+", stem)]
    if odd:
        raise GancourseError(
            f"{odd[0]!r} is no name of a picture here: take letters, digits, '.', '-' and '_'."
        )
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise GancourseError(f"{twice[0]!r} names two pictures. Give each its own name.")
    return stems


def checked(name: str, boxes, kinds: Sequence[str], size: tuple[int, int]) -> np.ndarray:
    """The boxes (n, 4) of picture ``name`` as whole numbers; ``size`` is (height, width).

    Raises ``GancourseError`` for one that has no area, leaves the picture, is not in whole pixels,
    or has no kind.
    """
    found = np.asarray(boxes, float).reshape(-1, 4)
    if len(found) != len(kinds):
        raise GancourseError(f"{name}: {len(found)} boxes and {len(kinds)} kinds. Give one each.")
    height, width = size
    for x0, y0, x1, y1 in found:
        what = f"{name}: the box from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g})"
        # put so that nan fails, too
        if not (x0 < x1 and y0 < y1):
            raise GancourseError(f"{what} has no area. Give left, top, right, bottom.")
        if not (x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height):
            raise GancourseError(f"{what} leaves its picture of {width}x{height}. Cut it there.")
        if any(value != round(value) for value in (x0, y0, x1, y1)):
            raise GancourseError(f"{what} is not in whole pixels. Round it outwards.")
    return found.astype(int)


def _fill(folder: Path, pictures: Tensor, rows: list[tuple], image_set: str) -> None:
    """Both layouts in the empty ``folder``; ``rows`` are (name, boxes, kinds)."""
    lists = folder / VOC / "ImageSets" / "Main"
    for place in (folder / PICTURES, folder / VOC / "Annotations", lists):
        place.mkdir(parents=True)
    for picture, (name, boxes, kinds) in zip(pictures, rows, strict=True):
        pixels = picture[0] if len(picture) == 1 else picture.permute(1, 2, 0)
        grey_or_rgb = Image.fromarray(pixels.contiguous().numpy())
        grey_or_rgb.save(folder / PICTURES / f"{name}.jpg", quality=95)
        xml = voc_text(name, tuple(picture.shape), boxes, kinds)
        (folder / VOC / "Annotations" / f"{name}.xml").write_text(xml, encoding="utf-8")
    names = "".join(f"{name}\n" for name, _, _ in rows)
    (lists / f"{image_set}.txt").write_text(names, encoding="utf-8")
    text = json.dumps(coco(rows, tuple(pictures.shape[-2:])), indent=1)
    (folder / COCO).write_text(text, encoding="utf-8")


def voc_text(name: str, shape: tuple[int, int, int], boxes, kinds: Sequence[str]) -> str:
    """The XML of one picture of ``shape`` (channels, height, width)."""
    depth, height, width = shape
    parts = [
        f"<filename>{escape(name)}.jpg</filename>",
        f"<size><width>{width}</width><height>{height}</height><depth>{depth}</depth></size>",
        *[voc_object(kind, box) for kind, box in zip(kinds, boxes, strict=True)],
    ]
    return "<annotation>\n" + "".join(f"  {part}\n" for part in parts) + "</annotation>\n"


def voc_object(kind: str, box: Sequence[int]) -> str:
    """A VOC object: pixels count from 1, the last one included."""
    corners = zip(BOX, (box[0] + 1, box[1] + 1, box[2], box[3]), strict=True)
    inside = "".join(f"<{tag}>{value}</{tag}>" for tag, value in corners)
    return f"<object><name>{escape(kind)}</name><bndbox>{inside}</bndbox></object>"


def coco(rows: Sequence[tuple], size: tuple[int, int]) -> dict:
    """COCO's annotation of all pictures: ``rows`` of (name, boxes, kinds), ``size`` (H, W)."""
    words = sorted({kind for _, _, kinds in rows for kind in kinds})
    number = {word: i for i, word in enumerate(words, 1)}
    pictures, found = [], []
    for i, (name, boxes, kinds) in enumerate(rows, 1):
        file = (PICTURES / f"{name}.jpg").as_posix()
        pictures.append({"id": i, "file_name": file, "width": size[1], "height": size[0]})
        for (x0, y0, x1, y1), kind in zip(np.asarray(boxes).tolist(), kinds, strict=True):
            box = [x0, y0, x1 - x0, y1 - y0]
            one = {"id": len(found) + 1, "image_id": i, "category_id": number[kind], "bbox": box}
            found.append(one | {"area": box[2] * box[3], "iscrowd": 0})
    kinds = [{"id": number[word], "name": word} for word in words]
    return {"images": pictures, "annotations": found, "categories": kinds}
