"""Severstal's masks as text: pairs of start and length, pixels counted from 1 down the columns."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gancourse.data import DataNotFound
from gancourse.errors import GancourseError
from gancourse_standins import rle_encode as encode

__all__ = ["Table", "decode", "encode", "read_table"]

STRIP = (256, 1600)  # height and width of a Severstal strip
STRIP_CLASSES = 4


def decode(text: str, height: int, width: int) -> np.ndarray:
    """The (height, width) bool mask of a run-length ``text``; "" is an empty one.

    Raises ``GancourseError`` for an odd count of numbers, what is no number, runs that leave the
    picture, that are out of order, or that overlap. Runs may touch.
    """
    try:
        numbers = np.array([int(word) for word in text.split()], dtype=np.int64)
    except (ValueError, OverflowError):
        raise _refused(text, "not numbers") from None
    if len(numbers) % 2:
        raise _refused(text, f"an odd count of numbers, {len(numbers)}")
    starts, lengths = numbers[::2] - 1, numbers[1::2]
    if len(numbers) and (starts.min() < 0 or lengths.min() < 1 or lengths.max() > height * width):
        raise _refused(text, "a start or a length below 1, or a run longer than the picture")
    ends = starts + lengths
    if len(numbers) and ends.max() > height * width:
        raise _refused(text, f"a run leaves the picture of {height}x{width}")
    if (starts[1:] < starts[:-1]).any():
        raise _refused(text, "the runs are not in order")
    if (starts[1:] < ends[:-1]).any():
        raise _refused(text, "two runs overlap")
    down = np.zeros(height * width, bool)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        down[start:end] = True
    return down.reshape(width, height).T  # a view: the copy would cost as much as all the rest


def _refused(text: str, reason: str) -> GancourseError:
    shown = text if len(text) <= 40 else text[:37] + "…"
    return GancourseError(f"No run-length mask, {reason}: {shown!r}.")


@dataclass
class Table:
    """What a ``train.csv`` holds: picture → class 1..4 → mask as text; and the rows refused."""

    masks: dict[str, dict[int, str]] = field(default_factory=dict)
    problems: list[tuple[str, int, str]] = field(default_factory=list)  # file, row, reason


def read_table(file: Path, shape: tuple[int, int] = STRIP) -> Table:
    """Severstal's ``train.csv``, defective pictures only, every mask tried out on ``shape``.

    A row that is wrong is named in ``problems`` (rows count from 1, the header is 1), and the rest
    is read. Raises ``GancourseError`` for a file that cannot be read or lacks a column.
    """
    if not Path(file).is_file():
        raise DataNotFound(f"There is no table {file}; Severstal's train.csv stands there.")
    table = Table()
    try:
        with open(file, newline="", encoding="utf-8") as opened:
            rows = csv.DictReader(opened)
            lacking = {"ImageId", "ClassId", "EncodedPixels"} - set(rows.fieldnames or ())
            if lacking:
                raise GancourseError(f"{file} lacks the column {', '.join(sorted(lacking))}.")
            for row in rows:
                _take(table, file.name, rows.line_num, row, shape)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise GancourseError(f"{file} is no table that can be read: {error}.") from error
    return table


def _take(table: Table, name: str, line: int, row: dict, shape: tuple[int, int]) -> None:
    """One row into ``table``, or among its problems."""
    text, kind = row["EncodedPixels"], row["ClassId"]
    if not text:
        return
    try:
        if kind not in map(str, range(1, STRIP_CLASSES + 1)):
            raise GancourseError(f"The class is {kind!r}, not 1 to {STRIP_CLASSES}.")
        decode(text, *shape)
        masks = table.masks.setdefault(row["ImageId"], {})
        if int(kind) in masks:
            raise GancourseError(f"{row['ImageId']} has a mask of class {kind} already.")
        masks[int(kind)] = text
    except GancourseError as error:
        table.problems.append((name, line, str(error)))
