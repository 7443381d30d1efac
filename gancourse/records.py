"""Records: what a long run left behind, as small files that notebooks and README read.

A record is a folder ``records/<experiment>/<run>/`` with ``record.json`` (settings, curves,
metrics, device, versions), ``samples.jpg`` (one row a latent point or an input, one column an
epoch) and the generators' weights as fp16 safetensors. Nothing in it is pickled.
"""

from __future__ import annotations

import json
import os
import platform
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
    """The record ``experiment/run``; ``UnknownName`` if there is none of that name."""
    if name not in names():
        raise unknown("record", name, names() or ["none: train one with `gancourse train`"])
    path = folder() / name
    content = json.loads((path / "record.json").read_text(encoding="utf-8"))
    if content.get("format") != FORMAT:
        raise GancourseError(
            f"{path}/record.json has format {content.get('format')!r}, "
            f"this version reads {FORMAT!r}: record it again."
        )
    return Record(path, content)


def table() -> str:
    """All records as Markdown tables, one for each kind of model."""
    runs = {name: load(name) for name in names()}
    dcgans = {name: run for name, run in runs.items() if "width_g" in run["settings"]}
    cyclegans = {name: run for name, run in runs.items() if name not in dcgans}
    tables = [_dcgan_table(dcgans)] * bool(dcgans) + [_cyclegan_table(cyclegans)] * bool(cyclegans)
    return "\n\n".join(tables)


def _markdown(head: str, rows: list[list[str]]) -> str:
    lines = [f"| {head} |", "|---" * (head.count("|") + 1) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(cells)} |" for cells in rows)])


def _interval(values) -> str:
    return f"{values[0]:.2f} [{values[1]:.2f}, {values[2]:.2f}]"


def _dcgan_table(runs: dict[str, Record]) -> str:
    """Distances to held-out images, and the copying check.

    Last and best epoch are of the trained weights, ``average`` is the running average of the last
    epoch; the best epoch was chosen by the distance to the training images.
    """
    rows = []
    for name, run in runs.items():
        final, best = run["final"], run["best"]
        ends = [final[k]["held_out"] for k in ("last", "average")]
        metric = next(key for key in ends[0] if key != "KID×10³")
        copies = final["average"]["copying"]
        best_kid = best["last"]["held_out"]["KID×10³"][0]
        rows.append(
            [
                *(name, *(_interval(end["KID×10³"]) for end in ends)),
                f"{best_kid:.2f} ({best['epoch']})",
                *(f"{metric} {ends[0][metric]:.2f}", f"{ends[1][metric]:.2f}"),
                f"{copies['auc']:.2f} ({copies['p_value']:.2g})",
            ]
        )
    head = "run | KID×10³ last | average | best (epoch) | FID last | average | copying AUC (p)"
    return _markdown(head, rows)


def _cyclegan_table(runs: dict[str, Record]) -> str:
    """Held-out translations of the last epoch: distance both ways, reconstruction, content."""
    rows = []
    for name, run in runs.items():
        ways = [run["final"][way] for way in ("a_to_b", "b_to_a")]
        kids = [_interval(way["held_out"]["KID×10³"]) for way in ways]
        back = [f"{way['reconstruction']:.3f}" for way in ways]
        kept = [f"{way['agreement']['paired']:.2f}" for way in ways]
        other = [f"{way['agreement']['shuffled']:.2f}" for way in ways]
        steps = len(run["curves"]["gen"])
        rows.append([name, f"{steps:,}", *kids, " / ".join(back), " / ".join(kept)])
        rows[-1].append(" / ".join(other))
    head = (
        "run | steps | KID×10³ A→B | B→A | mean abs. reconstruction error A / B "
        "| edges kept A→B / B→A | with others' inputs"
    )
    return _markdown(head, rows)


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
