"""Augmentation of image batches (N, C, H, W) in [-1, 1], on whatever device they are.

*Classical* policies change the reals before D sees them. What they do, G learns to do as well:
a policy must not leave the distribution (an upside-down cat). *DiffAugment* (Zhao et al. 2020)
changes reals and fakes alike, right in front of D, and is differentiable: G is then judged
through it and has no reason to copy it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from gancourse.errors import GancourseError, unknown

# Each policy is a set of random changes; the numbers are upper limits.
POLICIES: dict[str, dict] = {
    "none": {},
    # flips keep every pixel; the crop is the CMU course's: enlarge by 10 %, cut the size back out
    "basic": {"hflip": True, "enlarge": 1.1},
    # the study's four: crop, flip, rotate (±10°), stretch (each axis on its own by up to 10 %)
    "deluxe": {"hflip": True, "enlarge": 1.1, "degrees": 10.0, "stretch": 0.1},
    # steel has no up or down: both flips, and the crop
    "steel": {"hflip": True, "vflip": True, "enlarge": 1.1},
}


def classical(images: Tensor, policy: str = "basic") -> Tensor:
    """Random flips, turns, crops or stretches of the real ``images`` (N, C, H, W), by ``policy``.

    Same shape and range. Everything geometric is one affine map per image, so pixels are
    interpolated once. The crop enlarges first and cuts the size back out. (Cropping an image to the
    size that it already has changes nothing, a mistake found in many repositories.)
    """
    if policy not in POLICIES:
        raise unknown("augmentation policy", policy, POLICIES)
    rules = POLICIES[policy]
    if not rules:
        return images
    n, device = len(images), images.device

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(n, device=device).uniform_(low, high)

    def sign(key: str) -> Tensor:  # -1 mirrors the axis
        return torch.where(uniform(0, 1) < 0.5, -1.0, 1.0) if rules.get(key) else 1.0

    stretch = rules.get("stretch", 0.0)
    angle = uniform(-1, 1) * math.radians(rules.get("degrees", 0.0))
    zoom = 1 / rules.get("enlarge", 1.0)  # the window's side as a share of the image's
    width = zoom * sign("hflip") * (1 + uniform(-stretch, stretch))
    height = zoom * sign("vflip") * (1 + uniform(-stretch, stretch))
    theta = torch.zeros(n, 2, 3, device=device)
    theta[:, 0, 0], theta[:, 0, 1] = width * angle.cos(), -height * angle.sin()
    theta[:, 1, 0], theta[:, 1, 1] = width * angle.sin(), height * angle.cos()
    theta[:, :, 2] = torch.stack([uniform(-1, 1), uniform(-1, 1)], 1) * (1 - zoom)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    out = F.grid_sample(
        images.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    return out.to(images.dtype)


def crop_and_flip(images: Tensor, size: int, upside_down: bool = False) -> Tensor:
    """A random ``size``×``size`` window of each image (N, C, H, W), mirrored half of the time.

    ``upside_down``: half of the time that, too.
    The reference CycleGAN's preparation: images are loaded larger than the networks take them
    (286 for 256). Raises ``GancourseError`` where an image is smaller than the window.
    """
    n, _, height, width = images.shape
    if size > min(height, width):
        raise GancourseError(
            f"A crop of {size}×{size} does not fit in images of {height}×{width}: "
            "load them larger (load_size) or take a smaller size."
        )
    there = {"device": images.device}  # drawn there: a copy from the CPU would wait for the GPU
    span, at = torch.arange(size, **there), torch.arange(n, **there)[:, None, None]
    rows = torch.randint(height - size + 1, (n, 1), **there) + span
    columns = torch.randint(width - size + 1, (n, 1), **there) + span
    columns = torch.where(torch.rand(n, 1, **there) < 0.5, columns, columns.flip(1))
    if upside_down:
        rows = torch.where(torch.rand(n, 1, **there) < 0.5, rows, rows.flip(1))
    cut = images[at, :, rows[:, :, None], columns[:, None, :]]
    return cut.permute(0, 3, 1, 2).contiguous()


def _color(x: Tensor) -> Tensor:
    """Brightness ±0.5, saturation ×[0, 2], contrast ×[0.5, 1.5], as in Zhao et al. 2020."""

    def uniform() -> Tensor:
        return torch.rand(len(x), 1, 1, 1, dtype=x.dtype, device=x.device)

    x = x + (uniform() - 0.5)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (uniform() * 2)
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (uniform() + 0.5)


def _translation(x: Tensor, ratio: float = 0.125) -> Tensor:
    """Shift by up to 1/8 of each side; what comes in from outside is 0, mid-grey."""
    n, _, height, width = x.shape
    rows, cols = (
        torch.randint(-int(s * ratio + 0.5), int(s * ratio + 0.5) + 1, (n, 1), device=x.device)
        for s in (height, width)
    )
    row = torch.arange(height, device=x.device) + rows + 1
    col = torch.arange(width, device=x.device) + cols + 1
    padded = F.pad(x, (1, 1, 1, 1))  # a border of zeros for every index that falls outside
    row, col = row.clamp(0, height + 1), col.clamp(0, width + 1)
    index = torch.arange(n, device=x.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[index, row[:, :, None], col[:, None, :]].permute(0, 3, 1, 2)


def _cutout(x: Tensor, ratio: float = 0.5) -> Tensor:
    """Set a square of half the side to 0; its centre may lie anywhere in the image."""
    n, _, height, width = x.shape

    def outside(side: int) -> Tensor:  # (N, side): True where the index is not in the window
        length = int(side * ratio + 0.5)
        start = torch.randint(0, side + 1, (n, 1), device=x.device) - length // 2
        index = torch.arange(side, device=x.device)
        return (index < start) | (index >= start + length)

    keep = outside(height)[:, :, None] | outside(width)[:, None, :]
    return x * keep[:, None].to(x.dtype)


DIFFAUGMENT = {"color": _color, "translation": _translation, "cutout": _cutout}


def parts(policy: str) -> list:
    """The parts that ``policy`` lists by comma; raises ``UnknownName``."""
    names = [name for name in policy.split(",") if name]
    for name in names:
        if name not in DIFFAUGMENT:
            raise unknown("DiffAugment part", name, DIFFAUGMENT)
    return [DIFFAUGMENT[name] for name in names]


def diffaugment(images: Tensor, policy: str = "color,translation,cutout") -> Tensor:
    """Differentiable augmentation T(x) of Zhao et al. 2020; ``policy`` lists its parts by comma.

    It belongs on all three inputs of D: the reals and the fakes of D's step *and* the fakes of
    G's step. On the reals alone it moves the target, and G learns to draw the augmentations.
    An empty policy returns the images as they are.
    """
    for change in parts(policy):
        images = change(images)
    return images
