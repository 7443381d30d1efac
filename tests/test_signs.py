"""The monitor's readings in closed form."""

import math

import pytest
import torch
from torch import nn

from gancourse import augment
from gancourse_lab import flags


def noise(n=16, channels=1, size=32, seed=0):
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(seed))


def test_every_sign_says_where_its_limit_comes_from_and_what_to_do():
    for name, sign in flags.SIGNS.items():
        assert sign.why and sign.remedy and "{" in sign.says, name
        sign.says.format(value=1.0, limit=sign.limit, where="here")
        far = sign.limit - 1 if sign.below else sign.limit + 1
        assert sign.raised(far) and not sign.raised(sign.limit)


# Data and layers


@pytest.mark.parametrize(
    ("low", "high", "off"),
    [
        (-1.0, 1.0, 0.0),
        (-0.7, 0.9, 0.0),
        (-2.1, 1.0, 1.1),  # standardised
        (-1.0, 2.6, 1.6),
        (0.0, 1.0, 1.0),  # [0, 1]: half of what tanh paints is unused
        (0.0, 255.0, 254.0),
    ],
)
def test_the_range_of_the_reals(low, high, off):
    real = torch.linspace(low, high, 64).reshape(1, 1, 8, 8)
    value, where = flags.value_range(real)
    assert value == pytest.approx(off, abs=1e-5) and f"{high:.2f}" in where


def test_the_largest_eps_is_found_by_name():
    nets = {"gen": nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()), "disc": nn.BatchNorm2d(4, 0.8)}
    assert flags.largest_eps(nets) == (0.8, "disc.")
    assert flags.largest_eps({"gen": nn.Linear(1, 1)}) == (0.0, "")


def test_steps_that_the_optimisers_do_not_know_of():
    net = nn.Linear(2, 1)
    adam = torch.optim.Adam(net.parameters())
    assert flags.lost_steps(0, [adam])[0] == 0
    assert flags.lost_steps(10, [adam])[0] == 1
    for _ in range(3):
        net(torch.ones(1, 2)).sum().backward()
        adam.step()
    assert flags.lost_steps(3, [adam])[0] == 0
    assert flags.lost_steps(12, [adam])[0] == pytest.approx(0.75)


def test_an_optimiser_that_counts_no_steps_has_lost_none():
    net = nn.Linear(2, 1)
    for momentum in (0.0, 0.9):
        sgd = torch.optim.SGD(net.parameters(), 0.1, momentum)
        net(torch.ones(1, 2)).sum().backward()
        sgd.step()
        assert flags.lost_steps(12, [sgd])[0] == 0
    fresh = torch.optim.RMSprop(net.parameters())
    assert flags.lost_steps(12, [fresh])[0] == 0
    assert flags.lost_steps(12, [fresh, torch.optim.AdamW(net.parameters())])[0] == 1


def test_movement_is_zero_only_if_nothing_moved():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    before = flags.sizes(net)
    assert flags.movement(before, net) == 0
    with torch.no_grad():
        net[1].weight *= 1.01
    assert flags.movement(before, net) == pytest.approx(0.01 / 1.01, rel=1e-3)


def test_the_layer_with_the_most_silent_channels():
    activity = {"a": torch.tensor([0.5, 0.0]), "b": torch.tensor([0.0, 0.009, 0.02, 0.0])}
    assert flags.silent_channels(activity) == (0.75, "b")
    assert flags.silent_channels({}) == (0.0, "")


# Samples


def test_jump_is_measured_in_standard_deviations_of_the_reals():
    real, before = 0.5 * noise(64), noise(8, seed=1)
    assert flags.jump(before, before, real) == 0
    assert flags.jump(before, before + 0.1, real) == pytest.approx(0.2, rel=0.02)
    one_latent = before.clone()
    one_latent[0] += 10  # the median does not mind
    assert flags.jump(before, one_latent, real) == 0


def test_diversity_of_copies_is_zero_and_of_the_same_spread_one():
    real = noise(400)
    assert flags.diversity(real[:1].expand(8, -1, -1, -1), real) == 0
    assert flags.diversity(noise(400, seed=1), real) == pytest.approx(1, abs=0.02)
    assert flags.diversity(0.5 * noise(400, seed=1), real) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(("period", "rows"), [(2, True), (2, False), (4, True), (4, False)])
def test_a_comb_of_known_strength_has_its_share_of_the_variance(period, rows):
    """a cos(2πi/p): variance a² for p = 2 and a²/2 for p = 4, beside noise of variance 1."""
    wave = torch.cos(2 * math.pi * torch.arange(32) / period)
    wave = wave[:, None] if rows else wave[None]
    value, where = flags.comb(noise(64) + 0.5 * wave)
    own = 0.25 if period == 2 else 0.125
    assert where == f"{period} pixels"
    assert value == pytest.approx(own / (1 + own), rel=0.05)


def test_noise_and_smooth_pictures_have_no_comb():
    smooth = torch.nn.functional.avg_pool2d(noise(64, size=36), 5, stride=1)
    assert flags.comb(noise(64))[0] < 0.01 and flags.comb(smooth)[0] < 0.01
    assert flags.comb(torch.zeros(4, 1, 32, 32))[0] == 0


def test_cutout_leaves_grey_patches_and_brightness_does_not():
    torch.manual_seed(0)
    levels = torch.linspace(-0.9, 0.9, 200)[:, None, None, None]  # flat pictures of every grey
    flat = levels + 0.005 * noise(200)
    assert flags.grey_patches(flat) == pytest.approx(1, abs=0.25)
    assert flags.grey_patches(augment.diffaugment(flat, "cutout")) > 3
    assert flags.grey_patches(noise(50)) < 0.1  # nothing is flat


def test_a_way_back_to_another_picture_counts_as_one():
    real = noise(64)
    assert flags.unclosed(real[:4], real[:4], real) == 0
    assert flags.unclosed(real[4:8], real[:4], real) == pytest.approx(1, abs=0.03)
    assert flags.unclosed(real[4:8], real[:4], real[:1]) == 0  # no other picture to compare with


# Curves


def test_the_margin_of_d():
    sure = {"gen": [3.0] * 100, "p_real": [0.99] * 100, "p_fake": [0.02] * 100}
    assert flags.margin(sure, "bce") == pytest.approx(0.97)
    assert flags.margin({k: v[:99] for k, v in sure.items()}, "bce") is None  # too early
    assert flags.margin(sure, "wasserstein") is None
    chance = {"gen": [1.0] * 100, "disc_real": [0.125] * 100, "disc_fake": [0.125] * 100}
    assert flags.margin(chance, "lsgan") == pytest.approx(0)  # D answers ½ throughout
    halves = {"gen": [1.0] * 100, "disc_real": [0.01] * 100, "disc_fake": [0.08] * 100}
    assert flags.margin(halves, "lsgan") == pytest.approx(0.4)
    two = {"gen": [1.0] * 100, "disc_a": [0.25] * 100, "disc_b": [0.01] * 100}
    assert flags.margin(two, "lsgan") == pytest.approx(0.8)  # the surer of the two


def log(cycle, identity, steps=40):
    draw = torch.Generator().manual_seed(0)
    names = ("adv_a", "adv_b", "cycle_a", "cycle_b", "idt_a", "idt_b")
    terms = {name: torch.rand(steps, generator=draw) for name in names}
    gen = terms["adv_a"] + terms["adv_b"] + cycle * (terms["cycle_a"] + terms["cycle_b"])
    terms["gen"] = gen + identity * (terms["idt_a"] + terms["idt_b"])
    return {name: values.tolist() for name, values in terms.items()}


@pytest.mark.parametrize("weights", [(10.0, 5.0), (10.0, 0.5), (1.0, 5.0), (0.0, 0.0)])
def test_the_weights_of_the_terms_come_out_of_the_log(weights):
    terms = log(*weights)
    assert flags.loss_weights(terms) == pytest.approx(weights, abs=1e-4)
    alone = {name: v for name, v in terms.items() if name[:3] != "adv"}
    summed = zip(terms["gen"], terms["adv_a"], terms["adv_b"], strict=True)
    alone["gen"] = [gen - adv_a - adv_b for gen, adv_a, adv_b in summed]
    assert flags.loss_weights(alone, adversarial=False) == pytest.approx(weights, abs=1e-4)


def test_without_identity_there_is_nothing_to_solve():
    terms = log(10, 5)
    assert flags.loss_weights({k: v for k, v in terms.items() if k != "idt_a"}) is None
    assert flags.loss_weights({k: v[:9] for k, v in terms.items()}) is None
