"""From settings to a record: load the data, train, measure, write. ``gancourse train`` calls it."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import torch

from . import augment, data, profiles, records
from . import device as devices
from .errors import GancourseError
from .training import checkpoint
from .training.callbacks import Metrics, ProgressBar, Samples
from .training.dcgan import DCGANStep, sample_z
from .training.loop import Batches, fit

# Epochs of the sample strip: doubling, because most of what there is to see happens early.
STRIP = (0, 1, 2, 4, 8, 16, 32, 64, 96, 128, 192, 256, 300, 384, 512)
ROWS = 6  # latent points in the strip
FEW, MANY = 64, 256  # fakes for a metric during training, and at the end


def load_data(settings, source: str = "auto", split: str = "train"):
    """The ``ImageSet`` that ``settings`` names, at their size and number of channels."""
    return data.load(
        settings.data,
        part=settings.part,
        size=settings.size,
        channels=settings.channels,
        split=split,
        source=source,
    )


def batches_of(images, settings) -> Batches:
    """``Batches`` of ``images`` with the settings' batch size, classical policy and seed."""
    if settings.augment not in augment.POLICIES:
        augment.classical(images.floats([0]), settings.augment)  # raises, with a suggestion
    policy = functools.partial(augment.classical, policy=settings.augment)
    change = policy if settings.augment != "none" else None
    return Batches(images, settings.batch_size, change, settings.seed)


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
    ``resume`` goes on from the newest one. Metrics are taken every ``metrics_every`` epochs.
    Returns the record's folder. Raises ``GancourseError`` for anything in the request that does
    not fit.
    """
    settings = profiles.dcgan(experiment, profile, **(overrides or {}))
    name = name or run_name(settings)
    out = Path(out or Path("runs") / experiment / name)
    newest = checkpoint.latest(out / "checkpoints")
    if newest and not resume:
        raise GancourseError(
            f"{out} already holds a run ({newest.name}). Use --resume, or another --out."
        )
    train_set, held_out = (load_data(settings, source, split) for split in ("train", "test"))
    devices.seed_everything(settings.seed)  # networks, latents and augmentation follow
    step = DCGANStep(settings, device)
    batches = batches_of(train_set.to(step.device), settings)
    history = checkpoint.load(newest, step, batches) if newest else None
    measure = Measure(settings, train_set, held_out, device)
    samples = Samples(measure.z[:ROWS], [e for e in STRIP if e <= settings.epochs])
    if newest:
        samples.images = torch.load(out / "strip.pt", weights_only=True)
    saver = _SaveWithStrip(out / "checkpoints", every=4, samples=samples)
    watchers = [ProgressBar(label=name), samples, Metrics(measure, metrics_every), saver]
    history = fit(step, batches, settings.epochs, watchers, history)
    if history.interrupted:
        raise KeyboardInterrupt(f"Stopped; go on with --resume. Saved: {out / 'checkpoints'}")
    content = {
        "experiment": experiment,
        "run": name,
        "settings": dataclasses.asdict(settings),
        **measure.summary(step, history),
    }
    return records.save(out, content, samples.images, step.ema)


def run_name(settings) -> str:
    """Such as ``none-seed0`` or ``steel+diffaugment-seed1``."""
    policy = settings.augment + ("+diffaugment" if settings.diffaugment else "")
    return f"{policy}-seed{settings.seed}"


def _numbers(result) -> dict:
    """A ``Copying`` as a record keeps it: the statistic, both distributions, the verdict."""
    content = {
        name: value.tolist() if isinstance(value, torch.Tensor) else value
        for name, value in vars(result).items()
    }
    return {**content, "verdict": result.verdict}


class _SaveWithStrip(checkpoint.Checkpoints):
    """Keeps the sample strip beside the checkpoints, so that a resumed run has all of it."""

    def __init__(self, folder, every, samples):
        super().__init__(folder, every)
        self.samples = samples

    def save(self, run) -> None:
        checkpoint.write(self.folder.parent / "strip.pt", self.samples.images)
        super().save(run)


class Measure:
    """The numbers of a DCGAN run: distances to training and held-out images, copying, baselines.

    Calling it with a step measures ``FEW`` fakes of the last weights and of the averaged ones,
    always from the same latent points.
    """

    def __init__(self, settings, train_set, held_out, device: str = "auto"):
        from .evaluation import features

        self.settings, self.train_set, self.held_out = settings, train_set, held_out
        self.extract = features.extractor("auto", device)
        self.real = {
            "train": self.extract.cached(train_set.images),
            "held_out": self.extract.cached(held_out.images),
        }
        fixed = torch.Generator().manual_seed(20_000 + settings.seed)
        self.z = sample_z(MANY, settings, torch.device("cpu"), fixed)

    def __call__(self, step, n: int = FEW) -> dict:
        return {
            kind: self.distances(self.extract(step.sample(self.z[:n], ema=kind == "average")))
            for kind in ("last", "average")
        }

    def distances(self, found) -> dict:
        """Distances of features ``found`` (n, d) to the training and to the held-out images."""
        return {side: self._compare(found, real) for side, real in self.real.items()}

    def _compare(self, found, real) -> dict:
        from .evaluation.distances import frechet, kid

        return {
            self.extract.metric: records.rounded(frechet(found, real)),
            "KID×10³": records.rounded([v * 1e3 for v in kid(found, real)]),
        }

    def baselines(self) -> dict:
        """The same distances between real images: what the scale means."""
        pairs = {"training against held-out": self.real["train"]}
        if self.settings.data == "NEU-DET":
            other = data.load(
                "NEU-DET",
                part="inclusion",
                size=self.settings.size,
                channels=self.settings.channels,
                source=self.train_set.source,
            )
            pairs["inclusions against held-out"] = self.extract.cached(other.images)
        return {k: self._compare(found, self.real["held_out"]) for k, found in pairs.items()}

    def summary(self, step, history) -> dict:
        """Everything of a finished run that its record keeps, besides settings and samples."""
        from .evaluation.distances import precision_recall
        from .evaluation.neighbours import copying

        final = {}
        for kind in ("last", "average"):
            fake = step.sample(self.z, ema=kind == "average")
            found = self.extract(fake)
            precision, recall = precision_recall(self.real["train"], found)
            final[kind] = {
                **self.distances(found),
                "precision": precision,
                "recall": recall,
                "copying": _numbers(copying(fake, self.train_set.images, self.held_out.images)),
            }
        # chosen by the distance to the training images: the held-out ones choose nothing
        best = min(history.metrics, key=lambda m: m["last"]["train"]["KID×10³"][0])
        return {
            "data": {
                "caption": self.train_set.caption,
                "source": self.train_set.source,
                "train": len(self.train_set),
                "held_out": len(self.held_out),
                "fingerprint": self.train_set.fingerprint(),
            },
            "device": devices.describe(step.device),
            "seconds": round(history.seconds, 1),
            "features": self.extract.name,
            "fakes": {"during training": FEW, "at the end": MANY},
            "curves": records.rounded(history.terms),
            "metrics": history.metrics,
            "best": {"chosen by": "KID to the training images, last weights", **best},
            "final": records.rounded(final),
            "baselines": self.baselines(),
        }
