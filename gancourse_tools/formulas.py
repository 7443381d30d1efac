"""MathJax, which sets the formulas of a page: from a package, so that no page asks a network.

The file makes outlines of the letters: it needs no fonts, and nothing but itself.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

PACKAGE, FILE = "sphinx-mathjax-offline", "static/mathjax/tex-svg.js"
# its menu would load what is not there
SETTINGS = """window.MathJax = {
  tex: {inlineMath: [["$", "$"], ["\\\\(", "\\\\)"]], processEscapes: true},
  options: {enableMenu: false},
  svg: {scale: 0.92}
};"""


def source() -> str:
    """The script, or "" where the package is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    file = Path(found.origin).parent / FILE if found and found.origin else None
    return file.read_text("utf-8") if file and file.is_file() else ""
