"""CycleGAN against the paper: shapes, the objective term by term, and the mistakes of others."""

import copy
import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gancourse import augment, data, losses, profiles
from gancourse.errors import GancourseError, UnknownName
from gancourse.models import cyclegan as models
from gancourse.train import checkpoint, loop
from gancourse.train.cyclegan import CycleGANStep, LinearDecay, check_settings, decay, translate
from gancourse.train.pool import ImagePool
from gancourse_lab.speed import DevicePool

SETTINGS = profiles.settings("horse2zebra", "smoke", batch_size=2, pool=3)


def domain(n, size=18, seed=0, channels=3):
    images = torch.randint(
        256, (n, channels, size, size), generator=torch.Generator().manual_seed(seed)
    ).to(torch.uint8)
    return data.ImageSet(images, [str(i) for i in range(n)], "noise")


def make(settings=SETTINGS, seed=0, n=(7, 5)):
    torch.manual_seed(seed)
    step = CycleGANStep(settings, "cpu")
    pairs = loop.PairBatches(
        domain(n[0]),
        domain(n[1], seed=1),
        settings.batch_size,
        lambda images: augment.crop_and_flip(images, settings.size),
        seed,
    )
    return step, pairs


def reals(n=2, size=16, seed=3):
    draw = torch.Generator().manual_seed(seed)
    return tuple(torch.rand(n, 3, size, size, generator=draw) * 2 - 1 for _ in "ab")


def weights(network):
    return [p.detach().clone() for p in network.parameters()]


def moved(before, network):
    return [not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True)]


# Networks


def test_the_published_networks_have_the_published_size():
    s = profiles.settings("horse2zebra", "full")
    networks = models.generator(s), models.discriminator(s)
    assert [sum(p.numel() for p in net.parameters()) for net in networks] == [
        11_378_179,
        2_764_737,
    ]  # as the reference code prints them


@pytest.mark.parametrize("size", [16, 20, 64])
def test_the_generator_keeps_the_shape_and_the_range(size):
    out = models.Generator(4, 1)(torch.randn(2, 3, size, size + 4))
    assert out.shape == (2, 3, size, size + 4) and out.abs().max() <= 1


def test_a_side_that_cannot_be_halved_twice_is_refused():
    with pytest.raises(GancourseError, match="multiples of 4.*(18, 18)"):
        models.Generator(4, 1)(torch.zeros(1, 3, 18, 18))


def test_the_patch_is_70_pixels_and_there_are_30_by_30_logits():
    disc = models.initialise(models.PatchDiscriminator(8))
    assert disc(torch.zeros(1, 3, 256, 256)).shape == (1, 1, 30, 30)
    seen = models.receptive_field(disc, 256) > 0
    assert seen.any(0).sum() == seen.any(1).sum() == 70


@pytest.mark.parametrize("layers, side", [(1, 16), (2, 34), (3, 70)])
def test_receptive_field_by_layers(layers, side):
    seen = models.receptive_field(models.PatchDiscriminator(4, layers), 128) > 0
    assert seen.any(0).sum() == side


def test_the_dc_discriminator_gives_one_logit_an_image():
    s = profiles.replace(SETTINGS, disc="dc")
    assert models.discriminator(s)(torch.zeros(5, 3, 16, 16)).shape == (5,)
    with pytest.raises(UnknownName, match="patch"):
        models.discriminator(profiles.replace(SETTINGS, disc="pach"))


def test_initial_weights_are_normal_002_and_biases_0():
    gen = models.generator(profiles.settings("horse2zebra", "cpu"))
    convs = [m for m in gen.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    values = torch.cat([m.weight.flatten() for m in convs])
    assert abs(values.std() - 0.02) < 2e-4 and abs(values.mean()) < 2e-4
    assert all(m.bias is not None and not m.bias.any() for m in convs)


def test_images_of_a_batch_do_not_see_each_other():
    gen = models.initialise(models.Generator(4, 1))
    x, _ = reals(3)
    assert torch.allclose(gen(x)[1:2], gen(x[1:2]), atol=1e-6)


# The step


def plain_terms(step, real_a, real_b):
    """The objective as the paper writes it: one forward for each term, nothing shared."""
    g, f, d_a, d_b = step.gen_ab, step.gen_ba, step.disc_a, step.disc_b
    lam = step.settings.lambda_cycle
    fake_b, fake_a = g(real_a), f(real_b)
    terms = {
        "adv_b": ((d_b(fake_b) - 1) ** 2).mean(),
        "adv_a": ((d_a(fake_a) - 1) ** 2).mean(),
        "cycle_a": (f(fake_b) - real_a).abs().mean(),
        "cycle_b": (g(fake_a) - real_b).abs().mean(),
        "idt_b": (g(real_b) - real_b).abs().mean(),
        "idt_a": (f(real_a) - real_a).abs().mean(),
    }
    terms["gen"] = (
        terms["adv_a"]
        + terms["adv_b"]
        + lam * (terms["cycle_a"] + terms["cycle_b"])
        + 0.5 * lam * (terms["idt_a"] + terms["idt_b"])
    )
    return terms, fake_a, fake_b


def plain_step(step, real_a, real_b):
    """One full update from the plain terms, with plain Adam, as a reader of the paper does it."""
    s = step.settings
    gens = [*step.gen_ab.parameters(), *step.gen_ba.parameters()]
    discs = [*step.disc_a.parameters(), *step.disc_b.parameters()]
    opt_g, opt_d = (torch.optim.Adam(p, s.lr, (s.beta1, s.beta2)) for p in (gens, discs))
    terms, fake_a, fake_b = plain_terms(step, real_a, real_b)
    opt_g.zero_grad()
    terms["gen"].backward()
    opt_g.step()
    opt_d.zero_grad()
    for name, disc, real, fake in (
        ("disc_a", step.disc_a, real_a, fake_a.detach()),
        ("disc_b", step.disc_b, real_b, fake_b.detach()),
    ):
        terms[name] = 0.5 * (((disc(real) - 1) ** 2).mean() + (disc(fake) ** 2).mean())
        terms[name].backward()
    opt_d.step()
    return terms


def test_one_full_step_equals_the_papers_to_1e_5():
    """Mistakes 1, 2, 3 and 10 all show here: every term, every weight after the update."""
    ours, plain = (make()[0] for _ in range(2))
    found = ours(reals())
    expected = plain_step(plain, *reals())
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert abs(found[name] - value) < 1e-5, name
    for name in ("gen_ab", "gen_ba", "disc_a", "disc_b"):
        mine_and_theirs = (getattr(step, name).parameters() for step in (ours, plain))
        # Adam's first step is lr·sign(g): where g is rounding noise (biases in front of a norm),
        # the sign is arbitrary, so those are left out
        for mine, theirs in zip(*mine_and_theirs, strict=True):
            real = theirs.grad.abs() > 1e-6
            assert torch.allclose(mine[real], theirs[real], atol=1e-5), name


class ReferenceStep:
    """The reference's step as it runs: seven passes through G, a pool a domain, two Adams."""

    def __init__(self, step):
        names = ("gen_ab", "gen_ba", "disc_a", "disc_b")
        self.g, self.f, self.d_a, self.d_b = (copy.deepcopy(step.network(n)) for n in names)
        gens = [*self.g.parameters(), *self.f.parameters()]
        discs = [*self.d_a.parameters(), *self.d_b.parameters()]
        adam = {"lr": 2e-4, "betas": (0.5, 0.999), "foreach": False}
        self.opt_g, self.opt_d = torch.optim.Adam(gens, **adam), torch.optim.Adam(discs, **adam)
        self.pools, self.swaps = {"a": [], "b": []}, 0
        self.size, self.identity = step.settings.pool, step.settings.lambda_identity

    def query(self, name, images):
        shown = []
        for image in images.detach().split(1):
            if len(self.pools[name]) < self.size:
                self.pools[name].append(image)
                shown.append(image)
            elif torch.rand(()) < 0.5:
                at = int(torch.randint(self.size, ()))
                shown.append(self.pools[name][at])
                self.pools[name][at] = image
                self.swaps += 1
            else:
                shown.append(image)
        return torch.cat(shown)

    def __call__(self, a, b):
        t = {}
        for p in (*self.d_a.parameters(), *self.d_b.parameters()):
            p.requires_grad = False
        fake_b = self.g(a)
        rec_a = self.f(fake_b)
        fake_a = self.f(b)
        rec_b = self.g(fake_a)
        t["adv_b"] = F.mse_loss(*both(self.d_b(fake_b), 1.0))
        t["adv_a"] = F.mse_loss(*both(self.d_a(fake_a), 1.0))
        t["cycle_a"], t["cycle_b"] = (rec_a - a).abs().mean(), (rec_b - b).abs().mean()
        t["gen"] = t["adv_a"] + t["adv_b"] + 10.0 * t["cycle_a"] + 10.0 * t["cycle_b"]
        if self.identity:
            t["idt_b"], t["idt_a"] = (self.g(b) - b).abs().mean(), (self.f(a) - a).abs().mean()
            t["gen"] = t["gen"] + 10.0 * self.identity * (t["idt_a"] + t["idt_b"])
        self.opt_g.zero_grad()
        t["gen"].backward()
        self.opt_g.step()
        for p in (*self.d_a.parameters(), *self.d_b.parameters()):
            p.requires_grad = True
        self.opt_d.zero_grad()
        for name, disc, real, fake in (("a", self.d_a, a, fake_a), ("b", self.d_b, b, fake_b)):
            on_real = F.mse_loss(*both(disc(real), 1.0))
            on_fake = F.mse_loss(*both(disc(self.query(name, fake)), 0.0))
            t[f"disc_{name}"] = (on_real + on_fake) * 0.5
            t[f"disc_{name}"].backward()
        self.opt_d.step()
        return {name: value.item() for name, value in t.items()}


def both(logits, target):
    return logits, torch.full_like(logits, target)


@pytest.mark.parametrize("identity, batch", [(0.5, 1), (0.0, 1), (0.5, 2)])
def test_thirty_steps_are_the_references(identity, batch):
    """All terms and all weights in float64, with pools that fill after five images and swap."""
    changes = {"lambda_identity": identity, "batch_size": batch, "pool": 5, "lr": 2e-4}
    step, _ = make(profiles.replace(SETTINGS, loss="lsgan", **changes))
    for name in step.networks:
        step.network(name).double()
    reference = ReferenceStep(step)
    for number in range(30):
        pair = tuple(x.double() for x in reals(batch, seed=number))
        torch.manual_seed(number)
        expected = reference(*pair)
        torch.manual_seed(number)
        found = step(pair)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name].item() == pytest.approx(value, rel=1e-12), (number, name)
    assert reference.swaps > 10
    for name, plain in zip(step.networks, "g f d_a d_b".split(), strict=True):
        for a, b in zip(
            step.network(name).parameters(), getattr(reference, plain).parameters(), strict=True
        ):
            # a norm takes its layer's bias out again: its gradient is rounding, which Adam enlarges
            if a.ndim > 1 or b.abs().max() > 1e-9:
                assert torch.allclose(a, b, rtol=1e-12, atol=1e-12), name


def test_mistake_1_the_adversarial_loss_is_squared_and_the_cycle_loss_absolute():
    step, _ = make()
    real_a, real_b = reals()
    step.gen_ab = step.gen_ba = lambda x: x * 0  # paints grey: every term is known
    step.disc_a = step.disc_b = lambda x: torch.full((2, 1, 3, 3), 3.0)
    terms, _, _ = step.generator_terms(real_a, real_b)
    assert terms["adv_a"].item() == pytest.approx((3 - 1) ** 2)
    assert terms["cycle_a"].item() == pytest.approx(real_a.abs().mean().item())
    assert terms["cycle_b"].item() == pytest.approx(real_b.abs().mean().item())


def test_mistake_2_both_discriminators_move_and_both_generators():
    step, _ = make()
    before = {n: weights(getattr(step, n)) for n in ("gen_ab", "gen_ba", "disc_a", "disc_b")}
    step(reals())
    for name, old in before.items():
        assert all(moved(old, getattr(step, name))), name


def test_mistake_3_identity_is_multiplied_by_lambda():
    for lam in (1.0, 10.0):
        step, _ = make(profiles.replace(SETTINGS, lambda_cycle=lam, lambda_identity=0.25))
        t, _, _ = step.generator_terms(*reals())
        rest = t["gen"] - t["adv_a"] - t["adv_b"] - lam * (t["cycle_a"] + t["cycle_b"])
        assert rest.item() == pytest.approx(0.25 * lam * (t["idt_a"] + t["idt_b"]).item(), rel=1e-4)


def test_mistake_10_the_discriminators_losses_leave_no_gradient_in_the_generators():
    step, _ = make(profiles.replace(SETTINGS, pool=0))
    before, usual = [], step.opt_gen.step

    def noted():
        before.extend(p.grad.clone() for p in step.gen_ab.parameters())
        usual()

    step.opt_gen.step = noted
    step(reals())
    after = [p.grad for p in step.gen_ab.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_identity_images_are_of_the_target_domain():
    """gen_ab, given B, should leave it: idt_b compares with real_b, not with real_a."""
    step, _ = make()
    step.gen_ab, step.gen_ba = nn.Identity(), nn.Identity()
    terms, _, _ = step.generator_terms(*reals())
    assert terms["idt_a"] == terms["idt_b"] == terms["cycle_a"] == 0


@pytest.mark.parametrize(
    "change, terms",
    [
        ({"direction": "forward", "lambda_identity": 0}, "adv_a adv_b cycle_a"),
        ({"direction": "backward", "lambda_identity": 0}, "adv_a adv_b cycle_b"),
        ({"direction": "none", "lambda_identity": 0}, "adv_a adv_b"),
        ({"lambda_cycle": 0}, "adv_a adv_b"),
        ({"adversarial": False, "lambda_identity": 0}, "cycle_a cycle_b"),
        ({"lambda_identity": 0}, "adv_a adv_b cycle_a cycle_b"),
    ],
)
def test_each_part_of_the_objective_can_be_left_out(change, terms):
    step, _ = make(profiles.replace(SETTINGS, **change))
    before = weights(step.disc_a)
    found = set(step(reals())) - {"gen"}
    discs = {"disc_a", "disc_b"} if step.settings.adversarial else set()
    assert found == set(terms.split()) | discs
    assert any(moved(before, step.disc_a)) == step.settings.adversarial


def test_l2_cycle_is_the_mean_square():
    step, _ = make(profiles.replace(SETTINGS, cycle="l2"))
    real_a, real_b = reals()
    terms, _, fake_b = step.generator_terms(real_a, real_b)
    assert terms["cycle_a"].item() == pytest.approx(
        F.mse_loss(step.gen_ba(fake_b), real_a).item(), rel=1e-5
    )


@pytest.mark.parametrize("loss", ["bce", "lsgan", "wasserstein"])
def test_the_discriminators_loss_is_halved_whatever_its_form(loss):
    settings = profiles.replace(SETTINGS, loss=loss, pool=0)
    step, _ = make(settings)
    real_a, real_b = reals()
    with torch.no_grad():
        fake_a = step.gen_ba(real_b)
        real, fake = step.disc_a(real_a), step.disc_a(fake_a)
    forms = {
        "bce": F.softplus(-real).mean() + F.softplus(fake).mean(),
        "lsgan": (real - 1).square().mean() + fake.square().mean(),
        "wasserstein": fake.mean() - real.mean(),
    }
    assert step((real_a, real_b))["disc_a"].item() == pytest.approx(
        0.5 * forms[loss].item(), abs=1e-5
    )


def test_weight_clipping_bounds_the_critic():
    step, _ = make(profiles.replace(SETTINGS, loss="wasserstein", clip=0.01))
    step(reals())
    assert max(p.abs().max() for p in step.disc_b.parameters()) <= 0.01


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_lambda_that_is_no_weight_is_refused(value):
    with pytest.raises(GancourseError, match=r"lambda_cycle must lie in \[0, 1e\+06\]"):
        make(dataclasses.replace(SETTINGS, lambda_cycle=value))


def test_settings_that_leave_no_loss_are_refused():
    with pytest.raises(GancourseError, match="No loss is left"):
        make(profiles.replace(SETTINGS, adversarial=False, direction="none"))
    with pytest.raises(UnknownName, match="forward"):
        make(profiles.replace(SETTINGS, direction="forwards"))


@pytest.mark.parametrize(
    "name, wrong, near",
    [
        ("start", "identitiy", "identity"),
        ("upsample", "neares", "nearest"),
        ("padding", "reflekt", "reflect"),
        ("disc", "pach", "patch"),
        ("loss", "lsgn", "lsgan"),
        ("cycle", "l11", "l1"),
        ("diffaugment", "colour", "color"),
    ],
)
def test_a_word_that_is_none_is_refused_with_the_nearest_before_anything_is_built(
    name, wrong, near
):
    with pytest.raises(UnknownName, match=f"Did you mean '{near}'"):
        check_settings(profiles.replace(SETTINGS, **{name: wrong}))


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"ema": 1.0}, r"ema must lie in \[0, 0.99999\]"),
        ({"ema": -0.1}, r"ema must lie in \[0, 0.99999\]"),
        ({"size": 18}, "multiple of 4"),
        ({"load_size": 12}, "at least as large"),
        ({"identity_share": 0.0}, r"identity_share must lie in \[1e-06, 1\]"),
        ({"identity_share": 1.5}, r"identity_share must lie in \[1e-06, 1\]"),
        ({"r1": -1.0}, r"r1 must lie in \[0, 1e\+06\]"),
        ({"disc_rate": float("nan")}, r"disc_rate must lie in \[0, 100\], not nan"),
    ],
)
def test_a_setting_out_of_its_range_is_refused(changes, says):
    with pytest.raises(GancourseError, match=says):
        make(dataclasses.replace(SETTINGS, **changes))


# The recipe that starts as the identity


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("padding", ["zero", "reflect"])
@pytest.mark.parametrize("upsample", ["nearest", "transpose"])
def test_identity_start_is_098_of_the_picture(channels, padding, upsample):
    changes = {"start": "identity", "padding": padding, "upsample": upsample}
    gen = models.generator(profiles.replace(SETTINGS, channels=channels, **changes))
    x = torch.rand(2, channels, 16, 20) * 2 - 1
    x[0, 0, 0, :2] = torch.tensor([-1.0, 1.0])
    assert torch.allclose(gen(x), 0.98 * x, atol=1e-6)
    gen(x).sum().backward()
    assert gen.layers[-1].weight.grad.abs().sum() > 0  # it can leave the identity


def test_r1_of_a_linear_discriminator_is_its_squared_weight():
    """D(x) = w·x: the slope is w whatever x is, so R1 is |w|²; two logits share it."""
    w = torch.randn(3 * 4 * 4, requires_grad=True)
    images = torch.randn(5, 3, 4, 4)
    penalty = losses.r1_penalty(lambda x: x.flatten(1) @ w, images)
    assert penalty.item() == pytest.approx(w.square().sum().item(), rel=1e-5)
    (slope,) = torch.autograd.grad(penalty, w)
    assert torch.allclose(slope, 2 * w, rtol=1e-5)
    patches = losses.r1_penalty(lambda x: (x.flatten(1) @ w)[:, None].expand(-1, 2), images)
    assert patches.item() == pytest.approx(2 * w.square().sum().item(), rel=1e-5)  # (2w)² / 2


def test_r1_moves_both_discriminators_in_every_fourth_step(monkeypatch):
    taken, moves = [], []
    penalty = losses.r1_penalty
    monkeypatch.setattr(
        losses, "r1_penalty", lambda *args: taken.append(step.steps) or penalty(*args)
    )
    for r1 in (0.0, 5.0):
        step, _ = make(profiles.replace(SETTINGS, r1=r1))
        step(reals())
        moves.append([weights(step.disc_a), weights(step.disc_b)])
    for one, other in zip(*moves, strict=True):
        assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    for _ in range(7):
        step(reals())
    assert taken == [0, 0, 4, 4]


def test_disc_rate_holds_through_every_change_of_the_rate():
    step, _ = make(profiles.replace(SETTINGS, disc_rate=0.5, lr=2e-4, epochs=9, constant_epochs=9))

    def rates():
        return [o.param_groups[0]["lr"] for o in step.optimisers()]

    assert rates() == pytest.approx([2e-4, 1e-4])
    step.set_rate(0.1)
    assert rates() == pytest.approx([2e-5, 1e-5])
    step.set_epoch(0)
    assert rates() == pytest.approx([2e-4, 1e-4])


def test_the_averages_begin_short_and_are_restored():
    step, _ = make(profiles.replace(SETTINGS, ema=0.9))
    first = weights(step.ema_ab)
    assert all(torch.equal(a, b) for a, b in zip(first, weights(step.gen_ab), strict=True))
    step(reals())
    for old, now, average in zip(first, weights(step.gen_ab), weights(step.ema_ab), strict=True):
        assert torch.allclose(average, old.lerp(now, 1 - 2 / 11), atol=1e-7)  # (1 + 1) / (10 + 1)
    state = copy.deepcopy(step.state_dict())
    step(reals(seed=4))
    other, _ = make(profiles.replace(SETTINGS, ema=0.9), seed=1)
    other.load_state_dict(state)
    other(reals(seed=4))  # the counter is restored, too: it sets the decay
    for name in step.generators:
        assert all(
            torch.equal(a, b)
            for a, b in zip(weights(step.shown(name)), weights(other.shown(name)), strict=True)
        )
    assert other.shown("gen_ab") is other.ema_ab and other.shown("gen_ab", False) is other.gen_ab


# Schedule, pool, pairs


def test_learning_rate_at_epochs_0_99_100_and_199():
    found = [decay(e, 200, 100) for e in (0, 99, 100, 199)]
    assert found == pytest.approx([1, 1, 100 / 101, 1 / 101])
    assert decay(49, 50, 50) == 1.0
    step, _ = make(profiles.replace(SETTINGS, epochs=200, constant_epochs=100))
    step.set_epoch(150)
    rates = [g["lr"] for o in (step.opt_gen, step.opt_disc) for g in o.param_groups]
    assert rates == pytest.approx([2e-4 * (1 - 51 / 101)] * 2)


def test_the_schedule_follows_the_run():
    seen = []

    class Look(loop.Callback):
        def on_step(self, run):
            seen.append(run.step.opt_gen.param_groups[0]["lr"])

    step, pairs = make(profiles.replace(SETTINGS, epochs=4, constant_epochs=2))
    loop.fit(step, pairs, 4, [LinearDecay(), Look()])
    per_epoch = [seen[i * len(pairs)] / 2e-4 for i in range(4)]
    assert per_epoch == pytest.approx([1, 1, 2 / 3, 1 / 3])


@pytest.mark.parametrize("on_device", [False, True])
def test_the_pool_fills_then_swaps_one_half(on_device):
    torch.manual_seed(0)
    pool = ImagePool(50)
    if on_device:
        pool = DevicePool(pool, torch.zeros(1, 1, 1, 1))
    first = torch.arange(50.0).reshape(50, 1, 1, 1)
    assert torch.equal(pool.query(first), first)
    asked = torch.arange(50.0, 4050.0).reshape(-1, 1, 1, 1)
    answered = pool.query(asked)
    same = (answered == asked).float().mean().item()
    assert abs(same - 0.5) < 0.03  # binomial: four standard deviations are 0.032
    kept = pool.state_dict()["images"]
    assert (answered <= asked).all() and len(kept) == 50
    everything = [*answered.flatten().tolist(), *kept.flatten().tolist()]
    assert sorted(everything) == list(range(4050))[: len(everything)]  # none lost, none twice


def test_a_pool_of_0_returns_the_query():
    images = torch.rand(3, 1, 2, 2)
    assert torch.equal(ImagePool(0).query(images), images)
    assert torch.equal(DevicePool(ImagePool(0), images).query(images), images)


def test_a_pool_on_the_device_takes_over_and_gives_back():
    pool = ImagePool(4)
    pool.query(torch.arange(3.0).reshape(3, 1, 1, 1))
    moved = DevicePool(pool, torch.zeros(1, 1, 1, 1))
    more = torch.arange(3.0, 5.0).reshape(2, 1, 1, 1)
    answered = moved.query(more)  # one fills it, the next may swap
    assert answered[0] == 3 and len(moved.state_dict()["images"]) == 4
    pool.load_state_dict(moved.state_dict())
    held = [image.item() for image in pool.images]
    assert sorted([*held, answered[1].item()]) == [0, 1, 2, 3, 4]


def test_mistake_5_b_is_drawn_from_all_of_b():
    pairs = loop.PairBatches(domain(4), domain(40, seed=1), 4)
    seen = torch.cat([pairs.order()[1] for pairs.epoch in range(20)])
    assert set(seen.tolist()) == set(range(40))
    assert len(pairs) == 10  # an epoch is one pass over the larger domain


def test_every_a_comes_equally_often_and_pairings_change():
    pairs = loop.PairBatches(domain(5), domain(20, seed=1), 4)
    a, b = pairs.order()
    assert a.bincount().tolist() == [4] * 5
    pairs.epoch = 1
    assert not torch.equal(pairs.order()[1], b)


def test_domains_of_two_shapes_are_refused():
    with pytest.raises(GancourseError, match="two shapes"):
        loop.PairBatches(domain(4), domain(4, channels=1))


@pytest.mark.parametrize("n", [(1, 5), (5, 1), (1, 1)])
def test_a_domain_of_one_image_trains(n):
    step, pairs = make(profiles.replace(SETTINGS, batch_size=1), n=n)
    history = loop.fit(step, pairs, 1)
    assert len(history) == max(n)


def test_one_channel_trains():
    settings = profiles.replace(SETTINGS, channels=1)
    step = CycleGANStep(settings, "cpu")
    pairs = loop.PairBatches(domain(4, 16, channels=1), domain(4, 16, channels=1), 2)
    assert len(loop.fit(step, pairs, 1)) == 2


def test_a_crop_larger_than_the_image_is_an_error():
    with pytest.raises(GancourseError, match="20×20 does not fit in images of 18×18"):
        augment.crop_and_flip(torch.zeros(1, 3, 18, 18), 20)


def test_crops_are_windows_and_half_are_mirrored():
    torch.manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(12.0), torch.arange(12.0), indexing="ij")
    image = torch.stack([rows, columns])[None].expand(2000, -1, -1, -1)
    cut = augment.crop_and_flip(image, 10)
    assert cut.shape == (2000, 2, 10, 10)
    assert (cut[:, 0].diff(dim=1) == 1).all()  # never upside down
    step = cut[:, 1].diff(dim=2)
    assert ((step == 1).all((1, 2)) | (step == -1).all((1, 2))).all()
    assert abs((step[:, 0, 0] < 0).float().mean() - 0.5) < 0.045
    assert set(cut[:, 0, 0, 0].tolist()) == {0.0, 1.0, 2.0}
    turned = augment.crop_and_flip(image, 10, upside_down=True)[:, 0].diff(dim=1)
    assert ((turned == 1).all((1, 2)) | (turned == -1).all((1, 2))).all()
    assert abs((turned[:, 0, 0] < 0).float().mean() - 0.5) < 0.045


# Resuming, translating


RECIPE = {
    **{"ema": 0.9, "r1": 1.0, "diffaugment": "color,translation,cutout", "steps": 16},
    **{"start": "identity", "upsample": "nearest", "padding": "zero", "identity_share": 0.5},
}


@pytest.mark.parametrize("cut, changes", [(3, {}), (4, {}), (5, RECIPE)])
def test_resume_with_pools_and_schedule_is_bit_identical(tmp_path, cut, changes):
    """Mistake 14: networks alone make the resumed run another run."""

    class StopAfter(loop.Callback):
        def on_step(self, run):
            run.stop = len(run.history) == cut

    settings = profiles.replace(SETTINGS, epochs=4, constant_epochs=1, **changes)
    whole = make(settings)
    history = loop.fit(*whole, 4, [LinearDecay()])
    part = make(settings)
    path = checkpoint.save(
        tmp_path / "c.pt", *part, loop.fit(*part, 4, [LinearDecay(), StopAfter()])
    )
    again = make(settings)
    torch.rand(5)
    resumed = loop.fit(*again, 4, [LinearDecay()], checkpoint.load(path, *again))
    assert resumed.terms == history.terms
    theirs = whole[0].state_dict()
    for name, value in again[0].state_dict().items():
        if isinstance(value, dict) and not name.startswith(("opt_", "execution")):
            assert all(torch.equal(v, theirs[name][k]) for k, v in value.items()), name


def test_translate_refuses_floats():
    step, _ = make()
    with pytest.raises(GancourseError, match="uint8 images as stored, not torch.float32"):
        translate(step.gen_ab, torch.zeros(1, 3, 16, 16))


def test_translate_gives_uint8_and_leaves_the_mode(tmp_path):
    step, _ = make()
    images = domain(18, 16).images  # more than are translated at a time
    out = translate(step.gen_ab, images)
    assert out.shape == images.shape and out.dtype == torch.uint8 and step.gen_ab.training
    both = step.sample((images[:2], images[2:]))
    assert torch.equal(both[:2], out[:2])
    assert torch.equal(both[2:], translate(step.gen_ba, images[2:]))


@pytest.mark.parametrize("size", [4, 8, 12, 16, 32, 64])
def test_whatever_passes_the_checks_can_be_run(size):
    """patch_layers=3 at 16 px passed, and broke in the first step: a norm needs two pixels."""
    passed = 0
    for layers in range(1, 9):
        s = profiles.settings(
            "grumpy-cats", "smoke", size=size, load_size=size, patch_layers=layers, disc="patch"
        )
        try:
            check_settings(s)
        except GancourseError as error:
            assert str(size) in str(error)
            continue
        passed += 1
        with torch.device("meta"):
            image = torch.empty(1, s.channels, size, size)
            models.generator(s)(image), models.discriminator(s)(image)
    assert passed == {4: 0, 8: 1, 12: 2, 16: 2, 32: 3, 64: 4}[size]
