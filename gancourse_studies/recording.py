"""Writing records: ``records`` reads them, and says what a record is.

``save`` writes one; the rest are the parts of its content that every run says in the same way.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import math
import os
import platform
import re
import subprocess
from pathlib import Path

import torch
from torch import Tensor

from gancourse import __version__, files, records
from gancourse.errors import GancourseError
from gancourse.records import FORMAT

WHOLE, KEPT = 2_000, 1_000  # curves up to WHOLE steps stay whole, longer ones keep KEPT values
FIRST = ("format", "model", "experiment", "run", "date", "commit", "versions", "device", "machine")


def save(
    path: str | Path,
    content: dict,
    strip: list[tuple[dict, Tensor]] = (),
    networks: dict | None = None,
) -> Path:
    """Write a record; every file appears whole or not at all, ``record.json`` last.

    ``content``: model, experiment, run, commit, device, settings, steps, minutes, weights, curves
    (see ``thinned``), metrics, …; format, date, machine, versions and the files' digests are filled
    in. ``strip``: (column, uint8 (rows, C, H, W)) in order of time, the column as {"step", "epoch"}
    or {"label"}. ``networks``: name → module, each stored as ``<name>.safetensors`` in fp16.
    """
    path = files.folder(path)
    filled = {"date": datetime.date.today().isoformat(), "machine": machine()}
    content = filled | {"versions": versions()} | content | {"format": FORMAT}
    if strip:
        columns, images = zip(*strip, strict=True)
        layout = {"file": "samples.webp", "rows": len(images[0]), "columns": list(columns)}
        content["samples"] = layout | {"size": images[0].shape[-1]}
        files.write(path / "samples.webp", _strip(images))
    for name, network in (networks or {}).items():
        from safetensors.torch import save as stored

        state = network.state_dict()
        half = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
        half = {k: v.cpu().contiguous() for k, v in half.items()}
        content["networks"] = content.get("networks", {}) | {name: f"{name}.safetensors"}
        files.write(path / f"{name}.safetensors", stored(half))
    content["files"] = _digests(path, content)
    return write(path, {key: content[key] for key in FIRST if key in content} | content)


def write(path: str | Path, content: dict) -> Path:
    """Write ``content`` as ``path``/record.json with its digest.

    Numbers that are none are null; what a file name holds beside UTF-8 is written as "\\udcff".
    """
    content = _writable(content)
    content["digest"] = records.digest_of(content)
    files.write(Path(path) / "record.json", as_text(content))
    return Path(path)


def keep(run: str | Path, out: str | Path, weights: bool = True) -> Path:
    """Copy the record ``run``, a name or a folder, into ``out``, with or without its weights.

    Its files are compared with their digests on the way. Raises ``GancourseError`` as
    ``records.load`` does, and where ``out`` holds a record.
    """
    record, out = records.load(run), Path(out)
    if (out / "record.json").exists():
        raise GancourseError(f"{out} already holds a record. Choose another --out.")
    content = dict(record.content)
    if not weights:
        left_out = set(content.pop("networks", {}).values())
        content["files"] = {k: v for k, v in record["files"].items() if k not in left_out}
    for name in content.get("files", {}):
        files.write(out / name, record.read(name))
    return write(out, content)


def _writable(value):
    """``value`` with None for what JSON has no number for: an interval of two pictures, say.

    Text is such as UTF-8 has: a folder's name need not be.
    """
    if isinstance(value, dict):
        return {key: _writable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(inner) for inner in value]
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def listing() -> tuple[str, int]:
    """(What ``records`` finds where, a line a run; how many of them cannot be read).

    A run that an earlier folder hides says so, one that cannot be read says why.
    """
    lines, seen, unread = [], {}, 0
    for root in records.folders():
        found = records.names_in(root)
        missing = "" if root.is_dir() else " (no such folder)"
        lines.append(f"{root}: {len(found)} record{'s' * (len(found) != 1)}{missing}")
        for name in found:
            if name in seen:
                lines.append(f"  {name}: hidden by the one in {seen[name]}; open it by its folder")
                continue
            seen[name] = root
            about, whole = _about(root / name)
            lines.append(f"  {name}: {about}")
            unread += not whole
    return "\n".join(lines), unread


def _about(path: Path) -> tuple[str, bool]:
    """(A record's caption, or why it cannot be read; whether it can)."""
    try:
        record = records.load(path)
        caption = record.caption
        missing = [name for name in record["files"] if not (path / name).is_file()]
    except GancourseError as error:
        return f"cannot be read: {error}", False
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # a value of another type
        reason = f"{type(error).__name__}: {error}"
        return f"cannot be read: record.json is not what was written ({reason})", False
    if missing:
        return f"cannot be read whole: {', '.join(missing)} missing; copy it again", False
    return caption, True


def thinned(terms: dict[str, list[float]], whole: int = WHOLE, kept: int = KEPT) -> dict:
    """``terms``, name → one value a step, as a record keeps them: {"every": k, "terms": means}.

    One value for each k steps, their mean (the last block may be shorter); k is 1 up to ``whole``
    steps, beyond that as small as leaves at most ``kept`` values.
    """
    steps = max((len(values) for values in terms.values()), default=0)
    every = 1 if steps <= whole else -(-steps // kept)
    blocks = {k: [v[i : i + every] for i in range(0, len(v), every)] for k, v in terms.items()}
    means = {k: [float(sum(block) / len(block)) for block in found] for k, found in blocks.items()}
    return {"every": every, "terms": rounded(means)}


def versions() -> dict[str, str]:
    """What computed the numbers."""
    return {
        "gancourse": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
    }


def machine() -> dict:
    """On what it was computed: processor (None where unknown), cores, system."""
    try:
        named = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        named = None
    processor = named[1].strip() if named else platform.processor() or None
    system = f"{platform.system()} {platform.machine()}".strip()
    return {"processor": processor, "cores": os.cpu_count(), "system": system}


def commit() -> str | None:
    """The git commit of the checkout that the package lies in, None outside of one.

    With "+" at its end where ``gancourse/`` differs from that commit.
    """
    root = Path(__file__).resolve().parents[1]

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            return None
        return git("rev-parse", "HEAD") + "+" * bool(git("status", "--porcelain", "gancourse"))
    except (OSError, subprocess.CalledProcessError):
        return None


def rounded(values, digits: int = 4):
    """Numbers, or lists and dicts of numbers, at ``digits`` significant digits: small files."""
    if isinstance(values, dict):
        return {k: rounded(v, digits) for k, v in values.items()}
    if isinstance(values, list | tuple):
        return [rounded(v, digits) for v in values]
    return float(f"{values:.{digits}g}") if isinstance(values, float) else values


def distances(extract, found: Tensor, real: Tensor) -> dict:
    """Fréchet distance and [KID×10³, low, high] of two sets of features, by their names.

    ``extract`` is the ``Extractor`` of both, (n, d) and (m, d): its features are in the names.
    """
    from gancourse.metrics.distances import frechet, kid

    return {
        extract.metric: rounded(frechet(found, real)),
        extract.kid: rounded([value * 1e3 for value in kid(found, real)]),
    }


def l1(a: Tensor, b: Tensor) -> float:
    """Mean |a - b| on the networks' scale, [-1, 1], of two uint8 tensors."""
    return float((a.float() - b.float()).abs().mean() / 127.5)


def agreement(inputs: Tensor, outputs: Tensor) -> dict:
    """How well outputs keep their inputs' edges: means, share of nearest, one number a picture.

    Both uint8 (n, C, H, W), n at least 2 (else ``GancourseError``).
    """
    from gancourse.metrics import content

    found = content.agreement(inputs, outputs)
    return rounded(
        {
            "paired": float(found.paired.mean()),
            "shuffled": float(found.shuffled.mean()),
            "top1": found.top1,
            # one number a picture: what a paired test of two runs needs
            "each": (found.paired - found.shuffled).tolist(),
        },
        3,
    )


def as_text(content: dict) -> str:
    """``content`` as JSON with every list of numbers on one line, however long."""
    return _lines(content, 0) + "\n"


def _lines(value, depth: int) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    plain = isinstance(value, list) and not any(isinstance(v, dict) for v in value)
    if not isinstance(value, dict | list) or plain or len(flat) + depth <= 100:
        return flat
    inner = "\n" + " " * (depth + 1)
    if isinstance(value, list):
        return f"[{inner}{f',{inner}'.join(_lines(v, depth + 1) for v in value)}{inner[:-1]}]"
    pairs = (
        f"{json.dumps(key, ensure_ascii=False)}: {_lines(v, depth + 1)}" for key, v in value.items()
    )
    return f"{{{inner}{f',{inner}'.join(pairs)}{inner[:-1]}}}"


def _digests(path: Path, content: dict) -> dict[str, str]:
    """The SHA-256 of every file that ``content`` names."""
    files = [*content.get("networks", {}).values(), *content.get("pictures", {})]
    files += [content["samples"]["file"]] if "samples" in content else []
    return {
        name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in sorted(set(files))
    }


def _strip(images) -> bytes:
    from PIL import Image

    columns = [torch.cat(list(column), dim=1) for column in images]  # each (C, rows·H, W)
    pixels = torch.cat(columns, dim=2)
    if len(pixels) == 1:
        pixels = pixels.expand(3, -1, -1)
    picture = Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=90, method=6)
    return buffer.getvalue()
