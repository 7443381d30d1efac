"""Does a translation keep the content? Edges of the output against edges of its own input."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from gancourse.errors import GancourseError

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601


@dataclass(frozen=True)
class Agreement:
    """How well outputs agree with their inputs, and how well with the inputs of others.

    ``paired`` (N,): correlation of the edge maps of input i and output i. ``shuffled`` (N,): mean
    correlation of output i with the inputs of the others, what the domain alone explains.
    ``top1``: share of outputs whose own input is the nearest of all N; chance is 1/N.
    """

    paired: Tensor
    shuffled: Tensor
    top1: float

    @property
    def kept(self) -> float:
        """Mean of ``paired`` minus ``shuffled``: 0 if the input does not matter."""
        return float((self.paired - self.shuffled).mean())


def edges(images: Tensor, blur: int = 2) -> Tensor:
    """Edge strength (N, H, W): gradient magnitude of the luma, by Sobel's filters.

    ``images``: (N, C, H, W), uint8 or float. ``blur``: half-width in pixels of a box filter in
    front, which forgives small shifts and noise.
    """
    grey = images.float()
    if grey.shape[1] == 3:
        grey = (grey * grey.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
    grey = F.pad(grey, [blur + 1] * 4, mode="replicate")
    grey = F.avg_pool2d(grey, 2 * blur + 1, stride=1)
    across = grey.new_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = torch.stack([across, across.T])[:, None]
    return F.conv2d(grey, kernels).square().sum(1).sqrt()


def agreement(inputs: Tensor, outputs: Tensor, blur: int = 2) -> Agreement:
    """Whether ``outputs`` (N, C, H, W) have their edges where their own ``inputs`` have them.

    Correlations of edge maps do not notice a change of colour, brightness or contrast, only where
    the edges are. Computed where ``inputs`` are, returned on the CPU. Raises ``GancourseError`` for
    fewer than two images or unequal counts.
    """
    n = len(inputs)
    if n < 2 or len(outputs) != n:
        raise GancourseError(
            f"Agreement needs at least two inputs and as many outputs, not {n} and {len(outputs)}."
        )
    both = (inputs, outputs.to(inputs.device))
    a, b = (_normalised(edges(images, blur).flatten(1)) for images in both)
    table = a @ b.T  # [input, output]
    paired = table.diagonal()
    shuffled = (table.sum(0) - paired) / (n - 1)
    top1 = float((table.argmax(0) == torch.arange(n, device=table.device)).float().mean())
    return Agreement(paired.cpu(), shuffled.cpu(), top1)


def _normalised(rows: Tensor) -> Tensor:
    """Each row with mean 0 and length 1; a constant row becomes 0."""
    return F.normalize(rows - rows.mean(1, keepdim=True), dim=1)
