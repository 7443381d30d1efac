"""What data there is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import unknown

NEU_CLASSES = ("crazing", "inclusion", "patches", "pitted_surface", "rolled-in_scale", "scratches")
MT_CLASSES = ("MT_Blowhole", "MT_Break", "MT_Crack", "MT_Fray", "MT_Free", "MT_Uneven")


@dataclass(frozen=True)
class Entry:
    """One data set: what it is, whose it is, where it is, and how its folders are laid out.

    ``train`` and ``test`` are folders, in which ``{part}`` stands for the part; ``test`` None means
    no official split, so ``images.held_out`` makes one from ``split_key``.
    """

    name: str
    parts: tuple[str, ...]
    train: str
    test: str | None = None
    pattern: str = "*"
    halves: dict[str, str] = field(default_factory=dict)
    split_key: str = r"(.+)"
    boxes: bool = False
    stand_ins: int = 256  # how many the stand-in makes where no limit is given

    def key(self, file: Path) -> str:
        """The text whose hash decides the split: the file's name, or the number of a tile."""
        return re.search(self.split_key, file.name)[1]


CATALOG = {
    e.name: e
    for e in (
        Entry("NEU-DET", NEU_CLASSES, "IMAGES", pattern="{part}_*", boxes=True),
        Entry("grumpifycat", ("A", "B"), "train{part}"),
        Entry("horse2zebra", ("A", "B"), "train{part}", "test{part}"),
        Entry(
            "facades",
            ("photo", "label"),
            "train",
            "val",
            halves={"photo": "left", "label": "right"},
        ),
        Entry("magnetic-tile", MT_CLASSES, "{part}", pattern="*.jpg", split_key=r"(\d+)\.\w+$"),
        Entry("severstal-steel-defect-detection", (), "train_images", pattern="*.jpg"),
    )
}


def find(name: str) -> Entry:
    """The entry called ``name``, in any case; raises ``UnknownName`` with the nearest word."""
    lowered = {key.lower(): entry for key, entry in CATALOG.items()}
    if str(name).lower() not in lowered:
        raise unknown("data set", name, CATALOG)
    return lowered[str(name).lower()]
