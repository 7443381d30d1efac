"""A chapter's parameters: which it has, and whether a given value is one before anything runs."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from gancourse import augment, data, profiles
from gancourse.errors import GancourseError, among, unknown
from gancourse.files import path_of
from gancourse.metrics import features
from gancourse_lab.imbalance import ARMS

# Of the chapters' numbers: (kind, smallest, largest). Those that become a setting have its range.
NUMBERS = {
    "EPOCHS": (int, *profiles.RANGES["epochs"]),
    "STEPS": (int, 1, profiles.RANGES["steps"][1]),
    "SEED": (int, *profiles.RANGES["seed"]),
    "BLOCKS": (int, *profiles.RANGES["blocks"]),
    "LAMBDA_CYCLE": (float, *profiles.RANGES["lambda_cycle"]),
    "LAMBDA_IDENTITY": (float, *profiles.RANGES["lambda_identity"]),
    "ITERATION": (int, 0, 2),
    "NEIGHBOURS": (int, 1, 8),
    "SHARE": (float, 0, 1),
    "RATIO": (float, 0.5, 2),
}
WORDS = {
    "PROFILE": profiles.PROFILES,
    "DATA": data.SOURCES,
    "AUGMENT": tuple(augment.POLICIES),
    "FEATURES": features.KINDS,
    "CELL": ("neu", "tiles"),
    "ARM": ARMS,
    "AGAINST": ARMS,
}
FOLDERS = ("FOLDER_A", "FOLDER_B", "STRIPS", "OWN")
TEXTS = ("MINORITY",)  # a class of a reader's own, by any name


def parameters_of(book) -> dict[str, object]:
    """Name → default of the assignments in the cell tagged ``parameters`` (``...`` if computed)."""
    cells = [c for c in book.cells if "parameters" in c.metadata.get("tags", [])]
    found = {}
    for node in [node for cell in cells for node in ast.parse(cell.source).body]:
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                try:
                    found[target.id] = ast.literal_eval(node.value)
                except ValueError:
                    found[target.id] = ...
    return found


def assigned(given: Mapping, books: Mapping) -> dict[str, dict]:
    """For each of ``books`` the parameters it has, as values of their kind and range.

    Raises ``UnknownName`` for a name that no book has or a word that is none, ``GancourseError``
    for another value that does not fit.
    """
    has = {name: parameters_of(book) for name, book in books.items()}
    everywhere = {"PROFILE"}.union(*has.values())
    for name in given:
        if name not in everywhere:
            raise unknown("parameter", name, everywhere)
    found = {}
    for chapter, mine in has.items():
        found[chapter] = {k: checked(k, v, mine[k]) for k, v in given.items() if k in mine}
    return found


def checked(name: str, value: object, default: object) -> object:
    """``value`` (text from a command line, say) as what the parameter ``name`` takes.

    What the chapter's default, such as None, stands for needs no checking.
    """
    value = typed(name, value, default)
    if value == default and type(value) is type(default):
        return value
    if name in NUMBERS:
        return _number(name, value)
    if name in WORDS:
        return among(name, value, WORDS[name])
    if name in FOLDERS:
        return _folder(name, value)
    return value


def typed(name: str, value: object, default: object) -> object:
    """``value`` as the type of ``default``.

    Raises ``GancourseError`` where it is of another type, instead of handing it to the chapter.
    """
    if isinstance(value, str) and not isinstance(default, str):
        try:
            value = ast.literal_eval({"true": "True", "false": "False"}.get(value, value))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            pass  # no literal, as "{[]: 1}" or a thousand brackets: it stays text
        if not _plain(value):
            raise GancourseError(
                f"Parameter {name} takes no {value!r}: a chapter is given numbers, text, lists and "
                "dictionaries by text."
            )
    if default is None or default is ... or type(value) is type(default):
        return value
    if isinstance(default, float) and type(value) is int:
        return float(value)
    kind = type(default).__name__
    raise GancourseError(f"Parameter {name} (default {default!r}) takes no {value!r}: not {kind}.")


def _plain(value) -> bool:
    """Whether papermill hands ``value`` on as it is: a tuple, say, would arrive as text."""
    if isinstance(value, list):
        return all(map(_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(_plain, value.values()))
    return value is None or isinstance(value, bool | int | float | str)


def _number(name: str, value: object) -> float:
    kind, low, high = NUMBERS[name]
    fits = type(value) is int or kind is float and type(value) is float
    if not fits or not low <= value <= high:
        word = "whole number" if kind is int else "number"
        raise GancourseError(
            f"Parameter {name} must be a {word} in [{low:g}, {high:g}], not {value!r}."
        )
    return kind(value)


def _folder(name: str, value: str) -> str:
    """The whole path: a chapter runs in ``notebooks``, and ``value`` is meant from here."""
    place = path_of(value).absolute()
    if not place.is_dir():
        raise GancourseError(f"Parameter {name}: there is no folder {place}.")
    return str(place)
