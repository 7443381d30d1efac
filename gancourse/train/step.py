"""The contract of a training step: what a model gives, and what it gets for it.

A new GAN is a class that names its networks, builds them, and says in ``update`` what one step
does. State, resuming, averages, the monitor, records and panels work from what stands here.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gancourse import device as devices


class Chart(NamedTuple):
    """Curves that belong into one axis."""

    heading: str
    ylabel: str
    terms: tuple[str, ...]
    limits: tuple[float, float] | None = None


class Probe(NamedTuple):
    """A generator, inputs for it, and real pictures (n, C, H, W) that outputs should be like."""

    generator: str
    inputs: Tensor
    real: Tensor


class Step:
    """One optimiser step of a model; calling it with a batch returns the terms of its losses.

    A subclass gives ``model`` (its file in ``gancourse.models``, and the name in records), the
    attribute names of its ``generators`` and ``discriminators``, ``charts``, and

    - ``__init__(settings, …)``, which ends in ``prepare``;
    - ``update(batch)``: the update of all networks; the terms by name, ``"gen"`` among them;
    - ``sample(inputs, ema)``: uint8 pictures (n, C, H, W) on the CPU;
    - ``probes(images)``: what the monitor looks at.

    Its settings are a frozen dataclass with at least ``ema``, ``beta1`` and ``beta2``, and for the
    monitor ``size``. ``device`` and ``precision`` as in ``gancourse.device``; ``channels_last``,
    a memory layout, is "on", "off" or "auto": on with CUDA. A step is eager, unless an ``executor``
    is hung in: called with a batch, it returns the terms of ``update``; its dict ``execution`` is
    saved with the step and given back to its ``load_state_dict``.
    """

    model = ""
    generators: tuple[str, ...] = ()
    discriminators: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    executor = None

    def __init__(
        self,
        settings,
        device: str = "auto",
        precision: str = "auto",
        channels_last: str | bool = "auto",
    ):
        self.settings, self.precision, self.steps = settings, precision, 0
        self.accelerator = devices.accelerator(device, precision)
        self.device = self.accelerator.device
        # channels_last is for tensor cores; on two CPU cores the published DCGAN's step took 9.7 s
        # in it and 8.5 s without (one run each)
        last = devices.choice("channels_last", channels_last)
        last = self.device.type == "cuda" if last is None else last
        self.layout = torch.channels_last if last else torch.contiguous_format

    def __call__(self, batch: Tensor | tuple[Tensor, ...]) -> dict[str, Tensor]:
        terms = self.executor(batch) if self.executor else self.update(batch)
        self.steps += 1
        self.average()
        return {name: value.detach() for name, value in terms.items()}

    @property
    def networks(self) -> tuple[str, ...]:
        """All trained networks, generators first."""
        return self.generators + self.discriminators

    def network(self, name: str) -> nn.Module:
        """One of the networks by name, without Accelerate's wrapping."""
        return self.accelerator.unwrap_model(getattr(self, name))

    def optimisers(self) -> list:
        """Accelerate's, around PyTorch's."""
        return [self.opt_gen, self.opt_disc]

    def pools(self) -> tuple[str, ...]:
        """Names of the image pools."""
        return ()

    def variant(self) -> object:
        """What ``update`` branches on besides its batch: one CUDA graph for each value."""
        return None

    def prepare(self, networks: dict[str, nn.Module], lr_gen: float, lr_disc: float) -> None:
        """Put ``networks`` on the device, as attributes, with an Adam for each side.

        ``opt_gen`` moves all generators, ``opt_disc`` all discriminators. Where the settings keep
        an average (``ema`` above 0), a copy of each generator is made for it.
        """
        s = self.settings
        if s.ema:
            for name in self.generators:
                average = copy.deepcopy(networks[name]).to(self.device)
                setattr(self, average_of(name), average.eval().requires_grad_(False))
        placed = [networks[name].to(memory_format=self.layout) for name in self.networks]
        gen_weights, disc_weights = [], []
        for name in self.generators:
            gen_weights += networks[name].parameters()
        for name in self.discriminators:
            disc_weights += networks[name].parameters()
        # fused: one pass over the weights, of which the published networks have 57 million
        fused = self.device.type in ("cpu", "cuda")
        opt_gen = torch.optim.Adam(gen_weights, lr_gen, (s.beta1, s.beta2), fused=fused)
        opt_disc = torch.optim.Adam(disc_weights, lr_disc, (s.beta1, s.beta2), fused=fused)
        *placed, self.opt_gen, self.opt_disc = self.accelerator.prepare(*placed, opt_gen, opt_disc)
        for name, network in zip(self.networks, placed, strict=True):
            setattr(self, name, network)
        self.rates = (lr_gen, lr_disc)

    def probes(self, images: list[Tensor]) -> list[Probe]:
        """What the monitor shows the generators.

        ``images``: float (n, C, H, W) in [-1, 1] on the CPU, one for each of ``batches.sets``.
        """
        raise NotImplementedError

    def ways_back(self) -> dict[str, str]:
        """Generator → the generator that should undo it."""
        return {}

    def average(self) -> None:
        """Move the averages of the generators' weights, where the settings keep them."""
        if not self.settings.ema:
            return
        # short memory first: the average must forget the random start
        decay = min(self.settings.ema, (1 + self.steps) / (10 + self.steps))
        for name in self.generators:
            update_ema(getattr(self, average_of(name)), self.network(name), decay)

    def averages(self) -> tuple[str, ...]:
        """Names of the averaged generators, where the settings keep them."""
        return tuple(average_of(name) for name in self.generators) if self.settings.ema else ()

    def shown(self, name: str, average: bool = True) -> nn.Module:
        """The generator to look at: its averaged weights where there are any, else its own."""
        if average and self.settings.ema:
            return getattr(self, average_of(name))
        return self.network(name)

    def set_rate(self, factor: float) -> float:
        """Both learning rates to ``factor`` of those that the settings say; returns the factor."""
        for optimiser, rate in zip(self.optimisers(), self.rates, strict=True):
            set_rate(optimiser, rate * factor)
        return factor

    def state_dict(self) -> dict:
        """Networks, averages, optimisers, pools and counter: all that the next step depends on."""
        state = {
            name: self.network(name).state_dict() for name in (*self.networks, *self.averages())
        }
        state["opt_gen"] = _optimiser_state(self.opt_gen)
        state["opt_disc"] = _optimiser_state(self.opt_disc)
        for name in self.pools():
            state[name] = getattr(self, name).state_dict()
        scaler = self.accelerator.scaler
        state["scaler"] = scaler.state_dict() if scaler else {}  # fp16's
        state["steps"] = self.steps
        if self.executor:
            state["execution"] = dict(self.executor.execution)
        return state

    def load_state_dict(self, state: dict) -> None:
        """Take over what ``state_dict`` returned."""
        for name in (*self.networks, *self.averages()):
            self.network(name).load_state_dict(state[name])
        self.steps = state["steps"]
        if self.executor:
            self.executor.load_state_dict(state.get("execution", {}))
        if self.accelerator.scaler and state["scaler"]:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        _load_optimiser(self.opt_gen, state["opt_gen"])
        _load_optimiser(self.opt_disc, state["opt_disc"])
        for name in self.pools():
            getattr(self, name).load_state_dict(state[name], self.device)


def set_rate(optimiser, rate: float) -> None:
    """The learning rate of all groups; one that is a tensor, as a graph needs it, stays one."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def _optimiser_state(optimiser) -> dict:
    """``state_dict`` with learning rates as numbers: it is read on other devices, too."""
    state = optimiser.state_dict()
    for group in state["param_groups"]:
        group["lr"] = float(group["lr"])
    return state


def _load_optimiser(optimiser, state: dict) -> None:
    """Take over moments, counters and rates, but not how this optimiser computes."""
    kept = []
    for group in optimiser.param_groups:
        kept.append({name: group.get(name) for name in ("lr", "fused", "foreach", "capturable")})
    optimiser.load_state_dict(copy.deepcopy(state))  # else both would move the same moments
    for group, own in zip(optimiser.param_groups, kept, strict=True):
        group.update(own)
    set_rate(optimiser, state["param_groups"][0]["lr"])  # all groups have one


def average_of(generator: str) -> str:
    """The attribute of a generator's average: ``gen_ab`` → ``ema_ab``, ``paint`` → ``ema_paint``.

    Never the generator's own name: the one would take the other's place.
    """
    return generator.replace("gen", "ema", 1) if "gen" in generator else f"ema_{generator}"


@torch.no_grad()
def update_ema(average: nn.Module, network: nn.Module, decay: float) -> None:
    """A running average of a network's weights, moved by one step; steadier than the last weights.

    average ← decay · average + (1 - decay) · network, for parameters and float buffers.
    """
    mine = [*average.parameters(), *average.buffers()]
    theirs = [*network.parameters(), *network.buffers()]
    floats = [pair for pair in zip(mine, theirs, strict=True) if pair[0].is_floating_point()]
    averaged = [a for a, _ in floats]
    torch._foreach_lerp_(averaged, [b for _, b in floats], 1 - decay)
    for a, b in zip(mine, theirs, strict=True):
        if not a.is_floating_point():  # batch norm's counter
            a.copy_(b)
