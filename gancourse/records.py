"""Records: what a long run left behind, as small files that notebooks and README read.

A record is a folder ``records/<experiment>/<run>/`` with ``record.json`` (settings, curves,
metrics, device, versions), ``samples.jpg`` (one row a latent point or an input, one column an
epoch) and the generators' weights as fp16 safetensors. A measurement, such as chapter 08's, has
the JSON alone. Nothing in it is pickled.
"""

from __future__ import annotations

import json
import os
import platform
import re
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from . import __version__
from .errors import GancourseError, unknown

FORMAT = "gancourse-record-1"


def folder() -> Path:
    """Where the records lie: ``$GANCOURSE_RECORDS``, else ``records/`` of the checkout."""
    given = os.environ.get("GANCOURSE_RECORDS")
    return Path(given) if given else Path(__file__).resolve().parents[1] / "records"


def names() -> list[str]:
    """All records as ``experiment/run``, sorted."""
    root = folder()
    return sorted(str(p.parent.relative_to(root).as_posix()) for p in root.glob("*/*/record.json"))


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
    def caption(self) -> str:
        """What a figure of this run has to say about itself."""
        if "final" not in self.content:  # a measurement: nothing was trained
            return f"{self['data']['caption']}; {self['device']}"
        s = self["settings"]
        widths = (s["width_g"], s["width_d"]) if "width_g" in s else (s["width"], s["width_d"])
        run = f"widths {widths[0]}/{widths[1]}, {s['epochs']} epochs, seed {s['seed']}"
        return f"{self['data']['caption']}; {run}; {self['device']}"

    @cached_property
    def strip(self) -> Tensor:
        """The recorded samples as uint8 (rows, columns, 3, H, W): latent points × epochs."""
        import numpy as np
        from PIL import Image

        layout = self["samples"]
        with Image.open(self.path / layout["file"]) as picture:
            pixels = torch.from_numpy(np.array(picture.convert("RGB")))
        rows, columns, size = layout["rows"], len(layout["epochs"]), layout["size"]
        grid = pixels.reshape(rows, size, columns, size, 3)
        return grid.permute(0, 2, 4, 1, 3).contiguous()

    def generator(self, name: str = "generator", device: str = "cpu"):
        """A recorded generator, last epoch, in evaluation mode.

        A DCGAN has one, ``"generator"``, its weights averaged; a CycleGAN ``"gen_ab"`` and
        ``"gen_ba"``.
        """
        from safetensors.torch import load_file

        from . import profiles
        from .models import cyclegan, dcgan

        if name not in self["networks"]:
            raise unknown(f"network of record {self.path.name}", name, self["networks"])
        file = self.path / self["networks"][name]
        if "width_g" in self["settings"]:
            net, _ = dcgan.build(profiles.DCGANSettings(**self["settings"]))
        else:
            net = cyclegan.generator(profiles.CycleGANSettings(**self["settings"]))
        weights = {k: v.float() if v.is_floating_point() else v for k, v in load_file(file).items()}
        try:
            net.load_state_dict(weights)
        except RuntimeError as error:
            raise GancourseError(
                f"{file} does not fit the network of its record: {error}"
            ) from None
        return net.to(device).eval()


def load(name: str) -> Record:
    """The record ``experiment/run``.

    Raises ``UnknownName`` if there is none of that name, ``GancourseError`` for a file that is no
    record, is cut short, or has the format of another version.
    """
    if name not in names():
        raise unknown("record", name, names() or ["none: train one with `gancourse train`"])
    file = folder() / name / "record.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise GancourseError(
            f"{file} is no record or is cut short ({error}): copy it again, or record it again."
        ) from None
    content = content if isinstance(content, dict) else {}
    if content.get("format") != FORMAT:
        raise GancourseError(_other_version(file, content))
    return Record(file.parent, content)


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


def table() -> str:
    """All trained runs as Markdown tables, one for each kind of model; no measurements.

    A row is a setting: of several seeds the mean and (lowest–highest), of one seed the value and,
    where it has one, its [95 % interval].
    """
    groups: dict[str, list[Record]] = {}
    for name in names():
        run = load(name)
        if "final" in run.content:
            drawn = " (stand-in)" * (run["data"]["source"] == "stand-in")
            groups.setdefault(re.sub(r"-seed\d+$", "", name) + drawn, []).append(run)
    of_dcgans = {name: "width_g" in runs[0]["settings"] for name, runs in groups.items()}
    tables = []
    for head, row, kind in ((_DCGAN, _dcgan_row, True), (_CYCLEGAN, _cyclegan_row, False)):
        rows = [
            [name, str(len(groups[name])), *row(groups[name])]
            for name in groups
            if of_dcgans[name] == kind
        ]
        lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
        tables += ["\n".join(lines)] * bool(rows)
    return "\n\n".join(tables)


def _over_seeds(values: list, digits: int = 2) -> str:
    """Numbers or (value, low, high), one a seed, as one cell."""
    firsts = [v[0] if isinstance(v, list | tuple) else v for v in values]
    if len(values) == 1:
        if isinstance(values[0], list | tuple):
            return f"{firsts[0]:.{digits}f} [{values[0][1]:.{digits}f}, {values[0][2]:.{digits}f}]"
        return f"{firsts[0]:.{digits}f}"
    mean = sum(firsts) / len(firsts)
    return f"{mean:.{digits}f} ({min(firsts):.{digits}f}–{max(firsts):.{digits}f})"


_DCGAN = ["setting", "seeds", "KID×10³ last", "average", "FID last", "average", "copying AUC"]


def _dcgan_row(runs: list[Record]) -> list[str]:
    """Distances to held-out images, of the last weights and their average, and copying."""
    ends = [[run["final"][kind]["held_out"] for run in runs] for kind in ("last", "average")]
    metric = next(key for key in ends[0][0] if key != "KID×10³")
    kids = [_over_seeds([end["KID×10³"] for end in side]) for side in ends]
    fids = [f"{metric} " + _over_seeds([end[metric] for end in side]) for side in ends]
    copied = [run["final"]["average"]["copying"]["auc"] for run in runs]
    return [*kids, *fids, _over_seeds(copied)]


_CYCLEGAN = ["setting", "seeds", "steps", "KID×10³ A→B", "B→A", "reconstruction error A", "B"]
_CYCLEGAN += ["edges kept A→B", "B→A"]


def _cyclegan_row(runs: list[Record]) -> list[str]:
    """Held-out translations of the last epoch: distance both ways, reconstruction, content.

    Edges kept: agreement with the own input's edges minus that with other inputs'.
    """
    ways = [[run["final"][way] for run in runs] for way in ("a_to_b", "b_to_a")]
    kids = [_over_seeds([way["held_out"]["KID×10³"] for way in side]) for side in ways]
    back = [_over_seeds([way["reconstruction"] for way in side]) for side in ways]
    kept = [
        _over_seeds([w["agreement"]["paired"] - w["agreement"]["shuffled"] for w in side])
        for side in ways
    ]
    return [f"{len(runs[0]['curves']['gen']):,}", *kids, *back, *kept]


def save(
    path: str | Path,
    content: dict,
    strip: list[tuple[int | str, Tensor]] = (),
    networks: dict | None = None,
) -> Path:
    """Write a record; every file appears whole or not at all.

    ``strip``: (epoch, uint8 (rows, C, H, W)) in order of time. ``networks``: name → module, each
    stored as ``<name>.safetensors`` in fp16.
    """
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    content = {"format": FORMAT, "versions": versions(), **content}
    if strip:
        epochs, images = zip(*strip, strict=True)
        rows, size = len(images[0]), images[0].shape[-1]
        content["samples"] = {"file": "samples.jpg", "rows": rows, "epochs": epochs, "size": size}
        _write(path / "samples.jpg", lambda file: _save_strip(images, file))
    for name, network in (networks or {}).items():
        from safetensors.torch import save_file

        state = network.state_dict()
        half = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
        half = {k: v.cpu().contiguous() for k, v in half.items()}
        content.setdefault("networks", {})[name] = f"{name}.safetensors"
        _write(path / f"{name}.safetensors", lambda file, half=half: save_file(half, file))
    text = json.dumps(content, indent=1)
    _write(path / "record.json", lambda file: Path(file).write_text(text + "\n", encoding="utf-8"))
    return path


def versions() -> dict[str, str]:
    """What computed the numbers."""
    return {
        "gancourse": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
    }


def rounded(values, digits: int = 4):
    """Numbers, or lists and dicts of numbers, at ``digits`` significant digits: small files."""
    if isinstance(values, dict):
        return {k: rounded(v, digits) for k, v in values.items()}
    if isinstance(values, list | tuple):
        return [rounded(v, digits) for v in values]
    return float(f"{values:.{digits}g}") if isinstance(values, float) else values


def _save_strip(images, file) -> None:
    from PIL import Image

    columns = [torch.cat(list(column), dim=1) for column in images]  # each (C, rows·H, W)
    pixels = torch.cat(columns, dim=2)
    if torch.equal(pixels[0], pixels[-1]):
        picture = Image.fromarray(pixels[0].numpy())
    else:
        picture = Image.fromarray(pixels.permute(1, 2, 0).numpy())
    picture.save(file, format="JPEG", quality=88)


def _write(path: Path, writer) -> None:
    """Let ``writer`` fill a temporary file, then rename it to ``path``."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        writer(temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def thinned(terms):
    return {"every": 1, "terms": rounded(terms)}


def commit():
    return None
