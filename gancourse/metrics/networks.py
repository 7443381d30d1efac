"""The two feature networks: the FID Inception with batch norm folded in, and a random stand-in."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from gancourse.errors import GancourseError, unknown


def fold(state: dict[str, torch.Tensor], eps: float = 1e-3) -> dict[str, torch.Tensor]:
    """Batch norm folded into the convolution before it: y = γ(Wx − μ)/√(σ² + ε) + β.

    Keys ``<layer>.conv.weight`` and ``<layer>.bn.*`` become ``<layer>.conv.weight|bias``.
    """
    folded = {}
    for key, weight in state.items():
        if not key.endswith(".conv.weight"):
            continue
        layer = key.removesuffix(".conv.weight")
        names = ("weight", "bias", "running_mean", "running_var")
        gamma, beta, mean, var = (state[f"{layer}.bn.{n}"].double() for n in names)
        scale = gamma / (var + eps).sqrt()
        folded[f"{layer}.conv.weight"] = (weight.double() * scale.view(-1, 1, 1, 1)).float()
        folded[f"{layer}.conv.bias"] = (beta - mean * scale).float()
    return folded


class _ConvReLU(nn.Module):
    """torchvision's ``BasicConv2d`` after folding."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        self.conv = nn.Conv2d(
            conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding
        )

    def forward(self, x):
        return F.relu_(self.conv(x))


def _layers(last: str) -> nn.Sequential:
    """The FID Inception up to block ``last``, with the layer names of pytorch-fid."""
    from pytorch_fid import inception as fid
    from torchvision.models.inception import BasicConv2d, InceptionB, InceptionD

    net = nn.Sequential()
    for name, layer in {
        "Conv2d_1a_3x3": BasicConv2d(3, 32, kernel_size=3, stride=2),
        "Conv2d_2a_3x3": BasicConv2d(32, 32, kernel_size=3),
        "Conv2d_2b_3x3": BasicConv2d(32, 64, kernel_size=3, padding=1),
        "maxpool1": nn.MaxPool2d(3, 2),
        "Conv2d_3b_1x1": BasicConv2d(64, 80, kernel_size=1),
        "Conv2d_4a_3x3": BasicConv2d(80, 192, kernel_size=3),
        "maxpool2": nn.MaxPool2d(3, 2),
        "Mixed_5b": fid.FIDInceptionA(192, pool_features=32),
        "Mixed_5c": fid.FIDInceptionA(256, pool_features=64),
        "Mixed_5d": fid.FIDInceptionA(288, pool_features=64),
        "Mixed_6a": InceptionB(288),
        "Mixed_6b": fid.FIDInceptionC(768, channels_7x7=128),
        "Mixed_6c": fid.FIDInceptionC(768, channels_7x7=160),
        "Mixed_6d": fid.FIDInceptionC(768, channels_7x7=160),
        "Mixed_6e": fid.FIDInceptionC(768, channels_7x7=192),
        "Mixed_7a": InceptionD(768),
        "Mixed_7b": fid.FIDInceptionE_1(1280),
        "Mixed_7c": fid.FIDInceptionE_2(2048),
    }.items():
        net.add_module(name, layer)
        if name == last:
            return net
    raise unknown("Inception block", last, ("Mixed_6e", "Mixed_7c"))


class Inception(nn.Module):
    """uint8 (N, 1 or 3, H, W) → float32 (N, 768 or 2048)."""

    def __init__(self, last: str):
        super().__init__()
        with torch.device("meta"):  # no time is spent on random weights
            from torchvision.models.inception import BasicConv2d

            self.layers = _layers(last)
            for parent in list(self.layers.modules()):
                for name, child in list(parent.named_children()):
                    if isinstance(child, BasicConv2d):
                        setattr(parent, name, _ConvReLU(child.conv))
        self.dims = {"Mixed_6e": 768, "Mixed_7c": 2048}[last]

    def forward(self, images):
        x = images.float() / 255
        # on the CPU resizing is slow in channels_last and grey needs it only once
        x = F.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False) * 2 - 1
        x = x.expand(-1, 3, -1, -1)
        if x.device.type != "mps":
            x = x.contiguous(memory_format=torch.channels_last)
        return self.layers(x).mean((2, 3))


def inception(state: dict[str, torch.Tensor], last: str = "Mixed_6e") -> Inception:
    """The network up to ``last`` with folded weights ``state``; later layers' are ignored."""
    net = Inception(last)
    wanted = net.layers.state_dict().keys()
    missing = sorted(wanted - state.keys())
    if missing:
        raise GancourseError(f"The weights end before {last}: {missing[0]} is not among them.")
    net.layers.load_state_dict({k: state[k] for k in wanted}, assign=True)
    return net


class StandIn(nn.Module):
    """A fixed random network: local contrasts at four scales, averaged over the image.

    Random convolutions separate textures well enough to teach with, but their distances mean
    nothing outside this course. uint8 (N, 1 or 3, H, W) → float32 (N, 240).
    """

    dims = 240

    def __init__(self):
        super().__init__()
        stream = np.random.RandomState(20151205)  # NumPy froze this stream for good
        self.layers, before = nn.ModuleList(), 3
        for after in (16, 32, 64, 128):
            conv = nn.Conv2d(before, after, 3, stride=2, padding=1)
            weight = stream.standard_normal(conv.weight.shape) * (2 / (9 * before)) ** 0.5
            conv.weight = nn.Parameter(torch.from_numpy(weight).float())
            conv.bias = nn.Parameter(torch.from_numpy(stream.standard_normal(after) * 0.1).float())
            self.layers.append(conv)
            before = after

    def forward(self, images):
        x = images.float() / 127.5 - 1
        x = F.interpolate(x, size=(64, 64), mode="bilinear", antialias=True, align_corners=False)
        x, pooled = x.expand(-1, 3, -1, -1), []
        for conv in self.layers:
            x = F.relu(conv(x))
            pooled.append(x.mean((2, 3)))
        return torch.cat(pooled, 1)
