"""One's own pictures, from real files on disk to files on disk: translate, sample, score, train."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from gancourse import profiles, records
from gancourse.data import images
from gancourse.errors import GancourseError
from gancourse.models import network
from gancourse.train.cyclegan import translate as through
from gancourse_studies import pictures, recording, scores
from gancourse_tools import cli

CYCLE = profiles.settings("grumpy-cats", "tiny")
DCGAN = profiles.settings("neu-scratches", "smoke", size=16)


def draw(folder, sizes, seed=0, names="{}.png"):
    """Files of noise, smooth enough to be pictures; returns the folder."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for i, (height, width) in enumerate(sizes):
        small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
        small.resize((width, height), Image.Resampling.BICUBIC).save(folder / names.format(i))
    return folder


def record_of(settings, path, names):
    """A record with fresh networks, which change pictures: an identity start would not."""
    torch.manual_seed(0)
    made = {name: network(name, settings) for name in names}
    for net in made.values():
        for weight in net.parameters():
            torch.nn.init.normal_(weight, 0.0, 0.1)
    content = {
        **{"model": settings.model, "features": "stand-in", "weights": "last", "device": "CPU"},
        "settings": vars(settings),
        "data": {"caption": "drawn pictures", "source": "stand-in"},
    }
    return recording.save(path, content, networks=made)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder of records: a CycleGAN, a DCGAN, and one without weights."""
    root = tmp_path_factory.mktemp("records")
    record_of(CYCLE, root / "mine" / "cycle", ("gen_ab", "gen_ba"))
    record_of(DCGAN, root / "mine" / "dcgan", ("generator",))
    record_of(CYCLE, root / "mine" / "bare", ())
    return root


@pytest.fixture(autouse=True)
def places(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("GANCOURSE_RECORDS", str(runs))
    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GANCOURSE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(file):
    return images.decode(file, None)


# translate


def test_a_picture_of_any_size_keeps_it_and_many_are_translated_as_one_by_one(tmp_path):
    sizes = [(97, 131), (16, 16), (3, 50), (1, 1), (5, 8)]
    mine = draw(tmp_path / "in", sizes)
    draw(mine / "deep", [(20, 22)], seed=9, names="{}.jpg")
    written = pictures.translate("mine/cycle", mine, tmp_path / "out", progress=False)
    names = [file.relative_to(tmp_path / "out").as_posix() for file in written.files]
    assert sorted(names) == [*(f"{i}.png.png" for i in range(5)), "deep/0.jpg.png"]
    for i, size in enumerate(sizes):
        alone = tmp_path / f"alone{i}"
        (one,) = pictures.translate("mine/cycle", mine / f"{i}.png", alone, progress=False).files
        both = read(one), read(tmp_path / "out" / f"{i}.png.png")
        assert both[0].shape == (3, *size) and torch.equal(*both)
    assert any("trained at 16 px" in note and "131" in note for note in written.notes)


def test_padding_mirrors_below_and_right_and_is_none_at_multiples_of_4():
    net = records.load("mine/cycle").generator("gen_ab")
    whole = torch.randint(0, 256, (2, 3, 20, 24), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(through(net, whole), images.to_uint8(net(images.to_float(whole))))
    cut = whole[..., :17, :]
    by_hand = torch.cat([cut, cut[..., [15, 14, 13], :]], 2)
    assert torch.equal(through(net, cut), through(net, by_hand)[..., :17, :])


def test_the_two_ways_are_two_networks_and_size_resizes_first(tmp_path):
    mine = draw(tmp_path / "in", [(40, 60)])
    there = pictures.translate("mine/cycle", mine, "there", size=20, progress=False).files[0]
    back = pictures.translate("mine/cycle", mine, "back", way="b-to-a", size=20, progress=False)
    assert read(there).shape == (3, 20, 30)
    assert not torch.equal(read(there), read(back.files[0]))
    with pytest.raises(ValueError, match="Did you mean 'b-to-a'"):
        pictures.translate("mine/cycle", mine, "x", way="b-to")


def test_an_out_that_holds_pictures_is_refused_unless_forced(tmp_path, capsys):
    mine = draw(tmp_path / "in", [(16, 16)])
    command = f"translate mine/cycle {mine} --out out"
    assert cli.main(command.split()) == 0
    assert "1 picture in out" in capsys.readouterr().out
    assert cli.main(command.split()) == 1
    assert "holds pictures already" in capsys.readouterr().err
    assert cli.main([*command.split(), "--force"]) == 0
    assert cli.main(f"translate mine/cycle {mine} --out {mine}/out".split()) == 1
    assert "lies inside" in capsys.readouterr().err
    (tmp_path / "file").write_text("x")
    assert cli.main(f"translate mine/cycle {mine} --out file/out".split()) == 1
    assert "cannot be made" in capsys.readouterr().err


def test_what_cannot_be_read_is_listed_and_the_others_go_on(tmp_path, capsys):
    mine = draw(tmp_path / "in", [(16, 16)])
    (mine / "broken.png").write_bytes(b"no picture")
    assert cli.main(f"translate mine/cycle {mine} --out out".split()) == 1
    out, err = capsys.readouterr()
    assert "1 picture in out" in out and "broken.png could not be read" in err
    with pytest.raises(GancourseError, match="cannot be read as pictures"):
        pictures.translate("mine/cycle", mine / "broken.png", "other", progress=False)
    (tmp_path / "none").mkdir()
    with pytest.raises(GancourseError, match="No pictures in"):
        pictures.translate("mine/cycle", tmp_path / "none", "other")
    with pytest.raises(GancourseError, match="no picture and no folder"):
        pictures.translate("mine/cycle", tmp_path / "nowhere", "other")


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        ("translate mine/cycel in --out x", 2, "Did you mean 'mine/cycle'?"),
        ("translate mine/dcgan in --out x", 1, "gancourse sample mine/dcgan -n 64"),
        ("sample mine/cycle --out x", 1, "gancourse translate mine/cycle FOLDER"),
        ("translate mine/bare in --out x", 1, "Runs that do: mine/cycle"),
        ("sample mine/dcgan -n 0 --out x", 1, "n must be at least 1"),
        ("translate in in --out x", 1, "without a record.json"),
    ],
)
def test_a_run_that_does_not_fit_is_told_from_one_that_does(tmp_path, capsys, command, code, text):
    draw(tmp_path / "in", [(16, 16)])
    assert cli.main(command.split()) == code
    assert text in capsys.readouterr().err
    assert not list(tmp_path.glob("x/*"))


# sample


def test_samples_are_those_of_their_seed(tmp_path, runs):
    shutil.copytree(runs / "mine" / "dcgan", tmp_path / "elsewhere")
    first = pictures.sample("mine/dcgan", 5, "a", seed=3, progress=False).files
    again = pictures.sample(tmp_path / "elsewhere", 5, "b", seed=3, progress=False).files
    other = pictures.sample("mine/dcgan", 5, "c", seed=4, progress=False).files
    assert [file.name for file in first] == [f"000{i}.png" for i in range(5)]
    assert [f.read_bytes() for f in first] == [f.read_bytes() for f in again]
    assert all(a.read_bytes() != b.read_bytes() for a, b in zip(first, other, strict=True))
    assert read(first[0]).shape == (3, 16, 16)


# score


def test_a_shuffled_copy_scores_nothing_and_other_pictures_much(tmp_path, capsys):
    mine = draw(tmp_path / "mine", [(20 + i % 3, 24) for i in range(12)])
    copy = tmp_path / "copy"
    copy.mkdir()
    for i, file in enumerate(sorted(mine.iterdir())):
        shutil.copy(file, copy / f"{97 - 5 * i}.png")
    same = scores.score(mine, copy, progress=False)
    assert same.fid == pytest.approx(0, abs=1e-6) and same.kid.value <= 0 and same.p > 0.05
    assert same.precision == same.recall == 1
    assert any("12 pictures are in both folders" in text for text in same.warnings)
    noise = tmp_path / "noise"
    noise.mkdir()
    for i in range(12):
        pixels = np.random.default_rng(i).integers(0, 256, (24, 24, 3), np.uint8)
        Image.fromarray(pixels).save(noise / f"{i}.png")
    apart = scores.score(mine, noise, progress=False)
    assert apart.fid > 100 * same.fid + 0.1 and apart.kid.low > 0 and apart.p <= 0.05
    assert apart.precision == 0 and not any("in both" in text for text in apart.warnings)
    assert cli.main(["score", str(mine), str(noise)]) == 0
    told = capsys.readouterr().out
    for text in ("KID(stand-in)×10³", "FD(stand-in)", "precision (stand-in)", "12 own mine images"):
        assert text in told
    assert "FID" not in told and "compare with nothing published" in told
    assert "12 pictures on the smaller side are few" in told


def test_both_sides_are_compared_at_the_size_of_the_smaller_pictures(tmp_path):
    small = draw(tmp_path / "small", [(18, 30)] * 6)
    large = draw(tmp_path / "large", [(90, 80)] * 6, seed=1)
    found = scores.score(small, large, progress=False)
    assert "18 px" in found.reference and "18 px" in found.other
    assert any("18 and 80 px; both were compared at 18 px" in text for text in found.warnings)
    assert "32 px" in scores.score(small, large, size=32, progress=False).other


def test_a_folder_that_cannot_be_scored_says_why(tmp_path):
    few, enough = draw(tmp_path / "few", [(16, 16)]), draw(tmp_path / "b", [(16, 16)] * 6)
    with pytest.raises(GancourseError, match="few holds 1 pictures: a score needs 5"):
        scores.score(enough, few)
    (tmp_path / "none").mkdir()
    with pytest.raises(GancourseError, match="No pictures in"):
        scores.score(tmp_path / "none", enough)
    with pytest.raises(GancourseError, match="There is no folder"):
        scores.score(tmp_path / "nowhere", enough)
