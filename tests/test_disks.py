"""Full disks, and folders that cannot be written to: one line that says it, and never half a file.

A full disk is a tmpfs where one can be mounted, and everywhere a limit on the size of a file.
"""

import contextlib
import io
import os
import pwd
import resource
import shutil
import subprocess
import sys

import nbformat
import numpy as np
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from gancourse import files, profiles
from gancourse.errors import GancourseError
from gancourse.metrics import features
from gancourse.models import network
from gancourse.train import checkpoint
from gancourse_studies import export, pictures, recording
from gancourse_tools import cli, course, page

DCGAN = profiles.settings("neu-scratches", "smoke", size=16)
CYCLE = profiles.settings("grumpy-cats", "tiny")
TRAIN = ["--profile", "smoke", "--source", "stand-in", "--device", "cpu", "--set", "epochs=1"]


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GANCOURSE_DATA", raising=False)


def mount(*words):
    return subprocess.run(["mount", *words], capture_output=True, text=True, check=False)


@pytest.fixture
def disk(tmp_path):
    """disk(size): a tmpfs of that size, or the same one at another size; "ro": read-only."""
    if not shutil.which("mount") or not hasattr(os, "geteuid") or os.geteuid():
        pytest.skip("only root can mount a small disk")
    place, made = tmp_path / "disk", []
    place.mkdir()

    def of(size):
        option = size if size == "ro" else f"size={size}"
        words = ["-o", f"remount,{option}"] if made else ["-t", "tmpfs", "-o", option, "tmpfs"]
        done = mount(*words, str(place))
        if done.returncode:
            pytest.skip(f"no small disk here: {done.stderr.strip()}")
        made.append(size)
        return place

    yield of
    if made:
        subprocess.run(["umount", str(place)], check=True)


@contextlib.contextmanager
def small_files(size):
    """No file of this process may become larger than ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What the writers write from: two records with weights, a picture, an executed notebook."""
    root = tmp_path_factory.mktemp("made")
    for settings, names in ((CYCLE, ("gen_ab", "gen_ba")), (DCGAN, ("generator",))):
        content = {"model": settings.model, "features": "stand-in", "weights": "last"}
        content |= {"settings": vars(settings), "data": {"caption": "", "source": "stand-in"}}
        networks = {name: network(name, settings) for name in names}
        recording.save(root / settings.model, content | {"device": "CPU"}, networks=networks)
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    Image.fromarray(noise).save(root / "noise.png")
    return root


def onnx(made, out):
    pytest.importorskip("onnx")
    export.export(made / "dcgan", out / "generator.onnx")


def strip(made, out):
    noise = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    recording.save(out, {"x": 1}, [({"step": 0, "epoch": 0}, noise)])


WRITERS = {  # what is written, larger than LIMIT → how
    "checkpoint": lambda made, out: checkpoint.write(out / "c.pt", {"x": torch.rand(9000)}),
    "weights": lambda made, out: recording.save(
        out, {"x": 1}, networks={"generator": network("generator", DCGAN)}
    ),
    "strip": strip,
    "record.json": lambda made, out: recording.write(out, {"x": list(range(9000))}),
    "kept record": lambda made, out: recording.keep(made / "cyclegan", out),
    "translation": lambda made, out: pictures.translate(
        made / "cyclegan", made / "noise.png", out, device="cpu", progress=False
    ),
    "onnx": onnx,
    "page of a chapter": lambda made, out: page.export(new_notebook(), out / "00.ipynb"),
    "page of a run": lambda made, out: page.write(
        out, {f"{i:02}": course.Result(f"{i:02}", error=40 * "x") for i in range(99)}, "smoke"
    ),
}
LIMIT = 2000  # bytes
each_writer = pytest.mark.parametrize("what", WRITERS)


def check_whole(out):
    """No temporary file, and what lies there can be read to its end."""
    for file in out.rglob("*"):
        assert not file.name.endswith(".tmp")
        if file.suffix in (".png", ".webp"):
            Image.open(io.BytesIO(file.read_bytes())).load()
        assert file.suffix not in (".safetensors", ".pt", ".json", ".onnx", ".html", ".ipynb")


@each_writer
def test_a_write_that_fails_is_said_and_leaves_nothing_half(made, tmp_path, what):
    out = tmp_path / "out"
    out.mkdir()
    with small_files(LIMIT), pytest.raises(files.NotWritten) as failed:
        WRITERS[what](made, out)
    said = str(failed.value)
    assert said.startswith(f"Could not write {out}/") and "File too large. Make room" in said
    check_whole(out)


@each_writer
def test_a_full_disk_is_said_and_leaves_nothing_half(made, disk, what):
    place = disk("4k")  # a page of memory, for the folder's files
    with pytest.raises(files.NotWritten) as failed:
        WRITERS[what](made, place)
    said = str(failed.value)
    assert said.startswith(f"Could not write {place}/") and "No space left on device. Make" in said
    check_whole(place)


@each_writer
def test_an_out_below_a_file_is_said(made, tmp_path, what):
    (tmp_path / "file").write_text("x")
    with pytest.raises(files.NotWritten, match=r"Could not write .*file/out.*: Not a directory"):
        WRITERS[what](made, tmp_path / "file" / "out")
    assert (tmp_path / "file").read_text() == "x"


def test_features_that_do_not_fit_are_not_kept_and_that_is_said(disk, monkeypatch):
    place = disk("4k")
    monkeypatch.setenv("GANCOURSE_CACHE", str(place))
    extract = features.Extractor(features.StandIn(), "stand-in", "FD", "key", "cpu")
    noise = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8)
    with pytest.warns(UserWarning, match=rf"not cached in {place}/features: No space left on dev"):
        found = extract.cached(noise)
    assert torch.equal(found, extract(noise))
    assert not [file for file in place.rglob("*") if file.is_file()]


def train(out, *words):
    return cli.main(["train", "neu-scratches", *TRAIN, "--out", str(out), *words])


def test_a_training_asks_for_the_room_of_its_checkpoints_before_the_first_step(disk, capsys):
    place = disk("1M")
    assert train(place / "run") == 1
    said = capsys.readouterr().err
    assert "1.0 MB are free there, and 1.4 MB are needed. Make room" in said
    assert "step/s" not in said
    assert [file.name for file in place.rglob("*") if file.is_file()] == [".lock"]
    disk("8M")
    assert train(place / "run") == 0
    assert (place / "run" / "record.json").is_file()


@pytest.mark.parametrize("size", ["200k", "540k"])  # without a checkpoint, without a record
def test_a_disk_that_fills_on_the_way_is_said_and_resume_goes_on(disk, capsys, monkeypatch, size):
    place = disk(size)
    monkeypatch.setattr(checkpoint, "check_room", lambda *_: None)  # another program writes, too
    assert train(place / "run") == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"gancourse: Could not write {place}/run/") and "No space left" in last
    assert not list(place.rglob("*.tmp")) and not list(place.rglob("record.json"))
    disk("8M")
    saved = checkpoint.latest(place / "run" / "checkpoints")
    assert bool(saved) == (size != "200k")
    assert train(place / "run", *(["--resume"] if saved else [])) == 0
    assert (place / "run" / "record.json").is_file()


def chapter(tmp_path, source):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    book = new_notebook(cells=[new_code_cell(source)])
    nbformat.write(book, folder / "00_prints.ipynb")
    return folder


def test_a_chapter_that_does_not_fit_ends_the_run_and_leaves_no_half_notebook(disk, tmp_path):
    place = disk("64k")
    folder = chapter(tmp_path, "print('x' * 200_000)")
    with pytest.raises(files.NotWritten, match=r"o/00_prints\.ipynb: No space left on device"):
        course.run(profile="smoke", out=place / "o", folder=folder)
    assert {file.name for file in (place / "o").iterdir()} == {
        ".lock",
        "index.html",
        "results.json",
    }


def test_a_run_of_the_course_asks_for_room_first(disk, tmp_path):
    folder, place = chapter(tmp_path, f"'{'x' * 100_000}'"), disk("64k")
    with pytest.raises(files.NotWritten, match=r"0\.1 MB are free there, and 0\.3 MB are needed"):
        course.run(profile="smoke", out=place / "o", folder=folder)
    assert not list(place.rglob("*.ipynb"))


def test_a_read_only_disk_is_said_before_anything_is_done(disk, tmp_path, capsys):
    disk("1M")
    place = disk("ro")
    assert train(place / "run") == 1
    assert f"{place} is no folder that can be written to" in capsys.readouterr().err
    with pytest.raises(files.NotWritten, match="o: Read-only file system"):
        course.run(profile="smoke", out=place / "o", folder=chapter(tmp_path, "1 / 0"))


def test_one_run_of_the_course_at_a_time_writes_to_a_folder(tmp_path):
    folder = chapter(tmp_path, "1 / 0")
    with files.alone(tmp_path / "o"), pytest.raises(GancourseError, match="Another process writes"):
        course.run(profile="smoke", out=tmp_path / "o", folder=folder)
    (result,) = course.run(profile="smoke", out=tmp_path / "o", folder=folder)
    assert result.status == "FAIL"


def test_a_user_without_a_home_folder_is_told_so(tmp_path, monkeypatch, capsys):
    """A user number without an entry in passwd, as containers have."""

    def unknown(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("GANCOURSE_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert train(tmp_path / "run") == 1
    assert "Set GANCOURSE_CACHE to a folder of yours." in capsys.readouterr().err
    with pytest.raises(GancourseError, match="no home folder.* set HOME"):
        course.run(profile="smoke", out=tmp_path / "o", folder=chapter(tmp_path, "1 / 0"))
    assert [place.name for place in tmp_path.iterdir()] == ["notebooks"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_an_output_that_is_full_is_said():
    command = [sys.executable, "-m", "gancourse", "data", "list"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == ("gancourse: the output: No space left on device. Make room.\n")
