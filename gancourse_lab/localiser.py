"""A small detector of at most one defect a crop: which cell holds its centre, and its box.

A crop is divided into cells of ``CELL`` pixels. The network says of each cell how likely the centre
lies in it, against "nowhere", and which box it would then be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancourse.data.sets import to_float

CELL = 8  # pixels


@dataclass(frozen=True)
class Recipe:
    """How it is trained: half of each batch are crops with a box, half are clean."""

    steps: int = 600
    batch_size: int = 32
    lr: float = 2e-3  # the largest of a one-cycle schedule
    weight_decay: float = 5e-4
    seed: int = 0


def network() -> nn.Module:
    """Crops (N, 1, H, W) in [-1, 1] → (N, 5, H/8, W/8): a logit and four numbers of a box a cell.

    0.14 M weights. The light of a crop is taken out first.
    """

    def layer(inside: int, outside: int, kernel: int, stride: int) -> list[nn.Module]:
        return [
            nn.Conv2d(inside, outside, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outside),
            nn.ReLU(),
        ]

    return nn.Sequential(
        nn.InstanceNorm2d(1),
        *layer(1, 24, kernel=5, stride=2),
        *layer(24, 48, kernel=3, stride=2),
        *layer(48, 96, kernel=3, stride=2),
        *layer(96, 96, kernel=3, stride=1),
        nn.Conv2d(96, 5, kernel_size=1),
    )


def fit(crops: Tensor, boxes: Tensor, clean: Tensor, recipe: Recipe = Recipe()) -> nn.Module:
    """Train on ``crops`` (N, 1, S, S) uint8 with one box each (N, 4), and on ``clean`` ones.

    Both are mirrored at random. Seeds PyTorch's generator.
    """
    torch.manual_seed(recipe.seed)
    net, half = network(), recipe.batch_size // 2
    optimiser = torch.optim.AdamW(net.parameters(), recipe.lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.lr, recipe.steps)
    nowhere = torch.full((half,), (crops.shape[-1] // CELL) ** 2)
    for _ in range(recipe.steps):
        i, j = torch.randint(len(crops), (half,)), torch.randint(len(clean), (half,))
        shown, target = mirrored(torch.cat([crops[i], clean[j]]), boxes[i])
        cell, numbers = encoded(target, crops.shape[-1])
        out = net(to_float(shown))
        told = out[:half, 1:].flatten(2)[torch.arange(half), :, cell]
        loss = F.cross_entropy(odds(out), torch.cat([cell, nowhere]))
        loss = loss + F.smooth_l1_loss(told, numbers)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return net.eval()


def odds(out: Tensor) -> Tensor:
    """(N, cells + 1) logits of where the centre lies; the last is "nowhere", and 0."""
    return F.pad(out[:, 0].flatten(1), (0, 1))


def encoded(boxes: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Of boxes (N, 4) in crops of ``side`` px: the cell of each centre, and what to tell of it.

    That are the centre within its cell (x, y; 0 to 1) and the logarithms of width and height.
    """
    middle, size = (boxes[:, :2] + boxes[:, 2:]) / 2 / CELL, (boxes[:, 2:] - boxes[:, :2]) / CELL
    corner = middle.floor().clamp(max=side // CELL - 1)
    cell = (corner[:, 1] * (side // CELL) + corner[:, 0]).long()
    return cell, torch.cat([middle - corner, size.log()], 1)


def decoded(cell: Tensor, numbers: Tensor, side: int) -> Tensor:
    """The boxes (N, 4) that ``encoded`` was given, cut at the border of the crop."""
    corner = torch.stack([cell % (side // CELL), cell // (side // CELL)], 1)
    middle, half = (corner + numbers[:, :2]) * CELL, numbers[:, 2:].exp() * CELL / 2
    return torch.cat([middle - half, middle + half], 1).clamp(0, side)


@torch.no_grad()
def find(net: nn.Module, crops: Tensor) -> tuple[Tensor, Tensor]:
    """The likeliest box of each crop (N, 4), and the log odds (N,) that there is one at all."""
    boxes, scores = [], []
    for part in crops.split(256):
        out = net(to_float(part))
        cell = out[:, 0].flatten(1).argmax(1)
        numbers = out[:, 1:].flatten(2)[torch.arange(len(part)), :, cell]
        boxes.append(decoded(cell, numbers, part.shape[-1]))
        scores.append(out[:, 0].flatten(1).logsumexp(1))
    return torch.cat(boxes), torch.cat(scores)


def mirrored(crops: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Crops left to right and upside down, each by a coin; ``boxes`` are those of the first."""
    crops, boxes, side = crops.clone(), boxes.clone(), crops.shape[-1]
    for axis in (0, 1):
        turned = torch.rand(len(crops)) < 0.5
        crops[turned] = crops[turned].flip(-1 - axis)
        those = turned[: len(boxes)]
        boxes[those, axis], boxes[those, axis + 2] = (
            side - boxes[those, axis + 2],
            side - boxes[those, axis],
        )
    return crops, boxes


def iou(a, b) -> np.ndarray:
    """Intersection over union of boxes a[i] and b[i], each (N, 4): (N,)."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    inside = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    both = inside.clip(0).prod(1)
    return both / ((a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - both)
