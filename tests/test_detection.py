"""The small localiser, and the study that trains it on real, translated and pasted defects."""

import numpy as np
import pytest
import torch
from torch import nn

from gancourse import records
from gancourse_lab import layouts, localiser
from gancourse_studies import detection


def boxes_at_random(n, side=64, seed=0):
    stream = torch.Generator().manual_seed(seed)
    size = torch.randint(3, 30, (n, 2), generator=stream)
    low = (torch.rand(n, 2, generator=stream) * (side - size + 1)).floor()
    return torch.cat([low, low + size], 1)


def spots(boxes, seed=0):
    """Noisy grey crops with a dark rectangle in each box."""
    stream = torch.Generator().manual_seed(seed)
    crops = torch.randint(130, 170, (len(boxes), 1, 64, 64), generator=stream, dtype=torch.uint8)
    for crop, (x0, y0, x1, y1) in zip(crops, boxes.int().tolist(), strict=True):
        crop[:, y0:y1, x0:x1] = 40
    return crops


def test_iou_by_hand():
    a = [[0, 0, 4, 4], [0, 0, 4, 4], [0, 0, 4, 4], [0, 0, 2, 2]]
    b = [[0, 0, 4, 4], [2, 0, 6, 4], [4, 0, 8, 4], [0, 0, 4, 4]]
    assert localiser.iou(a, b) == pytest.approx([1, 8 / 24, 0, 4 / 16])


def test_a_box_survives_its_code():
    boxes = boxes_at_random(200)
    cell, numbers = localiser.encoded(boxes, 64)
    assert localiser.decoded(cell, numbers, 64).numpy() == pytest.approx(boxes.numpy(), abs=1e-4)
    assert numbers[:, :2].min() >= 0 and numbers[:, :2].max() <= 1
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert cell.tolist() == (middle[:, 1] // 8 * 8 + middle[:, 0] // 8).long().tolist()


def test_boxes_go_with_their_mirrored_crops():
    boxes = boxes_at_random(64)
    crops = torch.cat([spots(boxes), torch.full((8, 1, 64, 64), 150, dtype=torch.uint8)])
    torch.manual_seed(0)
    turned, moved = localiser.mirrored(crops, boxes)
    assert (moved != boxes).any(1).float().mean() > 0.5
    for crop, (x0, y0, x1, y1) in zip(turned, moved.int().tolist(), strict=False):
        dark = crop[0] == 40
        assert dark[y0:y1, x0:x1].all() and dark.sum() == (x1 - x0) * (y1 - y0)


def test_it_learns_where_a_dark_spot_is_and_that_there_is_none():
    boxes, unseen = boxes_at_random(200), boxes_at_random(64, seed=1)
    clean = spots(torch.zeros(128, 4), seed=2)
    recipe = localiser.Recipe(steps=120)
    net = localiser.fit(spots(boxes), boxes, clean[:64], recipe)
    told, scores = localiser.find(net, spots(unseen, seed=3))
    always = boxes.mean(0).expand(64, 4)
    assert localiser.iou(told, unseen).mean() > 0.5 > 3 * localiser.iou(always, unseen).mean()
    assert scores.median() > localiser.find(net, clean[64:])[1].max()


def scene(box, others=(), height=100, width=120):
    grey = np.random.default_rng(0).integers(100, 140, (height, width)).astype(np.uint8)
    mask = np.zeros(grey.shape, bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    grey[mask] = 30
    others = np.reshape(others, (-1, 4))
    return detection.Scene(grey, np.array(box), others, mask, "piece", "name")


def test_every_crop_holds_the_whole_defect_and_no_other():
    one = scene([50, 40, 60, 52], [[90, 40, 100, 60], [0, 0, 10, 10]])
    free = detection.corners(one)
    assert free[:, 0].max() == 26  # the other one begins at 90
    assert free[free[:, 1] < 10][:, 0].min() == 10 and free.min() == 0
    assert free[:, 1].max() == 36
    pictures, boxes = detection.cut([one], np.random.default_rng(0))
    assert len(pictures) == detection.PLACES and len({tuple(b) for b in boxes.tolist()}) > 1
    for picture, (x0, y0, x1, y1) in zip(pictures[:, 0], boxes.int().tolist(), strict=True):
        dark = picture == 30
        assert dark[y0:y1, x0:x1].all() and dark.sum() == 10 * 12


def test_a_defect_as_wide_as_the_metal_has_no_crop():
    assert not len(detection.corners(scene([10, 10, 100, 20])))
    assert not len(detection.corners(scene([40, 40, 60, 60], [[61, 0, 62, 100], [38, 0, 39, 100]])))


class Darkens(nn.Module):
    """A square of 10 x 12 pixels, of bright pictures only."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        spot = torch.zeros_like(x)
        spot[..., 20:30, 40:52] = 60 / 127.5
        return x - spot * (x.mean((1, 2, 3), keepdim=True) > 0)


def window(light, left=7, top=9):
    from gancourse_lab.defects import Sheet

    grey = np.full((100, 120), light, np.uint8)
    none = np.zeros((0, 4), np.float32)
    return Sheet(layouts.Path("exp1_num_1.jpg"), (100, 120), "p", none, []), grey, left, top


def test_a_translation_has_the_box_of_what_was_added_and_one_without_is_refused():
    places = [window(180), window(40), window(170), window(160)]
    found, refused = detection.translated(places, 2, Darkens(), 20)
    assert [one.box.tolist() for one in found] == [[47, 29, 59, 39]] * 2
    assert refused == {"no mask": 1}
    assert places[0][1].min() == 180  # the tile itself is untouched
    assert (found[0].grey < 150).sum() == 120 == found[0].mask.sum()


def test_a_pasted_defect_lies_in_the_window_and_is_lit_like_it():
    real = [scene([50, 40, 60, 52])]
    (made,) = detection.pasted([window(60)], real, np.random.default_rng(3))
    x0, y0, x1, y1 = made.box
    assert (x1 - x0, y1 - y0) == (10, 12) and 7 <= x0 and x1 <= 71 and 9 <= y0 and y1 <= 73
    assert abs(made.grey[y0:y1, x0:x1].astype(int) - 15).max() <= 2  # 30 of about 119, now of 60
    assert made.mask.sum() == 120 and (made.grey != 60).sum() == 120


def test_pieces_of_several_defects_make_the_interval_wider():
    groups = np.repeat(["a", "b", "c", "d", "e"], 20)
    values = np.repeat([0.0, 1, 2, 3, 4], 20)
    alone = detection.interval(values, np.arange(100))
    whole = detection.interval(values, groups)
    assert alone[0] == whole[0] == 2
    assert whole[2] - whole[1] > 3 * (alone[2] - alone[1])


def test_differences_are_by_defect():
    runs = {arm: [{s: [0.2, 0.4] for s in detection.SCORES}] * 2 for arm in detection.ARMS}
    runs["real"] = [
        {s: [0.1, 0.2] for s in detection.SCORES},
        {s: [0.3, 0.4] for s in detection.SCORES},
    ]
    rows = detection.compared(runs, ["a", "b"], np.array([0.1, 0.1]))
    first = next(r for r in rows if r["arms"] == ["translated", "real"] and r["score"] == "iou")
    assert first["by defect"] == pytest.approx([0.05, 0.0, 0.1])  # 0.2, 0.4 less 0.2, 0.3


def test_the_study_becomes_a_record(tmp_path, monkeypatch):
    layouts.write_tiles(tmp_path / layouts.TILES, 12)
    monkeypatch.setenv("GANCOURSE_DATA", str(tmp_path))
    monkeypatch.setattr(detection, "CLEAN", 12)
    monkeypatch.setattr(detection, "RECIPE", localiser.Recipe(steps=2))
    monkeypatch.setattr(detection, "SEEDS", 2)
    detection.main([str(tmp_path / "records" / "detection")])
    record = records.load(tmp_path / "records" / "detection")
    assert record.strip.shape[:2] == (detection.SHOWN, 4) and record.model == "measurement"
    count = record["test"]["defects"]
    assert count == len(record["test"]["pieces"]) > 3
    for arm in detection.ARMS:
        assert len(record["told"][arm]["told"]) == detection.SHOWN
        assert [len(run["iou"]) for run in record["arms"][arm]] == [count, count]
        n = record["train"]["defects"] * (1 + (arm == "real and translated"))
        assert record["train"]["arms"][arm]["scenes"] == n
    value, low, high = record["means"]["real"]["iou"]["by piece"]
    assert low <= value <= high
    assert value == pytest.approx(np.mean([r["iou"] for r in record["arms"]["real"]]), rel=1e-3)
