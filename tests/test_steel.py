"""Boxes, masks and crops: closed forms, and round trips."""

import numpy as np
import pytest
import torch
from PIL import Image

from gancourse.errors import GancourseError
from gancourse_lab import crops, defects, run_lengths
from gancourse_standins import SETS, rle_encode, write_severstal

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
    (found,) = defects.boxes_of([folder / "NEU-DET/IMAGES/scratches_1.jpg"], size)
    return found.tolist()


def test_a_voc_box_counts_from_one_and_includes_its_end(tmp_path):
    assert boxes(neu(tmp_path, 1, 11, 200, 20), 200) == [[0, 10, 200, 20]]


def test_boxes_shrink_with_the_picture_and_lose_what_the_crop_cuts_off(tmp_path):
    root = neu(tmp_path, 1, 1, 150, 100, width=400, height=200)
    assert boxes(root, 100) == [[0, 0, 25, 50]]
    (root / "NEU-DET/ANNOTATIONS/scratches_1.xml").write_text(VOC.format(1, 1, 90, 90))
    assert boxes(root, 100) == []


def test_run_lengths_count_down_the_columns_from_one():
    mask = torch.tensor([[0, 1], [1, 1], [0, 0]])
    assert rle_encode(mask.numpy()) == "2 1 4 2"
    assert (run_lengths.decode("2 1 4 2", 3, 2) == mask.bool().numpy()).all()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_run_lengths_round_trip(share):
    rng = torch.Generator().manual_seed(0)
    mask = torch.rand(256, 160, generator=rng) < share
    assert (run_lengths.decode(rle_encode(mask.numpy()), 256, 160) == mask.numpy()).all()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1", "an odd count of numbers, 1"),
        ("0 3", "below 1"),
        ("5 -1", "below 1"),
        ("5 0", "below 1"),
        ("10 56", "leaves the picture of 8x8"),
        ("1 9223372036854775807", "longer than the picture"),
        ("1 99999999999999999999", "not numbers"),
        ("a b", "not numbers"),
        ("9 2 1 2", "not in order"),
        ("1 4 3 2", "overlap"),
    ],
)
def test_run_lengths_that_make_no_sense_are_refused(text, reason):
    with pytest.raises(GancourseError, match=f"No run-length mask, .*{reason}"):
        run_lengths.decode(text, 8, 8)


def test_runs_may_touch_and_end_with_the_picture():
    assert run_lengths.decode("1 2 3 1", 2, 2).tolist() == [[True, True], [True, False]]
    assert run_lengths.decode("1 4", 2, 2).all() and not run_lengths.decode("", 2, 2).any()


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
    found = defects.strip_masks(sorted((root / "train_images").glob("*.jpg")), 64)
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
        defects.voc_boxes(tmp_path / "a.xml")


def test_an_annotation_without_boxes_has_none(tmp_path):
    (tmp_path / "a.xml").write_text("<annotation/>")
    assert defects.voc_boxes(tmp_path / "a.xml").shape == (0, 4)


# The three layouts


def test_the_severstal_table_names_the_rows_that_are_wrong(tmp_path):
    file = tmp_path / "train.csv"
    rows = ["a.jpg,1,1 3", "a.jpg,1,9 3", "b.jpg,5,1 3", "b.jpg,2,1 3 2", "c.jpg,4,", "d.jpg,3,7 2"]
    file.write_text("ImageId,ClassId,EncodedPixels\n" + "\n".join(rows) + "\n")
    table = run_lengths.read_table(file)
    assert table.masks == {"a.jpg": {1: "1 3"}, "d.jpg": {3: "7 2"}}
    assert [(name, row) for name, row, _ in table.problems] == [("train.csv", r) for r in (3, 4, 5)]
    reasons = [reason for *_, reason in table.problems]
    for reason, part in zip(reasons, ("already", "not 1 to 4", "odd count"), strict=True):
        assert part in reason
    file.write_text("ImageId,EncodedPixels\n")
    with pytest.raises(GancourseError, match="lacks the column ClassId"):
        run_lengths.read_table(file)
    with pytest.raises(GancourseError, match="There is no table"):
        run_lengths.read_table(tmp_path / "none.csv")


def test_drawn_strips_are_cut_by_the_rule(tmp_path):
    where = write_severstal(tmp_path, 8)
    with open(where / "train.csv", "a") as table:
        table.write("gone.jpg,1,1 3\nstandin_strip_0000.jpg,4,3 2 1 1\n")
    Image.new("L", (800, 256), 90).save(where / "train_images/short.jpg")
    found = defects.strip_sheets(where)
    assert len(found.sheets) == 8 and len(found.problems) == 3
    assert {name for name, *_ in found.problems} == {"train.csv", "gone.jpg", "short.jpg"}
    rule = crops.Rule(size=128, pixels=64, edge=4, clean=2, clean_from="all")
    made = crops.cut(found.sheets, rule)
    assert made.images.shape[1:] == (1, 64, 64) and made.images.dtype == torch.uint8
    assert len(made.images) == len(made.kinds) == len(made.names) == len(made.pieces)
    kinds = {kind for sheet in found.sheets for kind in sheet.kinds}
    assert set(made.kinds) <= kinds | {"clean"} and made.kinds.count("clean") > 8
    assert len(set(made.kinds)) > 1 and "refused: " in str(made)
    assert str(crops.cut(found.sheets, rule)) == str(made)  # the same places again


def sheet(tmp_path, boxes=(), size=(60, 200), dark=30):
    """A bright sheet with a dark margin on its left, a white square on every box."""
    grey = np.full(size, 120, np.uint8)
    grey[:, :dark] = 0
    mask = np.zeros(size, bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    grey[mask] = 255
    file = tmp_path / "sheet.png"
    Image.fromarray(grey).save(file)
    found = defects.boxes_in(mask)
    return defects.Sheet(file, size, "one", found, ["hole"] * len(found), mask)


def test_clean_crops_never_touch_a_defect_an_edge_or_the_margin(tmp_path):
    one = sheet(tmp_path, [(100, 20, 110, 40), (150, 5, 153, 8)])
    rule = crops.Rule(size=24, pixels=24, edge=3, clean=200, clean_from="all", per_defect=False)
    made = crops.cut([one], rule)
    clean = made.images[[kind == "clean" for kind in made.kinds]]
    assert len(clean) == 200
    assert clean.max() <= 120, "touches a defect"
    assert clean.min() >= 120, "reaches into the dark margin"
    pixels = np.arange(60 * 200, dtype=np.int32).reshape(60, 200)  # where a crop came from
    rng = np.random.default_rng(0)
    for _ in range(200):
        left, top = crops.clean_place(one, 24, (3, 57), (33, 197), rng)
        window = pixels[top : top + 24, left : left + 24]
        assert window.shape == (24, 24) and 3 <= top <= 33 and 33 <= left <= 173


def test_a_defect_lies_wholly_inside_its_crop_and_near_the_middle(tmp_path):
    boxes = [(100, 20, 110, 40), (40, 30, 45, 33), (31, 1, 36, 6), (150, 0, 199, 60)]
    made = crops.cut([sheet(tmp_path, boxes)], crops.Rule(size=40, pixels=40, clean=0))
    assert made.kinds == ["hole", "hole"] and made.pieces == ["one", "one"]
    for crop, area in zip(made.images, (200, 15), strict=True):
        y, x = (crop[0] == 255).nonzero(as_tuple=True)
        assert len(x) == area
        assert abs(x.float().mean() + 0.5 - 20) <= 10 and abs(y.float().mean() + 0.5 - 20) <= 10
    assert made.refused == {
        "the defect would be far from the middle": 1,
        "the defect is wider than a crop": 1,
    }
    one = crops.cut([sheet(tmp_path, boxes)], crops.Rule(size=40, clean=0, per_defect=False))
    assert one.kinds == ["hole"]


def test_all_defects_refused_is_said_with_the_reasons(tmp_path):
    with pytest.raises(GancourseError, match="No crop was cut from 1 pictures .1: the defect is w"):
        crops.cut([sheet(tmp_path, [(100, 0, 190, 50)])], crops.Rule(size=40))
    with pytest.raises(GancourseError, match="the steel is narrower than a crop"):
        crops.cut([sheet(tmp_path, [(100, 0, 150, 50)])], crops.Rule(size=61))
    with pytest.raises(GancourseError, match="no defect to take the size"):
        crops.crop_size(torch.zeros(0, 4))


def test_parts_of_a_mask_near_each_other_are_one_defect():
    mask = np.zeros((40, 40), bool)
    mask[5:8, 5:8] = mask[5:8, 14:17] = mask[5:8, 30:33] = True
    assert defects.boxes_in(mask).tolist() == [[5, 5, 17, 8], [30, 5, 33, 8]]
    assert len(defects.boxes_in(mask, join=0)) == 3


def tiles(folder, mask_size=(40, 100)):
    """One tile a class, the blowhole's mask of ``mask_size``, the crack's missing."""
    for part in SETS["magnetic-tile"].parts:
        (folder / part).mkdir(parents=True)
        Image.new("L", (40, 100), 120).save(folder / part / "exp1_num_7.jpg")
        mask = np.zeros((100, 40), np.uint8)
        mask[45:55, 10:20] = 255
        Image.fromarray(mask).save(folder / part / "exp1_num_7.png")
    Image.new("L", mask_size).save(folder / "MT_Blowhole/exp1_num_7.png")
    (folder / "MT_Crack/exp1_num_7.png").unlink()
    (folder / "MT_Free/exp4_num_99.jpg").write_bytes(b"no picture")
    return folder


@pytest.mark.parametrize(
    ("size", "reason"), [((40, 99), "40x99 px, the picture 40x100"), ((40, 100), "mask is empty")]
)
def test_tiles_with_masks_that_do_not_fit_are_named_and_the_rest_is_cut(tmp_path, size, reason):
    found = defects.tile_sheets(tiles(tmp_path, size))
    reasons = [why for _, _, why in found.problems]
    assert len(reasons) == 3 and reason in reasons[0]
    assert "exp1_num_7.png is missing" in reasons[1] and "cannot be read" in reasons[2]
    assert {sheet.piece for sheet in found.sheets} == {"7"}
    made = crops.cut(found.sheets)
    assert sorted(made.kinds) == ["break", "clean", "fray", "uneven"]


def test_boxes_outside_or_inverted_are_named_by_file_and_row(tmp_path):
    root = neu(tmp_path, 1, 1, 50, 50) / "NEU-DET"
    every = [(1, 1, 50, 50), (1, 1, 900, 50), (60, 1, 50, 50), (0, 1, 200, 200)]
    objects = "".join(VOC.format(*box)[12:-13] for box in every)
    (root / "ANNOTATIONS/scratches_1.xml").write_text(f"<annotation>{objects}</annotation>")
    Image.new("L", (200, 200)).save(root / "IMAGES/scratches_2.jpg")
    (root / "ANNOTATIONS/scratches_2.xml").write_text("<annotation>")
    (root / "IMAGES/patches_1.jpg").write_bytes(b"")
    found = defects.neu_sheets(root)
    assert [sheet.boxes.tolist() for sheet in found.sheets] == [
        [[0, 0, 50, 50], [0, 0, 200, 200]],
        [],
    ]
    assert found.sheets[0].kinds == ["scratches"] * 2 and found.sheets[0].piece == "scratches 0"
    assert [(name, row) for name, row, _ in found.problems] == [
        ("patches_1.jpg", 0),
        ("scratches_1.xml", 2),
        ("scratches_1.xml", 3),
        ("scratches_2.xml", 0),
    ]
