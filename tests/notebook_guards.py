"""What nbval and papermill let pass and this course does not: complaints about a notebook.

Each guard takes a notebook object and returns sentences; an empty list means that all is well.
"""

import ast
import copy
import re
from pathlib import Path
from typing import NamedTuple

from nbformat.v4 import new_code_cell
from nbval.plugin import (
    IPyNbCell,
    coalesce_streams,
    find_comment_markers,
    find_metadata_tags,
    get_sanitize_patterns,
    nocolors,
)

from gancourse_lab import exercises as exercises_of_the_course

SANITIZER = Path(__file__).with_name("nbval_sanitize.cfg")
PATTERNS = get_sanitize_patterns(SANITIZER.read_text(encoding="utf-8"))
NUMBER = re.compile(r"(?<![\w.])[-+−]?\d")  # "3", "-0.5", but not the 2 of "Line2D"
NUMBERS_NEEDED = 5
ANSWER = re.compile(r'\banswer\(\s*"(\d\d\.\d+)"')
PARAMETERS_NEEDED = {"PROFILE", "SEED", "DATA"}
WIDGET = "application/vnd.jupyter.widget-view+json"
WIDGETS = "application/vnd.jupyter.widget-state+json"


def code_cells(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


def name_of(cell):
    return f"cell In [{cell.execution_count}] ({cell.source.strip().splitlines()[:1]})"


def opens_as_a_chapter(book):
    """It begins with its title and names its kernel: else JupyterLab asks every reader for one."""
    first, kernel = book.cells[0], book.metadata.get("kernelspec", {}).get("name")
    found = [] if kernel == "python3" else [f"the kernel is {kernel}, not python3"]
    if first.cell_type != "markdown" or not re.search("^# ", first.source, re.MULTILINE):
        found.append("the first cell is no title: is the text form's header closed by `# ---`?")
    return found


def run_in_order(book):
    """Every code cell has run, once, from top to bottom, in a fresh kernel."""
    counts = [cell.execution_count for cell in code_cells(book)]
    found = [f"{name_of(c)} was never run" for c in code_cells(book) if c.execution_count is None]
    if not found and counts != list(range(1, len(counts) + 1)):
        found.append(f"cells ran out of order or twice: {counts}")
    return found


def no_errors(book):
    """No output is an error, and no cell is left over from a papermill run."""
    found = []
    for cell in book.cells:
        kinds = [output.output_type for output in cell.get("outputs", [])]
        if "error" in kinds:
            found.append(f"{name_of(cell)} holds an error")
        left = {"injected-parameters", "papermill-error-cell-tag"} & set(
            cell.metadata.get("tags", [])
        )
        found += [f"a cell tagged {tag!r} is left from papermill" for tag in left]
    return found


def parameters_cell(book):
    """One cell tagged ``parameters`` only assigns literals, among them what all chapters have."""
    cells = [c for c in code_cells(book) if "parameters" in c.metadata.get("tags", [])]
    if len(cells) != 1:
        return [f"{len(cells)} cells are tagged 'parameters', not one"]
    found, names = [], set()
    for node in ast.parse(cells[0].source).body:
        try:
            ast.literal_eval(node.value)
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets}
        except (AttributeError, ValueError):
            found.append(f"the parameters cell does more than assign: {ast.unparse(node)}")
    missing = sorted(PARAMETERS_NEEDED - names)
    return found + [f"the parameters cell has no {name}" for name in missing]


def widget_state(book):
    """Widget metadata holds its ``state``: without it GitHub refuses to show the notebook."""
    widgets = book.metadata.get("widgets")
    if widgets is None or "state" in widgets.get(WIDGETS, {}):
        return []
    return ["widget metadata has no 'state': clear it or save the notebook from JupyterLab"]


def compared_numbers(book):
    """At least ``NUMBERS_NEEDED`` cells print a number that nbval compares after sanitising."""
    count = sum(map(is_compared_number, code_cells(book)))
    if count >= NUMBERS_NEEDED:
        return []
    return [f"{count} cells print a number that nbval compares; {NUMBERS_NEEDED} are needed"]


def is_compared(cell):
    """Whether nbval compares what the cell prints."""
    options = {**dict(find_metadata_tags(cell.metadata)), **dict(find_comment_markers(cell.source))}
    return not options.get("skip") and options.get("check", True)


def is_compared_number(cell):
    return is_compared(cell) and any(NUMBER.search(sanitized(text)) for text in texts(cell))


def sanitized(text):
    for pattern, replacement in PATTERNS:
        text = re.sub(pattern, replacement, text)
    return text


def texts(cell):
    """What a cell printed or returned as text; the text form of a picture or a widget is none."""
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            yield output.text
        data = output.get("data", {})
        if "text/plain" in data and not any("image/" in k or "widget" in k for k in data):
            yield data["text/plain"]


def alternative_text(book):
    """Pictures in the prose say what they show."""
    prose = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    bad = re.findall(r"!\[\s*\]\([^)]*\)", prose)
    bad += [tag for tag in re.findall(r"<img\b[^>]*>", prose) if not re.search(r'alt="[^"]', tag)]
    return [f"a picture without alternative text: {tag[:80]}" for tag in bad]


def static_twins(book):
    """Whoever runs no widget sees a picture or a sentence, and bars that have ended."""
    found = []
    for cell in code_cells(book):
        for output in cell.outputs:
            shown = output.get("data", {})
            text = shown.get("text/plain", "")
            if WIDGET in shown and re.match(r"\w+\(", text):
                found.append(f"{name_of(cell)}: without widgets one reads {text[:40]!r}")
            if re.search(r"\b0%\|", text + output.get("text", "")):
                found.append(f"{name_of(cell)} ends with a bar at 0 %")
    return found


def exercises(book):
    """Each exercise has blanks, and a solution in the package that fills them all."""
    found = []
    for at, cell in exercise_cells(book):
        name, blanks = name_of(cell), {blank.name for blank in blanks_of(cell)}
        solution = solution_of(book, at)
        if not blanks:
            found.append(f"{name} is an exercise without a blank")
        if solution is None:
            found.append(f"{name} does not end with answer(…) of an exercise in the package")
            continue
        filled = {
            name
            for node in ast.parse(solution).body
            for name in [getattr(node, "name", None), *map(target_of, getattr(node, "targets", []))]
        }
        found += [f"the solution of {name} leaves {b} blank" for b in sorted(blanks - filled)]
    return found


class Blank(NamedTuple):
    name: str
    first: int  # lines, from 1
    last: int


def target_of(node):
    return getattr(node, "id", None)


def blanks_of(cell):
    """What the reader fills in: ``name = ...``, and functions that ``return ...``."""
    found = []
    for node in ast.parse(cell.source).body:
        if isinstance(node, ast.Assign) and is_blank(node.value):
            found.append(Blank(target_of(node.targets[0]), node.lineno, node.end_lineno))
        elif isinstance(node, ast.FunctionDef):
            end = node.body[-1]
            if isinstance(end, ast.Return) and is_blank(end.value):
                found.append(Blank(node.name, node.lineno, node.end_lineno))
    return found


def is_blank(node):
    return isinstance(node, ast.Constant) and node.value is ...


def without_blanks(cell):
    lines = cell.source.splitlines()
    for blank in reversed(blanks_of(cell)):
        del lines[blank.first - 1 : blank.last]
    return "\n".join(lines)


def exercise_cells(book):
    return [
        (at, cell)
        for at, cell in enumerate(book.cells)
        if "exercise" in cell.metadata.get("tags", [])
    ]


def solution_of(book, at):
    """The code that solves the exercise of cell ``at``, or None."""
    asked = ANSWER.findall(book.cells[at].source)
    if len(asked) == 1:
        return exercises_of_the_course.find(asked[0]).solution
    return None


def with_solutions(book):
    """A copy in which a cell follows each exercise: its solution, then its checks once more."""
    solved = copy.deepcopy(book)
    for at, cell in reversed(exercise_cells(solved)):
        code = solution_of(solved, at) + "\n" + without_blanks(cell)
        solved.cells.insert(at + 1, new_code_cell(code, metadata={"tags": ["solution"]}))
    return solved


def twice(book):
    """A copy in which every code cell but the parameters runs twice in a row."""
    doubled = copy.deepcopy(book)
    for at in reversed(range(len(doubled.cells))):
        cell = doubled.cells[at]
        if cell.cell_type == "code" and "parameters" not in tags_of(cell):
            doubled.cells.insert(at, new_code_cell(cell.source, metadata={"tags": ["first time"]}))
    return doubled


def answers(executed):
    """Of an executed ``with_solutions``: blanks that do not say ○, solutions that do not say ✓."""
    found = []
    for tag, mark in (("exercise", "○"), ("solution", "✓")):
        for cell in code_cells(executed):
            if tag in cell.metadata.get("tags", []):
                marks = re.findall("^[○✓✗]", "\n".join(texts(cell)), re.MULTILINE)
                if set(marks) != {mark}:
                    found.append(f"{tag} {name_of(cell)} says {marks}, not {mark}")
    return found


class _Compared:
    """nbval's own comparison, without a kernel of its own: it was run already."""

    # what nbval leaves out: marks of one run, and pictures
    skip_compare = (
        *("metadata", "traceback", "prompt_number", "output_type", "name", "execution_count"),
        *("application/vnd.jupyter.widget-view+json", "image/png", "image/jpeg"),
    )
    colors = nocolors

    def __init__(self):
        self.parent = self

    def format_output_compare(self, key, stored, new):
        self.comparison_traceback.append(f"{key}: stored {stored!r}, now {new!r}")

    def sanitize(self, value):
        return sanitized(value) if isinstance(value, str) else value


def unequal(committed, executed):
    """The compared cells of a chapter whose outputs came out otherwise than they are stored."""
    found = []
    added = {"injected-parameters", "solution", "first time"}
    again = [c for c in code_cells(executed) if not added.intersection(tags_of(c))]
    for stored, new in zip(code_cells(committed), again, strict=True):
        assert stored.source == new.source
        comparer = _Compared()
        outputs = [coalesce_streams(cell.outputs) for cell in (new, stored)]
        if is_compared(stored) and not IPyNbCell.compare_outputs(comparer, *outputs):
            found.append(f"{name_of(stored)}: " + "".join(comparer.comparison_traceback))
    return found


def tags_of(cell):
    return cell.metadata.get("tags", [])


GUARDS = (
    opens_as_a_chapter,
    run_in_order,
    no_errors,
    parameters_cell,
    widget_state,
    compared_numbers,
    alternative_text,
    static_twins,
    exercises,
)


def pairing(book, text):
    """The text form holds the same cells: kind, source and tags."""

    def cells(notebook):
        return [
            (c.cell_type, c.source.rstrip(), sorted(c.metadata.get("tags", [])))
            for c in notebook.cells
        ]

    here, there = cells(book), cells(text)
    if here == there:
        return []
    same = sum(1 for _ in iter_same(here, there))
    return [f"ipynb and text differ from cell {same} of {len(here)} on: run `make pair`"]


def iter_same(here, there):
    for a, b in zip(here, there, strict=False):
        if a != b:
            return
        yield a
