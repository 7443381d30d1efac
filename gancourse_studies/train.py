"""From settings to a record: load the data, train, measure, write. ``gancourse train`` calls it.

``gancourse_studies.<model>.Experiment`` loads its data, makes the step and the batches, measures,
and names the networks to keep. ``train`` does the rest.
"""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path

import torch
from tqdm.auto import tqdm

from gancourse import device as devices
from gancourse import profiles
from gancourse.errors import GancourseError
from gancourse.train import checkpoint
from gancourse.train.loop import Forecast, Metrics, ProgressBar, Samples, fit
from gancourse_lab.monitor import Monitor
from gancourse_studies import recording

# Epochs of the sample strip: doubling, because most of what there is to see happens early; 100 and
# 300 are those that the study of the cats compares.
STEPS = (0, *(25 * 2**k for k in range(12)))  # of a run by steps
STRIP = (0, 1, 2, 4, 8, 16, 32, 64, 100, 128, 192, 256, 300, 384, 512)


def train(
    experiment: str,
    overrides: dict | None = None,
    *,
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

    The record goes to ``out`` (default ``runs/<experiment>/<name>``), with checkpoints beside it;
    ``resume`` goes on from the newest one. ``name`` is by default the last part of ``out``.
    Metrics are taken every ``metrics_every`` epochs. ``minutes`` replaces the settings' length:
    after a warm-up they are turned into a number of steps, once. A ``Monitor`` watches; its flags
    are printed and recorded (of a resumed run, those since resuming).
    Returns the record's folder. Raises ``GancourseError`` for anything in the request that does
    not fit.
    """
    if metrics_every < 1:
        raise GancourseError(f"metrics_every must be at least 1, not {metrics_every}.")
    if minutes is not None and not 0 < minutes < float("inf"):
        raise GancourseError(f"minutes must be a number above 0, not {minutes!r}.")
    settings = profiles.settings(experiment, profile, **(overrides or {}))
    name = name or (Path(out).name if out else profiles.run_name(settings))
    out = Path(out or Path("runs") / experiment / name)
    newest = checkpoint.latest(out / "checkpoints")
    if newest and not resume:
        raise GancourseError(
            f"{out} already holds a run ({newest.name}). Use --resume, or another --out."
        )
    study = importlib.import_module(f"gancourse_studies.{settings.model}")
    plan = study.Experiment(settings, source, device)
    devices.seed_everything(settings.seed)  # networks, latents and augmentation follow
    step = plan.step()
    batches = plan.batches(step)
    history = checkpoint.load(newest, step, batches) if newest else None
    length = _length(settings, minutes)
    if history and history.planned:  # a run by minutes keeps its plan, whatever is said now
        length = {"steps": history.planned}
    planned = length.get("steps", length.get("epochs", 0) * len(batches))
    if not newest:  # a resumed run stays as it began
        step.tune(batches, steps=planned, minutes=minutes)
    samples = _samples(plan, settings, length)
    begun = {"commit": recording.commit(), "images": plan.first()}
    if newest:
        begun = torch.load(out / "strip.pt", weights_only=True)
    samples.images = begun["images"]
    saver = _SaveWithStrip(out / "checkpoints", begun)
    monitor = Monitor(log=lambda flag: tqdm.write(str(flag)))  # beside the bar, not into it
    bar = ProgressBar(plan.terms, name)
    watchers = [*plan.callbacks(by_steps="epochs" not in length), monitor, bar, samples]
    watchers += [Metrics(plan.measure, metrics_every), saver]
    watchers += [Forecast(saver.folder, log=tqdm.write, again="--resume goes on")]
    history = fit(step, batches, callbacks=watchers, history=history, **length)
    if history.interrupted:
        raise KeyboardInterrupt(f"Stopped; go on with --resume. Saved: {out / 'checkpoints'}")
    content = {
        "experiment": experiment,
        "run": name,
        "model": settings.model,
        "commit": begun["commit"],  # of the code that the run began with
        "settings": dataclasses.asdict(settings),
        "device": devices.describe(step.device, step.execution["precision"]),
        "execution": dict(step.execution),
        "steps": len(history),
        "epochs": round(len(history) / len(batches), 2),
        "minutes": round(history.seconds / 60, 2),
        "curves": recording.thinned(history.terms),
        "metrics": history.metrics,
        "flags": [dataclasses.asdict(flag) for flag in monitor.flags],
        **plan.summary(step, history),
    }
    strip = [(_column(samples, moment, batches), images) for moment, images in samples.images]
    return recording.save(out, content, strip, plan.networks(step))


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


class _SaveWithStrip(checkpoint.Checkpoints):
    """Keeps the sample strip beside the checkpoints, so that a resumed run has all of it."""

    def __init__(self, folder, begun: dict):
        super().__init__(folder)
        self.begun = begun

    def save(self, run) -> None:
        run.flush()  # a loss that is not finite: neither file is touched
        checkpoint.write(self.folder.parent / "strip.pt", self.begun)
        super().save(run)
