"""The stand-ins: repeatable, true to their ground truth, and close to the steel they stand for."""

import csv

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gancourse import data
from gancourse.data import standins
from gancourse.errors import GancourseError, UnknownName
from gancourse_standins import (
    CAT_POSE,
    FACADE_CLASSES,
    FACADE_COLOURS,
    HORSE_POSE,
    draw,
    write_severstal,
)

EVERY = [(s.name, part) for s in standins.SETS.values() for part in (None, *s.parts)]
TWO_DOMAINS = ("grumpifycat", "horse2zebra", "specimens")
STRIPS = "severstal-steel-defect-detection"


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def luma(images: torch.Tensor) -> torch.Tensor:
    """(N, 3, H, W) uint8 -> (N, H, W) float."""
    return images.float().mean(1)


@pytest.mark.parametrize(("name", "part"), EVERY)
def test_every_part_is_repeatable_and_says_that_it_is_a_stand_in(name, part):
    few, many = (standins.make(name, part=part, n=n, size=32) for n in (7, 9))
    assert torch.equal(few.images, many.images[:7])  # picture i does not depend on n
    assert few.names == many.names[:7] and len(set(many.names)) == 9
    assert all(torch.equal(v, many.truth[k][:7]) for k, v in few.truth.items())
    assert few.images.shape == (7, 3, 32, 32) and few.images.dtype == torch.uint8
    assert few.source == "stand-in" and "stand-in" in few.caption
    assert len({picture.numpy().tobytes() for picture in many.images}) == 9
    other = standins.make(name, part=part, n=7, size=32, seed=1)
    assert not any(torch.equal(a, b) for a, b in zip(few.images, other.images, strict=True))


def test_the_parts_together_are_the_parts_alone_with_labels():
    every = standins.make("NEU-DET", n=12, size=32)
    parts = data.CATALOG["NEU-DET"].parts
    for label, part in enumerate(parts):
        alone = standins.make("neu-det", part=part, n=2, size=32)
        assert torch.equal(alone.images, every.images[label::6])


def test_random_states_of_the_caller_are_left_alone():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    standins.make("NEU-DET", n=3, size=32)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])


def test_splits_share_nothing_and_miss_nothing():
    options = {"part": "MT_Free", "size": 8}
    every = standins.make("magnetic-tile", **options)
    train, test = (standins.make("magnetic-tile", split=s, **options) for s in ("train", "test"))
    assert not set(train.names) & set(test.names)
    assert sorted(train.names + test.names) == every.names and len(every) == 300
    assert 0.18 < len(test) / len(every) < 0.32  # a quarter, give or take
    long = standins.make("magnetic-tile", split="test", n=len(test) + 5, **options)
    assert long.names[: len(test)] == test.names
    cats = [standins.make("grumpifycat", part=p, n=9, size=8, split="test").names for p in "AB"]
    assert [n[-4:] for n in cats[0]] == [n[-4:] for n in cats[1]]  # no pose of a pair leaks


@pytest.mark.parametrize("name", ["grumpifycat", "facades", "NEU-DET"])
def test_a_small_picture_is_the_large_one_made_smaller(name):
    part = standins.SETS[name].parts[-1]
    small, large = (standins.make(name, part=part, n=12, size=s) for s in (48, 96))
    shrunk = F.avg_pool2d(large.images.float(), 2)
    assert (shrunk - small.images).abs().mean() < 8
    for key, value in small.truth.items():
        if key not in ("mask", "classes"):
            assert torch.equal(value, large.truth[key])


def test_grey_is_one_channel_with_the_luma_of_the_colours():
    colour, grey = (standins.make("horse2zebra", n=4, size=32, channels=c) for c in (3, 1))
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    assert grey.images.shape == (4, 1, 32, 32)
    assert ((colour.images * weights).sum(1, keepdim=True) - grey.images).abs().max() < 2.5
    steel = standins.make("NEU-DET", n=4, size=32).images
    assert torch.equal(steel[:, 0], steel[:, 2])


def test_scratches_are_bright_inside_the_mask_and_each_has_a_box():
    made = standins.make("NEU-DET", part="scratches", n=60, size=64)
    grey, mask = made.images[:, 0].float(), made.truth["mask"][:, 0]
    assert made.truth["mask"].dtype == torch.bool and mask.any(2).any(1).all()
    lift = [float(g[m].mean() - g[~m].mean()) for g, m in zip(grey, mask, strict=True)]
    assert min(lift) > 5 and sum(lift) / len(lift) > 30
    drawn = [draw("NEU-DET", "scratches", i, height=64, width=64)[2] for i in range(60)]
    every = [torch.from_numpy(truth["boxes"]) for truth in drawn]
    counts = [len(boxes) for boxes in every]
    assert min(counts) == 1 and max(counts) <= 4 and len(set(counts)) > 2
    for boxes, m in zip(every, mask, strict=True):
        inside = torch.zeros_like(m)
        for x0, y0, x1, y1 in boxes.long().tolist():
            assert m[y0:y1, x0:x1].any(0)[[0, -1]].all() and m[y0:y1, x0:x1].any(1)[[0, -1]].all()
            inside[y0:y1, x0:x1] = True
        assert not (m & ~inside).any()


@pytest.mark.parametrize(
    ("part", "mean", "spread"),  # of the 300 real pictures of the class, at 128 px
    [
        ("scratches", 95.1, 21.5),
        ("inclusion", 106.4, 12.9),
        ("crazing", 141.1, 27.3),
        ("patches", 132.5, 53.5),
        ("pitted_surface", 176.7, 26.3),
        ("rolled-in_scale", 117.9, 15.1),
    ],
)
def test_steel_has_the_grey_values_of_the_real_one(part, mean, spread):
    grey = standins.make("NEU-DET", part=part, n=150, size=64, channels=1).images.float()
    assert abs(float(grey.mean()) - mean) < 0.1 * mean
    assert abs(float(grey.flatten(1).std(1).mean()) - spread) < 0.25 * spread


@pytest.mark.parametrize("part", [p for p in data.CATALOG["magnetic-tile"].parts if p != "MT_Free"])
def test_a_defect_of_a_tile_differs_from_what_is_around_it(part):
    made = standins.make("magnetic-tile", part=part, n=20, size=64)
    clean = standins.make("magnetic-tile", part="MT_Free", n=20, size=64)
    mask, grey = made.truth["mask"].float(), made.images[:, :1].float()
    near = F.max_pool2d(mask, 7, 1, 3) - mask
    step = (grey * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3))
    step = step / ((grey * near).sum((1, 2, 3)) / near.sum((1, 2, 3)))
    assert (mask.sum((1, 2, 3)) > 0).all() and not clean.truth["mask"].any()
    assert ((step < 0.9) | (step > 1.1)).float().mean() > 0.9
    assert (step < 1).all() or part == "MT_Uneven"


@pytest.mark.parametrize("name", TWO_DOMAINS)
def test_a_pair_shows_one_scene_in_two_coats(name):
    a, b = standins.pairs(name, n=10, size=64)
    unpaired = standins.make(name, part="B", n=10, size=64)
    assert all(torch.equal(a.truth[k], b.truth[k]) for k in a.truth)
    assert not torch.isclose(a.truth["pose"][:, 0], unpaired.truth["pose"][:, 0]).any()
    assert torch.equal(a.images, standins.make(name, part="A", n=10, size=64).images)
    assert not set(b.names) & set(unpaired.names)
    away = F.max_pool2d(a.truth["mask"].float(), 9, 1, 4) == 0
    inside = a.truth["mask"].expand_as(a.images)
    change = (a.images.float() - b.images).abs()
    assert (change * away).max() == 0 and change[inside].mean() > 15


def test_the_eyes_of_a_cat_are_where_its_pose_says():
    made = standins.make("grumpifycat", part="A", n=60, size=64)
    red, green, blue = made.images.float().unbind(1)
    iris = ((green - blue > 60) & made.truth["mask"][:, 0]).float()  # green to amber, on grey fur
    at = (torch.arange(64) + 0.5) / 32 - 1
    found = torch.stack([(iris * at).sum((1, 2)), (iris * at[:, None]).sum((1, 2))], 1)
    found = found / iris.sum((1, 2))[:, None]
    middle = made.truth["eyes"].mean(1)
    assert (found - middle).abs().mean() < 0.05
    assert correlation(found[:, 0], middle[:, 0]) > 0.95
    assert correlation(middle[:, 0], made.truth["pose"][:, 0]) > 0.5


def test_a_cat_turns_with_its_tilt():
    made = standins.make("grumpifycat", part="B", n=40, size=16)
    left, right = made.truth["eyes"].unbind(1)
    angle = torch.atan2(right[:, 1] - left[:, 1], right[:, 0] - left[:, 0])
    tilt = made.truth["pose"][:, CAT_POSE.index("tilt")]
    assert torch.allclose(angle, tilt, atol=1e-5)


def test_a_zebra_is_striped_and_a_horse_is_brown():
    horse, zebra = standins.pairs("horse2zebra", n=20, size=64)
    grey, mask = [luma(s.images) for s in (horse, zebra)], horse.truth["mask"][:, 0]
    spread = [torch.stack([g[m].std() for g, m in zip(s, mask, strict=True)]) for s in grey]
    assert (spread[1] > 2 * spread[0]).all()
    brown = horse.images.float().permute(0, 2, 3, 1)[mask].mean(0)
    assert brown[0] > 1.3 * brown[1] > 1.5 * brown[2]
    facing = horse.truth["pose"][:, HORSE_POSE.index("facing")]
    assert set(facing.tolist()) == {-1.0, 1.0}


def test_a_facade_label_is_its_class_map_and_fits_the_photo():
    photo, label = standins.pairs("facades", n=12, size=64)
    classes = photo.truth["classes"]
    assert torch.equal(classes, label.truth["classes"]) and classes.unique().tolist() == [*range(6)]
    colours = torch.tensor(FACADE_COLOURS, dtype=torch.uint8)
    assert torch.equal(label.images.permute(0, 2, 3, 1), colours[classes])
    assert len(FACADE_CLASSES) == len(colours)
    wall, window = (FACADE_CLASSES.index(k) for k in ("wall", "window"))
    for picture, kinds in zip(luma(photo.images), classes, strict=True):
        assert picture[kinds == window].mean() < picture[kinds == wall].mean()


def test_contrast_and_light_of_a_specimen_can_be_seen():
    made = standins.make("specimens", part="A", n=80, size=48)
    mask, colours = made.truth["mask"], made.images.float()
    bar = (colours * mask).sum((2, 3)) / mask.sum((2, 3))
    table = (colours * ~mask).sum((2, 3)) / (~mask).sum((2, 3))
    apart = (bar - table).abs().mean(1)
    assert correlation(apart, made.truth["contrast"]) > 0.5
    on_table = [g[~m] for g, m in zip(luma(made.images), mask[:, 0], strict=True)]
    glare = torch.stack([t.quantile(0.98) / t.median() for t in on_table])
    assert correlation(glare, made.truth["light"]) > 0.5
    for key in ("contrast", "light"):
        assert 0 <= made.truth[key].min() < 0.2 and 0.8 < made.truth[key].max() <= 1


def decode(text: str, height: int, width: int) -> np.ndarray:
    """Severstal's run-length text by its definition: pixels from 1, down the columns."""
    mask = np.zeros((height, width), bool)
    numbers = [int(n) for n in text.split()]
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        for pixel in range(start - 1, start - 1 + length):
            mask[pixel % height, pixel // height] = True
    return mask


def test_severstal_files_decode_to_the_masks(tmp_path):
    made = standins.make(STRIPS, n=10, size=(32, 200))
    write_severstal(tmp_path, 10, size=(32, 200))
    with open(tmp_path / "train.csv", newline="") as table:
        rows = list(csv.DictReader(table))
    written = torch.zeros_like(made.truth["mask"])
    for row in rows:
        at = made.names.index(row["ImageId"].removesuffix(".jpg"))
        mask = decode(row["EncodedPixels"], 32, 200)
        written[at, int(row["ClassId"]) - 1] = torch.from_numpy(mask)
    assert torch.equal(written, made.truth["mask"])
    defective = made.truth["mask"].flatten(1).any(1)
    assert 0 < defective.sum() < 10  # clean strips are there, and have no line
    assert len(list((tmp_path / "train_images").glob("*.jpg"))) == 10


def test_severstal_files_load_as_the_real_ones_do(tmp_path, load_from):
    write_severstal(tmp_path / STRIPS, 3)
    loaded = load_from(tmp_path, STRIPS, size=32)
    made = standins.make(STRIPS, n=3, size=(256, 1600))
    middle = F.avg_pool2d(made.images[..., 672:928].float(), 8)
    assert [n.removesuffix(".jpg") for n in loaded.names] == made.names
    assert (loaded.images - middle).abs().mean() < 3  # JPEG and another way to shrink


def test_unknown_words_are_refused_with_a_suggestion():
    with pytest.raises(UnknownName, match="NEU-DET"):
        standins.make("NEU-DE")
    with pytest.raises(UnknownName, match="scratches"):
        standins.make("NEU-DET", part="scratchs")
    with pytest.raises(UnknownName, match="train"):
        standins.make("NEU-DET", split="trian")
    with pytest.raises(UnknownName, match="horse2zebra"):
        standins.pairs("magnetic-tile")
    for wrong in ({"n": 0}, {"channels": 2}, {"size": 4}):
        with pytest.raises(GancourseError):
            standins.make("specimens", **wrong)
