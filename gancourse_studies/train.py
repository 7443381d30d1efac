"""From settings to a record: load the data, train, measure, write. ``gancourse train`` calls it.

``gancourse_studies.<model>.Experiment`` loads its data, makes the step and the batches, measures,
and names the networks to keep. ``train`` does the rest.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm.auto import tqdm

from gancourse import device as devices
from gancourse import files, profiles
from gancourse.errors import GancourseError
from gancourse.files import path_of
from gancourse.train import checkpoint
from gancourse.train.loop import Callback, Forecast, Interrupted, ProgressBar, Run, Samples, fit
from gancourse_lab.monitor import Monitor
from gancourse_lab.speed import Executor
from gancourse_studies import folders, recording

# Epochs of the sample strip: doubling, because most of what there is to see happens early; 100 and
# 300 are those that the study of the cats compares.
STEPS = (0, *(25 * 2**k for k in range(12)))  # of a run by steps
STRIP = (0, 1, 2, 4, 8, 16, 32, 64, 100, 128, 192, 256, 300, 384, 512)


def train(
    experiment: str,
    overrides: dict | None = None,
    *,
    own: Sequence[str | Path] = (),
    profile: str | None = None,
    device: str = "auto",
    source: str = "auto",
    out: str | Path | None = None,
    resume: bool = False,
    name: str | None = None,
    metrics_every: int = 8,
    minutes: float | None = None,
) -> Path:
    """Train ``experiment`` of ``profiles`` with ``overrides`` and write its record.

    ``experiment`` may be a model, trained on ``own`` folders: ``[data]`` of a DCGAN, ``[a, b]`` of
    a CycleGAN (see ``folders.settings_of``); the record keeps their names, not where they lie.
    The record goes to ``out`` (default ``runs/<experiment>/<name>``), with checkpoints beside it;
    ``resume`` goes on from the newest one. ``name`` is by default the last part of ``out``.
    Metrics are taken every ``metrics_every`` epochs. ``minutes`` replaces the settings' length:
    after a warm-up they are turned into a number of steps, once. A ``Monitor`` watches; its flags
    are printed and recorded (of a resumed run, those since resuming).
    Returns the record's folder. Raises ``GancourseError`` for anything in the request that does
    not fit.
    """
    devices.check_one_process()
    if metrics_every < 1:
        raise GancourseError(f"metrics_every must be at least 1, not {metrics_every}.")
    if minutes is not None and not 0 < minutes < float("inf"):
        raise GancourseError(f"minutes must be a number above 0, not {minutes!r}.")
    settings = folders.settings_of(experiment, own, profile, overrides)
    experiment = settings.data.replace(" ", "-") if own else experiment
    name = name or (Path(out).name if out else profiles.run_name(settings))
    out = path_of(out or Path("runs") / experiment / name)
    newest = checkpoint.latest(out / "checkpoints") or checkpoint.latest(out)
    _check_out(out, newest, resume)
    saved = checkpoint.read(newest) if newest else None
    if saved:
        settings = _as_begun(settings, saved, newest, overrides or {})
    for remark in folders.remarks(settings):
        tqdm.write(remark)
    study = importlib.import_module(f"gancourse_studies.{settings.model}")
    plan = study.Experiment(settings, source, device)  # what it refuses leaves no folder behind
    with files.alone(out):
        run = _Run(plan, settings, out, minutes, saved)
        run.go(name, metrics_every)
        return run.save(experiment, name)


def _as_begun(settings, content: dict, newest: Path, overrides: dict):
    """The settings in a checkpoint's ``content`` with ``overrides``; own folders as they lie now.

    Raises ``CheckpointError`` for a checkpoint of another model.
    """
    saved = content["settings"]
    known = {field.name for field in dataclasses.fields(settings)}
    if not set(saved) <= known:
        raise checkpoint.CheckpointError(
            f"{newest} is no {settings.model}'s: it has the settings {sorted(set(saved) - known)}."
        )
    here = {name: getattr(settings, name) for name in profiles.FOLDERS if name in known}
    return profiles.replace(settings, **(saved | here | overrides))


def _check_out(out: Path, newest: Path | None, resume: bool) -> None:
    """Raise ``GancourseError`` for a folder that holds another run, or that cannot be made."""
    if newest and not resume:
        raise GancourseError(
            f"{out} already holds a run ({newest.name}). Use --resume, or another --out."
        )
    if resume and not newest:
        raise GancourseError(
            f"There is no checkpoint in {out} or {out / 'checkpoints'} to go on from: say the "
            "--out of the run, or leave out --resume to begin it."
        )
    if not newest and (out / "record.json").exists():
        raise GancourseError(f"{out} already holds a record. Choose another --out.")
    there = next(place for place in (out, *out.absolute().parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise GancourseError(f"{there} is no folder that can be written to. Choose another --out.")


class _Run:
    """A training from its settings, or from a checkpoint's content ``saved``, to its record."""

    def __init__(self, plan, settings, out: Path, minutes: float | None, saved: dict | None):
        self.plan, self.settings, self.out = plan, settings, out
        devices.seed_everything(settings.seed)  # networks, latents and augmentation follow
        self.step = plan.step()
        checkpoint.check_room(out / "checkpoints", self.step)
        self.executor = Executor(self.step)
        self.batches = plan.batches(self.step)
        if minutes is None and saved:
            minutes = saved["begun"].get("minutes")
        self.history, self.length = None, _length(settings, minutes)
        if saved:
            self.history = checkpoint.restore(saved, out, self.step, self.batches)
            if self.history.planned:  # a run by minutes keeps its plan
                self.length = {"steps": self.history.planned}
            _check_longer(out, self.history, self.length, len(self.batches))
            # it stays as it began; a chapter's checkpoint does not say with what
            self.begun = {"commit": None, "images": plan.first()} | saved["begun"]
        else:
            epochs = self.length.get("epochs", 0)
            planned = self.length.get("steps", epochs * len(self.batches))
            self.executor.tune(self.batches, steps=planned, minutes=minutes)
            # minutes: a run that ends before its plan is made plans when it goes on
            self.begun = {"commit": recording.commit(), "images": plan.first(), "minutes": minutes}
        self.samples = _samples(plan, settings, self.length)
        self.samples.images = self.begun["images"]
        self.monitor = Monitor(log=lambda flag: tqdm.write(str(flag)))  # beside the bar

    def go(self, name: str, metrics_every: int) -> None:
        """Train; raises ``Interrupted`` where that was interrupted, after saving."""
        folder = self.out / "checkpoints"
        watchers = [
            *self.plan.callbacks(by_steps="epochs" not in self.length),
            self.monitor,
            ProgressBar(self.plan.terms, name),
            self.samples,
            Metrics(self.plan.measure, metrics_every),
            checkpoint.Checkpoints(folder, begun=self.begun),
            Forecast(folder, log=tqdm.write, again="--resume goes on"),
        ]
        try:
            self.history = fit(
                self.step, self.batches, callbacks=watchers, history=self.history, **self.length
            )
        except Interrupted as stop:
            raise Interrupted(f"{stop} Go on with --resume. Saved: {folder}") from None

    def save(self, experiment: str, name: str) -> Path:
        """Measure what is measured at the end, and write the record."""
        step, history, execution = self.step, self.history, self.executor.execution
        content = {
            "experiment": experiment,
            "run": name,
            "model": self.settings.model,
            "commit": self.begun["commit"],  # of the code that the run began with
            "settings": profiles.without_folders(dataclasses.asdict(self.settings)),
            "device": devices.describe(step.device, execution["precision"]),
            "execution": dict(execution),
            "steps": len(history),
            "epochs": round(len(history) / len(self.batches), 2),
            "minutes": round(history.seconds / 60, 2),
            "curves": recording.thinned(history.terms),
            "metrics": history.metrics,
            "flags": [dataclasses.asdict(flag) for flag in self.monitor.flags],
            **self.plan.summary(step, history),
        }
        strip = []
        for moment, images in self.samples.images:
            strip.append((_column(self.samples, moment, self.batches), images))
        return recording.save(self.out, content, strip, self.plan.networks(step))


def _check_longer(out: Path, history, length: dict, per_epoch: int) -> None:
    """Say that a recorded run is prolonged; ``GancourseError`` where it is to be shorter.

    As long as it is: nothing is trained, and the same record is written again.
    """
    if "minutes" in length:  # not planned yet
        return
    planned = length.get("steps") or length.get("epochs", 0) * per_epoch
    if planned < len(history):
        raise GancourseError(
            f"{out} has taken {len(history)} steps, and {planned} are asked for: a run cannot be "
            "made shorter. Ask for more, or choose another --out."
        )
    if planned > len(history) and (out / "record.json").exists():
        tqdm.write(
            f"{out} was finished at step {len(history):,} and goes on to {planned:,}. A learning "
            "rate that falls does so as in the longer run: it may rise first."
        )


def _length(settings, minutes: float | None) -> dict:
    """What ``fit`` is told: minutes, or the settings' steps, or their epochs."""
    if minutes is not None:
        return {"minutes": minutes}
    steps = getattr(settings, "steps", 0)
    return {"steps": steps} if steps else {"epochs": settings.epochs}


def _samples(plan, settings, length: dict) -> Samples:
    """The strip's moments: by epoch, or at doubling steps."""
    if "epochs" in length:
        return Samples(
            plan.looked_at, [*(e for e in STRIP if e < settings.epochs), settings.epochs]
        )
    return Samples(plan.looked_at, steps=STEPS)


def _column(samples: Samples, moment, batches) -> dict:
    """What a column of the strip shows."""
    if isinstance(moment, str):
        return {"label": moment}
    if samples.by_steps:
        return {"step": moment, "epoch": moment // len(batches)}
    return {"step": moment * len(batches), "epoch": moment}


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
        with devices.apart():
            found = self.measure(run.step)
        now = {"step": run.done, "epoch": run.batches.epoch}
        now["minutes"] = round(run.history.seconds / 60, 2)
        run.history.metrics.append(now | found)
