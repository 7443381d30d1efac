"""Boxes as VOC and COCO: what torchvision reads back is what was written."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torchvision.datasets import CocoDetection, VOCDetection
from torchvision.ops import box_convert

from gancourse.errors import GancourseError
from gancourse_lab import annotations, defects

PICTURES = torch.randint(0, 256, (3, 1, 48, 64), dtype=torch.uint8)
NAMES = ["clean/a-0", "clean/b-0", "c.1"]
BOXES = [[[0, 0, 64, 48], [3, 5, 4, 9]], [], np.array([[10.0, 20.0, 30.0, 48.0]])]
KINDS = [["crack", "blow & hole"], [], ["crack"]]


@pytest.fixture
def folder(tmp_path):
    return annotations.write(tmp_path / "made", PICTURES, NAMES, BOXES, KINDS)


def test_voc_is_read_back_by_torchvision(folder):
    found = VOCDetection(folder, image_set="train")
    assert len(found) == 3
    for (picture, target), pixels, name, boxes, kinds in zip(
        found, PICTURES, ("a-0", "b-0", "c.1"), BOXES, KINDS, strict=True
    ):
        told = target["annotation"]
        assert picture.size == (64, 48)
        grey = np.asarray(picture.convert("L")).astype(int)
        assert abs(grey - pixels[0].numpy()).mean() < 8  # a JPEG
        assert told["filename"] == f"{name}.jpg"
        assert told["size"] == {"width": "64", "height": "48", "depth": "1"}
        objects = told.get("object", [])
        assert [one["name"] for one in objects] == kinds
        corners = [[int(one["bndbox"][tag]) for tag in annotations.BOX] for one in objects]
        assert corners == [[x0 + 1, y0 + 1, x1, y1] for x0, y0, x1, y1 in np.array(boxes).tolist()]


def test_the_courses_own_reader_finds_the_same_boxes(folder):
    for name, boxes in zip(("a-0", "b-0", "c.1"), BOXES, strict=True):
        xml = folder / annotations.VOC / "Annotations" / f"{name}.xml"
        assert defects.voc_boxes(xml).tolist() == np.reshape(boxes, (-1, 4)).tolist()


def test_coco_has_corner_and_extent(folder):
    found = json.loads((folder / annotations.COCO).read_text())
    kinds = {one["id"]: one["name"] for one in found["categories"]}
    assert kinds == {1: "blow & hole", 2: "crack"}
    for image, boxes, words in zip(found["images"], BOXES, KINDS, strict=True):
        assert (folder / image["file_name"]).is_file()
        assert (image["width"], image["height"]) == (64, 48)
        own = [one for one in found["annotations"] if one["image_id"] == image["id"]]
        assert [kinds[one["category_id"]] for one in own] == words
        told = torch.tensor([one["bbox"] for one in own]).reshape(-1, 4)
        assert box_convert(told, "xywh", "xyxy").tolist() == np.reshape(boxes, (-1, 4)).tolist()
        assert [one["area"] for one in own] == told[:, 2:].prod(1).tolist()
    assert [one["id"] for one in found["annotations"]] == [1, 2, 3]


@pytest.mark.skipif(find_spec("pycocotools") is None, reason="CocoDetection needs pycocotools")
def test_coco_is_read_back_by_torchvision(folder):
    found = CocoDetection(folder, folder / annotations.COCO)
    assert len(found) == 3
    for (picture, target), boxes in zip(found, BOXES, strict=True):
        assert picture.size == (64, 48)
        told = torch.tensor([one["bbox"] for one in target]).reshape(-1, 4)
        assert box_convert(told, "xywh", "xyxy").tolist() == np.reshape(boxes, (-1, 4)).tolist()


def test_colours_stay(tmp_path):
    red = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    red[:, 0] = 200
    folder = annotations.write(tmp_path / "made", red, ["a"], [[]], [[]], "val")
    ((picture, target),) = VOCDetection(folder, image_set="val")
    assert picture.mode == "RGB" and picture.getpixel((8, 8))[0] > 190
    assert target["annotation"]["size"]["depth"] == "3"


@pytest.mark.parametrize(
    "box, said",
    [
        ([5, 5, 5, 9], r"b-0: the box from \(5, 5\) to \(5, 9\) has no area"),
        ([9, 5, 5, 9], "b-0: .* has no area"),
        ([0, 9, 5, 5], "b-0: .* has no area"),
        ([0, 0, 65, 9], "b-0: .* leaves its picture of 64x48"),
        ([0, 0, 9, 49], "b-0: .* leaves its picture"),
        ([-1, 0, 9, 9], "b-0: .* leaves its picture"),
        ([0, 0, 9.5, 9], "b-0: .* not in whole pixels"),
        ([0, 0, float("nan"), 9], "b-0: .* has no area"),
    ],
)
def test_a_bad_box_is_named_with_its_picture_and_nothing_is_written(tmp_path, box, said):
    boxes = [BOXES[0], [box], BOXES[2]]
    with pytest.raises(GancourseError, match=said):
        annotations.write(tmp_path / "made", PICTURES, NAMES, boxes, [KINDS[0], ["x"], KINDS[2]])
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(annotations, "coco", fails)  # after pictures and XML
    with pytest.raises(GancourseError, match="No space left"):
        annotations.write(tmp_path / "made", PICTURES, NAMES, BOXES, KINDS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "names, said", [(["a", "x/a", "b"], "'a' names two"), (["a", "b c", "d"], "'b c' is no name")]
)
def test_a_bad_name_is_told(tmp_path, names, said):
    with pytest.raises(GancourseError, match=said):
        annotations.write(tmp_path / "made", PICTURES, names, BOXES, KINDS)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_stays(folder):
    with pytest.raises(GancourseError, match="is there already"):
        annotations.write(folder, PICTURES, NAMES, BOXES, KINDS)


def test_what_does_not_fit_together_is_told(tmp_path):
    with pytest.raises(GancourseError, match="3, 3, 2 and 3"):
        annotations.write(tmp_path / "made", PICTURES, NAMES, BOXES[:2], KINDS)
    with pytest.raises(GancourseError, match="a-0: 2 boxes and 1 kinds"):
        annotations.write(tmp_path / "made", PICTURES, NAMES, BOXES, [["x"], [], ["x"]])
