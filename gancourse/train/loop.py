"""The training loop. It knows nothing of the model: a step is a callable that returns its terms."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from gancourse import device as devices
from gancourse import progress
from gancourse.data.batches import Batches, PairBatches
from gancourse.errors import GancourseError

__all__ = ["Batches", "Callback", "History", "NonFiniteLoss", "PairBatches", "Run", "fit"]


class Interrupted(KeyboardInterrupt):
    """A training that was interrupted has ended in good order: its callbacks have saved.

    It is raised so that a loop over trainings, a notebook's cell and a "run all" end too: what
    comes after would take a part of a run for a whole one.
    """


class NonFiniteLoss(GancourseError):
    """A loss term became NaN or infinite; training cannot go on from there."""


@dataclass
class History:
    """What a run went through: one value a step for every term, one dict an evaluated epoch."""

    terms: dict[str, list[float]] = field(default_factory=dict)
    metrics: list[dict] = field(default_factory=list)
    seconds: float = 0.0  # of training, without what the callbacks took
    interrupted: bool = False
    planned: int = 0  # steps of the whole run, once ``minutes`` have been turned into steps

    def __len__(self) -> int:
        return max((len(values) for values in self.terms.values()), default=0)

    def __repr__(self) -> str:  # a cell that ends in ``fit`` shows it: not every number of it
        return f"History: {len(self)} steps of {', '.join(self.terms) or 'nothing'}"

    def add(self, terms: dict[str, float]) -> None:
        """Append one step's terms."""
        for name, value in terms.items():
            self.terms.setdefault(name, []).append(value)

    def last(self) -> dict[str, float]:
        """The latest step's terms."""
        return {name: values[-1] for name, values in self.terms.items() if values}


@dataclass
class Run:
    """What callbacks see: the step, its data, the history so far and where training stands.

    ``done`` counts the steps taken, ``steps`` those of the whole run (0 while a run by minutes has
    not been timed). On a GPU the history lags behind ``done``, because fetching a loss waits for
    the device: who reads it calls ``flush`` first.
    """

    step: Callable[[Tensor], dict[str, Tensor]]
    batches: Batches
    steps: int
    history: History
    stop: bool = False  # a callback sets it to end the run after the current step
    last_checkpoint: str | None = None
    done: int = 0
    pending: list[dict[str, Tensor]] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """Epochs of the whole run, a started one counted whole."""
        return math.ceil(self.steps / len(self.batches))

    @property
    def where(self) -> str:
        """Such as ``step 7 of 450``; ``step 7`` while a run by minutes has not been timed."""
        return f"step {self.done} of {self.steps}" if self.steps else f"step {self.done}"

    def flush(self) -> None:
        """Fetch the terms still on the device into the history.

        Raises ``NonFiniteLoss`` at the first that is NaN or infinite.
        """
        if not self.pending:
            return
        names = list(self.pending[0])
        rows = [torch.stack([terms[name].float() for name in names]) for terms in self.pending]
        first = self.done - len(rows) + 1
        self.pending.clear()
        for number, row in enumerate(torch.stack(rows).tolist(), first):
            terms = dict(zip(names, row, strict=True))
            self.history.add(terms)
            if not all(math.isfinite(value) for value in row):
                listed = ", ".join(f"{name} = {value:g}" for name, value in terms.items())
                raise NonFiniteLoss(
                    f"Step {number} gave a loss that is not finite: {listed}. Last good "
                    f"checkpoint: {self.last_checkpoint or 'none was saved'}. Lower the learning "
                    "rates, or look at the data for values outside [-1, 1]."
                )


class Callback:
    """Override what you need; every method receives the ``Run``.

    ``on_end`` comes always, also after an error; ``on_finish`` only after the last step.
    """

    def on_start(self, run: Run) -> None: ...
    def on_step(self, run: Run) -> None: ...
    def on_epoch(self, run: Run) -> None: ...
    def on_interrupt(self, run: Run) -> None: ...
    def on_finish(self, run: Run) -> None: ...
    def on_end(self, run: Run) -> None: ...


def fit(
    step: Callable[[Tensor], dict[str, Tensor]],
    batches: Batches,
    epochs: int | None = None,
    callbacks: Iterable[Callback] = (),
    history: History | None = None,
    read_every: int | None = None,
    *,
    steps: int | None = None,
    minutes: float | None = None,
) -> History:
    """Train until ``batches`` has seen ``epochs`` epochs in all; returns the history.

    Instead of ``epochs``: ``steps``, or ``minutes``, which after a short warm-up are turned into a
    number of steps once and for all (``History.planned``), so that a resumed run is the same run.
    ``read_every``: after how many steps the terms are fetched from the device. Fetching waits
    for the GPU, so the default is ``$GANCOURSE_READ_EVERY``, else 10 there and 1 on the CPU. An
    interrupt (Ctrl-C, or the notebook's stop button) lets the step finish, then the callbacks save,
    ``history`` says so, and ``Interrupted`` is raised. A second one ends at once. Raises
    ``NonFiniteLoss`` on a NaN or infinite term, ``GancourseError`` unless exactly one positive
    length is given, where a step does not fit into the device's memory, and in one of several
    processes of a launcher.
    """
    devices.check_one_process()
    given = [length for length in (epochs, steps, minutes) if length is not None]
    if len(given) != 1 or not 0 < given[0] < math.inf:
        raise GancourseError("fit takes one of epochs, steps and minutes, a number above 0.")
    run = Run(step, batches, 0, History() if history is None else history)
    run.history.interrupted = False
    run.done = batches.epoch * len(batches) + batches.position
    if minutes is not None:
        run.steps = run.history.planned  # 0 as long as it has not been timed
    else:
        run.steps = steps if steps is not None else epochs * len(batches)
    if read_every is None:
        device = getattr(step, "device", batches.device)
        usual = 1 if device.type == "cpu" else 10
        read_every = int(os.environ.get("GANCOURSE_READ_EVERY", usual))
    _Training(run, list(callbacks), read_every, minutes).go()
    return run.history


class _Training:
    """One call of ``fit``."""

    def __init__(self, run: Run, callbacks: list[Callback], every: int, minutes: float | None):
        self.run, self.callbacks, self.every = run, callbacks, every
        self.started, self.before = time.perf_counter(), run.history.seconds
        self.seconds = 60 * (minutes or 0)
        self.rate = _Rate(min(10.0, 0.1 * self.seconds))
        self.beside = 0.0  # seconds in callbacks

    def go(self) -> None:
        """Take all steps."""
        run = self.run
        self.tell("on_start")
        try:
            with _interrupt_between_steps(run):
                while not run.stop and (run.done < run.steps or not run.steps):
                    self.epoch()
            run.flush()
            if run.history.interrupted:
                self.tell("on_interrupt")
            elif run.done == run.steps:
                self.tell("on_finish")
        except BaseException:
            self.fail()
            raise
        self.tell("on_end")
        if run.history.interrupted:
            raise Interrupted(f"The training was stopped after {run.where}.")

    def epoch(self) -> None:
        """Take the steps of the rest of an epoch, or as many as the run still has."""
        run = self.run
        for batch in run.batches:
            run.pending.append(advance(run, batch))
            run.done += 1
            ends = run.batches.position == len(run.batches)
            if len(run.pending) >= self.every or ends or run.stop:
                run.flush()
            if not run.steps:
                self.plan()
            self.tell("on_step")
            if run.stop or run.done == run.steps and not ends:
                return
        self.tell("on_epoch")

    def plan(self) -> None:
        """Turn minutes into steps, once the rate is known to a few per cent."""
        each = self.rate.each(self.run)
        if each:
            left = max(0.0, self.seconds - (time.perf_counter() - self.started))
            self.run.steps = self.run.done + max(1, round(left / each))
            self.run.history.planned = self.run.steps

    def tell(self, event: str) -> None:
        """Call ``event`` of every callback; their time is none of the training's."""
        entered = time.perf_counter()
        self.run.history.seconds = self.before + entered - self.started - self.beside
        for callback in self.callbacks:
            getattr(callback, event)(self.run)
        self.beside += time.perf_counter() - entered

    def fail(self) -> None:
        """Keep what the steps before an error gave, and end; what fails now is not what matters."""
        for last in (self.run.flush, *(partial(c.on_end, self.run) for c in self.callbacks)):
            with contextlib.suppress(Exception):
                last()


def advance(run: Run, batch) -> dict[str, Tensor]:
    """One step's terms; raises ``GancourseError`` where the device's memory is too small for it."""
    try:
        return run.step(batch)
    except RuntimeError as error:  # MPS has no error of its own for it
        if not isinstance(error, torch.OutOfMemoryError) and "MPS backend out of" not in str(error):
            raise
        said = str(error).split(". ")[0]
    # outside of ``except``: there the traceback would hold on to the step's memory
    size = run.batches.batch_size
    smaller = f"batch_size={size // 2}" if size > 1 else "a smaller size or width"
    raise GancourseError(
        f"Step {run.done + 1} does not fit into the device's memory with batches of {size}: "
        f"{said}. Try {smaller}; settings that differ begin another run. Last checkpoint: "
        f"{run.last_checkpoint or 'none was saved'}."
    )


class _Rate:
    """How long a step takes, timed over three steps and ``seconds`` at least."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.first: tuple[int, float] | None = None  # (steps done, time) when timing began

    def each(self, run: Run) -> float:
        """Seconds a step; 0 while that is not known. To be called after every step."""
        if self.first is None:
            run.flush()  # waits for the device
            self.first = run.done, time.perf_counter()
        taken, spent = run.done - self.first[0], time.perf_counter() - self.first[1]
        if taken < 3 or spent < self.seconds:
            return 0.0
        run.flush()
        return (time.perf_counter() - self.first[1]) / taken


@contextlib.contextmanager
def _interrupt_between_steps(run: Run):
    """Turn an interrupt into ``run.stop``: half a step saved would be a step lost on resuming."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread receives signals
        return
    numbers = (signal.SIGINT, signal.SIGTERM)  # a cluster sends the second one
    usual = {number: signal.getsignal(number) for number in numbers}

    def restore():
        for number, handler in usual.items():
            signal.signal(number, handler)

    def handle(number, frame):
        run.stop = run.history.interrupted = True
        restore()  # the second one is not held back

    for number in numbers:
        signal.signal(number, handle)
    try:
        yield
    finally:
        restore()


class ProgressBar(Callback):
    """One bar for the run: steps, time left, images a second, the latest terms.

    ``names``: which terms (default: those of the step's first chart, or all).
    """

    def __init__(self, names: tuple[str, ...] = (), label: str = ""):
        self.names, self.label, self.bar = names, label, None

    def on_start(self, run: Run) -> None:
        self.bar = progress.bar(
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
        charts = getattr(run.step, "charts", ())
        names = self.names or (charts[0].terms if charts else last)
        shown = {name: f"{last[name]:.2f}" for name in names if name in last}
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
        self.look(run)

    def on_step(self, run: Run) -> None:
        self.look(run)

    def on_epoch(self, run: Run) -> None:
        self.look(run)

    def on_finish(self, run: Run) -> None:
        self.look(run, last=self.by_steps)

    def look(self, run: Run, last: bool = False) -> None:
        """Draw and keep the samples of a moment, or of the ``last``, that is not there yet."""
        moment = run.done if self.by_steps else run.batches.epoch
        if (last or moment in self.moments) and moment not in dict(self.images):
            self.images.append((moment, run.step.sample(self.z, ema=self.ema)))


class Forecast(Callback):
    """Says once, after the first steps, how long the rest of the run takes on this device.

    The first ``WARM_UP`` steps do not count: compilation, first allocations. Then at least three,
    and at least ``seconds``, are timed, callbacks included. ``folder`` is named as the place of the
    checkpoints, ``again`` says how to go on after an interrupt; ``log`` gets the line.
    """

    WARM_UP = 5

    def __init__(
        self,
        folder: str | Path,
        seconds: float = 2.0,
        log: Callable = print,
        again: str = "run the cell again to go on",
    ):
        self.folder, self.rate, self.log, self.again = folder, _Rate(seconds), log, again
        self.said = False

    def on_start(self, run: Run) -> None:
        self.first = run.done + self.WARM_UP

    def on_step(self, run: Run) -> None:
        if self.said or run.done < self.first or not run.steps:
            return
        each = self.rate.each(run)
        if each:
            self.said = True
            left = run.steps - run.done
            self.log(
                f"{left:,} of {run.steps:,} steps are left, about {duration(left * each)} on this "
                f"device; checkpoints every few minutes in {self.folder}. Interrupt any time; "
                f"{self.again}."
            )


def duration(seconds: float) -> str:
    """In words: ``7 h 10 min``, ``12 min``, ``40 s``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
