"""One CUDA graph for a whole training step, and what it needs: a state that keeps its addresses.

A step of small networks is hundreds of kernels of some microseconds each, and launching them one
by one costs more than running them. A graph is recorded once and launched as one.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from .checkpoint import random_state, set_random_state

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
