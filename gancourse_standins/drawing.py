"""Drawing by signed distance (negative inside) and band-limited noise, at any size of picture."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np


class Canvas:
    """Pixel centres ``x``, ``y`` (y from -1, the top, to 1; x = 0 in the middle), pixel ``px``."""

    def __init__(self, x: np.ndarray, y: np.ndarray, px: float):
        self.x, self.y, self.px = x, y, px

    @classmethod
    def of(cls, height: int, width: int) -> Canvas:
        y, x = np.mgrid[1 - height : height : 2, 1 - width : width : 2].astype(np.float32) / height
        return cls(x, y, 2 / height)

    def frame(self, cx, cy, scale=1.0, tilt=0.0) -> Canvas:
        """The same pixels seen from a body at (cx, cy), ``scale`` large, turned by ``tilt`` rad."""
        c, s = float(np.cos(tilt) / scale), float(np.sin(tilt) / scale)  # a float64 would spread
        x, y = self.x - float(cx), self.y - float(cy)
        return Canvas(c * x + s * y, c * y - s * x, self.px / float(scale))

    def mirrored(self) -> Canvas:
        """What is drawn here at x > 0 appears on both sides."""
        return Canvas(np.abs(self.x), self.y, self.px)

    def ellipse(self, cx, cy, rx, ry) -> np.ndarray:
        cx, cy, rx, ry = map(float, (cx, cy, rx, ry))
        u, v = (self.x - cx) / rx, (self.y - cy) / ry
        k = np.sqrt(u * u + v * v) + 1e-6
        return k * (k - 1) / (np.sqrt((u / rx) ** 2 + (v / ry) ** 2) + 1e-6)

    def box(self, cx, cy, rx, ry) -> np.ndarray:
        return np.maximum(abs(self.x - float(cx)) - float(rx), abs(self.y - float(cy)) - float(ry))

    def limb(self, a, b, ra: float, rb: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """A capsule from a to b, its radius going from ra to rb: (distance, length along it)."""
        (ax, ay), (bx, by) = map(float, a), map(float, b)
        dx, dy, u, v = bx - ax, by - ay, self.x - ax, self.y - ay
        length = math.hypot(dx, dy)
        t = np.clip((u * dx + v * dy) / length**2, 0, 1)
        near = np.sqrt((u - t * dx) ** 2 + (v - t * dy) ** 2)
        return near - (ra + t * ((ra if rb is None else rb) - ra)), t * length

    def cover(self, distance: np.ndarray, soft: float = 0.0) -> np.ndarray:
        """The share of each pixel that lies inside; the edge is at least a pixel wide."""
        return np.clip(0.5 - distance / max(soft, self.px), 0, 1)

    def noise(self, rng: np.random.Generator, fy: float, fx: float) -> np.ndarray:
        """Unit variance, fy by fx cells per canvas height; cells below a pixel average out."""
        height, width = self.x.shape
        cells = max(1, round(fy)), max(1, round(fx * width / height))
        grid = rng.standard_normal((cells[0] + 4, cells[1] + 4), np.float32)
        return _spread(height, cells[0]) @ grid @ _spread(width, cells[1]).T


@lru_cache(maxsize=128)
def _spread(size: int, cells: int) -> np.ndarray:
    """(size, cells + 4): Gaussian weights from cells (two beyond each border) to pixels."""
    pixel, cell = (np.arange(size) + 0.5) / size, (np.arange(cells + 4) - 1.5) / cells
    weights = np.exp(-0.5 * ((pixel[:, None] - cell) / (0.55 * max(1 / cells, 1 / size))) ** 2)
    gain = np.sqrt(2 * np.sqrt(np.pi) * 0.55)  # 1 / (standard deviation of an interpolated value)
    return (gain * weights / weights.sum(1, keepdims=True)).astype(np.float32)


def paint(picture: np.ndarray, cover: np.ndarray, colour) -> None:
    """Lay ``colour`` (number, triple or picture) over ``picture`` (H, W[, 3]) in place."""
    rows, columns = cover.any(1).nonzero()[0], cover.any(0).nonzero()[0]
    if len(rows):
        window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        colour, below = np.asarray(colour, np.float32), picture[window]
        colour = colour[window] if colour.ndim == picture.ndim else colour
        part = cover[window].astype(np.float32, copy=False)
        below += (part[..., None] if picture.ndim == 3 else part) * (colour - below)


def wobble(rng: np.random.Generator, along: np.ndarray, knots: int) -> np.ndarray:
    """A random curve of unit variance over ``along`` in [-1.5, 1.5], linear between its knots."""
    knot = (along + 1.5).clip(0, 2.999) * ((knots - 1) / 3)
    curve, left = rng.standard_normal(knots, np.float32), knot.astype(np.intp)
    return curve[left] + (knot - left).astype(np.float32) * np.diff(curve)[left]


def uniform(rng: np.random.Generator, low, high) -> np.ndarray:
    return rng.uniform(low, high).astype(np.float32)
