"""A reader's own pictures: ``data.folder``, and a path where a name of the catalog may stand."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancourse import data
from gancourse.data import images
from gancourse.errors import GancourseError
from gancourse_lab import picture_folder

SUFFIXES = ("jpg", "JPEG", "png", "webp", "bmp", "tif", "tiff", "gif", "ppm", "pgm")


def fill(folder, n=40, seed=0):
    """``n`` pictures of any kind and size, half of them in subfolders; returns the folder."""
    rng = np.random.default_rng(seed)
    for i in range(n):
        where = folder / ("" if i % 2 else f"deep/{i % 3}")
        where.mkdir(parents=True, exist_ok=True)
        height, width = rng.integers(5, 60, 2)
        suffix = SUFFIXES[i % len(SUFFIXES)]
        picture = Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))
        if suffix == "pgm":
            picture = picture.convert("L")
        picture.save(where / f"{i}.{suffix}")
    return folder


@pytest.mark.parametrize("seed", range(3))
def test_every_kind_of_file_flat_or_nested_is_read_and_split_by_its_name(tmp_path, seed):
    mine = fill(tmp_path / "pets", seed=seed)
    files = [p.relative_to(mine).as_posix() for p in sorted(mine.rglob("*")) if p.is_file()]
    whole, train, test = (data.folder(mine, size=16, split=s) for s in ("all", "train", "test"))
    assert whole.names == files and not whole.skipped and whole.source == "own"
    assert whole.images.shape == (40, 3, 16, 16)
    assert test.names == [name for name in files if images.held_out(Path(name).name)]
    assert train.names == [name for name in files if name not in test.names]
    for part in (whole, test):
        for name, picture in zip(part.names, part.images, strict=True):
            assert torch.equal(picture, images.decode(mine / name, 16))


def test_the_caption_says_whose_pictures_they_are(tmp_path):
    mine = fill(tmp_path / "pets")
    assert data.folder(mine, split="test").caption.endswith(" own pets images, 64 px, test split")


def test_neither_the_place_of_the_folder_nor_other_files_move_a_picture(tmp_path):
    fill(tmp_path / "a")
    first = [data.folder(tmp_path / "a", split=split, size=8) for split in ("test", "all")]
    (tmp_path / "a/notes.txt").write_text("x")
    (tmp_path / "a/.hidden.png").write_bytes(b"x")
    (tmp_path / "a/.thumbs").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "a/.thumbs/1.png")
    (tmp_path / "a").rename(tmp_path / "b")
    second = [data.folder(tmp_path / "b", split=split, size=8) for split in ("test", "all")]
    for before, after in zip(first, second, strict=True):
        assert after.names == before.names and after.fingerprint() == before.fingerprint()


def test_limit_and_channels_are_those_of_load(tmp_path):
    few = data.folder(fill(tmp_path), size=8, limit=4, channels=1)
    assert few.images.shape == (4, 1, 8, 8)
    everything = data.folder(tmp_path, size=8).names
    assert few.names == everything[::10]
    with pytest.raises(GancourseError, match="channels=1 or 3"):
        data.folder(tmp_path, channels=2)
    with pytest.raises(ValueError, match="Did you mean 'test'"):
        data.folder(tmp_path, split="tset")


# What is wrong with a folder


def test_no_folder_a_file_and_a_folder_of_something_else_are_errors_that_say_so(tmp_path):
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs/a.mp3").write_bytes(b"x")
    for path, said in {
        "pest": "There is no folder .*pest. Found in .*: songs/",
        "songs/a.mp3": "is a file, not a folder",
        "songs": "No pictures in .*songs or below it. Found in .*: a.mp3. A picture is .*jpg",
        "~nobody-of-this-name/x": "cannot be read",
        "x" * 5000: "cannot be read",
    }.items():
        with pytest.raises(data.DataNotFound, match=said):
            data.folder(path if path[0] == "~" else tmp_path / path)


@pytest.mark.parametrize("split", ["train", "test"])
def test_one_picture_loads_and_the_split_without_it_says_that_it_is_empty(tmp_path, split):
    other = {"train": "test", "test": "train"}[split]
    name = next(f"{i}.png" for i in range(99) if images.held_out(f"{i}.png") == (split == "test"))
    Image.new("RGB", (9, 9), "red").save(tmp_path / name)
    assert data.folder(tmp_path).names == data.folder(tmp_path, split=split).names == [name]
    with pytest.raises(data.DataNotFound, match=f"The {other} split of .* empty.*all 1 pictures"):
        data.folder(tmp_path, split=other)


def test_up_to_5_percent_broken_are_skipped_and_named_by_their_path_more_are_an_error(tmp_path):
    fill(tmp_path)
    broken = ["deep/0/0.jpg", "deep/2/2.png"]
    whole = data.folder(tmp_path, size=16)
    for name in broken:
        (tmp_path / name).write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    rest = data.folder(tmp_path, size=16)
    assert [name for name, _ in rest.skipped] == broken
    assert all("not one of JPEG, PNG" in why for _, why in rest.skipped)
    kept = [i for i, name in enumerate(whole.names) if name not in broken]
    assert rest.names == [whole.names[i] for i in kept]
    assert torch.equal(rest.images, whole.images[kept])
    (tmp_path / "1.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(GancourseError, match=r"3 of 41 files .*1\.HEIC.*save .* as JPEG"):
        data.folder(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_said(tmp_path):
    fill(tmp_path / "a")
    (tmp_path / "a/deep/0").chmod(0)
    with pytest.raises(data.DataNotFound, match="deep/0 cannot be read: Permission"):
        data.folder(tmp_path / "a")
    (tmp_path / "a/deep/0").chmod(0o700)


def test_an_unreadable_subfolder_is_an_error_not_a_smaller_set(tmp_path, monkeypatch):
    """The same without permissions, which root has."""
    fill(tmp_path)
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(data.DataNotFound, match="deep cannot be read: Permission denied"):
        data.folder(tmp_path)


# A path instead of a name


def test_load_takes_a_path_wherever_it_takes_a_name(tmp_path, monkeypatch):
    mine = fill(tmp_path / "pets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    asked = {"size": 16, "split": "train", "channels": 1, "limit": 5}
    expected = data.folder(mine, **asked)
    for path in (mine, Path("pets"), str(mine), "./pets", "pets/", "~/pets"):
        found = data.load(path, **asked)
        assert found.caption == expected.caption and found.names == expected.names
        assert torch.equal(found.images, expected.images)
    with pytest.raises(ValueError, match="Unknown data set 'pets'"):
        data.load("pets")
    with pytest.raises(data.DataNotFound, match="There is no folder"):
        data.load("./pest")


def test_a_part_of_a_folder_is_its_subfolder(tmp_path):
    mine = fill(tmp_path / "pets")
    part = data.load(mine, part="deep", size=8)
    assert len(part) == 20 and part.part == "deep"
    assert part.caption == "20 own pets deep, 8 px"
    with pytest.raises(data.DataNotFound, match=r"no folder .*deer.*Found in .*deep/"):
        data.load(mine, part="deer")


def test_a_folder_has_no_stand_in(tmp_path):
    with pytest.raises(GancourseError, match="has no stand-in"):
        data.load(fill(tmp_path), source="stand-in")


# Two domains


def test_two_folders_must_be_apart(tmp_path, monkeypatch):
    for name in ("a", "a/in/deep", "b", "ab"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "into").symlink_to(tmp_path / "a/in")
    monkeypatch.chdir(tmp_path)
    for one, other in (("a", "b"), ("a", "ab")):
        data.check_apart(tmp_path / one, tmp_path / other)
        data.check_apart(tmp_path / other, one)
    for one, other in (
        ("a", "a"),
        ("a", "b/../a"),
        ("a", "a/in/deep"),
        ("a", "link/in"),
        ("a", "into"),
    ):
        for pair in ((one, other), (other, one), (tmp_path / one, other)):
            with pytest.raises(GancourseError, match=re.escape(f"{pair[0]} and {pair[1]} are not")):
                data.check_apart(*pair)
    with pytest.raises(data.DataNotFound, match="There is no folder"):
        data.check_apart("a", "c")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_set_written_as_files_is_a_folder_of_ones_own(tmp_path, channels):
    asked = {"part": "patches", "size": 16, "limit": 6, "channels": channels}
    steel = data.load("NEU-DET", source="stand-in", **asked)
    where = picture_folder.write(steel, tmp_path)
    again = data.folder(where, size=16, channels=channels)
    assert again.caption.startswith("6 own stand-in-patches images")  # what they show is not lost
    assert torch.equal(again.images, steel.images)
