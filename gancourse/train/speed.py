"""How a step is carried out: in which precision, compiled or not, as one CUDA graph or not.

A step's ``update`` is its definition. What is here calls it and repeats none of it; ``tune`` times
the ways of calling it and keeps the fastest.
"""

from __future__ import annotations

import contextlib
import copy
import statistics
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from gancourse import device as devices
from gancourse.device import random_state, set_random_state
from gancourse.errors import GancourseError, unknown
from gancourse.train.pool import DevicePool, ImagePool

# Compiling costs one to two minutes; it saved 3 to 50 % of a step where it was measured. A run that
# would not win the two minutes back with a tenth does not try.
COMPILE_SECONDS, LEAST_SAVING = 120.0, 0.1
ROUNDS = 5  # timed steps of each way, in turn; the median counts
Batch = Tensor | tuple[Tensor, ...]


def choice(name: str, value: str | bool) -> bool | None:
    """None for "auto", else whether it is on; raises ``UnknownName`` for another word."""
    known = {"auto": None, "on": True, "off": False}
    if isinstance(value, bool):
        return value
    if value not in known:
        raise unknown(name, value, known)
    return known[value]


class Tunable:
    """A training step that can be compiled, captured and put into another precision.

    A subclass names its ``networks``, has ``opt_gen`` and ``opt_disc``, ``update(batch)`` → terms
    and ``average()``, which follows every update. ``compile`` and ``graph`` are "on", "off" or
    "auto": off until ``tune`` finds that it pays; ``precision`` "auto" is fp32 until then.
    ``channels_last`` "auto" is on with CUDA. ``execution`` says what is done.
    """

    networks: tuple[str, ...] = ()

    def __init__(
        self,
        settings,
        device: str = "auto",
        precision: str = "auto",
        compile: str | bool = "auto",
        graph: str | bool = "auto",
        channels_last: str | bool = "auto",
    ):
        self.settings, self.steps = settings, 0
        self.asked = {
            "precision": None if precision == "auto" else precision,
            "compile": choice("compile", compile),
            "graph": choice("graph", graph),
        }
        self.accelerator = devices.accelerator(device, precision)
        self.device = self.accelerator.device
        gpu = self.device.type == "cuda"
        if self.asked["graph"] and not gpu:
            raise GancourseError(f"graph='on' needs a CUDA device, not {self.device.type}.")
        # channels_last is for tensor cores; on two CPU cores the published DCGAN's step took 9.7 s
        # in it and 8.5 s without (one run each)
        last = choice("channels_last", channels_last)
        last = gpu if last is None else last
        self.layout = torch.channels_last if last else torch.contiguous_format
        self.execution = {
            "precision": devices.pick_precision(self.device, precision),
            "compile": bool(self.asked["compile"]),
            "graph": bool(self.asked["graph"]),
            "seconds": None,
        }
        self.settled = False  # by ``tune``, or by the checkpoint that the run goes on from
        self._ready: dict[tuple, Graph | None] = {}
        self._fasts: dict[tuple, Callable] = {}

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        terms = self._carried_out(batch)
        self.steps += 1
        self.average()
        return {name: value.detach() for name, value in terms.items()}

    def variant(self) -> object:
        """What ``update`` branches on besides its batch: one graph for each value."""
        return None

    def make_static(self, batch: Batch) -> None:
        """Before a capture: learning rates and pools become tensors, which a replay reads anew."""
        make_capturable(self.optimisers(), self.device)
        for name, like in zip(self.pools(), _parts(batch), strict=False):
            setattr(self, name, DevicePool(getattr(self, name), like))

    def make_dynamic(self) -> None:
        """What ``make_static`` changed, as it was."""
        make_plain(self.optimisers())
        for name in self.pools():
            pool = ImagePool(getattr(self, name).size)
            pool.load_state_dict(getattr(self, name).state_dict(), self.device)
            setattr(self, name, pool)

    def network(self, name: str) -> nn.Module:
        """One of the networks by name, without Accelerate's wrapping."""
        return self.accelerator.unwrap_model(getattr(self, name))

    def averages(self) -> tuple[str, ...]:
        """Names of the networks that hold averaged weights."""
        return ()

    def pools(self) -> tuple[str, ...]:
        """Names of the image pools."""
        return ()

    def optimisers(self) -> list:
        """Accelerate's, around PyTorch's."""
        return [self.opt_gen, self.opt_disc]

    def _carried_out(self, batch: Batch) -> dict[str, Tensor]:
        if not (self.execution["compile"] or self.execution["graph"]) or self._watched():
            return self.update(batch)
        key = self.variant(), tuple(part.shape for part in _parts(batch))
        if key not in self._ready:
            self._first(key, batch)
        graph = self._ready[key]
        with self._compiled():
            return graph(batch) if graph else self.update(batch)

    def _watched(self) -> bool:
        """Whether a layer or an optimiser has hooks: only the step as written calls them."""
        nets = [getattr(self, name) for name in self.networks]
        layers = [layer for net in nets for layer in net.modules()]
        inner = [optimiser.optimizer for optimiser in self.optimisers()]
        return any(layer._forward_hooks or layer._forward_pre_hooks for layer in layers) or any(
            o._optimizer_step_pre_hooks or o._optimizer_step_post_hooks for o in inner
        )

    def _first(self, key: tuple, batch: Batch) -> None:
        """Compile and capture for batches of this kind; the run itself stays where it is."""
        self._ready[key] = None
        saved = Saved(self)
        try:
            if self.execution["compile"]:
                with self._or_not("compile"), self._compiled():
                    self.update(batch)
            if self.execution["graph"]:
                with self._or_not("graph"), self._compiled():
                    self._ready[key] = Graph(self, batch, saved)
                if not self.execution["graph"]:
                    self.make_dynamic()
        finally:
            saved.put_back()

    @contextlib.contextmanager
    def _or_not(self, what: str):
        """Go on without ``what`` if it fails, and say so."""
        try:
            yield
        except GancourseError:
            raise
        except Exception as error:
            self.execution[what] = False
            name = {"compile": "torch.compile", "graph": "the CUDA graph"}[what]
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
            warnings.warn(f"Training goes on without {name}, which failed: {reason}", stacklevel=6)

    @contextlib.contextmanager
    def _compiled(self):
        """Networks are the compiled ones inside, as written outside: samples have other shapes.

        cuDNN times its kernels inside, because all steps have the same shapes.
        """
        benchmark = torch.backends.cudnn.benchmark
        torch.backends.cudnn.benchmark = True
        nets = [getattr(self, name) for name in self.networks if self.execution["compile"]]
        for net in nets:
            net._compiled_call_impl = self._fast(net)
        try:
            yield
        finally:
            torch.backends.cudnn.benchmark = benchmark
            for net in nets:
                net._compiled_call_impl = None

    def _fast(self, net):
        """The compiled form of calling ``net``, made at the first call for its precision."""
        if not self._fasts:
            torch.compiler.reset()  # it keeps few shapes, those of all steps of a process together
        key = net, self.execution["precision"]
        if key not in self._fasts:
            self._fasts[key] = torch.compile(net._call_impl, dynamic=False)
        return self._fasts[key]

    def execute(self, **changes) -> None:
        """Change ``execution``: ``precision``, ``compile``, ``graph``, ``seconds``."""
        precision = changes.get("precision", self.execution["precision"])
        if precision != self.execution["precision"]:
            self._convert(precision)
        self.execution |= changes
        self._ready = {}

    def _convert(self, precision: str) -> None:
        """The same networks and optimisers under an accelerator of another precision."""
        nets = [getattr(self, name) for name in self.networks]
        for net in nets:
            self.accelerator.unwrap_model(net, keep_fp32_wrapper=False)
            net.__dict__.pop("_is_accelerate_prepared", None)
        inner = [optimiser.optimizer for optimiser in self.optimisers()]
        self.accelerator = devices.accelerator(str(self.device), precision)
        *_, self.opt_gen, self.opt_disc = self.accelerator.prepare(*nets, *inner)

    def tune(self, batches, steps: int = 0, minutes: float | None = None) -> dict:
        """Choose the fastest execution for a run of ``steps`` steps, or ``minutes``, by timing it.

        Takes the first of ``batches`` and some seconds; where compiling may pay over the run, one
        to two minutes more. Weights, optimisers, pools and random numbers are as before
        afterwards. A step that was tuned, or that goes on from a checkpoint, stays as it is.
        Returns ``execution``: ``precision``, ``compile``, ``graph``, ``seconds`` a step (None:
        there was nothing to choose from).
        """
        ways = _ways(self)
        compiles = self.asked["compile"] is None
        if self.settled or self.accelerator.num_processes > 1 or len(ways) == 1 and not compiles:
            return self.execution
        saved = Saved(self)
        try:
            batch = next(iter(batches.read(batches.order())))
            seconds = _race(self, batch, ways, ROUNDS if len(ways) > 1 else 1)
            best = min(ways, key=seconds.get)
            planned = 60 * minutes if minutes is not None else steps * seconds[best]
            if compiles and planned * LEAST_SAVING > COMPILE_SECONDS:
                pair = [best, (*best[:2], True)]
                seconds = _race(self, batch, pair)
                best = min(pair, key=seconds.get)
            self.execute(**_named(best), seconds=round(seconds[best], 4))
        finally:
            if not self.execution["graph"]:
                self.make_dynamic()
            saved.put_back(forget=True)
        self.settled = True
        return self.execution

    def speed_state(self) -> dict:
        """What ``state_dict`` says of all this: the counter, the execution, fp16's scaler."""
        scaler = self.accelerator.scaler
        scaler = scaler.state_dict() if scaler else {}
        return {"steps": self.steps, "execution": dict(self.execution), "scaler": scaler}

    def load_speed_state(self, state: dict) -> None:
        """Take over what ``speed_state`` returned, unless device or arguments say otherwise."""
        self.steps = state["steps"]
        found = dict(state.get("execution", {}))
        if found and self.device.type != "cuda":
            found |= {"graph": False, "precision": self.execution["precision"]}
        for name, asked in self.asked.items():
            if asked is not None:
                found[name] = asked
        self.settled = bool(state.get("execution"))
        self.execute(**found)
        if self.accelerator.scaler and state["scaler"]:
            self.accelerator.scaler.load_state_dict(state["scaler"])


def _parts(batch: Batch) -> tuple[Tensor, ...]:
    return (batch,) if isinstance(batch, Tensor) else tuple(batch)


def _ways(step: Tunable) -> list[tuple[str, bool, bool]]:
    """(precision, graph, compile) worth timing before anything is compiled; the eager one first."""
    asked, gpu = step.asked, step.device.type == "cuda"
    precisions = [asked["precision"] or "fp32"]
    if gpu and asked["precision"] is None:
        precisions.append(devices.half_precision(step.device))
    graphs = [False, True] if gpu and asked["graph"] is None else [bool(asked["graph"])]
    ways = [(p, g, bool(asked["compile"])) for p in precisions for g in graphs]
    return [way for way in ways if way[:2] != ("fp16", True)]  # its scaler asks the device


def _named(way: tuple[str, bool, bool]) -> dict:
    return dict(zip(("precision", "graph", "compile"), way, strict=True))


def _race(step: Tunable, batch: Batch, ways: list, rounds: int = ROUNDS) -> dict[tuple, float]:
    """Median seconds of a step, by way; in turn, so that other work disturbs all alike.

    A way that fell back is infinitely slow: what it fell back to is timed as itself.
    """
    times, kept = {way: [] for way in ways}, {}
    for _ in range(rounds + 1):  # the first of each warms up
        for way in ways:
            if times[way][-1:] == [float("inf")]:
                continue
            step.execute(**_named(way))
            step._ready = kept.get(way, {})
            started = time.perf_counter()
            step(batch)["gen"].item()  # waits for the device
            spent = time.perf_counter() - started
            kept[way] = step._ready
            fell_back = any(step.execution[name] != value for name, value in _named(way).items())
            times[way].append(float("inf") if fell_back else spent)
    return {way: statistics.median(values[1:] or values) for way, values in times.items()}


WARM_UP = 3  # steps before a capture: cuDNN chooses its kernels, the allocator its blocks


class Saved:
    """A copy of all that a step's next update depends on, random numbers included."""

    def __init__(self, step):
        self.step, self.random = step, random_state()
        self.state = copy.deepcopy(step.state_dict())
        # an update that breaks off may leave a network frozen
        weights = [p for name in step.networks for p in step.network(name).parameters()]
        self.frozen = [(p, p.requires_grad) for p in weights]

    def put_back(self, forget: bool = False) -> None:
        """The step as it was, in the tensors that it has now: a graph knows their addresses.

        ``forget`` also drops the zeros of an optimiser that had not moved yet.
        """
        step, state = self.step, self.state
        for name in (*step.networks, *step.averages()):
            step.network(name).load_state_dict(state[name])
        for name in ("opt_gen", "opt_disc"):
            optimiser = getattr(step, name).optimizer
            _put_back(optimiser, state[name]["state"], forget)
            set_rate(optimiser, state[name]["param_groups"][0]["lr"])  # all groups have one
        for name in step.pools():
            getattr(step, name).load_state_dict(state[name], step.device)
        if step.accelerator.scaler and state["scaler"]:
            step.accelerator.scaler.load_state_dict(state["scaler"])
        step.steps = state["steps"]
        for p, learns in self.frozen:
            p.requires_grad_(learns)
        for optimiser in (step.opt_gen, step.opt_disc):
            optimiser.zero_grad()
        set_random_state(self.random)


def _put_back(optimiser: torch.optim.Optimizer, saved: dict, forget: bool) -> None:
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for number, p in enumerate(parameters):
        before = saved.get(number)
        if before is None and forget:
            optimiser.state.pop(p, None)
            continue
        for name, value in optimiser.state[p].items():
            if before is None:  # Adam begins with zeros, its counter too
                value.zero_()
            else:
                value.copy_(before[name])


class Graph:
    """``step.update`` recorded for batches like ``batch``; calling it replays it on another one.

    ``saved`` is the state before; the warm-up is undone with it. The recording itself moves
    nothing. Raises ``RuntimeError`` where a part of the step cannot be captured.
    """

    def __init__(self, step, batch, saved: Saved):
        single = isinstance(batch, Tensor)
        parts = (batch,) if single else batch
        self.inputs = tuple(part.to(step.device, copy=True) for part in parts)
        inputs = self.inputs[0] if single else self.inputs
        step.make_static(inputs)
        here, side = torch.cuda.current_stream(), torch.cuda.Stream()
        side.wait_stream(here)
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                step.update(inputs)
        here.wait_stream(side)
        saved.put_back()
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            terms = step.update(inputs)
            self.values = torch.stack([value.detach().float() for value in terms.values()])
        self.names = tuple(terms)

    def __call__(self, batch) -> dict[str, Tensor]:
        parts = (batch,) if isinstance(batch, Tensor) else batch
        for mine, theirs in zip(self.inputs, parts, strict=True):
            mine.copy_(theirs, non_blocking=True)
        self.graph.replay()
        # a copy: the next replay writes to the same place, and terms are fetched every few steps
        return dict(zip(self.names, self.values.clone().unbind(), strict=True))


def make_capturable(optimisers, device) -> None:
    """Learning rates as tensors, which a replay reads anew, and Adams that may be captured."""
    for optimiser in optimisers:
        optimiser.optimizer._warned_capturable_if_run_uncaptured = True  # as the warm-up does
        for group in optimiser.param_groups:
            group["capturable"] = True
            group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32).to(device)


def make_plain(optimisers) -> None:
    """What ``make_capturable`` changed, as it was."""
    for group in (group for optimiser in optimisers for group in optimiser.param_groups):
        group["capturable"] = False
        group["lr"] = float(group["lr"])


def set_rate(optimiser, rate: float) -> None:
    """The learning rate of all groups; one that is a tensor, as a graph needs it, stays one."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def optimiser_state(optimiser) -> dict:
    """``state_dict`` with learning rates as numbers: it is read on other devices, too."""
    state = optimiser.state_dict()
    for group in state["param_groups"]:
        group["lr"] = float(group["lr"])
    return state


def load_optimiser(optimiser, state: dict) -> None:
    """Take over moments, counters and rates, but not how this optimiser computes."""
    kept = [
        {name: group.get(name) for name in ("lr", "fused", "foreach", "capturable")}
        for group in optimiser.param_groups
    ]
    optimiser.load_state_dict(copy.deepcopy(state))  # else both would move the same moments
    for group, own in zip(optimiser.param_groups, kept, strict=True):
        rate = group["lr"]
        group.update(own)
        group["lr"] = own["lr"].fill_(rate) if isinstance(own["lr"], Tensor) else float(rate)
