"""Pictures in memory: one uint8 tensor that knows its names, labels, split and source.

Networks see ``(N, C, H, W)`` float in [-1, 1]; stored images are ``(N, C, H, W)`` uint8.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import torch

from gancourse.errors import GancourseError


def to_float(images: torch.Tensor) -> torch.Tensor:
    """uint8 in [0, 255] -> float32 in [-1, 1], the range of a tanh generator. Any shape."""
    return images.float() / 127.5 - 1


def to_uint8(images: torch.Tensor) -> torch.Tensor:
    """Float in [-1, 1] -> uint8 in [0, 255], rounded; values outside are clamped. Any shape.

    ``to_uint8(to_float(x))`` is ``x`` for each of the 256 values.
    """
    return ((images.detach().float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def held_out(name: str) -> bool:
    """Whether a file belongs to the held-out quarter: a fixed hash of its name decides.

    sha256(name), first 8 bytes as a big-endian integer / 2**64 < 0.25. The name alone decides, so
    a new download, another order of files or another machine never moves a picture.
    """
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64 < 0.25


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pictures of one set, part and split.

    ``images`` is (N, C, H, W) uint8, ``names`` the N file names, ``labels`` (N,) long into
    ``classes`` or None, ``truth`` ground truth by name (tensors whose first dimension is N),
    ``boxes`` N float tensors (n, 4) of x0, y0, x1, y1 in pixels of ``images``, or None, and
    ``skipped`` the files that could not be read, each with its reason.
    """

    images: torch.Tensor
    names: list[str]
    name: str
    part: str | None = None
    split: str = "all"
    source: str = "real"
    labels: torch.Tensor | None = None
    classes: tuple[str, ...] = ()
    truth: dict[str, torch.Tensor] = field(default_factory=dict)
    boxes: list[torch.Tensor] | None = None
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self):
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise GancourseError(
                f"ImageSet {self.name!r} takes uint8 images (N, C, H, W), not "
                f"{self.images.dtype} {tuple(self.images.shape)}; to_uint8() converts."
            )
        sizes = {"names": len(self.names), **{k: len(v) for k, v in self.truth.items()}}
        sizes |= {"labels": len(self.labels)} if self.labels is not None else {}
        sizes |= {"boxes": len(self.boxes)} if self.boxes is not None else {}
        wrong = {k: n for k, n in sizes.items() if n != len(self.images)}
        if wrong:
            raise GancourseError(f"{len(self.images)} images, but other counts: {wrong}.")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def caption(self) -> str:
        """What a figure or a number shows: ``226 real NEU-DET scratches, 128 px, train split``."""
        split = "" if self.split == "all" else f", {self.split} split"
        height, width = self.images.shape[-2:]
        size = f"{height}" if height == width else f"{height}x{width}"
        return f"{len(self)} {self.source} {self.name} {self.part or 'images'}, {size} px{split}"

    def to(self, device: torch.device | str) -> ImageSet:
        """The same set with images, labels and ground truth on ``device``."""
        move = {k: v.to(device) for k, v in self.truth.items()}
        labels = None if self.labels is None else self.labels.to(device)
        return replace(self, images=self.images.to(device), labels=labels, truth=move)

    def floats(self, index=None) -> torch.Tensor:
        """Images (all, or those of ``index``) as (n, C, H, W) float32 in [-1, 1]."""
        return to_float(self.images if index is None else self.images[index])

    @property
    def device(self) -> torch.device:
        """Where the images are held."""
        return self.images.device

    def batches(self, indices):
        """For each index tensor (n,) of ``indices`` its images (n, C, H, W) uint8."""
        for index in indices:
            yield self.images[index.to(self.device)]

    def subset(self, index) -> ImageSet:
        """The pictures of ``index`` (a slice, a list, or a tensor of integers or booleans)."""
        at = torch.arange(len(self))[index.cpu() if torch.is_tensor(index) else index].reshape(-1)
        there = at.to(self.images.device)
        return replace(
            self,
            images=self.images[there],
            names=[self.names[i] for i in at],
            labels=None if self.labels is None else self.labels[at.to(self.labels.device)],
            truth={k: v[at.to(v.device)] for k, v in self.truth.items()},
            boxes=None if self.boxes is None else [self.boxes[i] for i in at],
        )

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the shape and the pixels: equal content, equal fingerprint."""
        digest = hashlib.sha256(repr(tuple(self.images.shape)).encode())
        digest.update(self.images.cpu().contiguous().numpy())
        return digest.hexdigest()
