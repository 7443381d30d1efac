"""Run the chapters with papermill, one after the other, and write one page about how it went.

A chapter that fails does not stop the others.
"""

from __future__ import annotations

import ast
import datetime
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gancourse.errors import GancourseError, unknown
from gancourse.files import path_of
from gancourse.notebook.cell import MIME
from gancourse_tools import page

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


def parameters_of(book) -> dict[str, object]:
    """Name → default of the assignments in the cell tagged ``parameters`` (``...`` if computed)."""
    cells = [c for c in book.cells if "parameters" in c.metadata.get("tags", [])]
    found = {}
    for node in [node for cell in cells for node in ast.parse(cell.source).body]:
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                try:
                    found[target.id] = ast.literal_eval(node.value)
                except ValueError:
                    found[target.id] = ...
    return found


def typed(name: str, value: object, default: object) -> object:
    """``value`` (text from a command line, say) as the type of ``default``.

    Raises ``GancourseError`` where it is of another type, instead of handing it to the chapter.
    """
    if isinstance(value, str) and not isinstance(default, str):
        try:
            value = ast.literal_eval({"true": "True", "false": "False"}.get(value, value))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            pass  # no literal, as "{[]: 1}" or a thousand brackets: it stays text
        if not _plain(value):
            raise GancourseError(
                f"Parameter {name} takes no {value!r}: a chapter is given numbers, text, lists and "
                "dictionaries by text."
            )
    if default is None or default is ... or type(value) is type(default):
        return value
    if isinstance(default, float) and type(value) is int:
        return float(value)
    kind = type(default).__name__
    raise GancourseError(f"Parameter {name} (default {default!r}) takes no {value!r}: not {kind}.")


def _plain(value) -> bool:
    """Whether papermill hands ``value`` on as it is: a tuple, say, would arrive as text."""
    if isinstance(value, list):
        return all(map(_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(_plain, value.values()))
    return value is None or isinstance(value, bool | int | float | str)


def _assign(parameters: Mapping, books: Mapping) -> dict[str, dict]:
    """For each chapter the parameters it has, typed; raises for a name that no chapter has."""
    has = {name: parameters_of(book) for name, book in books.items()}
    everywhere = {"PROFILE"}.union(*has.values())
    for name in parameters:
        if name not in everywhere:
            raise unknown("parameter", name, everywhere)
    return {
        chapter: {k: typed(k, v, mine[k]) for k, v in parameters.items() if k in mine}
        for chapter, mine in has.items()
    }


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
    chosen chapter that has them, typed as there. ``timeout``: seconds per chapter (default by
    profile). Returns a ``Result`` per chosen chapter; a failing chapter is a result, no exception.
    Raises ``UnknownName`` for a chapter, profile or parameter that does not exist.
    """
    from gancourse import profiles

    known = notebooks(folder)
    chosen = choose(chapters, known)
    parameters = dict(parameters or {})
    profile = parameters["PROFILE"] = profiles.resolve(parameters.get("PROFILE") or profile)
    _absolute_places()
    books = {name: _read(known[name]) for name in chosen}
    assigned = _assign(parameters, books)
    out = path_of(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GancourseError(f"{out} cannot be made: {error.strerror}. Choose another.") from error
    rows = page.earlier(out, known, Result)
    rows |= {name: Result(name, page.title(book), error="not run") for name, book in books.items()}
    for name in chosen:
        page.write(out, rows, profile)  # first, so that an interrupted run has its page too
        rows[name] = _one(known[name], out, profile, assigned[name], timeout or TIMEOUTS[profile])
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


def _one(path: Path, out: Path, profile: str, parameters: dict, timeout: float) -> Result:
    """Execute one chapter and read from the executed notebook what the page shows."""
    target = out / path.name
    target.unlink(missing_ok=True)  # a result of an earlier run must not pass for this one's
    result = Result(path.stem, profile=profile, notebook=target.name)
    began = time.monotonic()
    _execute(path, target, parameters, timeout, result)
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
    """Run papermill and set ``result``'s status, cell and error. Never raises for the chapter."""
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
    except Exception as e:  # a kernel that died or did not start, a notebook that is no notebook
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
