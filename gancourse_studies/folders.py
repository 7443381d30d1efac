"""Training on a reader's own folders: the settings, and what is said before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tqdm.auto import tqdm

from gancourse import data, profiles
from gancourse.data import images
from gancourse.errors import GancourseError, unknown
from gancourse.files import path_of
from gancourse.metrics import features

HELD_OUT = 3  # KID's interval needs three held-out pictures
TRAIN = 4  # precision looks at the third neighbour of a training picture


def settings_of(
    what: str, folders: Sequence[str | Path], profile: str | None = None, overrides=None
):
    """The settings of an experiment, or of a model with ``folders`` of one's own.

    Those of a model that samples are in colour unless all pictures are grey, and colour pictures
    are not turned upside down, as steel may be. Own pictures are measured with the best features
    that this machine has; ``remarks`` says so where that is the stand-in. Raises ``UnknownName``
    for another word, ``GancourseError`` for a model without folders, an experiment with some, or
    folders that are not apart or, of a pix2pix, no pairs.
    """
    overrides = dict(overrides or {})
    if what not in profiles.MODELS:
        if folders and what in profiles.experiments():
            models = " or ".join(profiles.OWN)
            raise GancourseError(f"{what} has data of its own. For your folders: train {models}.")
        if what not in profiles.experiments():
            raise unknown("experiment or model", what, [*profiles.experiments(), *profiles.OWN])
        return profiles.settings(what, profile, **overrides)
    if not folders:
        raise GancourseError(f"{what} is a model: say which pictures. {HOW.get(what, '')}")
    if len(folders) == 2:
        data.check_apart(*folders)
        if what == "pix2pix":
            _check_partners(*folders)
    elif not _grey(folders[0]):
        overrides = {"channels": 3, "augment": "basic"} | overrides
    settings = profiles.own(what, folders, profile, **overrides)
    if "features" in overrides or best_features() != "stand-in":
        return settings
    return profiles.replace(settings, features="stand-in")


HOW = {
    "cyclegan": "gancourse train cyclegan --a DIR --b DIR",
    "dcgan": "gancourse train dcgan --data DIR",
    "pix2pix": "gancourse train pix2pix --pairs DIR",
    "wgan": "gancourse train wgan --data DIR",
}


def pair_of(folder: str | Path) -> list[Path]:
    """[A, B]: the two subfolders of ``folder``, in the order of their names.

    Raises ``GancourseError`` for another number of them, ``DataNotFound`` where there is no folder.
    """
    place = path_of(folder)
    if not place.is_dir():
        data.folder(place)  # says what is wrong with it
    found = sorted(p for p in place.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(found) != 2:
        raise GancourseError(
            f"Pairs lie in two folders inside {folder}, such as {folder}/A and {folder}/B, the "
            "inputs' first by name. A picture in A belongs to that of its name in B. "
            f"{images.inventory(place)}"
        )
    return found


def _check_partners(a: str | Path, b: str | Path) -> None:
    """Raise ``GancourseError`` for a picture that the other folder has no partner for, by name."""
    places = [Path(folder).expanduser() for folder in (a, b)]
    names = [{f.relative_to(p).as_posix() for f in images.picture_files(p)} for p in places]
    alone = sorted(names[0] ^ names[1])
    if alone:
        raise GancourseError(
            f"{len(alone)} pictures of {a} and {b} have no partner, such as {alone[0]}. Both "
            "pictures of a pair have one file name, suffix and subfolder included."
        )


def remarks(settings) -> list[str]:
    """What to know of a run on own pictures: how it is measured, how many would be enlarged."""
    said, needed = [], getattr(settings, "load_size", settings.size)
    places = [getattr(settings, name) for name in profiles.FOLDERS if getattr(settings, name, "")]
    if places and settings.features == "stand-in":
        said.append(
            "Measured with stand-in features: the numbers compare with nothing published. "
            "`gancourse data fetch fid-inception` gets the real ones."
        )
    for place in places:
        sides = short_sides(place)
        small = [side for side in sides if side < needed]
        if small:
            said.append(
                f"{len(small)} of {len(sides)} pictures in {place} have a side below the {needed} "
                f"px that the training cuts from (the smallest {min(small)}): they are enlarged, "
                "and what is learnt is as blurred. A smaller --size needs less."
            )
    return said


def check(train, held_out, batch_size: int = 1, multiple: int = 1) -> None:
    """Say what could not be read, and refuse sets too small to train on or to measure with.

    ``train`` and ``held_out`` are the ``ImageSet`` of one domain; a batch is a multiple of
    ``multiple``. Costs nothing: to be called before features are taken. Raises ``GancourseError``.
    """
    name = f"{train.name} {train.part or ''}".strip()
    for file, reason in (*train.skipped, *held_out.skipped):
        tqdm.write(f"{name}: {file} cannot be read and is left out ({reason}).")
    if len(held_out) < HELD_OUT:
        raise GancourseError(
            f"{name}: {len(held_out)} held-out pictures (a quarter by a hash of the names), and "
            f"the metrics need {HELD_OUT}. Add pictures: 30 are nearly always enough for that."
        )
    fewest = max(TRAIN, batch_size)
    if len(train) < fewest:
        possible = len(train) // multiple * multiple
        raise GancourseError(
            f"{name}: {len(train)} training pictures, and this run needs {fewest}. Add pictures"
            + (f", or say --set batch_size={possible}." if possible >= TRAIN else ".")
        )


def short_sides(folder: str | Path) -> list[int]:
    """The short sides in pixels, from the headers, of the pictures that can be read."""
    found = []
    for file in images.picture_files(Path(folder).expanduser()):
        try:
            with images.open_picture(file) as picture:
                found.append(min(picture.size))
        except (OSError, ValueError, SyntaxError):
            continue
    return found


def best_features() -> str:
    """The feature network of records where its weights are on this machine, else "stand-in"."""
    here = features.find_weights(features.TRUNK) or features.find_weights(features.FULL)
    return "inception-768" if here else "stand-in"


def _grey(folder: str | Path, most: int = 64) -> bool:
    """Whether the pictures of ``folder`` have no colour; ``most`` of them are looked at."""
    seen = data.folder(folder, size=32, limit=most).images.int()
    return int((seen - seen.roll(1, 1)).abs().max()) <= 8  # JPEG leaves a little
