"""The training loop. It knows nothing of the model: a step is a callable that returns its terms."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..data.images import to_float
from ..errors import GancourseError


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


class Batches:
    """Shuffled mini-batches of a set of images; knows where it stands.

    ``images`` is an ``ImageSet``, held as one uint8 tensor, or a ``data.Stream``, read from disk.
    Iterating yields the *rest* of the current epoch as float (N, C, H, W) in [-1, 1], each batch
    changed by ``augment`` if one is given. A last incomplete batch is dropped: batch norm over two
    images is another network. The order of epoch e depends on ``seed`` and e alone.
    """

    def __init__(self, images, batch_size: int, augment: Callable | None = None, seed: int = 0):
        if len(images) < batch_size:
            raise GancourseError(
                f"{len(images)} images cannot fill one batch of {batch_size}: "
                "take a smaller batch_size or more images."
            )
        self.images, self.batch_size, self.augment, self.seed = images, batch_size, augment, seed
        self.epoch = self.position = 0

    def __len__(self) -> int:
        return len(self.images) // self.batch_size

    @property
    def device(self) -> torch.device:
        """Where the batches come from."""
        return self.images.device

    def fingerprint(self) -> str:
        """Equal for equal data: a run is not resumed on other images."""
        return self.images.fingerprint()

    def __iter__(self):
        rest = self.order()[:, self.position * self.batch_size : len(self) * self.batch_size]
        for batch in self.read(rest) if rest.numel() else ():
            self.position += 1  # before the yield: a checkpoint made in the step counts it as done
            yield batch
        self.epoch, self.position = self.epoch + 1, 0

    def order(self) -> Tensor:
        """Indices of this epoch (1, n): a permutation."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        return torch.randperm(len(self.images), generator=generator)[None]

    def read(self, order: Tensor):
        """The batches at ``order`` (1, n), augmented."""
        for images in self.images.batches(order[0].split(self.batch_size)):
            yield self.changed(images)

    def changed(self, images: Tensor) -> Tensor:
        """uint8 → float in [-1, 1], augmented."""
        images = to_float(images)
        return self.augment(images) if self.augment else images

    def state_dict(self) -> dict:
        """The position in the data."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict) -> None:
        """Go on from a position that ``state_dict`` returned."""
        self.epoch, self.position = state["epoch"], state["position"]


class PairBatches(Batches):
    """Batches (real_a, real_b) of two domains whose images do not belong together in pairs.

    An epoch is one pass over the larger domain. A runs through all of its images in shuffled
    order, again and again if it is the smaller one; B is drawn at random from *all* of B, so that
    a pairing never repeats.
    """

    def __init__(
        self, images_a, images_b, batch_size=1, augment: Callable | None = None, seed: int = 0
    ):
        shapes = [tuple(s.images.shape[1:]) for s in (images_a, images_b)]
        if shapes[0] != shapes[1]:
            raise GancourseError(f"Domains of two shapes, A {shapes[0]} and B {shapes[1]}.")
        larger = max(images_a, images_b, key=len)
        super().__init__(larger, batch_size, augment, seed)
        self.images_a, self.images_b = images_a, images_b

    def fingerprint(self) -> str:
        return f"{self.images_a.fingerprint()} {self.images_b.fingerprint()}"

    def order(self) -> Tensor:
        """Indices of this epoch (2, n): into A and into B."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        a = torch.randperm(len(self.images), generator=generator) % len(self.images_a)
        b = torch.randint(len(self.images_b), (len(self.images),), generator=generator)
        return torch.stack([a, b])

    def read(self, order: Tensor):
        a, b = (
            domain.batches(indices.split(self.batch_size))
            for domain, indices in zip((self.images_a, self.images_b), order, strict=True)
        )
        for images_a, images_b in zip(a, b, strict=True):
            yield self.changed(images_a), self.changed(images_b)


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
    for the GPU, so the default is 10 there and 1 on the CPU. An interrupt (Ctrl-C, or the
    notebook's stop button) lets the step finish, then the callbacks save; the history says so.
    A second one ends at once. Raises ``NonFiniteLoss`` on a NaN or infinite term, and
    ``GancourseError`` unless exactly one positive length is given.
    """
    run = Run(step, batches, 0, History() if history is None else history)
    run.history.interrupted = False
    run.done = batches.epoch * len(batches) + batches.position
    run.steps = _length(run, epochs, steps, minutes)
    callbacks = list(callbacks)
    every = read_every or (10 if batches.device.type == "cuda" else 1)
    started, before = time.perf_counter(), run.history.seconds
    pace = _Pace(minutes, started)
    beside = 0.0  # seconds in callbacks

    def call(event: str) -> None:
        nonlocal beside
        entered = time.perf_counter()
        run.history.seconds = before + entered - started - beside
        for callback in callbacks:
            getattr(callback, event)(run)
        beside += time.perf_counter() - entered

    call("on_start")
    try:
        with _interrupt_between_steps(run):
            while not run.stop and (run.done < run.steps or not run.steps):
                for batch in batches:
                    run.pending.append(step(batch))
                    run.done += 1
                    ends = batches.position == len(batches)
                    if len(run.pending) >= every or ends or run.stop:
                        run.flush()
                    if not run.steps:
                        pace.plan(run)
                    call("on_step")
                    if run.stop or run.done == run.steps and not ends:
                        break
                else:
                    call("on_epoch")
        run.flush()
        if run.history.interrupted:
            call("on_interrupt")
        elif run.done == run.steps:
            call("on_finish")
    finally:
        call("on_end")
    return run.history


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
