"""What a page without a kernel shows of a chapter's outputs: pictures with their texts, and frames.

The site and the exported chapter use the same: each picture becomes an ``<img>`` with its
alternative text, a panel with stored frames a slider that a few lines of JavaScript move.
"""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from gancourse.notebook.frames import MIME

WIDGET = "application/vnd.jupyter.widget-view+json"
KINDS = ("image/png", "image/jpeg")
HERE = Path(__file__).parent


def script() -> str:
    """What moves the sliders of a page; it belongs at its end."""
    return (HERE / "frames.js").read_text("utf-8")


def style() -> str:
    """How the sliders of a page look."""
    return (HERE / "frames.css").read_text("utf-8")


def inline(kind: str, content: bytes) -> str:
    """The picture as a data: address, for a page that is one file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def of_book(book, address: Callable[[str, bytes], str] = inline) -> None:
    """Put HTML in the place of each picture and panel of ``book``.

    ``address(kind, bytes)`` says where the page finds a picture.
    """
    book.metadata.pop("widgets", None)  # their state: no kernel, no widget
    for cell in book.cells:
        film = "film" in cell.metadata.get("tags", [])
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            data.pop(WIDGET, None)
            shown = of_output(output, address, film)
            if shown:
                output["data"] = {"text/html": shown, "text/plain": data.get("text/plain", "")}


def of_output(output, address: Callable[[str, bytes], str], film: bool = False) -> str:
    """The HTML of one output that holds frames or a picture; "" if none, or what is no picture."""
    data = output.get("data", {})
    try:
        if MIME in data:
            return figure(data[MIME], address, film)
        for kind in KINDS:
            if kind in data:
                alt = output.get("metadata", {}).get(kind, {}).get("alt", "")
                content = base64.b64decode(data[kind])
                still = without_motion(content)
                still = address("image/png", still) if still else ""
                return _macros().picture(address(kind, content), alt, size(content), still)
    except (KeyError, IndexError, TypeError, ValueError):  # a chapter displays what it likes
        pass
    return ""


def figure(told: dict, address: Callable[[str, bytes], str] = inline, film: bool = False) -> str:
    """The frames of ``told``, as ``frames.stored`` made them, as a slider; a ``film`` plays."""
    shown = []
    for frame in told["frames"]:
        content = base64.b64decode(frame["webp"])
        where = ", ".join(filter(None, [f"{told['name']} = {frame['at']}", told["fixed"]]))
        said = told["alt"] or "A panel with a slider."
        shown.append(
            {
                "src": address("image/webp", content),
                "at": frame["at"],
                "alt": f"{said} Here at {where}.",
                "size": size(content),
            }
        )
    return _macros().frames(shown, told["name"], told["fixed"], told["start"], film)


def size(content: bytes) -> tuple[int, int] | None:
    """(width, height) of a picture, so that a page keeps its place; None where it is none."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            return picture.size
    except OSError:
        return None


def without_motion(content: bytes) -> bytes:
    """The still picture of an animated PNG, for who wants no motion; b"" of any other."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if getattr(picture, "n_frames", 1) == 1:
                return b""
            buffer = io.BytesIO()
            picture.convert("RGB").save(buffer, "png")
            return buffer.getvalue()
    except OSError:
        return b""


@functools.cache
def _macros():
    from jinja2 import Environment, FileSystemLoader

    loader = FileSystemLoader(HERE)
    templates = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return templates.get_template("frames.html.j2").module
