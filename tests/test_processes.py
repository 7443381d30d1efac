"""Under torchrun and accelerate launch: one process is a plain run, several are refused."""

import subprocess
import sys

import pytest
import torch

from gancourse import profiles
from gancourse.errors import GancourseError
from gancourse.train import loop
from gancourse.train.dcgan import DCGANStep
from gancourse_studies import train

SETTINGS = profiles.settings("neu-scratches", "smoke")


class Batches:
    """What ``fit`` asks of batches; none is to be taken."""

    epoch, position, batch_size, device = 0, 0, 1, torch.device("cpu")

    def __len__(self):
        return 1


class Told(loop.Callback):
    def __init__(self):
        self.events = []

    def on_start(self, run):
        self.events.append("start")


def test_one_of_several_processes_is_refused_before_the_first_step(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    told = Told()
    for attempt in (
        lambda: loop.fit(None, Batches(), 1, [told]),
        lambda: DCGANStep(SETTINGS, "cpu"),
        lambda: train.train("neu-scratches", profile="smoke", out=tmp_path / "run"),
    ):
        with pytest.raises(
            GancourseError, match="one of 2 processes .*same batches .*python alone"
        ):
            attempt()
    assert not told.events and not list(tmp_path.iterdir())


def test_a_launcher_of_one_process_gives_a_plain_run(monkeypatch):
    """No process group, no wrapped networks; and a second step of the same process as well."""
    for name, value in (("WORLD_SIZE", "1"), ("RANK", "0"), ("LOCAL_RANK", "0")):
        monkeypatch.setenv(name, value)
    for _ in range(2):
        step = DCGANStep(SETTINGS, "cpu")
        assert type(step.gen).__name__ == "Generator" and step.accelerator.num_processes == 1
    assert not torch.distributed.is_initialized()


def test_torchrun_with_two_processes_says_so_and_writes_nothing(tmp_path):
    script = tmp_path / "launched.py"
    script.write_text(
        "import sys\nfrom gancourse_tools.cli import main\nsys.exit(main(sys.argv[1:]))\n"
    )
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    words = ["train", "neu-scratches", "--profile", "smoke", "--out", str(tmp_path / "run")]
    done = subprocess.run(
        [*launch, str(script), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "gancourse: This is one of 2 processes (WORLD_SIZE)" in done.stderr
    assert not (tmp_path / "run").exists()
