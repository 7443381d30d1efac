"""The FCN score: does a segmentation network find in a generated photo what its label map said?

A small fully convolutional network learns photo → classes on real pairs. It is then shown photos
made from label maps, and its answer is compared with those maps (Isola et al. 2017; CycleGAN,
section 5.1.1).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancourse.data.sets import to_float
from gancourse.errors import GancourseError

# The CMP classes in their own order, and their colours in the pix2pix JPEGs (medians of the 400
# training maps): Matlab's colour map "jet", as in the CMP files.
FACADES: dict[str, tuple[int, int, int]] = {
    "background": (0, 0, 222),
    "wall": (0, 48, 255),
    "window": (2, 127, 254),
    "door": (1, 207, 255),
    "cornice": (34, 254, 226),
    "sill": (112, 253, 146),
    "balcony": (192, 255, 63),
    "blind": (253, 240, 4),
    "deco": (255, 159, 2),
    "moulding": (253, 80, 1),
    "pillar": (249, 2, 3),
    "shop": (174, 0, 1),
}
SURE = 60.0  # a pixel further than this from every colour is a blend of two areas, at their border


def classes_of(maps: Tensor, size: int | None = None) -> Tensor:
    """Facade label maps (N, 3, H, W) uint8 → classes (N, H, W) long, by the nearest colour.

    The classes are on the maps' device.
    With ``size`` the result is (N, size, size): each pixel takes the class that most of its pixels
    in the map have. Blends at the borders, which may look like a third class, count only where
    nothing else is. So load the maps larger than needed: shrinking *colours* makes more blends.
    """
    if maps.ndim != 4 or maps.shape[1] != 3 or maps.dtype != torch.uint8:
        raise GancourseError(f"Label maps: uint8 (N, 3, H, W), not {maps.dtype} {[*maps.shape]}.")
    colours = torch.tensor([*FACADES.values()], dtype=torch.float32, device=maps.device)
    found = []
    for part in maps.split(64):  # the distances take four times the memory of the pixels
        pixels = part.permute(0, 2, 3, 1).float()
        distance, kind = torch.cdist(pixels, colours.expand(len(part), 1, -1, -1)).min(-1)
        if size is not None:
            sure = torch.where(distance < SURE, 1.0, 1e-4)[..., None]
            votes = (F.one_hot(kind, len(colours)) * sure).permute(0, 3, 1, 2)
            kind = F.adaptive_avg_pool2d(votes, size).argmax(1)
        found.append(kind)
    return torch.cat(found)


class FCN(nn.Module):
    """image (N, 3, H, W) in [-1, 1] → logits (N, classes, H, W).

    Four convolutions, at half, quarter, … of the size. Each has its own 1×1 classifier; from the
    coarsest on the answers are enlarged and added (Long et al. 2015): the coarse ones know what,
    the fine ones where. About 100,000 weights at width 20.
    """

    def __init__(self, classes: int, width: int = 20):
        super().__init__()
        widths = (3, width, 2 * width, 4 * width, 4 * width)
        self.stages, self.heads = nn.ModuleList(), nn.ModuleList()
        for inputs, outputs in zip(widths, widths[1:], strict=False):
            conv = nn.Conv2d(inputs, outputs, 3, 2, padding=1, bias=False)
            self.stages.append(nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU()))
            self.heads.append(nn.Conv2d(outputs, classes, 1))

    def forward(self, image: Tensor) -> Tensor:
        features = [image]
        for stage in self.stages:
            features.append(stage(features[-1]))
        answer = self.heads[-1](features[-1])
        for head, finer in zip(self.heads[-2::-1], features[-2:0:-1], strict=True):
            answer = head(finer) + F.interpolate(answer, finer.shape[-2:], mode="bilinear")
        return F.interpolate(answer, image.shape[-2:], mode="bilinear")


def train(net, images: Tensor, truth: Tensor, steps: int, batch_size: int = 8, seed: int = 0):
    """Fit ``net`` to images (N, 3, H, W) uint8 and classes (N, H, W); returns each step's loss.

    Cross-entropy, mirroring, Adam with a learning rate that falls from 1e-2 to 0 by a cosine.
    """
    if (len(images), *images.shape[2:]) != tuple(truth.shape):
        raise GancourseError(f"Images {[*images.shape]} do not fit classes {[*truth.shape]}.")
    draw, device = torch.Generator().manual_seed(seed), next(net.parameters()).device
    optimiser = torch.optim.Adam(net.train().parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))
    losses = []
    for _ in range(steps):
        at = torch.randint(len(images), (batch_size,), generator=draw)
        x, y = images[at.to(images.device)].to(device), truth[at.to(truth.device)].to(device)
        x = to_float(x)
        if torch.rand((), generator=draw) < 0.5:
            x, y = x.flip(-1), y.flip(-1)
        loss = F.cross_entropy(net(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.detach())
    net.eval()
    return torch.stack(losses).tolist() if losses else []  # at the end: each would wait for a GPU


@torch.no_grad()
def predict(net, images: Tensor, batch_size: int = 32) -> Tensor:
    """Classes (N, H, W), on the CPU, of images (N, 3, H, W) uint8; NaN raises: argmax hides it."""
    device = next(net.eval().parameters()).device
    logits = torch.cat([net(to_float(part).to(device)).cpu() for part in images.split(batch_size)])
    if not logits.isfinite().all():
        raise GancourseError("The segmentation network answers NaN: its weights are broken.")
    return logits.argmax(1)


class Scores(NamedTuple):
    """Per-pixel accuracy, mean per-class accuracy and mean class IoU, each in 0..1."""

    pixel: float
    per_class: float
    iou: float


def confusion(predicted: Tensor, truth: Tensor, classes: int) -> Tensor:
    """Counts n[i, j], (classes, classes), on the CPU: pixels of class i that were called j."""
    if predicted.shape != truth.shape:
        raise GancourseError(f"Answers {[*predicted.shape]} and truth {[*truth.shape]} differ.")
    predicted, truth = predicted.cpu(), truth.cpu()
    for name, value in (("Answers", predicted), ("Truth", truth)):
        known = (value >= 0) & (value < classes) & (value == value.round())  # NaN is none of these
        if value.numel() == 0 or not known.all():
            raise GancourseError(f"{name} must be class numbers 0 to {classes - 1}, without NaN.")
    cells = truth.flatten().long() * classes + predicted.flatten().long()
    return cells.bincount(minlength=classes**2).reshape(classes, classes)


def measures(n: Tensor) -> Tensor:
    """Counts (…, classes, classes) → (…, 3) float64: the three measures of Long et al. 2015.

    With t[i] = Σ_j n[i, j]: per pixel = Σ_i n[i, i] / Σ_i t[i]; per class = mean of n[i, i] / t[i];
    IoU = mean of n[i, i] / (t[i] + Σ_j n[j, i] - n[i, i]). Classes absent from the truth are left
    out of both means: naming one costs the class that is really there.
    """
    n = n.double()
    right, there, called = n.diagonal(dim1=-2, dim2=-1), n.sum(-1), n.sum(-2)
    present = torch.where(there > 0, 1.0, torch.nan)
    per_class = (right / there * present).nanmean(-1)
    iou = (right / (there + called - right) * present).nanmean(-1)
    return torch.stack([right.sum(-1) / there.sum(-1), per_class, iou], -1)


def scores(predicted: Tensor, truth: Tensor, classes: int) -> Scores:
    """The three ``measures`` over the pixels of all images together.

    Raises ``GancourseError`` for unequal shapes, NaN, and numbers that are no class.
    """
    pixel, per_class, iou = measures(confusion(predicted, truth, classes)).tolist()
    return Scores(pixel, per_class, iou)


class Interval(NamedTuple):
    """Scores and the ends of their 95 % intervals."""

    value: Scores
    low: Scores
    high: Scores


def with_interval(predicted: Tensor, truth: Tensor, classes: int, draws: int = 300) -> Interval:
    """``scores`` with a 95 % interval: the images drawn again and again, with replacement.

    It covers the choice of the images, not that of the generator's or the judge's seed.
    """
    value, drawn = _drawn_again(predicted, truth, classes, draws)
    return _interval(value, drawn)


def difference(
    one: Tensor, other: Tensor, truth: Tensor, classes: int, draws: int = 300
) -> Interval:
    """``scores`` of ``one`` minus those of ``other``, and a 95 % interval of the difference.

    The same images are drawn for both, so that an image that is hard for both moves nothing. Zero
    outside the interval: one of them is ahead on such images.
    """
    first, drawn_first = _drawn_again(one, truth, classes, draws)
    second, drawn_second = _drawn_again(other, truth, classes, draws)
    return _interval(first - second, drawn_first - drawn_second)


def _drawn_again(predicted: Tensor, truth: Tensor, classes: int, draws: int):
    """The three measures (3,), and those (draws, 3) of images drawn with replacement."""
    pairs = zip(predicted, truth, strict=True)
    n = torch.stack([confusion(a, b, classes) for a, b in pairs])
    stream = torch.Generator().manual_seed(0)
    again = torch.randint(len(n), (draws, len(n)), generator=stream)
    return measures(n.sum(0)), measures(n[again].sum(1))


def _interval(value: Tensor, drawn: Tensor) -> Interval:
    ends = torch.tensor([0.025, 0.975], dtype=torch.float64)
    low, high = drawn.quantile(ends, dim=0)
    return Interval(*(Scores(*part.tolist()) for part in (value, low, high)))
