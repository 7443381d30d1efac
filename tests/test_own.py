"""One's own pictures, from real files on disk to files on disk: translate, sample, score, train."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancourse import data, profiles, records
from gancourse.data import images
from gancourse.errors import GancourseError
from gancourse.models import network
from gancourse.train.cyclegan import translate as through
from gancourse_studies import export, folders, pictures, recording, scores
from gancourse_studies import train as training
from gancourse_tools import cli

CYCLE = profiles.settings("grumpy-cats", "tiny")
DCGAN = profiles.settings("neu-scratches", "smoke", size=16)
WGAN = profiles.settings("neu-wgan", "smoke")
PAIRED = profiles.settings("facades-paired", "smoke")


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
    record_of(WGAN, root / "mine" / "wgan", ("generator",))
    record_of(PAIRED, root / "mine" / "paired", ("gen",))
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
        assert torch.equal(through(net, whole), data.to_uint8(net(data.to_float(whole))))
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


def test_a_pix2pix_takes_the_middle_square_at_its_own_size(tmp_path):
    mine = draw(tmp_path / "in", [(40, 60), (16, 16), (7, 5)])
    written = pictures.translate("mine/paired", mine, "out", progress=False)
    assert [read(file).shape for file in written.files] == [(3, 16, 16)] * 3
    assert any("squares of 16 px" in note for note in written.notes)
    net = records.load("mine/paired").generator("gen")
    middle = images.decode(mine / "0.png", 16)[None]
    assert torch.equal(read(written.files[0])[None], through(net, middle))
    with pytest.raises(GancourseError, match="its size is 16 px, not 32"):
        pictures.translate("mine/paired", mine, "other", size=32)
    with pytest.raises(ValueError, match="way of a pix2pix 'b-to-a'.*Known: a-to-b"):
        pictures.translate("mine/paired", mine, "other", way="b-to-a")


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
    assert "Could not write file/out: Not a directory" in capsys.readouterr().err


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
        ("translate mine/wgan in --out x", 1, "gancourse sample mine/wgan -n 64"),
        ("sample mine/cycle --out x", 1, "gancourse translate mine/cycle FOLDER"),
        ("sample mine/paired --out x", 1, "gancourse translate mine/paired FOLDER"),
        ("translate mine/bare in --out x", 1, "Runs that do: mine/cycle"),
        ("sample mine/dcgan -n 0 --out x", 1, "n must lie in"),
        ("sample mine/dcgan -n 999999999999 --out x", 1, "n must lie in"),
        ("sample mine/dcgan --seed 99999999999999999999 --out x", 1, "seed must lie in"),
        ("sample mine/dcgan --seed -1 --out x", 1, "seed must lie in"),
        ("translate mine/cycle in --size 99999 --out x", 1, "At --size 99999 a picture of 16"),
        (f"translate mine/cycle {'n' * 300} --out x", 1, "cannot be looked for: File name too"),
        (f"translate {'n' * 300} in --out x", 1, "cannot be looked for: File name too long"),
        (f"translate mine/cycle in --out {'n' * 300}", 1, "cannot be looked for: File name too"),
        (f"score {'n' * 300} in", 1, "cannot be looked for: File name too long"),
        ("translate mine/cycle ~nobody-of-this-name --out x", 1, "'~nobody-of-this-name' cannot"),
        ("sample mine/dcgan --out /dev/null/x", 1, "Could not write /dev/null/x: Not a directory"),
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
    assert len(pictures.sample("mine/wgan", 3, "d", progress=False).files) == 3


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


# train


def forty(folder, side=24, seed=0):
    return draw(folder, [(side, side + i % 5) for i in range(40)], seed)


def test_a_cyclegan_trains_on_two_own_folders_and_its_record_opens(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("GANCOURSE_RECORDS")
    forty(tmp_path / "ours"), forty(tmp_path / "theirs", seed=1)
    command = "train cyclegan --a ours --b theirs --profile tiny --set steps=3 --device cpu"
    assert cli.main(command.split()) == 0
    (path,) = tmp_path.glob("runs/ours-and-theirs/*")
    run = records.load(f"ours-and-theirs/{path.name}")
    assert run.steps == 3 and run["data"]["source"] == "own"
    assert "own ours images, 18 px, train split and" in run.caption and "own theirs" in run.caption
    assert str(tmp_path) not in (path / "record.json").read_text()
    assert len(run["data"]["fingerprint"].split()) == 2 and "folder_a" not in run["settings"]
    written = pictures.translate(path, tmp_path / "ours", "out", progress=False)
    assert len(written.files) == 40
    # resumed where the folder lies elsewhere by now, not on other pictures
    (tmp_path / "ours").rename(tmp_path / "moved")
    (tmp_path / "moved" / "ours").mkdir()
    for file in (tmp_path / "moved").glob("*.png"):
        file.rename(tmp_path / "moved" / "ours" / file.name)
    again = command.replace("ours", "moved/ours", 1).replace("steps=3", "steps=4") + " --resume"
    assert cli.main(again.split()) == 0 and records.load(path).steps == 4
    with pytest.raises(GancourseError, match="other images"):
        training.train(
            "cyclegan", {"steps": 5}, own=["theirs", "moved/ours"], profile="tiny", out=path,
            resume=True, device="cpu",
        )  # fmt: skip


def test_a_dcgan_trains_in_colour_or_grey_as_the_pictures_are(tmp_path, monkeypatch):
    monkeypatch.delenv("GANCOURSE_RECORDS")
    forty(tmp_path / "pets")
    options = {"profile": "smoke", "device": "cpu", "metrics_every": 1}
    run = records.load(training.train("dcgan", {"size": 16}, own=["pets"], **options))
    assert run["settings"]["channels"] == 3 and run["settings"]["augment"] == "basic"
    assert run["settings"]["data"] == "pets" and "own pets images" in run.caption and run.steps == 3
    assert pictures.sample(run.path, 2, "fakes", progress=False).files
    for file in (tmp_path / "pets").iterdir():
        Image.open(file).convert("L").save(file)
    grey = folders.settings_of("dcgan", ["pets"])
    assert (grey.channels, grey.augment, grey.epochs) == (1, "steel", 600)  # the laptop's recipe


def test_a_pix2pix_trains_on_own_pairs_without_the_broken_ones(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("GANCOURSE_RECORDS")
    forty(tmp_path / "pairs" / "1-drawn"), forty(tmp_path / "pairs" / "2-true", seed=1)
    named = sorted((tmp_path / "pairs" / "1-drawn").iterdir())
    broken = next(file.name for file in named if not images.held_out(file.name))
    (tmp_path / "pairs" / "2-true" / broken).write_bytes(b"no picture")
    command = "train pix2pix --pairs pairs --profile smoke --set batch_size=8 --device cpu"
    assert cli.main(command.split()) == 0
    assert f"2-true: {broken} cannot be read and is left out" in capsys.readouterr().out
    (path,) = tmp_path.glob("runs/pairs/*")
    run = records.load(path)
    assert run["data"]["train"] + run["data"]["held_out"] == 39 and run["data"]["source"] == "own"
    assert str(tmp_path) not in (path / "record.json").read_text()
    assert len(pictures.translate(path, "pairs/1-drawn", "out", progress=False).files) == 40
    scored = scores.score("pairs/1-drawn", "out", progress=False)
    assert scored.fid > 0 and "own out images" in scored.other


def test_a_wgan_trains_on_own_pictures_and_samples(tmp_path, monkeypatch):
    monkeypatch.delenv("GANCOURSE_RECORDS")
    forty(tmp_path / "pets")
    options = {"profile": "smoke", "device": "cpu", "metrics_every": 1}
    run = records.load(training.train("wgan", {"steps": 2}, own=["pets"], **options))
    assert run.model == "wgan" and run["settings"]["channels"] == 3 and run.steps == 2
    assert len(pictures.sample(run.path, 6, "fakes", progress=False).files) == 6
    assert scores.score("pets", "fakes", progress=False).fid > 0
    usual = folders.settings_of("wgan", ["pets"])
    assert (usual.steps, usual.augment) == (1800, "basic")  # the recipe of an hour


def test_own_sizes_bring_what_depends_on_them_along(tmp_path):
    places = [forty(tmp_path / "a"), forty(tmp_path / "b")]
    usual = folders.settings_of("cyclegan", places)
    assert (usual.size, usual.load_size, usual.patch_layers, usual.steps) == (64, 72, 3, 1900)
    small = folders.settings_of("cyclegan", places, overrides={"size": "32"})
    assert (small.size, small.load_size, small.patch_layers) == (32, 36, 2)
    (measured, remark, other) = folders.remarks(small)
    assert small.features == "stand-in" and "stand-in features" in measured  # no weights here
    assert "40 of 40 pictures" in remark and "below the 36 px" in remark and "smallest 24" in remark
    assert len(folders.remarks(folders.settings_of("cyclegan", places, "tiny"))) == 1
    asked = folders.settings_of("cyclegan", places, overrides={"features": "inception-2048"})
    assert asked.features == "inception-2048" and len(folders.remarks(asked)) == 2
    assert not folders.remarks(profiles.settings("grumpy-cats", "smoke"))


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("train cyclegan --a many --b many", "not apart"),
        ("train cyclegan --a many --b many/../many", "not apart"),
        ("train cyclegan --a . --b many", "not apart"),
        ("train cyclegan --a many", "needs both --a DIR and --b DIR"),
        ("train cyclegan", "gancourse train cyclegan --a DIR --b DIR"),
        ("train cyclegan --data many", "takes 2 folder(s)"),
        ("train horse2zebra --a many --b few", "data of its own"),
        ("train cyclegan --a many --b few --profile tiny", "few: 2 held-out pictures"),
        ("train dcgan --data few --profile smoke", "few: 2 held-out pictures"),
        ("train dcgan --data many --profile smoke --set batch_size=31", "--set batch_size=27"),
        ("train dcgan --data none", "No pictures in"),
        ("train dcgan --data nowhere", "There is no folder nowhere"),
        ("train wgan --data many --profile smoke --set batch_size=60", "--set batch_size=25"),
        ("train pix2pix --pairs many", "Pairs lie in two folders inside many"),
        ("train pix2pix --pairs nowhere", "There is no folder nowhere"),
        ("train pix2pix --pairs uneven", "1 pictures of uneven/A and uneven/B have no partner"),
        ("train pix2pix --pairs uneven --data many", "give one"),
        ("train cyclegan --pairs uneven", "--pairs is for pix2pix"),
        ("train pix2pix", "gancourse train pix2pix --pairs DIR"),
        ("train pix2pix --a many --b many", "not apart"),
        ("train pix2pix --pairs paired --size 48 --profile smoke", "must be a power of two"),
        ("train pix2pix --pairs paired --profile smoke", "A: 2 held-out pictures"),
        ("train dcgna --data many", "Did you mean 'dcgan'?"),
    ],
)
def test_folders_that_do_not_fit_are_refused_before_the_first_step(
    tmp_path, capsys, monkeypatch, command, text
):
    monkeypatch.setattr(training, "fit", None)
    forty(tmp_path / "many")
    draw(tmp_path / "few", [(24, 24)] * 6)
    for side in "AB":
        draw(tmp_path / "uneven" / side, [(24, 24)] * (6 + (side == "A")))
        draw(tmp_path / "paired" / side, [(24, 24)] * 6)
    (tmp_path / "none").mkdir()
    assert cli.main(command.split()) in (1, 2)
    assert text in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("out", ["run", "file/run"])
def test_an_out_that_holds_a_record_or_lies_in_a_file_is_refused(tmp_path, capsys, out):
    record_of(CYCLE, tmp_path / "run", ())
    (tmp_path / "file").write_text("x")
    before = (tmp_path / "run" / "record.json").read_text()
    for more, says in (("", "Choose another --out"), (" --resume", "There is no checkpoint")):
        command = f"train grumpy-cats --profile tiny --source stand-in --out {out}{more}"
        assert cli.main(command.split()) == 1
        err = capsys.readouterr().err
        assert says in err and err.count("\n") == 1
    assert (tmp_path / "run" / "record.json").read_text() == before


# export


@pytest.mark.parametrize("start", ["paper", "identity"])
def test_the_exported_translator_is_the_network_at_other_sizes_and_counts(tmp_path, start):
    runtime = pytest.importorskip("onnxruntime")
    changes = {"start": start, "padding": "reflect" if start == "paper" else "zero"}
    changes["upsample"] = "transpose" if start == "paper" else "nearest"
    path = record_of(profiles.replace(CYCLE, **changes), tmp_path / "run", ("gen_ab", "gen_ba"))
    assert export.export(path, tmp_path / "net.onnx", way="b-to-a") <= 1e-4
    net = records.load(path).generator("gen_ba")
    session = runtime.InferenceSession(str(tmp_path / "net.onnx"))
    for shape in ((1, 3, 16, 16), (3, 3, 24, 8), (2, 3, 40, 52)):
        image = torch.rand(shape) * 2 - 1
        (made,) = session.run(None, {"image": image.numpy()})
        with torch.no_grad():
            assert torch.allclose(net(image), torch.from_numpy(made), atol=1e-4)


def test_the_exported_dcgan_takes_any_number_of_latents(tmp_path, capsys):
    runtime = pytest.importorskip("onnxruntime")
    assert cli.main(["export", "mine/dcgan", "--out", "deep/g.onnx"]) == 0
    assert "agree to" in capsys.readouterr().out
    assert cli.main(["export", "mine/dcgan", "--out", "deep/g.onnx"]) == 1
    assert "there already" in capsys.readouterr().err
    assert cli.main(["export", "mine/dcgan", "--out", "deep/g.onnx", "--force"]) == 0
    session = runtime.InferenceSession("deep/g.onnx")
    (made,) = session.run(None, {"z": np.zeros((7, DCGAN.z_dim), np.float32)})
    assert made.shape == (7, 1, 16, 16)


def test_the_exported_pix2pix_takes_any_number_of_its_squares(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    assert export.export("mine/paired", "paired.onnx") <= 1e-4
    image = torch.rand(3, 3, 16, 16) * 2 - 1
    (made,) = runtime.InferenceSession("paired.onnx").run(None, {"image": image.numpy()})
    with torch.no_grad():
        net = records.load("mine/paired").generator("gen")
        assert torch.allclose(net(image), torch.from_numpy(made), atol=1e-4)
    assert export.export("mine/wgan", "wgan.onnx") <= 1e-4


def test_an_export_that_is_another_network_is_refused_and_a_missing_package_named(
    tmp_path, monkeypatch
):
    pytest.importorskip("onnxruntime")
    export.export("mine/cycle", "net.onnx")
    other = records.load("mine/cycle").generator("gen_ba")
    with pytest.raises(GancourseError, match="differs from its network"):
        export.compare(tmp_path / "net.onnx", other, torch.rand(1, 3, 16, 16))
    monkeypatch.setattr(export.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(GancourseError, match="pip install onnx onnxruntime"):
        export.export("mine/cycle", "x.onnx")


def test_the_example_rebuilds_a_recorded_generator_without_the_package(tmp_path):
    root = Path(__file__).resolve().parents[1]
    script, run = root / "examples/load_without_package.py", "horse2zebra/laptop-seed0"
    source = script.read_text(encoding="utf-8")
    assert "import gancourse" not in source and len(source.splitlines()) <= 40
    names = {"__name__": "example"}
    exec(compile(source, str(script), "exec"), names)
    image = torch.rand(1, 3, 20, 64) * 2 - 1
    with torch.no_grad():
        ours = records.load(root / "records" / run).generator("gen_ba")(image)
        assert torch.allclose(
            names["load"](root / "records" / run, "gen_ba")(image), ours, atol=1e-5
        )
    mine = draw(tmp_path / "in", [(70, 90)])
    command = [sys.executable, "-I", str(script), str(root / "records" / run)]
    subprocess.run([*command, str(mine / "0.png"), "zebra.png"], check=True)
    assert read(tmp_path / "zebra.png").shape == (3, 64, 64)


def test_a_name_that_just_fits_gets_its_translation(tmp_path, runs):
    """The half-written file beside it has a short name."""
    name = "n" * 247 + ".png"  # 251 bytes; its translation's name 255
    mine = draw(tmp_path / "in", [(16, 16)], names=name)
    (written,) = pictures.translate("mine/cycle", mine, "x", progress=False).files
    assert written.name == f"{name}.png" and written.is_file()


@pytest.mark.parametrize("command", ["translate mine/cycle in --out x", "score in in"])
def test_a_link_to_nowhere_is_named_and_left_out(tmp_path, capsys, command):
    draw(tmp_path / "in", [(16, 16)] * 20)
    (tmp_path / "in" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert cli.main(command.split()) == (1 if command.startswith("translate") else 0)
    assert "gone.png" in "".join(capsys.readouterr())
