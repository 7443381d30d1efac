"""Whether the boxes of added defects train a detector as those of real ones do, on real defects.

    python -m gancourse_studies.detection OUT

The arms differ in the crops with a box; their number, the clean crops, the steps are the same:
"real" defects of the training pieces, "translated", where a recorded CycleGAN added one to clean
metal, "pasted", real defects cut out along their mask and set onto the same clean metal, and "real
and translated". All are tested on the defects of held-out pieces. A crop lies anywhere around its
defect, in training and test alike: in the chapter's crops the middle alone would be a good guess.
Needs the real tiles; writes a record. Six minutes on one core.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from gancourse import records
from gancourse.data import catalog, fetch, images
from gancourse.train.cyclegan import translate
from gancourse_lab import added, crops, defects, localiser, tile_crops
from gancourse_studies import recording

RECORD = "tile-defects/laptop-seed0"
ARMS = ("real", "translated", "pasted", "real and translated")
SIDE = tile_crops.METAL
PLACES = 8  # crops around each defect
CLEAN = 300  # crops to train with; as many others set the threshold
FALSE = 0.05  # share of those that may get a box
SEEDS = 3
SCORES = ("iou", "found", "on it")  # of each test defect: mean IoU; shares of IoU >= 1/2, of hits
SHOWN = 8  # test crops that the record keeps
DRAWS = 4000
RECIPE = localiser.Recipe()


@dataclass(frozen=True, eq=False)
class Scene:
    """Grey metal (H, W) uint8 with a defect's ``box``; a crop may not touch any of ``others``."""

    grey: np.ndarray
    box: np.ndarray
    others: np.ndarray
    mask: np.ndarray
    piece: str
    name: str


def sheets_of(split: str) -> list[tuple[defects.Sheet, np.ndarray]]:
    """The real tiles of a split, with their pixels."""
    where = fetch.locate(catalog.find(tile_crops.NAME), True)
    found = []
    for sheet in defects.tile_sheets(where).sheets:
        if images.in_split(sheet.piece, split):
            found.append((sheet, images.decode(sheet.file, None, 1)[0].numpy()))
    return found


def real_scenes(sheets) -> tuple[list[Scene], Counter]:
    """A scene for each blowhole and crack of the sheets, and why others are none."""
    found, refused = [], Counter()
    for sheet, grey in sheets:
        if not set(sheet.kinds) & set(tile_crops.KINDS):
            continue
        for i, box in enumerate(sheet.boxes.astype(int)):
            mask = np.zeros_like(sheet.mask)
            part = np.s_[box[1] : box[3], box[0] : box[2]]
            mask[part] = sheet.mask[part]
            others = np.delete(sheet.boxes, i, 0)
            scene = Scene(grey, box, others, mask, sheet.piece, sheet.file.stem)
            if mask.sum() < added.FEWEST:
                refused[f"fewer than {added.FEWEST} pixels"] += 1
            elif not len(corners(scene)):
                refused["no crop holds it"] += 1
            else:
                found.append(scene)
    return found, refused


def corners(scene: Scene) -> np.ndarray:
    """(n, 2) lefts and tops of all crops that hold the box whole and touch no other."""
    (height, width), box = scene.grey.shape, scene.box
    left, top = np.meshgrid(
        np.arange(max(0, box[2] - SIDE), min(box[0], width - SIDE) + 1),
        np.arange(max(0, box[3] - SIDE), min(box[1], height - SIDE) + 1),
    )
    found = np.stack([left.ravel(), top.ravel()], 1)
    for x0, y0, x1, y1 in scene.others:
        x, y = found.T
        found = found[(x >= x1) | (x + SIDE <= x0) | (y >= y1) | (y + SIDE <= y0)]
    return found


def cut(scenes: list[Scene], rng) -> tuple[Tensor, Tensor]:
    """``PLACES`` random crops of each scene in turn, uint8 (N, 1, 64, 64), and their boxes."""
    pictures, boxes = [], []
    for scene in scenes:
        free = corners(scene)
        for left, top in free[rng.integers(len(free), size=PLACES)]:
            pictures.append(scene.grey[top : top + SIDE, left : left + SIDE])
            boxes.append(scene.box - [left, top, left, top])
    return torch.from_numpy(np.stack(pictures))[:, None], torch.tensor(np.array(boxes)).float()


def windows(sheets) -> list[tuple]:
    """(sheet, grey, left, top) of the clean crops of the chapter's domain A."""
    found = []
    for sheet, grey in sheets:
        rng = np.random.default_rng([0, *sheet.file.name.encode()])
        height, width = sheet.size
        span = crops.steel_span(torch.from_numpy(grey)[None])
        for _ in range(tile_crops.CLEAN_CROPS):
            at = crops.clean_place(sheet, SIDE, (0, height), span, rng)
            if at is not None:
                found.append((sheet, grey, *at))
    return found


def seen(places: list[tuple]) -> Tensor:
    """What the windows show, uint8 (N, 1, 64, 64)."""
    found = [grey[y : y + SIDE, x : x + SIDE] for _, grey, x, y in places]
    return torch.from_numpy(np.stack(found))[:, None]


def translated(places, count: int, network, level: float) -> tuple[list[Scene], Counter]:
    """``count`` scenes from the first windows in which the network adds a defect.

    The largest box counts; a crop may not touch the others. Windows without a mask are refused.
    """
    found, refused = [], Counter()
    for start in range(0, len(places), 64):
        some = places[start : start + 64]
        before = seen(some)
        after = translate(network, before)
        masks = added.masks(added.difference(before, after), level)
        for (sheet, grey, x, y), picture, mask in zip(some, after[:, 0], masks, strict=True):
            if len(found) == count:
                return found, refused
            box = added.largest_box(mask)
            if box is None:
                refused["no mask"] += 1
                continue
            metal, whole, at = grey.copy(), np.zeros(grey.shape, bool), np.array([x, y, x, y])
            metal[y : y + SIDE, x : x + SIDE] = picture.numpy()
            whole[y : y + SIDE, x : x + SIDE] = mask
            others = [one + at for one in added.boxes(mask) if (one != box).any()]
            others = np.concatenate([sheet.boxes, np.reshape(others, (-1, 4))])
            box = box.astype(int) + at
            scene = Scene(metal, box, others, whole, sheet.piece, sheet.file.stem)
            if len(corners(scene)):
                found.append(scene)
            else:
                refused["no crop holds the largest box alone"] += 1
    return found, refused


def pasted(places, real: list[Scene], rng) -> list[Scene]:
    """Each real defect, with a rim of one pixel, set into a window; its light is fitted."""
    found = []
    for scene, (sheet, grey, x, y) in zip(real, places, strict=False):
        x0, y0, x1, y1 = scene.box
        wide, high = x1 - x0, y1 - y0
        left, top = x + rng.integers(SIDE - wide + 1), y + rng.integers(SIDE - high + 1)
        rim = ndimage.binary_dilation(scene.mask)[y0:y1, x0:x1]
        around = scene.grey[max(0, y0 - 8) : y1 + 8, max(0, x0 - 8) : x1 + 8]
        metal, part = grey.copy(), np.s_[top : top + high, left : left + wide]
        light = np.median(metal[y : y + SIDE, x : x + SIDE]) / max(1.0, np.median(around))
        lit = np.clip(scene.grey[y0:y1, x0:x1] * light, 0, 255).astype(np.uint8)
        metal[part] = np.where(rim, lit, metal[part])
        mask = np.zeros(grey.shape, bool)
        mask[part] = scene.mask[y0:y1, x0:x1]
        box = np.array([left, top, left + wide, top + high])
        found.append(Scene(metal, box, sheet.boxes, mask, sheet.piece, scene.name))
    return found


def scenes_of_arms(real, places, network, level, rng) -> tuple[dict, Counter]:
    """Arm → scenes; ``places`` are drawn from in their order."""
    made, refused = translated(places, len(real), network, level)
    onto = pasted([places[i] for i in rng.permutation(len(places))], real, rng)
    return dict(zip(ARMS, (real, made, onto, real + made), strict=True)), refused


def judged(net, test, clean: Tensor, tuning: Tensor) -> dict:
    """What a detector says of the test: its ``SCORES`` by defect, boxes, and those on clean crops.

    A box counts as given where its score is above what 5 % of the clean crops ``tuning`` reach.
    """
    pictures, boxes = test
    told, scores = localiser.find(net, pictures)
    threshold = float(localiser.find(net, tuning)[1].quantile(1 - FALSE))
    overlap, sure = localiser.iou(told, boxes), (scores > threshold).numpy()
    middle = (told[:, :2] + told[:, 2:]) / 2
    on_it = ((middle >= boxes[:, :2]) & (middle <= boxes[:, 2:])).all(1).numpy()
    by_crop = dict(zip(SCORES, (overlap, (overlap >= 0.5) & sure, on_it & sure), strict=True))
    by_defect = {k: v.reshape(-1, PLACES).mean(1).tolist() for k, v in by_crop.items()}
    false = float((localiser.find(net, clean)[1] > threshold).float().mean())
    return by_defect | {"false": false, "told": told, "sure": sure}


def interval(values: np.ndarray, groups, seed: int = 0) -> list[float]:
    """[mean, low, high] of ``values`` by a bootstrap (95 %) that draws whole groups."""
    names, at = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)[:, at]
    low, high = np.quantile(counts @ values / counts.sum(1), [0.025, 0.975])
    return [float(values.mean()), float(low), float(high)]


def compared(runs: dict, pieces: list[str], constant: np.ndarray) -> list[dict]:
    """Differences by defect of each score, over seeds, with both bootstraps."""
    pairs = [(arm, "real") for arm in ARMS[1:]] + [("translated", "pasted")]
    rows = []
    for first, second in pairs:
        for score in SCORES:
            a, b = (np.mean([r[score] for r in runs[arm]], 0) for arm in (first, second))
            rows.append({"arms": [first, second], "score": score} | both(a - b, pieces))
    for arm in ARMS:
        a = np.mean([r["iou"] for r in runs[arm]], 0)
        rows.append({"arms": [arm, "constant"], "score": "iou"} | both(a - constant, pieces))
    return rows


def both(values: np.ndarray, pieces: list[str]) -> dict:
    """A mean with an interval over defects, and one over pieces of metal."""
    alone = np.arange(len(values))
    return {"by defect": interval(values, alone), "by piece": interval(values, pieces)}


@dataclass(eq=False)
class Metal:
    """What all seeds share: scenes of both splits, clean windows, the translator and its level."""

    real: list[Scene]
    test: list[Scene]
    refused: dict[str, dict]
    windows: list[tuple]
    clean: Tensor  # held-out crops
    network: torch.nn.Module
    level: float

    @cached_property
    def test_crops(self) -> tuple[Tensor, Tensor]:
        """The same for every arm and seed."""
        return cut(self.test, np.random.default_rng(0))

    @property
    def shown(self) -> list[int]:
        """The test scenes that the record shows: the first of each piece, then some others."""
        first = np.unique([scene.piece for scene in self.test], return_index=True)[1]
        rest = np.setdiff1d(np.arange(len(self.test)), first)
        spread = np.arange(SHOWN) * len(rest) // SHOWN
        return np.concatenate([first, rest[spread][len(first) :]])[:SHOWN].tolist()


def metal() -> Metal:
    """Everything, from the real tiles and the recorded translator."""
    network = records.load(RECORD).generator("gen_ab")
    level = added.level_of(network, *tile_crops.with_masks("train", "real"))
    train, held_out = sheets_of("train"), sheets_of("test")
    (real, some), (test, others) = real_scenes(train), real_scenes(held_out)
    refused = {"train": dict(some), "test": dict(others)}
    clean = seen(windows(held_out))
    return Metal(real, test, refused, windows(train), clean, network, level)


def trained(of: Metal, seed: int, recipe: localiser.Recipe, log=print) -> dict:
    """Arm → its results, sizes and first crops with one seed; "refused" and "constant" beside."""
    rng = np.random.default_rng(seed)
    places = [of.windows[i] for i in rng.permutation(len(of.windows))]
    negatives, tuning = seen(places[:CLEAN]), seen(places[CLEAN : 2 * CLEAN])
    arms, none = scenes_of_arms(of.real, places[2 * CLEAN :], of.network, of.level, rng)
    found = {"refused": dict(none)}
    for arm, scenes in arms.items():
        pictures, boxes = cut(scenes, rng)
        net = localiser.fit(pictures, boxes, negatives, replace(recipe, seed=seed))
        result = judged(net, of.test_crops, of.clean, tuning)
        log(f"{arm} {seed}: IoU {np.mean(result['iou']):.3f}, false {result['false']:.3f}")
        some = torch.arange(SHOWN) * (len(scenes) // SHOWN) * PLACES
        told = {"scenes": len(scenes), "width, height": median_size(boxes)}
        told["boxes"] = boxes[some].tolist()
        found[arm] = {"result": result, "told": told, "pictures": pictures[some]}
        if arm == ARMS[0]:
            always = boxes.mean(0).expand(len(of.test_crops[1]), 4)
            found["constant"] = localiser.iou(always, of.test_crops[1]).reshape(-1, PLACES).mean(1)
    return found


def run(seeds: int, recipe: localiser.Recipe, log=print):
    """(the record's content, strip): every arm trained with every seed."""
    begun = time.perf_counter()
    of = metal()
    found = [trained(of, seed, recipe, log) for seed in range(seeds)]
    first, at = found[0], torch.tensor(of.shown) * PLACES  # the first crop of some defects
    shown = {
        arm: {key: first[arm]["result"][key][at].tolist() for key in ("told", "sure")}
        for arm in ARMS
    }
    runs = {arm: [one[arm]["result"] for one in found] for arm in ARMS}
    for result in (one for results in runs.values() for one in results):
        del result["told"], result["sure"]
    constant, pieces = np.mean([one["constant"] for one in found], 0), [s.piece for s in of.test]
    content = {
        "model": "measurement",
        "experiment": "tile-defects",
        "commit": recording.commit(),
        "device": "CPU, one thread",
        "settings": asdict(recipe) | {"record": RECORD, "seeds": seeds, "places": PLACES},
        "data": {"caption": f"real {tile_crops.NAME} crops, {SIDE} px", "source": "real"},
        "minutes": round((time.perf_counter() - begun) / 60, 1),
        "level": of.level,
        "train": {
            "defects": len(of.real),
            "pieces": len({scene.piece for scene in of.real}),
            "refused": of.refused["train"],
            "clean": CLEAN,
            "translations refused": [one["refused"] for one in found],
            "arms": {arm: first[arm]["told"] for arm in ARMS},
        },
        "test": described(of) | {"shown": of.shown, "boxes": of.test_crops[1][at].tolist()},
        "told": recording.rounded(shown),
        "arms": recording.rounded(runs),
        "constant": recording.rounded(constant.tolist()),
        "means": recording.rounded(means(runs, constant, pieces)),
        "compared": [recording.rounded(row) for row in compared(runs, pieces, constant)],
    }
    strip = [({"label": arm}, first[arm]["pictures"]) for arm in ARMS[:-1]]
    return content, [({"label": "test"}, of.test_crops[0][at]), *strip]


def described(of: Metal) -> dict:
    """The test, in a record's words."""
    return {
        "defects": len(of.test),
        "pieces": [scene.piece for scene in of.test],
        "names": [scene.name for scene in of.test],
        "refused": of.refused["test"],
        "clean": len(of.clean),
        "width, height": median_size(of.test_crops[1]),
    }


def means(runs: dict, constant: np.ndarray, pieces: list[str]) -> dict:
    """Arm → its scores over seeds with both intervals, and its share of false boxes."""
    found = {"constant": {"iou": both(constant, pieces)}}
    for arm, results in runs.items():
        row = {s: both(np.mean([r[s] for r in results], 0), pieces) for s in SCORES}
        found[arm] = row | {"false": [r["false"] for r in results]}
    return found


def median_size(boxes: Tensor) -> list[float]:
    """Median width and height of boxes (N, 4)."""
    return (boxes[:, 2:] - boxes[:, :2]).median(0).values.tolist()


def main(words: list[str] | None = None) -> None:
    """The command line: see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    out = parser.parse_args(words).out
    content, strip = run(SEEDS, RECIPE)
    recording.save(out, content | {"run": out.name}, strip)


if __name__ == "__main__":
    main()
