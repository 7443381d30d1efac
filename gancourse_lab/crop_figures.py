"""Pictures of steel with its defects marked, and with the crops that a rule takes or refuses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import patheffects
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor

from gancourse.data import images
from gancourse.notebook import figures
from gancourse_lab import crops
from gancourse_lab.defects import Sheet

ROOM = np.array([-3, -3, 3, 3])  # pixels between a defect and its frame: small ones stay visible
KEPT, REFUSED = figures.SKY, figures.ORANGE
SHORT = {  # reasons as they fit beside a frame
    "the defect is wider than a crop": "too wide",
    "the defect would be far from the middle": "far from the middle",
    "the defect lies on an edge or in a dark margin": "on an edge",
    "the steel is narrower than a crop": "steel too narrow",
}


def show_defects(axis, sheet: Sheet, title: str = "", boxes: bool = True) -> None:
    """``sheet`` with its mask in colour, or its boxes where it has no mask."""
    _picture(axis, sheet, title)
    if boxes or sheet.mask is None:
        for box in sheet.boxes:
            _frame(axis, box + ROOM, KEPT)


def show_crops(axis, sheet: Sheet, size: int, title: str = "") -> list[str]:
    """``sheet`` with a frame for each defect's crop, kept or refused; returns the reasons.

    A refused crop is drawn where it would have to lie for the defect to be in its middle.
    """
    span = crops.steel_span(images.decode(sheet.file, None, 1))
    height, width = sheet.size
    _picture(axis, sheet, title)
    reasons = []
    for box in sheet.boxes:
        at = crops.place(box, size, (0, height), span)
        if isinstance(at, str):
            reasons.append(SHORT[at])
            corner = (box[:2] + box[2:] - size) / 2
            frame = _frame(axis, (*corner, *(corner + size)), REFUSED, "--", clip_on=False)
            frame.set_linewidth(2)
        else:
            reasons.append("kept")
            _frame(axis, (*at, at[0] + size, at[1] + size), KEPT).set_linewidth(2)
    axis.set(xlim=(-size / 2, width + size / 2), ylim=(height + size / 2, -size / 2))
    return reasons


def show_shrunk(axis, sheet: Sheet, size: int, pixels: int) -> None:
    """The crop of ``size`` around the first defect of ``sheet``, as ``pixels`` show it.

    Of a sheet that is smaller than the crop, as much as there is.
    """
    grey = images.decode(sheet.file, None, 1)[0].numpy()
    side = min(size, *sheet.size)
    box = sheet.boxes[0]
    corner = np.clip((box[:2] + box[2:] - side) / 2, 0, np.array(sheet.size[::-1]) - side)
    left, top = corner.round().astype(int).tolist()
    part = Image.fromarray(grey[top : top + side, left : left + side])
    axis.imshow(part.resize((pixels, pixels), Image.Resampling.BICUBIC), cmap="gray", vmin=0)
    axis.set_axis_off()
    wide = (box[2:] - box[:2]).max() * pixels / side
    axis.set_title(f"a {sheet.kinds[0]} at {pixels} px: {wide:.0f} px of it", fontsize=12)


def boxed(pictures: dict[str, Tensor], boxes: dict[str, list[tuple]], caption: str):
    """A figure: a row of pictures (n, 3, H, W) uint8 with boxes for each label of ``boxes``.

    Its ``boxes`` are (the true box, the told one or None, whether that is sure) of each picture.
    True ones are blue; told ones orange, dotted where it is not sure; all one pixel too large, so
    that small defects stay visible. Contrast is stretched.
    """
    count = len(next(iter(pictures.values())))
    side = min(2.1, 10.5 / count)  # inches
    shape = {"figsize": (side * count, side * 1.04 * len(boxes) + 0.2), "squeeze": False}
    figure, axes = figures.subplots(len(boxes), count, caption=caption, **shape)
    for line, (label, row) in zip(axes, boxes.items(), strict=True):
        for axis, picture, (true, told, sure) in zip(line, pictures[label], row, strict=True):
            grey = picture.float().mean(0).numpy()
            low, high = np.quantile(grey, [0.005, 0.995])
            shown = {"cmap": "gray", "vmin": low, "vmax": high, "interpolation": "bicubic"}
            axis.imshow(grey, **shown)
            axis.set(xticks=[], yticks=[])
            told_too = [(told, REFUSED, "-" if sure else ":")] if told is not None else []
            for box, colour, style in [(true, KEPT, "-"), *told_too]:
                frame = _frame(axis, np.array(box) + [-1, -1, 1, 1], colour, style, clip_on=False)
                frame.set(path_effects=[], linewidth=1.6)
        line[0].set_ylabel(label, fontsize=13)
    return figure


def _picture(axis, sheet: Sheet, title: str) -> None:
    grey = images.decode(sheet.file, None, 1)[0].numpy()
    seen = np.repeat(grey[..., None], 3, -1).astype(float)
    if sheet.mask is not None and sheet.mask.any():
        red = np.array([213.0, 94.0, 0.0])
        seen[sheet.mask] = 0.55 * seen[sheet.mask] + 0.45 * red
    axis.imshow(seen.astype(np.uint8))
    axis.set_axis_off()
    axis.set_title(title, fontsize=12)


def _frame(axis, box: Sequence[float], colour: str, style: str = "-", **options):
    """A frame around ``box`` with a dark rim, so that it is seen on bright steel, too."""
    left, top, right, bottom = map(float, box)
    rim = [patheffects.withStroke(linewidth=3.5, foreground="black"), patheffects.Normal()]
    frame = Rectangle(
        (left - 0.5, top - 0.5),
        right - left,
        bottom - top,
        fill=False,
        edgecolor=colour,
        linestyle=style,
        linewidth=1.5,
        path_effects=rim,
        **options,
    )
    return axis.add_patch(frame)


def admitted(axis, longest: np.ndarray, size: int, label: str) -> None:
    """How many defects have a longest side up to x pixels, and where a crop of ``size`` stands."""
    x = np.sort(longest)
    share = np.arange(1, len(x) + 1) / len(x)
    axis.plot(x, share, color=figures.BLUE)
    axis.axvline(size, color=figures.ORANGE, linestyle="--")
    inside = x <= size
    axis.fill_between(x, share, where=inside, color=figures.BLUE, alpha=0.15, linewidth=0)
    axis.set(xlabel="longest side of a defect (px)", ylim=(0, 1.02))
    axis.set_title(label, fontsize=12)


def admitted_and_cut(shares: dict[str, dict[int, tuple[float, float]]], caption: str = ""):
    """A figure: a panel a layout, the defects as small as a crop and those that get one.

    ``shares``: layout → side of the crop in pixels → the two shares, 0 to 1. Between them is what
    lies too near to a rim.
    """
    figure, axes = figures.subplots(
        1, len(shares), figsize=(11, 3.6), sharey=True, squeeze=False, caption=caption
    )
    looks = ((figures.SKY, 9, "small enough"), (figures.BLUE, -17, "get a crop"))
    for axis, (name, of) in zip(axes[0], shares.items(), strict=True):
        sides, both = list(of), np.array(list(of.values())).T
        axis.fill_between(sides, *both, color=figures.ORANGE, alpha=0.15, linewidth=0)
        for values, (colour, shift, label) in zip(both, looks, strict=True):
            axis.plot(sides, values, "o-", color=colour, markersize=8, linewidth=2.5, label=label)
            for side, value in zip(sides, values, strict=True):
                axis.annotate(f"{value:.0%}", (side, value), (0, shift), ha="center", fontsize=12,
                              textcoords="offset points")  # fmt: skip
        axis.set_xticks(sides, [f"{side} px" for side in sides], fontsize=12)
        axis.set(ylim=(-0.05, 1.05), yticks=[0, 0.5, 1], yticklabels=["0 %", "50 %", "100 %"])
        axis.set_xlim(sides[0] - 12, sides[-1] + 12)
        axis.set_title(name, fontsize=13)
    axes[0, 0].set_ylabel("share of the defects", fontsize=12)
    axes[0, -1].legend(fontsize=12, loc="lower right")
    return figure
