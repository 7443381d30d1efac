"""Pictures out of a recorded run: a folder translated, or new ones sampled, written as PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image

from gancourse import data, files, profiles, records
from gancourse import device as devices
from gancourse.data import images
from gancourse.errors import GancourseError, unknown
from gancourse.files import path_of
from gancourse.progress import bar
from gancourse.train.cyclegan import translate as through
from gancourse.train.dcgan import sample_images, sample_z

# Models by what their generators take, pictures or latents. Way → the network, as records call it.
TRANSLATORS = {
    "cyclegan": {"a-to-b": "gen_ab", "b-to-a": "gen_ba"},
    "pix2pix": {"a-to-b": "gen"},
}
SAMPLERS = ("dcgan", "wgan")
SQUARE = ("pix2pix",)  # take pictures of the trained size only
MOST = 100_000  # pictures that are drawn at once: their latents are all in memory
LARGER = 2  # pictures over so many times the trained side are worth a word


@dataclass
class Written:
    """What was written: the files, (name, reason) of what could not be read, and what to know."""

    files: list[Path] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def translate(
    run: str | Path,
    source: str | Path,
    out: str | Path,
    *,
    way: str = "a-to-b",
    size: int | None = None,
    force: bool = False,
    device: str = "auto",
    progress: bool = True,
) -> Written:
    """Translate a picture, or all of a folder and its subfolders, with a CycleGAN or a pix2pix.

    ``run``: a record's name or a run's folder; ``way``: "a-to-b" or "b-to-a", of a pix2pix only the
    first. A picture keeps its size, whatever it is, or with ``size`` gets that short side first; a
    pix2pix takes its middle square at the trained size. It becomes ``<its name>.png`` in ``out``,
    below the same subfolder. What cannot be read is left out and listed.
    Raises ``UnknownName`` for a run or a way that is not there, ``GancourseError`` for a run that
    does not translate, for pictures that are missing or all unreadable, and, without ``force``,
    for an ``out`` that holds pictures.
    """
    if size is not None and size < 1:
        raise GancourseError(f"size must be at least 1 pixel, not {size}.")
    record = of_kind(run, TRANSLATORS)
    settings = record.settings
    named, trained = network_of(record, way), settings.size
    square = trained if record.model in SQUARE else None
    if square and size not in (None, square):
        raise GancourseError(f"{run} is a {record.model}: its size is {square} px, not {size}.")
    found, root = _pictures_of(source)
    out = _empty(out, root, force)
    network = record.generator(named, devices.pick(device))
    written, largest = Written(), 0
    with bar(found, desc=way, unit="picture", disable=not progress) as todo:
        for file in todo:
            name = file.relative_to(root).as_posix()
            try:
                picture = images.decode(file, square, settings.channels)
            except (OSError, ValueError, SyntaxError) as error:
                written.skipped.append((name, f"{type(error).__name__}: {error}"))
                continue
            picture = picture if square else _resized(picture, size)
            largest = max(largest, *picture.shape[1:])
            written.files.append(_save(through(network, picture[None])[0], out / f"{name}.png"))
    if not written.files:
        images.check_bad(written.skipped, len(found), root)
    if square:
        written.notes.append(
            f"{record.path.name} takes squares of {square} px: the middle of each picture."
        )
    if largest > LARGER * trained:
        written.notes.append(
            f"{record.path.name} was trained at {trained} px and the largest picture has {largest}:"
            " its patterns are as fine as it learnt them, too fine for so large a picture. "
            f"--size {trained} shows it what it knows."
        )
    return written


def sample(
    run: str | Path,
    n: int,
    out: str | Path,
    *,
    seed: int = 0,
    force: bool = False,
    device: str = "auto",
    progress: bool = True,
) -> Written:
    """Draw ``n`` pictures from a DCGAN or a WGAN as ``out/0000.png``, …; by ``seed`` the same ones.

    Raises ``GancourseError`` for a run that does not sample, n below 1 or above ``MOST``, a seed
    out of range, and, without ``force``, for an ``out`` that holds pictures.
    """
    if not 1 <= n <= MOST:
        raise GancourseError(f"n must lie in [1, {MOST}], not {n}.")
    low, high = profiles.RANGES["seed"]
    if not low <= seed <= high:
        raise GancourseError(f"seed must lie in [{low}, {high}], not {seed}.")
    record = of_kind(run, SAMPLERS)
    out = _empty(out, None, force)
    network = record.generator("generator", devices.pick(device))
    settings = record.settings
    # on the CPU and all at once: the same pictures on every device
    stream = torch.Generator().manual_seed(seed)
    latents = sample_z(n, settings, torch.device("cpu"), stream)
    where, written = next(network.parameters()).device, Written()
    with bar(total=n, desc="sample", unit="picture", disable=not progress) as done:
        for part in latents.split(64):
            for picture in sample_images(network, part.to(where)):
                name = f"{len(written.files):0{max(4, len(str(n - 1)))}d}.png"
                written.files.append(_save(picture, out / name))
                done.update()
    return written


def network_of(record: records.Record, way: str) -> str:
    """The network of a translator's ``way``, as its record calls it; raises ``UnknownName``."""
    ways = TRANSLATORS[record.model]
    if way not in ways:
        raise unknown(f"way of a {record.model}", way, ways)
    return ways[way]


def of_kind(run: str | Path, models: Sequence[str]) -> records.Record:
    """The record of ``run``, which must be of one of ``models`` and have weights."""
    record = records.load(run)
    if record.model in TRANSLATORS and record.model not in models:
        raise GancourseError(
            f"{run} is a {record.model}: it translates pictures. "
            f"gancourse translate {run} FOLDER --out DIR"
        )
    if record.model in SAMPLERS and record.model not in models:
        raise GancourseError(
            f"{run} is a {record.model}: it draws pictures from random numbers. "
            f"gancourse sample {run} -n 64 --out DIR"
        )
    if record.model not in models or not record.content.get("networks"):
        raise GancourseError(
            f"{run} keeps no weights of a {' or '.join(models)}. Runs that do: "
            f"{with_weights(models)}."
        )
    return record


def with_weights(models: Sequence[str]) -> str:
    """The names of the records of ``models`` that keep weights, for a message."""
    found = []
    for name in records.all_names():
        try:
            content = records.load(name).content
        except GancourseError:
            continue  # `gancourse records` says what is wrong with it
        if content.get("model") in models and content.get("networks"):
            found.append(name)
    return ", ".join(found) or "none yet"


def _pictures_of(source: str | Path) -> tuple[list[Path], Path]:
    """The picture files of a folder, or the one file; and the folder their names are below."""
    place = path_of(source)
    if place.is_file():
        return [place], place.parent
    if not place.is_dir():
        raise data.DataNotFound(f"There is no picture and no folder {place}.")
    found = images.picture_files(place)
    if not found:
        raise data.DataNotFound(f"No pictures in {place} or below it. {images.inventory(place)}")
    return found, place


def _empty(out: str | Path, source: Path | None, force: bool) -> Path:
    """The folder ``out``, made if need be."""
    out = path_of(out)
    if source and source.resolve() in out.resolve().parents:
        raise GancourseError(
            f"{out} lies inside {source}: the next time its pictures would be translated, too. "
            "Choose a folder beside it."
        )
    files.folder(out)
    if not force and images.picture_files(out):
        raise GancourseError(f"{out} holds pictures already. Choose another --out, or --force.")
    return out


def _resized(picture: torch.Tensor, size: int | None) -> torch.Tensor:
    """``picture`` (C, H, W) uint8 with short side ``size``; None leaves it as it is."""
    if size is None:
        return picture
    height, width = picture.shape[1:]
    scale = size / min(height, width)
    shape = (max(size, round(height * scale)), max(size, round(width * scale)))
    if shape[0] * shape[1] > images.MAX_PIXELS:
        raise GancourseError(
            f"At --size {size} a picture of {width} x {height} px would have more than "
            f"{images.MAX_PIXELS // 10**6} million pixels. Take a smaller one."
        )
    how = {"mode": "bicubic", "antialias": True, "align_corners": False}
    enlarged = torch.nn.functional.interpolate(picture[None].float(), shape, **how)
    return enlarged[0].round().clamp(0, 255).to(torch.uint8)


def _save(picture: torch.Tensor, file: Path) -> Path:
    """Write ``picture`` (1 or 3, H, W) uint8 as PNG."""
    array = picture[0] if len(picture) == 1 else picture.permute(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(array.contiguous().numpy()).save(buffer, format="PNG")
    return files.write(file, buffer.getvalue())
