"""The exercises: marks, hints, and that chapters and package know the same ones."""

import re
from pathlib import Path

import pytest
import torch

from gancourse.errors import GancourseError
from gancourse_lab import exercises
from gancourse_lab.exercises import Exercise
from gancourse_lab.exercises.questions import Function, Property, Value, agree

TEXTS = sorted((Path(__file__).parents[1] / "notebooks/text").glob("*.py"))
ALL = {
    name: exercise
    for chapter in exercises.chapters()
    for name, exercise in exercises.of_chapter(chapter).items()
}
QUESTIONS = [
    pytest.param(name, question, id=f"{name} {question.asks}")
    for name, exercise in ALL.items()
    for question in exercise.questions
]


@pytest.fixture(autouse=True)
def nothing_missed_yet():
    exercises.forget()
    yield
    exercises.forget()


@pytest.fixture
def toy(monkeypatch):
    """An exercise "99.1" with a number, a function and something with a property."""
    number = Value("3 + 4", lambda more=0: 7 + more, ("Add.", "3, 4, …"), ((12, "No product."),))
    absolute = Function(
        "the absolute value",
        abs,
        lambda: {"x = 2": (2.0,), "x = −2": (-2.0,)},
        ("Think of −2.", "Two cases."),
        ((lambda x: x, "That is x itself."),),
    )
    even = Property("an even number", lambda n: "" if n % 2 == 0 else "odd", ("Divide.", "By 2."))
    code = "a = 3 + 4\nb = abs\nc = 2"
    made = Exercise((number, absolute, even), code, "Because it is so.")
    monkeypatch.setattr(exercises, "find", lambda name: made)
    return made


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_blanks_are_open_and_right_answers_come_with_their_reason(toy, capsys):
    exercises.answer("99.1", ..., ..., ...)
    assert [line[0] for line in lines(capsys)] == ["○"] * 3
    exercises.answer("99.1", 7, abs, 4)
    *marks, why = lines(capsys)
    assert [line[0] for line in marks] == ["✓"] * 3 and why == toy.why


def test_a_function_that_still_returns_dots_is_open(toy, capsys):
    def written(x):
        return ...

    exercises.answer("99.1", 7, written, 4)
    assert [line[0] for line in lines(capsys)] == ["✓", "○", "✓"]


def test_a_wrong_answer_gets_other_hints_and_at_the_third_time_the_answer(toy, capsys):
    for wrong, hint in ((5, "Add."), (6, "3, 4, …"), (5, "Add."), (12, "No product")):
        exercises.answer("99.1", wrong, ..., ...)
        told = "\n".join(lines(capsys))
        if wrong == 12:  # the third
            assert "It is 7." in told and toy.solution in told and toy.why in told
        else:
            assert hint in told and "7" not in told and toy.why not in told


def test_a_typical_wrong_answer_gets_its_own_hint(toy, capsys):
    exercises.answer("99.1", 12, lambda x: x, ...)
    number, function, _ = lines(capsys)
    assert number.endswith("yours 12. No product.")
    assert "for x = −2 it returns -2, not 2" in function and "That is x itself." in function


def test_the_same_function_again_is_no_further_miss(toy, capsys):
    for _ in range(5):
        exercises.answer("99.1", ..., lambda x: -x, 3)
    assert "Because" not in capsys.readouterr().out


def test_what_the_cell_hands_over_counts(toy, capsys):
    toy.questions[0].fault(8, {"more": 1})
    assert toy.questions[0].fault(8, {"more": 1}) is None
    assert toy.questions[0].told({"more": 1}) == "It is 8."


def test_the_readers_own_errors_are_said(toy, capsys):
    exercises.answer("99.1", "seven", lambda: 1, "x")
    number, function, anything = lines(capsys)
    assert "a number is asked for" in number
    assert "raises TypeError" in function and "TypeError" in anything


def test_reveal_gives_the_solution_at_once(toy, capsys):
    exercises.reveal("99.1")
    told = capsys.readouterr().out
    assert toy.solution in told and toy.why in told


def test_a_wrong_name_or_number_of_answers_is_said(toy):
    with pytest.raises(GancourseError, match="asks 3 questions, and got 1"):
        exercises.answer("99.1", 2)


def test_an_unknown_exercise_is_said():
    with pytest.raises(GancourseError, match=r"no exercise '00.9'. Chapter 00 has 00.1, "):
        exercises.reveal("00.9")
    with pytest.raises(GancourseError, match="none that checks itself"):
        exercises.answer("77.1", 1)


@pytest.mark.parametrize(
    ("given", "truth", "right"),
    [
        (2, 2, True),
        (2.0000001, 2, True),
        (3, 2, False),
        (float("nan"), 2, False),
        ([1, 2], (1, 2), True),
        ([1], [1, 2], False),
        ({3, 2}, [2, 3], True),
        (torch.tensor([1.0, 2.0], requires_grad=True), [1, 2], True),
        (" A", "a", True),
        (True, 1.0, False),
        (1, True, False),
        (None, 2, False),
    ],
)
def test_agreement(given, truth, right):
    assert agree(given, truth, 1e-6) is right


# The course's


def test_chapters_and_package_know_the_same_exercises():
    asked = {}
    for file in TEXTS:
        found = re.findall(r'\banswer\(\s*"(\d\d\.\d+)"', file.read_text(encoding="utf-8"))
        if file.stem[:2] in exercises.chapters() or found:
            asked[file.stem[:2]] = found
    assert asked == {chapter: list(exercises.of_chapter(chapter)) for chapter in asked}
    assert sorted(asked) == exercises.chapters()


def test_no_chapter_shows_how_its_exercises_are_solved():
    for file in TEXTS:
        text = re.sub(r"\s+", "", file.read_text(encoding="utf-8"))
        for exercise in exercises.of_chapter(file.stem[:2]).values():
            assert re.sub(r"\s+", "", exercise.solution) not in text


@pytest.mark.parametrize(("name", "question"), QUESTIONS)
def test_hints_differ(name, question):
    hints = [*question.hints, *(hint for _, hint in getattr(question, "wrong", ()))]
    assert len(question.hints) == 2 and len(set(hints)) == len(hints)
    assert all(hint.strip().endswith((".", "?", "!")) for hint in hints)


@pytest.mark.parametrize(("name", "question"), QUESTIONS)
def test_what_is_typically_wrong_is_wrong_and_not_the_answer(name, question):
    for value, hint in getattr(question, "wrong", ()):
        if isinstance(question, Function):
            try:
                fault = question.fault(value, {})
            except TypeError:  # what it is tried on comes from the chapter's cell
                continue
        elif callable(question.truth) and takes_something(question.truth):
            continue
        else:
            value = value() if callable(value) else value
            fault = question.fault(value, {})
            assert question.told({}) not in f"{fault}. {hint}"
        assert fault, f"{name}: {value} is right"
        assert question.typical(value, {}) == hint


def takes_something(function):
    return bool(function.__code__.co_argcount)


def test_answers_that_need_no_run_are_told():
    known = [q for e in ALL.values() for q in e.questions if isinstance(q, Value)]
    free = [q for q in known if not (callable(q.truth) and takes_something(q.truth))]
    assert free and all(re.fullmatch(r"It is .+\.", q.told({}), re.DOTALL) for q in free)
