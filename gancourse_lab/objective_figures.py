"""The figures of chapter 05: six translators of numbers, patches, the pool's ages, D's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from gancourse.notebook import figures
from gancourse.notebook.figures import BLUE, CYCLE, GREY, ORANGE, subplots
from gancourse.records import Record


def from_sheet(record: Record, row: int, columns: Sequence[int], size=128, gap=2) -> Tensor:
    """Pictures (n, 3, size, size) of a prototype's sheet, whose tiles lie ``gap`` pixels apart."""
    sheet = torch.from_numpy(np.array(record.picture("strip.webp"))).permute(2, 0, 1)
    top, step = gap + (size + gap) * row, size + gap
    tiles = [sheet[:, top:, gap + step * c :][:, :size, :size] for c in columns]
    return torch.stack(tiles)


def maps(x: Tensor, made: Mapping[str, Tensor]) -> Figure:
    """Each translator G of numbers x as a graph, with the own partner x + 2 in grey."""
    figure, axes = subplots(1, len(made), figsize=(9.5, 2.2), sharey=True)
    for axis, (name, gx) in zip(axes, made.items(), strict=True):
        axis.plot(x[::20], x[::20] + 2, color=GREY, linewidth=1)
        axis.plot(x[::20], gx[::20], ".", markersize=2, color=BLUE)
        axis.set_title(name, fontsize=9)
        axis.set(xticks=[0, 1], yticks=[2, 3], xlabel="x")
    axes[0].set_ylabel("G(x)")
    return figure


def _square(left: float, top: float, side: int) -> Rectangle:
    return Rectangle((left, top), side, side, fill=False, linewidth=2.5, edgecolor=ORANGE)


def patch(image: Tensor, layers: int, row: int, column: int, reach: int, side: int) -> Figure:
    """The square of ``reach`` pixels that one logit sees, and the logit in its map (side, side)."""
    size = image.shape[-1]
    row, column, jump = min(row, side - 1), min(column, side - 1), 2**layers
    # padding moves the square's corner up and left: by 1 pixel of each layer's own grid
    top, left = (jump * at - (3 * jump - 1) for at in (row, column))
    figure, axes = subplots(1, 2, figsize=(6.2, 3.1))
    axes[0].imshow(image.permute(1, 2, 0))
    axes[0].add_patch(_square(left - 0.5, top - 0.5, reach))
    axes[0].set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
    axes[0].set_title(f"sees {reach} of {size} px", fontsize=9)
    axes[1].add_patch(Rectangle((column, row), 1, 1, color=ORANGE))
    axes[1].set(xlim=(0, side), ylim=(side, 0), aspect="equal")
    axes[1].spines[:].set_visible(True)
    axes[1].set_title(f"logit ({row}, {column}) of {side}×{side}", fontsize=9)
    for axis in axes:
        axis.set(xticks=[], yticks=[])
    return figure


def patches(
    images: Tensor, reaches: Mapping[int, int], gradient: Tensor, caption: str = ""
) -> Figure:
    """A square for each number of strided layers, and how much of the largest one really counts.

    ``reaches``: strided layers → pixels; ``gradient`` (H, W) is of the network with the last.
    """
    size = images.shape[-1]
    figure, axes = subplots(1, len(reaches) + 1, figsize=(9.5, 2.7), caption=caption)
    for axis, image, (layers, reach) in zip(axes, images, reaches.items(), strict=False):
        axis.imshow(image.permute(1, 2, 0))
        corner = (size - reach) / 2 - 0.5
        axis.add_patch(_square(corner, corner, reach))
        axis.set_title(f"{layers} strided: {reach} of {size} px", fontsize=9)
    axes[-1].imshow(gradient, cmap="Greys")
    axes[-1].set_title(f"{layers} strided: |gradient|", fontsize=9)
    for axis in axes:
        axis.set(xticks=[], yticks=[], xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
    return figure


def ages(age: Tensor) -> Figure:
    """How old the fakes from the pool's store are, with the law 0.01 · 0.99^(a-1) of 50."""
    figure, axis = subplots(figsize=(6.5, 2.4))
    stored = age[age > 0]
    axis.hist(stored.numpy(), 60, range=(1, 601), density=True, color=BLUE, alpha=0.4)
    a = torch.arange(1, 600)
    axis.plot(a, 0.01 * 0.99 ** (a - 1.0), color=ORANGE, label="0.01 · 0.99ᵃ⁻¹")
    axis.set(xlabel="age a of a fake from the store, in queries", ylabel="density", yticks=[])
    axis.legend(fontsize=9)
    axis.spines["left"].set_visible(False)
    return figure


def answers(shown: Mapping[str, Tensor], judged: Tensor, caption: str = "") -> Figure:
    """Two groups of images (n, 3, H, W), and below each image D's map (1, h, w) of answers."""
    images = torch.cat(list(shown.values()))
    n = len(images)
    figure, axes = subplots(2, n, figsize=(9.5, 2.4), caption=caption)
    for column in range(n):
        axes[0, column].imshow(images[column].permute(1, 2, 0))
        picture = axes[1, column].imshow(judged[column, 0], cmap="cividis", vmin=0, vmax=1)
        for axis in axes[:, column]:
            axis.set(xticks=[], yticks=[])
    start = 0
    for label, group in shown.items():
        axes[0, start + len(group) // 2].set_title(label, fontsize=9)
        start += len(group)
    axes[1, 0].set_ylabel("D_B", rotation=0, ha="right", va="center")
    figure.colorbar(picture, ax=axes, shrink=0.8)
    return figure


def ways_back(runs: Mapping[str, Record]) -> Figure:
    """The cycle loss A → B → A of recorded runs over the steps, smoothed over ten of them."""
    figure, axis = subplots(figsize=(6.5, 3.0))
    for (label, run), (color, style) in zip(runs.items(), CYCLE, strict=False):
        values = figures.smooth(run.curves["cycle_a"], 10)
        axis.plot(range(1, len(values) + 1), values, style, color=color, label=f"from {label}")
    axis.set(xscale="log", yscale="log", xlabel="step", ylabel="cycle loss, A → B → A")
    axis.legend(fontsize=9)
    return figure


def shares(share: Mapping[str, float], colours: Sequence[tuple], caption: str = "") -> Figure:
    """The share of pixels of each class as a bar in its own colour, RGB of 0 to 255."""
    figure, axis = subplots(figsize=(7, 2.4), caption=caption)
    bars = [tuple(c / 255 for c in colour) for colour in colours]
    axis.bar(list(share), list(share.values()), color=bars, edgecolor=GREY)
    axis.set_ylabel("share of pixels")
    axis.tick_params(axis="x", labelsize=8, rotation=30)
    return figure
