"""PyTorch's layers, computed in another way: the same numbers to rounding, sooner."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class InstanceNorm(nn.InstanceNorm2d):
    """``nn.InstanceNorm2d``; where channels come last in memory, by mean and variance themselves.

    PyTorch's goes through a batch norm over one image of N·C channels, and with it out of that
    layout. (N, C, H, W) → the same shape and type; below 32 bits the arithmetic is in fp32.
    """

    def forward(self, x: Tensor) -> Tensor:
        channels_last = x.stride(1) == 1 < x.stride(3)
        if x.device.type != "cuda" and not channels_last:
            return super().forward(x)
        values = x.to(torch.promote_types(x.dtype, torch.float32))
        var, mean = torch.var_mean(values, (2, 3), correction=0, keepdim=True)
        return ((values - mean) * torch.rsqrt(var + self.eps)).to(x.dtype)


class EnlargedConv2d(nn.Conv2d):
    """Every pixel four times, then a 3×3 convolution: (N, C, H, W) → (N, C', 2H, 2W).

    An output pixel sees two by two different inputs at most. On a CPU the weights of equal inputs
    are added first, which makes it a transposed 4×4 convolution of stride 2: the same numbers to
    rounding, 4 instead of 9 multiplications, and no enlarged image. Forward and backward of the
    64 px generator's two took 42 to 52 % of the time (one thread).
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = True):
        super().__init__(inputs, outputs, 3, padding=1, bias=bias)

    def forward(self, image: Tensor) -> Tensor:
        if image.device.type != "cpu":
            return super().forward(F.interpolate(image, scale_factor=2))
        spread = F.pad(self.weight.flip(2, 3).transpose(0, 1), (1, 1, 1, 1))
        rows = spread[:, :, 1:] + spread[:, :, :-1]
        weight = rows[..., 1:] + rows[..., :-1]
        return F.conv_transpose2d(image, weight, self.bias, stride=2, padding=1)


class SpectralConv2d(nn.Conv2d):
    """A convolution to be put under ``spectral_norm``, which divides its weights W by σ(W).

    σ(W) is the largest singular value, so no input grows by more than 1 (Miyato 2018). 4×4, stride
    2. Where its weights outnumber what the patches of its input hold, a CPU spends most of its time
    on copies of the weights: W/σ, the gradient through that, the layout that oneDNN wants. There
    it is one matrix product with W itself, and σ divides the output: the same numbers to
    rounding. The published step took 5.7 instead of 9.1 s of one core (best of three each).
    """

    def forward(self, image: Tensor) -> Tensor:
        n, height, width = len(image), image.shape[2] // 2, image.shape[3] // 2
        if image.device.type != "cpu" or self.out_channels <= n * height * width:
            return super().forward(image)
        norm, weight = self.parametrizations.weight[0], self.parametrizations.weight.original
        matrix = weight.flatten(1)
        if self.training:
            norm._power_method(matrix, 1)
        # clones: the next pass iterates in place, before this one's gradient has been taken
        sigma = torch.dot(norm._u.clone(), torch.mv(matrix, norm._v.clone()))
        patches = F.unfold(image, 4, padding=1, stride=2).transpose(0, 1).flatten(1)
        output = (matrix @ patches / sigma).unflatten(1, (n, height, width)).transpose(0, 1)
        return output if self.bias is None else output + self.bias[:, None, None]
