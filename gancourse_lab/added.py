"""What a translator added to a picture: |output − input|, as a mask and as boxes."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn

from gancourse.train.cyclegan import translate
from gancourse_lab.defects import boxes_in

FEWEST = 8  # pixels: a smaller patch is noise of the network, not a defect
BESIDE = 6  # pixels around a known defect that still belong to it: masks are drawn by hand
QUIET = 0.95  # of the pictures that should be left alone, none of whose patches counts


def difference(inputs: Tensor, outputs: Tensor) -> np.ndarray:
    """(N, H, W) |output − input| in grey levels of two uint8 (N, 1, H, W), mean over 3x3 pixels."""
    grey = (outputs.float() - inputs.float()).abs().mean(1).numpy()
    return ndimage.uniform_filter(grey, (0, 3, 3))


def masks(differences: np.ndarray, level: float) -> np.ndarray:
    """(N, H, W) bool: above ``level``, without patches of fewer than ``FEWEST`` pixels."""
    return np.stack([_without_specks(one > level) for one in differences])


def _without_specks(mask: np.ndarray) -> np.ndarray:
    labels, count = ndimage.label(mask)
    sizes = ndimage.sum_labels(mask, labels, np.arange(count + 1))
    return (sizes >= FEWEST)[labels] & mask


def boxes(mask: np.ndarray) -> np.ndarray:
    """(n, 4) boxes of a mask: x0, y0, x1, y1, x1 and y1 outside; parts near each other are one."""
    return boxes_in(mask)


def beside(network: nn.Module, left_alone: Tensor, known: np.ndarray) -> np.ndarray:
    """(N, H, W) what the network changes in pictures that it should leave alone, in grey levels.

    ``left_alone``: uint8 (N, 1, H, W) that are in the target domain already, so that whatever the
    network changes beside their ``known`` defects (N, H, W) is its own noise. At a defect that is
    there, where this is 0, it may darken or brighten what it likes.
    """
    found = difference(left_alone, translate(network, left_alone))
    near = np.stack([ndimage.binary_dilation(mask, iterations=BESIDE) for mask in known])
    found[near] = 0
    return found


def level_of(
    network: nn.Module, left_alone: Tensor, known: np.ndarray, quiet: float = QUIET
) -> float:
    """The lowest level at which the share ``quiet`` of pictures to be left alone has no mask.

    Of what ``beside`` finds, from 1 to 255 grey levels.
    """
    found = beside(network, left_alone, known)
    levels = np.arange(1.0, 256.0)
    for level in levels:
        if (~masks(found, level).any((1, 2))).mean() >= quiet:
            return float(level)
    return float(levels[-1])


def largest_box(mask: np.ndarray) -> np.ndarray | None:
    """The box with the largest area, or None where nothing was added."""
    found = boxes(mask)
    if not len(found):
        return None
    return found[(found[:, 2:] - found[:, :2]).prod(1).argmax()]


def outlined(pictures: Tensor, marks: np.ndarray, colour=(230, 159, 0)) -> Tensor:
    """uint8 (N, 3, H, W): ``pictures`` (N, 1, H, W) with the outline of each mask in ``colour``."""
    drawn = pictures.expand(-1, 3, -1, -1).clone()
    rims = np.stack([mask & ~ndimage.binary_erosion(mask) for mask in marks])
    drawn.permute(0, 2, 3, 1)[torch.from_numpy(rims)] = torch.tensor(colour, dtype=torch.uint8)
    return drawn
