"""Files that appear whole or not at all, and bytes that tell when they were damaged."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replaced(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to; at the end it takes the place of ``path``.

    Its folder is made. After an error ``path`` is as it was, and the temporary file is gone.
    Raises OSError where nothing can be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
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
