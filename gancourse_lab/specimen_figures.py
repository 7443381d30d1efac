"""Curves over contrast and light of a recorded study of replica and metal."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from gancourse.notebook import figures

SAID = {"error": "grey levels off its metal picture", "metal": "share called metal"}
BESIDE = {"replica": (figures.ORANGE, "--"), "metal": (figures.GREY, ":")}


def moved(record) -> Figure:
    """Both scores over both conditions; grey ground: what training saw.

    Of the translation the mean over the trainings, and their lowest and highest.
    """
    how = {"figsize": (9, 5.6), "caption": record.caption, "sharey": "row"}
    figure, axes = figures.subplots(2, 2, **how)
    for column, (name, curve) in zip(axes.T, record["curves over"].items(), strict=True):
        for axis, score in zip(column, SAID, strict=True):
            axis.axvspan(*record["trained at"][name], color="0.93")
            for other, (colour, line) in BESIDE.items():
                values = [at[other][score] for at in curve["at"]]
                axis.plot(curve["values"], values, line, color=colour, label=other)
            runs = np.array([at["translated"][score] for at in curve["at"]])
            axis.fill_between(
                curve["values"], runs.min(1), runs.max(1), color=figures.SKY, alpha=0.4
            )
            axis.plot(curve["values"], runs.mean(1), color=figures.BLUE, label="translated")
        column[-1].set_xlabel(name)
    for axis, said in zip(axes[:, 0], SAID.values(), strict=True):
        axis.set_ylabel(said)
    axes[0, 0].set_ylim(bottom=0)
    axes[1, 0].set_ylim(0, 1.02)
    axes[0, 0].legend()
    return figure
