"""The pix2pix experiment: its pairs, its step, its numbers."""

from __future__ import annotations

from gancourse.data.batches import aligned, load_domain, looked_at
from gancourse.data.sets import AlignedBatches, check_pairs
from gancourse.train.pix2pix import Pix2PixStep, check_settings
from gancourse_studies import folders, recording

MANY = 256  # held-out images translated for a metric, at most


def both_read(a, b):
    """Two own sets without the pairs of which one picture could not be read; then they must fit."""
    if a.source == "own" and a.names != b.names:
        a, b = (
            images.subset([i for i, name in enumerate(images.names) if name in set(other.names)])
            for images, other in ((a, b), (b, a))
        )
    check_pairs(a, b)
    return a, b


class Experiment:
    """One pix2pix run, A→B: distances to real photos, to each true photo, and edges kept."""

    terms = ("gen", "l1", "disc_real", "disc_fake")

    def __init__(self, settings, source: str = "auto", device: str = "auto"):
        from gancourse.metrics import features

        check_settings(settings)  # before anything is loaded
        self.settings, self.device = settings, device
        self.train_a, self.train_b = (load_domain(settings, p, source) for p in "AB")
        self.test_a, self.test_b = (load_domain(settings, p, source, "test") for p in "AB")
        folders.check(self.train_a, self.test_a, settings.batch_size)
        folders.check(self.train_b, self.test_b, settings.batch_size)
        self.train_a, self.train_b = both_read(self.train_a, self.train_b)
        self.test_a, self.test_b = both_read(self.test_a, self.test_b)
        folders.check(self.train_a, self.test_a, settings.batch_size)
        # the same rows of both: the held-out sets are aligned
        self.looked_at = looked_at(self.test_a, "a")
        self.true = looked_at(self.test_b, "b")
        self.extract = features.extractor(settings.features, device)
        window = (settings.load_size - settings.size) // 2
        middle = slice(window, window + settings.size)
        self.real = {
            "train": self.extract.cached(self.train_b.images[..., middle, middle]),
            "held_out": self.extract.cached(self.test_b.images),
        }

    def callbacks(self, by_steps: bool) -> tuple:
        """The learning rates stay as they are."""
        return ()

    def step(self) -> Pix2PixStep:
        """Fresh networks and optimisers."""
        return Pix2PixStep(self.settings, self.device)

    def batches(self, step) -> AlignedBatches:
        """Both training sets, pair by pair, on the step's device."""
        a, b = (images.to(step.device) for images in (self.train_a, self.train_b))
        return aligned(a, b, self.settings)

    def first(self) -> list:
        """The inputs and the true pictures stand in front of the strip."""
        return [("input", self.looked_at), ("true photo", self.true)]

    def networks(self, step) -> dict:
        """What the record keeps: G, averaged weights where there are any."""
        return {"gen": step.shown("gen")}

    @property
    def weights(self) -> str:
        """Which weights are looked at and kept."""
        return "average" if self.settings.ema else "last"

    def measure(self, step) -> dict:
        """Numbers of the held-out pictures' translations, of the weights that are looked at."""
        return {self.weights: self.numbers(step, average=True)}

    def numbers(self, step, average: bool) -> dict:
        """A→B on held-out pairs: distances to the photos, to the own photo, agreement of edges.

        ``l1``: mean |b - G(a)| on the networks' scale [-1, 1]. ``agreement``: edges of G(a) against
        those of a.
        """
        inputs, true = self.test_a.images[:MANY], self.test_b.images[:MANY]
        fake = step.sample(inputs, ema=average)
        found = {
            **self.distances(self.extract(fake)),
            "l1": recording.rounded(recording.l1(fake, true)),
            "agreement": recording.agreement(inputs, fake),
        }
        return {"a_to_b": found}

    def distances(self, found) -> dict:
        """Distances of features ``found`` to the training and held-out photos."""
        return {
            side: recording.distances(self.extract, found, real) for side, real in self.real.items()
        }

    def baselines(self) -> dict:
        """The scale: the inputs as they are, the training photos, and another pair's photo."""
        inputs, true = self.test_a.images[:MANY], self.test_b.images[:MANY]
        held_out = self.real["held_out"]
        return {
            "a_to_b": {
                "untouched inputs": {
                    **recording.distances(self.extract, self.extract(inputs), held_out),
                    "l1": recording.rounded(recording.l1(inputs, true)),
                },
                "training images": recording.distances(self.extract, self.real["train"], held_out),
                "another photo": {"l1": recording.rounded(recording.l1(true.roll(1, 0), true))},
            }
        }

    def summary(self, step, history) -> dict:
        """Everything of a finished run that its record keeps, besides settings and curves."""
        final = {"last": self.numbers(step, average=False)}
        if self.settings.ema:
            final["average"] = self.numbers(step, average=True)

        def to_training(row) -> float:
            return row[self.weights]["a_to_b"]["train"][self.extract.kid][0]

        best = min(history.metrics, key=to_training)
        return {
            "data": {
                "caption": f"{self.train_a.caption} and {self.train_b.caption}, in pairs",
                "source": self.train_a.source,
                "train": len(self.train_a),
                "held_out": len(self.test_a),
                "fingerprint": self.batches(step).fingerprint(),
            },
            "features": self.extract.name,
            "weights": self.weights,
            "best": {"chosen by": "KID of A→B to the training images of B", **best},
            "final": final,
            "baselines": self.baselines(),
        }
