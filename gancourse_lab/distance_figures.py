"""Chapter 04's figures: a line-up, pictures beside their neighbours, and how far these are."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from gancourse.notebook.figures import CYCLE, ORANGE, subplot_mosaic, subplots, tile


def neighbours(
    query: Tensor,
    found: Tensor,
    distances: Tensor,
    title: str = "",
    caption: str = "",
    side: float = 1.6,
) -> Figure:
    """Each query image (n, C, H, W) with its neighbours (n, k, C, H, W) and distances (n, k).

    ``side``: inches a picture.
    """
    n, k = found.shape[:2]
    size = (side * (k + 1), (side + 0.15) * n + 0.5)
    words = {"title": title, "caption": caption}
    figure, axes = subplots(n, k + 1, figsize=size, squeeze=False, **words)
    for i in range(n):
        for j in range(k + 1):
            axis = axes[i, j]
            axis.imshow(tile((query[i] if j == 0 else found[i, j - 1])[None]))
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set(visible=j == 0, color=ORANGE, linewidth=2.5)
            axis.set_title("query" if j == 0 else f"{float(distances[i, j - 1]):.1f}", fontsize=11)
    return figure


def distributions(
    groups: Mapping[str, Sequence[float]],
    xlabel: str,
    title: str = "",
    caption: str = "",
    axis=None,
) -> Figure:
    """Overlaid histograms on common bins, each with a line at its median; label → values.

    A bar more than twice as high as all of another group's would flatten these: it is cut off, and
    its share written beside it. On an ``axis`` of a figure with several there is no legend.
    """
    alone = axis is None
    if alone:
        _, axis = subplots(figsize=(7, 3), caption=caption)
    values = {k: np.asarray(v, float) for k, v in groups.items()}
    bins = np.histogram_bin_edges(np.concatenate(list(values.values())), 28)
    for (label, v), (color, style) in zip(values.items(), itertools.cycle(CYCLE), strict=False):
        options = {"bins": bins, "density": True, "histtype": "stepfilled"}
        axis.hist(v, alpha=0.25, color=color, **options)
        options["histtype"] = "step"
        axis.hist(v, color=color, linestyle=style, linewidth=1.6, label=label, **options)
        axis.axvline(np.median(v), color=color, linestyle=style, linewidth=1)
    axis.set(xlabel=xlabel, ylabel="density", yticks=[], title=title)
    _cut_off(axis, values, bins)
    if alone:
        axis.legend()
    axis.spines["left"].set_visible(False)
    return axis.figure


def _cut_off(axis, values: Mapping[str, np.ndarray], bins: np.ndarray) -> None:
    """End the axis a little above the second-highest group, if the highest is far above it."""
    densities = {label: np.histogram(v, bins, density=True)[0] for label, v in values.items()}
    *_, second, (label, highest) = sorted(
        ((k, d.max()) for k, d in densities.items()), key=lambda pair: pair[1]
    )
    if highest <= 2 * second[1]:
        return
    bar = int(densities[label].argmax())
    share = densities[label][bar] * (bins[1] - bins[0])
    axis.set_ylim(0, 1.3 * second[1])
    axis.text(bins[bar + 1], 1.2 * second[1], f"  {share:.0%} of the {label}", fontsize=11)


def line_up(photo: Tensor, suspects: Tensor, caption: str = "") -> Figure:
    """One photograph (C, H, W), large, and beside it six suspects (6, C, H, W), numbered 1 to 6."""
    names = [
        ["photograph", "photograph", "1", "2", "3"],
        ["photograph", "photograph", "4", "5", "6"],
    ]
    figure, axes = subplot_mosaic(names, figsize=(11, 4.8), caption=caption)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.03, wspace=0.01, hspace=0.01)
    pictures = {"photograph": photo} | {str(i + 1): one for i, one in enumerate(suspects)}
    for name, axis in axes.items():
        axis.imshow(tile(pictures[name][None]), interpolation="lanczos")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set(visible=name == "photograph", color=ORANGE, linewidth=2.5)
        axis.set_title(name, fontsize=13)
    return figure
