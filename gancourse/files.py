"""Files that appear whole or not at all, and bytes that tell when they were damaged."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from gancourse.errors import GancourseError


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
    Raises OSError where nothing can be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # not its whole name: with the rest it would be too long where that name just fits
    temporary = path.with_name(f".{path.name[:40]}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


DIGEST = hashlib.sha256().digest_size


def sealed(data: bytes | memoryview) -> bytes:
    """``data`` and behind it its SHA-256: neither zip nor safetensors notice a flipped bit."""
    return bytes(data) + hashlib.sha256(data).digest()


def unsealed(data: bytes) -> bytes | None:
    """What was ``sealed``; None where the bytes are not those that were."""
    inner, digest = data[:-DIGEST], data[-DIGEST:]
    return inner if hashlib.sha256(inner).digest() == digest else None
