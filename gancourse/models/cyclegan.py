"""CycleGAN's generator and discriminators (Zhu et al. 2017, appendix 7.2).

The defaults are the paper's at 256 px. Instance norm has no weights and no running statistics, so
an image's result depends on that image alone: a batch is only a way to save time. Activations are
not in place: instance norm returns a view, and changing a view makes autograd copy all of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gancourse.errors import GancourseError, unknown
from gancourse.models import dcgan
from gancourse.models.layers import EnlargedConv2d, InstanceNorm

SCALE = 0.98  # artanh of a white pixel would be infinite


def _convolution(inputs: int, outputs: int, kernel: int, padding: str) -> list[nn.Module]:
    """A convolution that keeps the size, its input padded by reflection or with zeros."""
    margin = kernel // 2
    if padding == "reflect":
        return [nn.ReflectionPad2d(margin), nn.Conv2d(inputs, outputs, kernel)]
    if padding == "zero":
        return [nn.Conv2d(inputs, outputs, kernel, padding=margin)]
    raise unknown("padding", padding, ("reflect", "zero"))


def _doubled(inputs: int, outputs: int, upsample: str) -> list[nn.Module]:
    """Twice the height and width."""
    if upsample == "nearest":  # every output pixel sees equally many weights: no grid
        # Identity: recorded weights are numbered as if the enlarging were a layer of its own
        return [nn.Identity(), EnlargedConv2d(inputs, outputs)]
    if upsample == "transpose":  # output = (input - 1)·2 - 2·1 + 3 + 1 = 2·input
        return [nn.ConvTranspose2d(inputs, outputs, 3, 2, padding=1, output_padding=1)]
    raise unknown("upsampling", upsample, ("transpose", "nearest"))


class ResidualBlock(nn.Module):
    """A layer that learns what to add to its input: x + f(x), with f two 3×3 convolutions.

    (N, width, H, W) → the same shape. ``padding``: "reflect" as in the paper, or "zero".
    """

    def __init__(self, width: int, padding: str = "reflect"):
        super().__init__()
        self.layers = nn.Sequential(
            *_convolution(width, width, 3, padding),
            InstanceNorm(width),
            nn.ReLU(),
            *_convolution(width, width, 3, padding),
            InstanceNorm(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Generator(nn.Module):
    """image (N, C, H, W) in [-1, 1] → image of the same shape; H and W divisible by four.

    In the paper's notation: c7s1-w, d2w, d4w, ``blocks`` times R4w, u2w, uw, c7s1-C with w =
    ``width``. The paper takes 9 blocks at 256 px and 6 at 128; the course takes 3 at 64.

    ``start="paper"`` is G(x) = tanh(d(x)): it begins as a grey picture and has to learn to copy.
    ``start="identity"`` is G(x) = tanh(artanh(0.98·x) + d(x)) with d's last convolution at 0: it
    begins as G(x) = 0.98·x, and every step can only change the picture. ``upsample`` is
    "transpose" (the paper's) or "nearest" (enlarge, then convolve), ``padding`` "reflect" (the
    paper's) or "zero". Raises ``UnknownName`` for another word, and ``GancourseError`` for sides
    that are no multiples of four.
    """

    def __init__(
        self,
        width: int = 64,
        blocks: int = 9,
        channels: int = 3,
        start: str = "paper",
        upsample: str = "transpose",
        padding: str = "reflect",
    ):
        super().__init__()
        if start not in ("paper", "identity"):
            raise unknown("start", start, ("paper", "identity"))
        self.start = start
        w = width
        self.layers = nn.Sequential(
            *_convolution(channels, w, 7, padding),
            InstanceNorm(w),
            nn.ReLU(),
            nn.Conv2d(w, 2 * w, 3, stride=2, padding=1),
            InstanceNorm(2 * w),
            nn.ReLU(),
            nn.Conv2d(2 * w, 4 * w, 3, stride=2, padding=1),
            InstanceNorm(4 * w),
            nn.ReLU(),
            *(ResidualBlock(4 * w, padding) for _ in range(blocks)),
            *_doubled(4 * w, 2 * w, upsample),
            InstanceNorm(2 * w),
            nn.ReLU(),
            *_doubled(2 * w, w, upsample),
            InstanceNorm(w),
            nn.ReLU(),
            *_convolution(w, channels, 7, padding),
        )
        self.tanh = nn.Tanh()

    def forward(self, image: Tensor) -> Tensor:
        if image.shape[-1] % 4 or image.shape[-2] % 4 or min(image.shape[-2:]) < 8:
            raise GancourseError(
                f"The generator halves twice: sides must be multiples of 4, at least 8, not "
                f"{tuple(image.shape[-2:])}."
            )
        change = self.layers(image)
        if self.start == "paper":
            return self.tanh(change)
        # at least fp32: in bf16 artanh would be off by a grey level near black and white
        wide = torch.promote_types(change.dtype, torch.float32)
        return self.tanh(torch.atanh(SCALE * image.to(wide)) + change.to(wide))


class PatchDiscriminator(nn.Module):
    """A discriminator that judges overlapping patches, not the image as a whole.

    Image (N, C, H, W) in [-1, 1] → logits (N, 1, h, w), one for each patch. C w - C 2w - … with
    ``layers`` strided convolutions, one more at stride 1, and the last to one channel. Three layers
    see 70×70 pixels each and give 30×30 logits at 256 px.
    """

    def __init__(self, width: int = 64, layers: int = 3, channels: int = 3):
        super().__init__()
        # no norm on the first: it would erase brightness and contrast before D has seen them
        stages = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        inputs = width
        for number in range(1, layers + 1):
            outputs = width * min(2**number, 8)
            stride = 2 if number < layers else 1
            stages += [nn.Conv2d(inputs, outputs, 4, stride, 1), InstanceNorm(outputs)]
            stages += [nn.LeakyReLU(0.2)]
            inputs = outputs
        self.layers = nn.Sequential(*stages, nn.Conv2d(inputs, 1, 4, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


def initialise(network: nn.Module) -> nn.Module:
    """Weights from normal(0, 0.02), biases 0, as in the reference implementation."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def generator(settings) -> Generator:
    """One generator of a ``profiles.CycleGANSettings``; A to B and B to A are built alike."""
    s = settings
    network = Generator(s.width, s.blocks, s.channels, s.start, s.upsample, s.padding)
    initialise(network)
    if s.start == "identity":  # d(x) = 0: nothing is added to the picture yet
        nn.init.zeros_(network.layers[-1].weight)
    return network


def discriminator(settings) -> nn.Module:
    """One discriminator: ``"patch"``, or ``"dc"``, the CMU course's, one logit for an image."""
    s = settings
    if s.disc == "dc":
        return initialise(dcgan.Discriminator(s.size, s.width_d, s.channels, "instance", False))
    if s.disc != "patch":
        raise unknown("discriminator", s.disc, ("patch", "dc"))
    return initialise(PatchDiscriminator(s.width_d, s.patch_layers, s.channels))


NETWORKS = {
    "gen_ab": generator,
    "gen_ba": generator,
    "disc_a": discriminator,
    "disc_b": discriminator,
}


def receptive_field(network: nn.Module, size: int = 256, channels: int = 3) -> Tensor:
    """Which pixels the middle logit of ``network`` depends on: (size, size) float, |gradient|.

    Norm layers are left out: their statistics make every output depend a little on every pixel.
    """
    norms = (nn.InstanceNorm2d, nn.BatchNorm2d)
    plain = nn.Sequential(*(m for m in network.layers if not isinstance(m, norms)))
    image = torch.zeros(1, channels, size, size, requires_grad=True)
    with torch.enable_grad():
        logits = plain(image)
        logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    return image.grad[0].abs().sum(0)
