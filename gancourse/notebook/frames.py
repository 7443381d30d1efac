"""Stored frames: what a slider would show at some of its positions, for pages without a kernel.

They lie beside a picture in a cell's output, as JSON of the kind ``MIME``. GitHub and JupyterLab
do not know that kind and show the picture; the site and the exported chapter make a slider of it.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from gancourse.notebook import figures

MIME = "application/vnd.gancourse.frames+json"
MOST = 7  # frames of a panel
BYTES = 75_000  # of them all, a third more in the notebook, which must stay below 2 MB
FILM_COLUMNS, FILM_WIDTH, FILM_BYTES = 4, 384, 200_000  # pictures a row, pixels, bytes in all
LADDER = ((720, 75), (720, 55), (640, 45))  # pixels wide at most, WebP's quality: until they fit
SECONDS = 30.0  # a panel whose frames take longer has none


def stored(
    pictures: Sequence[Image.Image],
    positions: Sequence[str],
    name: str,
    start: int = -1,
    fixed: str = "",
    alt: str = "",
    most_bytes: int = BYTES,
) -> dict:
    """What an output holds of ``pictures``, each shown where the slider ``name`` stands at.

    ``start``: which is shown first. ``fixed`` says what else was chosen: "seed = 0"; ``alt`` what
    all of them show, for who cannot see it. Of pictures that need more than ``most_bytes`` at the
    lowest quality some are left out.
    """
    start = range(len(pictures))[start]
    for width, quality in LADDER:
        files = [webp(picture, width, quality) for picture in pictures]
        weight = sum(map(len, files))
        if weight <= most_bytes:
            break
    else:
        fewer = max(2, int(len(files) * most_bytes / weight))
        if fewer < len(files):
            kept = spread(range(len(files)), start, fewer)
            few = [pictures[i] for i in kept], [positions[i] for i in kept]
            return stored(*few, name, kept.index(start), fixed, alt, most_bytes)
    frames = [
        {"at": at, "webp": base64.b64encode(file).decode()}
        for at, file in zip(positions, files, strict=True)
    ]
    return {"name": name, "fixed": fixed, "alt": alt, "start": start, "frames": frames}


def show_film(
    strip: Image.Image, images: Sequence[Tensor], steps: Sequence[int], caption: str, alt: str
) -> None:
    """Display ``strip``, and for pages that can play it the film of ``images`` over the ``steps``.

    ``images``: uint8 (N, C, H, W) a frame, shown in rows of four.
    """
    from IPython.display import display

    scale = max(1, FILM_WIDTH // (FILM_COLUMNS * images[0].shape[-1]))
    tiles = [Image.fromarray(figures.tile(enlarged(x, scale), FILM_COLUMNS)) for x in images]
    positions = [str(step) for step in steps]
    told = stored(tiles, positions, "step", fixed=caption, alt=alt, most_bytes=FILM_BYTES)
    picture = base64.b64encode(figures.jpeg_of(strip)).decode()
    bundle = {"image/jpeg": picture, MIME: told, "text/plain": alt}
    display(bundle, metadata={"image/jpeg": {"alt": alt}}, raw=True)


def enlarged(images: Tensor, scale: int) -> Tensor:
    """uint8 (N, C, H, W) → ``scale`` times as large, bicubic as in ``figures.sheet``."""
    larger = interpolate(images.float(), scale_factor=scale, mode="bicubic")
    return larger.round().clamp(0, 255).to(torch.uint8)


def webp(picture: Image.Image, width: int, quality: int) -> bytes:
    """``picture`` as WebP bytes, made smaller where it is wider than ``width``."""
    picture = picture.convert("RGB")
    if picture.width > width:
        height = round(picture.height * width / picture.width)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "webp", quality=quality)
    return buffer.getvalue()


def of_panel(draw: Callable, values: Mapping, moves: str, options: Sequence, dpi: int):
    """(pictures, positions) of ``draw(**values)`` where control ``moves`` takes ``options``.

    A position that ``draw`` refuses is left out; the panel says why where a kernel runs. Nothing
    where that takes too long.
    """
    began, pictures, positions = time.monotonic(), [], []
    for option in options:
        if time.monotonic() - began > SECONDS:
            return [], []
        try:
            drawn = draw(**{**values, moves: option})
            drawn = drawn if isinstance(drawn, bytes) else figures.png(drawn, dpi)
            picture = Image.open(io.BytesIO(drawn)).convert("RGB")
        except Exception:
            continue
        pictures.append(picture)
        positions.append(option)
    return pictures, positions


def spread(options: Sequence, start, most: int = MOST) -> list:
    """At most ``most`` of ``options``, evenly, the ends and ``start`` among them."""
    if len(options) <= most:
        return list(options)
    chosen = [round(i * (len(options) - 1) / (most - 1)) for i in range(most)]
    at = min(range(len(options)), key=lambda i: options[i] != start)
    nearest = min(range(most), key=lambda i: abs(chosen[i] - at))
    chosen[nearest] = at
    return [options[i] for i in chosen]
