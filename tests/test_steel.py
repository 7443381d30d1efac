"""Boxes, masks and crops: closed forms, and round trips."""

import numpy as np
import pytest
import torch
from PIL import Image

from gancourse.errors import GancourseError
from gancourse_lab import crops
from gancourse_standins import rle_encode

VOC = """<annotation><object><name>scratches</name><bndbox><xmin>{}</xmin><ymin>{}</ymin>
<xmax>{}</xmax><ymax>{}</ymax></bndbox></object></annotation>"""


def neu(folder, *box, width=200, height=200):
    (folder / "NEU-DET/IMAGES").mkdir(parents=True)
    (folder / "NEU-DET/ANNOTATIONS").mkdir()
    Image.new("RGB", (width, height)).save(folder / "NEU-DET/IMAGES/scratches_1.jpg")
    (folder / "NEU-DET/ANNOTATIONS/scratches_1.xml").write_text(VOC.format(*box))
    return folder


def boxes(folder, size):
    """Those of the one picture in ``folder``, at ``size``."""
    (found,) = crops.boxes_of([folder / "NEU-DET/IMAGES/scratches_1.jpg"], size)
    return found.tolist()


def test_a_voc_box_counts_from_one_and_includes_its_end(tmp_path):
    assert boxes(neu(tmp_path, 1, 11, 200, 20), 200) == [[0, 10, 200, 20]]


def test_boxes_shrink_with_the_picture_and_lose_what_the_crop_cuts_off(tmp_path):
    root = neu(tmp_path, 1, 1, 150, 100, width=400, height=200)
    assert boxes(root, 100) == [[0, 0, 25, 50]]
    (root / "NEU-DET/ANNOTATIONS/scratches_1.xml").write_text(VOC.format(1, 1, 90, 90))
    assert boxes(root, 100) == []


def test_a_box_mask_has_the_area_of_the_boxes():
    boxes = torch.tensor([[2.0, 1.0, 6.0, 4.0], [10.0, 10.0, 12.0, 12.0]])
    mask = crops.box_mask(boxes, 16, 20)
    assert mask.shape == (1, 16, 20) and mask.sum() == 4 * 3 + 2 * 2
    assert mask[0, 1:4, 2:6].all()
    assert crops.box_mask(torch.zeros(0, 4), 4, 4).sum() == 0


def test_run_lengths_count_down_the_columns_from_one():
    mask = torch.tensor([[0, 1], [1, 1], [0, 0]])
    assert rle_encode(mask.numpy()) == "2 1 4 2"
    assert torch.equal(crops.rle_decode("2 1 4 2", 3, 2), mask.bool())


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_run_lengths_round_trip(share):
    rng = torch.Generator().manual_seed(0)
    mask = torch.rand(256, 160, generator=rng) < share
    assert torch.equal(crops.rle_decode(rle_encode(mask.numpy()), 256, 160), mask)


@pytest.mark.parametrize("text", ["1", "0 3", "10 90", "a b", "5 -1"])
def test_run_lengths_that_make_no_sense_are_refused(text):
    with pytest.raises(GancourseError, match="run-length"):
        crops.rle_decode(text, 8, 8)


def test_the_severstal_layout_loads_with_masks(tmp_path, load_from):
    root = tmp_path / "severstal-steel-defect-detection"
    (root / "train_images").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (1600, 256)).save(root / "train_images" / name)
    mask = torch.zeros(256, 1600)
    mask[64:128, 800:864] = 1
    text = rle_encode(mask.numpy())
    (root / "train.csv").write_text(f"ImageId,ClassId,EncodedPixels\nb.jpg,3,{text}\na.jpg,1,\n")
    strips = load_from(tmp_path, "severstal-steel-defect-detection", size=64)
    assert strips.names == ["a.jpg", "b.jpg"]
    found = crops.strip_masks(sorted((root / "train_images").glob("*.jpg")), 64)
    assert found.shape == (2, 4, 64, 64)
    assert found[0].sum() == 0 and found[1, [0, 1, 3]].sum() == 0
    assert found[1, 2].sum() == 16 * 16 and found[1, 2, 16:32, 32:48].all()


def test_the_dark_margin_is_not_steel():
    strip = torch.full((3, 16, 50), 3, dtype=torch.uint8)
    strip[:, :, 12:40] = 120
    assert crops.steel_span(strip) == (12, 40)
    assert crops.steel_span(torch.zeros(3, 16, 50, dtype=torch.uint8)) == (0, 0)


def test_the_crop_admits_most_defects_but_not_the_extraordinarily_wide():
    boxes = torch.tensor([[0.0, 0.0, 60.0, 30.0]] * 95 + [[0.0, 0.0, 900.0, 30.0]] * 5)
    assert crops.crop_size(boxes) == 64


def test_crops_follow_the_rule():
    rng = np.random.default_rng(0)
    size, height, span, taken = 128, 256, (100, 1500), 0
    for _ in range(2000):
        x, y = rng.uniform(0, 1600), rng.uniform(0, 256)
        box = (x, y, x + rng.uniform(1, 200), min(y + rng.uniform(1, 200), 256))
        at = crops.crop_at(box, size, height, span)
        if at is None:
            continue
        left, top = at
        taken += 1
        assert span[0] <= left and left + size <= span[1] and 0 <= top and top + size <= height
        assert left <= box[0] and box[2] <= left + size and top <= box[1] and box[3] <= top + size
        assert abs((box[0] + box[2]) / 2 - left - size / 2) <= size / 4
        assert abs((box[1] + box[3]) / 2 - top - size / 2) <= size / 4
    assert taken > 200


def test_a_defect_in_the_middle_sits_in_the_middle_of_its_crop():
    assert crops.crop_at((500, 100, 540, 140), 128, 256, (0, 1600)) == (456, 56)


@pytest.mark.parametrize(
    ("box", "why"),
    [
        ((500, 100, 700, 140), "wider than the crop"),
        ((90, 100, 120, 140), "in the dark margin"),
        ((100, 100, 110, 140), "only at the edge of its crop"),
    ],
)
def test_some_defects_get_no_crop(box, why):
    assert crops.crop_at(box, 128, 256, (100, 1600)) is None, why


def test_a_crop_as_high_as_the_strip_need_not_centre_the_defect_vertically():
    assert crops.crop_at((500, 0, 540, 20), 256, 256, (0, 1600)) == (392, 0)


@pytest.mark.parametrize(
    "box",
    [("", 1, 2, 2), ("x", 1, 2, 2), ("nan", 1, 2, 2), (1, 1, "inf", 2), (3, 1, 2, 2), (1, 3, 2, 2)]
    + [(-1, 1, 2, 2), (1, 1, "1e999", 2), ("<x/>", 1, 2, 2)],
)
def test_a_box_that_is_none_is_named_with_its_file(tmp_path, box):
    with pytest.raises(GancourseError, match="scratches_1.xml is no annotation .*a box"):
        boxes(neu(tmp_path, *box), 200)


@pytest.mark.parametrize("text", ["", "<annotation>", "<a>\0</a>", "<?xml encoding='x'?><a/>"])
def test_a_file_that_is_no_xml_is_named(tmp_path, text):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(GancourseError, match="a.xml is no annotation that can be read"):
        crops.voc_boxes(tmp_path / "a.xml")


def test_an_annotation_without_boxes_has_none(tmp_path):
    (tmp_path / "a.xml").write_text("<annotation/>")
    assert crops.voc_boxes(tmp_path / "a.xml").shape == (0, 4)
