"""How far a long loop is: in a terminal tqdm's bar, in a notebook one line of text.

tqdm's own bar for notebooks is a widget; of that GitHub and a printed page show the first state,
"0 %", as if nothing had run.
"""

from __future__ import annotations

import io
import sys

from tqdm.std import tqdm


def bar(*parts, **options) -> tqdm:
    """A bar over ``parts``, an iterable, or with ``total=n`` and ``update()``; tqdm's options."""
    there = in_notebook() and not options.get("disable")
    return _Line(*parts, **options) if there else tqdm(*parts, **options)


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class _Line(tqdm):
    """The bar as text below the cell. It stays there, as it was at its end."""

    def __init__(self, *parts, **options):
        from IPython.display import display

        self.line = display({"text/plain": ""}, raw=True, display_id=True)
        told = {"mininterval": 0.5} | options
        told |= {"leave": True, "ascii": False, "file": io.StringIO()}
        super().__init__(*parts, **told)

    def display(self, msg: str | None = None, pos: int | None = None, **_) -> None:
        """Put the bar, or ``msg``, in the line's place."""
        self.line.update({"text/plain": str(self) if msg is None else msg}, raw=True)
