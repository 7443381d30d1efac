"""The DCGAN experiment: its data, its step, its numbers."""

from __future__ import annotations

import torch

from gancourse import data
from gancourse.data.batches import Batches, batches_of, load_data
from gancourse.train.dcgan import DCGANStep, check_settings, mean_logit, sample_z
from gancourse_studies import folders, recording

ROWS = 6  # latent points in the strip
FEW, MANY = 64, 256  # fakes for a metric during training, and at the end


def _numbers(result) -> dict:
    """A ``Copying`` as a record keeps it: the statistic, both distributions, the verdict."""
    content = {
        name: value.tolist() if isinstance(value, torch.Tensor) else value
        for name, value in vars(result).items()
    }
    return {**content, "verdict": result.verdict}


class Experiment:
    """One DCGAN run: distances to training and held-out images, copying, baselines."""

    terms = ("disc_real", "disc_fake", "gen")
    check = staticmethod(check_settings)  # before anything is loaded

    def __init__(self, settings, source: str = "auto", device: str = "auto"):
        from gancourse.metrics import features

        self.check(settings)
        self.settings, self.device = settings, device
        train_set, held_out = (load_data(settings, source, split) for split in ("train", "test"))
        parts = getattr(settings, "critic_steps", 1)  # a WGAN's batch is split among its updates
        folders.check(train_set, held_out, settings.batch_size, multiple=parts)
        self.train_set, self.held_out = train_set, held_out
        self.extract = features.extractor(settings.features, device)
        self.real = {
            "train": self.extract.cached(train_set.images),
            "held_out": self.extract.cached(held_out.images),
        }
        fixed = torch.Generator().manual_seed(20_000 + settings.seed)
        self.z = sample_z(MANY, settings, torch.device("cpu"), fixed)
        self.looked_at = self.z[:ROWS]

    def callbacks(self, by_steps: bool) -> tuple:
        """The learning rates stay as they are."""
        return ()

    def step(self) -> DCGANStep:
        """Fresh networks and optimisers."""
        return DCGANStep(self.settings, self.device)

    def batches(self, step) -> Batches:
        """The training set, on the step's device."""
        return batches_of(self.train_set.to(step.device), self.settings)

    def first(self) -> list:
        """Nothing stands in front of the sample strip."""
        return []

    def networks(self, step) -> dict:
        """What the record keeps: averaged weights where there are any."""
        return {"generator": step.shown("gen")}

    def measure(self, step, n: int = FEW) -> dict:
        """What ``n`` fakes from always the same latent points tell, and what D tells of reals.

        ``last`` and ``average`` weights each: distances, precision and recall, ``diversity`` (total
        variance of the features as a share of the training images') and the AUC and p of copying;
        ``disc``: D's mean logit of training and of held-out images, apart where D memorises.
        """
        from gancourse.metrics.distances import precision_recall
        from gancourse.metrics.neighbours import copying

        found, train = {}, self.real["train"]
        for kind in ("last", "average"):
            fake = step.sample(self.z[:n], ema=kind == "average")
            seen = self.extract(fake)
            precision, recall = precision_recall(train, seen)
            copied = copying(fake, self.train_set.images, self.held_out.images)
            found[kind] = self.distances(seen) | {
                "precision": precision,
                "recall": recall,
                "diversity": recording.rounded(float(seen.var(0).sum() / train.var(0).sum())),
                "copying": recording.rounded({"auc": copied.auc, "p_value": copied.p_value}),
            }
        return found | {"disc": recording.rounded(self.margin(step))}

    def margin(self, step) -> dict:
        """D's mean logit of the training and of the held-out images, D in evaluation mode."""
        disc = step.accelerator.unwrap_model(step.disc)
        return {
            side: mean_logit(disc, images)
            for side, images in (("train", self.train_set), ("held_out", self.held_out))
        }

    def distances(self, found) -> dict:
        """Distances of features ``found`` (n, d) to the training and to the held-out images."""
        return {
            side: recording.distances(self.extract, found, real) for side, real in self.real.items()
        }

    def baselines(self) -> dict:
        """The same distances between real images: what the scale means."""
        pairs = {"training against held-out": self.real["train"]}
        if self.settings.data == "NEU-DET" and not self.settings.folder:
            other = data.load(
                "NEU-DET",
                part="inclusion",
                size=self.settings.size,
                channels=self.settings.channels,
                source=self.train_set.source,
            )
            pairs["inclusions against held-out"] = self.extract.cached(other.images)
        return {
            k: recording.distances(self.extract, found, self.real["held_out"])
            for k, found in pairs.items()
        }

    def summary(self, step, history) -> dict:
        """Everything of a finished run that its record keeps, besides settings and samples."""
        from gancourse.metrics.distances import precision_recall
        from gancourse.metrics.neighbours import copying

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
        best = min(history.metrics, key=lambda m: m["last"]["train"][self.extract.kid][0])
        return {
            "data": {
                "caption": self.train_set.caption,
                "source": self.train_set.source,
                "train": len(self.train_set),
                "held_out": len(self.held_out),
                "fingerprint": self.train_set.fingerprint(),
            },
            "features": self.extract.name,
            "weights": "average" if self.settings.ema else "last",
            "fakes": {"during training": FEW, "at the end": MANY},
            "best": {"chosen by": "KID to the training images, last weights", **best},
            "final": recording.rounded(final),
            "baselines": self.baselines(),
        }
