"""No operation mixes devices, and results lie where the docstrings say: GPUs that are not there.

``pretend`` lends tensors with real values that claim to lie on CUDA or on Apple's MPS. What can do
without values also passes PyTorch's own FakeTensorMode.
"""

import pretend
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from gancourse import augment, device, losses, profiles
from gancourse.data.batches import Batches, PairBatches
from gancourse.data.sets import ImageSet, to_float
from gancourse.metrics import content, distances, neighbours
from gancourse.metrics.features import Extractor, StandIn
from gancourse.models.cyclegan import PatchDiscriminator
from gancourse.notebook import figures
from gancourse.train import dcgan as training
from gancourse.train.cyclegan import translate
from gancourse.train.pool import ImagePool
from gancourse_lab import fcn_score, flags, theory, uncertainty
from gancourse_lab.human_study import Study

each_kind = pytest.mark.parametrize("kind", ["cuda", "mps"])


def pixels(n=6, size=12, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, size, size), generator=draw).to(torch.uint8)


def rows(n=30, d=8, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh())


def labels(seed=0):
    return torch.randint(0, 12, (2, 16, 16), generator=torch.Generator().manual_seed(seed))


# name → a function of a mover ``at`` that puts a tensor or a network on the device. It returns what
# must be the same wherever it was computed.
EQUAL = {
    "k-NN of pictures": lambda at: neighbours.knn(at(pixels(9)), at(pixels(20, seed=1)), 3),
    "k-NN of features": lambda at: neighbours.knn(at(rows()), rows(50, seed=1), 5),
    "copying": lambda at: tuple(
        vars(
            neighbours.copying(at(pixels(6)), at(pixels(9, seed=1)), at(pixels(6, seed=2)), shift=1)
        ).values()
    ),
    "Mann-Whitney": lambda at: neighbours.mann_whitney(at(rows()[:, 0]), at(rows(seed=1)[:, 0])),
    "classes": lambda at: fcn_score.classes_of(at(pixels(3)), 4).cpu(),
    "segmentation": lambda at: fcn_score.predict(
        at(nn.Conv2d(3, 12, 1, bias=False).requires_grad_(False).apply(ones)), at(pixels())
    ),
    "FCN score": lambda at: fcn_score.scores(at(labels()), labels(1), 12),
    "Fréchet, KID": lambda at: (
        distances.frechet(at(rows()), rows(seed=1)),
        distances.kid(at(rows()), rows(seed=1)),
        distances.precision_recall(at(rows()), rows(seed=1)),
    ),
    "permutation": lambda at: uncertainty.permutation_test(at(rows()), at(rows(seed=1)), 19),
    "features": lambda at: Extractor(StandIn(), "", "FD", "", "auto")(at(pixels())),
    "log density": lambda at: theory.log_density(
        theory.NAMED["two humps"], at(torch.linspace(-3, 3, 7))
    ).cpu(),
    "ring": lambda at: theory.log_density(theory.ring(), at(rows(7, 2))).cpu(),
    "W1": lambda at: theory.wasserstein1(at(rows()[:, 0]), theory.NAMED["normal"]),
    "modes": lambda at: theory.modes_found(at(rows(50, 2)), torch.zeros(1, 2), 1.0),
    "agreement": lambda at: vars(content.agreement(at(pixels()), pixels(seed=1))),
    "translation": lambda at: translate(at(network()), pixels()),
    "samples": lambda at: training.sample_images(
        at(nn.Sequential(nn.Unflatten(1, (1, 4, 4)))), at(rows(5, 16))
    ),
    "latents": lambda at: training.sample_z(
        4,
        profiles.DCGANSettings(z="uniform"),
        at(torch.zeros(1)).device,
        torch.Generator().manual_seed(3),
    ).cpu(),
    "study": lambda at: figures.tile(torch.stack(Study(at(pixels()), at(pixels(seed=1))).pair())),
    "subset": lambda at: figures.tile(image_set(at).subset([1, 3]).images),
    "signs": lambda at: (
        flags.jump(*(at(to_float(pixels(seed=s))) for s in range(3))),
        flags.diversity(at(to_float(pixels())), at(to_float(pixels(seed=1)))),
        flags.comb(at(to_float(pixels()))),
        flags.grey_patches(at(to_float(pixels()))),
        flags.unclosed(*(at(to_float(pixels(seed=s))) for s in range(3))),
    ),
}


def ones(layer):
    if isinstance(layer, nn.Conv2d):
        with torch.no_grad():
            layer.weight.copy_(torch.linspace(-1, 1, layer.weight.numel()).view_as(layer.weight))


def image_set(at=lambda x: x, n=8, seed=0):
    return ImageSet(at(pixels(n, seed=seed)), [f"{i}.png" for i in range(n)], "horse2zebra")


def plain(found):
    """Tensors, arrays and numbers of a nested result, as one flat list of CPU tensors."""
    if isinstance(found, dict):
        found = tuple(found.values())
    if isinstance(found, tuple | list):
        return [x for part in found for x in plain(part)]
    assert not isinstance(found, pretend.Pretend), "left on the device"
    return [] if isinstance(found, str) else [torch.as_tensor(found).double()]


@each_kind
@pytest.mark.parametrize("name", EQUAL)
def test_what_is_computed_on_a_device_is_what_the_cpu_computes(name, kind):
    expected = plain(EQUAL[name](lambda x: x))
    with pretend.device(kind) as device:
        found = plain(EQUAL[name](lambda x: x.to(device.where)))
    assert len(found) == len(expected) and device.copies
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)


# name → a function of images (N, 3, H, W) in [-1, 1] on the device; its result stays there.
STAYS = {
    **{f"classical {p}": lambda x, p=p: augment.classical(x, p) for p in augment.POLICIES},
    **{f"T {part}": lambda x, p=part: augment.diffaugment(x, p) for part in augment.DIFFAUGMENT},
    "crop": lambda x: augment.crop_and_flip(x, 8),
    **{
        name: lambda x, pair=pair: pair[0](x, x)[1] + pair[1](x)
        for name, pair in losses.LOSSES.items()
    },
    "l1": lambda x: losses.distance("l1")(x, x),
    "mmd": lambda x: losses.mmd2(x.flatten(1), x.flatten(1)),
    "edges": content.edges,
    "classes": lambda x: fcn_score.classes_of((x * 127).to(torch.uint8), 4),
    "latents": lambda x: training.sample_z(
        4, profiles.DCGANSettings(), x.device, torch.Generator().manual_seed(3)
    ),
    "latents without a seed": lambda x: training.sample_z(4, profiles.DCGANSettings(), x.device),
    "pool": lambda x: ImagePool(9).query(x),
    "gradient penalty": lambda x: losses.gradient_penalty(critic(x), x, x.flip(0)),
    "R1": lambda x: losses.r1_penalty(critic(x), x),
}
NEEDS_GRADIENTS = {"gradient penalty", "R1"}  # FakeTensorMode asks the driver for them


def critic(x):
    return PatchDiscriminator(2, 1).to(x.device)


@each_kind
@pytest.mark.parametrize("name", STAYS)
def test_what_stays_on_the_device(name, kind):
    with pretend.device(kind) as device:
        x = to_float(pixels().to(device.where))
        with torch.set_grad_enabled(name in NEEDS_GRADIENTS):
            assert STAYS[name](x).device == device.where


@pytest.mark.parametrize("name", sorted(STAYS.keys() - NEEDS_GRADIENTS))
def test_what_stays_on_the_device_as_pytorch_fakes_it(name, monkeypatch):
    with FakeTensorMode():
        x = torch.rand(6, 3, 12, 12, device="cuda:0") * 2 - 1
        assert STAYS[name](x).device == x.device


def test_the_pretended_device_refuses_what_a_real_one_refuses():
    with pretend.device("mps") as device:
        here, there = torch.rand(3), torch.rand(3, device=device.where)
        for wrong in (
            lambda: here + there,
            lambda: torch.cat([here, there]),
            lambda: here[there.argsort()],
            lambda: torch.rand(3, device=device.where, generator=torch.Generator()),
        ):
            with pytest.raises(RuntimeError):
                wrong()
        for wrong in (there.double, there.numpy, lambda: here.double().to(device.where)):
            with pytest.raises(TypeError):
                wrong()
        assert float((there + 1).sum() - there.sum()) == pytest.approx(3, abs=1e-5)


# Copies and waits in a step


def test_the_order_is_copied_once_an_epoch_and_no_batch_waits():
    with pretend.device("cuda") as device:
        sets = [image_set(lambda x: x.to(device.where), n, seed=n) for n in (8, 12)]
        for batches in (Batches(sets[0], 2), PairBatches(*sets, 2)):
            batches.augment = lambda x: augment.crop_and_flip(x, 8)
            device.copies = device.waits = 0
            assert len(list(batches)) == len(batches)
            assert (device.copies, device.waits) == (1, 0)


def test_batches_are_those_of_the_cpu():
    with pretend.device("cuda") as device:
        found = [x.cpu() for x in Batches(image_set(lambda x: x.to(device.where)), 2, seed=3)]
    for a, b in zip(found, Batches(image_set(), 2, seed=3), strict=True):
        assert torch.equal(a, b)


def test_crops_of_a_seed_are_the_same_as_ever():
    tops, lefts, mirrored = (2, 0, 1), (0, 2, 1), (False, True, False)
    torch.manual_seed(5)
    cut = augment.crop_and_flip(to_float(pixels(3, 6)), 4)
    for i, x in enumerate(to_float(pixels(3, 6))):
        window = x[:, tops[i] : tops[i] + 4, lefts[i] : lefts[i] + 4]
        assert torch.equal(cut[i], window.flip(2) if mirrored[i] else window)


@pytest.mark.parametrize("model", ["dcgan", "cyclegan"])
def test_a_step_moves_its_batch_to_its_device(model):
    """Pictures may lie on the CPU beside a step on the GPU."""
    from test_fetching import make

    step, batches = make(model)
    seen = []

    class Elsewhere:
        """A batch that can be nothing but moved."""

        def __init__(self, batch):
            self.batch = batch

        def to(self, device):
            seen.append(device)
            return self.batch

    batch = next(iter(batches))
    step(Elsewhere(batch) if model == "dcgan" else tuple(map(Elsewhere, batch)))
    assert seen == [step.device] * (1 if model == "dcgan" else 2)


# Random states


def test_the_state_of_mps_is_saved_and_put_back(monkeypatch):
    held = [torch.tensor([1], dtype=torch.uint8)]
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: held[-1].clone())
    monkeypatch.setattr(torch.mps, "set_rng_state", held.append)
    with device.apart():
        before = torch.rand(2)
        held.append(torch.tensor([2], dtype=torch.uint8))  # somebody draws on MPS
    assert held[-1].item() == 1 and torch.equal(torch.rand(2), before)
    of_mps = device.random_state()
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    device.set_random_state(of_mps)  # on a machine without it


def test_a_fixed_latent_is_fixed_and_leaves_the_other_numbers_alone():
    for z in ("normal", "uniform"):
        settings = profiles.DCGANSettings(z=z)
        torch.manual_seed(0)
        expected = torch.rand(1)
        torch.manual_seed(0)
        one, two = (
            training.sample_z(2, settings, "cpu", torch.Generator().manual_seed(1)) for _ in "ab"
        )
        assert torch.equal(one, two) and torch.equal(torch.rand(1), expected)
