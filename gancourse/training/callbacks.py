"""Callbacks of ``fit``: progress bar, samples, metrics, forecast; see also ``checkpoint``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from torch import Tensor

from .loop import Callback, Run
from .randomness import apart


class ProgressBar(Callback):
    """One bar for the run: steps, time left, images a second, the latest terms."""

    def __init__(self, names: tuple[str, ...] = ("disc_real", "disc_fake", "gen"), label: str = ""):
        self.names, self.label, self.bar = names, label, None

    def on_start(self, run: Run) -> None:
        from tqdm.auto import tqdm

        self.bar = tqdm(
            total=run.steps or None,
            initial=run.done,
            desc=self.label,
            unit="step",
            mininterval=0.5,
        )

    def on_step(self, run: Run) -> None:
        self.bar.total = run.steps or None  # known later in a run by minutes
        self.show(run)
        self.bar.update()

    def show(self, run: Run) -> None:
        """Write the latest terms behind the bar; on a GPU those last fetched: up to 9 steps old."""
        last = run.history.last()
        shown = {name: f"{last[name]:.2f}" for name in self.names if name in last}
        rate = self.bar.format_dict["rate"] or 0.0
        shown["images/s"] = f"{rate * run.batches.batch_size:.0f}"
        self.bar.set_postfix(shown, refresh=False)

    def on_end(self, run: Run) -> None:
        self.show(run)
        self.bar.close()


class Samples(Callback):
    """Images of the same inputs at chosen moments: how one point of latent space develops.

    ``z`` is what the step's ``sample`` takes. ``epochs``: when to look (epoch 0 is the untrained
    network), or ``steps`` instead; the end of a run by steps is always looked at. ``images``
    collects (epoch or step, uint8 (N, C, H, W)).
    """

    def __init__(self, z: Tensor, epochs: Iterable[int] = (), ema: bool = True, *, steps=None):
        self.z, self.ema = z, ema
        self.by_steps = steps is not None
        self.moments = set(steps if self.by_steps else epochs)
        self.images: list[tuple[int, Tensor]] = []

    def on_start(self, run: Run) -> None:
        self.on_step(run)
        self.on_epoch(run)

    def on_step(self, run: Run) -> None:
        if self.by_steps and run.done in self.moments:
            self.take(run, run.done)

    def on_epoch(self, run: Run) -> None:
        if not self.by_steps and run.batches.epoch in self.moments:
            self.take(run, run.batches.epoch)

    def on_finish(self, run: Run) -> None:
        if self.by_steps:
            self.take(run, run.done)

    def take(self, run: Run, moment: int) -> None:
        """Draw and keep the samples, unless this moment has them already."""
        if moment not in {taken for taken, _ in self.images}:
            self.images.append((moment, run.step.sample(self.z, ema=self.ema)))


class Metrics(Callback):
    """Calls ``measure(step) -> dict`` every ``every`` epochs and at the end.

    The results go to ``history.metrics`` with their step and epoch. The measurement draws from its
    own random numbers: measuring or not must not change the training.
    """

    def __init__(self, measure: Callable[[object], dict], every: int = 1):
        self.measure, self.every = measure, every

    def on_epoch(self, run: Run) -> None:
        if run.batches.epoch % self.every == 0:
            self.take(run)

    def on_finish(self, run: Run) -> None:
        if not run.history.metrics or run.history.metrics[-1]["step"] != run.done:
            self.take(run)

    def take(self, run: Run) -> None:
        """Measure now."""
        with apart():
            found = self.measure(run.step)
        now = {"step": run.done, "epoch": run.batches.epoch}
        now["minutes"] = round(run.history.seconds / 60, 2)
        run.history.metrics.append(now | found)


class Forecast(Callback):
    """Says once, after the first steps, how long the rest of the run takes on this device.

    The first ``warm_up`` steps do not count: compilation, first allocations. Then at least three,
    and at least ``seconds``, are timed, callbacks included. ``folder`` is named as the place of the
    checkpoints, ``again`` says how to go on after an interrupt; ``log`` gets the line.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        warm_up: int = 5,
        seconds: float = 2.0,
        log: Callable = print,
        again: str = "run the cell again to go on",
    ):
        self.folder, self.warm_up, self.seconds, self.log = folder, warm_up, seconds, log
        self.again = again
        self.said = False

    def on_start(self, run: Run) -> None:
        self.first, self.since = run.done + self.warm_up, 0.0

    def on_step(self, run: Run) -> None:
        if self.said or run.done < self.first or not run.steps:
            return
        if not self.since:
            run.flush()  # waits for the device
            self.first, self.since = run.done, time.perf_counter()
        elif run.done >= self.first + 3 and time.perf_counter() - self.since >= self.seconds:
            run.flush()
            each = (time.perf_counter() - self.since) / (run.done - self.first)
            self.said = True
            self.log(self.line(run, each))

    def line(self, run: Run, each: float) -> str:
        """What there is to say where a step takes ``each`` seconds."""
        left = run.steps - run.done
        kept = f"; checkpoints every few minutes in {self.folder}" if self.folder else ""
        return (
            f"{left:,} of {run.steps:,} steps are left, about {duration(left * each)} on this "
            f"device{kept}. Interrupt any time; {self.again}."
        )


def duration(seconds: float) -> str:
    """In words: ``7 h 10 min``, ``12 min``, ``40 s``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
