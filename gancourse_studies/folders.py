"""Training on a reader's own folders: the settings, and what is said before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gancourse import data, profiles
from gancourse.data import images
from gancourse.errors import GancourseError, unknown

HELD_OUT = 3  # KID's interval needs three held-out pictures
TRAIN = 4  # precision looks at the third neighbour of a training picture


# Model → the settings that name folders of one's own, and the recipe that is taken for them.
OWN = {
    "cyclegan": (("folder_a", "folder_b"), "grumpy-cats"),
    "dcgan": (("folder",), "neu-scratches"),
}


def settings_of(
    what: str, folders: Sequence[str | Path], profile: str | None = None, overrides=None
):
    """The settings of an experiment, or of a model with ``folders`` of one's own.

    A DCGAN's are in colour unless all pictures are grey, and colour pictures are not turned upside
    down, as steel may be. Raises ``UnknownName`` for another word, ``GancourseError`` for a model
    without folders, an experiment with some, or folders that are not apart.
    """
    overrides = dict(overrides or {})
    if what not in profiles.MODELS:
        if folders and what in profiles.experiments():
            models = " or ".join(OWN)
            raise GancourseError(f"{what} has data of its own. For your folders: train {models}.")
        if what not in profiles.experiments():
            raise unknown("experiment or model", what, [*profiles.experiments(), *OWN])
        return profiles.settings(what, profile, **overrides)
    if not folders:
        raise GancourseError(f"{what} is a model: say which pictures. {HOW.get(what, '')}")
    if len(folders) == 2:
        data.check_apart(*folders)
    elif what == "dcgan" and not _grey(folders[0]):
        overrides = {"channels": 3, "augment": "basic"} | overrides
    return own(what, folders, profile, **overrides)


def own(model: str, folders: Sequence, profile: str | None = None, **overrides):
    """Settings of ``model`` for folders of your own: ``[data]`` of a DCGAN, ``[a, b]``.

    They are those of ``OWN``'s experiment at ``profile``, by default "laptop". Another ``size``
    brings its ``load_size`` and the depth of a patch discriminator with it. Raises ``UnknownName``
    as ``profiles.settings`` does, ``GancourseError`` for another number of folders.
    """
    if model not in OWN:
        raise unknown("model that trains on folders", model, OWN)
    fields, experiment = OWN[model]
    if len(folders) != len(fields):
        raise GancourseError(f"A {model} takes {len(fields)} folder(s), not {len(folders)}.")
    recipe = profiles.settings(experiment, profile or "laptop")
    given = dict(zip(fields, map(str, folders), strict=True))
    names = [Path(folder).expanduser().resolve().name or "pictures" for folder in folders]
    given["data"] = " and ".join(names)
    if model == "dcgan":
        given["part"] = None
    elif "size" in overrides:
        size = profiles.replace(recipe, size=overrides["size"]).size
        given["size"], given["load_size"] = size, round(size * 72 / 64)
        given["patch_layers"] = min(recipe.patch_layers, max(1, size.bit_length() - 4))
    return profiles.replace(recipe, **(given | overrides))


HOW = {
    "cyclegan": "gancourse train cyclegan --a DIR --b DIR",
    "dcgan": "gancourse train dcgan --data DIR",
}


def remarks(settings) -> list[str]:
    """What to know of the own pictures of ``settings``: how many would be enlarged."""
    said, needed = [], getattr(settings, "load_size", settings.size)
    for place in filter(None, (getattr(settings, name, "") for name in profiles.FOLDERS)):
        sides = [_short_side(file) for file in images.picture_files(Path(place).expanduser())]
        small = [side for side in sides if side and side < needed]
        if small:
            said.append(
                f"{len(small)} of {len(sides)} pictures in {place} have a side below the {needed} "
                f"px that the training cuts from (the smallest {min(small)}): they are enlarged, "
                "and what is learnt is as blurred. A smaller --size needs less."
            )
    return said


def check_counts(train, held_out, batch_size: int = 1) -> None:
    """Raise ``GancourseError`` where sets are too small to train on or to measure with.

    ``train`` and ``held_out`` are the ``ImageSet`` of one domain. Costs nothing: to be called
    before features are taken.
    """
    name = f"{train.name} {train.part or ''}".strip()
    if len(held_out) < HELD_OUT:
        raise GancourseError(
            f"{name}: {len(held_out)} held-out pictures (a quarter by a hash of the names), and "
            f"the metrics need {HELD_OUT}. Add pictures: 30 are nearly always enough for that."
        )
    fewest = max(TRAIN, batch_size)
    if len(train) < fewest:
        raise GancourseError(
            f"{name}: {len(train)} training pictures, and this run needs {fewest}. Add pictures"
            + (f", or say --set batch_size={len(train)}." if len(train) >= TRAIN else ".")
        )


def _short_side(file: Path) -> int | None:
    """The short side in pixels, from the file's header; None for what cannot be read."""
    try:
        with images.open_picture(file) as picture:
            return min(picture.size)
    except (OSError, ValueError, SyntaxError):
        return None


def _grey(folder: str | Path, most: int = 64) -> bool:
    """Whether the pictures of ``folder`` have no colour; ``most`` of them are looked at."""
    seen = data.folder(folder, size=32, limit=most).images.int()
    return int((seen - seen.roll(1, 1)).abs().max()) <= 8  # JPEG leaves a little
