"""A chapter as a lecture: slides, and a page to hand out, both from the committed notebook.

A slide for every figure, question and group of formulas, in the chapter's order; what the chapter
says between them is the slide's notes. Nothing is written twice: a chapter that changes changes its
slides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gancourse import files
from gancourse_tools import formulas, page, stills

BADGE = re.compile(r"^\s*\[!\[.*$", re.MULTILINE)
FORMULA = re.compile(r"\$\$.+?\$\$", re.DOTALL)
SEEN = re.compile(r"^\*{1,2}What you see\b")
ANSWER = re.compile(r"^\*{1,2}The answer\b")
EXERCISE = re.compile(r"^\*\*\d+\. ")
LEAD = 45  # words that may stand above a formula


@dataclass
class Slide:
    """One slide: ``kind`` is title, question, figure, formulas, answer, exercise or summary."""

    kind: str
    title: str
    body: str = ""  # HTML
    notes: str = ""  # HTML, what the chapter says before it


class Deck:
    """Reads the cells of a chapter one after the other and cuts them into ``slides``."""

    def __init__(self, book):
        self.heading, self.told = page.title(book), []
        self.slides: list[Slide] = []
        self.figure: Slide | None = None  # the last one, as long as it has no caption
        self.exercise: Slide | None = None  # the last one, as long as its question goes on
        cells = [cell for cell in book.cells if "parameters" not in cell.metadata.get("tags", [])]
        for cell in cells:
            if cell.cell_type == "markdown":
                for block in blocks(cell.source):
                    self.block(block)
            else:
                self.outputs(cell)

    def add(self, kind: str, body: str) -> None:
        """One more slide under the present heading; what was told since the last is its notes."""
        notes = to_html("\n\n".join(self.told)) if self.told else ""
        self.slides.append(Slide(kind, self.heading, body, notes))
        self.told = []

    def block(self, text: str) -> None:
        """A paragraph, list, formula or heading."""
        marks = re.match(r"(#+) +(.+)", text)
        if marks:
            if len(marks[1]) > 1:
                self.heading, self.figure, self.exercise = marks[2], None, None
            return
        if self.figure and SEEN.match(text):
            self.figure.body += f'<div class="seen">{to_html(text)}</div>'
            self.figure = None
        elif self.heading.endswith("Summary") and text.startswith("- "):
            self.add("summary", to_html(text))
        elif EXERCISE.match(text):
            self.add("exercise", to_html(text))
            self.exercise = self.slides[-1]
        elif self.exercise:
            self.exercise.body += to_html(text)
        elif ANSWER.match(text):
            self.add("answer", to_html(text))
        elif "**Guess first" in text:
            self.add("question", to_html(text))
        else:
            self.told.append(text)
            if FORMULA.search(text):
                self.formulas(text)

    def formulas(self, text: str) -> None:
        """A block with formulas: those of one heading share a slide, at most three.

        The sentence that leads to a formula stands above it, if it is short.
        """
        alone = not FORMULA.sub("", text).strip()
        lead = self.told[-2] if alone and len(self.told) > 1 else ""
        short = [part for part in (lead, text) if len(FORMULA.sub("", part).split()) <= LEAD]
        shown = "\n\n".join(short) if text in short else "\n\n".join(FORMULA.findall(text))
        found = f"<div>{to_html(shown)}</div>"
        last = self.slides[-1] if self.slides else None
        room = last and last.kind == "formulas" and last.body.count("<div>") < 3
        if room and last.title == self.heading:
            last.body += found
            last.notes += to_html("\n\n".join(self.told))
            self.told = []
        else:
            self.add("formulas", found)

    def outputs(self, cell) -> None:
        """The pictures of a code cell; an exercise's question ends here."""
        self.exercise = None
        film = "film" in cell.metadata.get("tags", [])
        for output in cell.get("outputs", []):
            shown = str(stills.of_output(output, stills.inline, film))
            if shown:
                self.add("figure", shown)
                self.figure = self.slides[-1]


def blocks(source: str) -> list[str]:
    """The blocks of a markdown cell: what blank lines part, without badges and solutions.

    A fenced program and a formula stay whole.
    """
    source = re.sub(r"<details>.*?</details>", "", BADGE.sub("", source), flags=re.DOTALL)
    found, open_fence = [[]], ""
    for line in source.splitlines():
        if not open_fence and not line.strip():
            found.append([])
            continue
        found[-1].append(line)
        for fence in ("```", "$$"):
            if open_fence in ("", fence) and line.count(fence) % 2:
                open_fence = "" if open_fence else fence
                break
    texts = ("\n".join(lines).strip() for lines in found)
    return [text for text in texts if text]


def to_html(markdown: str) -> str:
    """Markdown with formulas as HTML; the formulas stay TeX, for MathJax."""
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    return markdown2html_mistune(markdown)


def opening(book) -> tuple[str, str]:
    """(What the first cell says below its title, as HTML; the chapter's first picture)."""
    first = next(cell.source for cell in book.cells if cell.cell_type == "markdown")
    said = [block for block in blocks(first) if not block.startswith("#")]
    pictures = (
        stills.of_output(output, stills.inline)
        for cell in book.cells
        if cell.cell_type == "code"
        for output in cell.get("outputs", [])
    )
    return to_html("\n\n".join(said)), str(next(filter(None, pictures), ""))


def write(book, file: Path, what: str = "slides") -> Path:
    """Write the ``slides`` or the ``handout`` of a chapter to ``file``: one page, no network."""
    from jinja2 import Environment, FileSystemLoader

    said, picture = opening(book)
    deck = Deck(book).slides
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), trim_blocks=True, lstrip_blocks=True
    )
    text = templates.get_template(f"{what}.html.j2").render(
        title=page.title(book),
        said=said,
        picture=picture,
        slides=deck,
        style=stills.style(),
        script=stills.script(),
        mathjax_settings=formulas.SETTINGS,
        mathjax=formulas.source(),
    )
    files.write(file, text)
    return file
