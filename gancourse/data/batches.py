"""The pictures and mini-batches that settings ask for: one set, or two domains without pairs."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

import torch
from torch import Tensor

from gancourse import augment, data
from gancourse.data.images import to_float
from gancourse.errors import GancourseError


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
    def sets(self) -> tuple:
        """The sets of images that a batch is made of."""
        return (self.images,)

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

    @property
    def sets(self) -> tuple:
        return (self.images_a, self.images_b)

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


def load_data(settings, source: str = "auto", split: str = "train"):
    """The ``ImageSet`` that ``settings`` names, at their size and number of channels."""
    return data.load(
        settings.data,
        part=settings.part,
        size=settings.size,
        channels=settings.channels,
        split=split,
        source=source,
    )


def batches_of(images, settings) -> Batches:
    """``Batches`` of ``images`` with the settings' batch size, classical policy and seed."""
    if settings.augment not in augment.POLICIES:
        augment.classical(images.floats([0]), settings.augment)  # raises, with a suggestion
    policy = functools.partial(augment.classical, policy=settings.augment)
    change = policy if settings.augment != "none" else None
    return Batches(images, settings.batch_size, change, settings.seed)


ROWS = 8  # pictures of a domain in a strip
# Held-out pictures worth looking at, by file name: animals that fill the picture, cats of several
# poses and gazes. Chosen before any run was seen.
LOOKED_AT = {
    "horse2zebra": {
        "a": "120 2100 3330 4530 4550 490 6690 8980",  # n02381460_….jpg
        "b": "10160 1880 2870 3010 3270 3770 4890 690",  # n02391049_….jpg
    },
    "grumpifycat": {
        "a": "0 18 2 26 34 40 44 8",
        "b": "101 124 131 146 167 2 21 42",
    },
}


def load_domain(settings, part: str, source: str = "auto", split: str = "train"):
    """Domain ``part``, "A" or "B": training images at ``load_size``, held-out ones at ``size``."""
    parts = data.catalog.find(settings.data).parts  # facades call theirs label and photo
    named = dict(zip("AB", sorted(parts), strict=False))
    return data.load(
        settings.data,
        part=named[part],
        size=settings.load_size if split == "train" else settings.size,
        channels=settings.channels,
        split=split,
        source=source,
    )


def pairs_of(images_a, images_b, settings) -> PairBatches:
    """``PairBatches`` with the settings' random crop and flip."""
    change = functools.partial(augment.crop_and_flip, size=settings.size)
    return PairBatches(images_a, images_b, settings.batch_size, change, settings.seed)


def spread(n: int, count: int) -> torch.Tensor:
    """``count`` indices spread evenly over n."""
    return torch.arange(count) * n // count


def looked_at(images, side: str) -> torch.Tensor:
    """The ``ROWS`` pictures of held-out set ``images`` that a strip shows: uint8 (ROWS, C, H, W).

    Those chosen in ``LOOKED_AT``, else spread evenly over the set.
    """
    chosen = LOOKED_AT.get(images.name, {}).get(side, "").split()
    numbers = [re.sub(r"^.*_|\.\w+$", "", name) for name in images.names]
    if chosen and set(chosen) <= set(numbers):
        return images.images[[numbers.index(number) for number in chosen]]
    return images.images[spread(len(images), ROWS)]
