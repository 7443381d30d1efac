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
    seconds: float = 0.0
    interrupted: bool = False

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
    """What callbacks see: the step, its data, the history so far and where training stands."""

    step: Callable[[Tensor], dict[str, Tensor]]
    batches: Batches
    epochs: int
    history: History
    stop: bool = False  # a callback sets it to end the run after the current step
    last_checkpoint: str | None = None

    @property
    def steps(self) -> int:
        """Steps in the whole run."""
        return self.epochs * len(self.batches)


class Callback:
    """Override what you need; every method receives the ``Run``."""

    def on_start(self, run: Run) -> None: ...
    def on_step(self, run: Run) -> None: ...
    def on_epoch(self, run: Run) -> None: ...
    def on_interrupt(self, run: Run) -> None: ...
    def on_end(self, run: Run) -> None: ...


def fit(
    step: Callable[[Tensor], dict[str, Tensor]],
    batches: Batches,
    epochs: int,
    callbacks: Iterable[Callback] = (),
    history: History | None = None,
    read_every: int | None = None,
) -> History:
    """Train until ``batches`` has seen ``epochs`` epochs in all; returns the history.

    ``read_every``: after how many steps the terms are fetched from the device. Fetching waits
    for the GPU, so the default is 10 there and 1 on the CPU. An interrupt (Ctrl-C, or the
    notebook's stop button) lets the step finish, then the callbacks save; the history says so.
    A second one ends at once. Raises ``NonFiniteLoss`` on a NaN or infinite term.
    """
    run = Run(step, batches, epochs, History() if history is None else history)
    run.history.interrupted = False
    callbacks = list(callbacks)
    every = read_every or (10 if batches.device.type == "cuda" else 1)
    pending: list[dict[str, Tensor]] = []
    started, before = time.perf_counter(), run.history.seconds

    def call(event: str) -> None:
        run.history.seconds = before + time.perf_counter() - started
        for callback in callbacks:
            getattr(callback, event)(run)

    call("on_start")
    try:
        with _interrupt_between_steps(run):
            while batches.epoch < epochs and not run.stop:
                for batch in batches:
                    pending.append(step(batch))
                    if len(pending) >= every or batches.position == len(batches) or run.stop:
                        _read(pending, run)
                    call("on_step")
                    if run.stop:
                        break
                else:
                    call("on_epoch")
        if run.history.interrupted:
            call("on_interrupt")
    finally:
        call("on_end")
    return run.history


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


def _read(pending: list[dict[str, Tensor]], run: Run) -> None:
    """Move the pending terms into the history, in one transfer; stop at a non-finite one."""
    if not pending:
        return
    names = list(pending[0])
    rows = torch.stack([torch.stack([t[n].float() for n in names]) for t in pending]).tolist()
    pending.clear()
    for row in rows:
        terms = dict(zip(names, row, strict=True))
        run.history.add(terms)
        if not all(math.isfinite(value) for value in row):
            listed = ", ".join(f"{name} = {value:g}" for name, value in terms.items())
            good = run.last_checkpoint or "none was saved"
            raise NonFiniteLoss(
                f"Step {len(run.history)} gave a loss that is not finite: {listed}. "
                f"Last good checkpoint: {good}. Lower the learning rates, or look at the data "
                "for values outside [-1, 1]."
            )
