"""The figures of chapter 05: loop, stages, patches, D's answers, where terms pull, own partners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import Rectangle
from torch import Tensor, nn

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


def stages(
    network: nn.Module, image: Tensor, shown: Mapping[str, int], caption: str = ""
) -> Figure:
    """What a generator holds after some of its layers, between the image and what becomes of it.

    ``shown``: name → index in ``network.layers``; ``image`` (3, H, W) uint8. Of each layer that
    channel is drawn which varies most between border and border: the rim is the padding's.
    """
    found, x = {}, image[None].float() / 127.5 - 1
    with torch.no_grad():
        made = network(x)[0]
        for index, layer in enumerate(network.layers):
            x = layer(x)
            found |= {name: x[0] for name, at in shown.items() if at == index}
    figure, axes = subplots(1, len(found) + 2, figsize=(11, 2.8), caption=caption)
    for axis, picture in ((axes[0], image / 255), (axes[-1], ((made + 1) / 2).clamp(0, 1))):
        axis.imshow(picture.permute(1, 2, 0))
    for axis, h in zip(axes[1:-1], found.values(), strict=True):
        rim = h.shape[-1] // 8
        spread = h[:, rim:-rim, rim:-rim].flatten(1).std(1)
        axis.imshow(h[spread.argmax()], cmap="gray")
    heads = [f"{name}\n{len(h)} × {h.shape[-1]} px" for name, h in found.items()]
    for axis, head in zip(axes, ["x", *heads, "G(x)"], strict=True):
        axis.set_title(head, fontsize=10)
        axis.set(xticks=[], yticks=[])
    return figure


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


def patches(
    image: Tensor, reaches: Mapping[int, int], gradient: Tensor, caption: str = ""
) -> Figure:
    """A square for each number of strided layers, and how much of the largest one really counts.

    ``reaches``: strided layers → pixels; ``gradient`` (H, W) is of the network with the last.
    """
    size = image.shape[-1]
    figure, axes = subplots(1, 2, figsize=(9.6, 4.8), caption=caption)
    axes[0].imshow(image.permute(1, 2, 0))
    for layers, reach in reaches.items():
        corner = (size - reach) / 2 - 0.5
        axes[0].add_patch(_square(corner, corner, reach))
        label = {"color": "white", "backgroundcolor": ORANGE, "fontsize": 9, "va": "top"}
        axes[0].text(corner + 1, corner + 1, f"{layers}: {reach} px", **label)
    axes[0].set_title("strided layers: how much one logit sees", fontsize=11)
    axes[1].imshow(gradient, cmap="Greys")
    rows, columns = ((gradient > 0).any(across).nonzero().flatten() for across in (1, 0))
    axes[1].add_patch(_square(float(columns[0]) - 0.5, float(rows[0]) - 0.5, reach))
    axes[1].set_title(f"{layers} strided: how much each pixel counts", fontsize=11)
    for axis in axes:
        axis.set(xticks=[], yticks=[], xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
    return figure


def answers(shown: Mapping[str, Tensor], judged: Tensor, caption: str = "") -> Figure:
    """Two groups of images (n, 3, H, W), and below each image D's map (1, h, w) of answers."""
    images = torch.cat(list(shown.values()))
    n = len(images)
    figure, axes = subplots(2, n, figsize=(11, 2.3 * 11 / (n + 0.5) / 1.15), caption=caption)
    for column in range(n):
        axes[0, column].imshow(images[column].permute(1, 2, 0))
        picture = axes[1, column].imshow(judged[column, 0], cmap="cividis", vmin=0, vmax=1)
        for axis in axes[:, column]:
            axis.set(xticks=[], yticks=[])
    start = 0
    for label, group in shown.items():
        for column in range(start, start + len(group)):
            axes[0, column].set_title(label, fontsize=11)
        start += len(group)
    axes[1, 0].set_ylabel("D_B", rotation=0, ha="right", va="center")
    figure.colorbar(picture, ax=axes, shrink=0.8)
    return figure


def pulls(found: Sequence[tuple[Tensor, ...]], lam: float, caption: str = "") -> Figure:
    """x, G(x) and where D and λ times the cycle pull at it, a row for each of ``found``.

    ``found``: (x, G(x), pull of D_B, pull of the cycle), each (1, 3, h, w). The maps are sums of
    |pull| over channels and 3×3 pixels. Each of the two columns has its own scale, or the weaker
    one would be black; how much weaker it is, its heading says.
    """
    figure, axes = subplots(len(found), 4, figsize=(9.6, 2.5 * len(found)), caption=caption)
    strengths = [(_strength(by_d), _strength(lam * by_cycle)) for _, _, by_d, by_cycle in found]
    by_column = zip(*strengths, strict=True)
    most = [float(torch.stack(column).quantile(0.995)) for column in by_column]
    weaker = f"λ = {lam:g} times the cycle's\n(brightest: {most[1] / most[0]:.2f} of D_B's)"
    for row, (x, gx, *_), forces in zip(axes, found, strengths, strict=True):
        for axis, image in zip(row[:2], (x, gx), strict=True):
            axis.imshow(((image[0] + 1) / 2).clamp(0, 1).permute(1, 2, 0))
        for axis, force, top in zip(row[2:], forces, most, strict=True):
            axis.imshow(force, cmap="inferno", vmin=0, vmax=top)
    for axis, head in zip(axes[0], ("x", "G(x)", "the pull of D_B", weaker), strict=True):
        axis.set_title(head, fontsize=11)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    return figure


def _strength(force: Tensor) -> Tensor:
    """(h, w): |force| summed over channels and over 3×3 pixels."""
    total = force.abs().sum(1, keepdim=True)
    return 9 * nn.functional.avg_pool2d(total, 3, stride=1, padding=1)[0, 0]


def losses(run, caption: str = "") -> bytes:
    """The charts of a ``Run`` without its samples, as JPEG: where a short run's are only a blur."""
    charts, terms = run.step.charts, run.history.terms
    figure, axes = subplots(1, len(charts), figsize=(9, 3.2), caption=caption)
    for axis, chart in zip(axes, charts, strict=True):
        shown = {name: terms[name] for name in chart.terms if name in terms}
        figures.curves(shown, 1, chart.heading, chart.ylabel, axis=axis)
    return figures.jpeg(figures.png(figure))


def own_and_others(
    found: Mapping[str, Mapping[str, tuple[float, float]]], caption: str = ""
) -> Figure:
    """How near each setting comes to the own partner (a dot), and to another's (a ring).

    ``found``: heading of a panel → setting → (own, other), one row a setting.
    """
    rows = list(next(iter(found.values())))
    height = 1.2 + 0.5 * len(rows)
    figure, axes = subplots(1, len(found), figsize=(10, height), sharey=True, caption=caption)
    for axis, (heading, scores) in zip(axes, found.items(), strict=True):
        for row, (own, other) in enumerate(scores.values()):
            axis.plot([own, other], [row, row], color=GREY, linewidth=2, zorder=1)
            axis.plot(other, row, "o", color=GREY, markerfacecolor="white", markersize=9)
            axis.plot(own, row, "o", color=BLUE, markersize=9)
            near, far = ("right", "left") if own < other else ("left", "right")
            digits = 0 if max(own, other) > 2 else 2
            for value, side in ((own, near), (other, far)):
                at = {"xytext": (-9 if side == "right" else 9, 0), "textcoords": "offset points"}
                text = f"{value:.{digits}f}"
                axis.annotate(text, (value, row), ha=side, va="center", fontsize=10, **at)
        most = max(max(pair) for pair in scores.values())
        axis.set(xlim=(-0.14 * most, 1.14 * most), ylim=(len(rows) - 0.4, -0.6))
        axis.set_yticks(range(len(rows)), rows)
        axis.set_title(heading, fontsize=11)
    return figure
