"""DCGAN generator and discriminator at any power-of-two size and any width.

With the defaults at 128 px and widths 64 / 128 these are the networks of Melchior's steel
experiment; with ``upsample="nearest"``, instance norm and no spectral norm they are those of the
CMU cats study. Radford et al. 2016 is the common ancestor.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from gancourse.errors import GancourseError, unknown


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


NORMS = {
    "batch": nn.BatchNorm2d,
    "instance": InstanceNorm,
    "none": lambda channels: nn.Identity(),
}


def _blocks(size: int) -> int:
    """How many ×2 stages lie between 4×4 and ``size``."""
    if size < 8 or size & (size - 1):
        raise GancourseError(f"A DCGAN needs a power-of-two image size of at least 8, not {size}.")
    return int(math.log2(size)) - 2


def _norm(name: str, channels: int) -> nn.Module:
    if name not in NORMS:
        raise unknown("norm", name, NORMS)
    return NORMS[name](channels)


def _upsample(inputs: int, outputs: int, how: str) -> list[nn.Module]:
    if how == "transpose":  # output = (input - 1)·2 - 2·1 + 4 = 2·input
        return [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)]
    if how == "nearest":  # cannot make checkerboards: every output sees equally many weights
        # Identity: recorded weights are numbered as if the enlarging were a layer of its own
        return [nn.Identity(), EnlargedConv2d(inputs, outputs, bias=False)]
    raise unknown("upsampling", how, ("transpose", "nearest"))


class Generator(nn.Module):
    """G, the network that turns a latent vector z into an image.

    z (N, z_dim) or (N, z_dim, 1, 1) → image (N, channels, size, size) in [-1, 1]. ``width`` is
    the number of channels of the last hidden block; each earlier block has twice as many, so a
    128 px generator of width 64 runs 1024-512-256-128-64.
    """

    def __init__(
        self, size=128, width=64, z_dim=100, channels=3, norm="batch", upsample="transpose"
    ):
        super().__init__()
        widths = [width * 2**i for i in reversed(range(_blocks(size)))]
        self.z_dim = z_dim
        stages = [
            nn.Sequential(  # 1×1 → 4×4
                nn.ConvTranspose2d(z_dim, widths[0], 4, stride=1, padding=0, bias=False),
                _norm(norm, widths[0]),
                nn.ReLU(inplace=True),
            )
        ]
        for inputs, outputs in pairwise(widths):
            block = [*_upsample(inputs, outputs, upsample), _norm(norm, outputs)]
            stages.append(nn.Sequential(*block, nn.ReLU(inplace=True)))
        stages.append(nn.Sequential(*_upsample(widths[-1], channels, upsample), nn.Tanh()))
        self.stages = nn.Sequential(*stages)

    def forward(self, z: Tensor) -> Tensor:
        return self.stages(z.reshape(len(z), self.z_dim, 1, 1))


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
        return (matrix @ patches / sigma).unflatten(1, (n, height, width)).transpose(0, 1)


class Discriminator(nn.Module):
    """D, the network that judges how likely an image is a real one.

    Image (N, channels, size, size) in [-1, 1] → logit (N,); D(x) = sigmoid(logit). ``width`` is
    the number of channels of the first block, doubled in each further one. Spectral norm sits on
    every block's convolution but not on the last one, as in Melchior's network.
    """

    def __init__(self, size=128, width=128, channels=3, norm="batch", spectral=True):
        super().__init__()
        widths = [channels, *(width * 2**i for i in range(_blocks(size)))]
        stages = []
        for number, (inputs, outputs) in enumerate(pairwise(widths)):
            conv = SpectralConv2d if spectral else nn.Conv2d
            conv = conv(inputs, outputs, 4, stride=2, padding=1, bias=False)
            block = [spectral_norm(conv) if spectral else conv]
            if number > 0:  # on the first block a norm would erase the image's brightness
                block.append(_norm(norm, outputs))
            stages.append(nn.Sequential(*block, nn.LeakyReLU(0.2, inplace=True)))
        stages.append(nn.Conv2d(widths[-1], 1, 4, stride=1, padding=0, bias=False))  # 4×4 → 1×1
        self.stages = nn.Sequential(*stages)

    def forward(self, image: Tensor) -> Tensor:
        return self.stages(image).flatten()


def generator(settings) -> Generator:
    """The generator of a ``profiles.DCGANSettings``."""
    s = settings
    return Generator(s.size, s.width_g, s.z_dim, s.channels, s.norm, s.upsample)


def discriminator(settings) -> Discriminator:
    """The discriminator of a ``profiles.DCGANSettings``."""
    s = settings
    return Discriminator(s.size, s.width_d, s.channels, s.norm, s.spectral)


def build(settings) -> tuple[Generator, Discriminator]:
    """Both networks that a ``profiles.DCGANSettings`` describes."""
    return generator(settings), discriminator(settings)


NETWORKS = {"generator": generator, "disc": discriminator}  # as records call them


def parameters(network: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
