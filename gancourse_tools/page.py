"""The page about a run of the course, ``index.html``, and what it shows of each chapter."""

from __future__ import annotations

import base64
import copy
import datetime
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from gancourse import files
from gancourse_tools import formulas, stills

MOST = 50_000_000  # bytes of a results.json that is read: a course's has 1 MB
SIDE = 480  # pixels, the longest side of a thumbnail: tens of kilobytes, sharp enough on the page


def title(book) -> str:
    """The first heading of a notebook, without its marks; "" if it has none."""
    text = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    found = re.search(r"^#+ +(.+)$", text, re.MULTILINE)
    return re.sub(r"[*`$]", "", found[1]).strip() if found else ""


def thumbnail(book) -> str:
    """The chapter's picture as a data: address, "" if it has none."""
    content, _ = picture_of(book)
    return stills.inline("image/png", content) if content else ""


def picture_of(book) -> tuple[bytes, str]:
    """The last picture of the cell tagged ``thumbnail``, else of the notebook: (PNG, its text).

    Small; b"" where there is none.
    """
    from PIL import Image

    tagged = [cell for cell in book.cells if "thumbnail" in cell.metadata.get("tags", [])]
    for cells in (tagged, book.cells):
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        found = [(o, kind) for o in outputs for kind in stills.KINDS if kind in o.get("data", {})]
        if found:
            output, kind = found[-1]
            held = io.BytesIO(base64.b64decode(output["data"][kind]))
            with Image.open(held, formats=["PNG", "JPEG"]) as picture:
                small = picture.convert("RGBA")
            small.thumbnail((SIDE, SIDE))
            file = io.BytesIO()
            small.save(file, "png", optimize=True)
            return file.getvalue(), output.get("metadata", {}).get(kind, {}).get("alt", "")
    return b"", ""


def export(book, notebook: Path) -> str:
    """Write the executed chapter as one HTML file beside ``notebook``; the name of the file.

    No kernel moves its sliders there: of a panel the page shows its stored frames, else the picture
    or the sentence that lies beside it in its output. Formulas are set without network where the
    package with MathJax is installed (the extra ``site``, and ``make install``).
    """
    from jinja2 import FileSystemLoader
    from nbconvert import HTMLExporter

    still = copy.deepcopy(book)
    stills.of_book(still)
    prose = "".join(cell.source for cell in still.cells if cell.cell_type == "markdown")
    resources = {"frames_script": stills.script(), "frames_style": stills.style()}
    if "$" in prose:
        resources |= {"mathjax": formulas.source(), "mathjax_settings": formulas.SETTINGS}
    ours = FileSystemLoader(Path(__file__).parent)
    exporter = HTMLExporter(template_file="chapter.html.j2", extra_loaders=[ours])
    file = notebook.with_suffix(".html")
    files.write(file, exporter.from_notebook_node(still, resources=resources)[0])
    return file.name


def earlier(out: Path, known: Iterable[str], make) -> dict:
    """What earlier runs left in ``out`` of the ``known`` chapters; the rest as SKIP, not chosen."""
    file, rows = out / "results.json", []
    try:
        if file.is_file() and file.stat().st_size <= MOST:  # a pipe would be waited for
            rows = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):  # it may hold anything
        pass
    found = {name: make(name, error="not chosen") for name in known}
    for row in rows if isinstance(rows, list) else []:
        if _is_result(row, make) and row["chapter"] in found:
            found[row["chapter"]] = make(**row)
    return found


def _is_result(row, make) -> bool:
    """Whether ``row`` has the fields of a result and nothing else, each of its type."""
    if not isinstance(row, dict) or not isinstance(row.get("chapter"), str):
        return False
    plain = asdict(make(row["chapter"]))
    for name, value in row.items():
        if name == "cell" and isinstance(value, int | None):
            continue
        if name not in plain or not isinstance(value, type(plain[name])):
            return False
    return True


def write(out: Path, rows: Mapping, profile: str) -> None:
    """Write ``results.json`` and the self-contained ``index.html`` into ``out``.

    ``page.html.j2`` beside this file is the page; whatever stands in ``rows`` (chapter → result)
    is escaped there.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from gancourse.device import describe

    results = list(rows.values())
    text = json.dumps([asdict(r) for r in results], indent=1)
    files.write(out / "results.json", text)
    counts = {s: sum(r.status == s for r in results) for s in ("OK", "FAIL", "TIMEOUT", "SKIP")}
    now = datetime.datetime.now().strftime("%Y-%m-%d %H:%M")
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = templates.get_template("page.html.j2").render(
        results=results,
        summary=", ".join(f"{n} {status}" for status, n in counts.items() if n),
        facts=f"{now}, profile {profile}, {describe()}",
    )
    # half a surrogate, from a file's name, say, is no character
    files.write(out / "index.html", page.encode("utf-8", errors="xmlcharrefreplace"))
