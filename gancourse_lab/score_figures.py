"""Chapter 08's figures: bags of pictures and what scores say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from gancourse.notebook.figures import BLUE, CYCLE, GREEN, GREY, ORANGE, PINK, picture, subplots

REACH = 2.9  # the right end of the bars of KID×10³: horses are at 2.7


def _with_pictures(images: Tensor, title: str, caption: str, **shape):
    """(figure, the axis at the right) with ``images`` in rows of five at the left."""
    figure, (left, right) = subplots(1, 2, caption=caption, **shape)
    figure.suptitle(title, fontsize=14)
    picture(left, images, columns=5)
    return figure, right


def bag(
    images: Tensor,
    kid: Sequence[float],
    shares: Mapping[str, float],
    *,
    kernel: str,
    title: str,
    caption: str,
) -> Figure:
    """Ten ``images`` of a bag, uint8 (10, C, H, W), beside its ``kid`` and its ``shares``.

    ``kid``: KID×10³, low, high, called ``kernel``; ``shares``: name → a number in 0..1.
    """
    shape = {"figsize": (10.8, 3.7), "width_ratios": (5, 2)}
    figure, right = _with_pictures(images, title, caption, **shape)
    right.set_axis_off()
    value, low, high = kid
    bars = [(f"{kernel} {value:.2f}", value / REACH, ORANGE)]
    bars += [
        (f"{name} {share:.2f}", share, color)
        for (name, share), color in zip(shares.items(), (GREEN, PINK), strict=True)
    ]
    for place, (label, length, color) in enumerate(bars):
        right.barh(-place, 1, 0.4, color=GREY, alpha=0.15)
        right.barh(-place, min(max(length, 0), 1), 0.4, color=color)
        right.text(0, 0.3 - place, label, fontsize=14)
    ends = np.clip([low / REACH, high / REACH], 0, 1)
    right.plot(ends, [0, 0], color="black", linewidth=1.5)
    right.set(xlim=(0, 1), ylim=(-2.4, 0.7))
    return figure


def three_averages(
    pairs: Mapping[str, Sequence[tuple[Tensor, Tensor, float]]],
    averages: Mapping[str, float],
    caption: str,
) -> Figure:
    """Two pairs of pictures of each kind with their likeness, and the kind's average above.

    ``pairs``: kind → (one, other, likeness) with uint8 (C, H, W); ``averages``: kind → a number.
    """
    figure, axes = subplots(2, len(pairs), figsize=(9.5, 4), caption=caption)
    for column, (kind, found) in zip(axes.T, pairs.items(), strict=True):
        for axis, (one, other, likeness) in zip(column, found, strict=True):
            picture(axis, torch.stack([one, other]), columns=2)
            axis.set_title(f"this pair {likeness:.1f}", fontsize=12)
        head = f"{kind}\non average {averages[kind]:.2f}\n"
        column[0].set_title(head + column[0].get_title(), fontsize=13)
    return figure


def balls(centres: Tensor, points: Tensor, inside: Tensor, words: Sequence[str], axis) -> None:
    """Balls around ``centres`` (n, 2), each to its third nearest other; which ``points`` are in.

    ``inside``: bool (m,); ``words``: what the centres and the points are called.
    """
    reach = torch.cdist(centres, centres).kthvalue(4).values
    for centre, radius in zip(centres.tolist(), reach.tolist(), strict=True):
        axis.add_patch(Circle(centre, radius, facecolor=BLUE, alpha=0.12, edgecolor="none"))
    axis.plot(*centres.T, "o", color=BLUE, markersize=7, label=words[0])
    axis.plot(*points[inside].T, "^", color=GREEN, markersize=9, label=f"{words[1]}, in a ball")
    axis.plot(*points[~inside].T, "X", color=ORANGE, markersize=9, label=f"{words[1]}, in none")
    axis.set(aspect="equal", xticks=[], yticks=[], xlim=(-1.6, 5.4), ylim=(-2.2, 2.6))
    axis.legend(loc="upper left", fontsize=9)


def against_size(
    curves: Mapping[str, Mapping],
    ends: Mapping[str, float],
    *,
    metric: str,
    kernel: str,
    caption: str,
) -> Figure:
    """The Fréchet distance and KID against the pictures a set; dotted, what infinitely many give.

    Beside the distances of 100 and of 1,000 pictures stand their values.

    ``curves``: pair of sets → {"n", "FD", "KID"} as ``over_sizes`` has them; ``ends``: pair → the
    distance at n → ∞. ``metric`` and ``kernel`` are what the two are called.
    """
    figure, axes = subplots(1, 2, figsize=(11, 4.2), caption=caption)
    for (label, curve), (color, style), marker in zip(curves.items(), CYCLE, "os^", strict=False):
        for axis, key in zip(axes, ("FD", "KID"), strict=True):
            mean, spread = np.mean(curve[key], axis=1), np.std(curve[key], axis=1)
            axis.plot(curve["n"], mean, style, color=color, marker=marker, label=label)
            band = {"color": color, "alpha": 0.15, "linewidth": 0}
            axis.fill_between(curve["n"], mean - spread, mean + spread, **band)
        axes[0].axhline(ends[label], color=color, linestyle=":", linewidth=1.5)
        for n, values in zip(curve["n"], curve["FD"], strict=True):
            if n in (100, 1000):
                at, move = (n, np.mean(values)), (2, -18 if marker == "s" else 8)
                words = {"color": color, "fontsize": 11, "ha": "center"}
                axes[0].annotate(f"{at[1]:.2f}", at, move, textcoords="offset points", **words)
    for axis, name in zip(axes, (metric, kernel), strict=True):
        axis.set(xscale="log", xlabel="pictures a set, n")
        axis.set_title(name, fontsize=13)
    axes[0].set_ylim(0, None)
    axes[1].axhline(0, color=GREY, linewidth=0.8)
    axes[0].legend(fontsize=11)
    return figure


def ways_to_fail(
    found: Mapping[str, Mapping], kinds: Mapping[str, Sequence], kernel: str, caption: str
) -> Figure:
    """Precision against recall of altered pictures, one path a kind, KID beside the two worst.

    ``found``: "none" and "kind level" → scores; ``kinds``: kind → its levels, mildest first.
    """
    figure, axis = subplots(figsize=(8.5, 5.4), caption=caption)
    moves = {"jpeg": (-40, 14), "noise": (-20, -22)}  # their points are neighbours
    for (kind, levels), (color, style), marker in zip(kinds.items(), CYCLE, "os^", strict=False):
        rows = [found["none"]] + [found[f"{kind} {level}"] for level in levels]
        at = np.array([[row["recall"], row["precision"]] for row in rows])
        axis.plot(*at.T, style, marker=marker, markersize=8, color=color, label=kind)
        for level, row, place in zip(levels[-2:], rows[-2:], at[-2:], strict=True):
            text = f"{kind} {level}: {row[kernel][0]:.2f}"
            move = {
                "xytext": moves.get(kind, (10, -4)),
                "textcoords": "offset points",
                "fontsize": 10,
            }
            axis.annotate(text, place, color=color, **move)
    start = found["none"]["recall"], found["none"]["precision"]
    axis.annotate("untouched", start, (8, 6), textcoords="offset points", fontsize=10)
    axis.set(xlabel="recall", ylabel="precision", xlim=(0, 0.9), ylim=(-0.05, 0.9))
    axis.legend(title=f"beside a point: {kernel}", loc="upper left", fontsize=10)
    return figure


def seen_by_tests(
    images: Tensor,
    share: float,
    curves: Sequence[tuple],
    chance: float,
    *,
    xlabel: str,
    title: str,
    caption: str,
) -> Figure:
    """Twenty ``images`` of a bag with a ``share`` of strangers, and how often a test finds them.

    ``curves``: (label, shares, powers); ``chance``: what a test without anything to find reaches.
    """
    shape = {"figsize": (10.8, 4.9), "width_ratios": (4, 3)}
    figure, right = _with_pictures(images, title, caption, **shape)
    for (label, shares, powers), (color, style), marker in zip(curves, CYCLE, "os^", strict=False):
        percent = [100 * s for s in shares]
        right.plot(percent, powers, style, color=color, marker=marker, label=label)
        if share in shares:
            right.plot(100 * share, powers[shares.index(share)], marker, color=color, markersize=14)
    right.axhline(0.8, color=GREY, linestyle=":")
    right.axhspan(0, chance, color=GREY, alpha=0.2, linewidth=0)
    right.axvline(100 * share, color="black", linewidth=0.8)
    right.set(ylim=(0, 1.05))
    right.set_xlabel(xlabel, fontsize=12)
    right.set_ylabel("share of tests that find it", fontsize=12)
    right.tick_params(labelsize=11)
    right.legend(loc="lower right", fontsize=10, handlelength=1.4, borderaxespad=0.1)
    return figure
