"""A hundred crops of tiles for a reader who does not know their source, and the count of answers.

    python -m gancourse_studies.blind_sheet make RECORD FOLDER KEY
    python -m gancourse_studies.blind_sheet count KEY ANSWERS RECORD FOLDER READER

The pictures go to FOLDER, which of them is what to KEY, elsewhere. ANSWERS is a JSON file: number →
{"defect": "none", "blowhole", "crack" or "other", "made": true or false}. ``count`` writes the
record into FOLDER; READER says who read, and what of the sources was known.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from gancourse import files, records
from gancourse.errors import GancourseError
from gancourse.train.cyclegan import translate
from gancourse_lab import tile_crops
from gancourse_studies import recording

COUNTS = {"translated": 50, "defective": 25, "clean": 25}
ANSWERS = ("none", *tile_crops.KINDS, "other")
ROWS, SCALE, GAP = 5, 4, 26  # pictures a side of a sheet, enlarged, room for the number


def choose(record: str, seed: int = 0) -> tuple[torch.Tensor, list[dict]]:
    """The pictures uint8 (100, 1, 64, 64) in random order, and what each is.

    Real ones and inputs of translations are held out; fewer defective ones than are asked for are
    filled up from the training pieces, said in the key.
    """
    network = records.load(record).generator("gen_ab")
    rng = np.random.default_rng(seed)
    clean = tile_crops.domain("A", tile_crops.METAL, "test", "real")
    order = rng.permutation(len(clean))
    inputs, untouched = np.split(order[: COUNTS["translated"] + COUNTS["clean"]], [50])
    pictures = [translate(network, clean.images[inputs]), clean.images[untouched]]
    key = [{"source": "translated", "of": clean.names[i]} for i in inputs]
    key += [{"source": "clean", "of": clean.names[i]} for i in untouched]
    wanted = COUNTS["defective"]
    for split in ("test", "train"):
        real = tile_crops.domain("B", tile_crops.METAL, split, "real")
        taken = rng.permutation(len(real))[:wanted]
        pictures.append(real.images[taken])
        key += [{"source": "defective", "of": real.names[i], "split": split} for i in taken]
        wanted -= len(taken)
    order = rng.permutation(len(key))
    return torch.cat(pictures)[order], [key[i] for i in order]


def make(record: str, out: Path, key: Path) -> None:
    """Write the sheets into ``out`` and the key to ``key``."""
    pictures, of = choose(record)
    out = files.folder(out)
    for start in range(0, len(pictures), ROWS**2):
        sheet = _sheet(pictures[start : start + ROWS**2], start + 1)
        sheet.save(out / f"sheet-{start // ROWS**2 + 1}.png")
    files.write(key, json.dumps({str(i): one for i, one in enumerate(of, 1)}, indent=1))


def _sheet(pictures: torch.Tensor, first: int) -> Image.Image:
    side = SCALE * pictures.shape[-1]
    sheet = Image.new("L", (ROWS * (side + 8), ROWS * (side + GAP)), 255)
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 18)
    pen = ImageDraw.Draw(sheet)
    for i, picture in enumerate(pictures[:, 0].numpy()):
        x, y = i % ROWS * (side + 8), i // ROWS * (side + GAP)
        pen.text((x + 4, y + 2), str(first + i), 0, font)
        large = Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)
        sheet.paste(large, (x, y + GAP - 2))
    return sheet


def counted(key: dict, answers: dict) -> dict:
    """Source → answer → how many; and of how many each source was called made.

    Raises ``GancourseError`` for a missing number or a word that is no answer.
    """
    missing = sorted(set(key) ^ set(answers), key=int)
    if missing:
        raise GancourseError(f"Key and answers differ at the numbers {missing[:10]}.")
    table = {source: dict.fromkeys((*ANSWERS, "called made", "of"), 0) for source in COUNTS}
    for number, said in answers.items():
        if said["defect"] not in ANSWERS:
            raise GancourseError(f"{number}: {said['defect']!r} is none of {ANSWERS}.")
        row = table[key[number]["source"]]
        row[said["defect"]] += 1
        row["called made"] += bool(said["made"])
        row["of"] += 1
    return table


def count(key: Path, answers: Path, record: str, out: Path, reader: str) -> Path:
    """Write the record of the answers into ``out``; ``reader``: who read, and what was known."""
    of, said = (json.loads(Path(f).read_text(encoding="utf-8")) for f in (key, answers))
    content = {
        "model": "measurement",
        "experiment": "tile-defects",
        "run": Path(out).name,
        "commit": recording.commit(),
        "settings": {"record": record, "counts": COUNTS, "scale": SCALE, "seed": 0},
        "data": {"caption": "real magnetic-tile crops, 64 px", "source": "real"},
        "reader": reader,
        "device": "judged by eye",
        "counted": counted(of, said),
        "answers": {n: said[n] | {"source": of[n]["source"]} for n in sorted(of, key=int)},
    }
    return recording.save(out, content)


def main(words: list[str] | None = None) -> None:
    """The command line: see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    orders = parser.add_subparsers(required=True, dest="order")
    for order, names in (("make", "record out key"), ("count", "key answers record out reader")):
        each = orders.add_parser(order)
        for name in names.split():
            each.add_argument(name, type=str if name in ("record", "reader") else Path)
    given = vars(parser.parse_args(words))
    {"make": make, "count": count}[given.pop("order")](**given)


if __name__ == "__main__":
    main()
