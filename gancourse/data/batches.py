"""The pictures and mini-batches that settings ask for: one set, or two domains, paired or not."""

from __future__ import annotations

import functools
import re

import torch

from gancourse import augment, data
from gancourse.data.sets import AlignedBatches, Batches, ImageSet, PairBatches
from gancourse.errors import among

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


def load_data(settings, source: str = "auto", split: str = "train") -> ImageSet:
    """The ``ImageSet`` that ``settings`` names, at their size and number of channels.

    Of the catalog, or of ``settings.folder``, where that says one.
    """
    asked = {"size": settings.size, "channels": settings.channels, "split": split}
    if settings.folder:
        return data.folder(settings.folder, **asked)
    return data.load(settings.data, part=settings.part, source=source, **asked)


def load_domain(settings, part: str, source: str = "auto", split: str = "train") -> ImageSet:
    """Domain ``part``, "A" or "B": training images at ``load_size``, held-out ones at ``size``.

    Of the catalog, or of ``settings.folder_a`` and ``folder_b``, which must lie apart.
    """
    size = settings.load_size if split == "train" else settings.size
    asked = {"size": size, "channels": settings.channels, "split": split}
    if settings.folder_a or settings.folder_b:
        data.check_apart(settings.folder_a, settings.folder_b)
        return data.folder({"A": settings.folder_a, "B": settings.folder_b}[part], **asked)
    parts = sorted(data.catalog.find(settings.data).parts)  # facades call theirs label and photo
    return data.load(settings.data, part=parts["AB".index(part)], source=source, **asked)


def batches_of(images: ImageSet, settings) -> Batches:
    """``Batches`` of ``images`` with the settings' batch size, classical policy and seed."""
    policy = among("augmentation policy", settings.augment, augment.POLICIES)
    change = functools.partial(augment.classical, policy=policy)
    return Batches(images, settings.batch_size, change, settings.seed)


def pairs_of(images_a: ImageSet, images_b: ImageSet, settings) -> PairBatches:
    """``PairBatches`` with the settings' random crop and flips."""
    how = {"size": settings.size, "upside_down": settings.upside_down}
    change = functools.partial(augment.crop_and_flip, **how)
    return PairBatches(images_a, images_b, settings.batch_size, change, settings.seed)


def aligned(images_a: ImageSet, images_b: ImageSet, settings) -> AlignedBatches:
    """``AlignedBatches`` with the settings' random crop and flip, one draw for a pair."""
    change = functools.partial(augment.crop_and_flip, size=settings.size)
    return AlignedBatches(images_a, images_b, settings.batch_size, change, settings.seed)


def looked_at(images: ImageSet, side: str) -> torch.Tensor:
    """The ``ROWS`` pictures of held-out set ``images`` that a strip shows: uint8 (ROWS, C, H, W).

    Those chosen in ``LOOKED_AT``, else spread evenly over the set.
    """
    chosen = LOOKED_AT.get(images.name, {}).get(side, "").split()
    numbers = [re.sub(r"^.*_|\.\w+$", "", name) for name in images.names]
    if chosen and set(chosen) <= set(numbers):
        return images.images[[numbers.index(number) for number in chosen]]
    return images.images[torch.arange(ROWS) * len(images) // ROWS]
