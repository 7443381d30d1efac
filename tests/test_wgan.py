"""WGAN-GP: the penalty in closed form, the step against algorithm 1, and the way to a record."""

import copy

import pytest
import torch
from torch import nn

from gancourse import losses, profiles, records
from gancourse.data import ImageSet
from gancourse.errors import GancourseError
from gancourse.train import checkpoint
from gancourse.train.loop import Batches, Samples, fit
from gancourse.train.wgan import WGANStep
from gancourse_lab.monitor import Monitor, review
from gancourse_tools.cli import main

SETTINGS = profiles.WGANSettings(
    size=16, channels=1, width_g=4, width_d=4, z_dim=8, batch_size=20, ema=0.9
)


def image_set(n=41):
    pixels = torch.randint(0, 256, (n, 1, 16, 16), generator=torch.Generator().manual_seed(1))
    return ImageSet(pixels.to(torch.uint8), [f"{i}.png" for i in range(n)], "NEU-DET")


def make(settings=SETTINGS):
    torch.manual_seed(0)
    return WGANStep(settings, "cpu"), Batches(image_set(), settings.batch_size)


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("norm, expected", [(1.0, 0.0), (2.0, 1.0), (0.5, 0.25)])
def test_the_penalty_of_a_linear_critic_in_closed_form(float64, norm, expected):
    """D(x) = w·x has the slope w everywhere: (|w| - 1)²."""
    w = torch.randn(3 * 16 * 16)
    w = w / w.norm() * norm
    real, fake = torch.rand(2, 5, 3, 16, 16)
    penalty = losses.gradient_penalty(lambda x: x.flatten(1) @ w, real, fake)
    assert penalty.item() == pytest.approx(expected, abs=1e-12)


# The step


class PlainAdam:
    """Kingma 2015, algorithm 1, as it stands there."""

    def __init__(self, network, rate=1e-4, betas=(0.0, 0.9), eps=1e-8):
        self.weights = list(network.parameters())
        self.m = [torch.zeros_like(p) for p in self.weights]
        self.v = [torch.zeros_like(p) for p in self.weights]
        self.rate, self.betas, self.eps, self.t = rate, betas, eps, 0

    def descend(self, loss):
        grads = torch.autograd.grad(loss, self.weights)
        self.t += 1
        one, two = self.betas
        for p, g, m, v in zip(self.weights, grads, self.m, self.v, strict=True):
            m.copy_(one * m + (1 - one) * g)
            v.copy_(two * v + (1 - two) * g * g)
            m_hat, v_hat = m / (1 - one**self.t), v / (1 - two**self.t)
            p.data -= self.rate * m_hat / (v_hat.sqrt() + self.eps)


def algorithm_1(gen, disc, adam_gen, adam_disc, reals):
    """One pass through the outer loop of Gulrajani 2017; ``reals``: one batch an update of D."""
    terms = {"wasserstein": [], "penalty": [], "disc": []}
    for x in reals:
        fake = gen(torch.randn(len(x), 8)).detach()
        epsilon = torch.rand(len(x))
        slopes = []
        for i in range(len(x)):  # one picture at a time
            mixed = (epsilon[i] * x[i] + (1 - epsilon[i]) * fake[i]).requires_grad_()
            (slope,) = torch.autograd.grad(disc(mixed[None])[0], mixed, create_graph=True)
            slopes.append((slope.square().sum().sqrt() - 1) ** 2)
        penalty = sum(slopes) / len(x)
        distance = sum(disc(x)) / len(x) - sum(disc(fake)) / len(x)
        loss = -distance + 10 * penalty
        adam_disc.descend(loss)
        for name, value in (("wasserstein", distance), ("penalty", penalty), ("disc", loss)):
            terms[name].append(value.item())
    loss = -disc(gen(torch.randn(len(reals[0]), 8))).mean()
    adam_gen.descend(loss)
    means = {name: sum(values) / len(values) for name, values in terms.items()}
    return means | {"gen": loss.item()}


def test_six_steps_equal_algorithm_1(float64):
    step, _ = make()
    gen, disc = copy.deepcopy(step.gen), copy.deepcopy(step.disc)
    adams = PlainAdam(gen), PlainAdam(disc)
    for seed in range(6):
        real = torch.rand(20, 1, 16, 16) * 2 - 1
        torch.manual_seed(seed)
        terms = step(real)
        torch.manual_seed(seed)
        expected = algorithm_1(gen, disc, *adams, real.reshape(5, 4, 1, 16, 16))
        for name, value in expected.items():
            assert float(terms[name]) == pytest.approx(value, rel=1e-12, abs=1e-12), name
    for ours, theirs in ((step.gen, gen), (step.disc, disc)):
        state = theirs.state_dict()
        for name, a in ours.state_dict().items():
            assert a.dtype in (torch.float64, torch.int64)
            torch.testing.assert_close(a, state[name], rtol=0, atol=1e-12, msg=name)


@pytest.mark.parametrize("critic_steps", [1, 2, 5])
def test_updates_of_the_critic_for_one_of_the_generator(critic_steps):
    step, batches = make(profiles.replace(SETTINGS, critic_steps=critic_steps))
    fit(step, batches, steps=3)
    for optimiser, moved in ((step.opt_gen, 3), (step.opt_disc, 3 * critic_steps)):
        counts = {int(state["step"]) for state in optimiser.optimizer.state.values()}
        assert counts == {moved}
    assert all(p.requires_grad for p in (*step.gen.parameters(), *step.disc.parameters()))


def test_each_update_of_the_critic_sees_its_own_reals(monkeypatch):
    step, batches = make()
    seen = []
    inner = step._move_critic
    monkeypatch.setattr(step, "_move_critic", lambda real: seen.append(real) or inner(real))
    batch = next(iter(batches))
    step(batch)
    assert [len(part) for part in seen] == [4] * 5
    assert torch.equal(torch.cat(seen), batch)


def test_the_critic_has_biases_and_no_norm():
    step, _ = make()
    kinds = {type(layer) for layer in step.disc.modules()}
    assert not any("Norm" in kind.__name__ for kind in kinds)
    hidden = [layer for layer in step.disc.stages[:-1].modules() if isinstance(layer, nn.Conv2d)]
    assert hidden and all(layer.bias is not None for layer in hidden)
    x = torch.randn(3, 1, 16, 16)
    assert torch.allclose(step.disc(x)[:1], step.disc(x[:1]), atol=1e-6)  # no other picture counts


def test_n_steps_a_checkpoint_and_n_more_are_2n_steps(tmp_path):
    whole, batches = make()
    torch.manual_seed(3)
    expected = fit(whole, batches, steps=5)
    step, batches = make()
    torch.manual_seed(3)
    history = fit(step, batches, steps=2)  # an epoch, so far
    path = checkpoint.save(tmp_path / "run.pt", step, batches, history)
    other, batches = make()
    torch.manual_seed(99)
    history = checkpoint.load(path, other, batches)
    assert fit(other, batches, steps=5, history=history).terms == expected.terms
    for name in ("gen", "disc", "ema"):
        state = whole.network(name).state_dict()
        for key, value in other.network(name).state_dict().items():
            assert torch.equal(value, state[key]), f"{name}.{key}"


def test_the_monitor_runs_and_says_nothing_of_belief():
    step, batches = make()
    samples = Samples(torch.randn(2, 8), steps=[0])
    monitor = Monitor(every=2, log=None)
    history = fit(step, batches, steps=12, callbacks=[monitor, samples])
    assert set(history.terms) == {"wasserstein", "penalty", "disc", "gen"}
    assert "D wins" not in monitor.readings and "fakes not detached" in monitor.readings
    assert not {flag.name for flag in monitor.flags} & {"fakes not detached", "D wins"}
    longer = {name: values * 10 for name, values in history.terms.items()}  # a whole window
    assert review(longer, SETTINGS) == []
    assert not any("belief" in chart.heading or chart.limits for chart in step.charts)
    assert {name for chart in step.charts for name in chart.terms} <= set(history.terms)
    assert samples.images[-1][1].shape == (2, 1, 16, 16)


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"critic_steps": 0}, r"critic_steps must lie in \[1, 100\], not 0"),
        ({"critic_steps": 3}, "batch_size 20 must be a multiple of critic_steps 3"),
        ({"batch_size": 0}, "batch_size must lie in"),
        ({"lambda_penalty": -1.0}, "lambda_penalty must lie in .*, not -1"),
        ({"lambda_penalty": float("nan")}, "lambda_penalty must lie"),
        ({"ema": 1.0}, "ema must lie in"),
        ({"diffaugment": "colour"}, "Did you mean 'color'"),
    ],
)
def test_settings_that_fit_nothing(wrong, words):
    with pytest.raises(GancourseError, match=words):
        make(profiles.replace(SETTINGS, **wrong))


def test_names_of_runs():
    assert profiles.run_name(profiles.settings("neu-wgan", "cpu")) == "none-critic5-penalty10-seed0"
    other = profiles.settings("neu-wgan", "smoke", lambda_penalty=1, upsample="nearest")
    assert profiles.run_name(other) == "none-critic5-penalty1-upsample-nearest-seed0"


def test_the_laptop_run_has_as_many_steps_as_the_dcgan_s():
    ours, theirs = (profiles.settings(name, "laptop") for name in ("neu-wgan", "neu-scratches"))
    assert ours.steps == theirs.epochs * (226 // theirs.batch_size)  # 226 scratches to train on
    for name in ("size", "channels", "width_g", "width_d", "upsample", "augment", "diffaugment"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.batch_size // ours.critic_steps == theirs.batch_size


# To a record and back


def test_the_command_line_writes_a_record_whose_generator_comes_back(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GANCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANCOURSE_RECORDS", str(tmp_path))
    monkeypatch.delenv("GANCOURSE_DATA", raising=False)
    words = "train neu-wgan --profile smoke --source stand-in --device cpu --set steps=4"
    assert main([*words.split(), "--out", str(tmp_path / "neu-wgan" / "none-seed0")]) == 0
    run = records.load("neu-wgan/none-seed0")
    assert (run.model, run.steps, run.weights) == ("wgan", 4, "average")
    assert set(run.curves) == {"wasserstein", "penalty", "disc", "gen"}
    assert "widths 8/8, 4 steps, seed 0" in run.caption
    assert run.generator()(torch.randn(2, 100)).shape == (2, 1, 16, 16)
    assert main(["train", "neu-wgan", "--set", "critic_steps=0"]) == 1
    assert "critic_steps must lie in [1, 100], not 0." in capsys.readouterr().err
    assert main(["records", "index"]) == 0
    assert "| neu-wgan/none (stand-in) | 1 |" in capsys.readouterr().out
