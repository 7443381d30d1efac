"""Records: what a long run left behind, as small files that notebooks and README read.

A record is a folder ``records/<experiment>/<run>/`` with ``record.json`` (settings, curves,
metrics, device, versions, and the SHA-256 of every other file), ``samples.webp`` (one row a latent
point or an input, one column a moment) and the generators' weights as fp16 safetensors. A
measurement, such as chapter 08's, has the JSON alone. Nothing in it is pickled.

``load(name)`` gives one run, ``runs(setting)`` all seeds of a setting; both find numbers by paths.
What loops over the course's records, ``names`` and ``settings``, sees no runs of a reader's own.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import math
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gancourse import __version__
from gancourse.errors import GancourseError, UnknownName, unknown
from gancourse.files import path_of

FORMAT = "gancourse-record-2"
METRICS = {  # features → what KID and the Fréchet distance between them are called
    "Inception-2048": ("KID×10³", "FID"),
    "Inception-768": ("KID-768×10³", "FID-768"),
    "stand-in": ("KID(stand-in)×10³", "FD(stand-in)"),
}

NUMBER = (int, float)
SHAPE = {  # of what stands in a record; below the top all of it must be there, ... is any name
    "model": str,
    "experiment": str,
    "run": str,
    "device": str,
    "weights": str,
    "features": str,
    "steps": int,
    "epochs": NUMBER,
    "minutes": NUMBER,
    "settings": {},
    "data": {"caption": str},
    "curves": {"every": int, "terms": {...: [NUMBER]}},
    "metrics": [{}],
    "samples": {"file": str, "rows": int, "size": int, "columns": [{}]},
    "networks": {...: str},
    "files": {...: str},
    "final": {},
}


def metric_names(features: str) -> tuple[str, str]:
    """What KID and the Fréchet distance are called for a feature network, an ``Extractor.name``.

    Raises ``UnknownName`` for a network that is not in ``METRICS``.
    """
    if features not in METRICS:
        raise unknown("feature network", features, METRICS)
    return METRICS[features]


def folders() -> list[Path]:
    """Where records are looked for, in this order; the first hit of a name wins.

    ``$GANCOURSE_RECORDS``, one folder or several as in ``$PATH``; else ``records/`` of the checkout
    and ``runs/`` below the current folder, into which ``gancourse train`` writes.
    """
    given = os.environ.get("GANCOURSE_RECORDS")
    if given:
        return [Path(part).expanduser() for part in given.split(os.pathsep) if part]
    return [Path(__file__).resolve().parents[1] / "records", Path("runs")]


def folder() -> Path:
    """The first of ``folders``: where the course's records lie."""
    return folders()[0]


def names_in(root: Path) -> list[str]:
    """The records below one folder as ``experiment/run``, sorted."""
    return sorted(str(p.parent.relative_to(root).as_posix()) for p in root.glob("*/*/record.json"))


def names() -> list[str]:
    """The course's records, those of ``folder``, as ``experiment/run``, sorted."""
    return names_in(folder())


def all_names() -> list[str]:
    """What ``load`` finds by name: the course's records and one's own, sorted."""
    return sorted({name for root in folders() for name in names_in(root)})


@dataclass
class Record:
    """One recorded run. ``content`` is the JSON; the rest is read when asked for."""

    path: Path
    content: dict

    def __getitem__(self, key: str):
        if key not in self.content:
            raise unknown(f"entry of record {self.path.name}", key, self.content)
        return self.content[key]

    @property
    def model(self) -> str:
        """The model that was trained, as in ``gancourse.models``, or "measurement"."""
        return self["model"]

    @property
    def weights(self) -> str:
        """Which weights the pictures and networks are of: "average" or "last"."""
        return self["weights"]

    @property
    def steps(self) -> int:
        """Training steps."""
        return self["steps"]

    @property
    def minutes(self) -> float:
        """How long it ran."""
        return self["minutes"]

    @property
    def epochs(self) -> float:
        """Passes over the larger domain; of a run by steps the last one may be a part."""
        found = self.content.get("epochs")  # 0.0 of a run that saw a sliver of one
        return self.at_path("settings.epochs") if found is None else found

    @property
    def kid(self) -> str:
        """The key of KID×10³ in this record's metrics; it names the features."""
        return metric_names(self["features"])[0]

    @property
    def fid(self) -> str:
        """The key of the Fréchet distance in this record's metrics."""
        return metric_names(self["features"])[1]

    @property
    def curves(self) -> dict[str, list[float]]:
        """Term → its values, each the mean over a block of steps; ``at`` says where they end."""
        return self["curves"]["terms"]

    @property
    def at(self) -> list[int]:
        """The last step of each block of ``curves``: 1, 2, … for a run that kept every step."""
        every, count = self["curves"]["every"], max(map(len, self.curves.values()), default=0)
        return [min((i + 1) * every, self.steps) for i in range(count)]

    @property
    def per_epoch(self) -> float:
        """Values of a curve in one epoch; the axis of ``figures.curves`` divides by it."""
        return self.steps / self["curves"]["every"] / self.epochs

    @property
    def columns(self) -> list[int | str]:
        """What stands above the strip's columns: the epoch, else a label such as "input"."""
        columns = self["samples"]["columns"]
        return [c.get("epoch", c.get("label", f"step {c.get('step')}")) for c in columns]

    @property
    def settings(self):
        """The settings it was trained with, of the model's class; those it lacks are the defaults.

        Raises ``GancourseError`` for what is none.
        """
        from gancourse import profiles

        try:
            return profiles.of_model(self.model, self["settings"])
        except GancourseError as error:
            raise type(error)(f"The settings in {self.path} are none: {error}") from None

    @property
    def caption(self) -> str:
        """What a figure of this run has to say about itself."""
        images = self["data"]["caption"]
        if "prototype" in self.content:
            return f"{images}; a prototype's run; {self['device']}"
        if "final" not in self.content:  # a measurement: nothing was trained to the end
            return f"{images}; {self['device']}"
        s = self.settings
        planned = self["settings"].get("epochs")
        whole = self.epochs == planned  # else the run was by steps or by minutes
        length = f"{planned} epochs" if whole else f"{self.steps:,} steps"
        width_gen, width_disc = s.widths
        run = f"widths {width_gen}/{width_disc}, {length}, seed {s.seed}"
        return f"{images}; {run}; {self['device']}"

    def mean(self, term: str, start: float = 0, end: float | None = None) -> float:
        """Mean of a term over the steps after ``start``, up to ``end`` (None: the last).

        Where a limit falls into a block of ``curves``, the block counts by the part inside.
        """
        at, end = np.array([0, *self.at]), self.steps if end is None else end
        sums = np.concatenate([[0], np.cumsum(np.diff(at) * self.curves[term])])
        before, after = np.interp([start, end], at, sums)
        return float((after - before) / (end - start))

    def by_epoch(self, term: str) -> list[float]:
        """Mean of a term over each epoch."""
        whole = int(self.epochs)
        ends = [self.steps * epoch / self.epochs for epoch in range(whole + 1)]
        return [self.mean(term, a, b) for a, b in zip(ends, ends[1:], strict=False)]

    def at_path(self, path: str, interval: bool = False, within: dict | None = None):
        """The entry at a dotted path, such as ``"final.{weights}.held_out.{kid}"``.

        ``{kid}``, ``{fid}`` and ``{weights}`` stand for this record's own names; a key may hold
        dots, as in ``"altered.blur 0.5.{kid}"``: of several that fit, the longest is taken. KID is
        recorded as [value, low, high]: its value, or with ``interval`` all three. ``within`` is a
        part of the record to start from. Raises ``UnknownName`` where the path leaves the record.
        """
        found = self.content if within is None else within
        own = {"{kid}": "kid", "{fid}": "fid", "{weights}": "weights"}
        parts = [getattr(self, own[part]) if part in own else part for part in path.split(".")]
        while parts:
            here = found if isinstance(found, dict) else ["nothing below this"]
            keys = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
            key = next((key for key in keys if key in here), None)
            if key is None:
                raise unknown(f"part of {path!r} in record {self.path.name}", parts[0], here)
            found, parts = found[key], parts[key.count(".") + 1 :]
        measured = key in {kid for kid, _ in METRICS.values()}
        return found[0] if measured and not interval else found

    @cached_property
    def strip(self) -> Tensor:
        """The recorded samples as uint8 (rows, columns, 3, H, W): latent points × moments.

        Raises ``GancourseError`` for a picture that is missing or is not the record's.
        """
        layout = self["samples"]
        pixels = torch.from_numpy(np.array(self.picture(layout["file"])))
        rows, columns, size = layout["rows"], len(layout["columns"]), layout["size"]
        if pixels.shape[:2] != (rows * size, columns * size):
            raise GancourseError(
                f"{self.path / layout['file']} is not {rows} x {columns} pictures of {size} px, as "
                "its record says."
            )
        grid = pixels.reshape(rows, size, columns, size, 3)
        return grid.permute(0, 2, 4, 1, 3).contiguous()

    def picture(self, file: str):
        """A picture file of this record as a PIL image in RGB; raises as ``strip`` does."""
        from PIL import Image

        data = self.read(file)
        try:
            with Image.open(io.BytesIO(data), formats=["WEBP", "PNG", "JPEG"]) as picture:
                return picture.convert("RGB")
        except (OSError, ValueError, SyntaxError) as error:
            raise GancourseError(f"{self.path / file} is no picture: {error}.") from error

    def generator(self, name: str = "generator", device: str = "cpu"):
        """A recorded network in evaluation mode, of a generator the ``weights`` shown.

        By the names that ``gancourse.models.<model>.NETWORKS`` has, such as ``"gen_ab"`` of a
        CycleGAN; discriminators where a training is to go on from it. Raises
        ``UnknownName`` for one that is not there, ``GancourseError`` for weights that are missing,
        are not the record's, or do not fit its settings.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load as from_bytes

        from gancourse import models

        if name not in self["networks"]:
            raise unknown(f"network of record {self.path.name}", name, self["networks"])
        file = self["networks"][name]
        data = self.read(file)
        net = models.network(name, self.settings)
        try:
            state = from_bytes(data)
            net.load_state_dict(
                {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
            )
        except (RuntimeError, SafetensorError) as error:
            raise GancourseError(
                f"{self.path / file} does not fit the network of its record: {error}"
            ) from None
        return net.to(device).eval()

    def read(self, name: str) -> bytes:
        """The bytes of a file of this record.

        Raises ``GancourseError`` where they are missing, or not those that were recorded.
        """
        if not name or Path(name).name != name or "\0" in name:
            raise GancourseError(f"{self.path} names the file {name!r}, outside of its folder.")
        file, expected = self.path / name, self["files"].get(name)
        try:
            data = file.read_bytes()
        except OSError as error:
            lost = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
            raise GancourseError(
                f"{file} {lost} (SHA-256 {expected}): copy it again or record it again."
            ) from None
        found = hashlib.sha256(data).hexdigest()
        if found != expected:
            raise GancourseError(
                f"{file} is damaged or another run's: SHA-256 {found}, its record says {expected}. "
                "Copy it again or record it again."
            )
        return data


class Runs(list):
    """The recorded runs of one setting, each a ``Record``, one a seed, in the seeds' order."""

    def over_seeds(self, path: str, interval: bool = False) -> list:
        """What stands at ``path``, as in ``Record.at_path``, of each seed."""
        return [run.at_path(path, interval) for run in self]

    def mean_low_high(self, path: str) -> tuple[float, float, float]:
        """Mean, smallest and largest over the seeds."""
        values = self.over_seeds(path)
        # fsum: the same digits on every Python, of which 3.12 changed sum
        return math.fsum(values) / len(values), min(values), max(values)

    def over_epochs(self, path: str) -> tuple[list[int], np.ndarray]:
        """(epochs, values): what stands at ``path`` of each measurement, one row a seed.

        The epochs are those at which every seed was measured.
        """
        measured = [{found["epoch"]: found for found in run["metrics"]} for run in self]
        epochs = sorted(set.intersection(*[set(of_run) for of_run in measured]))
        rows = [
            [run.at_path(path, within=of_run[epoch]) for epoch in epochs]
            for run, of_run in zip(self, measured, strict=True)
        ]
        return epochs, np.array(rows, float)


def settings() -> list[str]:
    """The course's settings, of which there are runs, as ``experiment/setting``, sorted."""
    return sorted({_setting(name) for name in names()} - {""})


def _setting(name: str) -> str:
    """``experiment/setting`` of a run's name, "" of one that ends in no seed."""
    found = re.fullmatch(r"(.+)-seed\d+", name)
    return found[1] if found else ""


def runs(setting: str) -> Runs:
    """The runs of one setting, such as ``"cats/none"``, in the first folder that has any.

    So another seed of one's own joins no runs of the course. ``UnknownName`` if there is none.
    """
    for root in folders():
        found = [name for name in names_in(root) if _setting(name) == setting]
        if found:
            found.sort(key=lambda name: int(name.rpartition("-seed")[2]))
            return Runs(load(root / name) for name in found)
    raise unknown("setting", setting, settings() or ["none: train one with `gancourse train`"])


def load(name: str | Path) -> Record:
    """The record ``experiment/run``, or the one in a run's folder.

    Raises ``UnknownName`` if there is none of that name, ``GancourseError`` for a folder without a
    record, a file that may not be read, is no record, is cut short, or is of another version.
    """
    file = _file_of(name)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise GancourseError(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:  # no JSON, no text, numbers of 5,000 digits
        raise GancourseError(
            f"{file} is no record or is cut short ({error}): copy it again, or record it again."
        ) from None
    content = content if isinstance(content, dict) else {}
    if content.get("format") != FORMAT:
        raise GancourseError(_other_version(file, content))
    if content.get("digest") != digest_of(content):
        raise GancourseError(
            f"{file} is damaged or was changed: its digest is another. Copy it again, record it "
            "again, or let `gancourse records keep` leave out what you do not want."
        )
    wrong = _mistyped(content, SHAPE)
    if wrong:
        raise GancourseError(
            f"{file} is no record: {wrong} is missing or of another type than a record's. Copy it "
            "again, or record it again."
        )
    return Record(file.parent, content)


def _mistyped(value, shape, where: str = "") -> str:
    """The path of the first part of ``value`` that has not the ``shape``, "" if all have it."""
    if not isinstance(shape, dict | list):
        right = isinstance(value, shape) and not isinstance(value, bool)
        return "" if right else where
    if not isinstance(value, type(shape)):
        return where
    parts = enumerate(value) if isinstance(shape, list) else value.items()
    for key, inner in parts:
        expected = shape[0] if isinstance(shape, list) else shape.get(key, shape.get(...))
        found = "" if expected is None else _mistyped(inner, expected, f"{where}.{key}".strip("."))
        if found:
            return found
    needed = [] if isinstance(shape, list) or not where else [k for k in shape if k is not ...]
    return next((f"{where}.{key}" for key in needed if key not in value), "")


def digest_of(content: dict) -> str:
    """SHA-256 of a record's content but for its "digest" itself, as sorted JSON."""
    rest = {name: value for name, value in content.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _file_of(name: str | Path) -> Path:
    """The ``record.json`` of a record's name or of a run's folder; raises as ``load`` does."""
    for root in folders():
        if str(name) in names_in(root):
            return root / name / "record.json"
    place = path_of(name)
    if (place / "record.json").is_file():
        return place / "record.json"
    if (place / "checkpoints").is_dir():
        raise GancourseError(
            f"{place} holds checkpoints and no record yet: that is written when the training ends. "
            "Go on with the command that began it and --resume."
        )
    if place.is_dir():
        raise GancourseError(f"{place} is a folder without a record.json: name the run's folder.")
    known = all_names()
    if not known:
        raise GancourseError(_no_records(name))
    near = difflib.get_close_matches(str(name), known, n=4, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    others = f" Also near: {', '.join(near[1:])}." if near[1:] else ""
    raise UnknownName(
        f"Unknown record {str(name)!r}.{hint}{others} `gancourse records` lists all {len(known)}."
    )


def _no_records(name) -> str:
    """Where one looked for ``name``, and where records come from."""
    looked = ", ".join(
        f"{place}{'' if place.is_dir() else ' (no such folder)'}" for place in folders()
    )
    return (
        f"There is no record {name}, and no other: looked in {looked}. The course's records are "
        "part of its repository, not of the installed package: clone it and set GANCOURSE_RECORDS "
        "to its folder records. Your own: `gancourse train` writes them into runs."
    )


def _other_version(file: Path, content: dict) -> str:
    """Which version wrote ``file``, which one reads it, and what to do."""
    found = content.get("format")
    versions_of = content.get("versions")
    by = versions_of.get("gancourse") if isinstance(versions_of, dict) else None
    return (
        f"{file} has the record format {found!r} (written by gancourse {by or 'unknown'}); "
        f"gancourse {__version__} reads {FORMAT!r}. Install the version that wrote it, or record "
        "it again with this one (records/README.md has the commands)."
    )
