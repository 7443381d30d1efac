"""Run the chapters with papermill, one after the other, and write one page about how it went.

A chapter that fails does not stop the others.
"""

from __future__ import annotations

import datetime
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gancourse import files
from gancourse.errors import GancourseError, unknown
from gancourse.files import path_of
from gancourse.notebook.cell import MIME
from gancourse_tools import page
from gancourse_tools.parameters import assigned, parameters_of

# Seconds a whole chapter may take: ten times its budget (smoke 30 s, quick 90 s) and a bit, because
# a shared two-core machine is easily five times slower than the one the budgets were set on.
TIMEOUTS = {"smoke": 400, "quick": 1200, "full": 48 * 3600}


@dataclass
class Result:
    """How one chapter went. ``cell`` n is ``In [n]`` of the executed notebook."""

    chapter: str
    title: str = ""
    status: str = "SKIP"  # OK, FAIL, TIMEOUT or SKIP
    seconds: float = 0.0
    profile: str = ""
    finished: str = ""
    data: str = ""
    numbers: dict = field(default_factory=dict)
    cell: int | None = None
    error: str = ""
    notebook: str = ""
    html: str = ""
    thumbnail: str = ""  # a data: address

    def __str__(self) -> str:
        """One line: status, chapter, seconds, and what went wrong where."""
        where = f" in cell In [{self.cell}]" if self.cell else ""
        wrong = f"{where}: {self.error}" if self.error else ""
        return f"{self.status:7} {self.chapter}  {self.seconds:.0f} s{wrong}"


def notebooks(folder: str | Path | None = None) -> dict[str, Path]:
    """The chapters ``NN_….ipynb`` of ``folder`` in order, by name without ``.ipynb``.

    Default: ``notebooks/`` here, else beside the package. Raises ``GancourseError`` if none exist.
    """
    beside = Path(__file__).resolve().parent.parent / "notebooks"
    places = [Path(folder)] if folder else [Path("notebooks"), beside]
    for place in places:
        found = sorted(place.glob("[0-9][0-9]_*.ipynb"))
        if found:
            return {path.stem: path for path in found}
    where = " or ".join(map(str, places))
    raise GancourseError(f"No chapters (NN_….ipynb) in {where}: run this in a clone of the course.")


def choose(chapters: Sequence[str] | None, known: Mapping[str, Path]) -> list[str]:
    """The full names of ``chapters`` ("02", "2", a full name or a file), all if None, in order."""
    chosen = set()
    for word in chapters or known:
        stem = Path(str(word)).name.removesuffix(".ipynb")
        number = stem.zfill(2) if stem.isdigit() else None
        hits = [name for name in known if name == stem or name.split("_")[0] == number]
        if not hits:
            raise unknown("chapter", word, known)
        chosen.update(hits)
    return [name for name in known if name in chosen]


def _read(path: Path):
    """The notebook, or an empty one where the file is none: executing it then names the error."""
    import nbformat

    try:
        book = nbformat.read(path, as_version=4)
        parameters_of(book)
        return book
    except Exception:
        return nbformat.v4.new_notebook()


def run(
    chapters: Sequence[str] | None = None,
    profile: str | None = None,
    out: str | Path = "build/course",
    parameters: Mapping[str, object] | None = None,
    timeout: float | None = None,
    folder: str | Path | None = None,
) -> list[Result]:
    """Execute ``chapters`` (all if None) into ``out`` and write ``out/index.html``.

    ``profile``: smoke, quick or full (None: quick). ``parameters`` go to each
    chosen chapter that has them, checked by ``parameters.assigned``. ``timeout``: seconds per
    chapter (default by profile). Returns a ``Result`` per chosen chapter; a failing chapter is a
    result, no exception. Before a chapter runs, raises ``UnknownName`` for a chapter, profile,
    parameter or word that does not exist, ``GancourseError`` for a value out of range, and where
    another process writes to ``out``.
    """
    from gancourse import profiles

    if timeout is not None and not 0 < timeout < float("inf"):
        raise GancourseError(f"timeout must be a number of seconds above 0, not {timeout:g}.")
    known = notebooks(folder)
    chosen = choose(chapters, known)
    parameters = dict(parameters or {})
    profile = parameters["PROFILE"] = profiles.resolve(parameters.get("PROFILE") or profile)
    _absolute_places()
    _check_home()
    books = {name: _read(known[name]) for name in chosen}
    given = assigned(parameters, books)
    timeout = TIMEOUTS[profile] if timeout is None else timeout
    out = path_of(out)
    with files.alone(out):
        # as executed, and once more as HTML, which is larger
        files.check_room(out, 3 * sum(known[name].stat().st_size for name in chosen))
        rows = page.earlier(out, known, Result)
        for name, book in books.items():
            rows[name] = Result(name, page.title(book), error="not run")
        for name in chosen:
            page.write(out, rows, profile)  # first, so that an interrupted run has its page too
            rows[name] = _one(known[name], out, profile, given[name], timeout)
            print(rows[name], flush=True)
        page.write(out, rows, profile)
    return [rows[name] for name in chosen]


def _absolute_places() -> None:
    """Folders that the environment names are meant from here; a chapter runs in ``notebooks``."""
    for name in ("GANCOURSE_DATA", "GANCOURSE_CACHE", "GANCOURSE_RECORDS"):
        if os.environ.get(name):
            places = os.environ[name].split(os.pathsep)
            absolute = [str(Path(place).expanduser().absolute()) for place in places]
            os.environ[name] = os.pathsep.join(absolute)


def _check_home() -> None:
    """Raise ``GancourseError`` where Jupyter would find no place for a kernel's files."""
    try:
        Path.home()
    except RuntimeError as error:  # a user number without a name, in a container, say
        raise GancourseError(
            "This user has no home folder, and Jupyter keeps what a kernel needs there: set HOME "
            "to a folder that you can write to."
        ) from error


def _one(path: Path, out: Path, profile: str, parameters: dict, timeout: float) -> Result:
    """Execute one chapter and read from the executed notebook what the page shows."""
    target = out / path.name
    target.unlink(missing_ok=True)  # a result of an earlier run must not pass for this one's
    result = Result(path.stem, profile=profile, notebook=target.name)
    began = time.monotonic()
    with files.writing(target), tempfile.TemporaryDirectory(prefix=".", dir=out) as hidden:
        draft = Path(hidden) / path.name  # papermill writes it anew after every cell
        _execute(path, draft, parameters, timeout, result)
        if draft.exists():
            os.replace(draft, target)
    result.seconds = round(time.monotonic() - began, 1)
    result.finished = datetime.datetime.now().strftime("%Y-%m-%d %H:%M")
    if not target.exists():  # it broke before the first cell
        result.notebook = ""
        return result
    book = _read(target)
    result.title = page.title(book)
    result.html = page.export(book, target)
    try:
        _take_report(book, result)
        result.thumbnail = page.thumbnail(book)
    except Exception as error:  # a chapter displays what it likes
        said = f"what it shows cannot be read: {type(error).__name__}: {error}"
        result.status, result.error = "FAIL", result.error or said
    return result


def _take_report(book, result: Result) -> None:
    """Put what the cells of ``book`` reported into ``result``."""
    for cell in book.cells:
        for output in cell.get("outputs", []):
            told = output.get("data", {}).get(MIME)
            if told:
                said = [result.data, str(told["data"])]
                result.data = ", ".join(dict.fromkeys(filter(None, said)))
                result.numbers |= dict(told["numbers"])


def _execute(path: Path, target: Path, parameters: dict, timeout: float, result: Result) -> None:
    """Run papermill and set ``result``'s status, cell and error.

    Never raises for the chapter; OSError where there is no room for it.
    """
    import papermill
    from nbclient.exceptions import CellTimeoutError
    from papermill.exceptions import PapermillExecutionError

    running = []  # the code cells begun so far
    deadline = 0.0

    def seconds_left(cell) -> float:  # nbclient asks before each cell: a time-out for all of them
        nonlocal deadline
        deadline = deadline or time.monotonic() + timeout
        running.append(cell)
        return max(0.01, deadline - time.monotonic())

    try:
        papermill.execute_notebook(
            path,
            target,
            parameters,
            kernel_name="python3",
            language="python",
            kernel_manager_class=_own_kernel(),
            progress_bar={"desc": path.stem, "leave": False},
            cwd=path.parent,  # as in JupyterLab and under nbval
            timeout_func=seconds_left,
        )
        result.status = "OK"
    except CellTimeoutError:
        result.status, result.cell = "TIMEOUT", len(running)
        result.error = f"the chapter took more than {timeout:g} s"
    except PapermillExecutionError as e:
        result.status, result.cell = "FAIL", e.exec_count
        result.error = f"{e.ename}: {e.evalue}"
    except Exception as e:
        if isinstance(e, OSError) and e.errno in files.NO_ROOM:
            raise  # the next chapter's would not fit either
        # a kernel that died or did not start, a notebook that is no notebook
        result.status, result.cell = "FAIL", len(running) or None
        result.error = f"{type(e).__name__}: {e}"


def _own_kernel() -> type:
    """A kernel manager whose kernels run under this very interpreter.

    Another environment's ``python3`` kernel may be registered for the user, or ``JUPYTER_PATH`` may
    point to one; a chapter must not silently run with other packages than this one has.
    """
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    class OwnKernel(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(**get_kernel_dict())  # starts sys.executable

    return OwnKernel
