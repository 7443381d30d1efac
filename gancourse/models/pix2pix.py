"""pix2pix's U-Net generator and conditional discriminator (Isola et al. 2017, section 6.1).

Batch norm over one picture, which is what the paper trains with, is instance norm (section 3.3).
Here it is instance norm at any batch size, so that a batch is only a way to save time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gancourse.errors import GancourseError
from gancourse.models.cyclegan import PatchDiscriminator, initialise
from gancourse.models.layers import InstanceNorm

DROPPED = 3  # decoder blocks with dropout, counted from the bottleneck (section 6.1.1)
SMALLEST = 8  # pixels: below it there is nothing between the first and the innermost layer


def halvings(size: int) -> int:
    """How often ``size`` pixels can be halved until one is left: log2(size).

    Raises ``GancourseError`` unless ``size`` is a power of two of at least ``SMALLEST``.
    """
    if size < SMALLEST or size & (size - 1):
        lower = max(SMALLEST, 1 << (max(size, 1).bit_length() - 1))
        raise GancourseError(
            f"The U-Net halves its picture until one pixel is left: size must be a power of two of "
            f"at least {SMALLEST}, not {size}. Take {lower} or {2 * lower}."
        )
    return size.bit_length() - 1


def widths(size: int, width: int) -> list[int]:
    """Channels after each halving: w, 2w, 4w, 8w, 8w, …; at 256 px and w = 64 C64 … C512."""
    return [width * min(2**number, 8) for number in range(halvings(size))]


class Encoder(nn.Module):
    """Ck: half the height and width. (N, inputs, H, W) → (N, outputs, H/2, W/2).

    The first has no norm (section 6.1.1), the innermost none either: one pixel less its mean is 0,
    and the bottleneck would carry nothing (the paper's errata).
    """

    def __init__(self, inputs: int, outputs: int, norm: bool):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, outputs, 4, stride=2, padding=1),
            InstanceNorm(outputs) if norm else nn.Identity(),
            nn.LeakyReLU(0.2),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Decoder(nn.Module):
    """Ck or, with ``dropout``, CDk: twice the height and width.

    (N, inputs, H, W) → (N, outputs, 2H, 2W).
    """

    def __init__(self, inputs: int, outputs: int, dropout: float):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1),
            InstanceNorm(outputs),
            nn.Dropout(dropout),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Generator(nn.Module):
    """image (N, C, size, size) in [-1, 1] → image of the same shape, also in [-1, 1].

    log2(size) halvings down to 1×1, and back up. Each decoder block but the innermost also sees the
    encoder's output of its own resolution (the skips of section 3.2.1), so edges need not pass the
    bottleneck. ``width`` is the paper's 64, ``dropout`` its 0.5 in the three innermost decoder
    blocks: the only noise, because G learnt to ignore a z as input (section 3). Raises
    ``GancourseError`` for a size that is no power of two and for images of another shape.
    """

    def __init__(self, size: int = 256, width: int = 64, channels: int = 3, dropout: float = 0.5):
        super().__init__()
        self.size, self.channels = size, channels
        down = widths(size, width)
        last = len(down) - 1
        self.encoders, self.decoders = nn.ModuleList(), nn.ModuleList()
        inputs = channels
        for number, outputs in enumerate(down):
            self.encoders.append(Encoder(inputs, outputs, norm=0 < number < last))
            inputs = outputs
        for number, outputs in enumerate(reversed(down[:-1])):
            self.decoders.append(Decoder(inputs, outputs, dropout if number < DROPPED else 0.0))
            inputs = 2 * outputs  # its own output, and the skip
        self.output = nn.ConvTranspose2d(inputs, channels, 4, stride=2, padding=1)
        self.tanh = nn.Tanh()

    def forward(self, image: Tensor) -> Tensor:
        expected = (self.channels, self.size, self.size)
        if image.shape[1:] != expected:
            raise GancourseError(
                f"The U-Net was built for images {expected}, not {tuple(image.shape[1:])}: load "
                "them with that size and number of channels, or change the settings."
            )
        x = image
        skips = []
        for encoder in self.encoders:
            x = encoder(x)
            skips.append(x)
        skips.pop()  # the bottleneck is the decoder's own input
        for decoder in self.decoders:
            x = torch.cat([decoder(x), skips.pop()], dim=1)
        return self.tanh(self.output(x))


class Discriminator(PatchDiscriminator):
    """A conditional PatchGAN: is this B the B of this A? (section 3.2.2)

    (a, b), each (N, C, H, W) in [-1, 1] → logits (N, 1, h, w), one a patch; 70×70 pixels a patch
    with three ``layers``.
    """

    def __init__(self, width: int = 64, layers: int = 3, channels: int = 3):
        super().__init__(width, layers, 2 * channels)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return super().forward(torch.cat([a, b], dim=1))


def generator(settings) -> Generator:
    """The generator of a ``profiles.Pix2PixSettings``; weights from normal(0, 0.02)."""
    s = settings
    return initialise(Generator(s.size, s.width, s.channels, s.dropout))


def discriminator(settings) -> Discriminator:
    """The discriminator of a ``profiles.Pix2PixSettings``; weights from normal(0, 0.02)."""
    s = settings
    return initialise(Discriminator(s.width_d, s.patch_layers, s.channels))


NETWORKS = {"gen": generator, "disc": discriminator}
