"""What of the catalog is on this machine, where, and whether it is as published."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from gancourse.data import archive, catalog
from gancourse.data.catalog import Entry
from gancourse.data.files import DataNotFound

MANIFESTS = Path(__file__).parents[2] / "data" / "manifests"  # only in a checkout


@dataclass(frozen=True)
class Check:
    """The outcome of ``verify``: ``ok`` True or False, or None when there is nothing to compare."""

    ok: bool | None
    text: str


def cache_folder() -> Path:
    """$GANCOURSE_CACHE, else the platform's cache folder for this package."""
    if os.environ.get("GANCOURSE_CACHE"):
        return Path(os.environ["GANCOURSE_CACHE"]).expanduser()
    import pooch

    return Path(pooch.os_cache("gancourse"))


def place(entry: Entry, base: Path) -> Path:
    """Where ``entry`` lies below a data folder or the cache."""
    return base / (entry.file or entry.name)


def look(entry: Entry, root: str | Path | None = None) -> Path | None:
    """Where ``entry`` lies: in ``root`` or $GANCOURSE_DATA, else in the cache; None if nowhere.

    Raises ``DataNotFound`` when the folder named by ``root`` or $GANCOURSE_DATA does not exist:
    a misspelt path must not quietly turn into stand-ins.
    """
    where = root or os.environ.get("GANCOURSE_DATA")
    bases = [Path(where).expanduser()] if where else []
    if bases and not bases[0].is_dir():
        said = "root" if root else "GANCOURSE_DATA"
        raise DataNotFound(f"{said} names {bases[0]}, which is not a folder. Mend or unset it.")
    places = [place(entry, base) for base in (bases if root else [*bases, cache_folder()])]
    return next((found for found in places if found.exists()), None)


def path(name: str) -> Path:
    """The folder of a set (or the file of weights) on this machine; ``DataNotFound`` if none."""
    entry = catalog.find(name, catalog.ALL)
    found = look(entry)
    if found is None:
        raise DataNotFound(f"{entry.name} is not on this machine. {how_to_get(entry)}")
    return found


def how_to_get(entry: Entry) -> str:
    """What a user can do to get ``entry``."""
    if entry.how:
        return entry.how
    return (
        f"Run `gancourse data fetch {entry.name}` where there is a network, or get it by hand from "
        f"{entry.page} and set GANCOURSE_DATA to the folder that holds "
        f"{entry.file or entry.name + '/'} (data/README.md shows the layout)."
    )


def verify(name: str, folder: str | Path | None = None) -> Check:
    """Compare a set's files with their published SHA-256, file by file.

    ``folder``: where the set lies; None looks for it (``DataNotFound`` if it is nowhere).
    """
    entry = catalog.find(name, catalog.ALL)
    where = Path(folder) if folder else path(name)
    if entry.file:
        good = archive.sha256(where) == entry.mirrors[0].sha256
        return Check(good, f"{where}: {'as published' if good else 'not the published bytes'}.")
    have = archive.manifest(where, entry.folders.values())
    count = have.count("\n")
    if entry.digest is None:
        return Check(None, f"{entry.name}: {count} files in {where}; no manifest to check against.")
    if hashlib.sha256(have.encode()).hexdigest() == entry.digest:
        return Check(True, f"{entry.name}: all {count} files in {where} are as published.")
    known = MANIFESTS / f"{entry.name}.sha256"
    wrong = archive.differences(have, known.read_text()) if known.is_file() else []
    shown = "; ".join(wrong[:5]) + (f"; … ({len(wrong)} in all)" if len(wrong) > 5 else "")
    text = (
        shown or f"{count} files, {entry.files} published; data/manifests/ of a checkout says which"
    )
    return Check(False, f"{entry.name} in {where} is not the published set: {text}.")


def table() -> list[dict[str, object]]:
    """One row a set for people: name, about, megabytes, licence, citation, page, checked, here."""
    return [
        {
            "name": entry.name,
            "about": entry.about,
            "megabytes": entry.megabytes,
            "licence": entry.licence,
            "citation": entry.citation,
            "page": entry.page,
            "checked": "per file" if entry.digest else "by hash" if entry.file else "no manifest",
            "here": str(look(entry) or ""),
        }
        for entry in catalog.ALL.values()
    ]
