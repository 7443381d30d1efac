"""The page "Your own cat": recorded generators translate a reader's photo in the browser.

``build(out)`` writes all of it, for any static host: the page of ``site/cat``, ONNX Runtime Web,
the generators as ONNX, example pictures, and ``models.json``, from which the page takes every name
and number. ``python -m gancourse_tools.cat_page OUT`` does the same.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import lzma
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gancourse import files, records
from gancourse.data import catalog
from gancourse.errors import GancourseError
from gancourse_studies import export, pictures

SOURCES = Path(__file__).resolve().parents[1] / "site" / "cat"
STATIC = ("index.html", "cat.css", "cat.js", "networks.js", "resize.js")
WASM = "ort-wasm-simd-threaded.wasm"
# Run → what its domains A and B show. The first of an experiment is what the page begins with.
RUNS = {
    "grumpy-cats/laptop-seed0": ("Russian Blue", "Grumpy Cat"),
    "grumpy-cats/laptop-lambda0-seed0": ("Russian Blue", "Grumpy Cat"),
    "horse2zebra/laptop-seed0": ("horse", "zebra"),
}
EXAMPLES = 6  # of each domain
FEW = 32  # weights: a cast would take more room than it saves


def build(out: str | Path) -> Path:
    """Write the page into ``out``, which is made; returns its ``index.html``.

    Raises ``GancourseError`` where the sources are not there (they are not in the wheel), a file of
    the runtime is not the one that ``runtime.json`` names, or a record or its weights are missing,
    and as ``export.export`` where a graph is not its network.
    """
    found = {
        run: pictures.of_kind(run, ("cyclegan",)) for run in RUNS
    }  # before anything is written
    out = files.folder(files.path_of(out))
    for name in STATIC:
        files.write(out / name, _source(name))
    shown = {"runtime": _runtime(out / "runtime"), "models": [], "examples": []}
    for run, record in found.items():
        for way in pictures.TRANSLATORS["cyclegan"]:
            shown["models"].append(_model(run, record, way, out))
    for run in {name.split("/")[0]: name for name in reversed(RUNS)}.values():
        shown["examples"] += _examples(run, found[run], out)
    files.write(out / "models.json", json.dumps(shown, indent=1, ensure_ascii=False) + "\n")
    return out / "index.html"


def _source(name: str) -> bytes:
    """A file of ``SOURCES``."""
    try:
        return (SOURCES / name).read_bytes()
    except OSError as error:
        raise GancourseError(
            f"{SOURCES / name} cannot be read: {error.strerror}. The page is built from a checkout "
            "of the course, whose folder site/cat holds it."
        ) from None


def _runtime(out: Path) -> dict:
    """Write ONNX Runtime Web into ``out``, each file compared with its SHA-256; what it is."""
    about = json.loads(_source("runtime/runtime.json"))
    for name, expected in about["files"].items():
        packed = (SOURCES / "runtime" / f"{name}.xz").exists()
        data = _source(f"runtime/{name}.xz" if packed else f"runtime/{name}")
        try:
            data = lzma.decompress(data) if packed else data
            found = hashlib.sha256(data).hexdigest()
        except lzma.LZMAError as error:
            found = f"none, for it does not unpack ({error})"
        if found != expected:
            raise GancourseError(
                f"{SOURCES / 'runtime' / name} is not that of {about['package']} "
                f"{about['version']}: SHA-256 {found}, runtime.json says {expected}. Take it from "
                "the course's repository, or from the package again."
            )
        if name == WASM:  # a quarter of its size on the way, whatever the host does
            name, data = f"{name}.gz", gzip.compress(data, mtime=0)
            about["wasm"] = {"file": f"runtime/{name}", "bytes": len(data)}
        files.write(out / name, data)
    return {key: about[key] for key in ("package", "version", "licence", "wasm")}


def _model(run: str, record: records.Record, way: str, out: Path) -> dict:
    """Write a generator as ONNX below ``out``; its entry in ``models.json``."""
    name = f"models/{run.replace('/', '-')}-{way}.onnx"
    export.export(run, out / name, way=way, force=True)
    network = record.generator(pictures.network_of(record, way))
    _halve(out / name)
    size, settings = record.settings.size, record.settings
    export.compare(out / name, network, torch.linspace(-1, 1, 3 * size**2).view(1, 3, size, size))
    data = (out / name).read_bytes()
    told = f"final.{record.weights}.{way.replace('-', '_')}"
    kid, low, high = record.at_path(f"{told}.held_out.{{kid}}", interval=True)
    untouched = f"baselines.{way.replace('-', '_')}.untouched inputs.{{kid}}"
    a, b = RUNS[run]
    return {
        "file": name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "weights": sum(weight.numel() for weight in network.parameters()),
        "record": run,
        "experiment": run.split("/")[0],
        "way": way,
        "from": a if way == "a-to-b" else b,
        "to": b if way == "a-to-b" else a,
        "lambda": settings.lambda_cycle,
        "size": size,
        "steps": record.steps,
        "minutes": record.minutes,
        "device": record["device"],
        "features": record.kid,
        "kid": [kid, low, high],
        "untouched": record.at_path(untouched),
        # of [-1, 1]: of the held-out photos, there and back
        "reconstruction": record.at_path(f"{told}.reconstruction"),
        "licence": f"trained on {settings.data} ({catalog.find(settings.data).licence})",
    }


def _halve(file: Path) -> None:
    """Keep the weights of the graph in ``file`` as fp16, cast to fp32 where it begins.

    Records keep them so: nothing is lost. Weights that fp16 has not are left as they are.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(file))
    casts = []
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < FEW:
            continue
        half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(
            onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    onnx.checker.check_model(graph)
    files.write(file, graph.SerializeToString())


def _examples(run: str, record: records.Record, out: Path) -> list[dict]:
    """Write the first held-out photos of each domain from a record's strip; their entries."""
    inputs, entries = record.strip[:, 0], []
    for domain, shows in enumerate(RUNS[run]):
        first = domain * len(inputs) // 2  # A's rows stand above B's
        for number, photo in enumerate(inputs[first : first + EXAMPLES], 1):
            buffer = io.BytesIO()
            Image.fromarray(photo.permute(1, 2, 0).contiguous().numpy()).save(buffer, "PNG")
            name = f"examples/{shows.replace(' ', '-').lower()}-{number}.png"
            files.write(out / name, buffer.getvalue())
            entries.append(
                {"file": name, "experiment": run.split("/")[0], "shows": shows, "record": run}
            )
    return entries


def main() -> int:
    """Build the page into the folder that the command line names."""
    about = "Write the page that translates a reader's photo in the browser."
    parser = argparse.ArgumentParser(prog="python -m gancourse_tools.cat_page", description=about)
    parser.add_argument("out", metavar="OUT", help="folder of the page")
    try:
        page = build(parser.parse_args().out)
    except GancourseError as error:
        print(f"gancourse: {error}", file=sys.stderr)
        return 1
    print(f"{page}: serve its folder, such as with `python -m http.server -d {page.parent}`")
    return 0


if __name__ == "__main__":
    sys.exit(main())
