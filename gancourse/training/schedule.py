"""CycleGAN's learning rate over a run: by epoch as in the paper, or by step."""

from __future__ import annotations

from .loop import Callback, Run

SLOWEST = 0.02  # of the learning rate, at the end of a run by steps


def decay(epoch: int, epochs: int, constant: int) -> float:
    """Factor of the learning rate: 1 for ``constant`` epochs, then linearly towards 0.

    1 - max(0, epoch + 1 - constant) / (epochs - constant + 1), epoch counted from 0: with 200 and
    100 it is 1 up to epoch 99, 100/101 at epoch 100 and 1/101 at epoch 199, as in the reference.
    """
    return 1.0 - max(0, epoch + 1 - constant) / (max(epochs - constant, 0) + 1)


def decay_by_steps(done: int, steps: int) -> float:
    """Factor of the learning rate after ``done`` of ``steps`` steps: 1 in the first half.

    Then linearly to ``SLOWEST`` of it. ``steps`` 0: not known yet, so 1.
    """
    if not steps:
        return 1.0
    return min(1.0, max(SLOWEST, 2 * (1 - done / steps)))


class LinearDecay(Callback):
    """Sets the step's learning rates: by epoch as in the paper, or by step.

    By step where the settings have ``steps``, or with ``by_steps``, as in a run by minutes.
    """

    def __init__(self, by_steps: bool = False):
        self.by_steps = by_steps

    def on_start(self, run: Run) -> None:
        self.by_steps = self.by_steps or run.step.settings.steps > 0
        self.on_step(run)
        self.on_epoch(run)

    def on_step(self, run: Run) -> None:
        if self.by_steps:
            run.step.set_rate(decay_by_steps(run.done, run.steps))

    def on_epoch(self, run: Run) -> None:
        if not self.by_steps:
            run.step.set_epoch(run.batches.epoch)
