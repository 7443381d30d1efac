"""What an exercise asks: a value, a function, or something with a property.

Each kind has ``asks``, the question in a few words; ``hints``, for the first and the second miss;
``unanswered(given)``; ``fault(given, context)``, None if right, else what is wrong, without the
answer; ``typical(given, context)``, the hint for a miss that many make; ``told(context)``, the
answer. ``context`` is what the chapter's cell hands over by name: points, a record, a run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Number


@dataclass(frozen=True)
class Value:
    """A number, a word, True or False, or a list of them.

    ``truth`` and the first parts of ``wrong`` are values or functions of the context.
    """

    asks: str
    truth: object
    hints: tuple[str, str]
    wrong: tuple[tuple[object, str], ...] = ()
    tolerance: float = 1e-6

    def unanswered(self, given: object) -> bool:
        return blank(given)

    def fault(self, given: object, context: dict) -> str | None:
        truth = settled(self.truth, context)
        if agree(given, truth, self.tolerance):
            return None
        if kind(given) != kind(truth):
            return f"yours {shown(given)}, but {kind(truth)} is asked for"
        return f"yours {shown(given)}"

    def typical(self, given: object, context: dict) -> str:
        for value, hint in self.wrong:
            if agree(given, settled(value, context), self.tolerance):
                return hint
        return ""

    def told(self, context: dict) -> str:
        return f"It is {shown(settled(self.truth, context))}."


@dataclass(frozen=True)
class Function:
    """A function of the reader's, held against ``truth`` on several inputs.

    ``cases(**context)`` makes them anew: by a label, the arguments. ``wrong`` holds functions
    that readers write instead.
    """

    asks: str
    truth: Callable
    cases: Callable[..., dict[str, tuple]]
    hints: tuple[str, str]
    wrong: tuple[tuple[Callable, str], ...] = ()
    tolerance: float = 1e-5

    def unanswered(self, given: object) -> bool:
        return blank(given) or (callable(given) and returns_blank(given))

    def fault(self, given: object, context: dict) -> str | None:
        if not callable(given):
            return f"yours {shown(given)}, but a function is asked for"
        for label, arguments in self.cases(**context).items():
            try:
                got = given(*arguments)
            except Exception as error:  # the reader's own
                return f"for {label} it raises {type(error).__name__}: {error}"
            expected = self.truth(*arguments)
            if not agree(got, expected, self.tolerance):
                return f"for {label} it returns {shown(got)}, not {shown(expected)}"
        return None

    def typical(self, given: object, context: dict) -> str:
        for other, hint in self.wrong:
            if callable(given) and self._same(given, other, context):
                return hint
        return ""

    def _same(self, given: Callable, other: Callable, context: dict) -> bool:
        try:
            return all(
                agree(given(*arguments), other(*arguments), self.tolerance)
                for arguments in self.cases(**context).values()
            )
        except Exception:  # one of the two does not take these inputs
            return False

    def told(self, context: dict) -> str:
        return ""  # the solution's code tells


@dataclass(frozen=True)
class Property:
    """Anything that has the property asked for: ``judge(given, **context)`` says what it lacks.

    ``judge`` returns "" where nothing is lacking; the text of a miss is hint enough to try again.
    """

    asks: str
    judge: Callable[..., str]
    hints: tuple[str, str]

    def unanswered(self, given: object) -> bool:
        return blank(given) or (callable(given) and returns_blank(given))

    def fault(self, given: object, context: dict) -> str | None:
        try:
            return self.judge(given, **context) or None
        except Exception as error:  # the reader's own
            return f"{shown(given)} cannot be tried: {type(error).__name__}: {error}"

    def typical(self, given: object, context: dict) -> str:
        return ""

    def told(self, context: dict) -> str:
        return ""


def blank(given: object) -> bool:
    """Whether ``...`` stands there, alone or in a list."""
    return given is ... or (isinstance(given, list | tuple) and any(map(blank, given)))


def returns_blank(function: object) -> bool:
    """Whether the body of ``function`` is still the ``return ...`` of the chapter."""
    code = getattr(function, "__code__", None)
    return code is not None and ... in code.co_consts and not code.co_names


def settled(value: object, context: dict) -> object:
    """``value``, or what it returns for the context if it is a function."""
    return value(**context) if callable(value) else value


def plain(value: object) -> object:
    """Tensors and arrays as numbers and lists, tuples and sets as lists."""
    if hasattr(value, "detach"):
        value = value.detach()
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, set | frozenset):
        value = sorted(value)
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value.strip().lower() if isinstance(value, str) else value


def agree(given: object, truth: object, tolerance: float) -> bool:
    """Numbers within ``tolerance``, words in any case, lists part by part."""
    given, truth = plain(given), plain(truth)
    if isinstance(truth, list):
        return (
            isinstance(given, list)
            and len(given) == len(truth)
            and all(agree(g, t, tolerance) for g, t in zip(given, truth, strict=True))
        )
    if kind(given) == kind(truth) == "a number":
        return abs(given - truth) <= tolerance
    return type(given) is type(truth) and given == truth


def kind(value: object) -> str:
    """What sort of answer ``value`` is, in words."""
    value = plain(value)
    if isinstance(value, bool):
        return "True or False"
    if isinstance(value, Number):
        return "a number"
    if isinstance(value, str):
        return "a word"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "nothing" if value is None else "a function" if callable(value) else "something else"


def shown(value: object) -> str:
    """``value`` in a few characters."""
    if hasattr(value, "numel") and value.numel() > 8:
        return f"a tensor {tuple(value.shape)}"
    if hasattr(value, "__code__"):
        return "your function"
    value = value if isinstance(value, str) else plain(value)
    if isinstance(value, list) and len(value) <= 8:
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
