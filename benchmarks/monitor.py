"""What the monitor costs: seconds inside it, and in the hooks that it hangs into a step, a step.

Both are taken within one run: the monitor's callbacks are timed one by one, and the steps that it
looks into are compared with their neighbours. CPU seconds, so that other work disturbs little.
"""

from __future__ import annotations

import statistics
import time

from gancourse import data, profiles
from gancourse.data.batches import Batches
from gancourse.train.dcgan import DCGANStep
from gancourse.train.loop import Callback, fit
from gancourse_lab import faults
from gancourse_lab.monitor import Monitor

from .training import row


class _Timed(Callback):
    """Passes every event on to ``monitor`` and adds up its seconds; times the steps between."""

    def __init__(self, monitor: Monitor):
        self.monitor, self.seconds = monitor, 0.0
        self.plain: list[float] = []
        self.looked_into: list[float] = []

    def on_start(self, run) -> None:
        self._pass("on_start", run)

    def on_step(self, run) -> None:
        steps = self.looked_into if self.monitor._look else self.plain
        steps.append(time.process_time() - self.left)
        self._pass("on_step", run)

    def on_end(self, run) -> None:
        self._pass("on_end", run)

    def _pass(self, event: str, run) -> None:
        started = time.process_time()
        getattr(self.monitor, event)(run)
        self.left = time.process_time()
        self.seconds += self.left - started


def _cost(name: str, step, batches, epochs: int) -> dict:
    """Monitor against step, seconds a step."""
    timed = _Timed(Monitor(log=None))
    fit(step, batches, epochs, [timed])
    plain = statistics.median(timed.plain)
    hooks = statistics.median(timed.looked_into) - plain
    count = len(timed.plain) + len(timed.looked_into)
    spent = (timed.seconds + max(hooks, 0.0) * len(timed.looked_into)) / count
    notes = f"{spent / plain:.2%} of a step; {len(timed.looked_into)} of {count} steps looked into"
    return row(f"monitor on {name} (reference: the step)", spent, plain, 50, notes)


def monitor_dcgan() -> dict:
    """The cheapest step of the course, chapter 09's, where looking weighs most."""
    step, batches = faults.build("healthy", images=faults.load("dcgan", "stand-in"))
    return _cost("the lab's DCGAN, 32 px", step, batches, step.settings.epochs)


def monitor_wide_dcgan() -> dict:
    """A step of the recorded width at 64 px: 102 steps of a third of a second."""
    settings = profiles.settings("neu-scratches", "cpu", size=64, epochs=6)
    images = data.load("NEU-DET", part="scratches", size=64, channels=1, source="stand-in")
    batches = Batches(images, settings.batch_size)
    return _cost("a DCGAN at 64 px, widths 16/32", DCGANStep(settings), batches, 6)


def monitor_cyclegan() -> dict:
    """The lab's CycleGAN, batch 1, for three epochs."""
    step, batches = faults.build("healthy-cyclegan", images=faults.load("cyclegan"))
    return _cost("the lab's CycleGAN, 32 px", step, batches, 3)


BENCHMARKS = (monitor_dcgan, monitor_wide_dcgan, monitor_cyclegan)
