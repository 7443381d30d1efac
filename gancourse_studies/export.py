"""A recorded generator as ONNX, for programs without PyTorch; checked against the network."""

from __future__ import annotations

import copy
import importlib.util
import warnings
from pathlib import Path

import torch
from torch import nn

from gancourse.errors import GancourseError
from gancourse.files import path_of, replaced
from gancourse.models import cyclegan, dcgan, layers
from gancourse_studies import pictures

CLOSE = 1e-4  # largest difference between the two programs' outputs, on the scale [-1, 1]
OPSET = 17


def export(
    run: str | Path, out: str | Path, *, way: str = "a-to-b", force: bool = False
) -> float | None:
    """Write a generator of ``run`` to ``out`` as ONNX; returns how far onnxruntime is off, or None.

    A CycleGAN takes ``image`` (n, C, h, w) in [-1, 1], h and w any multiples of 4 from 8 on, and
    gives a picture of the same shape; a pix2pix the same at its own size. A DCGAN and a WGAN take
    ``z`` (n, z_dim). The graph's ``picture`` is in [-1, 1]. None: onnxruntime is not installed, so
    nothing was compared. Raises ``GancourseError`` where a package is missing, the run keeps no
    weights, the file is there already (unless ``force``) or cannot be written, or the two differ by
    more than ``CLOSE``; ``UnknownName`` as ``records.load``.
    """
    if not importlib.util.find_spec("onnx"):
        raise GancourseError("Export needs onnx: pip install onnx onnxruntime")
    record = pictures.of_kind(run, (*pictures.TRANSLATORS, *pictures.SAMPLERS))
    network, example, other, inputs = _parts(record, way)
    out = path_of(out)
    if out.exists() and not force:
        raise GancourseError(f"{out} is there already. Choose another --out, or --force.")
    axes = {inputs: {0: "n"}, "picture": {0: "n"}}
    if inputs == "image" and record.model not in pictures.SQUARE:
        for name in axes:
            axes[name] |= {2: "height", 3: "width"}
    with replaced(out) as temporary:  # appears once it has been compared
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes that become constants: compared below
            # not the newer exporter: it asks that a size be proved a multiple of 4
            torch.onnx.export(
                plain(network),
                (example,),
                str(temporary),
                input_names=[inputs],
                output_names=["picture"],
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
        return compare(temporary, network, other)


def compare(file: Path, network: torch.nn.Module, inputs: torch.Tensor) -> float | None:
    """The largest difference between ``network`` and the graph in ``file``; None: no onnxruntime.

    Raises ``GancourseError`` where it is above ``CLOSE``.
    """
    if not importlib.util.find_spec("onnxruntime"):
        return None
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (made,) = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})
    with torch.no_grad():
        off = float((network(inputs) - torch.from_numpy(made)).abs().max())
    if not off <= CLOSE:
        raise GancourseError(f"The graph differs from its network by {off:.2g}, over {CLOSE:g}.")
    return off


class _FromIdentity(nn.Module):
    """A CycleGAN's generator that begins as the identity, with artanh written out."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.layers = network.layers

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        scaled = cyclegan.SCALE * image
        start = 0.5 * torch.log((1 + scaled) / (1 - scaled))
        return torch.tanh(start + self.layers(image))


class _FromLatents(nn.Module):
    """A DCGAN's generator whose number of latents does not become a constant."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.stages = network.stages

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.stages(z[:, :, None, None])


def plain(network: nn.Module) -> nn.Module:
    """A copy of ``network`` in operations that the exporter knows: equal to rounding."""
    network = copy.deepcopy(network).requires_grad_(False)
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, layers.EnlargedConv2d):  # its weights are computed on a CPU
                biased = layer.bias is not None
                convolution = nn.Conv2d(layer.in_channels, layer.out_channels, 3, 1, 1, bias=biased)
                convolution.load_state_dict(layer.state_dict())
                enlarged = nn.Sequential(nn.Upsample(scale_factor=2), convolution.eval())
                setattr(parent, name, enlarged.requires_grad_(False))
    if isinstance(network, dcgan.Generator):
        return _FromLatents(network).eval()
    if isinstance(network, cyclegan.Generator) and network.start == "identity":
        return _FromIdentity(network).eval()
    return network


def _parts(record, way: str):
    """(network, inputs to trace, inputs of another shape to compare with, the inputs' name)."""
    stream = torch.Generator().manual_seed(0)
    if record.model in pictures.SAMPLERS:
        network, z_dim = record.generator("generator"), record["settings"]["z_dim"]
        z = torch.randn(5, z_dim, generator=stream)
        return network, z[:2], z, "z"
    network = record.generator(pictures.network_of(record, way))
    size, channels = record["settings"]["size"], record["settings"]["channels"]
    image = torch.rand(1, channels, size, size, generator=stream) * 2 - 1
    sides = (size, size) if record.model in pictures.SQUARE else (size + 4, size + 12)
    other = torch.rand(2, channels, *sides, generator=stream) * 2 - 1
    return network, image, other, "image"
