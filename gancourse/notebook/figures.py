"""One figure, one function. Every function returns a Matplotlib figure; ``show`` displays it.

``gancourse.mplstyle`` holds what all of them share. Lines differ in style as well as in colour, so
that a figure survives a grey printer. The caption names the data: real, or stand-in.
"""

from __future__ import annotations

import io
import itertools
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gancourse.data.sets import to_uint8
from gancourse.errors import GancourseError

# For the whole session: a title or a legend takes its size when it is drawn, long after its figure
# was made, so that a style for the making alone would not reach it.
plt.style.use(Path(__file__).with_name("gancourse.mplstyle"))
BLUE, ORANGE, GREEN, PINK, SKY, GREY = plt.rcParams["axes.prop_cycle"].by_key()["color"]
CYCLE = [(BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PINK, ":"), (SKY, "-"), (GREY, "--")]


def show(figure: Figure, alt: str, photo: bool = False) -> None:
    """Display ``figure`` under a notebook cell with ``alt``, its text for who cannot see it.

    ``photo``: as JPEG. A figure full of photographs takes a fifth of the bytes then, and a chapter
    must stay small.
    """
    content = png(figure)
    if photo:
        content = jpeg(content)
    elif _is_flat(figure):
        content = palette(content)
    _display(content, "jpeg" if photo else "png", alt)


def _display(content: bytes, format: str, alt: str) -> None:
    from IPython.display import Image as Shown
    from IPython.display import display

    display(Shown(content, format=format, alt=alt))


def _is_flat(figure: Figure) -> bool:
    """Whether there are only lines, letters and plain areas: no picture, no colour by value."""
    return not any(
        axis.images or any(c.get_array() is not None for c in axis.collections)
        for axis in figure.axes
    )


def palette(content: bytes, colours: int = 64) -> bytes:
    """PNG bytes → PNG bytes of few colours: for lines the same to the eye, a third of the size."""
    buffer = io.BytesIO()
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    picture.quantize(colours, dither=0).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def jpeg(content: bytes) -> bytes:
    """PNG bytes → JPEG bytes, for figures full of photographs; what is JPEG already stays so."""
    if content.startswith(b"\xff\xd8\xff"):
        return content
    return jpeg_of(Image.open(io.BytesIO(content)), quality=85)


def jpeg_of(picture: Image.Image, quality: int = 80) -> bytes:
    """A PIL picture as JPEG bytes; at this quality a chapter stays below 2 MB."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, format="JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def png(figure: Figure, dpi: float | str = "figure") -> bytes:
    """``figure`` as PNG bytes; pyplot, if it knows the figure, forgets it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()


def subplots(
    *shape: int, figsize: tuple[float, float], title: str = "", caption: str = "", **options
):
    """(figure, axes) as pyplot's, with ``title`` above and the data's ``caption`` below.

    Unknown to pyplot, so that a thread may draw as well. ``options`` are ``Figure.subplots``'s.
    """
    figure = Figure(figsize=figsize, layout="constrained")
    if title:
        figure.suptitle(title)
    _caption(figure, caption)
    return figure, figure.subplots(*shape, **options)


def subplot_mosaic(
    rows: Sequence[Sequence[str]], figsize: tuple[float, float], title: str = "", caption: str = ""
):
    """(figure, name → axis) of the layout ``rows``, otherwise as ``subplots``."""
    figure = Figure(figsize=figsize, layout="constrained")
    if title:
        figure.suptitle(title)
    _caption(figure, caption)
    return figure, figure.subplot_mosaic(rows)


def _caption(figure: Figure, caption: str) -> None:
    if caption:
        figure.supxlabel(caption, color=GREY)


def tile(images: Tensor, columns: int = 8, gap: int = 2) -> np.ndarray:
    """Images (N, C, H, W), uint8 or float in [-1, 1], as one picture (H', W', 3) uint8."""
    if images.dtype != torch.uint8:
        images = to_uint8(images)
    images = images.cpu().expand(-1, 3, -1, -1)
    n, _, height, width = images.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for i, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
        y, x = (i // columns) * (height + gap), (i % columns) * (width + gap)
        sheet[y : y + height, x : x + width] = image
    return sheet


def picture(axis, images: Tensor, columns: int = 8, title: str = "") -> None:
    """Images (N, C, H, W) in rows of ``columns``, on an axis of their own, without a frame."""
    axis.imshow(tile(images, columns))
    axis.set_axis_off()
    axis.set_title(title)


def grid(images: Tensor, columns: int = 8, title: str = "", caption: str = "") -> Figure:
    """Images (N, C, H, W) in rows of ``columns``, with the data's caption below."""
    sheet = tile(images, columns)
    return _picture(sheet, title, caption, width=min(8.0, 1.0 * min(columns, len(images)) + 0.5))


def _picture(sheet: np.ndarray, title: str, caption: str, width: float) -> Figure:
    height = width * sheet.shape[0] / sheet.shape[1]
    figure, axis = subplots(figsize=(width, height + 0.5), caption=caption)
    axis.imshow(sheet)
    axis.set_axis_off()
    axis.set_title(title)
    return figure


def rows(
    groups: Mapping[str, Tensor], columns: int = 8, title: str = "", caption: str = ""
) -> Figure:
    """One labelled row of images for each entry of ``groups``: label → (N, C, H, W)."""
    count = len(groups)
    height, width = next(iter(groups.values())).shape[-2:]
    row = 7.2 / columns * height / width + 0.12  # inches: the labels take the rest of the eight
    size = (8, row * count + 0.6)
    figure, axes = subplots(count, 1, figsize=size, title=title, caption=caption)
    for axis, (label, images) in zip(np.atleast_1d(axes), groups.items(), strict=True):
        axis.imshow(tile(images[:columns], columns))
        axis.set_yticks([])
        axis.set_xticks([])
        axis.spines[:].set_visible(False)
        axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
    return figure


def smooth(values: Sequence[float], window: int) -> np.ndarray:
    """Centred moving average; at the ends over what there is. Same length as ``values``."""
    values = np.asarray(values, float)
    if window <= 1 or len(values) == 0:
        return values
    kernel = np.ones(min(window, len(values)))
    return np.convolve(values, kernel, "same") / np.convolve(np.ones(len(values)), kernel, "same")


def thin(values: Sequence[float], most: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Means of at most ``most`` blocks of neighbours, and at which value each block ends.

    A long run has a hundred values a pixel, and smoothing them all takes a second a drawing.
    """
    starts = np.arange(0, len(values), -(-len(values) // most) or 1)
    ends = np.append(starts[1:], len(values)) if len(starts) else starts
    return np.add.reduceat(np.asarray(values, float), starts) / (ends - starts), ends


def curves(
    terms: Mapping[str, Sequence[float]],
    steps_per_epoch: int = 1,
    title: str = "",
    ylabel: str = "loss",
    caption: str = "",
    axis=None,
    levels: Mapping[str, float] | None = None,
) -> Figure:
    """Each term against the epoch: thin as measured, bold its moving average.

    ``levels``: horizontal lines worth comparing with, such as {"log 2": 0.693}.
    """
    if axis is None:
        _, axis = subplots(figsize=(7, 3))
    for (name, values), (color, style) in zip(terms.items(), itertools.cycle(CYCLE), strict=False):
        values, ends = thin(values)
        x, window = ends / steps_per_epoch, max(1, len(values) // 40)
        axis.plot(x, values, color=color, alpha=0.25, linewidth=0.6)
        axis.plot(x, smooth(values, window), style, color=color, linewidth=1.8, label=name)
    _levels(axis, levels)
    axis.set(xlabel="epoch" if steps_per_epoch > 1 else "step", ylabel=ylabel, title=title)
    if terms:
        axis.legend(ncols=min(3, len(terms)))
    _caption(axis.figure, caption)
    return axis.figure


def _levels(axis, levels: Mapping[str, float] | None) -> None:
    """Dotted lines to compare with, each with its name beyond the right end, clear of the data."""
    place = {"xycoords": ("axes fraction", "data"), "va": "center", "ha": "left"}
    for label, level in (levels or {}).items():
        axis.axhline(level, color=GREY, linewidth=0.9, linestyle=":")
        axis.annotate(textwrap.fill(label, 18), (1.01, level), fontsize=8, color=GREY, **place)


def progress(run, images: Tensor, title: str, caption: str) -> Figure:
    """What the live panel draws of a ``Run``: the step's charts, and samples (N, C, H, W)."""
    charts, terms = run.step.charts, run.history.terms
    shape = {"figsize": (3.4 * len(charts) + 4.2, 4), "width_ratios": [1] * len(charts) + [1.3]}
    figure, axes = subplots(1, len(charts) + 1, **shape)
    for axis, chart in zip(axes, charts, strict=False):
        shown = {name: terms[name] for name in chart.terms if name in terms}
        curves(shown, len(run.batches), chart.heading, chart.ylabel, axis=axis)
        if not shown:
            place = {"transform": axis.transAxes, "ha": "center", "va": "center"}
            axis.text(0.5, 0.5, "not in this run's loss", fontsize=9, color=GREY, **place)
        low, high = axis.get_ylim()
        axis.set_ylim(low, high + 0.2 * (high - low))  # room for the legend
        if chart.limits:
            axis.set_ylim(*chart.limits)
    axes[-1].imshow(tile(images, 4))
    axes[-1].set_axis_off()
    axes[-1].set_title("samples", fontsize=10)
    figure.suptitle(title, fontsize=10)
    figure.supxlabel(caption, fontsize=8, color=GREY)
    return figure


def strip(images: Tensor, epochs: Sequence[int], title: str = "", caption: str = "") -> Figure:
    """Samples over time: images (rows, columns, C, H, W), one column for each of ``epochs``."""
    count, columns = images.shape[:2]
    sheet = tile(images.flatten(0, 1), columns, gap=4)
    figure = _picture(sheet, title, caption, width=9)
    step = sheet.shape[1] / columns
    axis = figure.axes[0]
    axis.set_axis_on()
    axis.set(xticks=[(i + 0.5) * step for i in range(columns)], yticks=[])
    axis.set_xticklabels([str(e) for e in epochs], fontsize=9)
    axis.tick_params(length=0)
    axis.set_xlabel("epoch", fontsize=9)
    axis.spines[:].set_visible(False)
    return figure


def metric(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    levels: Mapping[str, float] | None = None,
    title: str = "",
    ylabel: str = "",
    caption: str = "",
    log: bool = False,
    xlabel: str = "epoch",
    axis=None,
) -> Figure:
    """A metric against the epoch: label → (epochs, values); ``levels`` as in ``curves``.

    Values may be one row a seed, (seeds, epochs): then the line is the mean, the band the range.
    On an ``axis`` of a figure with several there is no legend.
    """
    alone = axis is None
    if alone:
        figure, axis = subplots(figsize=(7, 3.2), title=title, caption=caption)
    else:
        axis.set_title(title)
    for (label, (x, y)), (color, style) in zip(
        series.items(), itertools.cycle(CYCLE), strict=False
    ):
        y = np.atleast_2d(np.asarray(y, float))
        axis.plot(x, y.mean(0), style, marker="o", markersize=3, color=color, label=label)
        axis.fill_between(x, y.min(0), y.max(0), color=color, alpha=0.15, linewidth=0)
    _levels(axis, levels)
    if log:
        axis.set_yscale("log")
    axis.set(xlabel=xlabel, ylabel=ylabel)
    if alone:
        axis.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return axis.figure


PAGE = 800  # pixels: about the width of a notebook's column


def sheet(
    rows: Mapping[str, Tensor],
    title: str = "",
    caption: str = "",
    heads: Sequence[object] = (),
    scale: float | None = None,
):
    """Labelled rows of photographs as one PIL picture, enlarged ``scale`` times.

    ``rows``: label → uint8 (n, C, H, W). ``heads`` stand above the columns. ``scale`` None makes
    the pictures about 128 pixels wide: small photographs are judged enlarged. Letters grow with a
    sheet wider than a page, which is shown smaller. Without Matplotlib, because a slider does not
    wait: some milliseconds.
    """
    size = next(iter(rows.values())).shape[-1]
    scale = max(1, 128 // size) if scale is None else scale
    tiles = [Image.fromarray(tile(images, len(images))) for images in rows.values()]
    # bicubic: blocks of equal pixels draw edges that the eye takes for the picture's
    sizes = [(round(t.width * scale), round(t.height * scale)) for t in tiles]
    bicubic = Image.Resampling.BICUBIC
    tiles = [t.resize(size, bicubic) for t, size in zip(tiles, sizes, strict=True)]
    width, height = tiles[0].size
    grown = max(1.0, width / PAGE)
    font = font_manager.findfont("DejaVu Sans")
    big, small = ImageFont.truetype(font, 13 * grown), ImageFont.truetype(font, 11 * grown)
    left = 10 + round(max(big.getlength(label) for label in rows))
    top = 8 + round(grown * (18 * bool(title) + 16 * bool(heads)))
    line_height = round(15 * grown)
    step = height + 4
    letters = max(20, round((left + width) / small.getlength("n")))
    lines = textwrap.wrap(caption, letters)
    foot = top + step * len(tiles) + 4
    picture = Image.new("RGB", (left + width + 2, foot + line_height * len(lines)), "white")
    pen = ImageDraw.Draw(picture)
    wide = width / max(1, big.getlength(title))  # a title longer than the row gets small letters
    pen.text((left, 4), title, "black", ImageFont.truetype(font, 13 * grown * min(1, wide)))
    for i, head in enumerate(heads):
        middle = left + (i + 0.5) * width / len(heads)
        pen.text((middle, top - 8 * grown), str(head), "black", small, anchor="mm")
    for i, (label, row) in enumerate(zip(rows, tiles, strict=True)):
        picture.paste(row, (left, top + i * step))
        pen.text((left - 6, top + i * step + height / 2), label, "black", big, anchor="rm")
    for i, line in enumerate(lines):
        pen.text((left, foot + line_height * i), line, "#606060", small)
    return picture


def show_sheet(alt: str, rows: Mapping[str, Tensor], *texts, **options) -> None:
    """Display ``sheet(rows, *texts, **options)`` under a notebook cell, as JPEG with ``alt``."""
    _display(jpeg_of(sheet(rows, *texts, **options)), "jpeg", alt)


SAMPLED = 6  # frames that the palette is taken from


def movie(frames: Sequence, pause: int = 200, last: int = 2500, colours: int = 64) -> bytes:
    """Frames, PNG bytes or PIL pictures of one size, as one animated PNG that plays in a loop.

    Each stands for ``pause`` milliseconds, the final one for ``last``. Where pictures do not move,
    in print or in an old viewer, one sees the final frame. All share one palette of ``colours``.
    Raises ``GancourseError`` without frames, or for frames of several sizes.
    """
    opened = [Image.open(io.BytesIO(f)) if isinstance(f, bytes) else f for f in frames]
    sizes = sorted({picture.size for picture in opened})
    if len(sizes) != 1:
        raise GancourseError(f"A movie needs frames of one size; got {sizes or 'no frame at all'}.")
    opened = [picture.convert("RGB") for picture in opened]
    width, height = sizes[0]
    strip = Image.new("RGB", (width, SAMPLED * height))
    for i in range(SAMPLED):
        strip.paste(opened[i * (len(opened) - 1) // (SAMPLED - 1)], (0, i * height))
    palette = strip.quantize(colours)
    still, *moving = [p.quantize(palette=palette, dither=0) for p in [opened[-1], *opened]]
    buffer = io.BytesIO()
    pauses = [pause] * (len(moving) - 1) + [last]
    options = {"save_all": True, "default_image": True, "duration": pauses, "loop": 0}
    still.save(buffer, "PNG", append_images=moving, compress_level=9, **options)
    return buffer.getvalue()
