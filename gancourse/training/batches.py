"""Shuffled mini-batches of one set of images, or of two that do not belong together in pairs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..data.images import to_float
from ..errors import GancourseError


class Batches:
    """Shuffled mini-batches of a set of images; knows where it stands.

    ``images`` is an ``ImageSet``, held as one uint8 tensor, or a ``data.Stream``, read from disk.
    Iterating yields the *rest* of the current epoch as float (N, C, H, W) in [-1, 1], each batch
    changed by ``augment`` if one is given. A last incomplete batch is dropped: batch norm over two
    images is another network. The order of epoch e depends on ``seed`` and e alone.
    """

    def __init__(self, images, batch_size: int, augment: Callable | None = None, seed: int = 0):
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
    def device(self) -> torch.device:
        """Where the batches come from."""
        return self.images.device

    def fingerprint(self) -> str:
        """Equal for equal data: a run is not resumed on other images."""
        return self.images.fingerprint()

    def __iter__(self):
        rest = self.order()[:, self.position * self.batch_size : len(self) * self.batch_size]
        for batch in self.read(rest) if rest.numel() else ():
            self.position += 1  # before the yield: a checkpoint made in the step counts it as done
            yield batch
        self.epoch, self.position = self.epoch + 1, 0

    def order(self) -> Tensor:
        """Indices of this epoch (1, n): a permutation."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        return torch.randperm(len(self.images), generator=generator)[None]

    def read(self, order: Tensor):
        """The batches at ``order`` (1, n), augmented."""
        # to the images' device once an epoch: copied batch by batch, each would wait for the GPU
        indices = order[0].to(self.device)
        for images in self.images.batches(indices.split(self.batch_size)):
            yield self.changed(images)

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
        larger = max(images_a, images_b, key=len)
        super().__init__(larger, batch_size, augment, seed)
        self.images_a, self.images_b = images_a, images_b

    def fingerprint(self) -> str:
        return f"{self.images_a.fingerprint()} {self.images_b.fingerprint()}"

    def order(self) -> Tensor:
        """Indices of this epoch (2, n): into A and into B."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        a = torch.randperm(len(self.images), generator=generator) % len(self.images_a)
        b = torch.randint(len(self.images_b), (len(self.images),), generator=generator)
        return torch.stack([a, b])

    def read(self, order: Tensor):
        a, b = (
            domain.batches(indices.to(domain.device).split(self.batch_size))
            for domain, indices in zip((self.images_a, self.images_b), order, strict=True)
        )
        for images_a, images_b in zip(a, b, strict=True):
            yield self.changed(images_a), self.changed(images_b)
