"""What a chapter's cells call: tables, checks, the report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from gancourse.errors import GancourseError

MIME = "application/vnd.gancourse+json"  # how a chapter's report travels in its executed notebook


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> None:
    """Print ``rows`` under ``head``, each column as wide as it must be; the first is left-aligned.

    Numbers are printed as ``str`` has them: format what needs fewer digits.
    """
    lines = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [text.rjust(width) for text, width in zip(line, widths, strict=True)]
        cells[0] = line[0].ljust(widths[0])
        print("  ".join(cells).rstrip())


def require(holds: object, what: str = "") -> None:
    """Raise ``AssertionError``, saying ``what``, unless ``holds``.

    A chapter's ``assert``, which ``python -O`` would leave out.
    """
    if not holds:
        raise AssertionError(what or "what this cell requires does not hold; see the line above")


def finished(done: Collection[str], planned: Collection[str]) -> None:
    """Print which of the ``planned`` runs are not among those ``done``: they are not compared.

    To be called before runs of a loop are compared, in which the stop button ended one. Says
    nothing where all are there, and raises ``GancourseError`` where none is.
    """
    missing = [name for name in planned if name not in done]
    if missing and len(missing) == len(planned):
        raise GancourseError("No run was trained to its end: run the cell that trains them again.")
    if missing:
        print(f"Not trained to the end, and not compared here: {', '.join(missing)}.")


def report(data: object = "", **numbers: object) -> None:
    """Called by a chapter: show ``data`` and ``numbers``, and put them on the course's page.

    ``data``: "real", "stand-in" or an ``ImageSet`` (its ``source`` counts). Floats are shown at
    four digits, underscores in a name as spaces. A later report adds to an earlier one.
    """
    from IPython.display import display

    values = {
        key.replace("_", " "): f"{v:.4g}" if isinstance(v, float) else str(v)
        for key, v in numbers.items()
    }
    source = str(getattr(data, "source", data))
    lines = [f"data: {source}"] * bool(source) + [f"{k}: {v}" for k, v in values.items()]
    display({MIME: {"data": source, "numbers": values}, "text/plain": "\n".join(lines)}, raw=True)
