"""A training as a moving picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

from .errors import GancourseError

SAMPLED = 6  # frames that the palette is taken from


def movie(frames: Sequence, pause: int = 200, last: int = 2500, colours: int = 64) -> bytes:
    """Frames, PNG bytes or PIL pictures of one size, as one animated PNG that plays in a loop.

    Each stands for ``pause`` milliseconds, the final one for ``last``. Where pictures do not move,
    in print or in an old viewer, one sees the final frame. All share one palette of ``colours``.
    Raises ``GancourseError`` without frames, or for frames of several sizes.
    """
    from PIL import Image

    opened = [Image.open(io.BytesIO(f)) if isinstance(f, bytes) else f for f in frames]
    sizes = sorted({picture.size for picture in opened})
    if len(sizes) != 1:
        raise GancourseError(f"A movie needs frames of one size; got {sizes or 'no frame at all'}.")
    opened = [picture.convert("RGB") for picture in opened]
    width, height = sizes[0]
    strip = Image.new("RGB", (width, SAMPLED * height))
    for i in range(SAMPLED):
        strip.paste(opened[i * (len(opened) - 1) // (SAMPLED - 1)], (0, i * height))
    palette = strip.quantize(colours)
    still, *moving = [p.quantize(palette=palette, dither=0) for p in [opened[-1], *opened]]
    buffer = io.BytesIO()
    pauses = [pause] * (len(moving) - 1) + [last]
    options = {"save_all": True, "default_image": True, "duration": pauses, "loop": 0}
    still.save(buffer, "PNG", append_images=moving, **options)
    return buffer.getvalue()
