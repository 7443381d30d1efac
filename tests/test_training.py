"""The step and the loop: who moves when, what an interrupt and a NaN do, and the published step."""

import copy
import functools
import os
import signal

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gancourse import profiles
from gancourse.data import ImageSet
from gancourse.errors import GancourseError
from gancourse.train import dcgan as training
from gancourse.train import loop
from gancourse.train.step import update_ema
from gancourse_studies.train import Metrics

SETTINGS = profiles.DCGANSettings(size=16, width_g=4, width_d=4, batch_size=4, epochs=2)


def image_set(n=13, size=16):
    pixels = torch.randint(0, 256, (n, 3, size, size), generator=torch.Generator().manual_seed(1))
    return ImageSet(pixels.to(torch.uint8), [f"{i}.png" for i in range(n)], "NEU-DET")


def make(settings=SETTINGS, seed=0):
    torch.manual_seed(seed)
    step = training.DCGANStep(settings, "cpu")
    return step, loop.Batches(image_set(), settings.batch_size, seed=seed)


def weights(net):
    return {k: v.clone() for k, v in net.state_dict().items()}


@pytest.mark.parametrize("width_d", [4, 40])  # the convolutions by PyTorch, and the wide one as
def test_one_step_equals_a_plain_transcription_of_the_post(width_d):  # a matrix product
    """Same updates as the published loop: BCE on a sigmoid, D on reals and fakes, G on the same."""
    step, _ = make(profiles.replace(SETTINGS, width_d=width_d))
    gen, disc = copy.deepcopy(step.gen), copy.deepcopy(step.disc)
    for stage in disc.stages[:-1]:
        stage[0].forward = functools.partial(nn.Conv2d.forward, stage[0])
    opt_g = torch.optim.Adam(gen.parameters(), 1e-4, (0.5, 0.999))
    opt_d = torch.optim.Adam(disc.parameters(), 4e-4, (0.5, 0.999))
    for seed in (1, 2):
        real = torch.rand(4, 3, 16, 16) * 2 - 1
        torch.manual_seed(seed)
        terms = step(real)
        torch.manual_seed(seed)
        z = torch.randn(4, 100)
        opt_d.zero_grad()
        on_real = F.binary_cross_entropy(disc(real).sigmoid(), torch.ones(4))
        on_real.backward()
        fake = gen(z)
        on_fake = F.binary_cross_entropy(disc(fake.detach()).sigmoid(), torch.zeros(4))
        on_fake.backward()
        opt_d.step()
        opt_g.zero_grad()
        loss_g = F.binary_cross_entropy(disc(fake).sigmoid(), torch.ones(4))
        loss_g.backward()
        opt_g.step()
        expected = {"disc_real": on_real, "disc_fake": on_fake, "gen": loss_g}
        for name, value in expected.items():
            assert terms[name].item() == pytest.approx(value.item(), rel=1e-4), name
    for ours, theirs in ((step.gen, gen), (step.disc, disc)):
        for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            # Adam's first steps are sign-like: a gradient near zero may differ by a whole step
            assert (a - b).abs().mean() < 1e-5, name


def test_both_networks_learn_and_are_unfrozen_afterwards():
    step, batches = make()
    before = weights(step.gen), weights(step.disc)
    step(next(iter(batches)))
    for net, old in zip((step.gen, step.disc), before, strict=True):
        for name, p in net.named_parameters():
            assert p.requires_grad, name
            assert not torch.equal(p, old[name]), f"{name} never moved"


def test_discriminator_gradient_does_not_reach_the_generator(monkeypatch):
    """Mistake 10: fakes that are not detached in D's step."""
    step, _ = make()
    monkeypatch.setattr(step.opt_gen, "step", lambda: None)
    seen = []
    monkeypatch.setattr(
        step.opt_disc,
        "step",
        lambda: seen.append([p.grad is None or not p.grad.any() for p in step.gen.parameters()]),
    )
    step(torch.rand(4, 3, 16, 16))
    assert seen and all(seen[0])


def test_generator_step_computes_no_gradient_for_the_discriminator(monkeypatch):
    step, _ = make()
    real = torch.rand(4, 3, 16, 16)
    monkeypatch.setattr(
        step.opt_disc, "step", lambda: [setattr(p, "grad", None) for p in step.disc.parameters()]
    )
    step(real)
    assert all(p.grad is None for p in step.disc.parameters())


def test_diffaugment_acts_on_reals_on_fakes_and_in_the_generators_step(monkeypatch):
    """Mistake 8: DiffAugment on the reals only."""
    step, _ = make(profiles.replace(SETTINGS, diffaugment="color"))
    seen = []

    def spy(images, policy):
        seen.append((policy, images.requires_grad))
        return images

    monkeypatch.setattr(training, "diffaugment", spy)
    step(torch.rand(4, 3, 16, 16))
    assert seen == [("color", False), ("color", False), ("color", True)]


def test_terms_are_what_they_are_called():
    """Mistake 11: one number logged as both the real and the fake loss."""
    step, _ = make()
    with torch.no_grad():  # a D that finds everything real
        step.disc.stages[-1].weight.zero_()
    step.disc.stages.append(nn.Module())
    step.disc.stages[-1].forward = lambda x: x + 3.0
    terms = step(torch.rand(4, 3, 16, 16))
    assert terms["p_real"].item() == pytest.approx(0.9526, abs=1e-3)
    assert terms["disc_real"].item() == pytest.approx(0.0486, abs=1e-3)
    assert terms["disc_fake"].item() == pytest.approx(3.0486, abs=1e-3)


def test_ema_weights_the_old_average_by_the_decay():
    """Mistake 4: the weights of the average the wrong way round."""
    average, net = nn.Linear(1, 1), nn.Linear(1, 1)
    nn.init.zeros_(average.weight), nn.init.ones_(net.weight)
    update_ema(average, net, 0.9)
    assert average.weight.item() == pytest.approx(0.1)


def test_average_follows_batch_norm_statistics_too():
    step, batches = make()
    for batch in batches:
        step(batch)
    assert step.ema.stages[0][1].num_batches_tracked == step.gen.stages[0][1].num_batches_tracked
    assert step.ema.stages[0][1].running_mean.abs().sum() > 0


def test_samples_are_uint8_and_leave_the_network_in_training_mode():
    step, _ = make()
    z = torch.randn(5, 100)
    images = step.sample(z)
    assert images.dtype == torch.uint8 and images.shape == (5, 3, 16, 16)
    assert step.gen.training
    assert torch.equal(images, torch.cat([step.sample(z[:2]), step.sample(z[2:])]))


@pytest.mark.parametrize("kind, low, high", [("normal", -9, 9), ("uniform", -1, 1)])
def test_latents(kind, low, high):
    z = training.sample_z(2000, profiles.replace(SETTINGS, z=kind), torch.device("cpu"))
    assert z.min() >= low and z.max() <= high
    assert z.std().item() == pytest.approx(1 if kind == "normal" else 3**-0.5, abs=0.02)
    with pytest.raises(GancourseError, match="Did you mean 'normal'"):
        training.sample_z(1, profiles.replace(SETTINGS, z="norml"), "cpu")


def test_batches_see_every_image_once_an_epoch_and_go_on_where_they_stood():
    images = image_set(12)
    batches = loop.Batches(images, 4, seed=3)
    seen = torch.cat(list(batches))
    assert len(batches) == 3 and seen.shape == (12, 3, 16, 16)
    assert sorted(seen.flatten(1).sum(1).tolist()) == pytest.approx(
        sorted(images.floats().flatten(1).sum(1).tolist())
    )
    assert not torch.equal(torch.cat(list(batches)), seen)  # the next epoch has another order
    first, other = loop.Batches(images, 4, seed=3), loop.Batches(images, 4, seed=3)
    walk = iter(first)
    next(walk)
    other.load_state_dict(first.state_dict())
    assert torch.equal(next(walk), next(iter(other)))
    with pytest.raises(GancourseError, match="cannot fill one batch"):
        loop.Batches(images, 13)


def test_fit_counts_steps_and_calls_the_callbacks():
    step, batches = make()
    seen = []

    class Spy(loop.Callback):
        def on_start(self, run):
            seen.append(("start", run.steps))

        def on_step(self, run):
            seen.append(("step", len(run.history)))

        def on_epoch(self, run):
            seen.append(("epoch", run.batches.epoch))

        def on_end(self, run):
            seen.append(("end", len(run.history)))

    history = loop.fit(step, batches, 2, [Spy()])
    expected = [("start", 6), *(("step", i) for i in (1, 2, 3)), ("epoch", 1)]
    expected += [*(("step", i) for i in (4, 5, 6)), ("epoch", 2), ("end", 6)]
    assert seen == expected
    assert {len(v) for v in history.terms.values()} == {6}


def test_reading_the_terms_seldom_gives_the_same_history():
    often, seldom = (loop.fit(*make(), 2, read_every=n) for n in (1, 5))
    assert often.terms == seldom.terms


def test_a_nan_stops_with_step_terms_and_checkpoint():
    def step(batch):
        step.count += 1
        return {"gen": torch.tensor(float("nan") if step.count == 3 else 1.0)}

    step.count = 0
    batches = loop.Batches(image_set(), 4)

    class Saved(loop.Callback):
        def on_step(self, run):
            run.last_checkpoint = "step_0000002.pt"

    with pytest.raises(loop.NonFiniteLoss, match=r"Step 3 .*gen = nan.*step_0000002\.pt"):
        loop.fit(step, batches, 2, [Saved()])


def test_an_interrupt_finishes_the_step_and_then_saves():
    events = []

    def step(batch):
        if len(events) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        events.append("step done")
        return {"gen": torch.tensor(1.0)}

    class Saver(loop.Callback):
        def on_interrupt(self, run):
            events.append(f"saved after {len(run.history)}")

        def on_end(self, run):
            events.append("ended")

    before = signal.getsignal(signal.SIGINT)
    history = loop.History()
    with pytest.raises(loop.Interrupted, match="stopped after step 2 of"):
        loop.fit(step, loop.Batches(image_set(), 4), 5, [Saver()], history)
    assert history.interrupted
    assert events == ["step done", "step done", "saved after 2", "ended"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_batch_too_large_for_the_memory_names_one_to_try():
    class Step:
        taken = 0

        def __call__(self, batch):
            self.taken += 1
            if self.taken == 3:
                raise self.error
            return {"gen": torch.tensor(1.0)}

    history = loop.History()
    step = Step()
    step.error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 …")
    said = r"Step 3 .*batches of 4: CUDA out of memory. Try batch_size=2; .*none was saved"
    with pytest.raises(GancourseError, match=said):
        loop.fit(step, loop.Batches(image_set(), 4), 5, history=history, read_every=10)
    assert len(history) == 2  # what came before is not lost
    step, history = Step(), loop.History()
    step.error = RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)")
    with pytest.raises(GancourseError, match="Try a smaller size or width"):
        loop.fit(step, loop.Batches(image_set(), 1), 5)
    step = Step()
    step.error = RuntimeError("shapes do not fit")
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        loop.fit(step, loop.Batches(image_set(), 4), 5)


def test_the_error_that_ended_a_run_is_the_one_that_is_raised():
    """Not what a callback says afterwards, of a device that does not answer any more."""
    ended = []

    class Last(loop.Callback):
        def __init__(self, name):
            self.name = name

        def on_end(self, run):
            ended.append(self.name)
            raise RuntimeError("cannot draw")

    def step(batch):
        raise ValueError("the step")

    with pytest.raises(ValueError, match="the step"):
        loop.fit(step, loop.Batches(image_set(), 4), 1, [Last("a"), Last("b")])
    assert ended == ["a", "b"]
    with pytest.raises(RuntimeError, match="cannot draw"):
        loop.fit(*make(), 1, [Last("c")])


def test_the_forecast_is_timed_after_a_warm_up(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(loop.time, "perf_counter", lambda: now[0])
    lines = []
    forecast = loop.Forecast("runs/x", log=lines.append)

    class Clock(loop.Callback):
        def on_step(self, run):  # 100 s a step at first, then a quarter of a second
            now[0] += 100.0 if run.done < 5 else 0.25
            forecast.on_step(run)
            assert bool(lines) == (run.done >= 13)  # 5, and 8 of a quarter of a second

    clock = Clock()
    run = loop.Run(None, None, 14013, loop.History())
    forecast.on_start(run)
    for run.done in range(1, 30):
        clock.on_step(run)
    (line,) = lines
    assert line.startswith("14,000 of 14,013 steps are left, about 58 min on this device; ")
    assert "in runs/x." in line and "run the cell again" in line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (89, "89 s"), (91, "2 min"), (3599, "1 h 0 min"), (25800, "7 h 10 min")],
)
def test_durations_in_words(seconds, words):
    assert loop.duration(seconds) == words


def test_metrics_do_not_change_the_training():
    def measure(step):
        torch.randn(100)
        return {"value": 1.0}

    plain = make()
    loop.fit(*plain, 2)
    watched = make()
    history = loop.fit(*watched, 2, [Metrics(measure, every=1)])
    assert [m["epoch"] for m in history.metrics] == [1, 2]
    for a, b in zip(plain[0].gen.parameters(), watched[0].gen.parameters(), strict=True):
        assert torch.equal(a, b)


def test_samples_follow_the_same_latents_through_time():
    step, batches = make()
    samples = loop.Samples(torch.randn(2, 100), [0, 2], ema=False)
    loop.fit(step, batches, 2, [samples, loop.ProgressBar()])
    assert [epoch for epoch, _ in samples.images] == [0, 2]
    assert not torch.equal(samples.images[0][1], samples.images[1][1])


# How long a run is


def test_steps_end_a_run_in_the_middle_of_an_epoch_and_it_goes_on_there():
    step, batches = make()  # three steps an epoch
    history = loop.fit(step, batches, steps=5)
    assert len(history) == 5 and (batches.epoch, batches.position) == (1, 2)
    loop.fit(step, batches, steps=7, history=history)
    assert len(history) == 7 and (batches.epoch, batches.position) == (2, 1)


class Clock:
    """Seconds as a step takes them: nothing in these tests waits."""

    def __init__(self, each=1.0):
        self.now, self.each = 0.0, each

    def __call__(self):
        return self.now

    def step(self, batch):
        self.now += self.each
        return {"gen": torch.tensor(1.0)}


def test_minutes_become_a_number_of_steps_once(monkeypatch):
    clock = Clock(each=2.0)
    monkeypatch.setattr(loop.time, "perf_counter", clock)
    _, batches = make()
    seen = []

    class Watch(loop.Callback):
        def on_step(self, run):
            seen.append(run.steps)
            if run.done == 40:
                clock.each = 20.0  # a slower machine later on changes nothing

    history = loop.fit(clock.step, batches, callbacks=[Watch()], minutes=5)
    assert history.planned == len(history) == 150  # 300 s of 2 s each
    assert set(seen) == {0, 150} and seen.index(150) < 10


def test_a_resumed_run_by_minutes_keeps_its_plan(monkeypatch):
    monkeypatch.setattr(loop.time, "perf_counter", Clock())
    _, batches = make()
    slow = Clock(each=100.0)
    history = loop.History(terms={"gen": [1.0] * 4}, planned=9)
    batches.epoch, batches.position = 1, 1  # four steps are done
    loop.fit(slow.step, batches, minutes=1, history=history)
    assert len(history) == 9


@pytest.mark.parametrize(
    "length", [{}, {"epochs": 1, "steps": 1}, {"steps": 0}, {"minutes": 0}, {"minutes": -1.0}]
)
def test_a_run_has_exactly_one_length(length):
    step, batches = make()
    with pytest.raises(GancourseError, match="above 0|one of epochs"):
        loop.fit(step, batches, **length)


def test_samples_by_step_hold_the_end_of_the_run():
    step, batches = make()
    samples = loop.Samples(torch.randn(2, 100), steps=[0, 2, 50])
    loop.fit(step, batches, callbacks=[samples], steps=5)
    assert [moment for moment, _ in samples.images] == [0, 2, 5]


def test_a_word_in_another_case_is_the_same_word():
    """ "Normal" passed the check, and then was drawn as uniform."""
    drawn = []
    for z in ("normal", "Normal", "uniform"):
        stream = torch.Generator().manual_seed(0)
        drawn.append(training.sample_z(4, profiles.replace(SETTINGS, z=z), "cpu", stream))
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_a_history_at_the_end_of_a_cell_is_one_line():
    assert repr(loop.History({"gen": [0.5] * 450, "disc": [1.0] * 450})) == (
        "History: 450 steps of gen, disc"
    )
    assert repr(loop.History()) == "History: 0 steps of nothing"
