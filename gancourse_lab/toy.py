"""Small networks on points of a few numbers: generator, discriminator or critic of the theory."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancourse.errors import GancourseError


class StackedLinear(nn.Module):
    """``copies`` linear layers side by side: x (copies, n, inputs) → (copies, n, outputs)."""

    def __init__(self, copies: int, inputs: int, outputs: int):
        super().__init__()
        bound = inputs**-0.5  # as in nn.Linear
        self.weight = nn.Parameter(torch.empty(copies, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(copies, 1, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class Smooth(nn.Module):
    """SiLU four times as sharp: LeakyReLU's use without its corners.

    Of straight pieces a generator on the line makes staircases; plain SiLU is too stiff for gaps.
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(4 * x) / 4


class MLP(nn.Module):
    """x (n, inputs) → (n, outputs): ``depth`` hidden layers of ``width`` units.

    The output has no squashing: points, if it is a generator; a logit, if it is a discriminator
    with D(x) = sigmoid(logit); a value, if it is a Wasserstein critic.

    ``classes``: the network is conditional; ``label`` (n,) of whole numbers below ``classes`` goes
    in beside x as one-hot (Mirza and Osindero 2014). ``copies``: so many independent networks in
    one, x (copies, n, inputs) → (copies, n, outputs), label (copies, n): several seeds train side
    by side for little more than the time of one, since Adam treats each weight by itself. (Sum the
    loss over the copies: their mean would shrink each one's gradient.)
    """

    def __init__(
        self,
        inputs: int,
        outputs: int = 1,
        width: int = 32,
        depth: int = 2,
        classes: int = 0,
        copies: int | None = None,
        activation: nn.Module | None = None,
    ):
        super().__init__()
        self.inputs, self.classes, self.copies = inputs, classes, copies
        sizes = [inputs + classes, *[width] * depth, outputs]
        layers: list[nn.Module] = []
        for a, b in zip(sizes[:-1], sizes[1:], strict=True):
            linear = nn.Linear(a, b) if copies is None else StackedLinear(copies, a, b)
            layers += [linear, activation or nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        self._check(x, label)
        if label is not None:
            x = torch.cat([x, F.one_hot(label, self.classes).to(x.dtype)], dim=-1)
        return self.layers(x)

    def _check(self, x: Tensor, label: Tensor | None) -> None:
        front = ["n"] if self.copies is None else [str(self.copies), "n"]
        right = x.dim() == len(front) + 1 and x.shape[-1] == self.inputs
        if not right or (self.copies and len(x) != self.copies):
            shape = ", ".join([*front, str(self.inputs)])
            raise GancourseError(f"This network takes x of shape ({shape}), not {tuple(x.shape)}.")
        if (label is None) == bool(self.classes):
            wants = f"a label below {self.classes} for each x" if self.classes else "no label"
            raise GancourseError(f"This network takes {wants}: classes={self.classes}.")
        if label is not None and (
            label.shape != x.shape[:-1]
            or not 0 <= int(label.min()) <= int(label.max()) < self.classes
        ):
            raise GancourseError(
                f"Labels must be whole numbers from 0 to {self.classes - 1}, one for each of the "
                f"x of shape {tuple(x.shape)}, not of shape {tuple(label.shape)}."
            )
