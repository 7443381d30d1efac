"""A set of pictures as files in a folder, as a reader's own would lie on a disk."""

from __future__ import annotations

from pathlib import Path, PurePath

from PIL import Image

from gancourse.data.sets import ImageSet


def write(images: ImageSet, below: str | Path) -> Path:
    """Write ``images`` as PNG files into a new folder below ``below``; returns that folder.

    It is called after the set's source and part, such as ``real-scratches``: a caption of
    ``data.folder`` says "own", and its folder's name has to say what the files show.
    """
    folder = Path(below) / f"{images.source}-{images.part or images.name}"
    folder.mkdir(parents=True)
    for picture, name in zip(images.images.cpu(), images.names, strict=True):
        pixels = picture[0] if len(picture) == 1 else picture.permute(1, 2, 0)
        Image.fromarray(pixels.contiguous().numpy()).save(folder / f"{PurePath(name).stem}.png")
    return folder
