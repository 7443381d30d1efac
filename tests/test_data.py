"""load(): where data comes from, what is held out, and what it says when something is missing."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancourse import data
from gancourse.data import catalog, fetch, images, pieces
from gancourse.errors import GancourseError

REAL = os.environ.get("GANCOURSE_DATA", "")


def real(name):
    """Skip unless the real set lies in $GANCOURSE_DATA."""
    there = bool(REAL) and (Path(REAL) / name).is_dir()
    return pytest.mark.skipif(not there, reason=f"GANCOURSE_DATA holds no {name}")


def cats(folder, grey=100, n=30):
    """Flat pictures in the layout of grumpifycat."""
    for domain in "AB":
        (folder / f"grumpifycat/train{domain}").mkdir(parents=True)
        for i in range(n):
            picture = Image.fromarray(np.full((8, 8, 3), grey, np.uint8))
            picture.save(folder / f"grumpifycat/train{domain}/{i}.png")
    return folder


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No data folder, an empty cache, no network."""
    monkeypatch.delenv("GANCOURSE_DATA", raising=False)
    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANCOURSE_OFFLINE", "1")
    monkeypatch.setattr(fetch, "_failed", {})
    return tmp_path


# --- where data comes from ----------------------------------------------------------------------


def test_the_chain_is_folder_cache_download_stand_in(nowhere, monkeypatch):
    def load():
        return data.load("grumpifycat", part="A", size=8, limit=4)

    assert load().source == "stand-in" and "stand-in" in load().caption

    downloads = cats(nowhere / "download", 10)

    def fetched(name, **_):
        return downloads / name

    monkeypatch.delenv("GANCOURSE_OFFLINE")
    with monkeypatch.context() as patch:
        patch.setattr(fetch, "fetch", fetched)
        found = load()
        assert found.source == "real" and found.images.unique().tolist() == [10]
    cats(nowhere / "cache", 20)
    assert load().images.unique().tolist() == [20]
    monkeypatch.setenv("GANCOURSE_DATA", str(cats(nowhere / "mine", 30)))
    assert load().images.unique().tolist() == [30]
    assert data.load("grumpifycat", size=8, source="stand-in", limit=4).source == "stand-in"


def test_a_data_folder_without_this_set_is_no_obstacle(nowhere, monkeypatch):
    (nowhere / "mine").mkdir()
    monkeypatch.setenv("GANCOURSE_DATA", str(nowhere / "mine"))
    cats(nowhere / "cache", 20)
    assert data.load("grumpifycat", size=8).source == "real"


@pytest.mark.parametrize(
    "name", sorted(set(catalog.CATALOG) - {"severstal-steel-defect-detection"})
)
def test_real_data_that_is_not_here_is_an_error_that_says_what_to_do(nowhere, name):
    with pytest.raises(data.DataNotFound, match=f"gancourse data fetch {name}.*GANCOURSE_DATA"):
        data.load(name, source="real")


def test_severstal_says_how_to_get_it_from_kaggle(nowhere):
    with pytest.raises(data.DataNotFound, match="Kaggle account.*train_images/ and train.csv"):
        data.load("severstal-steel-defect-detection", source="real")


def test_a_misspelt_data_folder_is_an_error_not_a_stand_in(nowhere, monkeypatch):
    monkeypatch.setenv("GANCOURSE_DATA", str(nowhere / "misspelt"))
    with pytest.raises(data.DataNotFound, match="GANCOURSE_DATA names .*misspelt, which is not"):
        data.load("NEU-DET")


@pytest.mark.parametrize("name", catalog.CATALOG)
def test_every_set_has_a_stand_in(name):
    entry = catalog.CATALOG[name]
    made = data.load(name, source="stand-in", size=32, limit=3, part=(entry.parts or [None])[0])
    assert made.source == "stand-in" and made.name == name
    assert made.images.shape[1:] == (3, 32, 32)


@pytest.mark.parametrize(
    ("wrong", "suggestion"),
    [
        ({"name": "NEU-DTE"}, "NEU-DET"),
        ({"name": "NEU-DET", "part": "scratch"}, "scratches"),
        ({"name": "NEU-DET", "split": "trian"}, "train"),
        ({"name": "NEU-DET", "source": "standin"}, "stand-in"),
    ],
)
def test_a_wrong_word_suggests_the_right_one(wrong, suggestion):
    with pytest.raises(ValueError, match=f"Did you mean '{suggestion}'"):
        data.load(**wrong)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"channels": 2}, {"limit": 0}])
def test_wrong_numbers_are_refused(wrong):
    with pytest.raises(GancourseError, match="channels=1 or 3"):
        data.load("NEU-DET", **wrong)


# --- splits -------------------------------------------------------------------------------------


def test_the_held_out_quarter_never_moves():
    names = [f"scratches_{i}.jpg" for i in range(1, 301)]
    out = [n for n in names if images.held_out(n)]
    assert len(out) == 74
    assert out[:3] == ["scratches_2.jpg", "scratches_8.jpg", "scratches_10.jpg"]
    many = [images.held_out(str(i)) for i in range(20_000)]
    assert abs(sum(many) / len(many) - 0.25) < 0.01


def test_train_and_test_share_nothing_and_are_everything(tmp_path, load_from):
    root = cats(tmp_path)
    train, test, whole = (
        load_from(root, "grumpifycat", part="B", size=8, split=split)
        for split in ("train", "test", "all")
    )
    assert not set(train.names) & set(test.names)
    assert sorted(train.names + test.names) == sorted(whole.names)
    assert 0 < len(test) < len(train)


def test_exposures_of_one_tile_stay_together(tmp_path, load_from):
    place = tmp_path / "magnetic-tile/MT_Free"
    place.mkdir(parents=True)
    for number in range(30):
        for exposure in (1, 4):
            file = place / f"exp{exposure}_num_{5000 * number + 40 * exposure}.jpg"
            Image.new("L", (8, 8)).save(file)
    options = {"part": "MT_Free", "size": 8}
    sides = [load_from(tmp_path, "magnetic-tile", split=s, **options) for s in ("train", "test")]
    numbers = [{int(name[9:-4]) // 5000 for name in side.names} for side in sides]
    assert numbers[0] and numbers[1] and not numbers[0] & numbers[1]
    assert [len(side) for side in sides] == [2 * len(found) for found in numbers]


def test_a_tile_is_one_piece_whatever_its_class(tmp_path, load_from):
    """One exposure shows the defect, another does not: the piece is told over all classes."""
    for part, number in (("MT_Fray", 797), ("MT_Free", 900), ("MT_Blowhole", 1250)):
        place = tmp_path / "magnetic-tile" / part
        place.mkdir(parents=True)
        for piece in range(12):
            Image.new("L", (8, 8)).save(place / f"exp1_num_{number + 9000 * piece}.jpg")
    sides = {}
    for split in ("train", "test"):
        for part in ("MT_Fray", "MT_Free", "MT_Blowhole"):
            found = load_from(tmp_path, "magnetic-tile", part=part, size=8, split=split)
            sides[split, part] = {int(name[9:-4]) // 9000 for name in found.names}
    for split in ("train", "test"):
        assert sides[split, "MT_Fray"] == sides[split, "MT_Free"] == sides[split, "MT_Blowhole"]


def test_pieces_by_gap_and_by_block():
    names = ["exp2_num_3696.jpg", "exp1_num_3667.jpg", "exp1_num_4727.jpg", "exp6_num_4096.jpg"]
    assert pieces.by_gap(names, 400) == ["3667", "3667", "4727", "3667"]
    assert pieces.by_gap(names, 399) == ["3667", "3667", "4727", "4096"]
    names = ["scratches_1.jpg", "scratches_20.jpg", "scratches_21.jpg", "rolled-in_scale_1.jpg"]
    assert pieces.by_block(names) == ["scratches 0"] * 2 + ["scratches 1", "rolled-in_scale 0"]
    assert pieces.by_block(["standin_patches_0007"]) == ["standin_patches 0"]
    with pytest.raises(GancourseError, match="no number in its name"):
        pieces.by_gap(["tile.jpg"], 400)


def test_limit_takes_pictures_from_all_parts(tmp_path, load_from):
    few = load_from(cats(tmp_path), "grumpifycat", size=8, limit=6)
    every = load_from(tmp_path, "grumpifycat", size=8)
    assert few.names == every.names[::10] and len(set(every.names)) == 30  # the same in both parts


def test_paired_halves_line_up(tmp_path, load_from):
    (tmp_path / "facades/train").mkdir(parents=True)
    for i in range(3):
        pair = np.zeros((8, 16, 3), np.uint8)
        pair[:, :8], pair[:, 8:] = i, 100 + i
        Image.fromarray(pair).save(tmp_path / f"facades/train/{i}.png")
    photo, label = (
        load_from(tmp_path, "facades", part=part, size=8, split="train")
        for part in ("photo", "label")
    )
    assert photo.names == label.names
    assert (label.images - photo.images).unique().tolist() == [100]


def test_unreadable_files_are_reported_with_the_set(tmp_path, load_from):
    root = cats(tmp_path)
    (root / "grumpifycat/trainA/7.png").write_bytes(b"x")
    loaded = load_from(root, "grumpifycat", part="A", size=8)
    assert len(loaded) == len(loaded.names) == 29
    assert [name for name, _ in loaded.skipped] == ["7.png"]


# --- the catalog --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n, e in catalog.CATALOG.items() if e.digest])
def test_the_catalog_knows_the_manifests_in_the_repository(name):
    text = (fetch.MANIFESTS / f"{name}.sha256").read_text()
    assert hashlib.sha256(text.encode()).hexdigest() == catalog.CATALOG[name].digest
    assert len(text.splitlines()) == catalog.CATALOG[name].files
    folders = {line.split()[1].split("/")[0] for line in text.splitlines()}
    assert folders == set(catalog.CATALOG[name].folders.values())


def test_the_table_says_whose_everything_is(nowhere):
    rows = fetch.table()
    assert {row["name"] for row in rows} == set(catalog.ALL)
    assert all(row["licence"] and row["citation"] and row["page"] for row in rows)
    assert not any(row["here"] for row in rows)


def test_every_set_can_be_had_somewhere_and_is_described_in_the_readme():
    readme = (Path(__file__).parents[1] / "data" / "README.md").read_text()
    for entry in catalog.ALL.values():
        assert entry.how or entry.urls
        assert entry.name in readme


# --- the real data ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=real(n)) for n, e in catalog.CATALOG.items() if e.digest]
)
def test_the_real_bytes_match_the_manifest(name):
    check = fetch.verify(name, Path(REAL) / name)
    assert check.ok, check.text


@real("NEU-DET")
def test_real_scratches(load_from):
    train = load_from(REAL, "NEU-DET", part="scratches", size=128, split="train")
    assert train.caption == "226 real NEU-DET scratches, 128 px, train split"
    assert train.images.shape == (226, 3, 128, 128) and not train.skipped
    assert torch.equal(train.images[:, 0], train.images[:, 2])  # grey stored as RGB
    assert all(n.startswith("scratches_") for n in train.names)
    test = load_from(REAL, "NEU-DET", part="scratches", size=128, split="test")
    assert len(test) == 74 and not set(test.names) & set(train.names)


@real("NEU-DET")
def test_real_classes(load_from):
    steel = load_from(REAL, "neu-det", size=16, channels=1)
    assert steel.images.shape == (1800, 1, 16, 16)
    classes = [name.rpartition("_")[0] for name in steel.names]
    assert classes == [name for name in catalog.find("NEU-DET").parts for _ in range(300)]


@real("grumpifycat")
def test_real_cats(load_from):
    assert [len(load_from(REAL, "grumpifycat", part=part)) for part in "AB"] == [75, 204]
    assert len(load_from(REAL, "grumpifycat", size=8)) == 279


@real("horse2zebra")
def test_real_horses_have_an_official_split(load_from):
    options = {"size": 16, "split": "test"}
    found = [len(load_from(REAL, "horse2zebra", part=part, **options)) for part in "AB"]
    assert found == [120, 140]


@real("facades")
def test_real_facades(load_from):
    assert len(load_from(REAL, "facades", part="label", size=16, split="test")) == 100


@real("magnetic-tile")
def test_no_real_tile_is_on_both_sides(load_from):
    train, test = (
        load_from(REAL, "magnetic-tile", size=32, split=split) for split in ("train", "test")
    )
    assert len(train) + len(test) == 868
    numbers = [[int(name[9:-4]) for name in side.names] for side in (train, test)]
    gap = catalog.find("magnetic-tile").piece_gap
    assert min(abs(a - b) for a in numbers[0] for b in numbers[1]) > gap
