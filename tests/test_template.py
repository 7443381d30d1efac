"""The template works as it stands: trained, watched, drawn, saved and resumed like any model."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from gancourse.data import ImageSet
from gancourse.data.batches import batches_of
from gancourse.train import checkpoint
from gancourse.train.loop import ProgressBar, Samples, fit
from gancourse.train.step import average_of
from gancourse_lab.monitor import Monitor

FILE = Path(__file__).resolve().parents[1] / "examples/new_gan.py"
SPEC = importlib.util.spec_from_file_location("new_gan", FILE)
template = sys.modules["new_gan"] = importlib.util.module_from_spec(SPEC)  # its dataclass asks
SPEC.loader.exec_module(template)


def make():
    torch.manual_seed(0)
    settings = template.Settings()
    pixels = torch.randint(0, 256, (26, 1, 16, 16), generator=torch.Generator().manual_seed(1))
    images = ImageSet(pixels.to(torch.uint8), [f"{i}.png" for i in range(26)], "NEU-DET")
    return template.TemplateStep(settings, "cpu"), batches_of(images, settings)


def test_it_trains_with_everything_and_goes_on_where_it_stood(tmp_path):
    step, batches = make()
    monitor, samples = Monitor(every=2, log=None), Samples(torch.randn(3, 32), steps=[0, 10])
    saver, bar = checkpoint.Checkpoints(tmp_path), ProgressBar()
    torch.manual_seed(1)
    history = fit(step, batches, steps=20, callbacks=[monitor, samples, saver, bar])
    assert set(history.terms) == {"disc", "gen"} and len(history) == 20
    assert [moment for moment, _ in samples.images] == [0, 10, 20]
    assert samples.images[-1][1].shape == (3, 1, 16, 16)
    assert {"fakes not detached", "network stands still", "dead ReLUs"} <= set(monitor.readings)
    assert monitor.flags == []
    newest = checkpoint.latest(tmp_path)
    expected = fit(step, batches, steps=25, history=history)
    other, batches = make()
    resumed = checkpoint.load(newest, other, batches)
    assert len(resumed) == 20
    assert fit(other, batches, steps=25, history=resumed).terms == expected.terms
    for name in ("gen", "disc", "ema"):
        state = step.network(name).state_dict()
        for key, value in other.network(name).state_dict().items():
            assert torch.equal(value, state[key]), f"{name}.{key}"


def test_it_is_short_and_says_where_ideas_go():
    lines = FILE.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 60
    assert sum("YOURS:" in line for line in lines) >= 8


def test_the_bar_shows_the_step_s_first_chart(monkeypatch):
    step, batches = make()
    shown = []
    monkeypatch.setattr(
        ProgressBar,
        "show",
        lambda bar, run, show=ProgressBar.show: (show(bar, run), shown.append(bar.bar.postfix)),
    )
    fit(step, batches, steps=1, callbacks=[ProgressBar()])
    assert shown[-1].startswith("disc=") and "gen=" in shown[-1]


@pytest.mark.parametrize(
    "name, average", [("gen", "ema"), ("gen_ab", "ema_ab"), ("paint", "ema_paint")]
)
def test_an_average_never_takes_its_generator_s_name(name, average):
    assert average_of(name) == average
