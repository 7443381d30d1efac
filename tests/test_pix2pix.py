"""pix2pix against the paper: shapes, the objective, the step, pairs, and a recorded run."""

import copy
import dataclasses
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gancourse import data, models, profiles, records
from gancourse.data.batches import AlignedBatches, aligned
from gancourse.errors import GancourseError, UnknownName
from gancourse.models import pix2pix
from gancourse.train import checkpoint, loop
from gancourse.train.pix2pix import Pix2PixStep, check_settings
from gancourse_lab import inspect_step
from gancourse_lab.monitor import Monitor
from gancourse_tools import cli

SETTINGS = profiles.settings("facades-paired", "smoke", batch_size=2)


def domain(n=6, size=18, seed=0, part=None):
    draw = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (n, 3, size, size), generator=draw).to(torch.uint8)
    return data.ImageSet(images, [f"{i}.png" for i in range(n)], "noise", part)


def inverted(images):
    """A domain B that is a function of A, pixel by pixel."""
    return dataclasses.replace(images, images=255 - images.images)


def make(settings=SETTINGS, seed=0):
    torch.manual_seed(seed)
    a = domain()
    return Pix2PixStep(settings, "cpu"), aligned(a, inverted(a), settings)


def reals(n=2, size=16, seed=3, dtype=torch.float32):
    draw = torch.Generator().manual_seed(seed)
    return tuple(torch.rand(n, 3, size, size, generator=draw, dtype=dtype) * 2 - 1 for _ in "ab")


# Networks


@pytest.mark.parametrize("size", [16, 32, 64, 128, 256])
def test_the_u_net_halves_down_to_one_pixel_and_comes_back(size):
    gen = pix2pix.Generator(size, width=2)
    assert len(gen.encoders) == math.log2(size)
    sides = []
    for encoder in gen.encoders:
        encoder.register_forward_hook(lambda layer, inputs, out: sides.append(out.shape[-1]))
    out = gen(torch.rand(2, 3, size, size) * 2 - 1)
    assert out.shape == (2, 3, size, size) and out.abs().max() <= 1
    assert sides == [size >> number for number in range(1, len(sides) + 1)] and sides[-1] == 1


def test_the_paper_s_widths_dropouts_and_norms_at_256():
    gen = pix2pix.generator(profiles.Pix2PixSettings())
    down = [encoder.layers[0].out_channels for encoder in gen.encoders]
    assert down == [64, 128, 256, 512, 512, 512, 512, 512]
    entering = [decoder.layers[0].in_channels for decoder in gen.decoders]
    assert [*entering, gen.output.in_channels] == [512, 1024, 1024, 1024, 1024, 512, 256, 128]
    dropped = [decoder.layers[2].p for decoder in gen.decoders]
    assert dropped == [0.5, 0.5, 0.5, 0, 0, 0, 0]
    normed = [not isinstance(encoder.layers[1], nn.Identity) for encoder in gen.encoders]
    assert normed == [False, True, True, True, True, True, True, False]
    values = torch.cat([p.flatten() for p in gen.parameters() if p.ndim == 4])
    assert abs(values.std() - 0.02) < 1e-4 and abs(values.mean()) < 1e-4


def test_the_bottleneck_is_used():
    """With a norm over one pixel, as in the paper's runs, it would be 0 for every picture."""
    gen = pix2pix.generator(SETTINGS).eval()
    a, b = reals(1)
    found = []
    gen.encoders[-1].register_forward_hook(lambda layer, inputs, out: found.append(out))
    gen(a), gen(b)
    assert not torch.allclose(found[0], found[1])


def test_a_conditional_patch_sees_both_pictures_and_is_70_pixels_wide():
    disc = pix2pix.Discriminator(8)
    a = torch.zeros(1, 3, 256, 256, requires_grad=True)
    b = torch.zeros(1, 3, 256, 256, requires_grad=True)
    for layer in disc.modules():
        if isinstance(layer, nn.InstanceNorm2d):
            layer.forward = lambda x: x  # its statistics depend on every pixel
    logits = disc(a, b)
    assert logits.shape == (1, 1, 30, 30)
    logits[0, 0, 15, 15].backward()
    for image in (a, b):
        seen = image.grad[0].abs().sum(0) > 0
        assert seen.any(0).sum() == seen.any(1).sum() == 70


def test_the_only_noise_is_dropout_and_evaluation_is_without():
    step, _ = make()
    a, _ = reals()
    assert not torch.equal(step.gen(a), step.gen(a))
    images = domain(3, 16).images
    assert torch.equal(step.sample(images), step.sample(images)) and step.gen.training
    assert step.sample(images).dtype == torch.uint8


# The step


def test_a_discriminator_that_answers_0_costs_ln_2():
    step, _ = make()
    for parameter in step.disc.parameters():
        nn.init.zeros_(parameter)
    step.opt_disc.optimizer.param_groups[0]["lr"] = 0.0
    terms = step(reals())
    for name in ("adv", "disc_real", "disc_fake"):
        assert terms[name].item() == pytest.approx(math.log(2), rel=1e-6), name
    assert terms["gen"].item() == pytest.approx(math.log(2) + 100 * terms["l1"].item(), rel=1e-6)


class PlainStep:
    """The paper's update as a reader writes it down: D, then G; halves, λ, two Adams."""

    def __init__(self, step):
        self.gen, self.disc = copy.deepcopy(step.gen), copy.deepcopy(step.disc)
        adam = {"lr": 2e-4, "betas": (0.5, 0.999), "foreach": False}
        self.opt_gen = torch.optim.Adam(self.gen.parameters(), **adam)
        self.opt_disc = torch.optim.Adam(self.disc.parameters(), **adam)

    def __call__(self, a, b):
        fake = self.gen(a)
        self.opt_disc.zero_grad()
        disc_real = cross_entropy(self.disc(a, b), 1.0)
        disc_fake = cross_entropy(self.disc(a, fake.detach()), 0.0)
        ((disc_real + disc_fake) / 2).backward()
        self.opt_disc.step()
        self.opt_gen.zero_grad()
        adv = cross_entropy(self.disc(a, fake), 1.0)
        l1 = (b - fake).abs().mean()
        gen = adv + 100 * l1
        gen.backward()
        self.opt_gen.step()
        return {"gen": gen, "adv": adv, "l1": l1, "disc_real": disc_real, "disc_fake": disc_fake}


def cross_entropy(logits, target):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def test_ten_steps_are_the_paper_s():
    """All terms and weights in float64; dropout is off, because its draws are no formula."""
    step, _ = make(profiles.replace(SETTINGS, dropout=0.0, lr=2e-4))
    for name in step.networks:
        step.network(name).double()
    plain = PlainStep(step)
    for number in range(10):
        pair = reals(seed=number, dtype=torch.float64)
        expected, found = plain(*pair), step(pair)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name].item() == pytest.approx(value.item(), rel=1e-12), (number, name)
    for name, other in (("gen", plain.gen), ("disc", plain.disc)):
        for a, b in zip(step.network(name).parameters(), other.parameters(), strict=True):
            # a norm takes its layer's bias out again: its gradient is rounding
            if a.ndim > 1:
                assert torch.allclose(a, b, rtol=1e-12, atol=1e-12), name


@pytest.mark.parametrize("cut", [2, 3])
def test_resuming_is_bit_for_bit(tmp_path, cut):
    """With dropout: its random numbers are part of the run."""

    class StopAfter(loop.Callback):
        def on_step(self, run):
            run.stop = run.done == cut

    settings = profiles.replace(SETTINGS, ema=0.9)
    whole = make(settings)
    history = loop.fit(*whole, 2)
    part = make(settings)
    file = checkpoint.save(tmp_path / "c.pt", *part, loop.fit(*part, 2, [StopAfter()]))
    again = make(settings, seed=9)
    torch.rand(5)
    resumed = loop.fit(*again, 2, history=checkpoint.load(file, *again))
    assert resumed.terms == history.terms
    for name in (*whole[0].networks, *whole[0].averages()):
        theirs = whole[0].network(name).state_dict()
        for key, value in again[0].network(name).state_dict().items():
            assert torch.equal(value, theirs[key]), (name, key)


def test_the_monitor_watches_and_the_run_stays_the_same(monkeypatch):
    """From the first step on, so that dropout would draw of the run's random numbers."""
    monkeypatch.setitem(inspect_step.PACES, "pix2pix", inspect_step.Pace(settled=0, sampled=0))
    plain = loop.fit(*make(), 4)
    monitor = Monitor(every=2, log=None)
    assert loop.fit(*make(), 4, [monitor]).terms == plain.terms
    assert {"fakes not detached", "wrong value range", "mode collapse"} <= set(monitor.readings)
    assert not {"fakes not detached", "network stands still"} & {f.name for f in monitor.flags}


def test_mode_collapse_is_one_answer_for_every_input(monkeypatch):
    """And not pictures that vary less than photographs, as an L1 term's do."""
    monkeypatch.setitem(inspect_step.PACES, "pix2pix", inspect_step.Pace(settled=0, sampled=0))
    found = []
    for ignores_its_input in (False, True):
        step, batches = make()
        with torch.no_grad():
            step.gen.output.weight.mul_(0.0 if ignores_its_input else 3.0)
        for optimiser in (step.opt_gen, step.opt_disc):
            optimiser.optimizer.param_groups[0]["lr"] = 1e-6
        monitor = Monitor(every=2, log=None)
        loop.fit(step, batches, 2, [monitor])
        varied = min(value for _, value in monitor.readings["mode collapse"])
        found.append((varied < 0.25, "mode collapse" in {flag.name for flag in monitor.flags}))
    assert found == [(True, False), (True, True)]


def test_the_monitor_s_pictures_have_the_same_dropout_each_time():
    watched = inspect_step.Watched(loop.Run(*make(), 1, loop.History()))
    assert torch.equal(watched.samples()[0], watched.samples()[0])


# Pairs


def test_both_pictures_of_a_pair_are_cut_and_mirrored_alike():
    a = domain(12, 18)
    batches = aligned(a, inverted(a), profiles.replace(SETTINGS, batch_size=4))
    seen = 0
    for _ in range(3):
        for real_a, real_b in batches:
            assert torch.allclose(
                real_b, -real_a, atol=1e-6
            )  # what the pictures are for each other
            seen += len(real_a)
    assert seen == 36 and real_a.shape == (4, 3, 16, 16)


def test_two_draws_for_a_pair_would_be_seen(monkeypatch):
    """The mutation of the test above."""

    def read(self, order):
        for index in order[0].split(self.batch_size):
            x, y = self.images_a.images[index], self.images_b.images[index]
            yield self.changed(x), self.changed(y)

    monkeypatch.setattr(AlignedBatches, "read", read)
    with pytest.raises(AssertionError):
        test_both_pictures_of_a_pair_are_cut_and_mirrored_alike()


def test_crops_move_and_half_are_mirrored_in_aligned_batches():
    rows, columns = torch.meshgrid(torch.arange(18), torch.arange(18), indexing="ij")
    picture = torch.stack([rows, columns, columns]).to(torch.uint8)
    a = data.ImageSet(picture.expand(200, -1, -1, -1), [str(i) for i in range(200)], "ramp")
    batches = aligned(a, a, profiles.replace(SETTINGS, batch_size=200))
    real_a, real_b = next(iter(batches))
    assert torch.equal(real_a, real_b)
    mirrored = (real_a[:, 1, 0, 0] > real_a[:, 1, 0, 1]).float().mean()
    assert 0.35 < mirrored < 0.65 and len(real_a[:, 0, 0, 0].unique()) == 3


def test_the_fingerprint_and_the_sets_are_of_both():
    a = domain()
    one, other = AlignedBatches(a, inverted(a), 2), AlignedBatches(a, a, 2)
    assert one.fingerprint() != other.fingerprint()
    assert [len(images) for images in one.sets] == [6, 6]
    assert sorted(one.order()[0].tolist()) == list(range(6))


def test_parts_of_unequal_counts_are_refused():
    with pytest.raises(GancourseError, match="as many pictures of A as of B, not 6 and 5"):
        aligned(domain(6), domain(5), SETTINGS)


def test_pictures_that_are_no_pair_by_name_are_refused():
    a = domain(3)
    b = dataclasses.replace(domain(3, seed=1), names=["0.jpg", "2.jpg", "1.jpg"])
    with pytest.raises(GancourseError, match="'1.png' of A stands beside '2.jpg' of B"):
        aligned(a, b, SETTINGS)


@pytest.mark.parametrize(
    "a, b",
    [("7.png", "7.jpg"), ("standin_A_7.png", "standin_B_7.png"), ("ABBA.png", "ABBA.jpg")],
)
def test_suffix_and_part_may_differ(a, b):
    named_a = dataclasses.replace(domain(1, part="A"), names=[a])
    named_b = dataclasses.replace(domain(1, part="B"), names=[b])
    assert len(aligned(named_a, named_b, profiles.replace(SETTINGS, batch_size=1))) == 1


# Bad input


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"size": 24, "load_size": 24}, "power of two of at least 8, not 24. Take 16 or 32"),
        ({"size": 4}, "power of two of at least 8, not 4"),
        ({"size": 0}, r"size must lie in \[4, 2048\], not 0"),
        ({"load_size": 12}, "load_size 12 must be at least size 16"),
        ({"patch_layers": 3}, "no logit of 16 px: take patch_layers=2"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 0.99\]"),
        ({"ema": -0.5}, r"ema must lie in \[0, 0.99999\]"),
        ({"lambda_l1": -1.0}, r"lambda_l1 must lie in \[0, 1e\+06\]"),
        ({"lambda_l1": float("nan")}, r"lambda_l1 must lie in \[0, 1e\+06\]"),
    ],
)
def test_settings_out_of_range_are_refused_before_anything_is_built(changes, says):
    with pytest.raises(GancourseError, match=says):
        check_settings(dataclasses.replace(SETTINGS, **changes))


def test_unknown_words_and_shapes_are_refused():
    with pytest.raises(UnknownName, match="lsgan"):
        check_settings(profiles.replace(SETTINGS, loss="lsgn"))
    with pytest.raises(UnknownName, match="gen"):
        models.network("gen_ab", SETTINGS)
    with pytest.raises(GancourseError, match=r"built for images \(3, 16, 16\), not \(3, 32, 32\)"):
        make()[0](reals(size=32))


def test_the_smallest_patch_discriminator_that_is_allowed_has_logits():
    for size in (8, 16, 32):
        layers = size.bit_length() - 3
        image = torch.zeros(1, 3, size, size)
        assert pix2pix.Discriminator(2, layers)(image, image).numel() >= 1


# The record


def test_the_command_writes_a_record_whose_generator_comes_back(tmp_path, monkeypatch):
    out = tmp_path / "records/facades-paired/smoke"
    words = ["train", "facades-paired", "--profile", "smoke", "--source", "stand-in"]
    assert cli.main([*words, "--out", str(out)]) == 0
    monkeypatch.setenv("GANCOURSE_RECORDS", str(tmp_path / "records"))
    run = records.load("facades-paired/smoke")
    assert run.model == "pix2pix" and "widths 4/4, 1 epochs, seed 0" in run.caption
    assert run.columns[:2] == ["input", "true photo"]
    assert set(run.curves) == {"gen", "adv", "l1", "disc_real", "disc_fake"}
    images = domain(2, 16).images
    assert run.generator("gen")(data.to_float(images)).shape == images.shape
    way = run["final"]["last"]["a_to_b"]
    assert {"l1", "agreement", "train", "held_out"} == set(way)
    assert cli.main(["records", "index"]) == 0
