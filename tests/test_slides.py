"""Slides and handouts: everything of a chapter that a lecture needs, in a browser, on paper."""

import re

import nbformat
import pytest

from gancourse_tools import cli, course, slides

CHAPTERS = course.notebooks()


def book(name):
    return nbformat.read(CHAPTERS[name], 4)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_deck_has_every_picture_question_and_exercise_of_its_chapter(name):
    chapter = book(name)
    deck = slides.Deck(chapter).slides
    prose = "\n".join(c.source for c in chapter.cells if c.cell_type == "markdown")
    pictures = [
        output
        for cell in chapter.cells
        for output in cell.get("outputs", [])
        if {"image/png", "image/jpeg"} & set(output.get("data", {}))
    ]
    count = {kind: sum(s.kind == kind for s in deck) for kind in {s.kind for s in deck}}
    assert count["figure"] == len(pictures)
    assert count.get("question", 0) == len(re.findall(r"\*\*Guess first", prose))
    assert 3 <= count["exercise"] == len(re.findall(r"^\*\*\d+\. ", prose, re.MULTILINE)) <= 5
    assert count["summary"] == 1
    assert all(slide.title for slide in deck)


def test_what_you_see_stands_below_its_figure_and_prose_in_the_notes():
    chapter = nbformat.v4.new_notebook()
    picture = nbformat.v4.new_output(
        "display_data", {"image/png": "iVBORw0KGgo="}, metadata={"image/png": {"alt": "a cat"}}
    )
    chapter.cells = [
        nbformat.v4.new_markdown_cell("# Title\n\nGoals."),
        nbformat.v4.new_markdown_cell("## One\n\nBefore.\n\n**Guess first:** which?"),
        nbformat.v4.new_code_cell("draw()", outputs=[picture]),
        nbformat.v4.new_markdown_cell("*What you see.* A cat.\n\nAfter.\n\n$$\na\n\n= b\n$$"),
        nbformat.v4.new_markdown_cell("**1. Write it.** So:\n\n```python\na\n\nb\n```"),
        nbformat.v4.new_markdown_cell("## Summary\n\n- all"),
    ]
    question, figure, formula, exercise, summary = slides.Deck(chapter).slides
    assert "which?" in question.body and "Before." in question.notes
    assert 'alt="a cat"' in figure.body and "A cat." in figure.body
    assert "= b" in formula.body and "After." in formula.body and formula.kind == "formulas"
    assert exercise.body.count("<pre>") == exercise.body.count("</pre>") == 1
    assert [s.title for s in (question, exercise, summary)] == ["One", "One", "Summary"]


def test_the_command_writes_both_and_says_where(tmp_path, capsys):
    assert cli.main(["slides", "1", "--out", str(tmp_path / "a.html")]) == 0
    assert cli.main(["slides", "01", "--handout", "--out", str(tmp_path / "b.html")]) == 0
    said = capsys.readouterr().out
    assert str(tmp_path / "a.html") in said and str(tmp_path / "b.html") in said
    title = slides.page.title(book("01_gan_theory"))
    assert all(title in (tmp_path / f"{n}.html").read_text("utf-8") for n in "ab")
    assert cli.main(["slides", "77"]) != 0
    assert "77" in capsys.readouterr().err


@pytest.fixture
def tab(browser):
    view = browser.new_page(viewport={"width": 1280, "height": 800})
    yield view
    view.close()


def test_slides_turn_by_keys_and_ask_no_network(tab, tmp_path):
    wrong, asked = [], []
    tab.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    tab.on("request", lambda r: asked.append(r.url))
    file = slides.write(book("06_cyclegan_grumpy_cats"), tmp_path / "slides.html")
    tab.goto(file.as_uri())
    tab.wait_for_selector("mjx-container", state="attached")
    shown = tab.locator("section.shown")
    assert shown.count() == 1 and "06" in shown.inner_text()
    assert "$" not in tab.locator("main").inner_text()  # every formula is set
    for key, slide in (("ArrowRight", 2), (" ", 3), ("ArrowLeft", 2), ("Home", 1)):
        tab.keyboard.press(key)
        assert shown.get_attribute("id") == f"slide-{slide}"
    tab.keyboard.press("End")
    assert "summary" in shown.get_attribute("class")
    tab.keyboard.press("ArrowLeft")
    assert not tab.locator("section.shown aside").is_visible()
    tab.keyboard.press("n")
    notes = tab.locator("section.shown aside")
    assert notes.count() == 0 or notes.is_visible()
    assert not wrong and all(url.startswith(("file:", "data:")) for url in asked)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_handout_is_one_side_of_a4(tab, tmp_path, name):
    file = slides.write(book(name), tmp_path / "handout.html", "handout")
    tab.goto(file.as_uri())
    if "$" in file.read_text("utf-8").split("</script>")[-2]:
        tab.wait_for_selector("mjx-container", state="attached")
    pdf = tab.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
