"""From settings to a record: load the data, train, measure, write. ``gancourse train`` calls it.

An experiment is a class, ``dcgan.Experiment`` or ``cyclegan.Experiment``: it loads its data, makes
the step and the batches, measures, and names the networks to keep. ``train`` does the rest.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from tqdm.auto import tqdm

from .. import device as devices
from .. import profiles, records
from ..errors import GancourseError
from ..training import checkpoint
from ..training.callbacks import Metrics, ProgressBar, Samples
from ..training.loop import fit
from ..training.monitor import Monitor
from . import cyclegan, dcgan
from .dcgan import MANY, ROWS, batches_of, load_data

__all__ = ["MANY", "ROWS", "batches_of", "load_data", "run_name", "train"]

# Epochs of the sample strip: doubling, because most of what there is to see happens early; 100 and
# 300 are those that the study of the cats compares.
STRIP = (0, 1, 2, 4, 8, 16, 32, 64, 100, 128, 192, 256, 300, 384, 512)
KINDS = {
    profiles.DCGANSettings: dcgan.Experiment,
    profiles.CycleGANSettings: cyclegan.Experiment,
}


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
) -> Path:
    """Train ``experiment`` of ``profiles`` with ``overrides`` and write its record.

    The record goes to ``out`` (default ``runs/<experiment>/<name>``), with checkpoints beside it;
    ``resume`` goes on from the newest one. ``name`` is by default the last part of ``out``.
    Metrics are taken every ``metrics_every`` epochs. A ``Monitor`` watches; its flags are printed
    and recorded (of a resumed run, those since resuming).
    Returns the record's folder. Raises ``GancourseError`` for anything in the request that does
    not fit.
    """
    if metrics_every < 1:
        raise GancourseError(f"metrics_every must be at least 1, not {metrics_every}.")
    settings = profiles.settings(experiment, profile, **(overrides or {}))
    name = name or (Path(out).name if out else run_name(settings))
    out = Path(out or Path("runs") / experiment / name)
    newest = checkpoint.latest(out / "checkpoints")
    if newest and not resume:
        raise GancourseError(
            f"{out} already holds a run ({newest.name}). Use --resume, or another --out."
        )
    plan = KINDS[type(settings)](settings, source, device)
    devices.seed_everything(settings.seed)  # networks, latents and augmentation follow
    step = plan.step()
    batches = plan.batches(step)
    history = checkpoint.load(newest, step, batches) if newest else None
    strip = [*(e for e in STRIP if e < settings.epochs), settings.epochs]
    samples = Samples(plan.looked_at, strip)
    samples.images = torch.load(out / "strip.pt", weights_only=True) if newest else plan.first()
    saver = _SaveWithStrip(out / "checkpoints", every=4, samples=samples)
    monitor = Monitor(log=lambda flag: tqdm.write(str(flag)))  # beside the bar, not into it
    watchers = [*plan.callbacks, monitor, ProgressBar(plan.terms, name), samples]
    watchers += [Metrics(plan.measure, metrics_every), saver]
    history = fit(step, batches, settings.epochs, watchers, history)
    if history.interrupted:
        raise KeyboardInterrupt(f"Stopped; go on with --resume. Saved: {out / 'checkpoints'}")
    content = {
        "experiment": experiment,
        "run": name,
        "settings": dataclasses.asdict(settings),
        "device": devices.describe(step.device),
        "seconds": round(history.seconds, 1),
        "curves": records.rounded(history.terms),
        "metrics": history.metrics,
        "flags": [dataclasses.asdict(flag) for flag in monitor.flags],
        **plan.summary(step, history),
    }
    return records.save(out, content, samples.images, plan.networks(step))


def run_name(settings) -> str:
    """What differs from the recipe, and the seed: ``none-seed0``, ``lambda0-seed1``."""
    return KINDS[type(settings)].run_name(settings)


class _SaveWithStrip(checkpoint.Checkpoints):
    """Keeps the sample strip beside the checkpoints, so that a resumed run has all of it."""

    def __init__(self, folder, every, samples):
        super().__init__(folder, every)
        self.samples = samples

    def save(self, run) -> None:
        checkpoint.write(self.folder.parent / "strip.pt", self.samples.images)
        super().save(run)
