"""Pictures in memory: one set as a uint8 tensor, and its mini-batches as networks see them.

Stored images are ``(N, C, H, W)`` uint8; networks see float in [-1, 1].
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import PurePath

import torch
from torch import Tensor

from gancourse.errors import GancourseError


def to_float(images: Tensor) -> Tensor:
    """uint8 in [0, 255] -> float32 in [-1, 1], the range of a tanh generator. Any shape."""
    return images.float() / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """Float in [-1, 1] -> uint8 in [0, 255], rounded; values outside are clamped. Any shape.

    ``to_uint8(to_float(x))`` is ``x`` for each of the 256 values.
    """
    return ((images.detach().float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pictures of one set, part and split.

    ``images`` is (N, C, H, W) uint8, ``names`` the N file names, ``truth`` ground truth of drawn
    pictures by name (tensors whose first dimension is N), and ``skipped`` the files that could not
    be read, each with its reason.
    """

    images: Tensor
    names: list[str]
    name: str
    part: str | None = None
    split: str = "all"
    source: str = "real"
    truth: dict[str, Tensor] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self):
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise GancourseError(
                f"ImageSet {self.name!r} takes uint8 images (N, C, H, W), not "
                f"{self.images.dtype} {tuple(self.images.shape)}; to_uint8() converts."
            )
        if len(self.names) != len(self.images):
            raise GancourseError(f"{len(self.images)} images, but {len(self.names)} names.")

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
        """The same set with its images on ``device``."""
        return replace(self, images=self.images.to(device))

    def floats(self, index=slice(None)) -> Tensor:
        """Images (all, or those of ``index``) as (n, C, H, W) float32 in [-1, 1]."""
        return to_float(self.images[index])

    def subset(self, index) -> ImageSet:
        """The pictures of ``index`` (a slice, a list, or a tensor of integers or booleans)."""
        at = torch.arange(len(self))[index]
        names = [self.names[i] for i in at]
        truth = {key: values[at] for key, values in self.truth.items()}
        return replace(self, images=self.images[at], names=names, truth=truth)

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the shape and the pixels: equal content, equal fingerprint."""
        digest = hashlib.sha256(repr(tuple(self.images.shape)).encode())
        digest.update(self.images.cpu().contiguous().numpy())
        return digest.hexdigest()


class Batches:
    """Shuffled mini-batches of an ``ImageSet``; knows where it stands.

    Iterating yields the *rest* of the current epoch as float (N, C, H, W) in [-1, 1], each batch
    changed by ``augment`` if one is given. A last incomplete batch is dropped: batch norm over two
    images is another network. The order of epoch e depends on ``seed`` and e alone.
    """

    def __init__(
        self, images: ImageSet, batch_size: int, augment: Callable | None = None, seed: int = 0
    ):
        if len(images) < batch_size:
            raise GancourseError(
                f"{len(images)} images cannot fill one batch of {batch_size}: "
                "take a smaller batch_size or more images."
            )
        self.images, self.batch_size, self.augment, self.seed = images, batch_size, augment, seed
        self.epoch = self.position = 0

    def __len__(self) -> int:
        return len(self.images) // self.batch_size

    @property
    def sets(self) -> tuple[ImageSet, ...]:
        """The sets of images that a batch is made of."""
        return (self.images,)

    @property
    def device(self) -> torch.device:
        """Where the batches come from."""
        return self.images.images.device

    def fingerprint(self) -> str:
        """Equal for equal data: a run is not resumed on other images."""
        return " ".join(images.fingerprint() for images in self.sets)

    def __iter__(self):
        rest = self.order()[:, self.position * self.batch_size : len(self) * self.batch_size]
        for batch in self.read(rest) if rest.numel() else ():
            self.position += 1  # before the yield: a checkpoint made in the step counts it as done
            yield batch
        self.epoch, self.position = self.epoch + 1, 0

    def order(self) -> Tensor:
        """Indices of this epoch (1, n): a permutation."""
        return torch.randperm(len(self.images), generator=self._generator())[None]

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)

    def read(self, order: Tensor):
        """The batches at ``order``, augmented."""
        # to the images' device once an epoch: copied batch by batch, each would wait for the GPU
        for index in order[0].to(self.device).split(self.batch_size):
            yield self.changed(self.images.images[index])

    def changed(self, images: Tensor) -> Tensor:
        """uint8 → float in [-1, 1], augmented."""
        images = to_float(images)
        return self.augment(images) if self.augment else images

    def state_dict(self) -> dict:
        """The position in the data."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict) -> None:
        """Go on from a position that ``state_dict`` returned."""
        self.epoch, self.position = state["epoch"], state["position"]


class PairBatches(Batches):
    """Batches (real_a, real_b) of two domains whose images do not belong together in pairs.

    An epoch is one pass over the larger domain. A runs through all of its images in shuffled
    order, again and again if it is the smaller one; B is drawn at random from *all* of B, so that
    a pairing never repeats.
    """

    def __init__(
        self, images_a, images_b, batch_size=1, augment: Callable | None = None, seed: int = 0
    ):
        shapes = [tuple(s.images.shape[1:]) for s in (images_a, images_b)]
        if shapes[0] != shapes[1]:
            raise GancourseError(f"Domains of two shapes, A {shapes[0]} and B {shapes[1]}.")
        super().__init__(max(images_a, images_b, key=len), batch_size, augment, seed)
        self.images_a, self.images_b = images_a, images_b

    @property
    def sets(self) -> tuple[ImageSet, ...]:
        return (self.images_a, self.images_b)

    def order(self) -> Tensor:
        """Indices of this epoch (2, n): into A and into B."""
        generator = self._generator()
        a = torch.randperm(len(self.images), generator=generator) % len(self.images_a)
        b = torch.randint(len(self.images_b), (len(self.images),), generator=generator)
        return torch.stack([a, b])

    def read(self, order: Tensor):
        for index_a, index_b in order.to(self.device).split(self.batch_size, dim=1):
            real_a = self.changed(self.images_a.images[index_a])
            yield real_a, self.changed(self.images_b.images[index_b])


class AlignedBatches(PairBatches):
    """Batches (real_a, real_b) of two domains whose picture i shows the same thing in both.

    Both pictures of a pair are changed by one draw of ``augment``: cut at one place, mirrored
    together. Raises ``GancourseError`` for unequal counts, and for pictures that are no pairs by
    name: the same name in both, folders and suffix aside and without the part's own word.
    """

    def __init__(
        self, images_a, images_b, batch_size=1, augment: Callable | None = None, seed: int = 0
    ):
        check_pairs(images_a, images_b)
        super().__init__(images_a, images_b, batch_size, augment, seed)

    def order(self) -> Tensor:
        """Indices of this epoch (1, n), into both."""
        return Batches.order(self)

    def read(self, order: Tensor):
        for index in order[0].to(self.device).split(self.batch_size):
            # as one picture of twice the channels: whatever is drawn holds for both
            both = torch.cat([self.images_a.images[index], self.images_b.images[index]], dim=1)
            real_a, real_b = self.changed(both).chunk(2, dim=1)
            yield real_a.contiguous(), real_b.contiguous()


def check_pairs(images_a: ImageSet, images_b: ImageSet) -> None:
    """Raise ``GancourseError`` unless picture i of one set belongs to picture i of the other."""
    if len(images_a) != len(images_b):
        raise GancourseError(
            f"Pairs need as many pictures of A as of B, not {len(images_a)} and {len(images_b)}: "
            "remove those without a partner, or replace those that could not be read "
            f"({[name for name, _ in (*images_a.skipped, *images_b.skipped)][:5]})."
        )
    for a, b in zip(images_a.names, images_b.names, strict=True):
        if _paired_by(a, images_a.part) != _paired_by(b, images_b.part):
            raise GancourseError(
                f"{a!r} of A stands beside {b!r} of B, no pair by name. Give both pictures of a "
                "pair one file name, each in the folder of its domain."
            )


def _paired_by(name: str, part: str | None) -> str:
    """What two pictures of a pair have in common: the file's name without suffix and part."""
    stem = PurePath(name).stem
    # as a word of its own: standin_label_0007, but not the A of "Arch"
    return re.sub(rf"(?<![A-Za-z]){re.escape(part)}(?![A-Za-z])", "", stem) if part else stem
