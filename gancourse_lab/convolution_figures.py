"""How a transposed convolution paints, input by input: chapter 02's film."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure

from gancourse.notebook.figures import BLUE, CYCLE, GREY, ORANGE, subplots


def painted(inputs: int, weights: Sequence[float], stride: int, padding: int) -> torch.Tensor:
    """What each input adds to each output: (inputs, outputs), for inputs of 1."""
    kernel = len(weights)
    outputs = (inputs - 1) * stride + kernel
    added = torch.zeros(inputs, outputs)
    for i in range(inputs):
        added[i, i * stride : i * stride + kernel] = torch.tensor(weights)
    return added[:, padding : outputs - padding]


def painting(
    done: int,
    inputs: int = 8,
    weights: Sequence[float] = (0.2, 0.9, 0.5, 0.4),
    stride: int = 2,
    padding: int = 1,
) -> Figure:
    """Below a row of equal inputs, above the outputs after the first ``done`` of them.

    Each input adds the kernel's weights to the outputs under it; outputs are bars of these parts.
    """
    added = painted(inputs, weights, stride, padding)
    figure, axis = subplots(figsize=(8, 3.2))
    base = torch.zeros(added.shape[1])
    colors = [color for color, _ in CYCLE]
    at = torch.arange(added.shape[1])
    for i in range(done):
        last = i == done - 1
        look = {"color": ORANGE if last else colors[i % 2 * 4], "edgecolor": "white"}
        axis.bar(at.tolist(), added[i].tolist(), 0.9, bottom=base.tolist(), **look)
        base += added[i]
    for i in range(inputs):
        place = i * stride + (len(weights) - 1) / 2 - padding
        color = ORANGE if i == done - 1 else BLUE
        axis.plot(place, -0.75, "o", color=color, markersize=12)
        if i == done - 1:
            for output in added[i].nonzero()[:, 0].tolist():
                axis.plot([place, output], [-0.75, -0.06], color=ORANGE, linewidth=1)
    axis.axhline(0, color=GREY, linewidth=0.8)
    axis.set(ylim=(-1, 1.75), xlim=(-0.8, len(base) - 0.2), yticks=[], xticks=at.tolist())
    axis.set_xticks(at.tolist(), at.tolist(), fontsize=8)
    axis.set_title(f"input {done} of {inputs}, all of them 1, paints its outputs", fontsize=11)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    return figure
