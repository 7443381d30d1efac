"""Unpack a downloaded archive as if it were hostile, and check files against SHA-256 manifests."""

from __future__ import annotations

import hashlib
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from gancourse.errors import GancourseError

MAX_BYTES = 4 * 2**30  # unpacked; the largest set of the course has 0.12 GB
MAX_ENTRIES = 50_000


class BadArchive(GancourseError):
    """An archive that is broken, or that tries to write where or what it should not."""


def unpack(
    archive: Path,
    into: Path,
    folders: dict[str, str],
    max_bytes: int = MAX_BYTES,
    max_entries: int = MAX_ENTRIES,
) -> int:
    """Take the files of ``folders`` out of a zip or tar; returns how many.

    ``folders`` maps a folder of the archive, below its one top folder, to a folder under ``into``;
    only plain files that lie directly in one of them are written, so a repository's other content
    stays inside. Raises ``BadArchive`` on absolute or climbing paths, on links and devices, on two
    files of one name, beyond ``max_bytes`` or ``max_entries`` in all, and on an archive that cannot
    be read.
    """
    done, left = 0, max_bytes
    try:
        for number, (name, size, plain, source) in enumerate(_members(archive), start=1):
            left -= max(size, 0)  # readers give no more than is declared; skipping costs too
            if number > max_entries or left < 0:
                raise BadArchive(
                    f"{archive.name} unpacks to more than {max_bytes / 2**20:.0f} MB or "
                    f"{max_entries} files: stopped, nothing is kept."
                )
            target = _target(name, folders, archive)
            if target is None:
                continue
            if not plain:
                raise BadArchive(f"{archive.name} holds a link or device, {name!r}: not unpacked.")
            (into / target).parent.mkdir(parents=True, exist_ok=True)
            with source() as reader, open(into / target, "xb") as writer:
                shutil.copyfileobj(reader, writer)
            done += 1
    except FileExistsError as error:
        raise BadArchive(f"{archive.name} holds {error.filename} twice: not unpacked.") from error
    except (GancourseError, MemoryError):
        raise
    except Exception as error:  # zipfile, tarfile, zlib, gzip and lzma have no common error
        if isinstance(error, OSError) and error.errno:
            raise  # the disk's fault, not the archive's
        text = f"{archive.name} cannot be unpacked ({type(error).__name__}: {error})."
        raise BadArchive(text) from error
    return done


def _members(archive: Path) -> Iterator[tuple[str, int, bool, Callable[[], IO[bytes]]]]:
    """(name, declared size, whether a plain file, how to open it) of each non-folder."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where made on Windows
                if not info.is_dir():
                    read = partial(opened.open, info)
                    yield info.filename, info.file_size, kind in (0, stat.S_IFREG), read
        return
    with tarfile.open(archive) as opened:
        for member in opened:
            if not member.isdir():
                yield member.name, member.size, member.isreg(), partial(opened.extractfile, member)


def _target(name: str, folders: dict[str, str], archive: Path) -> PurePosixPath | None:
    """Where a member goes below the target folder, or None when it is none of ours."""
    path = PurePosixPath(name)
    inside = "/".join(path.parts[1:-1])
    ours = inside in folders
    if path.is_absolute() or ".." in path.parts or (ours and set(path.name) & set("\\:\0")):
        raise BadArchive(f"{archive.name} wants to write to {name!r}: not unpacked.")
    ours = ours and not path.name.startswith(".")
    return PurePosixPath(folders[inside]) / path.name if ours else None


def sha256(file: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def manifest(folder: Path, inside: Iterable[str]) -> str:
    """What `sha256sum` prints for the visible files of the folders ``inside`` ``folder``."""
    files = [f for name in set(inside) for f in (folder / name).glob("*") if f.is_file()]
    visible = [f for f in files if not f.name.startswith(".")]
    names = sorted(f.relative_to(folder).as_posix() for f in visible)
    return "".join(f"{sha256(folder / name)}  {name}\n" for name in names)


def differences(have: str, want: str) -> list[str]:
    """How one manifest differs from the one wanted: missing, changed and extra files."""
    found, wanted = ({n: h for h, n in map(str.split, text.splitlines())} for text in (have, want))
    return (
        [f"missing: {n}" for n in wanted if n not in found]
        + [f"changed: {n}" for n in wanted if n in found and found[n] != wanted[n]]
        + [f"not in the set: {n}" for n in found if n not in wanted]
    )
