"""Features and FID against pytorch-fid's command line, neighbours against the post's loop, memory.

Both sides of a comparison give the same numbers before their times are compared. pytorch-fid's
own download of weights is replaced: at 768 dimensions by the trunk (bias for batch norm), at 2048
by random weights, which cost the same time. Without the trunk the 768 rows use random ones too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gancourse import data
from gancourse.metrics import distances, features
from gancourse.metrics.neighbours import knn

GFLOP = {768: 9.4, 2048: 11.4}  # an image: multiplications and additions of the convolutions


def pictures(count: int, part: str, channels: int = 3) -> torch.Tensor:
    """uint8 (count, channels, 128, 128): NEU images where they are, else stand-ins."""
    return data.load("NEU-DET", part=part, size=128, channels=channels, limit=count).images


def full_state(path: Path, dims: int) -> None:
    """A whole state dict as pytorch-fid downloads it, with the trunk's weights if we have them."""
    torch.manual_seed(0)
    net = features.inception_layers()
    state = net.state_dict() | {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    trunk = features.find_weights(features.TRUNK)
    if trunk and dims == 768:
        from safetensors.torch import load_file

        for key, value in load_file(trunk).items():
            layer = key.rsplit(".conv.", 1)[0]
            if key.endswith("weight"):
                state[key] = value
            else:
                state[f"{layer}.bn.bias"] = value
                state[f"{layer}.bn.running_var"] = torch.full_like(value, 1 - 1e-3)
    torch.save(state, path)


def fid_reference(folder: str, dims: str) -> None:
    """pytorch-fid's command line as it is, but with the weights from ``folder``."""
    from pytorch_fid import fid_score, inception

    def weights(*args, **kwargs):
        return torch.load(f"{folder}/weights.pth", weights_only=True)

    inception.load_state_dict_from_url = weights
    activations = fid_score.get_activations

    def timed(*args, **kwargs):
        started = time.perf_counter()
        found = activations(*args, **kwargs)
        print("FEATURES", time.perf_counter() - started)
        return found

    fid_score.get_activations = timed
    sys.argv = ["pytorch-fid", f"{folder}/real", f"{folder}/fake", "--dims", dims]
    fid_score.main()


def fid_ours(folder: str, dims: str) -> None:
    """The same from the same files; the real side comes from the cache where that is warm."""
    last = {"768": "Mixed_6e", "2048": "Mixed_7c"}[dims]
    state = torch.load(f"{folder}/weights.pth", weights_only=True)
    net = features.Inception(state, last)
    extract = features.Extractor(net, "benchmark", "FID", f"benchmark {dims}", "cpu")
    found = []
    for side, take in (("real", extract.cached), ("fake", extract)):
        files = sorted(Path(folder, side).glob("*.png"))
        images = np.stack([np.asarray(Image.open(f).convert("RGB")) for f in files])
        started = time.perf_counter()
        found.append(take(torch.from_numpy(images).permute(0, 3, 1, 2)))
        print("FEATURES", time.perf_counter() - started)
    print("FID: ", distances.frechet(*found))


def in_a_process(
    function: str, *arguments: str, cache: str = "", module: str = "evaluation"
) -> tuple[float, list[str]]:
    """Seconds of a fresh interpreter that calls a function of a benchmark module, and its words."""
    code = f"from benchmarks import {module} as m; m.{function}(*{arguments!r})"
    environment = os.environ | ({"GANCOURSE_CACHE": cache} if cache else {})
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(done.stderr)
    return seconds, done.stdout.split()


def _fid(dims: int, count: int = 300) -> list[dict]:
    """End to end from files: imports, decoding, features of two sets, distance."""
    with tempfile.TemporaryDirectory() as folder:
        for side, part in (("real", "scratches"), ("fake", "inclusion")):
            Path(folder, side).mkdir()
            for i, image in enumerate(pictures(count, part)):
                path = Path(folder, side, f"{i:04d}.png")
                Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
        full_state(Path(folder, "weights.pth"), dims)
        cold, said = in_a_process("fid_ours", folder, str(dims), cache=f"{folder}/cache")
        theirs, expected = in_a_process("fid_reference", folder, str(dims))
        warm, again = in_a_process("fid_ours", folder, str(dims), cache=f"{folder}/cache")
    values = [float(words[-1]) for words in (said, expected, again)]
    assert values == [values[0]] * 3 or max(values) - min(values) < 1e-3 * values[1], values
    spent, spent_theirs = (_after(words, "FEATURES") for words in (said, expected))
    rate = matmul_rate()
    real = dims == 768 and features.find_weights(features.TRUNK)
    note = f"{'trunk' if real else 'random'} weights, FID {values[0]:.4g} and {values[1]:.4g}"
    rows = [
        ("features", sum(spent), sum(spent_theirs), 2, 2),
        ("FID end to end", cold, theirs, 5, 2),
        ("FID, real side cached", warm, theirs, 20, 1),
    ]
    return [
        {
            "name": f"{name}, {count}/{count} images, {dims} dims",
            "ours": ours,
            "reference": reference,
            "ratio": reference / ours,
            "aim": aim,
            "floor": f"{reference / (GFLOP[dims] * count * sides / rate):.1f}× by arithmetic at "
            f"{rate:.0f} GFLOP/s; {note}",
        }
        for name, ours, reference, aim, sides in rows
    ]


def _after(words: list[str], mark: str) -> list[float]:
    return [float(words[i + 1]) for i, word in enumerate(words) if word == mark]


def matmul_rate() -> float:
    """GFLOP/s of a large float32 matrix product, the best of several."""
    a, best = torch.rand(2048, 2048), float("inf")
    for _ in range(8):
        started = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - started)
    return 2 * 2048**3 / best / 1e9


def fid_768() -> list[dict]:
    return _fid(768)


def fid_2048() -> list[dict]:
    return _fid(2048)


def post_neighbours(fakes, images, k: int) -> list[np.ndarray]:
    """The post's idea: one fake at a time, a distance per training image in a list, argsort."""

    def distance(a, b):
        return ((a - b) ** 2).sum().sqrt()

    return [np.argsort([distance(fake[0], image[0]) for image in images])[:k] for fake in fakes]


def neighbours_64_in_300(k: int = 5, repeats: int = 5) -> dict:
    images = pictures(300, "scratches", channels=1)
    fakes = pictures(64, "inclusion", channels=1)
    floats = [
        list(data.to_float(x)) for x in (fakes, images)
    ]  # decoded already: the post's were not
    times = {"ours": [], "post": []}
    for _ in range(repeats):  # in turn, so that other work on the machine hits both
        started = time.perf_counter()
        expected = post_neighbours(floats[0], floats[1], k)
        times["post"].append(time.perf_counter() - started)
        for _ in range(3):
            started = time.perf_counter()
            found = knn(fakes, images, k, device="cpu")[1]
            times["ours"].append(time.perf_counter() - started)
    assert all(np.array_equal(a, b) for a, b in zip(found.numpy(), expected, strict=True))
    ours, post = (sorted(t)[len(t) // 2] for t in times.values())
    return {
        "name": f"k-NN of {len(fakes)} in {len(images)} images, 128×128 grey",
        "ours": ours,
        "reference": post,
        "ratio": post / ours,
        "aim": 30,
        "floor": None,
    }


BENCHMARKS = (fid_768, fid_2048, neighbours_64_in_300)
