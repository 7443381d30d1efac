"""On a GPU the terms are fetched every 10 steps. Nobody may notice: here the same on the CPU.

Every callback and panel, both models: runs that end, stop, are interrupted, break and go on.
"""

import functools
import math
import os
import signal

import pytest
import torch
from matplotlib.figure import Figure

from gancourse import device, profiles
from gancourse.data import standins
from gancourse.data.batches import batches_of, pairs_of
from gancourse.notebook import figures, panels
from gancourse.train import checkpoint, loop
from gancourse.train.cyclegan import CycleGANStep, LinearDecay
from gancourse.train.dcgan import DCGANStep
from gancourse_lab.monitor import Monitor
from gancourse_lab.train_panel import TrainPanel
from gancourse_studies.train import Metrics

STEPS, EVERY = 64, 10
MODELS = ("dcgan", "cyclegan")
each_model = pytest.mark.parametrize("model", MODELS)


@functools.cache
def pictures(model, n=27):
    drawn = {"size": 18, "split": "train", "n": n}
    if model == "dcgan":
        return standins.make("NEU-DET", part="scratches", channels=1, **drawn | {"size": 16})
    return tuple(standins.make("horse2zebra", part=part, **drawn) for part in "AB")


def make(model):
    """A fresh (step, batches): 6 steps an epoch, so that 10 steps are no whole number of them."""
    device.seed_everything(0)
    if model == "dcgan":
        settings = profiles.settings("neu-scratches", "smoke", batch_size=4, augment="steel")
        return DCGANStep(settings, "cpu"), batches_of(pictures(model), settings)
    settings = profiles.settings("horse2zebra", "smoke", batch_size=4, pool=6)
    return CycleGANStep(settings, "cpu"), pairs_of(*pictures(model), settings)


def inputs(model):
    if model == "dcgan":
        return torch.zeros(2, 100)
    return tuple(x.images[:1, :, 1:17, 1:17] for x in pictures(model))


@functools.cache
def plain(model):
    """The history of the run with nothing around it, terms fetched at every step."""
    step, batches = make(model)
    return loop.fit(step, batches, steps=STEPS, read_every=1)


def panel():
    """A panel as a callback: its training thread left out, its button pressed."""
    made = TrainPanel(None, lambda run: Figure((1, 1)), seconds=0.0)
    made._go.set()
    made.drawn_at = []
    made.draw = lambda run: made.drawn_at.append((run.done, len(run.history))) or Figure((1, 1))
    return made


CALLBACKS = {
    "progress bar": lambda model, folder: loop.ProgressBar(),
    "samples by epoch": lambda model, folder: loop.Samples(inputs(model), [0, 2, 5]),
    "samples by step": lambda model, folder: loop.Samples(inputs(model), steps=[0, 7, 26]),
    "metrics": lambda model, folder: Metrics(lambda step: {"value": 1.0}, every=3),
    "forecast": lambda model, folder: loop.Forecast(folder, seconds=0.0),
    "monitor": lambda model, folder: Monitor(every=2, log=None),
    "checkpoints by step": lambda model, folder: checkpoint.Checkpoints(folder, minutes=0),
    "checkpoints by minute": lambda model, folder: checkpoint.Checkpoints(folder),
    "live figure": lambda model, folder: panels.LiveFigure(inputs(model), seconds=0.3),
    "panel": lambda model, folder: panel(),
    "decay": lambda model, folder: LinearDecay(),
}
each_callback = pytest.mark.parametrize("name", CALLBACKS)


class At(loop.Callback):
    """Does something after one step."""

    def __init__(self, step, act):
        self.step, self.act = step, act

    def on_step(self, run):
        if run.done == self.step:
            self.act(run)


def stop(run):
    run.stop = True


def interrupt(run):
    os.kill(os.getpid(), signal.SIGINT)


def fitted(model, names=(), folder=None, more=(), **options):
    step, batches = make(model)
    watchers = [CALLBACKS[name](model, folder) for name in names if fits(model, name)]
    options = {"steps": STEPS, "read_every": EVERY} | options
    return loop.fit(step, batches, callbacks=[*watchers, *more], **options), watchers


def fits(model, name):
    return name != "decay" or model == "cyclegan"


@each_model
@each_callback
def test_with_every_callback_a_run_is_the_run_without(model, name, tmp_path):
    often = plain(model)
    if name == "decay" and model == "cyclegan":  # it changes the rates: compared with itself
        often, _ = fitted(model, [name], read_every=1, steps=26)
    history, _ = fitted(model, [name], tmp_path, steps=26)
    assert history.terms == {term: values[:26] for term, values in often.terms.items()}
    assert {len(values) for values in history.terms.values()} == {26}


@each_model
@each_callback
def test_a_run_stopped_between_two_fetches_has_every_step(model, name, tmp_path):
    history, _ = fitted(model, [name], tmp_path, [At(17, stop)])
    assert {len(values) for values in history.terms.values()} == {17}
    assert not history.interrupted


@each_model
def test_an_interrupt_between_two_fetches_saves_that_step_and_the_run_goes_on(model, tmp_path):
    history, names = loop.History(), ["checkpoints by minute", "monitor"]
    with pytest.raises(loop.Interrupted, match="stopped after step 6 of 64"):
        fitted(model, names, tmp_path, [At(6, interrupt)], history=history)
    # seen at once by the main thread, so in step 6 at the latest: the 7th is not begun
    assert history.interrupted and len(history) == 6
    assert checkpoint.latest(tmp_path).name == "step_0000006.pt"
    step, batches = make(model)
    history = checkpoint.load(checkpoint.latest(tmp_path), step, batches)
    resumed = loop.fit(step, batches, history=history, steps=STEPS, read_every=EVERY)
    assert resumed.terms == plain(model).terms


def test_an_interrupt_within_a_step_lets_it_finish(tmp_path):
    step, batches = make("dcgan")
    inner, taken = step.opt_gen.step, []

    def moved(*arguments):
        taken.append(1)
        if len(taken) == 7:
            interrupt(None)
        return inner(*arguments)

    step.opt_gen.step = moved
    saver, history = checkpoint.Checkpoints(tmp_path), loop.History()
    with pytest.raises(loop.Interrupted):
        loop.fit(step, batches, None, [saver], history, EVERY, steps=STEPS)
    assert len(history) == len(taken) == 7
    assert checkpoint.latest(tmp_path).name == "step_0000007.pt"


def spoil(run):
    """Weights that are not a number, after a step whose losses were fine."""
    network = run.step.gen if hasattr(run.step, "gen") else run.step.network("gen_ab")
    with torch.no_grad():
        next(network.parameters()).fill_(math.nan)


class SaveAt(At):
    """Checkpoints at one step, and where ``Checkpoints`` saves."""

    def __init__(self, step, folder):
        self.saver = checkpoint.Checkpoints(folder)
        super().__init__(step, self.saver.save)

    def on_interrupt(self, run):
        self.saver.on_interrupt(run)


@each_model
@pytest.mark.parametrize("at", [12, 15])  # before any loss has told, and after
def test_nothing_broken_is_saved_over_the_last_good_checkpoint(model, at, tmp_path):
    more = [SaveAt(8, tmp_path), At(12, spoil), At(at, interrupt)]
    broken = "Step 13 gave a loss" if at > 12 else "Step 12 left weights in gen"
    with pytest.raises(loop.NonFiniteLoss, match=rf"{broken}.*step_0000008\.pt"):
        fitted(model, more=more)
    assert [p.name for p in tmp_path.iterdir()] == ["step_0000008.pt"]


@each_model
@each_callback
def test_a_loss_that_is_not_finite_is_named_with_its_step(model, name, tmp_path):
    with pytest.raises(loop.NonFiniteLoss, match="Step 13 gave a loss that is not finite: .*nan"):
        fitted(model, [name], tmp_path, [At(12, spoil)])
    newest = checkpoint.latest(tmp_path)
    assert newest is None or newest.name == "step_0000012.pt"


@each_model
def test_the_monitor_reads_the_same_numbers(model, monkeypatch):
    from gancourse_lab import inspect_step

    monkeypatch.setitem(inspect_step.PACES, model, inspect_step.Pace(sampled=2))
    found = []
    for every in (1, EVERY):
        monitor = Monitor(every=15, log=None)
        fitted(model, more=[monitor], read_every=every, steps=121)
        assert monitor.steps == 121
        found.append((monitor.readings, monitor.flags))
    assert found[0] == found[1]
    expected = "D wins" if model == "dcgan" else "identity not scaled"  # both need the curves
    assert found[0][0][expected][-1][0] == 120


@each_model
def test_the_monitor_counts_on_where_a_run_resumed(model, tmp_path):
    with pytest.raises(loop.Interrupted):
        fitted(model, ["checkpoints by minute"], tmp_path, [At(7, interrupt)])
    step, batches = make(model)
    history = checkpoint.load(checkpoint.latest(tmp_path), step, batches)
    monitor = Monitor(every=10, log=None)
    loop.fit(step, batches, None, [monitor], history, EVERY, steps=31)
    assert monitor.steps == 31
    assert [at for at, _ in monitor.readings["network stands still"]] == [8, 10, 20, 30]


@each_model
def test_curves_of_no_step_say_nothing(model):
    from gancourse_lab.monitor import curves

    assert list(curves({}, make(model)[0].settings)) == []


# Panels


@each_model
def test_the_first_drawing_shows_the_models_own_curves(model, monkeypatch):
    titles = []
    real = figures.progress

    def progress(run, *arguments):
        figure = real(run, *arguments)
        titles.append(([axis.get_title() for axis in figure.axes], figure.get_suptitle()))
        return figure

    monkeypatch.setattr(figures, "progress", progress)
    live = panels.LiveFigure(inputs(model), "live", seconds=0.0)
    loop.fit(*make(model), callbacks=[live], steps=3, read_every=EVERY)
    expected = ("losses", "D's belief") if model == "dcgan" else ("adversarial", "cycle and")
    (first, second, third), title = titles[0]
    assert first == expected[0] and second.startswith(expected[1]) and third == "samples"
    assert title == "live: step 1 of 3"


@each_model
def test_a_panel_is_drawn_with_the_terms_of_the_step_that_it_names(model):
    made = panel()
    fitted(model, more=[made], steps=23)
    assert [done for done, _ in made.drawn_at][:1] == [1]
    assert all(done == have for done, have in made.drawn_at)


def test_a_paused_panel_names_the_step_it_stands_at():
    made, said = panel(), []
    made._say = lambda state, text: said.append(text)
    made._go.wait = lambda: made._go.set()
    fitted("dcgan", more=[At(17, lambda run: made._go.clear()), made], steps=23)
    assert said == ["Paused at step 17 of 23."] and (17, 17) in made.drawn_at


class Lag(loop.Callback):
    """How many steps the history is behind."""

    def __init__(self):
        self.steps = []

    def on_step(self, run):
        self.steps.append(run.done - len(run.history))


def test_the_environment_says_how_often_terms_are_fetched(monkeypatch):
    lag = Lag()
    monkeypatch.setenv("GANCOURSE_READ_EVERY", "4")
    loop.fit(*make("dcgan"), callbacks=[lag], steps=6)
    assert lag.steps == [1, 2, 3, 0, 1, 0]


def test_it_is_the_steps_device_that_decides_not_the_pictures():
    """Pictures may lie on the CPU beside a step on the GPU."""
    step = make("dcgan")[0]

    class OnGPU:
        device = torch.device("cuda")

        def __call__(self, batch):
            return step(batch)

    lags = []
    for one in (step, OnGPU()):
        lag = Lag()
        loop.fit(one, loop.Batches(pictures("dcgan"), 2), callbacks=[lag], steps=13)  # an epoch
        lags.append(max(lag.steps))
    assert lags == [0, 9]
