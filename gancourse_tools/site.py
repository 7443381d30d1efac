"""The course's site: the committed chapters as pages, built by Sphinx without network.

``site/`` holds its settings, its first page as a template and its style. What is written is a
folder of files that any server serves: GitHub's pages, or ``python -m http.server``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import posixpath
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from gancourse import files, records
from gancourse.errors import GancourseError
from gancourse_tools import cat_page, course, formulas, page, stills

ROOT = Path(__file__).resolve().parent.parent
PAGES = (
    "docs/cheatsheet.md",
    "docs/teaching.md",
    "data/README.md",
    "records/README.md",
    "CONTRIBUTING.md",
)
RUN = ("What you need", "What you can type", "The data", "Your own pictures")
RUN += ("How far to trust the numbers", "Citing, licence")  # of the README: the page run.md
BADGE = re.compile(r"^\[!\[Open In Colab\].*\n+", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[((?:[^\]\[]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
FILM = ("06_cyclegan_grumpy_cats", "grumpy-cats/live")  # its film and numbers open the site


def build(out: str | Path = "build/site", chapters: Iterable[str] | None = None) -> Path:
    """Write the site of the committed ``chapters`` (all if None) to ``out``; its first page.

    Raises ``GancourseError`` where this is no clone, where the extra ``site`` is not installed,
    and where Sphinx warns: of a dead link, say.
    """
    if not (ROOT / "site" / "conf.py").is_file():
        raise GancourseError(f"No site/conf.py in {ROOT}: build the site in a clone of the course.")
    if not importlib.util.find_spec("myst_nb") or not formulas.source():
        raise GancourseError("The site needs its packages: pip install -e '.[site]'.")
    known = course.notebooks(ROOT / "notebooks")
    chosen = course.choose(chapters, known)
    out = files.path_of(out)
    with files.alone(out), tempfile.TemporaryDirectory() as stage:
        stage = Path(stage)
        _stage(stage, {name: known[name] for name in chosen}, repository(ROOT))
        shutil.rmtree(out / "_static" / "pictures", ignore_errors=True)  # of an earlier build
        _sphinx(stage, out)
        for name in chosen:  # the download button hands out the chapter as it is committed
            shutil.copy(known[name], out / "_sources" / "notebooks" / known[name].name)
        cat_page.build(out / "cat")
    return out / "index.html"


def repository(root: Path) -> str:
    """The address on GitHub of git's remote ``origin``, without ``.git``; "" if it has none."""
    command = ["git", "-C", str(root), "remote", "get-url", "origin"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    hub = r"(?:https://|git@|ssh://git@)github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?"
    found = re.fullmatch(hub, said)
    return f"https://github.com/{found[1]}" if found else ""


def _sphinx(stage: Path, out: Path) -> None:
    from sphinx.cmd.build import main

    trees = str(stage / ".trees")
    if main(["-q", "-W", "--keep-going", "-b", "html", "-d", trees, str(stage), str(out)]):
        raise GancourseError("Sphinx had warnings, above: mend what they name.")


def _stage(stage: Path, chapters: dict[str, Path], address: str) -> None:
    """Lay out for Sphinx what the site is made of: pages where they lie in the repository."""
    import nbformat
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    shutil.copy(ROOT / "site" / "conf.py", stage)
    shutil.copytree(ROOT / "site" / "_static", stage / "_static")
    for name, text in _scripts().items():
        files.write(stage / "_static" / name, text)
    pages = {Path("notebooks") / path.name for path in chapters.values()}
    pages |= {Path(name) for name in PAGES} | {Path("run.md")}
    readme = (ROOT / "README.md").read_text("utf-8")
    cards, film, asked = [], "", questions(readme)
    for name, path in chapters.items():
        book = nbformat.read(path, as_version=4)
        cards.append(_card(book, name, stage, asked.get(name[:2], "")))
        stills.of_book(book, _Store(stage, "../"))
        if name == FILM[0]:
            film = _film(book).replace("../_static", "_static")
        _fold(book, pages, address)
        nbformat.write(book, _place(stage / "notebooks" / path.name))
    for name in PAGES:
        text = (ROOT / name).read_text("utf-8")
        files.write(_place(stage / name), mended(text, Path(name), pages, address))
    files.write(stage / "run.md", mended(run_page(readme), Path("run.md"), pages, address))
    shutil.copy(ROOT / "site" / "own_cat.md", stage)
    templates = Environment(loader=FileSystemLoader(ROOT / "site"), undefined=StrictUndefined)
    first = templates.get_template("index.md.j2").render(cards=cards, film=film, **_minute())
    files.write(stage / "index.md", mended(first, Path("index.md"), pages, address))
    (stage / "address.txt").write_text(address, "utf-8")


def _scripts() -> dict[str, str]:
    return {
        "mathjax.js": formulas.source(),
        "frames.js": stills.script(),
        "frames.css": stills.style(),
    }


def _place(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


class _Store:
    """Writes a picture below ``_static`` and says where a page finds it, ``up`` from its folder."""

    def __init__(self, stage: Path, up: str):
        self.folder, self.up = stage / "_static" / "pictures", up

    def __call__(self, kind: str, content: bytes) -> str:
        name = f"{hashlib.sha256(content).hexdigest()[:16]}.{kind.partition('/')[2]}"
        file = _place(self.folder / name)
        if not file.exists():
            file.write_bytes(content)
        return f"{self.up}_static/pictures/{name}"


def _card(book, name: str, stage: Path, question: str) -> dict:
    """What the first page says of a chapter: its picture, its question, what one can do after."""
    picture, alt = page.picture_of(book)
    prose = "\n".join(c.source for c in book.cells[:1] if c.cell_type == "markdown")
    number, _, title = page.title(book).partition(" · ")
    minutes = re.search(r"(\d+) minutes\s+to\s+read", prose)
    return {
        "file": f"notebooks/{name}",
        "number": number,
        "title": title or number,
        "question": question,
        "picture": _Store(stage, "")("image/png", picture) if picture else "",
        "alt": alt or f"A picture from {title or number}",
        "minutes": minutes[1] if minutes else "",
        "skills": [" ".join(s.split()) for s in re.findall(r"^- (.+(?:\n  .+)*)", prose, re.M)],
    }


def questions(readme: str) -> dict[str, str]:
    """What each chapter answers, by its number, from the README's table of chapters."""
    return dict(re.findall(r"^\| (\d\d) \| \[.*?\]\(.*?\) \| (.+?) \|", readme, re.MULTILINE))


def _film(book) -> str:
    """The HTML of the cell tagged ``film``; "" where it has no stored frames."""
    for cell in book.cells:
        if "film" in cell.metadata.get("tags", []):
            found = [o["data"].get("text/html", "") for o in cell.outputs if "data" in o]
            return "".join(html for html in found if "<figure" in html)
    return ""


def _minute() -> dict:
    """The numbers below the film, of the recorded runs of its recipe."""
    runs = records.runs(FILM[1])
    kid = [run["final"][run.weights]["a_to_b"]["held_out"][run.kid][0] for run in runs]
    untouched = runs[0]["baselines"]["a_to_b"]["untouched inputs"][runs[0].kid][0]
    return {
        "steps": runs[0].steps,
        "seeds": len(runs),
        "kid_name": runs[0].kid,
        "kid": math.fsum(kid) / len(kid),
        "kid_low": min(kid),
        "kid_high": max(kid),
        "untouched": untouched,
    }


def _fold(book, pages: set[Path], address: str) -> None:
    """Fold on the page what is folded in JupyterLab, and the cells that only set up."""
    for cell in book.cells:
        tags = cell.metadata.get("tags", [])
        hidden = cell.metadata.get("jupyter", {}).get("source_hidden")
        set_up = cell.cell_type == "code" and cell.source.startswith("# In Colab")
        if hidden or set_up or "parameters" in tags:
            cell.metadata["tags"] = [*tags, "hide-input"]
        if cell.cell_type == "markdown":
            text = BADGE.sub("", cell.source)
            cell.source = mended(text, Path("notebooks/x"), pages, address)


def mended(text: str, file: Path, pages: set[Path], address: str) -> str:
    """``text`` of ``file`` with links that lead somewhere on the site, or to the repository.

    Pages of the site stay; what only the repository has is named by its address, and without an
    address by its name alone.
    """

    def target(found: re.Match) -> str:
        words, to = found[1], found[2]
        if re.match(r"[a-z]+:|#", to):
            return found[0]
        place, _, anchor = to.partition("#")
        inside = Path(posixpath.normpath((file.parent / place).as_posix()))
        if inside in pages:
            return f"[{words}]({to})"
        if address:
            return f"[{words}]({address}/blob/main/{inside.as_posix()}{'#' * bool(anchor)}{anchor})"
        return words

    return LINK.sub(target, text)


def run_page(readme: str) -> str:
    """The page "Run it yourself": the sections ``RUN`` of the README."""
    sections = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", readme, re.MULTILINE))
    missing = [name for name in RUN if name not in sections]
    if missing:
        raise GancourseError(f"The README has no section {missing[0]!r}, which the site shows.")
    return "# Run it yourself\n\n" + "".join(f"## {name}\n{sections[name]}" for name in RUN)
