"""Drawn tensile bars, printed in plastic (the replica) and of metal, at a contrast and light told.

``domains`` draws what a CycleGAN is trained on: both domains with the same laws of pose, contrast
and light, no bar in both. ``pairs`` draws one bar in both, so that the metal picture that a
translation should have become exists. ``fit`` trains a judge that says which pixels are metal.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancourse.data.sets import ImageSet, to_float, to_uint8
from gancourse_standins.drawing import Canvas
from gancourse_standins.objects import specimen

NAME = "specimens"
FILAMENT = (0.85, 0.45, 0.2)  # of every replica: one spool
BATCH = 8  # bars that the judge sees in a step, each in both materials
TABLE = 0.72  # light: then the bar is the dark one
FINER = 2  # times as many pixels are drawn, and averaged: a camera's pixel is no point
CONTRAST, LIGHT = (0.7, 1.0), (0.0, 0.3)  # good conditions, in which the training pictures lie


class Pairs(NamedTuple):
    """The same bars twice: uint8 (n, 3, S, S) each, and where they are, bool (n, 1, S, S)."""

    replica: Tensor
    metal: Tensor
    mask: Tensor


def bars(part: str, numbers, size: int, contrast, light, *, scene_of: str = "", seed: int = 0):
    """(pictures uint8 (n, 3, S, S), masks (n, 1, S, S)) of domain ``part``, "A" or "B".

    ``contrast`` and ``light``: a number, or the ends of a range in which each bar has its own. With
    ``scene_of`` "A" a bar of metal lies where the replica of that number lies.
    """
    pictures, masks = [], []
    canvas = Canvas.of(FINER * size, FINER * size)
    for number in numbers:
        place = "AB".index(scene_of or part)
        scene, look = (
            np.random.default_rng([seed, number, k]) for k in (place, 2 + "AB".index(part))
        )
        at = np.random.default_rng([seed, number, 4 + place])
        told = {"contrast": at.uniform(*ends(contrast)), "light": at.uniform(*ends(light))}
        told |= {"filament": FILAMENT, "table": TABLE}
        picture, truth = specimen(canvas, part, scene, look, known=told)
        pictures.append(picture.clip(0, 1).transpose(2, 0, 1))
        masks.append(truth["mask"])
    seen = F.avg_pool2d(torch.from_numpy(np.stack(pictures)), FINER)
    inside = F.avg_pool2d(torch.from_numpy(np.stack(masks)).float(), FINER) == 1
    return (255 * seen).round().byte(), inside


def ends(span) -> tuple[float, float]:
    """A number as a range."""
    low, high = span if isinstance(span, tuple) else (span, span)
    return low, high


def domains(n: int, size: int, contrast=CONTRAST, light=LIGHT, seed: int = 0):
    """Image sets of ``n`` replicas and of ``n`` other bars of metal."""
    found = []
    for part in "AB":
        pictures, masks = bars(part, range(n), size, contrast, light, seed=seed)
        names = [f"{part}{number:04d}" for number in range(n)]
        truth = {"mask": masks}
        found.append(ImageSet(pictures, names, NAME, part, "train", "stand-in", truth))
    return tuple(found)


def pairs(n: int, size: int, contrast=CONTRAST, light=LIGHT, seed: int = 9) -> Pairs:
    """``n`` bars, in plastic and in metal; with the same seed the same bars at any contrast."""
    replica, mask = bars("A", range(n), size, contrast, light, seed=seed)
    metal, _ = bars("B", range(n), size, contrast, light, scene_of="A", seed=seed)
    return Pairs(replica, metal, mask)


def judge() -> nn.Module:
    """Grey pictures (N, 1, H, W) in [-1, 1], even sides → logits (N, 1, H, W): metal or plastic.

    It sees no colour, and 29 pixels across: the surface, hardly the bar. Its picture's own light
    and contrast are taken out first.
    """

    def layer(inside: int, outside: int, kernel: int, stride: int, spread: int) -> list[nn.Module]:
        reach = spread * (kernel // 2)
        return [
            nn.Conv2d(inside, outside, kernel, stride, reach, spread, bias=False),
            nn.BatchNorm2d(outside),
            nn.ReLU(),
        ]

    return nn.Sequential(
        nn.InstanceNorm2d(1),
        *layer(1, 24, kernel=5, stride=2, spread=1),
        *layer(24, 32, kernel=3, stride=1, spread=1),
        *layer(32, 32, kernel=3, stride=1, spread=2),
        *layer(32, 32, kernel=3, stride=1, spread=2),
        nn.Conv2d(32, 1, 1),
        nn.Upsample(scale_factor=2),
    )


def fit(steps: int = 300, n: int = 400, size: int = 48, seed: int = 0) -> nn.Module:
    """A judge, trained on other bars at every contrast and light. Seeds PyTorch's generator."""
    torch.manual_seed(seed)
    net = judge()
    shown = pairs(n, size, (0.0, 1.0), (0.0, 1.0), seed=2 + seed)
    optimiser = torch.optim.Adam(net.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, steps)
    for _ in range(steps):
        some = torch.randint(n, (BATCH,))
        pictures = torch.cat([shown.replica[some], shown.metal[some]])
        out, mask = net(grey(pictures)), shown.mask[some].repeat(2, 1, 1, 1)
        is_metal = torch.zeros_like(out)
        is_metal[BATCH:] = 1
        loss = F.binary_cross_entropy_with_logits(out[mask], is_metal[mask])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return net.eval()


def grey(pictures: Tensor) -> Tensor:
    """uint8 (N, 3, H, W) → their luma (N, 1, H, W) in [-1, 1]."""
    weights = torch.tensor((0.299, 0.587, 0.114))[:, None, None]
    return (to_float(pictures) * weights).sum(1, keepdim=True)


def greyed(pictures: Tensor) -> Tensor:
    """uint8 (N, 3, H, W) without colour."""
    return to_uint8(grey(pictures)).expand(-1, 3, -1, -1)


@torch.no_grad()
def metal_share(net: nn.Module, pictures: Tensor, mask: Tensor) -> Tensor:
    """(N,) which share of each bar's pixels the judge calls metal."""
    called = torch.cat([net(grey(part)) > 0 for part in pictures.split(64)])
    return (called & mask).sum((1, 2, 3)) / mask.sum((1, 2, 3))


def error(pictures: Tensor, metal: Tensor, mask: Tensor) -> Tensor:
    """(N,) mean |difference| over each bar's pixels and channels, in grey levels."""
    apart = (pictures.float() - metal.float()).abs().mean(1, keepdim=True)
    return (apart * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3))
