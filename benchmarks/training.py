"""The published DCGAN step against a plain transcription of the post's loop, in one run.

Both start from the same weights and see the same images and latents; they must give the same
losses before they are timed. The floor is what the step's arithmetic costs at the rate at which
this machine multiplies matrices, measured in the same run.
"""

from __future__ import annotations

import copy
import functools
import subprocess
import sys
import time

import torch
from torch import nn

from gancourse import profiles
from gancourse.train.dcgan import DCGANStep

GFLOP = 509  # of the post's step at 12 images: forward and backward of D three times, of G once


def _seconds(call, repeats: int) -> float:
    """Median seconds of ``call``, after one call to warm up."""
    call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2]


def plain(disc: nn.Module) -> nn.Module:
    """A copy of D whose convolutions are PyTorch's own, as in the post: spectral norm makes W/σ."""
    disc = copy.deepcopy(disc).to(memory_format=torch.contiguous_format)
    for stage in disc.stages[:-1]:
        stage[0].forward = functools.partial(nn.Conv2d.forward, stage[0])
    return disc


class PostStep:
    """What the post's listing does: BCE on a sigmoid, nothing frozen, Adam as it comes."""

    def __init__(self, gen: nn.Module, disc: nn.Module):
        self.gen, self.disc, self.loss = gen, disc, nn.BCELoss()
        self.opt_gen = torch.optim.Adam(gen.parameters(), 1e-4, (0.5, 0.999))
        self.opt_disc = torch.optim.Adam(disc.parameters(), 4e-4, (0.5, 0.999))

    def __call__(self, real):
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        self.disc.zero_grad()
        on_real = self.loss(self.disc(real).sigmoid(), ones)
        on_real.backward()
        fake = self.gen(torch.randn(len(real), 100))
        on_fake = self.loss(self.disc(fake.detach()).sigmoid(), zeros)
        on_fake.backward()
        self.opt_disc.step()
        self.gen.zero_grad()
        for_gen = self.loss(self.disc(fake).sigmoid(), ones)
        for_gen.backward()
        self.opt_gen.step()
        return {"disc_real": on_real, "disc_fake": on_fake, "gen": for_gen}


def dcgan_step(repeats: int = 3, **overrides) -> dict:
    """Seconds of one step of the published DCGAN, ours and the post's."""
    settings = profiles.replace(profiles.DCGANSettings(), **overrides)
    torch.manual_seed(0)
    ours = DCGANStep(settings, device="cpu")
    gen = copy.deepcopy(ours.gen).to(memory_format=torch.contiguous_format)
    post = PostStep(gen, plain(ours.disc))
    real = torch.rand(settings.batch_size, 3, settings.size, settings.size) * 2 - 1
    losses = []
    for step in (ours, post):
        torch.manual_seed(1)
        losses.append({k: float(v.detach()) for k, v in step(real).items()})
    worst = max(abs(losses[0][k] - v) / abs(v) for k, v in losses[1].items())
    assert worst < 1e-3, f"the two steps differ: {losses}"
    reference, mine = _seconds(lambda: post(real), repeats), _seconds(lambda: ours(real), repeats)
    floor = None if overrides else floor_of(reference, GFLOP)
    return row("published DCGAN step, 12 images", mine, reference, 1.5, floor)


def floor_of(seconds: float, gflop: float) -> str:
    """How many times faster than ``seconds`` the arithmetic alone could be on this machine."""
    a = torch.rand(2048, 2048)
    rate = 2 * 2048**3 / _seconds(lambda: a @ a, 5) / 1e9
    return f"{seconds / (gflop / rate):.1f}× ({gflop} GFLOP at {rate:.0f} GFLOP/s)"


def row(
    name: str, ours: float | None, reference: float | None, aim: float | None, floor: str | None
) -> dict:
    """One line of the table; seconds. ``ours`` None: it was not run, ``floor`` says why."""
    ratio = reference / ours if ours else None
    return {
        **{"name": name, "ours": ours, "reference": reference},
        **{"ratio": ratio, "aim": aim, "floor": floor},
    }


def import_time() -> dict:
    """Seconds that ``import gancourse`` takes after ``import torch``, in a fresh interpreter."""
    code = (
        "import time; t = time.perf_counter(); import torch; a = time.perf_counter();"
        "import gancourse; print(a - t, time.perf_counter() - a)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    of_torch, of_course = map(float, found.stdout.split())
    return row("import gancourse (reference: import torch)", of_course, of_torch, None, None)


BENCHMARKS = (dcgan_step, import_time)
