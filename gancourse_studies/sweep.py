"""Independent jobs, each with one small result: skipped when it is there, nothing done twice.

A ``Job`` calls a function that returns what ``out/<key>.json`` shall hold; the file appears whole
or not at all. They run one after another in this process, or on Dask (an extra of the course,
``study``): its own workers, or those of a running scheduler. A worker that is killed loses the job
that it was at; Dask gives that one to another. Kill the whole at any time and say it again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gancourse import files
from gancourse.errors import GancourseError

TRIES = 3  # workers that may die at a job before it is given up


@dataclass(frozen=True)
class Job:
    """``function(out, *arguments)`` returns what ``<key>.json`` holds; ``needs`` come first."""

    key: str
    function: Callable
    arguments: tuple = ()
    needs: tuple[str, ...] = ()


@dataclass
class Done:
    """How many jobs were there, how many a sweep ran, and (key, reason) of those that failed."""

    there: int = 0
    ran: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


def read(out: str | Path, key: str) -> dict | None:
    """The result of the job ``key``; None where there is none, or what is there is damaged."""
    file = Path(out) / f"{key}.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("key") == key else None


def run(job: Job, out: str | Path, *needed) -> str:
    """Do ``job`` unless its result is there; returns its key.

    ``needed`` are the keys of what had to come first: a scheduler waits for them.
    """
    if read(out, job.key) is None:
        began = time.monotonic()
        content = job.function(Path(out), *job.arguments)
        said = {"key": job.key, "seconds": round(time.monotonic() - began, 1)} | content
        files.write(Path(out) / f"{job.key}.json", json.dumps(said, allow_nan=False) + "\n")
    return job.key


def sweep(
    jobs: Sequence[Job],
    out: str | Path,
    *,
    workers: int = 0,
    scheduler: str = "",
    log: Callable[[str], None] = print,
) -> Done:
    """Run those of ``jobs`` whose results are missing in ``out``.

    ``workers`` 0: in this process, in their order; else on so many processes of one thread each.
    ``scheduler``: the address of a running Dask scheduler, whose workers must see ``out``. A job
    that raises is named in the end, and the rest is done; what needs it is not begun.
    Raises ``GancourseError`` where another sweep writes to ``out``, or Dask is missing.
    """
    out = files.folder(out).resolve()
    _check(jobs)
    missing = [job for job in jobs if read(out, job.key) is None]
    done = Done(there=len(jobs) - len(missing))
    with files.alone(out):
        if scheduler or workers:
            _on_dask(missing, out, workers, scheduler, done, log)
        else:
            _here(missing, out, done, log)
    return done


def _check(jobs: Sequence[Job]) -> None:
    """Raise ``GancourseError`` for two jobs of one key, or a need that does not come before."""
    seen = set()
    for job in jobs:
        if job.key in seen or not set(job.needs) <= seen:
            raise GancourseError(f"The job {job.key} comes twice, or before what it needs.")
        seen.add(job.key)


def _here(jobs: Sequence[Job], out: Path, done: Done, log: Callable) -> None:
    """One after another."""
    lost = set()
    for number, job in enumerate(jobs, 1):
        if lost & set(job.needs):
            _fail(done, lost, job.key, "what it needs failed")
            continue
        began = time.monotonic()
        try:
            run(job, out)
        except Exception as error:  # the other jobs do not depend on it
            _fail(done, lost, job.key, f"{type(error).__name__}: {error}")
            log(f"{job.key} failed: {error}")
            continue
        done.ran += 1
        log(f"{number}/{len(jobs)} {job.key}: {time.monotonic() - began:.0f} s")


def _fail(done: Done, lost: set, key: str, reason: str) -> None:
    lost.add(key)
    done.failed.append((key, reason))


def _on_dask(jobs: Sequence[Job], out: Path, workers: int, scheduler: str, done: Done, log) -> None:
    """On the workers of a scheduler, or on ``workers`` processes of our own."""
    try:
        import dask
        from distributed import Client, LocalCluster, as_completed
    except ImportError as error:
        raise GancourseError(
            "Several processes need Dask: pip install 'gancourse[study]', or leave out --workers "
            "and --scheduler: everything runs in this process."
        ) from error
    dask.config.set({"distributed.scheduler.allowed-failures": TRIES - 1})
    # Dask has its workers give a training's memory back after each step, to be fetched anew: half
    # of a job's time. Any value of this variable does so; without it the C library adapts itself.
    dask.config.get("distributed.nanny.pre-spawn-environ").pop("MALLOC_TRIM_THRESHOLD_", None)
    cluster = None
    if not scheduler:
        options = {"threads_per_worker": 1, "processes": True, "dashboard_address": None}
        cluster = LocalCluster(n_workers=workers, **options)
    try:
        with _client(Client, scheduler or cluster) as client:
            futures = {}
            for rank, job in enumerate(jobs):
                needed = [futures[key] for key in job.needs if key in futures]
                futures[job.key] = client.submit(
                    run, job, str(out), *needed, key=job.key, pure=False, priority=-rank
                )
            names = {future.key: key for key, future in futures.items()}
            for number, future in enumerate(as_completed(futures.values()), 1):
                key = names[future.key]
                if future.status == "finished":
                    done.ran += 1
                    log(f"{number}/{len(jobs)} {key}")
                else:
                    reason = f"{type(future.exception()).__name__}: {future.exception()}"
                    done.failed.append((key, reason))
                    log(f"{key} failed: {reason}")
    finally:
        if cluster:
            cluster.close()


def _client(Client, address):
    """A client of the scheduler at ``address``; raises ``GancourseError`` where none answers."""
    try:
        return Client(address, timeout="20s")
    except (OSError, ValueError) as error:
        raise GancourseError(
            f"No Dask scheduler answers at {address} ({error}). Start one, `dask scheduler`, and "
            "workers, `dask worker ADDRESS --nthreads 1`."
        ) from error
