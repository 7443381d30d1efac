"""The exercises of the chapters: ○ not answered yet, ✓, or ✗ with a hint.

A chapter's cell ends with ``exercises.answer("01.2", …)``; ``exercises.reveal("01.2")`` gives the
solution and its reason. The answers of chapter 01 stand in ``chapter_01.py``. How often a question
was missed is remembered as long as the kernel runs; the same answer again is no further miss.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass

from gancourse.errors import GancourseError
from gancourse_lab.exercises.questions import Function, Property, Value, plain, shown

MISSES_ALLOWED = 2  # at the next one the answer is told
_missed: dict[str, list] = {}


@dataclass(frozen=True)
class Exercise:
    """Questions, the code that answers them, and why.

    ``solution`` assigns what the chapter's cell leaves blank. ``why`` is Markdown, shown once all
    questions are answered, or given up.
    """

    questions: tuple[Value | Function | Property, ...]
    solution: str
    why: str


def chapters() -> list[str]:
    """The numbers of the chapters that have exercises here: "00", "01", …"""
    found = [module for _, module, _ in pkgutil.iter_modules(__path__)]
    return sorted(n.removeprefix("chapter_") for n in found if n.startswith("chapter_"))


def of_chapter(number: str) -> dict[str, Exercise]:
    """The exercises of a chapter, by name."""
    if number not in chapters():
        return {}
    return importlib.import_module(f"{__name__}.chapter_{number}").EXERCISES


def find(name: str) -> Exercise:
    """The exercise ``name``, such as "01.2"."""
    chapter = name.partition(".")[0]
    known = of_chapter(chapter)
    if name not in known:
        there = ", ".join(known) or "none that checks itself"
        raise GancourseError(f"There is no exercise {name!r}. Chapter {chapter} has {there}.")
    return known[name]


def answer(name: str, *given: object, **context: object) -> None:
    """Say of each of the answers ``given`` to exercise ``name`` whether it is right.

    A blank (``...``) gets ○, a right answer ✓, a wrong one ✗ and a hint; the third wrong one, the
    answer. ``context``: what the question is about, if the chapter's cells made it.
    """
    exercise = find(name)
    if len(given) != len(exercise.questions):
        raise GancourseError(
            f"Exercise {name} asks {len(exercise.questions)} questions, and got {len(given)} "
            "answers. Leave `...` for those that are open."
        )
    marks = []
    for number, (question, value) in enumerate(zip(exercise.questions, given, strict=True)):
        marks.append(_mark(f"{name}/{number}", question, value, context))
    if marks == ["✓"] * len(marks):
        _say(exercise.why)
    elif "told" in marks:
        reveal(name)


def reveal(name: str) -> None:
    """Show the solution of exercise ``name``, and why it is so."""
    exercise = find(name)
    code = exercise.solution.strip("\n")
    _say(f"**Solution of {name}.**\n\n```python\n{code}\n```\n\n{exercise.why.strip()}")


def forget() -> None:
    """Begin anew: no question was missed yet."""
    _missed.clear()


def _mark(key: str, question: Value | Function | Property, given: object, context: dict) -> str:
    """Print one line about one answer; returns ○, ✓, ✗ or "told"."""
    name = f"{key.partition('/')[0]} {question.asks}"
    if question.unanswered(given):
        print(f"○ {name}: not answered yet")
        return "○"
    fault = question.fault(given, context)
    if fault is None:
        print(f"✓ {name}: {shown(given)}")
        return "✓"
    count = _misses(key, given)
    if count > MISSES_ALLOWED:
        print(f"✗ {name}: {fault}. {question.told(context)}".rstrip())
        return "told"
    hint = question.typical(given, context) or question.hints[count - 1]
    print(f"✗ {name}: {fault}. {hint}")
    return "✗"


def _misses(key: str, given: object) -> int:
    """Which miss this is: 1, 2, …; the same wrong answer keeps its number."""
    missed = _missed.setdefault(key, [])
    told_apart = _identity(given)
    if told_apart not in missed:
        missed.append(told_apart)
    return missed.index(told_apart) + 1


def _identity(given: object) -> object:
    """Functions are told apart by what they do, not by where they lie in memory."""
    code = getattr(given, "__code__", None)
    return repr(plain(given)) if code is None else (code.co_code, code.co_consts, code.co_names)


def _say(text: str) -> None:
    """Show Markdown in a notebook, print it elsewhere."""
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is None:
        print(text.strip())
    else:
        display({"text/markdown": text.strip(), "text/plain": text.strip()}, raw=True)
