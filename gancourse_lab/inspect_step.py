"""What the monitor looks at: the parts of a run, and one step of it from inside."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from operator import itemgetter

import torch
from torch import Tensor, nn

from gancourse.data.images import to_float
from gancourse.device import apart
from gancourse.errors import GancourseError
from gancourse.train.dcgan import sample_z
from gancourse.train.loop import Run
from gancourse_lab import flags

REALS = 64  # real images that the samples are compared with
PROBES = {"dcgan": 32, "cyclegan": 4}  # latents, or images of each domain, that G is shown
# Steps before samples are judged. Every generator starts out grey, and with one pattern in all of
# its pictures. A CycleGAN's upsampling draws a checkerboard at first, and its reference trains
# 267,000 steps: there 1,000 are early.
SETTLED = {"dcgan": 150, "cyclegan": 1000}
# Steps before a sample is taken at all: a CycleGAN's cycle can be judged sooner. In recorded
# healthy runs the way back is nearer than another picture after 90 steps at the latest.
SAMPLED = {"dcgan": SETTLED["dcgan"], "cyclegan": 100}
Reading = tuple[str, float, str]  # name of the sign, value, where


class Watched:
    """Networks, optimisers, real images and probes of a run; nothing in it moves.

    Raises ``GancourseError`` for a step without the parts of a ``DCGANStep`` or ``CycleGANStep``.
    """

    def __init__(self, run: Run):
        step = self.step = run.step
        parts = {name: part for name, part in vars(step).items() if name != "ema"}
        self.networks = {  # a loss or a feature network may be a module, too: not ours to judge
            name: part
            for name, part in parts.items()
            if isinstance(part, nn.Module) and name.split("_")[0] in ("gen", "disc")
        }
        self.settings = parts.get("settings")
        kinds = {name.split("_")[0] for name in self.networks}
        if not {"gen", "disc"} <= kinds or not {"opt_gen", "opt_disc", "settings"} <= set(parts):
            raise GancourseError(
                "The monitor watches DCGANStep and CycleGANStep, or a step with their parts: "
                "networks gen… and disc…, opt_gen, opt_disc and settings. "
                f"{type(step).__name__} has {', '.join(parts) or 'none of them'}."
            )
        self.optimisers = {
            kind: getattr(
                parts[f"opt_{kind}"], "optimizer", parts[f"opt_{kind}"]
            )  # in Accelerate's
            for kind in ("gen", "disc")
        }
        self.model = "cyclegan" if "gen_ab" in self.networks else "dcgan"
        self._read(run.batches)

    def _read(self, batches) -> None:
        """Real images, as they are and as D is shown them, and the probes."""
        with apart():
            number = math.ceil(REALS / batches.batch_size)
            several = list(itertools.islice(batches.read(batches.order()), number))
        self.shown = torch.cat([x for b in several for x in (b if isinstance(b, tuple) else (b,))])
        pair = self.model == "cyclegan"
        sets = (batches.images_a, batches.images_b) if pair else (batches.images,)
        images = [to_float(self._some(s)) for s in sets]
        self.real = images[::-1]  # what G makes of A should look like B
        self.real_grey = [max(flags.grey_patches(x), 1) for x in self.real]
        self.probes = [x[: PROBES["cyclegan"]] for x in images]
        if not pair:
            fixed = torch.Generator().manual_seed(0)
            z = sample_z(PROBES["dcgan"], self.settings, torch.device("cpu"), fixed)
            self.probes = [z]

    def _some(self, images) -> Tensor:
        """Up to REALS images spread evenly over a set, cut to the networks' size, on the CPU."""
        n, size = len(images), self.settings.size
        index = torch.arange(min(n, REALS)) * n // min(n, REALS)
        found = next(iter(images.batches([index]))).cpu()
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
        return {name: net for name, net in self.networks.items() if rates[name.split("_")[0]]}

    def structure(self, steps: int) -> Iterator[Reading]:
        """Readings of state, data and layers after ``steps`` steps."""
        kinds = {name.split("_")[0] for name in self.training()}
        adams = [optimiser for kind, optimiser in self.optimisers.items() if kind in kinds]
        layers = [m for name, n in self.networks.items() if name[:3] == "gen" for m in n.modules()]
        if not steps and not any(adam.state for adam in adams):
            # without a history, batch norm's counter tells a trained generator from a fresh one
            counters = (getattr(layer, "num_batches_tracked", None) for layer in layers)
            steps = max((int(c) for c in counters if c is not None), default=0)
        yield "optimiser state lost", *flags.lost_steps(steps, adams)
        if any(isinstance(layer, nn.Tanh) for layer in layers):
            yield "wrong value range", *flags.value_range(self.shown)
        yield "norm's eps", *flags.largest_eps(self.networks)

    def samples(self) -> list[Tensor]:
        """What the generators make of the probes: (n, C, H, W) each, in the order of ``real``."""
        names = ("gen_ab", "gen_ba") if self.model == "cyclegan" else ("gen",)
        return [self.paint(name, x) for name, x in zip(names, self.probes, strict=True)]

    @torch.no_grad()
    def paint(self, name: str, inputs: Tensor) -> Tensor:
        """A generator's output on the CPU, in the mode in which it trains."""
        network = self.networks[name]
        kept = [(buffer, buffer.clone()) for buffer in network.buffers()]  # running statistics
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
        self.last = {n: list(net.parameters())[-1] for n, net in nets.items() if n[:3] == "gen"}
        self._keep()
        gen, disc = (watched.optimisers[kind] for kind in ("gen", "disc"))
        self.hooks = [
            gen.register_step_post_hook(lambda *_: self._keep()),
            disc.register_step_pre_hook(lambda *_: self._compare()),
            *(
                layer.register_forward_hook(self._fired(f"{network}.{name}"))
                for network, net in nets.items()
                for name, layer in net.named_modules()
                if isinstance(layer, nn.ReLU)
            ),
        ]

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
            if self.watched.model == "cyclegan":
                yield "cycle does not close", self._unclosed(*after), ""
            if steps >= SETTLED[self.watched.model]:
                yield from self._of_samples(after)

    def _of_samples(self, after: list[Tensor]) -> Iterator[Reading]:
        triples = list(zip(self.before, after, self.watched.real, strict=True))
        yield "learning rate too high", max(flags.jump(b, a, r) for b, a, r in triples), ""
        yield "checkerboard", *max((flags.comb(a) for a in after), key=itemgetter(0))
        grey = zip(after, self.watched.real_grey, strict=True)
        yield "augmentation leaks", max(flags.grey_patches(a) / real for a, real in grey), ""
        yield "mode collapse", min(flags.diversity(a, r) for _, a, r in triples), ""

    def _unclosed(self, fake_b: Tensor, fake_a: Tensor) -> float:
        """Mean over the ways that the objective closes; over both where it closes none."""
        (x, y), (real_b, real_a) = self.watched.probes, self.watched.real
        ways = {"forward": ("gen_ba", fake_b, x, real_a), "backward": ("gen_ab", fake_a, y, real_b)}
        way = ways.get(self.watched.settings.direction)
        found = [
            flags.unclosed(self.watched.paint(net, fake), image, real)
            for net, fake, image, real in ([way] if way else ways.values())
        ]
        return sum(found) / len(found)
