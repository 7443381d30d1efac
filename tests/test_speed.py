"""Ways to carry out a step: the same numbers, the same run, and a way on where one fails."""

import copy
import warnings

import pytest
import torch

from gancourse import data, device, profiles
from gancourse.errors import GancourseError, UnknownName
from gancourse.train import checkpoint, loop
from gancourse.train.cyclegan import CycleGANStep, translate
from gancourse.train.dcgan import DCGANStep
from gancourse_lab import speed
from gancourse_lab.monitor import Monitor

CYCLEGAN = profiles.settings(
    "horse2zebra",
    "smoke",
    **{"batch_size": 2, "pool": 3, "ema": 0.9, "r1": 1.0, "lr": 2e-4, "load_size": 16},
    **{"start": "identity", "upsample": "nearest", "padding": "zero", "identity_share": 0.5},
)
DCGAN = profiles.DCGANSettings(
    **{"size": 16, "width_g": 4, "width_d": 4, "batch_size": 4, "z_dim": 8, "ema": 0.9},
    **{"upsample": "nearest", "diffaugment": "translation", "spectral": False},
)
KINDS = pytest.mark.parametrize("kind", ["cyclegan", "dcgan"])


def noise(n=8, seed=0):
    draw = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (n, 3, 16, 16), generator=draw).to(torch.uint8)
    return data.ImageSet(images, [str(i) for i in range(n)], "noise")


def make(kind, seed=0, compile="auto", graph="auto", small=None, **arguments):
    """A fresh step with its executor, and its batches."""
    torch.manual_seed(seed)
    if kind == "dcgan":
        step, batches = DCGANStep(DCGAN, "cpu", **arguments), loop.Batches(noise(), 4)
    else:
        sizes = small or {"blocks": 1, "width": 4, "width_d": 4}
        step = CycleGANStep(profiles.replace(CYCLEGAN, **sizes), "cpu", **arguments)
        batches = loop.PairBatches(noise(), noise(6, 1), 2)
    speed.Executor(step, compile, graph)
    return step, batches


def flat(state, path=""):
    """All tensors and numbers of a state by path."""
    if isinstance(state, dict):
        return {k: v for name in state for k, v in flat(state[name], f"{path}.{name}").items()}
    if isinstance(state, list | tuple):
        return flat(dict(enumerate(state)), path)
    return {path: state}


def assert_same(one, other, besides="execution"):
    one, other = ({k: v for k, v in flat(s).items() if besides not in k} for s in (one, other))
    assert one.keys() == other.keys()
    for name, value in one.items():
        same = torch.equal(value, other[name]) if torch.is_tensor(value) else value == other[name]
        assert same, name


def batch_of(batches):
    return next(iter(batches.read(batches.order())))


# The same numbers


def in_double(step):
    for name in (*step.networks, *step.averages()):
        step.network(name).double()
    return step


def test_a_compiled_step_is_the_eager_one():
    """In fp32 to 1e-5; more steps drift apart in fp32 as those of two thread counts do."""
    (eager, batches), (fast, _) = make("dcgan", compile="off"), make("dcgan", compile="on")
    batch, found = batch_of(batches), []
    for step in (eager, fast):
        torch.manual_seed(1)
        found.append(step(batch))
    for name, value in found[0].items():
        assert found[1][name].item() == pytest.approx(value.item(), rel=1e-5, abs=1e-5), name
    assert fast.executor.execution["compile"] and fast.executor._fasts  # it has not fallen back


def test_thirty_compiled_steps_are_the_eager_ones():
    """In float64 to 1e-9: terms, weights and averages, with R1, pools and the identity's share.

    Most of its time is compilation, which is why the generators have no residual block.
    """
    small = {"blocks": 0, "width": 2, "width_d": 2}
    eager, fast = (make("cyclegan", compile=c, small=small)[0] for c in ("off", "on"))
    batch = tuple(x.double() for x in batch_of(make("cyclegan")[1]))
    for step in (eager, fast):
        in_double(step)
    for number in range(30):
        found = []
        for step in (eager, fast):
            torch.manual_seed(number)
            found.append(step(batch))
        for name, value in found[0].items():
            assert found[1][name].item() == pytest.approx(value.item(), rel=1e-9, abs=1e-9), name
    for name in (*fast.networks, *fast.averages()):
        pair = (list(step.network(name).parameters()) for step in (eager, fast))
        assert all(torch.allclose(a, b, rtol=0, atol=1e-9) for a, b in zip(*pair, strict=True))
    assert fast.executor.execution["compile"] and fast.executor._fasts


# The same run


def constant_race(faster):
    """Times as if they had been measured: ``faster(way)`` takes 0.5 s, the others 1 s."""

    def race(executor, batch, ways, rounds=1):
        for way in ways:
            executor.execute(**speed._named(way))
            executor.step(batch)
        return {way: 0.5 if faster(way) else 1.0 for way in ways}

    return race


@KINDS
@pytest.mark.parametrize("after", [0, 2])
def test_tuning_leaves_the_run_as_it_was(kind, after, monkeypatch):
    """Weights, moments, averages, pools, counter, random numbers: a run after 0 or 2 steps."""
    step, batches = make(kind)
    for _ in range(after):
        step(batch_of(batches))
    before, drawn = copy.deepcopy(step.state_dict()), torch.get_rng_state()
    found = step.executor.tune(batches, steps=100)
    assert found["compile"] is False and found["seconds"] > 0  # too short a run to compile for
    assert found == step.executor.execution == step.state_dict()["execution"]
    assert_same(before, step.state_dict())
    assert torch.equal(drawn, torch.get_rng_state())
    assert batches.state_dict() == {"epoch": 0, "position": 0}
    assert step.executor.tune(batches, steps=10**9) is step.executor.execution  # once


@pytest.mark.parametrize(
    "seconds, compiled, expected",
    [
        (3600, True, True),
        (3600, False, False),
        (600, True, False),
    ],
)
def test_compiling_is_tried_where_it_can_pay_and_kept_where_it_does(
    seconds, compiled, expected, monkeypatch
):
    step, batches = make("dcgan")
    tried = []
    monkeypatch.setattr(step.executor, "_fast", lambda net: tried.append(net) or net._call_impl)
    monkeypatch.setattr(speed, "_race", constant_race(lambda way: way[2] == compiled))
    found = step.executor.tune(batches, minutes=seconds / 60)
    assert found["compile"] is expected and bool(tried) == (seconds > 1200)
    before = len(tried)
    step(batch_of(batches))
    assert (len(tried) > before) is expected
    assert step.gen._compiled_call_impl is None  # samples go through the network as written


def test_a_resumed_run_keeps_the_execution_of_its_checkpoint(tmp_path):
    step, batches = make("dcgan")
    step.executor.execute(compile=False, seconds=0.25)
    step.executor.settled = True
    path = checkpoint.save(tmp_path / "c.pt", step, batches, loop.History())
    other, batches = make("dcgan", seed=1)
    checkpoint.load(path, other, batches)
    assert other.executor.execution == step.executor.execution
    assert other.executor.tune(batches, steps=10**9)["seconds"] == 0.25  # not timed again
    state = step.state_dict() | {"execution": {"precision": "bf16", "compile": True, "graph": True}}
    other.load_state_dict(state)  # from a GPU: what this device has no use for is left
    assert other.executor.execution["precision"] == "fp32" and not other.executor.execution["graph"]
    refusing, _ = make("dcgan", compile="off")
    refusing.load_state_dict(state)
    assert refusing.executor.execution["compile"] is False
    plain, _ = make("dcgan")
    plain.executor = None  # a chapter's step: what it was carried out by does not matter to it
    plain.load_state_dict(state)
    assert plain.steps == step.steps and "execution" not in plain.state_dict()
    other.load_state_dict(plain.state_dict())
    assert not other.executor.settled


# Where a way fails


def broken(*args, **kwargs):
    raise RuntimeError("No C++ compiler here\nand much more")


@KINDS
@pytest.mark.parametrize("late", [False, True])
def test_without_a_compiler_training_goes_on_with_one_line(kind, late, monkeypatch):
    """The failing attempt, also one in the middle of a step, leaves no trace in the run."""
    plain, batches = make(kind, compile="off")
    step, _ = make(kind, compile="on")
    good = {"cyclegan": 6, "dcgan": 3}[kind] if late else 0  # so many calls until an update
    calls = []

    def fast(net):
        return lambda *a: net._call_impl(*a) if calls.append(1) or len(calls) <= good else broken()

    monkeypatch.setattr(step.executor, "_fast", fast)
    batch = batch_of(batches)
    with pytest.warns(UserWarning, match="without torch.compile.*No C.. compiler here$") as said:
        for number in range(2):
            for one in (plain, step):
                torch.manual_seed(number)
                one(batch)
    assert len(said) == 1 and step.executor.execution["compile"] is False
    assert_same(plain.state_dict(), step.state_dict())


@KINDS
def test_without_a_graph_training_goes_on_with_one_line(kind, monkeypatch):
    """The capture fails after rates and pools have become tensors: the run is the eager one."""
    plain, batches = make(kind)
    step, _ = make(kind)
    step.executor.execute(graph=True)
    batch = batch_of(batches)

    def fail(executor, batch, saved):
        executor.make_static(batch)
        executor.step.update(batch)
        broken()

    monkeypatch.setattr(speed, "Graph", fail)
    with pytest.warns(UserWarning, match="without the CUDA graph") as said:
        for number in range(4):
            for one in (plain, step):
                torch.manual_seed(number)
                one(batch)
    assert len(said) == 1 and not step.executor.execution["graph"]
    assert_same(plain.state_dict(), step.state_dict())


def test_wrong_images_are_not_taken_for_a_failed_compilation():
    step, _ = make("cyclegan", compile="on")
    with pytest.raises(GancourseError, match="multiples of 4"):
        step((torch.zeros(2, 3, 18, 18), torch.zeros(2, 3, 18, 18)))
    assert step.executor.execution["compile"]


@KINDS
def test_a_step_that_is_looked_into_runs_as_written(kind, monkeypatch):
    step, batches = make(kind, compile="on")
    monkeypatch.setattr(step.executor, "_fast", lambda net: net._call_impl)
    compiled = []
    usual = step.executor._compiled
    monkeypatch.setattr(step.executor, "_compiled", lambda: compiled.append(step.steps) or usual())
    monitor = Monitor(every=2, log=None)
    loop.fit(step, batches, callbacks=[monitor], steps=4)
    assert set(compiled) == {2}  # the first is looked into, and then every second
    assert monitor.readings["dead ReLUs"]


# Arguments


@pytest.mark.parametrize("name", ["compile", "graph", "channels_last"])
def test_flags_are_words_or_booleans(name):
    with pytest.raises(UnknownName, match="Did you mean 'auto'"):
        make("dcgan", **{name: "auto "})
    for value in ("off", False):
        assert not make("dcgan", **{name: value})[0].executor.execution["graph"]


def test_a_graph_without_cuda_is_refused():
    with pytest.raises(GancourseError, match="needs a CUDA device, not cpu"):
        make("cyclegan", graph="on")


def test_nothing_to_choose_from_is_not_timed():
    step, batches = make("dcgan", compile="off")
    assert step.executor.tune(batches, steps=10**9)["seconds"] is None


@KINDS
def test_channels_last_is_the_same_step(kind):
    found = []
    for layout in ("off", "on"):
        step, batches = make(kind, channels_last=layout)
        torch.manual_seed(5)
        found.append(step(batch_of(batches)))
    conv = next(p for p in step.network(step.networks[0]).parameters() if p.ndim == 4)
    assert conv.is_contiguous(memory_format=torch.channels_last)
    for name, value in found[0].items():
        assert found[1][name].item() == pytest.approx(value.item(), rel=1e-5, abs=1e-6), name


def test_half_precision_can_be_put_on_and_taken_off():
    """On a CPU bf16 is emulated, but the same way of wrapping: the run is that of a fresh step."""
    step, batches = make("cyclegan")
    batch = batch_of(batches)
    step.executor.execute(precision="bf16")
    half = float(step(batch)["gen"])
    reference, _ = make("cyclegan", precision="bf16")
    torch.manual_seed(0)
    assert half == pytest.approx(float(reference(batch)["gen"]), rel=1e-3)
    step, _ = make("cyclegan")
    for precision in ("bf16", "fp32"):
        step.executor.execute(precision=precision)
    plain, _ = make("cyclegan")
    assert float(step(batch)["gen"]) == float(plain(batch)["gen"]) != half
    assert device.describe("cpu", "bf16").endswith("(bf16)")


def test_ways_on_a_gpu(monkeypatch):
    """What is timed there, by capability and by what the caller has fixed."""
    step, _ = make("dcgan")
    step.device = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda d: (9, 0))
    assert speed._ways(step.executor) == [
        (p, g, False) for p in ("fp32", "bf16") for g in (False, True)
    ]
    step.executor.asked["graph"] = False
    assert [way[:2] for way in speed._ways(step.executor)] == [("fp32", False), ("bf16", False)]
    step.executor.asked |= {"precision": "fp32", "graph": None}
    assert [way[:2] for way in speed._ways(step.executor)] == [("fp32", False), ("fp32", True)]
    step.executor.asked["precision"] = None
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda d: (7, 5))
    assert ("fp16", True, False) not in speed._ways(step.executor)  # its scaler asks the device
    assert ("fp16", False, False) in speed._ways(step.executor)


def test_rates_that_are_tensors_stay_tensors_and_are_saved_as_numbers():
    step, batches = make("cyclegan")
    for optimiser in step.optimisers():
        optimiser.param_groups[0]["lr"] = torch.tensor(1.0)
    kept = step.opt_gen.param_groups[0]["lr"]
    step.set_rate(0.5)
    assert step.opt_gen.param_groups[0]["lr"] is kept and kept.item() == pytest.approx(1e-4)
    state = step.state_dict()
    assert isinstance(state["opt_gen"]["param_groups"][0]["lr"], float)
    state["opt_gen"]["param_groups"][0] |= {"lr": 0.25, "capturable": True}
    step.load_state_dict(state)
    group = step.opt_gen.param_groups[0]
    assert group["lr"] is kept and kept.item() == 0.25 and not group["capturable"]


def test_translating_does_not_compile(monkeypatch):
    step, batches = make("cyclegan", compile="on")
    monkeypatch.setattr(step.executor, "_fast", lambda net: broken)
    translate(step.shown("gen_ab", False), noise().images)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        step(batch_of(batches))
