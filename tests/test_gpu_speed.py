"""A step on a CUDA device: a graph is the eager step, its pools and rates move, tuning is tidy."""

import copy

import pytest
import torch

from gancourse import data, profiles
from gancourse.train import loop
from gancourse.train.cyclegan import CycleGANStep, LinearDecay
from gancourse.train.dcgan import DCGANStep
from gancourse_lab.monitor import Monitor
from gancourse_lab.speed import Executor

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
CYCLEGAN = profiles.settings(
    "horse2zebra",
    "smoke",
    **{"batch_size": 2, "pool": 3, "ema": 0.9, "load_size": 16},
    **{"start": "identity", "upsample": "nearest", "padding": "zero"},
)
DCGAN = profiles.DCGANSettings(size=16, width_g=4, width_d=4, batch_size=4, z_dim=8, ema=0.9)
KINDS = pytest.mark.parametrize("kind", ["cyclegan", "dcgan"])


def noise(n, seed=0):
    draw = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (n, 3, 16, 16), generator=draw).to(torch.uint8)
    return data.ImageSet(images, [str(i) for i in range(n)], "noise").to(torch.device("cuda"))


def make(kind, settings=None, compile="auto", graph="auto", **arguments):
    torch.manual_seed(0)
    if kind == "dcgan":
        step, batches = DCGANStep(settings or DCGAN, "cuda", **arguments), loop.Batches(noise(8), 4)
    else:
        step = CycleGANStep(settings or CYCLEGAN, "cuda", **arguments)
        batches = loop.PairBatches(noise(8), noise(6, 1), 2)
    Executor(step, compile, graph)
    return step, batches


def batch_of(batches):
    return next(iter(batches.read(batches.order())))


def without_draws(kind):
    """Settings under which a step draws no random numbers: the two ways can be compared."""
    return profiles.replace(CYCLEGAN, pool=0, r1=1.0) if kind == "cyclegan" else None


@pytest.mark.parametrize("precision, near", [("fp32", 1e-3), ("bf16", 5e-2)])
def test_a_graph_is_the_eager_step(precision, near):
    """Eight steps with R1 (two graphs), averages, and a rate that changes on the way."""
    steps = [
        make("cyclegan", without_draws("cyclegan"), graph=g, compile="off", precision=precision)
        for g in ("off", "on")
    ]
    batch = batch_of(steps[0][1])
    for number in range(8):
        for step, _ in steps:
            step.set_rate(1.0 if number < 4 else 0.0)
        eager, replayed = (step(batch) for step, _ in steps)
        for name, value in eager.items():
            assert replayed[name].item() == pytest.approx(value.item(), rel=near, abs=near), name
    (eager, _), (graphed, _) = steps
    assert graphed.executor.execution["graph"] and len(graphed.executor._ready) == 2
    for name in (*eager.networks, *eager.averages()):
        for a, b in zip(
            eager.network(name).parameters(), graphed.network(name).parameters(), strict=True
        ):
            assert (a - b).abs().mean() < near * 0.1, name
    before = copy.deepcopy(graphed.network("gen_ab").state_dict())
    graphed(batch)  # at rate 0 a replay moves nothing
    after = graphed.network("gen_ab").state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)


@KINDS
def test_a_graph_draws_anew_in_every_replay_and_reads_its_batch(kind):
    step, batches = make(kind, graph="on", compile="off")
    batch = batch_of(batches)
    first = {k: v.item() for k, v in step(batch).items()}
    step.set_rate(0.0) if kind == "cyclegan" else None
    terms = [step(batch) for _ in range(6)]
    values = [t["disc_a" if kind == "cyclegan" else "disc_fake"].item() for t in terms]
    assert step.executor.execution["graph"]
    assert len(set(values)) > 1  # pool or latents are drawn anew
    other = batch * 0 if kind == "dcgan" else tuple(x * 0 for x in batch)
    assert {k: v.item() for k, v in step(other).items()} != first
    if kind == "cyclegan":
        assert len(step.state_dict()["pool_a"]["images"]) == 3


@KINDS
def test_tuning_leaves_the_run_as_it_was(kind):
    step, batches = make(kind)
    before, drawn = copy.deepcopy(step.state_dict()), torch.cuda.get_rng_state()
    found = step.executor.tune(batches, steps=100)
    assert found["seconds"] > 0 and not found["compile"]
    for name in step.networks:
        for key, value in step.network(name).state_dict().items():
            assert torch.equal(value, before[name][key]), f"{name}.{key}"
    assert torch.equal(drawn, torch.cuda.get_rng_state())
    assert step.state_dict()["opt_gen"]["state"] == {}
    step(batch_of(batches))
    assert step.executor.execution == found


def test_a_graphed_run_with_schedule_and_monitor():
    """A step that is looked into runs as written, between replays, on the same state."""
    step, batches = make("cyclegan", graph="on", compile="off")
    monitor = Monitor(every=4, log=None)
    history = loop.fit(step, batches, callbacks=[LinearDecay(by_steps=True), monitor], steps=12)
    assert len(history) == 12 and step.executor.execution["graph"]
    assert monitor.readings["dead ReLUs"] and step.steps == 12
    other, batches = make("cyclegan")
    other.load_state_dict(step.state_dict())
    assert other.executor.execution["graph"]
    other(batch_of(batches))
    assert other.steps == 13 and other.executor.execution["graph"]


def test_channels_last_is_kept_through_the_generator():
    step, batches = make("cyclegan")
    seen = []
    for layer in step.gen_ab.modules():
        layer.register_forward_hook(lambda m, i, o: seen.append(o))
    step.gen_ab(batch_of(batches)[0].contiguous(memory_format=torch.channels_last))
    assert all(o.is_contiguous(memory_format=torch.channels_last) for o in seen)
