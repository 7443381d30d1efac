"""Which pictures show one piece of metal: no split may tear a piece apart.

What the makers do not say is read from the numbers in the file names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from gancourse.errors import GancourseError

BLOCK = 20  # of NEU-DET: neighbours by number come from one strip


def by_gap(names: Sequence[str], gap: int) -> list[str]:
    """The piece of each name: numbers at most ``gap`` apart are one piece, across all names.

    Magnetic tiles: ``exp1_num_3667`` to ``exp6_num_3789`` are one tile under six exposures. No
    number comes twice, so the number itself groups nothing. The piece is its smallest number.
    """
    numbers = [_number(name) for name in names]
    piece, last, pieces = 0, None, {}
    for number in sorted(set(numbers)):
        if last is None or number - last > gap:
            piece = number
        pieces[number], last = f"{piece}", number
    return [pieces[number] for number in numbers]


def by_block(names: Sequence[str], block: int = BLOCK) -> list[str]:
    """The piece of each name: ``block`` numbers in a row, from 1, are one, each prefix by itself.

    NEU-DET: ``scratches_1`` to ``scratches_20``, such as ``scratches 0``.
    """
    prefixes = [re.split(r"_?\d+$", PurePath(name).stem)[0] for name in names]
    return [
        f"{prefix} {(_number(name) - 1) // block}"
        for prefix, name in zip(prefixes, names, strict=True)
    ]


def _number(name: str) -> int:
    """The last number in a file's name, its suffix aside."""
    found = re.search(r"(\d+)\D*$", PurePath(name).stem)
    if not found:
        raise GancourseError(f"{name} has no number in its name to tell its piece of metal by.")
    return int(found[1])
