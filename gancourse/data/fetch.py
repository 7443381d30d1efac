"""Where a set of the catalog lies, how it gets here, and whether it is as published.

A download and what is unpacked from it live in a hidden folder beside the target until all checks
have passed, and then appear in one rename. The archive is treated as hostile: its members are
written one by one, as plain files, and no link is ever made.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import queue
import shutil
import stat
import tarfile
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from gancourse import progress
from gancourse.data import catalog
from gancourse.data.catalog import Entry
from gancourse.data.images import DataNotFound
from gancourse.errors import GancourseError

MANIFESTS = Path(__file__).parent / "manifests"
AS_FETCHED = ".fetched.sha256"  # in a set's folder, where nobody published a manifest
MAX_DOWNLOAD = 2 * 2**30  # bytes; a server that never stops sending is cut off here
MAX_UNPACKED = 4 * 2**30  # bytes; the largest set of the course has 0.12 GB
MAX_ENTRIES = 50_000  # files in an archive
MAX_HEADERS = 2**24  # bytes of a tar's headers, which stay in memory: 32,000 files have as many
TIMEOUT = (10, 60)  # seconds to connect, and without a byte
HURRIED = (4, 10)  # the same when load() only tries
# (seconds after which it must be as fast, bytes a second, seconds in all), and when load() tries
PATIENCE = (60, 5_000, 7200)
HURRY = (15, 100_000, 1200)
_failed: dict[str, str] = {}  # sets that load() could not download in this process, and why


class DownloadError(DataNotFound):
    """A set could not be fetched; the text says from where, why, and what to do."""


class BadArchive(GancourseError):
    """An archive that is broken, or that tries to write where or what it should not."""


@dataclass(frozen=True)
class Check:
    """The outcome of ``verify``: ``ok`` True or False, or None when there is nothing to compare."""

    ok: bool | None
    text: str


# Where it is


def cache_folder() -> Path:
    """$GANCOURSE_CACHE, else the platform's cache folder for this package.

    Raises ``GancourseError`` for a user without a home folder.
    """
    try:
        if os.environ.get("GANCOURSE_CACHE"):
            return Path(os.environ["GANCOURSE_CACHE"]).expanduser()
        import pooch

        return Path(pooch.os_cache("gancourse")).expanduser()
    except RuntimeError as error:
        raise GancourseError(
            f"No place for downloads: {str(error).rstrip('.')}. "
            "Set GANCOURSE_CACHE to a folder of yours."
        ) from error


def look(entry: Entry) -> Path | None:
    """Where ``entry`` lies: in $GANCOURSE_DATA, else in the cache; None if in neither.

    Raises ``DataNotFound`` when the folder named by $GANCOURSE_DATA does not exist: a misspelt path
    must not quietly turn into stand-ins.
    """
    bases = [cache_folder()]
    if os.environ.get("GANCOURSE_DATA"):
        mine = Path(os.environ["GANCOURSE_DATA"]).expanduser()
        if not mine.is_dir():
            raise DataNotFound(
                f"GANCOURSE_DATA names {mine}, which is not a folder. Mend or unset it."
            )
        bases.insert(0, mine)
    places = [_place(entry, base) for base in bases]
    return next((found for found in places if found.exists()), None)


def _place(entry: Entry, base: Path) -> Path:
    """Where it lies below a data folder or the cache."""
    return base / (entry.file or entry.name)


def locate(entry: Entry, required: bool) -> Path | None:
    """Where ``entry`` lies, or lies now that it was downloaded: quickly, and once a process.

    None where it cannot be had; if it is ``required`` that raises ``DataNotFound``.
    """
    found = look(entry)
    if found:
        return found
    if not entry.urls:
        why_not = "It cannot be downloaded without an account."
    elif os.environ.get("GANCOURSE_OFFLINE", "0") not in ("", "0"):
        why_not = "GANCOURSE_OFFLINE is set, so nothing was downloaded."
    else:
        if entry.name not in _failed:
            try:
                return fetch(entry.name, hurried=True)
            except GancourseError as error:
                _failed[entry.name] = str(error)
        why_not = _failed[entry.name]
    if required:
        raise DataNotFound(
            f"The real {entry.name} is not on this machine. {why_not} {entry.how_to_get}"
        )
    return None


def path(name: str) -> Path:
    """The folder of a set (or the file of weights) on this machine; ``DataNotFound`` if none."""
    entry = catalog.find(name, catalog.ALL)
    found = look(entry)
    if found is None:
        raise DataNotFound(f"{entry.name} is not on this machine. {entry.how_to_get}")
    return found


def table() -> list[dict[str, object]]:
    """One row a set: what the catalog says of it, how it is ``checked``, where it is ``here``."""
    rows = []
    for entry in catalog.ALL.values():
        here = str(look(entry) or "")
        rows.append(vars(entry) | {"checked": entry.checked, "here": here})
    return rows


# How it gets here


def fetch(name: str, *, hurried: bool = False) -> Path:
    """Download a set into the cache, unless it is there; returns its folder (or file).

    The mirrors are tried in turn, twice, or once and with little patience if ``hurried``. An
    interruption leaves nothing, and another process that wants the same set waits for this one.
    Raises ``DownloadError``, or ``GancourseError`` when the disk is full or may not be written to.
    """
    import filelock

    entry = catalog.find(name, catalog.ALL)
    target = _place(entry, cache_folder())
    if target.exists():
        return target
    if not entry.urls:
        raise DataNotFound(f"{entry.name} cannot be downloaded from here. {entry.how}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(target.parent / f".{entry.name}.lock"):  # ends with its process
            if not target.exists():  # it may have come while we waited
                _fetch_into(entry, target, hurried)
    except GancourseError:
        raise
    except OSError as error:
        raise GancourseError(
            f"Could not write {target}: {error.strerror or error}. Nothing was kept of "
            f"{entry.name}. Make room or set GANCOURSE_CACHE to a folder that you can write to."
        ) from error
    return target


def _fetch_into(entry: Entry, target: Path, hurried: bool) -> None:
    """Fill ``target`` from the first mirror whose files pass; holds the lock of ``entry``."""
    prefix = f".partial-{entry.name}-"
    for stale in target.parent.glob(f"{prefix}*"):  # of a process that was killed
        shutil.rmtree(stale, ignore_errors=True)
    need = (entry.megabytes or 100) * 2.2  # MB: the archive and what comes out of it
    if shutil.disk_usage(target.parent).free < need * 1e6:
        raise OSError(f"no space, {need:.0f} MB are needed")
    reasons = {}
    with tempfile.TemporaryDirectory(prefix=prefix, dir=target.parent) as hidden:
        for url in entry.urls if hurried else entry.urls * 2:
            try:
                new = _from_mirror(entry, url, Path(tempfile.mkdtemp(dir=hidden)), hurried)
            except GancourseError as error:
                reasons[url] = str(error)
                continue
            os.replace(new, target)
            return
    said = "; ".join(f"{url}: {reason}" for url, reason in reasons.items())
    raise DownloadError(
        f"Could not fetch {entry.name}; nothing was kept. Tried {said}. {entry.how_to_get}"
    )


def _from_mirror(entry: Entry, url: str, folder: Path, hurried: bool) -> Path:
    """Download, check the file's hash, unpack, check each file; returns what may be shown."""
    file = folder / Path(entry.file or entry.name).name
    _download(url, file, hurried)
    if entry.sha256 and sha256(file) != entry.sha256:
        raise DownloadError("wrong bytes (SHA-256 differs from the published one)")
    if entry.file:
        return file
    unpacked = folder / "files"
    if not unpack(file, unpacked, entry.folders):
        raise BadArchive(f"none of the folders {', '.join(entry.folders)} is in it")
    check = verify(entry.name, unpacked)
    if check.ok is False:
        raise BadArchive(check.text)
    if entry.digest is None:  # nobody published one: what changes from now on is noticed
        (unpacked / AS_FETCHED).write_bytes(manifest(hashes(unpacked, entry.folders.values())))
    return unpacked


def _download(url: str, file: Path, hurried: bool) -> None:
    """Save what ``url`` sends as ``file``; raises ``DownloadError`` with a short reason."""
    import requests
    import urllib3

    grace, slowest, longest = HURRY if hurried else PATIENCE
    begun, got = time.monotonic(), 0
    try:
        with _answer(url, HURRIED if hurried else TIMEOUT) as response:
            response.raise_for_status()
            said = response.headers.get("Content-Length", "")
            length = int(said) if said.isdigit() else None
            # read1 hands on what has come; read would wait for a whole block, however slow
            read = getattr(response.raw, "read1", response.raw.read)
            bar = progress.bar(total=length, desc=file.name, unit="B", unit_scale=True, leave=False)
            with bar, open(file, "wb") as out:
                while block := read(2**16):
                    got += len(block)
                    seconds = time.monotonic() - begun
                    if got > MAX_DOWNLOAD:
                        raise DownloadError(f"it sends more than {MAX_DOWNLOAD / 2**20:.0f} MB")
                    slow = seconds > grace and got < slowest * seconds
                    if slow or seconds > longest:
                        raise DownloadError(f"too slow, {got} bytes in {seconds:.0f} s")
                    out.write(block)
                    bar.update(len(block))
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        answer = getattr(error, "response", None)
        reason = type(error).__name__ if answer is None else f"HTTP {answer.status_code}"
        raise DownloadError(reason) from error


def _answer(url: str, timeout: tuple[float, float]):
    """The response to a request for ``url``, its headers read; raises as ``requests`` does.

    And ``DownloadError`` where they take longer than both time-outs together: a server that sends
    them byte by byte never lets a single read run out of time. It is left waiting in its thread.
    """
    import requests

    answers = queue.SimpleQueue()

    def ask() -> None:
        plain = {"Accept-Encoding": "identity"}  # the published bytes, not packed once more
        try:
            answers.put(requests.get(url, stream=True, timeout=timeout, headers=plain))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=sum(timeout))
    except queue.Empty:
        raise DownloadError(f"no answer within {sum(timeout):g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


# Unpacking


def unpack(archive: Path, into: Path, folders: dict[str, str]) -> int:
    """Take the files of ``folders`` out of a zip or tar.gz; returns how many.

    ``folders`` maps a folder of the archive, below its one top folder, to a folder under ``into``;
    only plain files that lie directly in one of them are written. Raises ``BadArchive`` on absolute
    or climbing paths, on links and devices, on two files of one name, on a name that is too long,
    beyond ``MAX_UNPACKED`` bytes, ``MAX_ENTRIES`` or a tar's ``MAX_HEADERS`` in all, and on an
    archive that cannot be read.
    """
    done, left = 0, MAX_UNPACKED
    try:
        for number, (name, size, kind, source) in enumerate(_members(archive), start=1):
            left -= max(size, 0)  # readers give no more than is declared; skipping costs too
            if number > MAX_ENTRIES or left < 0:
                raise BadArchive(
                    f"{archive.name} unpacks to more than {MAX_UNPACKED / 2**20:.0f} MB or "
                    f"{MAX_ENTRIES} files: stopped, nothing is kept."
                )
            target = None if kind == "folder" else _target(name, folders, archive)
            if target is None:
                continue
            if kind != "file":
                raise BadArchive(f"{archive.name} holds a link or device, {name!r}: not unpacked.")
            (into / target).parent.mkdir(parents=True, exist_ok=True)
            with source() as reader, open(into / target, "xb") as writer:
                shutil.copyfileobj(reader, writer, 2**16)
            done += 1
    except FileExistsError as error:
        raise BadArchive(f"{archive.name} holds {error.filename} twice: not unpacked.") from error
    except (GancourseError, MemoryError):
        raise
    except Exception as error:  # zipfile, tarfile, zlib and gzip have no common error
        if isinstance(error, OSError) and error.errno not in BY_NAME:
            raise  # the disk's fault, not the archive's
        text = f"{archive.name} cannot be unpacked ({type(error).__name__}: {error})."
        raise BadArchive(text) from error
    return done


# What a file system says of a name that it does not take; None: said by a reader of archives.
BY_NAME = (None, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)


def _members(archive: Path) -> Iterator[tuple[str, int, str, Callable[[], IO[bytes]]]]:
    """(name, declared size, "file", "folder" or "other", how to open it) of each member."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                mode = stat.S_IFMT(info.external_attr >> 16)  # 0 where made on Windows
                kind = "file" if mode in (0, stat.S_IFREG) else "other"
                kind = "folder" if info.is_dir() else kind
                yield info.filename, info.file_size, kind, partial(opened.open, info)
        return
    with gzip.open(archive) as file:
        sparing = _Sparing(file, archive.name)
        for member in (opened := tarfile.open(fileobj=sparing, mode="r:")):
            kind = "file" if member.isreg() else "folder" if member.isdir() else "other"
            sparing.headers = False  # what is read from here on is the member's content
            yield member.name, member.size, kind, partial(opened.extractfile, member)
            sparing.headers = True


class _Sparing:
    """A file that gives a tar's headers ``MAX_HEADERS`` bytes in all: one may claim 1 GB."""

    def __init__(self, file: IO[bytes], name: str):
        self.file, self.seek, self.tell, self.name = file, file.seek, file.tell, name
        self.headers, self.left = True, MAX_HEADERS

    def read(self, size: int) -> bytes:
        if self.headers:
            self.left -= size
            if self.left < 0:
                raise BadArchive(
                    f"The headers of {self.name} take over {MAX_HEADERS} bytes: not unpacked."
                )
        return self.file.read(size)


def _target(name: str, folders: dict[str, str], archive: Path) -> PurePosixPath | None:
    """Where a member goes below the target folder, or None when it is none of ours."""
    path = PurePosixPath(name)
    inside = "/".join(path.parts[1:-1])
    ours = inside in folders
    if path.is_absolute() or ".." in path.parts or (ours and set(path.name) & set("\\:\0")):
        raise BadArchive(f"{archive.name} wants to write to {name!r}: not unpacked.")
    if not ours or path.name.startswith("."):
        return None
    return PurePosixPath(folders[inside]) / path.name


# Whether it is as published


def sha256(file: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal; raises ``GancourseError`` if it is not read."""
    try:
        with open(file, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise GancourseError(f"{file} cannot be read: {error.strerror}.") from error


def hashes(folder: Path, inside: Iterable[str]) -> dict[str, str]:
    """File → SHA-256 of the visible files of the folders ``inside`` ``folder``, sorted."""
    files = [f for name in set(inside) for f in (folder / name).glob("*") if f.is_file()]
    names = [f.relative_to(folder).as_posix() for f in files if not f.name.startswith(".")]
    return {name: sha256(folder / name) for name in sorted(names)}


def manifest(found: dict[str, str]) -> bytes:
    """What `sha256sum` prints for these hashes."""
    lines = [f"{digest}  {name}\n" for name, digest in found.items()]
    return "".join(lines).encode(errors="surrogateescape")


def verify(name: str, folder: str | Path | None = None) -> Check:
    """Compare a set's files with their published SHA-256, file by file.

    A set without published hashes is compared with what was fetched, or only counted.
    ``folder``: where the set lies; None looks for it (``DataNotFound`` if it is nowhere).
    """
    entry = catalog.find(name, catalog.ALL)
    where = Path(folder) if folder else path(name)
    if entry.file:
        good = sha256(where) == entry.sha256
        return Check(good, f"{where}: {'as published' if good else 'not the published bytes'}.")
    have = hashes(where, entry.folders.values())
    count = len(have)
    if entry.digest is None:
        if entry.folders and count < entry.files:
            return Check(False, f"{entry.name} in {where} is not whole: {count} of {entry.files}.")
        if (where / AS_FETCHED).is_file():
            wrong = _differences(have, where / AS_FETCHED)
            return _check(entry, where, count, wrong, "as they were fetched")
        return Check(None, f"{entry.name}: {count} files in {where}; no manifest to check against.")
    if hashlib.sha256(manifest(have)).hexdigest() == entry.digest:
        return _check(entry, where, count, [], "as published")
    wrong = _differences(have, MANIFESTS / f"{entry.name}.sha256")
    wrong = wrong or [f"{count} files, {entry.files} published; {MANIFESTS.name}/ says which"]
    return _check(entry, where, count, wrong, "as published")


def _check(entry: Entry, where: Path, count: int, wrong: list[str], how: str) -> Check:
    """The outcome for a folder of ``count`` files; ``wrong`` says what is not ``how`` it should."""
    if not wrong:
        return Check(True, f"{entry.name}: all {count} files in {where} are {how}.")
    text = "; ".join(wrong[:5]).encode(errors="replace").decode()  # a name may be no UTF-8
    text += f"; … ({len(wrong)} in all)" if len(wrong) > 5 else ""
    return Check(False, f"{entry.name} in {where}: not {how}: {text}.")


def _differences(found: dict[str, str], published: Path) -> list[str]:
    """What differs from the manifest ``published``; nothing where that is not installed."""
    if not published.is_file():
        return []
    lines = published.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    wanted = {line[66:]: line[:64] for line in lines if line}
    missing = [f"missing: {name}" for name in wanted if name not in found]
    changed = [f"changed: {n}" for n in wanted if n in found and found[n] != wanted[n]]
    return missing + changed + [f"not in the set: {name}" for name in found if name not in wanted]
