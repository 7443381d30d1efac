"""Errors that say what happened, to what, and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GancourseError(Exception):
    """Base of every error raised on purpose; the command line prints only its text."""


class UnknownName(GancourseError, ValueError):
    """A name that is not among the known ones: a chapter, a profile, a data set, a parameter, …"""


def unknown(kind: str, name: object, known: Iterable[str]) -> UnknownName:
    """The error to raise for an unknown ``name``, with the nearest ``known`` word suggested."""
    options = sorted(str(k) for k in known)
    lowered = {o.lower(): o for o in options}
    asked = str(name).lower()
    near = [o for o in lowered if asked and o.startswith(asked)]  # cut short, not mistyped
    near = near or difflib.get_close_matches(asked, lowered, n=1, cutoff=0.5)
    hint = f" Did you mean {lowered[near[0]]!r}?" if near else ""
    return UnknownName(f"Unknown {kind} {str(name)!r}.{hint} Known: {', '.join(options)}.")


def among(kind: str, name: object, known: Iterable[str]) -> str:
    """The word of ``known`` that ``name`` is, in any case; raises ``UnknownName`` for another."""
    lowered = {word.lower(): word for word in known}
    if str(name).lower() not in lowered:
        raise unknown(kind, name, known)
    return lowered[str(name).lower()]
