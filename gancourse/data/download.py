"""Find a set on this machine, or fetch it: mirrors in turn, checked before it becomes visible."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gancourse.data import archive, catalog
from gancourse.data.catalog import Entry, Mirror
from gancourse.data.files import DataNotFound
from gancourse.data.store import cache_folder, how_to_get, path, place, table, verify
from gancourse.errors import GancourseError

__all__ = ["DownloadError", "NoConnection", "automatic", "fetch", "path", "table", "verify"]

TIMEOUT = (10, 60)  # seconds to connect, and without a byte, when the user asked for a download
IMPATIENT = (4, 20)  # when load(source="auto") only tries
MAX_DOWNLOAD = 2 * 2**30  # bytes; a server that never stops sending is cut off here
LOCK_WAIT = 3600  # seconds to wait for another process that is downloading the same set
log = logging.getLogger("gancourse")
_failed: dict[str, str] = {}  # what automatic downloads failed on in this process; "*": offline


class DownloadError(DataNotFound):
    """A set could not be fetched; the text says from where, why, and what to do."""

    reason = ""  # the first half of the text, to be remembered


class NoConnection(DownloadError):
    """Not one of the mirrors could be reached."""


def automatic(entry: Entry) -> Path | None:
    """Try to download for ``load()``: quickly, and once per process; None when that failed.

    Without a try when $GANCOURSE_OFFLINE is set or the set needs an account; ``why_not`` says why.
    """
    if why_not(entry):
        return None
    try:
        return fetch(entry.name, timeout=IMPATIENT, tries=1)
    except GancourseError as error:
        reason = getattr(error, "reason", "") or str(error)
        _failed["*" if isinstance(error, NoConnection) else entry.name] = reason
        log.info("%s", error)
        return None


def why_not(entry: Entry) -> str:
    """Why ``automatic`` does not try to download; empty when it would."""
    if not entry.mirrors:
        return "It cannot be downloaded without an account."
    if os.environ.get("GANCOURSE_OFFLINE", "0") not in ("", "0"):
        return "GANCOURSE_OFFLINE is set, so nothing was downloaded."
    return _failed.get(entry.name) or _failed.get("*", "")


def fetch(
    name: str, *, again: bool = False, timeout: tuple[float, float] = TIMEOUT, tries: int = 2
) -> Path:
    """Download a set into the cache, unless it is there; returns its folder (or file).

    Every mirror is tried ``tries`` times. The download and what is unpacked from it live in a
    hidden folder beside the target until all checks have passed, and then appear in one rename:
    an interruption leaves nothing, and another process that wants the same set waits for this one.
    ``again`` replaces what is in the cache. Raises ``DownloadError``, or ``GancourseError`` for a
    full disk or a folder that may not be written to.
    """
    entry = catalog.find(name, catalog.ALL)
    target = place(entry, cache_folder())
    if target.exists() and not again:
        return target
    if not entry.mirrors:
        raise DataNotFound(f"{entry.name} cannot be downloaded from here. {entry.how}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(entry, target.parent):
            if again or not target.exists():  # it may have come while we waited
                _fetch_into(entry, target, timeout, tries)
    except GancourseError:
        raise
    except OSError as error:
        raise _disk_error(entry, target, error) from error
    return target


@contextmanager
def _only_one(entry: Entry, folder: Path) -> Iterator[None]:
    """A lock that holds across processes; it goes when its process ends, however that ends."""
    import filelock

    try:
        with filelock.FileLock(folder / f".{entry.name}.lock", timeout=LOCK_WAIT):
            yield
    except filelock.Timeout as error:
        raise DownloadError(
            f"Another process has been fetching {entry.name} into {folder} for {LOCK_WAIT} s. "
            "Wait for it, or end it."
        ) from error


def _fetch_into(entry: Entry, target: Path, timeout: tuple[float, float], tries: int) -> None:
    """Fill ``target`` from the first mirror whose files pass; holds the lock of ``entry``."""
    prefix = f".partial-{entry.name}-"
    for stale in target.parent.glob(f"{prefix}*"):  # of a process that was killed
        shutil.rmtree(stale, ignore_errors=True)
    need = (entry.megabytes or 100) * 2.2e6  # the archive and what comes out of it
    if shutil.disk_usage(target.parent).free < need:
        raise OSError(errno.ENOSPC, f"{need / 1e6:.0f} MB are needed")
    reasons = []
    with tempfile.TemporaryDirectory(prefix=prefix, dir=target.parent) as hidden:
        for mirror in entry.mirrors * tries:
            try:
                new = _from_mirror(entry, mirror, Path(tempfile.mkdtemp(dir=hidden)), timeout)
            except (GancourseError, ValueError, _requests_error()) as error:
                reasons.append((mirror.url, error))
                continue
            if target.exists():  # only with `again`
                os.replace(target, Path(hidden) / "old")
            os.replace(new, target)
            return
    raise _no_mirror(entry, reasons)


def _requests_error() -> type[Exception]:
    """The base of what ``requests`` raises; a function, so that requests is imported late."""
    import requests

    return requests.RequestException


def _from_mirror(entry: Entry, mirror: Mirror, folder: Path, timeout: tuple[float, float]) -> Path:
    """Download, check the file's hash, unpack, check each file; returns what may be shown."""
    import pooch

    pooch.get_logger().setLevel("WARNING")  # it would announce each address and unknown hash

    def save(url, output_file, _):
        with _progress(entry.name) as bar, open(output_file, "wb") as file:
            get = pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16, timeout=timeout)
            get(url, _Capped(file), None)

    name = Path(entry.file or entry.name).name
    file = pooch.retrieve(mirror.url, mirror.sha256, name, folder, downloader=save)
    if entry.file:
        return Path(file)
    unpacked = folder / "files"
    if not archive.unpack(Path(file), unpacked, entry.folders):
        raise archive.BadArchive(f"none of the folders {', '.join(entry.folders)} is in it")
    check = verify(entry.name, unpacked)
    if check.ok is False:
        raise archive.BadArchive(check.text)
    return unpacked


class _Capped:
    """A file that refuses to grow beyond ``MAX_DOWNLOAD``."""

    def __init__(self, file):
        self.file, self.flush, self.left = file, file.flush, MAX_DOWNLOAD

    def write(self, block: bytes) -> None:
        self.left -= len(block)
        if self.left < 0:
            raise DownloadError(f"the server sends more than {MAX_DOWNLOAD / 2**20:.0f} MB")
        self.file.write(block)


def _progress(name: str):
    from tqdm.auto import tqdm

    class Bar(tqdm):
        def __bool__(self):  # pooch asks; tqdm says no where the server names no length
            return True

    return Bar(desc=name, unit="B", unit_scale=True, leave=False, delay=0.5)


def _no_mirror(entry: Entry, reasons: list[tuple[str, Exception]]) -> DownloadError:
    import requests

    offline = all(isinstance(e, requests.ConnectionError | requests.Timeout) for _, e in reasons)
    said = "; ".join(dict.fromkeys(f"{url}: {_short(error)}" for url, error in reasons))
    kind = NoConnection if offline else DownloadError
    reason = f"{'Is there a network? ' if offline else ''}Tried {said}."
    error = kind(f"Could not fetch {entry.name}; nothing was kept. {reason} {how_to_get(entry)}")
    error.reason = reason
    return error


def _short(error: Exception) -> str:
    import requests

    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, requests.HTTPError):
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.RequestException):
        return "the connection broke off"
    if "does not match the known hash" in str(error):
        return "wrong bytes (SHA-256 differs from the published one)"
    return str(error)


def _disk_error(entry: Entry, target: Path, error: OSError) -> GancourseError:
    """No space, no permission and the like, with what to do."""
    what = {
        errno.ENOSPC: "there is no space left",
        errno.EDQUOT: "your disk quota is used up",
        errno.EACCES: "writing is not permitted",
        errno.EPERM: "writing is not permitted",
        errno.EROFS: "the disk is read-only",
    }.get(error.errno, "the disk refused")
    return GancourseError(
        f"Could not write {target}: {what} ({error.strerror or error}). Nothing was kept of "
        f"{entry.name}. Make room or set GANCOURSE_CACHE to a folder that you can write to."
    )
