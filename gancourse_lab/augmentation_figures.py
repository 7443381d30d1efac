"""Chapter 03's figures: the settings' pictures beside their numbers, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from gancourse.notebook.figures import BLUE, GREY, ORANGE, subplots, tile

MARK = {"+": BLUE, "−": ORANGE, "·": GREY, "": "black"}  # as claimed, reversed, overlapping
LETTERS = 12


def settings(
    pictures: Mapping[str, Tensor],
    measured: Mapping[str, Mapping[str, Sequence[float]]],
    levels: Mapping[str, tuple[str, float]],
    title: str,
    caption: str,
) -> Figure:
    """One row a setting: its pictures, then one dot a seed for each statistic.

    ``pictures``: setting → uint8 (n, C, H, W); ``measured``: statistic → setting → a value a seed;
    ``levels``: statistic → (what a dotted line stands for, where it is).
    """
    rows, columns = len(pictures), len(measured)
    shape = {"figsize": (13, 1.5 * rows + 1), "width_ratios": [4.9] + [1.25] * columns}
    figure, axes = subplots(rows, columns + 1, sharex="col", caption=caption, **shape)
    figure.suptitle(title, fontsize=15)
    for line, (label, images) in zip(axes, pictures.items(), strict=True):
        line[0].imshow(tile(images, len(images)), interpolation="bicubic")
        line[0].set_ylabel(label, fontsize=14)
        line[0].tick_params(bottom=False, left=False, labelbottom=False, labelleft=False)
        line[0].spines[:].set_visible(False)
        for axis, (name, found) in zip(line[1:], measured.items(), strict=True):
            values = np.asarray(found[label], float)
            axis.plot(values, [0] * len(values), "o", color=BLUE, markersize=10, alpha=0.6)
            axis.text(values.mean(), 0.22, f"{values.mean():.2g}", ha="center", fontsize=15)
            axis.axvline(levels[name][1], color=GREY, linestyle=":")
            axis.set(ylim=(-0.6, 0.6), yticks=[])
            axis.margins(x=0.25)
    for axis, name in zip(axes[0, 1:], measured, strict=True):
        axis.set_title(f"{name}\ndotted: {levels[name][0]}", fontsize=LETTERS)
    for axis in axes[-1, 1:]:
        axis.tick_params(labelsize=LETTERS)
    return figure


def verdict(
    measured: Mapping[str, Mapping[int, Mapping[str, Sequence[float]]]],
    marks: Mapping[tuple[str, int, str], str],
    claims: Mapping[str, int],
    caption: str,
) -> Figure:
    """One column a statistic, one row an epoch; in each panel the settings with a dot a seed.

    ``measured``: statistic → epoch → setting → a value a seed, the first setting being the one
    that all are compared with: a grey band shows its range. ``marks``: (statistic, epoch, setting)
    → "+", "−" or "·". ``claims``: statistic → 1 if the claim puts the others left of the band,
    -1 if right.
    """
    epochs = list(next(iter(measured.values())))
    shape = {"sharex": "col", "sharey": True, "squeeze": False}
    figure, axes = subplots(len(epochs), len(measured), figsize=(13, 6), caption=caption, **shape)
    for column, (name, by_epoch) in zip(axes.T, measured.items(), strict=True):
        claim = "← lower" if claims[name] > 0 else "higher →"
        column[0].set_title(f"{name}\nclaimed: {claim}", fontsize=LETTERS)
        for axis, epoch in zip(column, epochs, strict=True):
            by_setting = by_epoch[epoch]
            first = next(iter(by_setting.values()))
            axis.axvspan(min(first), max(first), color=GREY, alpha=0.25, linewidth=0)
            for y, (label, values) in enumerate(by_setting.items()):
                mark = marks.get((name, epoch, label), "")
                axis.plot(values, [y] * len(values), "o", color=MARK[mark], markersize=8)
                said = f"{np.mean(values):.2g} {mark}"
                axis.text(np.mean(values), y - 0.2, said, ha="center", fontsize=LETTERS)
            axis.set_yticks(range(len(by_setting)), list(by_setting), fontsize=LETTERS + 1)
            axis.set_ylim(len(by_setting) - 0.6, -0.7)
            axis.margins(x=0.3)
            axis.locator_params(axis="x", nbins=3)
            axis.tick_params(axis="x", labelsize=LETTERS)
    for axis, epoch in zip(axes[:, 0], epochs, strict=True):
        axis.set_ylabel(f"epoch {epoch}", fontsize=15)
    return figure
