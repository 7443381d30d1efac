"""`train --resume`: a checkpoint is all that is needed, and nothing false is written."""

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest

from gancourse.errors import GancourseError
from gancourse.train import checkpoint
from gancourse_studies import train

GIVEN = {"profile": "smoke", "source": "stand-in", "device": "cpu"}
CODE = "import sys; from gancourse_tools.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GANCOURSE_DATA", raising=False)


def record(folder):
    return json.loads((folder / "record.json").read_text(encoding="utf-8"))


def begin(out):
    """A long training in a process of its own, once it takes steps."""
    words = ["train", "neu-scratches", "--profile", "smoke", "--source", "stand-in"]
    words += ["--device", "cpu", "--set", "epochs=100000", "--out", str(out)]
    said = out.with_suffix(".log")
    with open(said, "w") as file:
        running = subprocess.Popen([sys.executable, "-c", CODE, *words], stderr=file)
    deadline = time.monotonic() + 300
    while "gen=" not in said.read_text(encoding="utf-8") and time.monotonic() < deadline:
        assert running.poll() is None, said.read_text(encoding="utf-8")
        time.sleep(0.1)
    return running


def test_the_settings_come_from_the_checkpoint(tmp_path):
    """Nothing said again: the run goes on as it was begun, and its record is the same."""
    train.train("neu-scratches", {"epochs": 2, "ema": 0.5}, out=tmp_path / "run", **GIVEN)
    first = record(tmp_path / "run")
    train.train("neu-scratches", resume=True, out=tmp_path / "run", **GIVEN)
    again = record(tmp_path / "run")
    assert again["settings"] == first["settings"] and again["steps"] == first["steps"]
    assert again["curves"] == first["curves"] and again["metrics"] == first["metrics"]


def test_a_checkpoint_alone_is_enough(tmp_path):
    """Copied to another folder, as to a drive: with the strip, the curves and the plan."""
    train.train("neu-scratches", {"epochs": 2}, out=tmp_path / "run", **GIVEN)
    first, moved = record(tmp_path / "run"), tmp_path / "moved"
    moved.mkdir()
    shutil.copy(checkpoint.latest(tmp_path / "run" / "checkpoints"), moved)
    train.train("neu-scratches", {"epochs": 3}, resume=True, out=moved, **GIVEN)
    longer = record(moved)
    assert [c["epoch"] for c in longer["samples"]["columns"]] == [0, 1, 2, 3]
    steps = first["steps"]
    for name, values in first["curves"]["terms"].items():
        assert longer["curves"]["terms"][name][:steps] == values


def test_a_run_by_minutes_that_ends_before_its_plan_plans_when_it_goes_on(tmp_path, monkeypatch):
    """Stopped within the warm-up: how long it was to be is in the checkpoint, too."""

    def stop(self, run):
        run.history.interrupted = run.stop = True

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoints, "on_step", stop)
        with pytest.raises(KeyboardInterrupt):
            train.train("neu-scratches", out=tmp_path / "run", minutes=0.03, **GIVEN)
    folder = tmp_path / "run" / "checkpoints"
    assert checkpoint.read(checkpoint.latest(folder))["history"]["planned"] == 0
    train.train("neu-scratches", resume=True, out=tmp_path / "run", **GIVEN)
    planned = checkpoint.read(checkpoint.latest(folder))["history"]["planned"]
    assert planned == record(tmp_path / "run")["steps"] > 1


def test_what_does_not_fit_is_refused_before_a_step(tmp_path):
    with pytest.raises(GancourseError, match="There is no checkpoint in .*mistyped"):
        train.train("neu-scratches", resume=True, out=tmp_path / "mistyped", **GIVEN)
    train.train("neu-scratches", {"epochs": 2}, out=tmp_path / "run", **GIVEN)
    before = (tmp_path / "run" / "record.json").read_bytes()
    with pytest.raises(GancourseError, match="cannot be made shorter"):
        train.train("neu-scratches", {"epochs": 1}, resume=True, out=tmp_path / "run", **GIVEN)
    with pytest.raises(GancourseError, match="belongs to another run:\n  seed"):
        train.train("neu-scratches", {"seed": 1}, resume=True, out=tmp_path / "run", **GIVEN)
    with pytest.raises(GancourseError, match="is no cyclegan's"):
        train.train("grumpy-cats", resume=True, out=tmp_path / "run", **GIVEN)
    assert (tmp_path / "run" / "record.json").read_bytes() == before


def test_a_run_is_its_writers_alone(tmp_path):
    """The second training into one folder is refused; a killed one's lock is gone with it."""
    out = tmp_path / "run"
    running = begin(out)
    try:
        with pytest.raises(GancourseError, match="Another process writes to"):
            train.train("neu-scratches", {"epochs": 1}, out=out, **GIVEN)
    finally:
        running.kill()
        running.wait()
    if not checkpoint.latest(out / "checkpoints"):
        train.train("neu-scratches", {"epochs": 1}, out=out, **GIVEN)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_run_goes_on(tmp_path, number):
    """A cluster sends SIGTERM: as Ctrl-C, it ends the run after the step, with a checkpoint."""
    out = tmp_path / "run"
    running = begin(out)
    running.send_signal(number)
    assert running.wait(300) == 130
    saved = checkpoint.read(checkpoint.latest(out / "checkpoints"))
    assert saved["history"]["terms"]["gen"] and saved["settings"]["epochs"] == 100000
    assert not list(out.rglob("*.tmp")) and not (out / "record.json").exists()


def test_a_chapters_checkpoint_goes_on_as_a_training(tmp_path):
    """It does not say with which commit and pictures it began."""
    train.train("neu-scratches", {"epochs": 1}, out=tmp_path / "run", **GIVEN)
    newest, moved = checkpoint.latest(tmp_path / "run" / "checkpoints"), tmp_path / "moved"
    checkpoint.write(moved / newest.name, checkpoint.read(newest) | {"begun": {}})
    train.train("neu-scratches", {"epochs": 2}, resume=True, out=moved, **GIVEN)
    assert record(moved)["commit"] is None and record(moved)["steps"] == 2 * len(
        record(tmp_path / "run")["curves"]["terms"]["gen"]
    )
