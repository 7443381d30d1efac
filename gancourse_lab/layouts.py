"""Steel with its defects by the name of its layout: real files, your own, or drawn ones.

Drawn pictures are written to a folder just as the real archives hold them, so that the same code
reads both.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from gancourse.data import catalog, fetch
from gancourse_lab import defects
from gancourse_lab.annotations import voc_object
from gancourse_lab.defects import Sheets
from gancourse_standins import SETS, draw, write_severstal

NEU, TILES, STRIPS = "NEU-DET", "magnetic-tile", "severstal-steel-defect-detection"
READERS: dict[str, Callable[[Path], Sheets]] = {
    NEU: defects.neu_sheets,
    TILES: defects.tile_sheets,
    STRIPS: defects.strip_sheets,
}
DRAWN = {NEU: 8, TILES: 6, STRIPS: 24}  # pictures a part, pieces a part, strips
TILE = (256, 200)  # height and width of a drawn tile
EXPOSURES = (1.0, 0.6)  # of a drawn tile: shares of its light
_kept = []  # temporary folders, until the process ends


def load(name: str, source: str = "auto", folder: str = "") -> tuple[Sheets, str]:
    """The sheets of layout ``name``, a key of ``READERS``, and where they come from.

    "real", "stand-in", or "own" for a ``folder`` of yours in that layout. ``source`` as in
    ``data.load``.
    """
    entry = catalog.find(name)
    if folder:
        return READERS[entry.name](Path(folder).expanduser()), "own"
    where = None if source == "stand-in" else fetch.locate(entry, source == "real")
    if where is None:
        return READERS[entry.name](_drawn(entry.name)), "stand-in"
    return READERS[entry.name](where), "real"


@functools.cache
def _drawn(name: str) -> Path:
    """A temporary folder with drawn pictures in the layout ``name``."""
    _kept.append(tempfile.TemporaryDirectory(prefix="gancourse-"))
    write = {NEU: write_neu, TILES: write_tiles, STRIPS: write_severstal}[name]
    return write(Path(_kept[-1].name), DRAWN[name])


def write_neu(folder: Path, n: int, seed: int = 0) -> Path:
    """Write ``n`` drawn pictures a class as NEU-DET has them; returns ``folder``."""
    for place in ("IMAGES", "ANNOTATIONS"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    for part in SETS[NEU].parts:
        for number in range(1, n + 1):
            _, pixels, truth = draw(NEU, part, number, height=200, width=200, channels=1, seed=seed)
            name = f"{part}_{number}"
            Image.fromarray(pixels[0]).save(folder / "IMAGES" / f"{name}.jpg", quality=95)
            text = "".join(voc_object(part, box) for box in truth["boxes"].astype(int).tolist())
            (folder / "ANNOTATIONS" / f"{name}.xml").write_text(f"<annotation>{text}</annotation>")
    return folder


def write_tiles(folder: Path, n: int, seed: int = 0) -> Path:
    """Write ``n`` drawn tiles a part, each under two exposures; returns ``folder``."""
    height, width = TILE
    for row, part in enumerate(SETS[TILES].parts):
        (folder / part).mkdir(parents=True, exist_ok=True)
        for number in range(n):
            _, pixels, truth = draw(
                TILES, part, number, height=height, width=width, channels=1, seed=seed
            )
            for exposure, light in enumerate(EXPOSURES, 1):
                # numbers of a tile lie near each other, those of two tiles far apart
                name = f"exp{exposure}_num_{1000 * (row * n + number + 1) + 20 * exposure}"
                seen = Image.fromarray((pixels[0] * light).astype(np.uint8))
                seen.save(folder / part / f"{name}.jpg", quality=95)
                mask = Image.fromarray(255 * truth["mask"].any(0).astype(np.uint8))
                mask.save(folder / part / f"{name}.png")
    return folder


def caption(name: str, found: Sheets, source: str) -> str:
    """What a figure of ``found`` shows."""
    return f"{len(found.sheets)} {source} {name} pictures"
