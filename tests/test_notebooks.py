"""The chapters: in step with their text, run in order, compared by nbval, executed by papermill."""

import contextlib
import copy
import io
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jupytext
import nbformat
import notebook_guards as guards
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from gancourse_lab import exercises
from gancourse_tools import course

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
CHAPTERS = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
MEGABYTE = 1_000_000
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def test_there_are_chapters_and_no_other_notebooks():
    assert CHAPTERS
    assert sorted(FOLDER.rglob("*.ipynb")) == CHAPTERS
    assert sorted(p.stem for p in (FOLDER / "text").glob("*.py")) == [p.stem for p in CHAPTERS]


@each_chapter
def test_the_text_form_is_the_same_notebook(path):
    assert not guards.pairing(read(path), jupytext.read(FOLDER / "text" / f"{path.stem}.py"))


@each_chapter
@pytest.mark.parametrize("guard", guards.GUARDS, ids=lambda guard: guard.__name__)
def test_chapters_pass_the_guards(path, guard):
    assert not guard(read(path))


def test_chapters_are_small():
    sizes = [path.stat().st_size for path in CHAPTERS]
    assert max(sizes, default=0) <= 2 * MEGABYTE
    assert sum(sizes) <= 20 * MEGABYTE  # photographs at twice their size


# The guards on notebooks that are wrong on purpose


def number_cell(value=1, **metadata):
    output = new_output("stream", name="stdout", text=f"{value}\n")
    return new_code_cell(f"print({value})", outputs=[output], metadata=metadata)


def exercise():
    """A notebook that is one exercise."""
    source = (
        "from gancourse_lab import exercises\n\n"
        'loss_of_d = ...  # a number\nexercises.answer("00.1", loss_of_d)'
    )
    return new_notebook(cells=[new_code_cell(source, metadata={"tags": ["exercise"]})])


def good_book(cells=()):
    """A notebook that every guard accepts; ``cells`` are added at its end."""
    parameters = "PROFILE = ''\nSEED = 0\nDATA = 'auto'"
    book = new_notebook(
        cells=[
            new_markdown_cell("# Title\n![a red square](x.png)"),
            new_code_cell(parameters, metadata={"tags": ["parameters"]}),
            *[number_cell(n) for n in range(5)],
            *cells,
            *exercise().cells,
        ]
    )
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book.metadata["kernelspec"] = kernel
    for number, cell in enumerate(guards.code_cells(book), start=1):
        cell.execution_count = number
    return book


def forget_the_kernel(book):
    del book.metadata["kernelspec"]


def begin_with_code(book):
    book.cells.insert(0, book.cells.pop(1))


def drop_counts(book):
    book.cells[3].execution_count = None


def swap_counts(book):
    book.cells[2].execution_count, book.cells[3].execution_count = 3, 2


def count_from_seven(book):
    for cell in guards.code_cells(book):
        cell.execution_count += 6


def save_an_error(book):
    book.cells[2].outputs = [new_output("error", ename="E", evalue="", traceback=[])]


def leave_an_injected_cell(book):
    book.cells[2].metadata["tags"] = ["injected-parameters"]


def lose_the_parameters_tag(book):
    book.cells[1].metadata["tags"] = []


def misspell_a_parameter(book):
    book.cells[1].source = book.cells[1].source.replace("SEED", "SED")


def compute_a_parameter(book):
    book.cells[1].source += "\nEPOCHS = len('abc')"


def import_among_the_parameters(book):
    book.cells[1].source += "\nimport os"


def lose_the_widget_state(book):
    book.metadata["widgets"] = {guards.WIDGETS: {"version_major": 2}}


def strip_the_outputs(book):
    for cell in guards.code_cells(book):
        cell.outputs = []


def ignore_one_by_tag(book):
    book.cells[2].metadata["tags"] = ["nbval-ignore-output"]


def ignore_one_by_comment(book):
    book.cells[2].source = "# NBVAL_IGNORE_OUTPUT\n" + book.cells[2].source


def skip_one(book):
    book.cells[2].metadata["tags"] = ["nbval-skip"]


def print_words_only(book):
    book.cells[2].outputs[0].text = "[<matplotlib.lines.Line2D at 0x7f3a5c0d1e90>]"


def show_a_figure_only(book):
    data = {"image/png": "", "text/plain": "<Figure size 640x480 with 1 Axes>"}
    book.cells[2].outputs = [new_output("display_data", data=data)]


def leave_out_alternative_text(book):
    book.cells[0].source += "\n![](y.png)"


def show_a_widget_only(book):
    shown = {guards.WIDGET: {"model_id": "1"}, "text/plain": "VBox(children=(HBox(…"}
    book.cells[3].outputs.append(new_output("display_data", data=shown))


def leave_a_bar_at_nothing(book):
    text = "  0%|          | 0/360 [00:00<?, ?step/s]"
    book.cells[3].outputs.append(new_output("display_data", data={"text/plain": text}))


def leave_out_alt_in_html(book):
    book.cells[0].source += '\n<img src="y.png" alt="">'


def fill_a_blank(book):
    book.cells[-1].source = book.cells[-1].source.replace("...", "2")


def answer_nothing(book):
    book.cells[-1].source = "loss_of_d = ..."


def leave_a_blank_unsolved(book):
    book.cells[-1].source += "\n\n\ndef y(x):\n    return ..."


@pytest.mark.parametrize(
    ("spoil", "guard"),
    [
        (forget_the_kernel, guards.opens_as_a_chapter),
        (begin_with_code, guards.opens_as_a_chapter),
        (drop_counts, guards.run_in_order),
        (swap_counts, guards.run_in_order),
        (count_from_seven, guards.run_in_order),
        (save_an_error, guards.no_errors),
        (leave_an_injected_cell, guards.no_errors),
        (lose_the_parameters_tag, guards.parameters_cell),
        (misspell_a_parameter, guards.parameters_cell),
        (compute_a_parameter, guards.parameters_cell),
        (import_among_the_parameters, guards.parameters_cell),
        (lose_the_widget_state, guards.widget_state),
        (strip_the_outputs, guards.compared_numbers),
        (ignore_one_by_tag, guards.compared_numbers),
        (ignore_one_by_comment, guards.compared_numbers),
        (skip_one, guards.compared_numbers),
        (print_words_only, guards.compared_numbers),
        (show_a_figure_only, guards.compared_numbers),
        (leave_out_alternative_text, guards.alternative_text),
        (leave_out_alt_in_html, guards.alternative_text),
        (show_a_widget_only, guards.static_twins),
        (leave_a_bar_at_nothing, guards.static_twins),
        (fill_a_blank, guards.exercises),
        (answer_nothing, guards.exercises),
        (leave_a_blank_unsolved, guards.exercises),
    ],
    ids=lambda function: function.__name__,
)
def test_each_guard_sees_what_it_is_for(spoil, guard):
    book = good_book()
    assert all(not g(book) for g in guards.GUARDS)
    spoil(book)
    assert guard(book)


def test_widget_metadata_with_state_is_fine():
    book = good_book()
    book.metadata["widgets"] = {guards.WIDGETS: {"state": {}, "version_major": 2}}
    assert not guards.widget_state(book)


@pytest.mark.parametrize("change", ["source", "tags", "kind", "order", "more"])
def test_the_pairing_guard_sees_a_difference(change):
    book = good_book()
    text = jupytext.reads(jupytext.writes(book, "py:percent"), "py:percent")
    assert not guards.pairing(book, text)
    if change == "source":
        text.cells[3].source += "  # edited"
    elif change == "tags":
        text.cells[1].metadata["tags"] = []
    elif change == "kind":
        text.cells[0].cell_type = "raw"
    elif change == "order":
        text.cells[2], text.cells[3] = text.cells[3], text.cells[2]
    else:
        text.cells.append(text.cells[-1])
    assert guards.pairing(book, text)


# nbval


def nbval(*paths, root=ROOT, **environment):
    """Compare the stored outputs of ``paths`` with new ones at smoke; (exit code, text)."""
    assert paths, "without a path pytest would run this whole folder again, and again"
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q"]
    command += ["--nbval-sanitize-with", str(guards.SANITIZER), "--color=no", "-rf"]
    command += ["-p", "no:cacheprovider", f"--rootdir={root}", *map(str, paths)]
    environment = {
        **os.environ,
        "GANCOURSE_PROFILE": "smoke",
        "GANCOURSE_OFFLINE": "1",
    } | environment
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def break_a_number(book):
    """Change the first compared number of ``book``; the index of its cell among the code cells."""
    for index, cell in enumerate(guards.code_cells(book)):
        if guards.is_compared_number(cell):
            for output in cell.outputs:
                holder, key = (
                    (output, "text") if "text" in output else (output.get("data"), "text/plain")
                )
                if holder and guards.NUMBER.search(guards.sanitized(holder.get(key, ""))):
                    holder[key] = guards.NUMBER.sub(
                        lambda m: m[0][:-1] + str((int(m[0][-1]) + 1) % 10), holder[key], count=1
                    )
                    return index
    raise AssertionError("no compared number to break")


def test_nbval_sees_a_broken_number(tmp_path):
    """Up to its first compared number a notebook is green; with that number changed it is red.

    So does the comparison of what ``newcomer`` ran.
    """
    expected = set()
    for source in [good_book(), *map(read, CHAPTERS[:1])]:
        spoilt = copy.deepcopy(source)
        index = break_a_number(spoilt)
        assert len(guards.unequal(source, spoilt)) == 1 and not guards.unequal(source, source)
        last = 1 + source.cells.index(guards.code_cells(source)[index])
        for kind, book in (("good", source), ("spoilt", spoilt)):
            book.cells = book.cells[:last]
            nbformat.write(book, tmp_path / f"{kind}{len(expected)}.ipynb")
        expected.add(f"spoilt{len(expected)}.ipynb::Cell {index}")
    books = sorted(tmp_path.glob("*.ipynb"))
    code, text = nbval(*books, root=tmp_path, GANCOURSE_CACHE=str(tmp_path / "cache"))
    assert code == 1
    assert set(re.findall(r"^FAILED .*?(\w+\.ipynb::Cell \d+)", text, re.MULTILINE)) == expected, (
        text
    )


# papermill, through the runner


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory):
    """All chapters at smoke as someone sees them who has no data, no cache and no network.

    And as on a GPU, where the losses are fetched every ten steps.
    Every cell is run twice in a row, as a reader may. Each exercise comes with its blanks, as the
    reader finds it, then with the solution.
    """
    if not CHAPTERS:
        pytest.skip("no chapters")
    tmp = tmp_path_factory.mktemp("newcomer")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GANCOURSE_DATA", raising=False)
        patch.setenv("GANCOURSE_OFFLINE", "1")
        patch.setenv("GANCOURSE_CACHE", str(tmp / "cache"))
        patch.setenv("GANCOURSE_READ_EVERY", "10")  # as on a GPU
        (tmp / "notebooks").mkdir()
        for path in CHAPTERS:
            book = guards.twice(guards.with_solutions(read(path)))
            nbformat.write(book, tmp / "notebooks" / path.name)
        patch.setenv("GANCOURSE_RECORDS", str(ROOT / "records"))
        results = course.run(profile="smoke", out=tmp / "out", folder=tmp / "notebooks")
    for result in results:
        result.executed = read(tmp / "out" / result.notebook) if result.notebook else None
    yield results
    shutil.rmtree(tmp)


def test_every_chapter_runs_without_data_and_network(newcomer):
    assert [r.chapter for r in newcomer] == [path.stem for path in CHAPTERS]
    assert not [str(r) for r in newcomer if r.status not in ("OK", "SKIP")]


def test_every_chapter_says_that_it_shows_stand_ins(newcomer):
    assert {r.chapter: r.data for r in newcomer if r.status == "OK" and r.data != "stand-in"} == {}


def test_every_chapter_reports_numbers_and_a_picture(newcomer):
    assert not [r.chapter for r in newcomer if r.status == "OK" and not (r.numbers and r.thumbnail)]


def test_every_chapter_prints_the_numbers_that_it_is_committed_with(newcomer):
    """nbval's comparison; what is compared depends on neither data nor device."""
    ran = [result for result in newcomer if result.status == "OK"]
    unequal = {r.chapter: guards.unequal(read(FOLDER / r.notebook), r.executed) for r in ran}
    assert ran and not any(unequal.values()), unequal


def test_the_solutions_solve_the_exercises_and_the_blanks_do_not(newcomer):
    found = {r.chapter: guards.answers(r.executed) for r in newcomer if r.status == "OK"}
    assert not any(found.values()), found


SOLVED = "import math\nloss_of_d = 2 * math.log(2)"


@pytest.mark.parametrize(
    ("solution", "complaints"), [(SOLVED, 0), ("loss_of_d = 3", 1), ("loss_of_d = ...", 1)]
)
def test_a_solution_that_does_not_solve_is_seen(solution, complaints, monkeypatch):
    known = exercises.find("00.1")
    with monkeypatch.context() as patch:
        patch.setattr(exercises, "find", lambda name: replace(known, solution=solution))
        executed = guards.with_solutions(exercise())
    exercises.forget()
    for cell in guards.code_cells(executed):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(cell.source, {})
        cell.outputs = [new_output("stream", name="stdout", text=printed.getvalue())]
    assert len(guards.answers(executed)) == complaints


@pytest.mark.parametrize("listing", ["README.md", "notebooks/text/00_start_here.py"])
def test_the_lists_of_chapters_link_those_that_exist(listing):
    text = (ROOT / listing).read_text(encoding="utf-8")
    rows = dict(re.findall(r"^(?:# )?\| (?:\[)?(\d\d)\b(.*)\|$", text, re.MULTILINE))
    for path in CHAPTERS:
        row = rows[path.stem[:2]]
        assert "planned" not in row
        assert f"{path.name})" in row or "you are here" in row
    assert all("planned" in row for n, row in rows.items() if not list(FOLDER.glob(f"{n}_*")))
