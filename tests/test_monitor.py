"""The monitor names each planted fault, is silent on healthy runs, and changes nothing."""

import functools
from pathlib import Path

import pytest
import torch
from torch import nn

from gancourse import profiles, records
from gancourse.errors import GancourseError, UnknownName
from gancourse.train import checkpoint
from gancourse.train.dcgan import DCGANStep
from gancourse.train.loop import Callback, History, Run, fit
from gancourse_lab import faults, flags, inspect_step, speed
from gancourse_lab.faults import FAULTS
from gancourse_lab.monitor import Flag, Monitor, curves, flag_of, review

AT_ONCE = {"no-detach", "range", "eps", "dead", "still"}  # named within one epoch
SICK = [name for name, fault in FAULTS.items() if fault.flag]


@functools.cache
def images(model, n=120):
    return faults.load(model, "stand-in", n)


@functools.cache
def watched(name, seed=0, **changes):
    """(monitor, outcome) of a run of the lab, the DCGAN's on drawn steel."""
    monitor = Monitor(log=None)
    return monitor, faults.train(name, seed, images(FAULTS[name].model), [monitor], **changes)


def names(monitor):
    return [flag.name for flag in monitor.flags]


# What it is for


@pytest.mark.parametrize("name", SICK)
def test_the_planted_fault_is_the_first_flag(name):
    changes = {"epochs": 2} if name == "resume" else {"epochs": 1} if name in AT_ONCE else {}
    monitor, _ = watched(name, **changes)
    assert names(monitor)[:1] == [FAULTS[name].flag]


@pytest.mark.parametrize("seed", range(3))
def test_silent_on_a_healthy_dcgan(seed):
    """Twenty seeds of each model are in the records; see below."""
    assert not watched("healthy", seed)[0].flags


def test_silent_on_a_healthy_cyclegan():
    monitor, _ = watched("healthy-cyclegan")
    assert not monitor.flags and "cycle does not close" in monitor.readings


def test_every_sign_has_a_fault_that_raises_it():
    assert sorted(fault.flag for fault in FAULTS.values() if fault.flag) == sorted(flags.SIGNS)


# How it behaves


@pytest.mark.parametrize("name", ["healthy", "leak", "healthy-cyclegan"])
def test_watching_changes_nothing(name, monkeypatch):
    """Not even where reals are drawn with random augmentation and samples are taken early."""
    model = FAULTS[name].model
    monkeypatch.setitem(inspect_step.PACES, model, inspect_step.Pace(settled=2, sampled=2))
    alone = faults.train(name, 3, images(model, 24), epochs=1).step
    torch.manual_seed(99)
    monitor = Monitor(every=2, log=None)
    seen = faults.train(name, 3, images(model, 24), [monitor], epochs=1).step
    assert len(monitor.readings["mode collapse"]) >= 7
    for network in ("gen", "disc") if model == "dcgan" else ("gen_ab", "disc_b"):
        states = [getattr(step, network).state_dict() for step in (alone, seen)]
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_no_hook_is_left_behind():
    step = watched("dead", epochs=1)[1].step
    assert not any(layer._forward_hooks for layer in step.gen.modules())
    assert not step.opt_gen.optimizer._optimizer_step_post_hooks
    assert not step.opt_disc.optimizer._optimizer_step_pre_hooks


def test_a_flag_is_one_line_with_its_number_raised_once_and_printed():
    lines = []
    monitor = Monitor(every=2, log=lambda flag: lines.append(str(flag)))
    faults.train("dead", 0, images("dcgan"), [monitor], epochs=1)
    assert names(monitor).count("dead ReLUs") == 1 and len(lines) == len(monitor.flags)
    assert lines[0].startswith("step 1, dead ReLUs: 100% of the channels of gen.stages.0.2")
    assert "Remedy:" in lines[0] and "\n" not in lines[0]


@pytest.mark.parametrize("stop", [False, True])
def test_it_stops_the_run_only_when_asked(stop):
    monitor = Monitor(log=None, stop=stop)
    outcome = faults.train("dead", 0, images("dcgan"), [monitor], epochs=1)
    assert len(outcome.history) == (1 if stop else 14)


def test_limits_can_be_replaced():
    strict = Monitor(log=None, limits={"norm's eps": 1e-6})
    faults.train("healthy", 0, images("dcgan"), [strict], epochs=1)
    assert names(strict) == ["norm's eps"]
    with pytest.raises(UnknownName, match="Did you mean 'checkerboard'"):
        Monitor(limits={"checkerbord": 1})
    with pytest.raises(GancourseError, match="at least 2"):
        Monitor(every=1)


def test_a_step_of_another_kind_is_refused():
    class Step:
        def __init__(self):
            self.classifier = nn.Linear(1, 1)

    run = Run(Step(), None, 1, History())
    with pytest.raises(GancourseError, match="gancourse.train.step.Step"):
        Monitor().on_start(run)


class Own(DCGANStep):
    """Somebody's step: a loss that is a module, and gradients set to zero instead of None."""

    def __init__(self, settings):
        super().__init__(settings)
        self.criterion = nn.Linear(1, 1)

    def __call__(self, real):
        self.gen.zero_grad(set_to_none=False)
        return super().__call__(real)


def test_a_step_of_ones_own_with_further_parts():
    step, batches = faults.build("healthy", 0, images("dcgan"))
    monitor = Monitor(log=None, every=2)
    fit(Own(step.settings), batches, 1, [monitor])
    assert not monitor.flags and len(monitor.readings["fakes not detached"]) == 8


def test_a_network_that_should_not_move_may_stand_still():
    for name, changes in (
        ("healthy", {"lr_g": 0.0}),
        ("healthy-cyclegan", {"adversarial": False}),
    ):
        monitor = Monitor(log=None, every=2)
        model = FAULTS[name].model
        outcome = faults.train(name, 0, images(model, 24), [monitor], epochs=1, **changes)
        assert not monitor.flags and len(monitor.readings["network stands still"]) > 7
    assert not review(outcome.history.terms, outcome.step.settings)  # 24 steps, no adversarial term


def test_a_step_that_fp16_leaves_out_is_no_fault():
    """The first scale of the loss is often too large: the step is dropped and the scale halved."""
    from accelerate.optimizer import AcceleratedOptimizer

    step, batches = faults.build("healthy-cyclegan", 0, images("cyclegan", 24))
    scaler = step.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
    for name in ("opt_gen", "opt_disc"):
        inner = getattr(step, name).optimizer
        setattr(step, name, AcceleratedOptimizer(inner, device_placement=False, scaler=scaler))
    monitor = Monitor(log=None, every=2)
    fit(step, batches, 1, [monitor])
    assert not monitor.flags and scaler.get_scale() < 2.0**127
    assert 0 < len(monitor.readings["network stands still"]) < 13  # 13 looks, the first for nothing


class Scaled(DCGANStep):
    """A step whose losses are multiplied by 65,536, as under fp16, and whose fakes leak."""

    def __init__(self, settings, factor):
        super().__init__(settings)
        self.accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=factor)

    def __call__(self, real):
        return faults.NotDetached.__call__(self, real)


def leak_at(factor):
    from accelerate.optimizer import AcceleratedOptimizer

    base, batches = faults.build("healthy", 0, images("dcgan"))
    torch.manual_seed(1)
    step = Scaled(base.settings, factor)
    for name in ("opt_gen", "opt_disc"):
        inner, scaler = getattr(step, name).optimizer, step.accelerator.scaler
        setattr(step, name, AcceleratedOptimizer(inner, device_placement=False, scaler=scaler))
    monitor = Monitor(log=None)
    fit(step, batches, callbacks=[monitor], steps=1)
    return monitor.readings["fakes not detached"][0][1]


def test_a_leaking_gradient_is_read_without_the_factor_of_fp16():
    assert leak_at(65536.0) == pytest.approx(leak_at(1.0), rel=1e-3)


def test_on_a_gpu_it_looks_less_often():
    step, batches = faults.build("healthy", 0, images("dcgan"))
    pauses = []
    for kind in ("cpu", "cuda"):
        step.device = torch.device(kind)
        monitor = Monitor(log=None)
        monitor.on_start(Run(step, batches, 1, History()))
        pauses.append(monitor._pause)
    assert pauses == [50, 250]


def watching(**changes):
    step, batches = faults.build("healthy-cyclegan", 0, images("cyclegan", 24), **changes)
    return inspect_step.Watched(Run(step, batches, 1, History()))


def test_translations_are_compared_with_the_domain_they_go_to():
    watched, (drawn_a, drawn_b) = watching(), images("cyclegan", 24)
    centres = [x.floats()[:, :, 2:-2, 2:-2] for x in (drawn_a, drawn_b)]
    there, back = watched.probes
    assert torch.equal(there.real, centres[1]) and torch.equal(back.real, centres[0])
    assert torch.equal(there.inputs, centres[0][:4]) and torch.equal(back.inputs, centres[1][:4])
    assert (there.generator, back.generator) == ("gen_ab", "gen_ba")


def test_the_cycle_is_judged_in_the_direction_that_is_trained(monkeypatch):
    found = {}
    for direction in ("forward", "backward", "both"):
        watched = watching(direction=direction)
        x = watched.probes[0].inputs
        # G and F return horses, whatever they are given: A comes back, B does not
        monkeypatch.setattr(watched, "paint", lambda name, fake, x=x: x)
        found[direction] = inspect_step.Look(watched)._unclosed([x, x])
    assert found["forward"] == 0 < found["backward"]
    assert found["both"] == pytest.approx(found["backward"] / 2)


# Resuming, the right and the wrong way


class StopAfter(Callback):
    def __init__(self, steps):
        self.steps = steps

    def on_step(self, run):
        run.stop = run.done >= self.steps


def test_a_run_resumed_from_a_checkpoint_is_healthy(tmp_path):
    step, batches = faults.build("healthy", 0, images("dcgan"))
    history = fit(step, batches, 18, [StopAfter(20)])
    path = checkpoint.save(tmp_path / "step.pt", step, batches, history)
    step, batches = faults.build("healthy", 0, images("dcgan"))
    monitor = Monitor(log=None)
    history = checkpoint.load(path, step, batches)
    fit(step, batches, 2, [monitor], history)
    assert not monitor.flags and monitor.steps == 28


@pytest.mark.parametrize(("compiled", "at_once"), [(False, True), (True, False)])
def test_a_compiled_run_looks_into_the_same_steps_when_it_goes_on(compiled, at_once):
    """A step looked into is taken as written and rounds otherwise: the run would be another."""
    step, batches = faults.build("healthy", 0, images("dcgan"))
    speed.Executor(step, compile=compiled)
    monitor = Monitor(every=10, log=None)
    for done, looks in ((0, True), (5, at_once), (9, True)):
        run = Run(step, batches, 100, History())
        run.done = done
        monitor.on_start(run)
        assert (monitor._look is not None) == looks, done
        monitor.on_end(run)


def test_weights_alone_are_recognised_even_without_a_history():
    """Batch norm has counted the steps that Adam does not know of."""
    old = watched("healthy", 0)[1].step
    step, batches = faults.build("healthy", 0, images("dcgan"))
    step.gen.load_state_dict(old.gen.state_dict())
    monitor = Monitor(log=None)
    fit(step, batches, 1, [monitor])
    assert names(monitor) == ["optimiser state lost"] and "252 steps" in monitor.flags[0].evidence


# Gradients


def test_gradients_are_looked_at_in_the_step_itself():
    monitor = Monitor(log=None, every=2)
    outcome = faults.train("no-detach", 1, images("dcgan"), [monitor], epochs=1)
    assert monitor.flags[0].name == "fakes not detached" and monitor.flags[0].step == 1
    values = [value for _, value in monitor.readings["fakes not detached"]]
    assert all(value > 0 for value in values) and len(outcome.history) == 14
    healthy, _ = watched("healthy", 0)
    assert {value for _, value in healthy.readings["fakes not detached"]} == {0.0}


# Curves alone


def settings(name):
    return watched(name)[1].step.settings


def test_reviewing_a_log_finds_what_the_curves_show_and_nothing_else():
    for name, expected in (
        ("healthy", []),
        ("strong-d", ["D wins"]),
        ("healthy-cyclegan", []),
        ("identity", ["identity not scaled"]),
        ("lambda-0", []),  # the closing of the cycle is not in its curves
    ):
        _, outcome = watched(name)
        flags = review(outcome.history.terms, outcome.step.settings)
        assert [flag.name for flag in flags] == expected, name


def test_a_review_reads_to_the_last_step():
    """At step 100 D is sure of 80 of the last 100 steps, at 120 of all."""
    log = {"gen": [3.0] * 120, "p_real": [0.5] * 20 + [1.0] * 100}
    log["p_fake"] = [1 - p for p in log["p_real"]]
    assert [(f.name, f.step) for f in review(log, settings("healthy"))] == [("D wins", 120)]


def test_a_log_of_another_version_is_refused():
    s = settings("healthy")
    with pytest.raises(GancourseError, match="Valid is one value a step for 'gen'"):
        review({"G_loss": [1.0, 2.0]}, s)
    with pytest.raises(GancourseError, match="'gen': 2, 'p_real': 1"):
        review({"gen": [1.0, 2.0], "p_real": [0.5]}, s)
    with pytest.raises(GancourseError, match="nothing"):
        review({}, s)
    for bad in (float("nan"), "0.7", None):
        with pytest.raises(GancourseError, match="no finite number"):
            review({"gen": [1.0, bad]}, s)


def test_the_weights_of_a_short_log_are_reviewed_too():
    s, history = settings("identity"), watched("identity")[1].history
    short = {name: values[:40] for name, values in history.terms.items()}
    assert [flag.step for flag in review(short, s)] == [40]
    without = profiles.replace(s, lambda_identity=0.0)  # logged with weight 0.5 all the same
    assert "0.50 instead of 0" in review(short, without)[0].evidence
    assert review({name: values[:9] for name, values in short.items()}, s) == []


def test_a_reading_on_its_limit_raises_nothing():
    assert flag_of(("D wins", flags.SIGNS["D wins"].limit, "100"), 5) is None
    flag = flag_of(("D wins", 0.99, "100"), 5)
    assert isinstance(flag, Flag) and flag.step == 5 and "0.990" in flag.evidence
    assert flag_of(("network stands still", 0.0, "disc_a"), 1).evidence.startswith("disc_a")


def test_curves_of_a_run_without_these_terms_say_nothing():
    assert list(curves({"gen": [1.0] * 200}, settings("healthy"))) == []


def by_step(record):
    """A record's curves with one value a step, the mean of its block for each."""
    every = record["curves"]["every"]
    return {k: [x for x in v for _ in range(every)] for k, v in record.curves.items()}


def test_a_cyclegans_d_is_called_before_its_pictures_fade():
    """The recorded 256 px run: its zebras are best at step 14,425 and gone at 19,375."""
    film = records.load("horse2zebra/prototype-256px-d-wins")
    curves_of_film = by_step(film)
    curves_of_film["gen"] = curves_of_film[
        "adv_a"
    ]  # the prototype kept no sum; only its length counts
    flags = review(curves_of_film, profiles.settings("horse2zebra", "full"), every=100)
    (flag,) = [f for f in flags if f.name == "D wins"]
    assert 12_000 < flag.step < 14_425


@pytest.mark.parametrize(
    "name", ["wide-d-double-rate-seed1", "wide-d-double-rate-seed2", "wide-d-half-rate-seed0"]
)
def test_cats_that_faded_are_called_before_step_1100(name):
    """Their KID falls until step 456 and is back at the untouched cats' at 608 to 760."""
    run = records.load(f"grumpy-cats/{name}")
    found = review(by_step(run), profiles.CycleGANSettings(**run["settings"]))
    assert [f.name for f in found] == ["D wins"] and found[0].step < 1_100


@pytest.mark.parametrize("start", ["live-seed", "laptop-", "lambda10-seed", "lambda0-seed"])
def test_a_cyclegans_healthy_d_is_left_alone(start):
    found = [n for n in records.names() if n.startswith(f"grumpy-cats/{start}")]
    assert len(found) >= 3
    for name in found:
        run = records.load(name)
        settings_of_run = profiles.CycleGANSettings(**run["settings"])
        assert "D wins" not in {f.name for f in review(by_step(run), settings_of_run)}, name


def test_a_dcgan_has_the_wider_limit():
    sure = {"disc_real": [0.01] * 200, "disc_fake": [0.01] * 200, "gen": [1.0] * 200}
    assert review(sure, profiles.settings("cats", "quick")) == []  # 1 - 2·√0.02 = 0.72
    sure = {"disc_a": [0.02] * 200, "disc_b": [0.2] * 200, "gen": [1.0] * 200, "adv_a": [1.0] * 200}
    flags = review(sure, profiles.settings("grumpy-cats", "live"))
    assert [flag.name for flag in flags] == ["D wins"]


def test_chapter_09_speaks_of_every_recorded_run_that_raises_a_flag():
    chapter = Path(__file__).parents[1] / "notebooks/text/09_is_it_working.py"
    text, flagged = chapter.read_text(encoding="utf-8"), []
    for name in records.names_in(records.folder()):
        run = records.load(name)
        if "final" in run.content and "prototype" not in run.content:
            settings_of_run = profiles.of_model(run.model, run["settings"])
            if review(by_step(run), settings_of_run):
                flagged.append(name.split("/")[1].rpartition("-seed")[0])
    assert flagged and not [name for name in flagged if f'"{name}"' not in text]


def test_what_four_digits_leave_open_raises_no_flag_and_a_wrong_weight_does():
    """The record's weight is off by over 2 % in 27 windows, for its digits and its blocks of 7."""
    run = records.load("horse2zebra/laptop-seed0")
    told = profiles.CycleGANSettings(**run["settings"])
    assert review(by_step(run), told) == []
    half = profiles.replace(told, lambda_identity=told.lambda_identity / 2)
    assert [flag.name for flag in review(by_step(run), half)] == ["identity not scaled"]
