"""A small classifier of steel: a ResNet of one basic block a stage, and scikit-learn's scores.

Every training takes the same number of steps, however many pictures its arm has: what differs
between two arms is what they see, not how long they look.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from sklearn.metrics import average_precision_score, f1_score, recall_score
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import RandomSampler, WeightedRandomSampler

from gancourse import augment
from gancourse.data.sets import to_float


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained. ``lr`` is chosen on validation pictures, see the study."""

    lr: float = 1e-3  # the largest of a one-cycle schedule of Adam
    steps: int = 340  # ten epochs of 1,080 pictures in batches of 32
    batch_size: int = 32
    looks: int = 5  # at the validation pictures, in the second half; the best weights are kept
    weight_decay: float = 5e-4  # He 2016
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Training:
    """What an arm trains on: pictures (N, C, H, W) uint8, labels (N,), and how they are shown.

    ``draw`` weighs the pictures in the sampling, ``cost`` the classes in the loss; ``augment``
    changes every picture each time it is shown.
    """

    images: Tensor
    labels: Tensor
    draw: Tensor | None = None
    cost: Tensor | None = None
    augment: bool = False


@dataclass
class Fitted:
    """A trained classifier: the weights of the look with the best macro-F1, and all looks."""

    network: nn.Module
    looks: list[tuple[int, float]] = field(default_factory=list)  # step, macro-F1

    @property
    def best(self) -> tuple[int, float]:
        """Step and macro-F1 of the look that was kept: the first of the best."""
        return max(self.looks, key=lambda look: look[1])


def network(classes: int, channels: int = 1, width: int = 32) -> nn.Module:
    """A ResNet with one of torchvision's basic blocks in each of its four stages, 1.2 M weights.

    Half as wide as torchvision's own, which costs three times as much.
    """
    from torchvision.models.resnet import BasicBlock

    def stage(inside: int, outside: int) -> nn.Module:
        shortcut = nn.Sequential(
            nn.Conv2d(inside, outside, kernel_size=1, stride=2, bias=False),
            nn.BatchNorm2d(outside),
        )
        return BasicBlock(inside, outside, stride=2, downsample=shortcut)

    return nn.Sequential(
        nn.Conv2d(channels, width, kernel_size=7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        BasicBlock(width, width),
        stage(width, 2 * width),
        stage(2 * width, 4 * width),
        stage(4 * width, 8 * width),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8 * width, classes),
    )


def classical(images: Tensor) -> Tensor:
    """Both flips and a crop of 10 %, brightness by ±0.1 and contrast by ±20 %: what steel bears."""
    images = augment.classical(images, "steel")
    low, high = 0.8, 1.2
    contrast = torch.empty(len(images), 1, 1, 1).uniform_(low, high)
    light = torch.empty(len(images), 1, 1, 1).uniform_(-0.2, 0.2)  # of a range of 2
    mean = images.mean((1, 2, 3), keepdim=True)
    return ((images - mean) * contrast + mean + light).clamp(-1, 1)


def fit(training: Training, images: Tensor, labels: Tensor, classes: int, recipe: Recipe) -> Fitted:
    """Train on ``training``; the weights kept are the best on validation ``images``, ``labels``.

    Seeds PyTorch's generator: the same arm and recipe give the same classifier.
    """
    torch.manual_seed(recipe.seed)
    net = network(classes, training.images.shape[1])
    optimiser = torch.optim.AdamW(net.parameters(), recipe.lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.lr, recipe.steps)
    first = recipe.steps // 2  # before that the rate is high and the scores are noise
    moments = {round(x) for x in np.linspace(first, recipe.steps, recipe.looks)}
    fitted, best = Fitted(net), None
    for step, index in enumerate(order(training, recipe), 1):
        net.train()
        batch = to_float(training.images[index])
        if training.augment:
            batch = classical(batch)
        loss = F.cross_entropy(net(batch), training.labels[index], weight=training.cost)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step in moments:
            guessed = logits(net, images).argmax(1)
            fitted.looks.append((step, macro_f1(labels, guessed)))
            if fitted.best[0] == step:
                best = copy.deepcopy(net.state_dict())
    net.load_state_dict(best)
    return fitted


def order(training: Training, recipe: Recipe):
    """The indices of each step's batch: shuffled epochs, or drawn by weight with replacement."""
    total = recipe.steps * recipe.batch_size
    stream = torch.Generator().manual_seed(recipe.seed)
    if training.draw is None:
        sampler = RandomSampler(training.labels, num_samples=total, generator=stream)
    else:
        sampler = WeightedRandomSampler(training.draw, total, generator=stream)
    return torch.tensor(list(sampler)).split(recipe.batch_size)


@torch.no_grad()
def logits(net: nn.Module, images: Tensor) -> Tensor:
    """(N, classes) of pictures (N, C, H, W) uint8, in evaluation mode."""
    net.eval()
    return torch.cat([net(to_float(part)) for part in images.split(256)])


def odds(logits: Tensor, label: int) -> Tensor:
    """Log odds of class ``label`` against all others, (N,): it ranks where probabilities are 1."""
    others = [i for i in range(logits.shape[1]) if i != label]
    return logits[:, label] - logits[:, others].logsumexp(1)


def macro_f1(labels: Tensor, guessed: Tensor) -> float:
    """The mean of the classes' F1."""
    return float(f1_score(labels, guessed, average="macro", zero_division=0))


def scores(labels: Tensor, guessed: Tensor, odds: Tensor, minority: int) -> dict[str, float]:
    """Macro-F1, recall of the minority and the area under its precision-recall curve."""
    recall = recall_score(labels, guessed, labels=[minority], average=None, zero_division=0)
    return {
        "macro-F1": macro_f1(labels, guessed),
        "recall": float(recall[0]),
        "PR-AUC": float(average_precision_score(labels == minority, odds)),
    }
