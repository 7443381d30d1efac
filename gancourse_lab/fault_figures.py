"""Chapter 09's figures: a sick run beside a healthy one, and the order of the questions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from gancourse import records
from gancourse.notebook.figures import BLUE, GREEN, GREY, ORANGE, SKY, picture, smooth, subplots
from gancourse.records import Record
from gancourse_lab.flags import SIGNS

OFFSET = {"textcoords": "offset points"}

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


class Patient(NamedTuple):
    """A recorded run to guess at: what its diagram shows, and what is to be seen."""

    run: str
    what: str  # the diagram's title
    of: tuple[str, ...]  # the curves or readings it draws
    level: tuple[float, str, int]  # a dotted line's height, its name, how many points above it
    shows: str  # for who cannot see it
    latents: tuple[int, ...] = (2,)  # which of the six recorded ones


PATIENTS = {
    "A": Patient(
        "strong-d",
        "D's belief in reals (solid) and fakes (dashed)",
        ("p_real", "p_fake"),
        (0.5, "undecided", 4),
        "bright and dark blotches, and beliefs that part at once to 1 and 0",
        (5,),
    ),
    "B": Patient(
        "collapse",
        "diversity",
        ("mode collapse",),
        (SIGNS["mode collapse"].limit, "the monitor's limit", 6),
        "four times nearly one texture, and a diversity that falls below its limit",
        (2, 3, 4, 5),
    ),
    "C": Patient(
        "checkerboard",
        "comb",
        ("checkerboard",),
        (SIGNS["checkerboard"].limit, "the monitor's limit", 4),
        "a fine regular grid, and a comb far above its limit",
    ),
    "D": Patient(
        "eps",
        "G's loss",
        ("gen",),
        (math.log(2), "log 2, theory's equilibrium", -36),
        "soft stains, and a loss of G that stays at log 2",
    ),
}
RIDDLES = {  # the other runs that a chapter's figure shows before it says what they are
    "P": "grumpy-cats/prototype-32px-d-wins",
    "Q": "grumpy-cats/prototype-32px-half-rate",
    "X": "is-it-working/eps",
    "Y": "neu-scratches/none-seed0",
    "E": "is-it-working/leak",
    "F": "is-it-working/dead",
    "G": "is-it-working/lr-x10",
    "H": "is-it-working/range",
    "I": "is-it-working/resume",
    "J": "is-it-working/no-detach",
    "K": "is-it-working/still",
    "L": "is-it-working/identity",
    "6": "grumpy-cats/live-identity10-seed0",
    "7": "grumpy-cats/live-bgr-seed0",
    "8": "grumpy-cats/live-lambda40-seed0",
}

LOOKED_FOR = {"I": "gen", "J": "gen", "K": "disc_a", "L": "idt_a"}  # in which curve one would look


def over_steps(run: Record, name: str) -> tuple[Sequence, Sequence]:
    """(steps, values) of one of the monitor's readings, or of a curve, averaged over 9 steps."""
    if name in SIGNS:
        return tuple(zip(*run["readings"][name], strict=True))
    values = smooth(run.curves[name], 9)
    return range(1, len(values) + 1), values


def beside_healthy(letter: str) -> tuple[Figure, str]:
    """Patient A, B, C or D beside the healthy run of the same seed, and the figure's alt text."""
    patient, runs = PATIENTS[letter], {}
    for name, run in (("healthy", "healthy"), (f"patient {letter}", patient.run)):
        runs[name] = records.load(f"is-it-working/{run}")
    curves = {
        (name, term): over_steps(run, term) for name, run in runs.items() for term in patient.of
    }
    samples = {name: run.strip[list(patient.latents), -1] for name, run in runs.items()}
    caption = f"{runs['healthy'].caption}; step 252, the same latents"
    alt = f"Samples of the healthy run and of patient {letter}, a diagram: {patient.shows}."
    return pair(samples, curves, patient.what, patient.level, caption=caption), alt


def enlarged(images: Tensor, times: int) -> Tensor:
    """uint8 images (N, C, H, W), ``times`` as large: blocks of equal pixels would draw edges."""
    large = F.interpolate(images.float(), scale_factor=times, mode="bicubic", align_corners=False)
    return large.round().clamp(0, 255).byte()


def pair(
    samples: Mapping[str, Tensor],
    curves: Mapping[tuple[str, str], tuple[Sequence, Sequence]],
    reading: str,
    level: tuple[float, str, int] | None = None,
    **words: str,
) -> Figure:
    """Samples of two runs side by side, and what is measured of both over the steps.

    ``samples``: run → uint8 (1 or 4, C, H, W), the healthy run's first; ``curves``: (run, term) →
    (steps, values), a run's second term dashed; ``level``: a height for a dotted line, its name,
    and how many points this stands above it.
    """
    shape = {"figsize": (11, 4.1), "width_ratios": (1, 1, 1.2)}
    figure, axes = subplots(1, 3, **shape, **words)
    for axis, (name, images) in zip(axes, samples.items(), strict=False):
        picture(axis, enlarged(images, 10 // math.isqrt(len(images))), math.isqrt(len(images)))
        axis.set_title(name, fontsize=15)
    healthy, axis, drawn = next(iter(samples)), axes[2], set()
    for (name, _), (steps, values) in curves.items():
        color = BLUE if name == healthy else ORANGE
        style, label = ("--", None) if name in drawn else ("-", name)
        drawn.add(name)
        marker = "o" if len(steps) < 10 else ""
        axis.plot(steps, values, style, color=color, marker=marker, linewidth=2.2, label=label)
    if level:
        axis.axhline(level[0], color=GREY, linestyle=":")
        height, name, above = level
        place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        place |= {"ha": "right", "color": "0.35", "fontsize": 11}
        axis.annotate(name, (0.98, height), (0, above), **place)
    axis.set_title(reading, fontsize=12)
    axis.set_xlabel("step", fontsize=11)
    axis.tick_params(labelsize=11)
    axis.set_ylim(min(0, axis.get_ylim()[0]), 1.25 * axis.get_ylim()[1])
    axis.legend(fontsize=12, loc="upper left", ncols=2)
    return figure


CHARTS = {  # of a model: what its two diagrams are called, and which curves they draw
    "dcgan": (("losses", ("gen", "disc")), ("D's belief", ("p_real", "p_fake"))),
    "cyclegan": (
        ("adversarial losses", ("adv_b", "disc_a")),
        ("cycle, identity", ("cycle_a", "idt_a")),
    ),
}
NAMES = {
    "gen": "G",
    "disc": "D",
    "p_real": "D(x)",
    "p_fake": "D(G(z))",
    "adv_b": "G: A → B",
    "disc_a": "D_A",
    "cycle_a": "cycle",
    "idt_a": "identity",
}


def curves_of(run: Record) -> dict:
    """A record's curves, averaged over 9 steps; D's two halves as one."""
    found = dict(run.curves)
    if "disc_real" in found:
        found["disc"] = np.add(found["disc_real"], found["disc_fake"])
    return {name: smooth(values, 9) for name, values in found.items()}


def chart(run: Record, healthy: Record, title: str = "") -> Figure:
    """Two diagrams of a run, grey the ``healthy`` one's, and its samples: two latents, later →.

    Of a CycleGAN x → G(x) → F(G(x)) for two horses.
    """
    beside = "" if run["run"] == healthy["run"] else "thin grey: healthy run. "
    shape = {"figsize": (11, 3.9), "width_ratios": (1, 1, 1.65)}
    figure, axes = subplots(1, 3, caption=beside + run.caption, **shape)
    figure.suptitle(title or run["run"], fontsize=14)
    for axis, (heading, names) in zip(axes, CHARTS[run.model], strict=False):
        for name, color, style in zip(names, (BLUE, ORANGE), ("-", "--"), strict=True):
            for values, look in (
                (curves_of(healthy)[name], {"color": GREY, "linewidth": 1}),
                (curves_of(run).get(name, ()), {"color": color, "linewidth": 2.2}),
            ):
                label = NAMES[name] if look["color"] != GREY and len(values) else None
                axis.plot(range(1, len(values) + 1), values, style, label=label, **look)
        axis.set_title(heading, fontsize=12)
        axis.set_xlabel("step", fontsize=11)
        axis.tick_params(labelsize=10)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=11, ncols=2, handlelength=1.8, columnspacing=1, loc="upper left")
        else:
            axis.set_xlabel("step (not in this run's loss)", fontsize=11)
        axis.set_ylim(0, 1.25 * axis.get_ylim()[1])  # room for the legend
    if run.model == "dcgan":
        axes[1].set_ylim(0, 1.25)
    shown = run.strip[:2, -3:]
    picture(axes[2], enlarged(shown.flatten(0, 1), 5), shown.shape[1])
    heads = "x → G(x) → F(G(x))" if run.model == "cyclegan" else "after 56, 126, 252 steps"
    axes[2].set_title(heads, fontsize=12)
    return figure


def curves_alone() -> tuple[Figure, str]:
    """Patients I to L, of each the curve in which one would look, and the figure's alt text."""
    runs = {letter: records.load(RIDDLES[letter]) for letter in LOOKED_FOR}
    caption = "\n".join(dict.fromkeys(run.caption for run in runs.values()))
    figure, axes = subplots(1, len(runs), figsize=(11, 3.8), caption=caption)
    for axis, (letter, run) in zip(axes, runs.items(), strict=True):
        name = "healthy-cyclegan" if run.model == "cyclegan" else "healthy"
        term, well = LOOKED_FOR[letter], records.load(f"is-it-working/{name}")
        axis.plot(curves_of(well)[term], color=GREY, label="healthy")
        axis.plot(curves_of(run)[term], "--", color=ORANGE, linewidth=2, label="patient")
        loss = f"{NAMES[term]}'s loss" if term != "idt_a" else "identity loss"
        axis.set_title(f"patient {letter}: {loss}", fontsize=12)
        axis.set(xlabel="step", ylim=(0, 1.4 * axis.get_ylim()[1]))
    axes[0].legend(loc="upper left", fontsize=11)
    return figure, "Four diagrams, a grey and an orange curve each; but for K's they lie close."


def room(groups: Mapping[str, Mapping[str, Sequence[float]]], caption: str = "") -> Figure:
    """A diagram a sign: the worst reading of each run, a dot, group by group, and the limit.

    ``groups``: sign → group → readings; the groups are healthy runs, other faults, planted ones.
    """
    figure, axes = subplots(1, len(groups), figsize=(10, 4.6), squeeze=False, caption=caption)
    for axis, (sign, of) in zip(axes[0], groups.items(), strict=True):
        marks = zip(of.items(), (GREY, SKY, ORANGE), ("o", ".", "^"), strict=True)
        for place, ((_, y), color, marker) in enumerate(marks):
            x = [place + 0.4 * ((i * 0.618) % 1 - 0.5) for i in range(len(y))]
            axis.plot(x, y, marker, color=color, markersize=7, alpha=0.8)
        limit = SIGNS[sign].limit
        axis.axhline(limit, color="black", linewidth=1.2, linestyle="--")
        axis.annotate(f"limit {limit:g}", (-0.5, limit), (0, 4), fontsize=11, **OFFSET)
        if SIGNS[sign].below:
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_title(sign, fontsize=13)
        axis.set_xticks(range(len(of)), list(of), fontsize=11)
        axis.tick_params(axis="y", labelsize=10)
        axis.set_xlim(-0.6, len(of) - 0.4)
    axes[0, 0].set_ylabel("worst reading of a run", fontsize=11)
    return figure


def decisions() -> Figure:
    """The questions to ask of a sick run, from top to bottom; at the right where each ends."""
    figure, axis = subplots(figsize=(12, 9.4))
    axis.set(xlim=(0, 12), ylim=(-len(QUESTIONS) - 0.55, 0.6))
    axis.set_axis_off()
    frame = {"boxstyle": "round,pad=0.5", "facecolor": "white"}
    box = {"ha": "center", "va": "center", "fontsize": 12}

    def boxed(x, place, words, color):
        """A framed text; its frame, where arrows begin and end."""
        text = axis.text(x, -place, words, bbox=frame | {"edgecolor": color}, **box)
        return text.get_bbox_patch()

    asked, answers = [], []
    for place, (question, ends, answer) in enumerate(QUESTIONS):
        asked.append(boxed(3, place, question, BLUE))
        answers.append(boxed(9.4, place, answer, ORANGE))
        axis.text(6.3, 0.12 - place, ends, ha="center", color=ORANGE, fontsize=12)
        other = "yes" if ends == "no" else "no"
        axis.text(3.15, -place - 0.52, other, va="center", color=BLUE, fontsize=12)
    last = "No fault that is known here: train on, average, choose by KID (chapter 08)"
    asked.append(boxed(3.6, len(QUESTIONS) + 0.1, last, GREEN))
    arrow = {"arrowstyle": "->", "color": GREY, "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0}
    for place, answer in enumerate(answers):
        for end, patch in (((9.4, -place), answer), ((3, -place - 1), asked[place + 1])):
            drawn = arrow | {"patchA": asked[place], "patchB": patch}
            axis.annotate("", end, (3, -place), arrowprops=drawn)
    return figure
