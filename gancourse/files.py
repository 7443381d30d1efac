"""Files that appear whole or not at all, and bytes that tell when they were damaged."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import filelock

from gancourse.errors import GancourseError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NotWritten(GancourseError):
    """A file or folder that the disk did not take; ``reason`` says why."""

    def __init__(self, path: str | Path, reason: str):
        super().__init__(
            f"Could not write {path}: {reason}. Make room, or choose a folder that can be written "
            "to."
        )
        self.reason = reason


@contextlib.contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """What the disk refuses inside is raised as ``NotWritten`` of ``path``."""
    try:
        yield
    except OSError as error:
        if isinstance(error, GancourseError):  # such as data that are not found: says it itself
            raise
        raise NotWritten(path, error.strerror or str(error)) from error


def folder(path: str | Path) -> Path:
    """The folder ``path``, made if need be; raises ``NotWritten`` where that cannot be."""
    with writing(path):
        Path(path).mkdir(parents=True, exist_ok=True)
    return Path(path)


def path_of(path: str | Path) -> Path:
    """``path`` with ~ expanded, whether anything is there or not.

    Raises ``GancourseError`` for what no file system takes: ~ of somebody unknown, a name that is
    too long, a folder above it that may not be entered.
    """
    try:
        found = Path(path).expanduser()
        found.exists()
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise GancourseError(f"{str(path)!r} cannot be looked for: {reason}.") from error
    return found


@contextlib.contextmanager
def replaced(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to; at the end it takes the place of ``path``.

    Its folder is made. After an error ``path`` is as it was, and the temporary file is gone.
    Raises ``NotWritten`` where nothing can be written; a library that writes by other means than
    Python's has other errors, so let it make bytes for ``write``.
    """
    path = Path(path)
    folder(path.parent)
    # not its whole name: with the rest it would be too long where that name just fits
    temporary = path.with_name(f".{path.name[:40]}.{os.getpid()}.tmp")
    try:
        with writing(path):
            yield temporary
            os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write(path: str | Path, data: bytes | str) -> Path:
    """Write ``path`` whole or not at all, text as UTF-8; raises ``NotWritten``."""
    with replaced(path) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)
    return Path(path)


def check_room(place: str | Path, needed: float) -> None:
    """Raise ``NotWritten`` unless the disk of ``place``, made or not, has ``needed`` bytes."""
    place = Path(place)
    there = next(p for p in (place, *place.absolute().parents) if p.exists())
    with writing(place):
        disk = shutil.disk_usage(there)
    if disk.total and disk.free < needed:  # some network disks tell neither
        free, wanted = disk.free / 1e6, needed / 1e6
        raise NotWritten(place, f"{free:,.1f} MB are free there, and {wanted:,.1f} MB are needed")


@contextlib.contextmanager
def alone(place: str | Path) -> Iterator[None]:
    """Hold the lock of the folder ``place``, which is made; it ends with this process.

    Raises ``GancourseError`` where another process holds it, ``NotWritten`` as ``folder``.
    """
    lock = filelock.FileLock(folder(place) / ".lock", timeout=0)
    with writing(place):
        try:
            lock.acquire()
        except filelock.Timeout:  # an OSError, too
            raise GancourseError(
                f"Another process writes to {place}. Wait for its end, or choose another folder."
            ) from None
    try:
        yield
    finally:
        lock.release()


DIGEST = hashlib.sha256().digest_size


def sealed(data: bytes | memoryview) -> bytes:
    """``data`` and behind it its SHA-256: neither zip nor safetensors notice a flipped bit."""
    return bytes(data) + hashlib.sha256(data).digest()


def unsealed(data: bytes) -> bytes | None:
    """What was ``sealed``; None where the bytes are not those that were."""
    inner, digest = data[:-DIGEST], data[-DIGEST:]
    return inner if hashlib.sha256(inner).digest() == digest else None
