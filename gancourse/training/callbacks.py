"""Callbacks of ``fit``: progress bar, samples, metrics. Checkpoints live in ``checkpoint``."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .loop import Callback, Run


class ProgressBar(Callback):
    """One bar for the run: steps, time left, images a second, the latest terms."""

    def __init__(self, names: tuple[str, ...] = ("disc_real", "disc_fake", "gen"), label: str = ""):
        self.names, self.label, self.bar = names, label, None

    def on_start(self, run: Run) -> None:
        from tqdm.auto import tqdm

        self.bar = tqdm(
            total=run.steps, initial=len(run.history), desc=self.label, unit="step", mininterval=0.5
        )

    def on_step(self, run: Run) -> None:
        last = run.history.last()
        shown = {name: f"{last[name]:.2f}" for name in self.names if name in last}
        rate = self.bar.format_dict["rate"] or 0.0
        shown["images/s"] = f"{rate * run.batches.batch_size:.0f}"
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update()

    def on_end(self, run: Run) -> None:
        self.bar.close()


class Samples(Callback):
    """Images of the same ``z`` at chosen epochs: how one point of latent space develops.

    ``epochs``: when to look (epoch 0 is the untrained network). ``images`` collects
    (epoch, uint8 (N, C, H, W)).
    """

    def __init__(self, z: Tensor, epochs: list[int], ema: bool = True):
        self.z, self.epochs, self.ema = z, set(epochs), ema
        self.images: list[tuple[int, Tensor]] = []

    def on_start(self, run: Run) -> None:
        self.take(run)

    def on_epoch(self, run: Run) -> None:
        self.take(run)

    def take(self, run: Run) -> None:
        """Draw and keep the samples if this epoch is one of the chosen."""
        epoch = run.batches.epoch
        if epoch in self.epochs and epoch not in {e for e, _ in self.images}:
            self.images.append((epoch, run.step.sample(self.z, ema=self.ema)))


class Metrics(Callback):
    """Calls ``measure(step) -> dict`` every ``every`` epochs and at the end.

    The results go to ``history.metrics`` with their epoch. The measurement draws from its own
    random numbers: measuring or not must not change the training.
    """

    def __init__(self, measure: Callable[[object], dict], every: int = 1):
        self.measure, self.every = measure, every

    def on_epoch(self, run: Run) -> None:
        epoch = run.batches.epoch
        if epoch % self.every == 0 or epoch == run.epochs:
            with torch.random.fork_rng():
                found = self.measure(run.step)
            run.history.metrics.append({"epoch": epoch, **found})
