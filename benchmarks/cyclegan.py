"""The CycleGAN step against a plain transcription of the reference step, and inference."""

from __future__ import annotations

import copy
import itertools
import re
import statistics
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from gancourse import profiles
from gancourse.models import cyclegan
from gancourse.train.cyclegan import CycleGANStep
from gancourse_lab.speed import Executor

from .evaluation import in_a_process
from .training import _seconds, floor_of, row

SIDES = ("ours", "reference")
NETWORKS = ("gen_ab", "gen_ba", "disc_a", "disc_b")
GFLOP = 338  # of the reference's step at 128 px with 6 blocks, one image a domain


class ReferenceStep:
    """The recipe term by term: one forward for each, D frozen in G's step, two D losses halved."""

    def __init__(self, nets, settings):
        self.gen_ab, self.gen_ba, self.disc_a, self.disc_b = nets
        for layer in itertools.chain.from_iterable(net.modules() for net in nets):
            if isinstance(layer, nn.ReLU | nn.LeakyReLU):
                layer.inplace = True  # as the reference has it
        self.s, betas = settings, (settings.beta1, settings.beta2)
        gens = itertools.chain(self.gen_ab.parameters(), self.gen_ba.parameters())
        discs = itertools.chain(self.disc_a.parameters(), self.disc_b.parameters())
        self.opt_gen = torch.optim.Adam(gens, settings.lr, betas)
        self.opt_disc = torch.optim.Adam(discs, settings.lr, betas)

    def __call__(self, reals):
        real_a, real_b = reals
        lam, idt = self.s.lambda_cycle, self.s.lambda_identity
        for disc in (self.disc_a, self.disc_b):
            disc.requires_grad_(False)
        fake_b, fake_a = self.gen_ab(real_a), self.gen_ba(real_b)
        rec_a, rec_b = self.gen_ba(fake_b), self.gen_ab(fake_a)
        t = {
            "idt_b": F.l1_loss(self.gen_ab(real_b), real_b),
            "idt_a": F.l1_loss(self.gen_ba(real_a), real_a),
            "adv_b": (self.disc_b(fake_b) - 1).square().mean(),
            "adv_a": (self.disc_a(fake_a) - 1).square().mean(),
            "cycle_a": F.l1_loss(rec_a, real_a),
            "cycle_b": F.l1_loss(rec_b, real_b),
        }
        t["gen"] = t["adv_a"] + t["adv_b"] + lam * (t["cycle_a"] + t["cycle_b"])
        t["gen"] = t["gen"] + lam * idt * (t["idt_a"] + t["idt_b"])
        self.opt_gen.zero_grad()
        t["gen"].backward()
        self.opt_gen.step()
        for disc in (self.disc_a, self.disc_b):
            disc.requires_grad_(True)
        self.opt_disc.zero_grad()
        for name, disc, real, fake in (
            ("disc_a", self.disc_a, real_a, fake_a),
            ("disc_b", self.disc_b, real_b, fake_b),
        ):
            t[name] = 0.5 * ((disc(real) - 1).square().mean() + disc(fake.detach()).square().mean())
            t[name].backward()
        self.opt_disc.step()
        return t


def cyclegan_step(repeats: int = 3, **overrides) -> dict:
    """Seconds of one step at 128 px with 6 blocks, ours and the reference's."""
    ours, theirs, reals = _pair(overrides)
    found, expected = ours(reals), theirs(reals)
    worst = max(abs(found[k] - v.detach()).item() for k, v in expected.items())
    assert worst < 1e-5 * max(1.0, expected["gen"].item()), f"the two steps differ by {worst:.2g}"
    reference, mine = (
        _seconds(lambda: theirs(reals), repeats),
        _seconds(lambda: ours(reals), repeats),
    )
    floor = None if overrides else floor_of(reference, GFLOP)
    return row("CycleGAN step, 128 px, 6 blocks, batch 1", mine, reference, 1.15, floor)


def _pair(overrides: dict) -> tuple[CycleGANStep, ReferenceStep, list]:
    """Our step, the reference's with the same weights, and one batch for both."""
    changes = {"size": 128, "load_size": 143, "blocks": 6, "pool": 0} | overrides
    settings = profiles.replace(profiles.CycleGANSettings(), **changes)
    torch.manual_seed(0)
    ours = CycleGANStep(settings, device="cpu")
    theirs = ReferenceStep([copy.deepcopy(ours.network(n)) for n in NETWORKS], settings)
    reals = [torch.rand(settings.batch_size, 3, *[settings.size] * 2) * 2 - 1 for _ in "ab"]
    return ours, theirs, reals


def peak_of_steps(which: str) -> None:
    """Print by how many GB two steps raise this process's memory at its peak.

    The kernel's own peak of this process, set back before the steps: ``ru_maxrss`` starts at what
    the parent once held, so that the difference would be 0 under a large parent. Linux only.
    """
    ours, theirs, reals = _pair({})
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    for _ in range(2):
        (ours if which == "ours" else theirs)(reals)
    print((_status("VmHWM") - before) / 1e6)


def _status(field: str) -> int:
    """A field of this process's status in kB."""
    text = Path("/proc/self/status").read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE)[1])


def cyclegan_memory() -> dict:
    """What a step adds to the memory of a fresh process: activations, gradients, Adam's moments."""
    name = "peak memory of the CycleGAN step, 128 px, 6 blocks, batch 1"
    if not Path("/proc/self/clear_refs").exists():
        return row(name, None, None, 1, "not run: the peak is measured on Linux only")
    gb = {w: float(in_a_process("peak_of_steps", w, module="cyclegan")[1][0]) for w in SIDES}
    return row(name, gb["ours"], gb["reference"], 1, "") | {"unit": "GB"}


@torch.no_grad()
def cyclegan_inference() -> dict:
    """Seconds to translate one 256 px image at full width; the aim is 1.5 s on two cores."""
    gen = cyclegan.initialise(cyclegan.Generator()).eval()
    image = torch.rand(1, 3, 256, 256) * 2 - 1
    seconds = _seconds(lambda: gen(image), 3)
    name = "translate one 256 px image, full width (reference: 1.5 s)"
    return row(name, seconds, 1.5, 1.0, None)


def cyclegan_compiled(rounds: int = 9, **overrides) -> dict:
    """Seconds of the laptop's 64 px step, compiled and eager in turn; compiling takes minutes."""
    settings = profiles.settings("grumpy-cats", "laptop", **overrides)
    step = CycleGANStep(settings, device="cpu")
    executor = Executor(step, compile="on")
    reals = [torch.rand(settings.batch_size, 3, *[settings.size] * 2) * 2 - 1 for _ in "ab"]
    with FlopCounterMode(display=False) as counter:
        step.update(reals)
    times = {False: [], True: []}
    step(reals)  # compiles
    assert executor.execution["compile"], "compilation failed: see the warning"
    ready = executor._ready
    for _ in range(rounds + 1):
        for compiled, spent in times.items():
            executor.execute(compile=compiled)
            executor._ready = ready
            started = time.perf_counter()
            step(reals)
            spent.append(time.perf_counter() - started)
    eager, fast = (statistics.median(times[compiled][1:]) for compiled in (False, True))
    name = "laptop CycleGAN step, 64 px, batch 8, compiled (reference: eager)"
    floor = None if overrides else floor_of(eager, round(counter.get_total_flops() / 1e9))
    return row(name, fast, eager, 1.3, floor)


class _OneBatch:
    """Batches for ``tune``: the same one again and again."""

    def __init__(self, reals):
        self.reals = reals

    def order(self):
        return None

    def read(self, order):
        yield self.reals


def cyclegan_gpu(batch: int = 8) -> dict:
    """Pairs a second at 256 px, tuned, against the reference's step at its best of six ways."""
    name = f"CycleGAN at 256 px on a GPU, batch {batch} (reference: its best batch and precision)"
    if not torch.cuda.is_available():
        return row(name, None, None, 3, "not run: no CUDA device")
    settings = profiles.replace(profiles.CycleGANSettings(), batch_size=batch)
    torch.manual_seed(0)
    step = CycleGANStep(settings, "cuda")
    found, plain = {}, torch.contiguous_format
    for size, half in itertools.product((1, 4, 8), (False, True)):
        nets = [copy.deepcopy(step.network(n)).to(memory_format=plain) for n in NETWORKS]
        theirs, reals = ReferenceStep(nets, settings), _on_gpu(size)
        with torch.autocast("cuda", torch.bfloat16, enabled=half):
            found[size, half] = size / _gpu_seconds(lambda t=theirs, r=reals: t(r))
        del theirs, nets
    reals = _on_gpu(batch)
    execution = Executor(step, compile="on").tune(_OneBatch(reals))
    mine, (best, pairs) = batch / _gpu_seconds(lambda: step(reals)), max(found.items(), key=_second)
    way = f"batch {best[0]}, {'bf16' if best[1] else 'fp32'}"
    note = f"{torch.cuda.get_device_name()}; ours {execution}; reference {way}; no floor known"
    return row(name, mine, pairs, 3, note) | {"unit": "pairs/s", "ratio": mine / pairs}


def _second(item):
    return item[1]


def _on_gpu(size: int) -> list:
    return [torch.rand(size, 3, 256, 256, device="cuda") * 2 - 1 for _ in "ab"]


def _gpu_seconds(call, repeats: int = 20) -> float:
    """Seconds of ``call`` on the device, mean after a warm-up."""
    for _ in range(5):
        call()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / repeats


BENCHMARKS = (
    cyclegan_step,
    cyclegan_compiled,
    cyclegan_gpu,
    cyclegan_memory,
    cyclegan_inference,
)
