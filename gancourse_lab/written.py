"""A word as a cloud of points, to be learnt like the ring of chapter 00."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from torch import Tensor

from gancourse.errors import GancourseError

HALF_WIDTH, HALF_HEIGHT = 1.5, 1.2  # within the axes of the chapter's pictures


class Written:
    """``written(n)``: n points (n, 2) at random inside the letters of a word, in the middle."""

    def __init__(self, word: str):
        word = word.strip()
        polygons = []
        if 1 <= len(word) <= 6 and word.isprintable():
            polygons = TextPath((0, 0), word, prop=FontProperties(weight="bold")).to_polygons()
        if not polygons:
            raise GancourseError(f"A word of 1 to 6 letters can be drawn, not {word!r}.")
        corners = np.concatenate(polygons)
        low, half = corners.min(0), (corners.max(0) - corners.min(0)) / 2
        scale = min(HALF_WIDTH / half[0], HALF_HEIGHT / half[1])
        self.reach = torch.tensor(half * scale, dtype=torch.float32)
        self.polygons = [Path((polygon - low - half) * scale) for polygon in polygons]

    def __call__(self, n: int) -> Tensor:
        kept = []
        while sum(map(len, kept)) < n:
            points = (2 * torch.rand(4 * n, 2) - 1) * self.reach
            inside = [polygon.contains_points(points.numpy()) for polygon in self.polygons]
            odd = np.sum(inside, axis=0) % 2 == 1  # the hole of an O lies inside two outlines
            kept.append(points[torch.from_numpy(odd)])
        return torch.cat(kept)[:n]
