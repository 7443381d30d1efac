"""The page about a run of the course, ``index.html``, and what it shows of each chapter."""

from __future__ import annotations

import base64
import datetime
import html
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

SIDE = 480  # pixels, the longest side of a thumbnail: tens of kilobytes, sharp enough on the page
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>gancourse: executed chapters</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>
:root { --back: #f6f7f9; --card: #fff; --ink: #1a1d21; --soft: #59616b; --line: #d9dde3;
  --OK: #176b37; --FAIL: #a8201a; --TIMEOUT: #8a4b00; --SKIP: #59616b; --link: #0b57b5 }
@media (prefers-color-scheme: dark) { :root { --back: #14171a; --card: #1e2227; --ink: #e8eaed;
  --soft: #a4adb8; --line: #363c44; --OK: #6fd08c; --FAIL: #ff8f87; --TIMEOUT: #f2b061;
  --SKIP: #a4adb8; --link: #8ab8ff } }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; background: var(--back);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
header p, .facts { color: var(--soft) }
ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 1.2rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)) }
li { background: var(--card); border: 1px solid var(--line); border-radius: .7rem;
  overflow: hidden; display: flex; flex-direction: column }
li > div { padding: 1rem 1.1rem }
li > img { width: 100%; height: 12rem; object-fit: contain; background: #fff }
h2 { font-size: 1.1rem; margin: .3rem 0 } p { margin: .4rem 0 } a { color: var(--link) }
.status { font-weight: 700; font-size: .85rem; border: 2px solid; border-radius: 1rem;
  padding: .05rem .6rem } .OK { color: var(--OK) } .FAIL { color: var(--FAIL) }
.TIMEOUT { color: var(--TIMEOUT) } .SKIP { color: var(--SKIP) }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 .8rem; margin: .6rem 0 }
dt { color: var(--soft) } dd { margin: 0; font-variant-numeric: tabular-nums }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .5rem 0; font-size: .85rem }
</style></head><body>
"""


def title(book) -> str:
    """The first heading of a notebook, without its marks; "" if it has none."""
    text = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    found = re.search(r"^#+ +(.+)$", text, re.MULTILINE)
    return re.sub(r"[*`$]", "", found[1]).strip() if found else ""


def thumbnail(book) -> str:
    """The last picture of the cell tagged ``thumbnail``, else of the notebook: a data: address."""
    from PIL import Image

    tagged = [cell for cell in book.cells if "thumbnail" in cell.metadata.get("tags", [])]
    for cells in (tagged, book.cells):
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        held = [output.get("data", {}) for output in outputs]
        pictures = [d[k] for d in held for k in ("image/png", "image/jpeg") if k in d]
        if pictures:
            with Image.open(io.BytesIO(base64.b64decode(pictures[-1]))) as picture:
                small = picture.convert("RGBA")
            small.thumbnail((SIDE, SIDE))
            file = io.BytesIO()
            small.save(file, "png", optimize=True)
            return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return ""


def export(book, notebook: Path) -> str:
    """Write the executed chapter as HTML beside ``notebook``; the name of the file."""
    from nbconvert import HTMLExporter

    file = notebook.with_suffix(".html")
    file.write_text(HTMLExporter().from_notebook_node(book)[0], encoding="utf-8")
    return file.name


def earlier(out: Path, known: Iterable[str], make) -> dict:
    """What earlier runs left in ``out`` of the ``known`` chapters; the rest as SKIP, not chosen."""
    try:
        rows = {r["chapter"]: r for r in json.loads((out / "results.json").read_text("utf-8"))}
        return {n: make(**rows[n]) if n in rows else make(n, error="not chosen") for n in known}
    except (OSError, ValueError, KeyError, TypeError):  # none, or another version's: start anew
        return {n: make(n, error="not chosen") for n in known}


def write(out: Path, rows: Mapping, profile: str) -> None:
    """Write ``results.json`` and the self-contained ``index.html`` into ``out``."""
    from gancourse.device import describe

    results = list(rows.values())
    text = json.dumps([asdict(r) for r in results], indent=1)
    (out / "results.json").write_text(text, encoding="utf-8")
    counts = {s: sum(r.status == s for r in results) for s in ("OK", "FAIL", "TIMEOUT", "SKIP")}
    summary = ", ".join(f"{n} {s}" for s, n in counts.items() if n)
    now = datetime.datetime.now().strftime("%Y-%m-%d %H:%M")
    facts = f"{now}, profile {profile}, {html.escape(describe())}"
    cards = "\n".join(_card(r) for r in results)
    body = (
        f"<header><h1>How GANs work and whether they help</h1><p>{summary} ({facts})</p></header>"
    )
    (out / "index.html").write_text(
        f"{HEAD}{body}\n<main><ol>\n{cards}\n</ol></main></body></html>\n", encoding="utf-8"
    )


def _card(r) -> str:
    """One chapter as a list item; every text in it escaped."""
    t = {key: html.escape(str(value)) for key, value in asdict(r).items()}
    name = t["title"] or t["chapter"]
    picture = f'<img src="{r.thumbnail}" alt="A picture from {name}">' if r.thumbnail else ""
    facts = [f"{r.seconds:.0f} s" if r.seconds else "", r.profile, r.finished]
    numbers = {"data": r.data or "not reported", **r.numbers} if r.notebook else {}
    rows = "".join(
        f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in numbers.items()
    )
    where = f"Cell In [{r.cell}]: " if r.cell else ""
    wrong = f"<pre>{where}{t['error']}</pre>" if r.error else ""
    files = {"read it": t["html"], "executed notebook": t["notebook"]}
    links = ", ".join(
        f'<a href="{file}" aria-label="{word}: {name}">{word}</a>'
        for word, file in files.items()
        if file
    )
    return (
        f'<li>{picture}<div><span class="status {r.status}">{r.status}</span> '
        f'<span class="facts">{", ".join(filter(None, facts))}</span><h2>{name}</h2>'
        f"<dl>{rows}</dl>{wrong}<p>{links}</p></div></li>"
    )
