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

from gancourse.data.batches import Batches, PairBatches
from gancourse.device import apart
from gancourse.errors import GancourseError

__all__ = ["Batches", "Callback", "History", "NonFiniteLoss", "PairBatches", "Run", "fit"]


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
    interrupt (Ctrl-C, or the notebook's stop button) lets the step finish, then the callbacks save;
    the history says so. A second one ends at once. Raises ``NonFiniteLoss`` on a NaN or infinite
    term, ``GancourseError`` unless exactly one positive length is given, and where a step does not
    fit into the device's memory.
    """
    run = Run(step, batches, 0, History() if history is None else history)
    run.history.interrupted = False
    run.done = batches.epoch * len(batches) + batches.position
    run.steps = _length(run, epochs, steps, minutes)
    _Training(run, list(callbacks), read_every or _read_every(step, batches), minutes).go()
    return run.history


class _Training:
    """One call of ``fit``."""

    def __init__(self, run: Run, callbacks: list[Callback], every: int, minutes: float | None):
        self.run, self.callbacks, self.every = run, callbacks, every
        self.started, self.before = time.perf_counter(), run.history.seconds
        self.pace = _Pace(minutes, self.started)
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
                self.pace.plan(run)
            self.tell("on_step")
            if run.stop or run.done == run.steps and not ends:
                return
        self.tell("on_epoch")

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


def _read_every(step, batches: Batches) -> int:
    """Steps between two fetches where nobody says how many."""
    asked = os.environ.get("GANCOURSE_READ_EVERY", "")
    if asked and not (asked.isdigit() and int(asked)):
        raise GancourseError(f"$GANCOURSE_READ_EVERY must be a number above 0, not {asked!r}.")
    device = getattr(step, "device", batches.device)
    return int(asked) if asked else 1 if device.type == "cpu" else 10


def _length(run: Run, epochs, steps, minutes) -> int:
    """Steps of the whole run; 0 for a run by minutes that has not been timed yet."""
    given = {"epochs": epochs, "steps": steps, "minutes": minutes}
    given = {name: value for name, value in given.items() if value is not None}
    if len(given) != 1:
        raise GancourseError(f"fit takes one of epochs, steps and minutes, not {given or 'none'}.")
    ((name, value),) = given.items()
    if not 0 < value < math.inf:
        raise GancourseError(f"{name} must be a number above 0, not {value!r}.")
    if minutes is not None:
        return run.history.planned
    return steps if steps is not None else epochs * len(run.batches)


class _Pace:
    """Turns minutes into steps after a warm-up: caches, compilation and first allocations."""

    def __init__(self, minutes: float | None, started: float):
        self.started, self.seconds = started, 60 * (minutes or 0)
        self.first: tuple[int, float] | None = None  # (steps done, time) when timing began

    def plan(self, run: Run) -> None:
        """Set ``run.steps`` once the rate is known to a few per cent."""
        if self.first is None:
            run.flush()  # waits for the device
            self.first = run.done, time.perf_counter()
            return
        now = time.perf_counter()
        taken, spent = run.done - self.first[0], now - self.first[1]
        if taken < 3 or spent < min(10.0, 0.1 * self.seconds):
            return
        run.flush()
        now = time.perf_counter()
        rate = taken / (now - self.first[1])
        left = max(0.0, self.seconds - (now - self.started))
        run.steps = run.history.planned = run.done + max(1, round(left * rate))


@contextlib.contextmanager
def _interrupt_between_steps(run: Run):
    """Turn an interrupt into ``run.stop``: half a step saved would be a step lost on resuming."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread receives signals
        return
    usual = signal.getsignal(signal.SIGINT)

    def handle(number, frame):
        run.stop = run.history.interrupted = True
        signal.signal(signal.SIGINT, usual)  # the second one is not held back

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


class ProgressBar(Callback):
    """One bar for the run: steps, time left, images a second, the latest terms.

    ``names``: which terms (default: those of the step's first chart, or all).
    """

    def __init__(self, names: tuple[str, ...] = (), label: str = ""):
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
