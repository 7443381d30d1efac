"""A callback that says what is wrong with a run while it runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gancourse.errors import GancourseError, unknown
from gancourse.train.loop import Callback, Run
from gancourse_lab import flags
from gancourse_lab.flags import SIGNS, WINDOW
from gancourse_lab.inspect_step import Look, Reading, Watched


@dataclass(frozen=True)
class Flag:
    """One fault: its ``name`` in ``flags.SIGNS``, when, the number that raised it, what to do."""

    name: str
    step: int
    evidence: str
    remedy: str

    def __str__(self) -> str:
        return f"step {self.step}, {self.name}: {self.evidence}. Remedy: {self.remedy}."


def flag_of(reading: Reading, step: int, limit: float | None = None) -> Flag | None:
    """The flag that a reading (name, value, where) raises, or None if it is within its limit."""
    name, value, where = reading
    sign = SIGNS[name] if limit is None else SIGNS[name]._replace(limit=limit)
    if not sign.raised(value):
        return None
    evidence = sign.says.format(value=value, limit=sign.limit, where=where)
    return Flag(name, step, evidence, sign.remedy)


class Monitor(Callback):
    """Watches a ``Step`` and raises a ``Flag`` for each fault it sees.

    State, data and layers are read once, at the start. The first step, and then one in ``every``
    (None: as often as costs 1 to 2 % of the time, a fifth as often on a GPU), is looked into: its
    gradients, its activations and what it did to the samples; in all other steps nothing happens.
    It draws none of your random numbers: the run is the same with and without it (of compiled code
    up to rounding: a step that is looked into is taken as written). ``flags`` collects, each fault
    once; ``log`` gets a line each (None: silent); ``stop`` ends the run at the first. ``readings``
    holds every number taken, name → [(step, value), …]. The limits are those of small models over
    20 seeds, for some models others (``flags.LIMITS``): of a pix2pix "mode collapse" means one
    answer for every input. A WGAN's critic has no belief: no "D wins".
    ``limits``, name → value, replaces them where yours is another.

    Raises ``UnknownName`` for a limit of no sign, and ``GancourseError`` at the start for a step
    without the parts that it looks at.
    """

    def __init__(
        self,
        every: int | None = None,
        stop: bool = False,
        log: Callable | None = print,
        limits: Mapping[str, float] | None = None,
    ):
        if every is not None and every < 2:
            raise GancourseError(f"every must be at least 2 steps, not {every}.")
        self.given = dict(limits or {})
        self.limits = dict(self.given)
        for name in self.limits:
            if name not in SIGNS:
                raise unknown("sign", name, SIGNS)
        self.every, self.stop, self.log = every, stop, log
        self.flags: list[Flag] = []
        self.readings: dict[str, list[tuple[int, float]]] = {}
        self.steps = 0
        self._look: Look | None = None

    def on_start(self, run: Run) -> None:
        self.steps, self._watched = run.done, Watched(run)
        self.limits = flags.LIMITS.get(run.step.model, {}) | self.given
        price = self._watched.pace.price / run.batches.batch_size
        # half of a look is done by the CPU, which a GPU's step is over long before
        price *= 1 if self._watched.step.device.type == "cpu" else 5
        self._pause = self.every or 50 * math.ceil(price)
        self._take(run, self._watched.structure(self.steps))
        # a step that is looked into is taken as written, and that rounds otherwise than compiled
        # code: a resumed run looks where the unbroken one did
        if not self.steps or not _compiled(run.step):
            self._look = Look(self._watched)
        else:
            self._look_next()

    def on_step(self, run: Run) -> None:
        self.steps = run.done
        if self._look:
            look, self._look = self._look, None
            look.close()
            run.flush()  # the curves to this step, and no look at what is not finite
            self._take(run, look.readings(self.steps))
            self._take(run, curves(run.history.terms, run.step.settings))
        self._look_next()

    def _look_next(self) -> None:
        """Look into the next step if it is its turn."""
        if (self.steps + 1) % self._pause == 0:
            first = self._watched.pace.sampled
            self._look = Look(self._watched, samples=self.steps + 1 >= first)

    def on_end(self, run: Run) -> None:
        if self._look:
            self._look.close()
            self._look = None

    def _take(self, run: Run, readings: Iterator[Reading]) -> None:
        for name, value, where in readings:
            self.readings.setdefault(name, []).append((self.steps, value))
            flag = flag_of((name, value, where), self.steps, self.limits.get(name))
            if flag and name not in {known.name for known in self.flags}:
                self.flags.append(flag)
                run.stop = run.stop or self.stop
                if self.log:
                    self.log(flag)


def _compiled(step) -> bool:
    executor = getattr(step, "executor", None)
    return bool(executor and (executor.execution["compile"] or executor.execution["graph"]))


def curves(terms: Mapping[str, Sequence[float]], settings) -> Iterator[Reading]:
    """Readings of a history's terms at its end: what curves alone can tell."""
    weighed = getattr(settings, "lambda_cycle", 0) * getattr(settings, "lambda_identity", 0)
    found = flags.identity_off(terms, weighed, getattr(settings, "adversarial", True))
    if found:
        off, weight = found
        yield "identity not scaled", off, f"{weight:.2f} instead of {weighed:g}"
    margin = flags.margin(terms, getattr(settings, "loss", ""))  # a model may have no choice of it
    if margin is not None:
        yield "D wins", margin, str(WINDOW)


def review(terms: Mapping[str, Sequence[float]], settings, every: int = 50) -> list[Flag]:
    """The flags that curves alone can raise; ``terms``: name → one value a step, as in a record.

    ``settings`` are the run's, as in ``profiles``. Raises ``GancourseError`` for a log that this
    version cannot read: without ``gen``, with terms of unequal length, or with a value that is not
    a finite number.
    """
    lengths = {name: len(values) for name, values in terms.items()}
    if "gen" not in terms or len(set(lengths.values())) != 1:
        raise GancourseError(
            f"Not a log of this version: it holds {lengths or 'nothing'}. Valid is one value a "
            "step for 'gen' and for every other term, as in History.terms or a record's curves."
        )
    for name, values in terms.items():
        wrong = [v for v in values if not isinstance(v, int | float) or not math.isfinite(v)]
        if wrong:
            raise GancourseError(f"{name!r} of the log holds {wrong[0]!r}, no finite number.")
    limits = flags.LIMITS.get(settings.model, {})
    found: dict[str, Flag] = {}
    for end in [*range(WINDOW, lengths["gen"], every), lengths["gen"]]:
        last = {name: values[max(end - WINDOW, 0) : end] for name, values in terms.items()}
        for reading in curves(last, settings):
            flag = flag_of(reading, end, limits.get(reading[0]))
            if flag:
                found.setdefault(flag.name, flag)
    return list(found.values())
