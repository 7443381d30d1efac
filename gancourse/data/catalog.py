"""What data there is: whose it is, where it can be had, and how its folders are laid out.

``catalog.toml`` holds the entries.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gancourse.errors import among


@dataclass(frozen=True)
class Entry:
    """One data set, or one file of weights.

    ``folders`` maps a folder of the archive (below its top folder) to one of ours; nothing else is
    taken out. ``train`` and ``test`` are our folders, ``{part}`` standing for the part; ``test``
    None means no official split, so ``images.held_out`` makes one from the file name, or, with a
    ``piece_gap``, from the piece of metal that ``pieces.by_gap`` finds. ``halves`` says which half
    of a paired picture a part is. ``megabytes`` is about the size on disk, None if not known;
    ``urls`` are tried in turn, ``sha256`` is that of the file there, where it is known; ``how``
    says how to get a set that needs an account. ``digest`` is the SHA-256 of the manifest
    ``manifests/<name>.sha256``: one comparison checks a whole download.
    """

    name: str
    about: str
    licence: str
    citation: str
    page: str
    files: int
    megabytes: int | None = None
    urls: Sequence[str] = ()
    sha256: str | None = None
    digest: str | None = None
    folders: dict[str, str] = field(default_factory=dict)
    file: str | None = None
    how: str = ""
    parts: Sequence[str] = ()
    train: str = "train{part}"
    test: str | None = None
    pattern: str = "*"
    halves: dict[str, str] = field(default_factory=dict)
    piece_gap: int = 0

    @property
    def checked(self) -> str:
        """What its files are compared with."""
        if self.digest:
            return "per file"
        return "by hash" if self.file else "no manifest"

    @property
    def how_to_get(self) -> str:
        """What a user can do to get it."""
        if self.how:
            return self.how
        return (
            f"Run `gancourse data fetch {self.name}` where there is a network, or get it by hand "
            f"from {self.page} and set GANCOURSE_DATA to the folder that holds "
            f"{self.file or self.name + '/'} (data/README.md shows the layout)."
        )


_TEXT = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
ALL = {name: Entry(name, **row) for name, row in tomllib.loads(_TEXT).items()}
CATALOG = {name: entry for name, entry in ALL.items() if not entry.file}  # the sets of pictures


def find(name: str, entries: dict[str, Entry] = CATALOG) -> Entry:
    """The entry called ``name``, in any case; raises ``UnknownName`` with the nearest word."""
    return entries[among("data set", name, entries)]
