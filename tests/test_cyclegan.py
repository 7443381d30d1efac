"""CycleGAN against the paper: shapes, the objective term by term, and the mistakes of others."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gancourse import augment, data, profiles
from gancourse.errors import GancourseError, UnknownName
from gancourse.models import cyclegan as models
from gancourse.training import checkpoint, loop
from gancourse.training.cyclegan import CycleGANStep, LinearDecay, decay, translate
from gancourse.training.pool import ImagePool

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
    with pytest.raises(GancourseError, match="lambda_cycle must be a number of at least 0"):
        make(dataclasses.replace(SETTINGS, lambda_cycle=value))


def test_settings_that_leave_no_loss_are_refused():
    with pytest.raises(GancourseError, match="No loss is left"):
        make(profiles.replace(SETTINGS, adversarial=False, direction="none"))
    with pytest.raises(UnknownName, match="forward"):
        make(profiles.replace(SETTINGS, direction="forwards"))


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


def test_the_pool_fills_then_swaps_one_half():
    torch.manual_seed(0)
    pool = ImagePool(50)
    first = torch.arange(50.0).reshape(50, 1, 1, 1)
    assert torch.equal(pool.query(first), first)
    asked = torch.arange(50.0, 4050.0).reshape(-1, 1, 1, 1)
    answered = pool.query(asked)
    same = (answered == asked).float().mean().item()
    assert abs(same - 0.5) < 0.03  # binomial: four standard deviations are 0.032
    assert (answered <= asked).all() and len(pool.images) == 50
    everything = [*answered.flatten().tolist(), *(i.item() for i in pool.images)]
    assert sorted(everything) == list(range(4050))[: len(everything)]  # none lost, none twice


def test_a_pool_of_0_returns_the_query():
    images = torch.rand(3, 1, 2, 2)
    assert torch.equal(ImagePool(0).query(images), images)


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


# Resuming, translating


@pytest.mark.parametrize("cut", [3, 4])
def test_resume_with_pools_and_schedule_is_bit_identical(tmp_path, cut):
    """Mistake 14: networks alone make the resumed run another run."""

    class StopAfter(loop.Callback):
        def on_step(self, run):
            run.stop = len(run.history) == cut

    settings = profiles.replace(SETTINGS, epochs=4, constant_epochs=1)
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
        if isinstance(value, dict) and not name.startswith("opt_"):
            assert all(torch.equal(v, theirs[name][k]) for k, v in value.items()), name


def test_translate_gives_uint8_and_leaves_the_mode(tmp_path):
    step, _ = make()
    images = domain(5, 16).images
    out = translate(step.gen_ab, images, batch_size=2)
    assert out.shape == images.shape and out.dtype == torch.uint8 and step.gen_ab.training
    both = step.sample((images[:2], images[2:]))
    assert torch.equal(both[:2], out[:2])
    assert torch.equal(both[2:], translate(step.gen_ba, images[2:]))
