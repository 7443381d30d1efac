"""The figures of chapter 05: the loop, translators of numbers, verdicts on settings, a patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import Rectangle
from torch import Tensor

from gancourse.notebook import figures
from gancourse.notebook.figures import BLUE, GREY, ORANGE, subplots
from gancourse.records import Record
from gancourse_lab.zoo import blocks

# of the loop: boxes at (column, row) and arrows as in the zoo; a name's second box has a blank more
CYCLES = (
    {
        "x": (0, 3),
        "G": (1, 3),
        "G(x)": (2, 3),
        "F": (3, 3),
        "F(G(x))": (4, 3),
        "real y": (1, 2.35),
        "D_B": (2, 2.35),
        "real?": (3, 2.35),
        "real x": (1, 1.65),
        "D_A": (2, 1.65),
        "real? ": (3, 1.65),
        "y": (0, 1),
        "F ": (1, 1),
        "F(y)": (2, 1),
        "G ": (3, 1),
        "G(F(y))": (4, 1),
    },
    "x>G|G>G(x)|G(x)>F|F>F(G(x))|G(x)>D_B|real y>D_B|D_B>real?"
    "|y>F |F >F(y)|F(y)>G |G >G(F(y))|F(y)>D_A|real x>D_A|D_A>real? ",
)
IDENTITIES = (
    {"y": (0, 3), "G": (1, 3), "G(y)": (2, 3), "x": (0, 1), "F": (1, 1), "F(x)": (2, 1)},
    "y>G|G>G(y)|x>F|F>F(x)",
)
COMPARED = [("x", "F(G(x))"), ("y", "G(F(y))"), ("y", "G(y)"), ("x", "F(x)")]  # by L1


def from_sheet(record: Record, rows: Sequence[int], column: int, size=128, gap=2) -> Tensor:
    """Pictures (n, 3, size, size) of a prototype's sheet, whose tiles lie ``gap`` pixels apart."""
    sheet = torch.from_numpy(np.array(record.picture("strip.webp"))).permute(2, 0, 1)
    step = size + gap
    tiles = [sheet[:, gap + step * r :, gap + step * column :][:, :size, :size] for r in rows]
    return torch.stack(tiles)


def loop(pictures: Mapping[str, Tensor], caption: str = "") -> Figure:
    """Both cycles with their discriminators, and the two identities.

    ``pictures``: name of a box → its picture (3, H, W), uint8, drawn beside the box.
    """
    widths = {"width_ratios": (5, 3.2)}
    figure, axes = subplots(1, 2, figsize=(11, 6.6), caption=caption, **widths)
    for axis, (boxes, arrows), last in zip(axes, (CYCLES, IDENTITIES), (4, 2), strict=True):
        blocks(axis, boxes, arrows, letters=11)
        axis.set(xlim=(-0.5, last + 0.6), ylim=(-0.5, 4.5))
        for name, image in pictures.items():
            if name in boxes:
                _thumbnail(axis, boxes[name], image)
        for start, end in COMPARED:
            if end in boxes:
                _compared(axis, boxes[start], boxes[end], f"mean |{end} − {start}|")
    axes[0].set_title("there and back, both ways", fontsize=12)
    axes[1].set_title("identity", fontsize=12)
    return figure


def _outside(row: float) -> int:
    """Away from the middle of the loop: up for the upper row, down for the lower."""
    return 1 if row > 2 else -1


def _thumbnail(axis, place: tuple[float, float], image: Tensor) -> None:
    """A picture beside its box, 94 points wide."""
    column, row = place
    pixels, zoom = image.permute(1, 2, 0).numpy(), 94 / image.shape[-1]
    shown = OffsetImage(pixels, zoom=zoom, interpolation="lanczos")
    at = (column, row + 0.66 * _outside(row))
    axis.add_artist(AnnotationBbox(shown, at, frameon=False, pad=0))


def _compared(axis, start: tuple[float, float], end: tuple[float, float], label: str) -> None:
    """A dashed bracket around the pictures of two boxes, with what the loss measures."""
    row, side = start[1], _outside(start[1])
    near, far = row + 1.18 * side, row + 1.25 * side
    line = ([start[0], start[0], end[0], end[0]], [near, far, far, near])
    axis.plot(*line, "--", color=ORANGE, linewidth=1.6)
    place = {"ha": "center", "va": "bottom" if side > 0 else "top", "fontsize": 11}
    axis.text((start[0] + end[0]) / 2, row + 1.28 * side, label, color=ORANGE, **place)


def kid_and_truth(dots: Mapping[str, tuple[float, float]], kid: str, caption: str = "") -> Figure:
    """How much zebra a judge finds over the distance to zebras: label → (KID, share found)."""
    figure, axis = subplots(figsize=(7.5, 3.6), caption=caption)
    for label, (value, found) in dots.items():
        scale = label in ("untouched", "real zebras")
        axis.plot(value, found, "s" if scale else "o", color=GREY if scale else BLUE, markersize=8)
        place = {"xytext": (8, 6), "textcoords": "offset points", "fontsize": 10}
        axis.annotate(label, (value, found), **place)
    axis.axvline(dots["untouched"][0], color=GREY, linestyle=":")
    furthest = max(value for value, _ in dots.values())
    axis.set(xlabel=f"{kid} to zebras", ylabel="zebra found, IoU")
    axis.set(xlim=(-0.2, 1.18 * furthest), ylim=(-0.05, 1))
    return figure


def maps(x: Tensor, made: Mapping[str, Tensor], scores: Mapping[str, tuple]) -> Figure:
    """Each translator G of numbers x as a graph over the grey line of the own partner x + 2.

    ``scores``: name → (distance to B as a whole, of the best way back, to the own partners); below
    each graph stands which of the three sees a fault.
    """
    figure, axes = subplots(1, len(made), figsize=(11, 3.2), sharey=True)
    asked = ("adversary", "cycle loss", "own partner")
    for axis, (name, gx) in zip(axes, made.items(), strict=True):
        axis.plot(x[::20], x[::20] + 2, color=GREY, linewidth=1)
        axis.plot(x[::20], gx[::20], ".", markersize=2, color=BLUE)
        axis.set_title(name, fontsize=11)
        axis.set(xticks=[0, 1], yticks=[2, 3], xlabel="x")
        for line, (word, value) in enumerate(zip(asked, scores[name], strict=True)):
            wrong = value > 0.005
            told = {"color": ORANGE if wrong else GREY, "weight": "bold" if wrong else "normal"}
            said = f"{word}: {'caught' if wrong else 'content'}" if line < 2 else ""
            said = said or ("wrong partner" if wrong else "right partner")
            axis.text(0.5, -0.42 - 0.13 * line, said, transform=axis.transAxes, ha="center", **told)
    axes[0].set_ylabel("G(x)")
    return figure


def trained_maps(x: Tensor, found: Mapping[str, tuple[Tensor, Tensor]]) -> Figure:
    """What trained networks do to numbers x: setting → (G(x), F(G(x))), each (networks, n).

    Blue: G rises, as the own partner does (the thin grey line); orange: it falls, the mirror.
    """
    size = (3.1 * 2 * len(found), 3.7)
    figure, axes = subplots(1, 2 * len(found), figsize=size, caption="one line a CycleGAN")
    for (there, back), (name, (gx, way)) in zip(axes.reshape(-1, 2), found.items(), strict=True):
        there.plot(x, x + 2, color=GREY, linewidth=1)
        back.plot(x, x, color=GREY, linewidth=1)
        rises = gx[:, -1] > gx[:, 0]
        for up, one, returned in zip(rises, gx, way, strict=True):
            look = {"color": BLUE if up else ORANGE, "linewidth": 1.2, "alpha": 0.8}
            there.plot(x, one, **look)
            back.plot(x, returned, **look)
        home = int(((way - x).abs().mean(1) < 0.1).sum())
        count = f"{int(rises.sum())} own partner, {int((~rises).sum())} mirrored"
        there.set_title(f"{name}\n{count}", fontsize=12)
        back.set_title(f"{name}\n{home} of {len(gx)} come back", fontsize=12)
        there.set(ylabel="G(x)", xlabel="x", xticks=[0, 1], yticks=[2, 3], ylim=(1.8, 3.2))
        back.set(ylabel="F(G(x))", xlabel="x", xticks=[0, 1], yticks=[0, 1], ylim=(-0.2, 1.2))
    return figure


def _square(left: float, top: float, side: int) -> Rectangle:
    return Rectangle((left, top), side, side, fill=False, linewidth=2.5, edgecolor=ORANGE)


def patch(image: Tensor, layers: int, row: int, column: int, reach: int, side: int) -> Figure:
    """The square of ``reach`` pixels that one logit of (side, side) sees, and what lies in it."""
    size = image.shape[-1]
    row, column, jump = min(row, side - 1), min(column, side - 1), 2**layers
    # padding moves the square's corner up and left: by 1 pixel of each layer's own grid
    top, left = (jump * at - (3 * jump - 1) for at in (row, column))
    figure, axes = subplots(1, 2, figsize=(9.6, 4.8))
    for axis in axes:
        axis.imshow(image.permute(1, 2, 0))
        axis.set(xticks=[], yticks=[], facecolor="#DCEBF5")  # beyond the border: padding
    axes[0].add_patch(_square(left - 0.5, top - 0.5, reach))
    axes[0].set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
    axes[0].set_title(f"{layers} strided: {reach} of {size} px", fontsize=11)
    axes[1].set(xlim=(left - 0.5, left + reach - 0.5), ylim=(top + reach - 0.5, top - 0.5))
    axes[1].set_title(f"all that logit ({row}, {column}) of {side}×{side} sees", fontsize=11)
    return figure


def losses(run, caption: str = "") -> bytes:
    """The charts of a ``Run`` without its samples, as JPEG: where a short run's are only a blur."""
    charts, terms = run.step.charts, run.history.terms
    figure, axes = subplots(1, len(charts), figsize=(10, 4), caption=caption)
    for axis, chart in zip(axes, charts, strict=True):
        shown = {name: terms[name] for name in chart.terms if name in terms}
        figures.curves(shown, 1, ylabel=chart.ylabel, axis=axis)
        axis.set_title(chart.heading, fontsize=13)
        axis.set_ylim(0, 1.15 * axis.get_ylim()[1])  # room for the legend
        if shown:
            axis.legend(fontsize=12, ncols=2, loc="upper right")
    return figures.jpeg(figures.png(figure))


def verdicts(
    columns: Mapping[str, Tensor], shares: Mapping[str, Mapping[str, float]], caption: str = ""
) -> Figure:
    """A column of pictures a setting, and below it how near it comes to the truth, as bars.

    ``columns``: setting → (n, 3, H, W), uint8. ``shares``: what is measured → setting → share of
    what the truth reaches; below 0, as without a bar, it is worse than chance.
    """
    n, many = len(next(iter(columns.values()))), len(columns)
    ratios = [1] * n + [0.34] * len(shares)
    side = 11 / (many + 0.9)
    figure, axes = subplots(
        len(ratios),
        many,
        figsize=(11, side * sum(ratios) + 0.7),
        caption=caption,
        height_ratios=ratios,
    )
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.02, wspace=0.02, hspace=0)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    for across, (name, images) in enumerate(columns.items()):
        axes[0, across].set_title(name.replace(" + ", "\n+ "), fontsize=12)
        for axis, image in zip(axes[:n, across], images, strict=True):
            axis.imshow(image.permute(1, 2, 0), interpolation="lanczos")
        for axis, (asked, of) in zip(axes[n:, across], shares.items(), strict=True):
            _bar(axis, of[name])
            if across == 0:
                words = {"rotation": 0, "ha": "right", "va": "center", "fontsize": 11}
                axis.set_ylabel(asked, **words)
    return figure


def _bar(axis, share: float) -> None:
    """A share of 1 as a bar from the left, in a frame, with its number."""
    axis.add_patch(Rectangle((0, 0), 1, 0.5, fill=False, edgecolor=GREY))
    axis.add_patch(Rectangle((0, 0), min(1.0, max(0.0, share)), 0.5, color=BLUE))
    said = f"{100 * share:.0f} %".replace("-", "−")
    axis.text(0.5, 0.55, said, ha="center", va="bottom", fontsize=13)
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.05, 1.15))
