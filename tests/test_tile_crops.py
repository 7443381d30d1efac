"""Layouts by name, tiles as two domains, what a translator added, and the blind count."""

import itertools
import json

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from torch import nn

from gancourse import profiles
from gancourse.data import catalog, fetch, images
from gancourse.errors import GancourseError
from gancourse_lab import added, crop_figures, crops, defects, layouts, tile_crops
from gancourse_lab.imbalance import digests
from gancourse_studies import blind_sheet, cyclegan


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A data folder with drawn tiles that pass for real ones, two exposures each."""
    folder = tmp_path_factory.mktemp("data")
    layouts.write_tiles(folder / layouts.TILES, 12)
    return folder


@pytest.fixture
def tiles(root, monkeypatch):
    monkeypatch.setenv("GANCOURSE_DATA", str(root))
    return root / layouts.TILES


def test_one_tile_under_another_lamp_is_known_again_and_grinding_marks_are_not_a_tile():
    rng = np.random.default_rng(0)
    lamp = np.linspace(0.6, 1.3, 160)[:, None]  # brighter towards one end
    marks = rng.normal(0, 25, (1, 120))  # from top to bottom, on every tile
    spots = [ndimage.gaussian_filter(rng.normal(0, 60, (200, 120)), 2) for _ in range(3)]
    tiles = [(110 + marks + spot * 2).clip(0, 255) for spot in spots]
    again = ndimage.zoom(tiles[0], (160 / 200, 1), order=1) * lamp * 0.7
    pictures = [torch.tensor(x.clip(0, 255).astype(np.uint8))[None] for x in (*tiles, again)]
    found = tile_crops.alike(pictures, ["9", "20", "100", "300"])
    assert list(found)[0] == ("9", "20") and len(found) == 6  # by number, not by letter
    assert found["9", "300"][0] > 0.6 and found["9", "300"][1:] == (0, 3)
    assert max(value for pair, (value, *_) in found.items() if pair != ("9", "300")) < 0.2


def test_the_twins_are_what_the_real_tiles_show():
    where = fetch.locate(catalog.find("magnetic-tile"), False)
    if where is None:
        pytest.skip("the real tiles are not here")
    sheets = defects.tile_sheets(where).sheets
    pictures = [images.decode(sheet.file, None, 1) for sheet in sheets]
    found = tile_crops.alike(pictures, [sheet.piece for sheet in sheets])
    twins = {pair for group in tile_crops.TWINS for pair in itertools.combinations(group, 2)}
    assert min(found[pair][0] for pair in twins) > 0.4
    assert max(value for pair, (value, *_) in found.items() if pair not in twins) < 0.3


@pytest.mark.parametrize("name", layouts.READERS)
def test_drawn_layouts_are_read_like_real_ones(name):
    found, source = layouts.load(name, "stand-in")
    assert source == "stand-in" and not found.problems
    assert sum(len(sheet.boxes) for sheet in found.sheets) > 20
    assert layouts.caption(name, found, source) == f"{len(found.sheets)} stand-in {name} pictures"


def test_an_own_folder_is_read_in_its_layout(tmp_path):
    layouts.write_neu(tmp_path, 2)
    found, source = layouts.load(layouts.NEU, "auto", str(tmp_path))
    assert source == "own" and len(found.sheets) == 12


def test_drawn_neu_boxes_are_those_that_were_drawn(tmp_path):
    layouts.write_neu(tmp_path, 3)
    for sheet in defects.neu_sheets(tmp_path).sheets:
        part, number = sheet.file.stem.rsplit("_", 1)
        options = {"height": 200, "width": 200, "channels": 1, "seed": 0}
        _, _, truth = layouts.draw(layouts.NEU, part, int(number), **options)
        assert sheet.boxes.tolist() == truth["boxes"].tolist()


def test_exposures_of_a_drawn_tile_are_one_piece(tiles):
    found = defects.tile_sheets(tiles)
    pieces = [sheet.piece for sheet in found.sheets]
    assert {pieces.count(piece) for piece in pieces} == {len(layouts.EXPOSURES)}


def test_the_domains_share_no_piece_between_the_splits_and_hold_their_kinds(tiles):
    piece = {s.file.stem: s.piece for s in defects.tile_sheets(tiles).sheets}

    def pieces_of(split):
        found = [tile_crops.domain(part, 32, split, "real", 120) for part in "AB"]
        return {piece[n.split("/")[1].rsplit("-", 1)[0]] for one in found for n in one.names}

    train, test = pieces_of("train"), pieces_of("test")
    assert train and test and not train & test
    assert all(images.in_split(one, "test") for one in test)
    a, b = (tile_crops.domain(part, 32, "train", "real", 120) for part in "AB")
    assert {name.split("/")[0] for name in a.names} == {crops.CLEAN}
    assert {name.split("/")[0] for name in b.names} == set(tile_crops.KINDS)
    assert a.images.shape[1:] == b.images.shape[1:] == (1, 32, 32)


def test_clean_crops_come_from_defective_tiles_too(tiles):
    a = tile_crops.domain("A", 32, "train", "real")
    defective = {f.stem for part in ("Blowhole", "Crack") for f in tiles.glob(f"MT_{part}/*.jpg")}
    assert any(name.split("/")[1].rsplit("-", 1)[0] in defective for name in a.names)


def test_a_smaller_picture_shows_the_same_metal(tiles, monkeypatch):
    asked = []
    monkeypatch.setattr(
        tile_crops, "domain", lambda part, pixels, split, source, side: asked.append((pixels, side))
    )
    for profile, expected in (("laptop", [(80, 80), (64, 64)]), ("live", [(40, 80), (32, 64)])):
        asked.clear()
        settings = profiles.settings("tile-defects", profile)
        for split in ("train", "test"):
            cyclegan.domain(settings, "A", "real", split)
        assert asked == expected


class Spot(nn.Module):
    """Darkens a square, by 40 grey levels, of bright pictures only."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        spot = torch.zeros_like(x)
        spot[..., 20:30, 40:52] = 40 / 127.5
        return x - spot * (x.mean((1, 2, 3), keepdim=True) > 0)


def test_what_was_added_is_a_mask_and_a_box():
    bright = torch.full((3, 1, 64, 64), 180, dtype=torch.uint8)
    found = added.difference(bright, added.translate(Spot(), bright))
    masks = added.masks(found, 20)
    for mask in masks:
        assert added.boxes(mask).tolist() == [[40, 20, 52, 30]]
        assert added.largest_box(mask).tolist() == [40, 20, 52, 30]
    assert not added.masks(found, 41).any()
    assert added.largest_box(np.zeros((64, 64), bool)) is None


def test_specks_are_no_defect():
    found = np.zeros((1, 64, 64))
    found[0, :2, :3] = 100  # six pixels
    found[0, 30:33, 30:33] = 100
    (mask,) = added.masks(found, 50)
    assert mask.sum() == 9 and mask[30:33, 30:33].all()


def test_the_level_is_that_below_which_pictures_left_alone_get_no_mask():
    bright = torch.full((20, 1, 64, 64), 180, dtype=torch.uint8)
    dark = torch.full((20, 1, 64, 64), 60, dtype=torch.uint8)
    nowhere = np.zeros((20, 64, 64), bool)
    assert added.level_of(Spot(), dark, nowhere) == 1  # it changes nothing
    assert 39 <= added.level_of(Spot(), bright, nowhere) <= 41
    most_dark = torch.cat([dark[:19], bright[:1]])
    assert added.level_of(Spot(), most_dark, nowhere) == 1  # one in twenty may
    there = nowhere.copy()
    there[:, 20:30, 40:52] = True
    assert added.level_of(Spot(), bright, there) == 1  # it may deepen what is there


def test_crops_with_masks_are_the_domains(tiles):
    pictures, masks = tile_crops.with_masks("train", "real", 120)
    domain = tile_crops.domain("B", 120, "train", "real", 120)
    assert sorted(digests(pictures)) == sorted(digests(domain.images))
    assert masks.any((1, 2)).all() and masks.shape == (len(pictures), 120, 120)


def test_the_outline_lies_on_the_rim_of_the_mask():
    mask = np.zeros((1, 64, 64), bool)
    mask[0, 10:20, 10:20] = True
    drawn = added.outlined(torch.zeros(1, 1, 64, 64, dtype=torch.uint8), mask)
    assert drawn[0, :, 10, 15].tolist() == [230, 159, 0]
    assert drawn[0, :, 15, 15].tolist() == [0, 0, 0] == drawn[0, :, 9, 15].tolist()


def test_frames_say_why_a_crop_was_refused(tmp_path):
    file = tmp_path / "a_1.png"
    Image.new("L", (200, 100), 120).save(file)
    boxes = np.array([[90, 40, 110, 60], [0, 40, 10, 60], [20, 10, 120, 20]], np.float32)
    sheet = defects.Sheet(file, (100, 200), "a", boxes, ["x"] * 3)
    figure, axis = crop_figures.figures.subplots(1, 1, figsize=(2, 1))
    assert crop_figures.show_crops(axis, sheet, 64) == ["kept", "far from the middle", "too wide"]
    assert len(axis.patches) == 3 and figure


def test_a_true_box_and_a_told_one_are_drawn_and_doubt_is_dotted():
    pictures = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    row = [([10, 20, 30, 40], [12, 20, 30, 40], True), ([1, 2, 3, 4], None, False)]
    doubt = [(box, box, False) for box, _, _ in row]
    figure = crop_figures.boxed({"a": pictures, "b": pictures}, {"a": row, "b": doubt}, "drawn")
    drawn = [
        [(p.get_x(), p.get_width(), p.get_linestyle()) for p in axis.patches]
        for axis in figure.axes
    ]
    assert drawn[0] == [(8.5, 22, "-"), (10.5, 20, "-")]  # a pixel of room
    assert len(drawn[1]) == 1 and [style for _, _, style in drawn[2]] == ["-", ":"]
    assert [axis.get_ylabel() for axis in figure.axes] == ["a", "", "b", ""]


def test_what_the_rim_costs_is_between_small_enough_and_cut():
    shares = {"tiles": {64: (0.7, 0.4), 96: (0.8, 0.2)}, "strips": {64: (0.5, 0.5), 96: (1, 0.9)}}
    figure = crop_figures.admitted_and_cut(shares)
    assert [axis.get_title() for axis in figure.axes] == ["tiles", "strips"]
    small, cut = (list(line.get_ydata()) for line in figure.axes[0].lines)
    assert small == [0.7, 0.8] and cut == [0.4, 0.2]
    assert [text.get_text() for text in figure.axes[0].texts] == ["70%", "80%", "40%", "20%"]


def test_every_reason_of_the_rule_has_a_short_name():
    span, rows = (0, 100), (0, 100)
    cases = {
        "too wide": ((10, 10, 90, 20), 64, rows, span),
        "far from the middle": ((0, 40, 10, 50), 64, rows, span),
        "on an edge": ((-5, 40, 10, 50), 64, rows, span),
        "steel too narrow": ((10, 10, 20, 20), 64, rows, (0, 50)),
    }
    for short, asked in cases.items():
        assert crop_figures.SHORT[crops.place(*asked)] == short


def answers_to(key, said):
    return {n: said(one["source"]) for n, one in key.items()}


KEY = {
    "1": {"source": "translated"},
    "2": {"source": "clean"},
    "3": {"source": "defective"},
    "4": {"source": "translated"},
}


def test_answers_are_counted_by_source():
    said = {
        "1": {"defect": "blowhole", "made": True},
        "2": {"defect": "none", "made": False},
        "3": {"defect": "crack", "made": True},
        "4": {"defect": "none", "made": False},
    }
    found = blind_sheet.counted(KEY, said)
    assert found["translated"]["blowhole"] == found["translated"]["none"] == 1
    assert found["translated"]["called made"] == 1 and found["translated"]["of"] == 2
    assert found["clean"]["none"] == 1 and found["defective"]["crack"] == 1


def test_a_forgotten_number_and_an_unknown_word_are_refused():
    right = answers_to(KEY, lambda _: {"defect": "none", "made": False})
    with pytest.raises(GancourseError, match=r"differ at the numbers \['4'\]"):
        blind_sheet.counted(KEY, {n: a for n, a in right.items() if n != "4"})
    with pytest.raises(GancourseError, match="1: 'hole' is none of"):
        blind_sheet.counted(KEY, right | {"1": {"defect": "hole", "made": False}})


def test_the_count_becomes_a_record(tmp_path):
    from gancourse import records

    said = answers_to(KEY, lambda source: {"defect": "none", "made": source == "translated"})
    for name, content in (("key.json", KEY), ("answers.json", said)):
        (tmp_path / name).write_text(json.dumps(content))
    words = ["count", *(str(tmp_path / n) for n in ("key.json", "answers.json")), "a/b"]
    blind_sheet.main([*words, str(tmp_path / "blind-4"), "one, who knew nothing"])
    record = records.load(tmp_path / "blind-4")
    assert record["counted"]["translated"]["called made"] == 2
    assert record["reader"] == "one, who knew nothing" and "by eye" in record.caption
    assert record["answers"]["2"]["source"] == "clean"
