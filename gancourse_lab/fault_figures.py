"""Chapter 09's figures: a sick run beside a healthy one, and the order of the questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from gancourse.notebook.figures import BLUE, GREEN, GREY, ORANGE, picture, subplots

QUESTIONS = (  # the question, the answer that ends the search, what it then is and what to do
    (
        "Is what D is shown right: range, colours, no holes?",
        "no",
        "range, channels, augmentation of the reals only:\nmend the data first",
    ),
    (
        "After one step: has every network moved,\nand did D's loss leave G alone?",
        "no",
        "optimiser's list, zero_grad, detach():\nmend the step",
    ),
    (
        "Does the log add up with the weights you meant?",
        "no",
        "a term missing or not scaled:\nput it into the sum with its λ",
    ),
    (
        "Do samples of different latents differ?",
        "no",
        "one grey: dead ReLUs. One texture: collapse,\nD faster or G slower",
    ),
    (
        "Do samples of one latent jump from step to step?",
        "yes",
        "learning rate too high:\ndivide both by 3 to 10",
    ),
    (
        "Is there a regular grid?",
        "yes",
        "uneven upsampling: kernel divisible by the\nstride, or resize and convolve",
    ),
    (
        "Is D nearly always right?",
        "yes",
        "D wins, if nothing above explains it: G's rate up,\nD's rate or width down, spectral norm",
    ),
    (
        "Is D always undecided, at one half?",
        "yes",
        "norm's eps, a rate of 0:\nname the argument, look at the optimiser",
    ),
    (
        "CycleGAN: is KID that of the untouched input?",
        "yes",
        "G goes home:\nhalve D's rate, lower λ",
    ),
)


def pair(
    healthy: Tensor,
    sick: Tensor,
    names: Sequence[str],
    curves: Mapping[str, tuple[Sequence, Sequence]],
    reading: str,
    level: tuple[float, str, int] | None = None,
    **words: str,
) -> Figure:
    """Samples (6, C, H, W) of two runs side by side, and what is measured of both over the steps.

    ``names``: of the two runs; ``curves``: label → (steps, values), the healthy run's first;
    ``level``: a height for a dotted line, its name, and how many points this stands above it.
    """
    shape = {"figsize": (11, 3.7), "width_ratios": (1, 1, 1.15)}
    figure, axes = subplots(1, 3, **shape, **words)
    for axis, images, name in zip(axes, (healthy, sick), names, strict=False):
        picture(axis, images, columns=3)
        axis.set_title(name, fontsize=14)
    for label, (steps, values) in curves.items():
        ours = label.startswith(names[1])
        marker = "o" if len(steps) < 10 else ""
        style = "-" if not label.endswith("fake") else "--"
        color = ORANGE if ours else BLUE
        axes[2].plot(steps, values, style, color=color, marker=marker, linewidth=2, label=label)
    if level:
        axes[2].axhline(level[0], color=GREY, linestyle=":")
        height, name, above = level
        place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        axes[2].annotate(name, (0.98, height), (0, above), ha="right", color="0.35", **place)
    axes[2].set_title(reading, fontsize=12)
    axes[2].set_xlabel("step")
    axes[2].set_ylim(min(0, axes[2].get_ylim()[0]), 1.25 * axes[2].get_ylim()[1])
    axes[2].legend(fontsize=10, loc="upper left", ncols=2)
    return figure


def decisions() -> Figure:
    """The questions to ask of a sick run, from top to bottom; at the right where each ends."""
    figure, axis = subplots(figsize=(12, 9.4))
    axis.set(xlim=(0, 12), ylim=(-len(QUESTIONS) - 0.55, 0.6))
    axis.set_axis_off()
    box = {"ha": "center", "va": "center", "fontsize": 12}
    for place, (question, ends, answer) in enumerate(QUESTIONS):
        frame = {"boxstyle": "round,pad=0.5", "facecolor": "white"}
        axis.text(3, -place, question, bbox=frame | {"edgecolor": BLUE}, **box)
        axis.text(9.4, -place, answer, bbox=frame | {"edgecolor": ORANGE}, **box)
        arrow = {"arrowstyle": "->", "color": GREY, "linewidth": 1.5}
        axis.annotate("", (7.1, -place), (5.5, -place), arrowprops=arrow, zorder=0)
        axis.text(6.3, 0.12 - place, ends, ha="center", color=ORANGE, fontsize=12)
        axis.annotate("", (3, -place - 0.72), (3, -place - 0.3), arrowprops=arrow)
        other = "yes" if ends == "no" else "no"
        axis.text(3.15, -place - 0.52, other, va="center", color=BLUE, fontsize=12)
    frame = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": GREEN}
    last = "No fault that is known here: train on, average, choose by KID (chapter 08)"
    axis.text(3.6, -len(QUESTIONS) - 0.1, last, bbox=frame, **box)
    return figure
