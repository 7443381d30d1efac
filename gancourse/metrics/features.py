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

import torch
from torch import nn

from gancourse import device as devices
from gancourse.data.store import cache_folder
from gancourse.errors import GancourseError, unknown
from gancourse.metrics.networks import StandIn, fold, inception

FULL = "pt_inception-2015-12-05-6726825d.pth"  # the suffix is the start of the file's SHA-256
TRUNK = "fid_inception_2015_mixed6e.safetensors"
SHA256 = {
    FULL: "6726825d",
    TRUNK: "cd99c270097c39e5c78891ad4e2f58209e40b2a1298eb1eb68f4890b810f6de3",
}
HOW = (
    f"{FULL}: run `gancourse data fetch fid-inception`, or put it into $GANCOURSE_DATA/weights. "
    "Without it features='stand-in' measures, with numbers that compare with nothing published."
)
KINDS = ("auto", "inception-2048", "inception-768", "stand-in")


def find_weights(name: str) -> Path | None:
    """Where the weight file ``name`` lies: ``$GANCOURSE_DATA/weights``, the cache, torch's hub."""
    folders = [cache_folder() / "weights", Path(torch.hub.get_dir()) / "checkpoints"]
    if os.environ.get("GANCOURSE_DATA"):
        folders.insert(0, Path(os.environ["GANCOURSE_DATA"]) / "weights")
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
        if not (trunk or full):
            raise GancourseError(f"Inception-768 needs {TRUNK} or {HOW}")
        path, metric, last = trunk or full, "FID-768", "Mixed_6e"
    else:
        if not full:
            has = "The trunk ends at 768 dimensions and cannot give 2048. " if trunk else ""
            raise GancourseError(f"{has}Inception-2048 needs {HOW}")
        path, metric, last = full, "FID", "Mixed_7c"
    state, digest = _read(path)
    net = inception(state, last)
    return Extractor(net, f"Inception-{net.dims}", metric, f"{last} {digest}", device)


def _read(path: Path) -> tuple[dict[str, torch.Tensor], str]:
    """The folded weights in ``path`` and the file's SHA-256, which must be the known one."""
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
    return fold(torch.load(path, map_location="cpu", weights_only=True)), digest


class Extractor:
    """A feature network ready to use: ``name``, ``dims``, and what its distances are called.

    ``metric`` is the Fréchet distance's name, ``kid`` that of KID times a thousand.
    """

    def __init__(self, net: nn.Module, name: str, metric: str, key: str, device: str = "auto"):
        self.device = devices.pick(device)
        self.net = net.eval().requires_grad_(False).to(self.device)
        if self.device.type != "mps":
            self.net.to(memory_format=torch.channels_last)  # twice as fast on a CPU
        self.name, self.metric, self.dims, self._key = name, metric, net.dims, key
        # FID → KID, FID-768 → KID-768, FD(stand-in) → KID(stand-in)
        self.kid = metric.replace("FID", "KID").replace("FD", "KID") + "×10³"

    def __repr__(self) -> str:
        return f"Extractor({self.name}, {self.dims} dims, metric {self.metric}, {self.device})"

    def __call__(self, images, batch_size: int | None = None, progress: bool = False):
        """Features, float32 (N, dims) on the CPU, of uint8 ``images`` (N, 1 or 3, H, W).

        ``images`` is a tensor or anything else that slices to an array (a memory map, say), so
        that a set larger than memory passes through batch by batch.
        """
        _check(images)
        size = batch_size or (8 if self.device.type == "cpu" else 128)  # 8: stays in the CPU cache
        out, starts = torch.empty(len(images), self.dims), range(0, len(images), size)
        if progress:
            from tqdm.auto import tqdm

            starts = tqdm(starts, desc=f"{self.name} features", unit="batch", leave=False)
        with _exact(self.device):
            for i in starts:
                with torch.inference_mode():
                    batch = self.net(_batch(images, i, size).to(self.device))
                out[i : i + size] = batch.cpu()
        return out

    def cached(self, images, batch_size: int | None = None, progress: bool = False):
        """As a call, but kept in the cache folder under a hash of network and image content."""
        _check(images)
        digest = hashlib.sha256(f"{self._key} {tuple(images.shape)}".encode())
        for i in range(0, len(images), 1024):
            digest.update(_batch(images, i, 1024).cpu().contiguous().numpy())
        path = cache_folder() / "features" / f"{digest.hexdigest()}.safetensors"
        features = _load(path, (len(images), self.dims))
        if features is None:
            features = self(images, batch_size, progress)
            _store(path, features)
        return features


def _batch(images, start: int, size: int) -> torch.Tensor:
    part = images[start : start + size]
    return part if isinstance(part, torch.Tensor) else torch.tensor(part)


def _check(images) -> None:
    shape, kind = tuple(getattr(images, "shape", ())), str(getattr(images, "dtype", type(images)))
    if not kind.endswith("uint8") or len(shape) != 4 or shape[1] not in (1, 3) or 0 in shape:
        raise GancourseError(
            "Features are taken of uint8 images (N, 1 or 3, H, W) with N ≥ 1, as stored; "
            f"got {kind} {shape}. Convert network output in [-1, 1] with data.images.to_uint8."
        )


@contextlib.contextmanager
def _exact(device: torch.device):
    """fp32 means fp32: on CUDA, cuDNN would otherwise round to TF32 and move the features."""
    before = torch.backends.cudnn.allow_tf32
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        if device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = before


def _load(path: Path, shape: tuple[int, int]) -> torch.Tensor | None:
    """Stored features, or None when they are not there, broken or of another shape."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        features = load_file(path)["features"]
    except (OSError, KeyError, SafetensorError):
        return None
    return features if tuple(features.shape) == shape else None


def _store(path: Path, features: torch.Tensor) -> None:
    """Write under another name, then rename: a reader sees the whole file or none.

    A cache that cannot be written (full, read-only) costs time later, not the result now.
    """
    from safetensors.torch import save

    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(save({"features": features.contiguous()}))
        os.replace(temporary, path)
    except OSError as error:
        warnings.warn(f"Features not cached in {path.parent}: {error}", stacklevel=3)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
