"""Inception features as pytorch-fid computes them, faster on a CPU, and a stand-in without weights.

The network is TensorFlow's Inception of 2015-12-05, the one that defines the FID (Heusel et al.
2017, "GANs Trained by a Two Time-Scale Update Rule"); its blocks come from pytorch-fid and
torchvision. Whole, it gives 2048 numbers an image; cut after Mixed_6e, 768.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gancourse import device as devices
from gancourse import files
from gancourse.data.fetch import cache_folder
from gancourse.errors import GancourseError, unknown
from gancourse.files import sealed, unsealed
from gancourse.progress import bar

FULL = "pt_inception-2015-12-05-6726825d.pth"  # the suffix is the start of the file's SHA-256
TRUNK = "fid_inception_2015_mixed6e.safetensors"
SHA256 = {
    FULL: "6726825d",
    TRUNK: "cd99c270097c39e5c78891ad4e2f58209e40b2a1298eb1eb68f4890b810f6de3",
}
HOW = (
    f"{FULL} (the trunk ends at 768 dimensions): run `gancourse data fetch fid-inception`, or put "
    "it into $GANCOURSE_DATA/weights. Without it features='stand-in' measures, with numbers that "
    "compare with nothing published."
)
KINDS = ("auto", "inception-2048", "inception-768", "stand-in")


def find_weights(name: str) -> Path | None:
    """Where the weight file ``name`` lies: ``$GANCOURSE_DATA/weights``, the cache, torch's hub."""
    folders = [cache_folder() / "weights", Path(torch.hub.get_dir()) / "checkpoints"]
    if os.environ.get("GANCOURSE_DATA"):
        folders.insert(0, Path(os.environ["GANCOURSE_DATA"]).expanduser() / "weights")
    return next((f / name for f in folders if (f / name).is_file()), None)


def extractor(kind: str = "auto", device: str = "auto") -> Extractor:
    """The feature extractor of a ``kind`` in ``KINDS``; ``auto`` takes the best one there is.

    That is Inception-2048 with the whole weights, Inception-768 with the trunk, else the
    stand-in, whose distance is called FD(stand-in) and compares with no published FID.
    Raises ``GancourseError`` for weights that are missing or whose SHA-256 is wrong.
    """
    kind = str(kind).lower()
    if kind not in KINDS:
        raise unknown("feature extractor", kind, KINDS)
    full, trunk = find_weights(FULL), find_weights(TRUNK)
    if kind == "auto":
        kind = "inception-2048" if full else "inception-768" if trunk else "stand-in"
    if kind == "stand-in":
        return Extractor(StandIn(), "stand-in", "FD(stand-in)", "stand-in v1", device)
    if kind == "inception-768":
        path, metric, last = trunk or full, "FID-768", "Mixed_6e"
    else:
        path, metric, last = full, "FID", "Mixed_7c"
    if path is None:
        raise GancourseError(f"{kind} needs {HOW}")
    state, digest = _read(path)
    net = Inception(state, last)
    return Extractor(net, f"Inception-{net.dims}", metric, f"{last} {digest}", device)


def _read(path: Path) -> tuple[dict[str, torch.Tensor], str]:
    """The weights in ``path`` and the file's SHA-256, which must be the known one."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(SHA256[path.name]):
        raise GancourseError(
            f"{path} is damaged or another file: SHA-256 {digest}, expected {SHA256[path.name]}…. "
            "Delete it and fetch it again."
        )
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path), digest
    return torch.load(path, map_location="cpu", weights_only=True), digest


def inception_layers(last: str = "Mixed_7c") -> nn.Sequential:
    """The layers of the FID Inception up to ``last``, by pytorch-fid's names, weights not set.

    torchvision's Inception with pytorch-fid's blocks in it, as in ``fid_inception_v3``, which
    cannot be called here: it downloads the weights.
    """
    from pytorch_fid import inception as fid
    from torchvision.models import inception_v3

    whole = inception_v3(weights=None, aux_logits=False, init_weights=False)
    whole.Mixed_5b = fid.FIDInceptionA(192, pool_features=32)
    whole.Mixed_5c = fid.FIDInceptionA(256, pool_features=64)
    whole.Mixed_5d = fid.FIDInceptionA(288, pool_features=64)
    whole.Mixed_6b = fid.FIDInceptionC(768, channels_7x7=128)
    whole.Mixed_6c = fid.FIDInceptionC(768, channels_7x7=160)
    whole.Mixed_6d = fid.FIDInceptionC(768, channels_7x7=160)
    whole.Mixed_6e = fid.FIDInceptionC(768, channels_7x7=192)
    whole.Mixed_7b = fid.FIDInceptionE_1(1280)
    whole.Mixed_7c = fid.FIDInceptionE_2(2048)
    layers = nn.Sequential()
    for name, layer in whole.named_children():
        layers.add_module(name, layer)
        if name == last:
            break
    return layers


class Inception(nn.Module):
    """uint8 (N, 1 or 3, H, W) → float32 (N, 768 or 2048): the mean of the last layer's maps.

    ``state``: the published weights, or the trunk's, in which each batch norm is already part of
    the convolution before it. ``last``: "Mixed_6e" or "Mixed_7c"; later layers' weights are left
    out. Raises ``GancourseError`` where the weights end before it.
    """

    def __init__(self, state: dict[str, torch.Tensor], last: str = "Mixed_6e"):
        super().__init__()
        from torchvision.models.inception import BasicConv2d

        with torch.device("meta"):  # no time is spent on random weights
            layers = inception_layers(last).eval()
        blocks = {n: m for n, m in layers.named_modules() if isinstance(m, BasicConv2d)}
        for name, block in blocks.items():
            if f"{name}.conv.bias" in state:
                block.conv.bias = nn.Parameter(state[f"{name}.conv.bias"])
                block.bn = nn.Identity()
        missing = layers.load_state_dict(state, strict=False, assign=True).missing_keys
        if missing:
            raise GancourseError(f"The weights end before {last}: {missing[0]} is not among them.")
        for block in blocks.values():
            if isinstance(block.bn, nn.BatchNorm2d):
                block.conv = fuse_conv_bn_eval(block.conv, block.bn)
                block.bn = nn.Identity()
        self.layers, self.dims = layers, {"Mixed_6e": 768, "Mixed_7c": 2048}[last]

    def forward(self, images):
        x = images.float() / 255
        # on the CPU resizing is slow in channels_last and grey needs it only once
        x = F.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False) * 2 - 1
        x = x.expand(-1, 3, -1, -1)
        if x.device.type != "mps":
            x = x.contiguous(memory_format=torch.channels_last)
        return self.layers(x).mean((2, 3))


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


class Extractor:
    """A feature network ready to use: ``name``, ``dims``, and what its distances are called.

    ``metric`` is the Fréchet distance's name, ``kid`` that of KID times a thousand.
    """

    def __init__(self, net: nn.Module, name: str, metric: str, key: str, device: str = "auto"):
        self.device = devices.pick(device)
        self.batch_size = 8 if self.device.type == "cpu" else 128  # 8: stays in the CPU's cache
        self.net = net.eval().requires_grad_(False).to(self.device)
        if self.device.type != "mps":
            self.net.to(memory_format=torch.channels_last)  # twice as fast on a CPU
        self.name, self.metric, self.dims, self._key = name, metric, net.dims, key
        # FID → KID, FID-768 → KID-768, FD(stand-in) → KID(stand-in)
        self.kid = metric.replace("FID", "KID").replace("FD", "KID") + "×10³"

    def __repr__(self) -> str:
        return f"Extractor({self.name}, {self.dims} dims, metric {self.metric}, {self.device})"

    def __call__(self, images: torch.Tensor, progress: bool = False) -> torch.Tensor:
        """Features, float32 (N, dims) on the CPU, of uint8 ``images`` (N, 1 or 3, H, W)."""
        _check(images)
        parts = images.split(self.batch_size)
        if progress:
            parts = bar(parts, desc=f"{self.name} features", unit="batch", leave=False)
        with _without_tf32(), torch.inference_mode():
            found = [self.net(part.to(self.device)).cpu() for part in parts]
        return torch.cat(found)

    def cached(self, images: torch.Tensor, progress: bool = False) -> torch.Tensor:
        """As a call, but kept in the cache folder under a hash of network and image content."""
        from safetensors.torch import load, save

        _check(images)
        digest = hashlib.sha256(f"{self._key} {tuple(images.shape)}".encode())
        digest.update(images.cpu().contiguous().numpy())
        path = cache_folder() / "features" / f"{digest.hexdigest()}.features"
        with contextlib.suppress(OSError):  # not there yet
            found = unsealed(path.read_bytes())
            if found is not None:  # else it is damaged
                return load(found)["features"]
        features = self(images, progress)
        try:
            files.write(path, sealed(save({"features": features})))
        except files.NotWritten as error:  # costs time later, not the result now
            warnings.warn(f"Features not cached in {path.parent}: {error.reason}.", stacklevel=2)
        return features


def _check(images: torch.Tensor) -> None:
    shape, kind = tuple(images.shape), images.dtype
    if kind != torch.uint8 or len(shape) != 4 or shape[1] not in (1, 3) or 0 in shape:
        raise GancourseError(
            "Features are taken of uint8 images (N, 1 or 3, H, W) with N ≥ 1, as stored; "
            f"got {kind} {shape}. Convert network output in [-1, 1] with data.to_uint8."
        )


@contextlib.contextmanager
def _without_tf32():
    """On CUDA, cuDNN would otherwise round float32 to TF32 and move the features."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
