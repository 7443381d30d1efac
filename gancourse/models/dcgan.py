"""DCGAN generator and discriminator at any power-of-two size and any width.

With the defaults at 128 px and widths 64 / 128 these are the networks of Melchior's steel
experiment; with ``upsample="nearest"``, instance norm and no spectral norm they are those of the
CMU cats study. Radford et al. 2016 is the common ancestor.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gancourse.errors import GancourseError, unknown
from gancourse.models.layers import EnlargedConv2d, InstanceNorm, SpectralConv2d

NORMS = {
    "batch": nn.BatchNorm2d,
    "instance": InstanceNorm,
    "none": lambda channels: nn.Identity(),
}


def _blocks(size: int) -> int:
    """How many ×2 stages lie between 4×4 and ``size``."""
    if size < 8 or size & (size - 1):
        raise GancourseError(f"A DCGAN needs a power-of-two image size of at least 8, not {size}.")
    return size.bit_length() - 3


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


class Discriminator(nn.Module):
    """D, the network that judges how likely an image is a real one.

    Image (N, channels, size, size) in [-1, 1] → logit (N,); D(x) = sigmoid(logit). ``width`` is
    the number of channels of the first block, doubled in each further one. Spectral norm sits on
    every block's convolution but not on the last one, as in Melchior's network. ``bias``: the
    blocks' convolutions have biases, which they need where no norm shifts their outputs.
    """

    def __init__(self, size=128, width=128, channels=3, norm="batch", spectral=True, bias=False):
        super().__init__()
        widths = [channels, *(width * 2**i for i in range(_blocks(size)))]
        stages = []
        for number, (inputs, outputs) in enumerate(pairwise(widths)):
            conv = SpectralConv2d if spectral else nn.Conv2d
            conv = conv(inputs, outputs, 4, stride=2, padding=1, bias=bias)
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
