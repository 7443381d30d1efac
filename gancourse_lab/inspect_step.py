"""What the monitor looks at: the parts of a run, and one step of it from inside."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gancourse.data.sets import to_float
from gancourse.device import apart
from gancourse.errors import GancourseError
from gancourse.train.loop import Run
from gancourse.train.step import Step
from gancourse_lab import flags

REALS = 64  # real images that the samples are compared with


class Pace(NamedTuple):
    """When a model's samples can be judged."""

    # Steps before samples are judged: every generator starts out grey, and with one pattern in all
    # of its pictures.
    settled: int = 150
    sampled: int = 150  # steps before a sample is taken at all
    price: int = 16  # a look costs about as much as a step of this many images: benchmarks/monitor


# A CycleGAN's upsampling draws a checkerboard at first, and its reference trains 267,000 steps:
# there 1,000 are early. Its cycle can be judged sooner: in recorded healthy runs the way back is
# nearer than another picture after 90 steps at the latest.
PACES = {"cyclegan": Pace(settled=1000, sampled=100, price=2)}
Reading = tuple[str, float, str]  # name of the sign, value, where


class Watched:
    """Networks, optimisers, real images and probes of a run; nothing in it moves.

    Raises ``GancourseError`` for a step that is no ``gancourse.train.step.Step``.
    """

    def __init__(self, run: Run):
        step = self.step = run.step
        if not isinstance(step, Step):
            raise GancourseError(
                "The monitor watches a gancourse.train.step.Step: it names its networks, "
                f"optimisers and probes. {type(step).__name__} does not."
            )
        self.networks = {name: getattr(step, name) for name in step.networks}
        self.settings = step.settings
        # Accelerate's, around PyTorch's
        self.optimisers = {"gen": step.opt_gen.optimizer, "disc": step.opt_disc.optimizer}
        self.pace = PACES.get(step.model, Pace())
        with apart():
            number = math.ceil(REALS / run.batches.batch_size)
            several = list(itertools.islice(run.batches.read(run.batches.order()), number))
        shown = []  # as D is shown them
        for batch in several:
            shown.extend(batch if isinstance(batch, tuple) else (batch,))
        self.shown = torch.cat(shown)
        images = [to_float(self._some(s)) for s in run.batches.sets]
        self.probes = step.probes(images)
        self.real_grey = [max(flags.grey_patches(probe.real), 1) for probe in self.probes]

    def _some(self, images) -> Tensor:
        """Up to REALS images spread evenly over a set, cut to the networks' size, on the CPU."""
        n, size = len(images), self.settings.size
        index = torch.arange(min(n, REALS)) * n // min(n, REALS)
        found = images.images[index].cpu()
        top, left = ((side - size) // 2 for side in found.shape[-2:])
        return found[..., top : top + size, left : left + size]

    def scale(self) -> float:
        """What fp16 multiplies its loss by; a step that overflows is left out and halves it."""
        scaler = getattr(getattr(self.step, "accelerator", None), "scaler", None)
        return scaler.get_scale() if scaler else 1.0

    def training(self) -> dict[str, nn.Module]:
        """The networks that this run should change."""
        rates = {k: any(g["lr"] > 0 for g in o.param_groups) for k, o in self.optimisers.items()}
        rates["disc"] &= getattr(self.settings, "adversarial", True)
        names = self.step.generators if rates["gen"] else ()
        if rates["disc"]:
            names = names + self.step.discriminators
        return {name: self.networks[name] for name in names}

    def structure(self, steps: int) -> Iterator[Reading]:
        """Readings of state, data and layers after ``steps`` steps."""
        trained = self.training()
        adams = []
        if set(trained) & set(self.step.generators):
            adams.append(self.optimisers["gen"])
        if set(trained) & set(self.step.discriminators):
            adams.append(self.optimisers["disc"])
        layers = [m for name in self.step.generators for m in self.networks[name].modules()]
        if not steps and not any(adam.state for adam in adams):
            # without a history, batch norm's counter tells a trained generator from a fresh one
            counters = (getattr(layer, "num_batches_tracked", None) for layer in layers)
            steps = max((int(c) for c in counters if c is not None), default=0)
        yield "optimiser state lost", *flags.lost_steps(steps, adams)
        if any(isinstance(layer, nn.Tanh) for layer in layers):
            yield "wrong value range", *flags.value_range(self.shown)
        yield "norm's eps", *flags.largest_eps(self.networks)

    def samples(self) -> list[Tensor]:
        """What the generators make of the probes: (n, C, H, W) each."""
        return [self.paint(probe.generator, probe.inputs) for probe in self.probes]

    @torch.no_grad()
    def paint(self, name: str, inputs: Tensor) -> Tensor:
        """A generator's output on the CPU, in the mode in which it trains."""
        network = self.networks[name]
        kept = [(buffer, buffer.clone()) for buffer in network.buffers()]  # running statistics
        with apart():  # dropout draws, too: nothing of the run's, and the same units every time
            torch.manual_seed(0)
            output = network(inputs.to(self.step.device)).float().cpu()
        for buffer, old in kept:
            buffer.copy_(old)
        return output


class Look:
    """One step, looked into: made before the step, ``close``d after it, then read."""

    def __init__(self, watched: Watched, samples: bool = False):
        self.watched, self.leak, self.scale = watched, (0.0, ""), watched.scale()
        self.before = watched.samples() if samples else None
        self.sizes = {name: flags.sizes(net) for name, net in watched.training().items()}
        self.activity: dict[str, Tensor] = {}
        nets = watched.networks
        # of each generator the tensor next to the image: gradients come from there
        self.last = {n: list(nets[n].parameters())[-1] for n in watched.step.generators}
        self._keep()
        gen, disc = watched.optimisers["gen"], watched.optimisers["disc"]
        self.hooks = [
            gen.register_step_post_hook(lambda *_: self._keep()),
            disc.register_step_pre_hook(lambda *_: self._compare()),
        ]
        for network, net in nets.items():
            for name, layer in net.named_modules():
                if isinstance(layer, nn.ReLU):
                    hook = self._fired(f"{network}.{name}")
                    self.hooks.append(layer.register_forward_hook(hook))

    def close(self) -> None:
        """Take all hooks off again."""
        for hook in self.hooks:
            hook.remove()

    def _keep(self) -> None:
        """G's gradient as its own update leaves it."""
        self.grads = {k: None if p.grad is None else p.grad.clone() for k, p in self.last.items()}

    def _compare(self) -> None:
        """Before D's update G's gradient is gone or as it was kept; else D's loss has reached G."""
        scale = self.watched.scale()  # only D's gradients have been divided by it
        for name, p in self.last.items():
            if p.grad is not None and p.grad.any():
                kept = self.grads[name]
                change = p.grad if kept is None else p.grad - kept
                self.leak = max(self.leak, (float(change.norm()) / scale, name))

    def _fired(self, name: str) -> Callable:
        def hook(layer, inputs, output):
            share = (output.detach() > 0).float().mean([0, *range(2, output.ndim)])
            seen = self.activity.get(name)
            self.activity[name] = share if seen is None else torch.maximum(seen, share)

        return hook

    def readings(self, steps: int) -> Iterator[Reading]:
        """What the step showed, being the run's number ``steps``; causes before symptoms."""
        if self.watched.scale() < self.scale:
            return  # a step that moved nothing says nothing
        nets = self.watched.networks
        moved = {name: flags.movement(old, nets[name]) for name, old in self.sizes.items()}
        if moved:
            least = min(moved, key=moved.get)
            yield "network stands still", moved[least], least
        yield "fakes not detached", *self.leak
        yield "dead ReLUs", *flags.silent_channels(self.activity)
        if self.before is not None:
            after = self.watched.samples()
            if self.watched.step.ways_back():
                yield "cycle does not close", self._unclosed(after), ""
            if steps >= self.watched.pace.settled:
                yield from self._of_samples(after)

    def _of_samples(self, after: list[Tensor]) -> Iterator[Reading]:
        reals = [probe.real for probe in self.watched.probes]
        triples = list(zip(self.before, after, reals, strict=True))
        yield "learning rate too high", max(flags.jump(b, a, r) for b, a, r in triples), ""
        yield "checkerboard", *max((flags.comb(a) for a in after), key=itemgetter(0))
        grey = zip(after, self.watched.real_grey, strict=True)
        yield "augmentation leaks", max(flags.grey_patches(a) / real for a, real in grey), ""
        yield "mode collapse", min(flags.diversity(a, r) for _, a, r in triples), ""

    def _unclosed(self, after: list[Tensor]) -> float:
        """Mean over the ways that the objective closes."""
        found = []
        for probe, fake in zip(self.watched.probes, after, strict=True):
            back = self.watched.step.ways_back().get(probe.generator)
            if back:
                again = self.watched.paint(back, fake)
                real = next(p.real for p in self.watched.probes if p.generator == back)
                found.append(flags.unclosed(again, probe.inputs, real))
        return sum(found) / len(found)
