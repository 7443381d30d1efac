"""How a step is carried out: in which precision, compiled or not, as one CUDA graph or not.

A step's ``update`` is its definition. What is here calls it and repeats none of it; ``tune`` times
the ways of calling it and keeps the fastest. ``gancourse train`` does, the chapters do not.
"""

from __future__ import annotations

import contextlib
import copy
import statistics
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from gancourse import device as devices
from gancourse.device import random_state, set_random_state
from gancourse.errors import GancourseError
from gancourse.train.pool import ImagePool
from gancourse.train.step import Step, set_rate

# Compiling costs one to two minutes; it saved 3 to 50 % of a step where it was measured. A run that
# would not win the two minutes back with a tenth does not try.
COMPILE_SECONDS, LEAST_SAVING = 120.0, 0.1
ROUNDS = 5  # timed steps of each way, in turn; the median counts
WARM_UP = 3  # steps before a capture: cuDNN chooses its kernels, the allocator its blocks
Batch = Tensor | tuple[Tensor, ...]


class Executor:
    """Carries out a ``step``: from now on calling the step calls this.

    ``compile`` and ``graph`` are "on", "off" or "auto": off until ``tune`` finds that it pays;
    a precision that the step was given stays, else it is fp32 until then. ``execution`` says what
    is done; the step's checkpoints keep it. Raises ``GancourseError`` for a graph without CUDA.
    """

    def __init__(self, step: Step, compile: str | bool = "auto", graph: str | bool = "auto"):
        self.step = step
        self.asked = {
            "precision": None if step.precision == "auto" else step.precision,
            "compile": devices.choice("compile", compile),
            "graph": devices.choice("graph", graph),
        }
        if self.asked["graph"] and step.device.type != "cuda":
            raise GancourseError(f"graph='on' needs a CUDA device, not {step.device.type}.")
        self.execution = {
            "precision": devices.pick_precision(step.device, step.precision),
            "compile": bool(self.asked["compile"]),
            "graph": bool(self.asked["graph"]),
            "seconds": None,
        }
        self.settled = False  # by ``tune``, or by the checkpoint that the run goes on from
        self._ready: dict[tuple, Graph | None] = {}
        self._fasts: dict[tuple, Callable] = {}
        step.executor = self

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of the step's ``update``."""
        step = self.step
        if not (self.execution["compile"] or self.execution["graph"]) or self._watched():
            return step.update(batch)
        key = step.variant(), tuple(part.shape for part in _parts(batch))
        if key not in self._ready:
            self._first(key, batch)
        graph = self._ready[key]
        with self._compiled():
            return graph(batch) if graph else step.update(batch)

    def make_static(self, batch: Batch) -> None:
        """Before a capture: learning rates and pools become tensors, which a replay reads anew."""
        step = self.step
        make_capturable(step.optimisers(), step.device)
        for name, like in zip(step.pools(), _parts(batch), strict=False):
            setattr(step, name, DevicePool(getattr(step, name), like))

    def make_dynamic(self) -> None:
        """What ``make_static`` changed, as it was."""
        step = self.step
        make_plain(step.optimisers())
        for name in step.pools():
            pool = ImagePool(getattr(step, name).size)
            pool.load_state_dict(getattr(step, name).state_dict(), step.device)
            setattr(step, name, pool)

    def _nets(self) -> list:
        return [getattr(self.step, name) for name in self.step.networks]

    def _watched(self) -> bool:
        """Whether a layer or an optimiser has hooks: only the step as written calls them."""
        layers = [layer for net in self._nets() for layer in net.modules()]
        inner = [optimiser.optimizer for optimiser in self.step.optimisers()]
        return any(layer._forward_hooks or layer._forward_pre_hooks for layer in layers) or any(
            o._optimizer_step_pre_hooks or o._optimizer_step_post_hooks for o in inner
        )

    def _first(self, key: tuple, batch: Batch) -> None:
        """Compile and capture for batches of this kind; the run itself stays where it is."""
        self._ready[key] = None
        saved = Saved(self.step)
        try:
            if self.execution["compile"]:
                with self._or_not("compile"), self._compiled():
                    self.step.update(batch)
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
        nets = self._nets() if self.execution["compile"] else []
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
        step, nets = self.step, self._nets()
        for net in nets:
            step.accelerator.unwrap_model(net, keep_fp32_wrapper=False)
            net.__dict__.pop("_is_accelerate_prepared", None)
        inner = [optimiser.optimizer for optimiser in step.optimisers()]
        step.accelerator = devices.accelerator(str(step.device), precision)
        *_, step.opt_gen, step.opt_disc = step.accelerator.prepare(*nets, *inner)

    def tune(self, batches, steps: int = 0, minutes: float | None = None) -> dict:
        """Choose the fastest execution for a run of ``steps`` steps, or ``minutes``, by timing it.

        Takes the first of ``batches`` and some seconds; where compiling may pay over the run, one
        to two minutes more. Weights, optimisers, pools and random numbers are as before
        afterwards. What was tuned, or goes on from a checkpoint, stays as it is.
        Returns ``execution``: ``precision``, ``compile``, ``graph``, ``seconds`` a step (None:
        there was nothing to choose from).
        """
        ways = _ways(self)
        compiles = self.asked["compile"] is None
        several = self.step.accelerator.num_processes > 1
        if self.settled or several or len(ways) == 1 and not compiles:
            return self.execution
        saved = Saved(self.step)
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

    def load_state_dict(self, state: dict) -> None:
        """Take over the ``execution`` of a checkpoint, unless device or arguments say otherwise.

        ``state`` is empty for a checkpoint of a step that no executor carried out.
        """
        found = dict(state)
        if found and self.step.device.type != "cuda":
            found |= {"graph": False, "precision": self.execution["precision"]}
        for name, asked in self.asked.items():
            if asked is not None:
                found[name] = asked
        self.settled = bool(state)
        self.execute(**found)


def _parts(batch: Batch) -> tuple[Tensor, ...]:
    return (batch,) if isinstance(batch, Tensor) else tuple(batch)


def half_precision(device: torch.device) -> str:
    """``bf16`` where the CUDA device computes in it (Ampere, 2020, and later), else ``fp16``."""
    return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"


def _ways(executor: Executor) -> list[tuple[str, bool, bool]]:
    """(precision, graph, compile) worth timing before anything is compiled; the eager one first."""
    asked, device = executor.asked, executor.step.device
    gpu = device.type == "cuda"
    precisions = [asked["precision"] or "fp32"]
    if gpu and asked["precision"] is None:
        precisions.append(half_precision(device))
    graphs = [False, True] if gpu and asked["graph"] is None else [bool(asked["graph"])]
    ways = [(p, g, bool(asked["compile"])) for p in precisions for g in graphs]
    return [way for way in ways if way[:2] != ("fp16", True)]  # its scaler asks the device


def _named(way: tuple[str, bool, bool]) -> dict:
    return dict(zip(("precision", "graph", "compile"), way, strict=True))


def _race(executor: Executor, batch: Batch, ways: list, rounds: int = ROUNDS) -> dict[tuple, float]:
    """Median seconds of a step, by way; in turn, so that other work disturbs all alike.

    A way that fell back is infinitely slow: what it fell back to is timed as itself.
    """
    times, kept = {way: [] for way in ways}, {}
    for _ in range(rounds + 1):  # the first of each warms up
        for way in ways:
            if times[way][-1:] == [float("inf")]:
                continue
            executor.execute(**_named(way))
            executor._ready = kept.get(way, {})
            started = time.perf_counter()
            executor.step(batch)["gen"].item()  # waits for the device
            spent = time.perf_counter() - started
            kept[way] = executor._ready
            now = executor.execution
            fell_back = any(now[name] != value for name, value in _named(way).items())
            times[way].append(float("inf") if fell_back else spent)
    return {way: statistics.median(values[1:] or values) for way, values in times.items()}


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
    """A step's ``update`` recorded for batches like ``batch``; a call replays it on another one.

    ``saved`` is the state before; the warm-up is undone with it. The recording itself moves
    nothing. Raises ``RuntimeError`` where a part of the step cannot be captured.
    """

    def __init__(self, executor: Executor, batch: Batch, saved: Saved):
        step, single = executor.step, isinstance(batch, Tensor)
        self.inputs = tuple(part.to(step.device, copy=True) for part in _parts(batch))
        inputs = self.inputs[0] if single else self.inputs
        executor.make_static(inputs)
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
        for mine, theirs in zip(self.inputs, _parts(batch), strict=True):
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


class DevicePool(ImagePool):
    """The same pool as one tensor; nothing is decided in Python, so a CUDA graph can hold it.

    Takes over the images of ``pool``; ``like`` (N, C, H, W) says what the coming ones look like.
    """

    def __init__(self, pool: ImagePool, like: Tensor):
        self.size = pool.size
        self.store = like.new_zeros(pool.size, *like.shape[1:])
        self.count = torch.zeros(1, dtype=torch.long, device=like.device)
        self.load_state_dict(pool.state_dict())

    def query(self, images: Tensor) -> Tensor:
        """Fakes (N, C, H, W), without gradient, → as many, from now or earlier."""
        images = images.detach()
        if self.size == 0:
            return images
        draws = torch.rand(len(images), 1, device=images.device)
        places = torch.randint(self.size, (len(images), 1), device=images.device)
        chosen = []
        for image, draw, place in zip(images, draws, places, strict=True):
            full = self.count >= self.size
            at = torch.where(full, place, self.count)
            older, swap = self.store[at], full & (draw < 0.5)
            chosen.append(torch.where(swap, older, image))
            self.store.index_copy_(0, at, torch.where(full & ~swap, older, image))
            self.count += ~full
        return torch.cat(chosen)

    def state_dict(self) -> dict:
        return {"images": self.store[: int(self.count)].clone()}

    def load_state_dict(self, state: dict, device: torch.device | str = "cpu") -> None:
        found = state["images"]
        self.count.fill_(len(found))
        if len(found):
            self.store[: len(found)] = found
