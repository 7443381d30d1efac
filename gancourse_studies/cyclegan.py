"""The CycleGAN experiment: its two domains, its step, its numbers."""

from __future__ import annotations

import torch

from gancourse.data.batches import PairBatches, load_domain, looked_at, pairs_of
from gancourse.data.sets import ImageSet
from gancourse.train.cyclegan import CycleGANStep, LinearDecay, check_settings, translate
from gancourse_lab import tile_crops
from gancourse_studies import folders, recording

MANY = 256  # held-out images translated for a metric, at most


def domain(settings, part: str, source: str, split: str = "train") -> ImageSet:
    """Domain ``part`` of ``settings``: of tiles, crops without and with a defect."""
    if settings.data != tile_crops.NAME or settings.folder_a:
        return load_domain(settings, part, source, split)
    return tile_crops.load(settings, part, split, source)


class Experiment:
    """One CycleGAN run: distances both ways, reconstruction, content agreement."""

    terms = ("gen", "disc_a", "disc_b")

    def __init__(self, settings, source: str = "auto", device: str = "auto"):
        from gancourse.metrics import features

        check_settings(settings)  # before anything is loaded
        self.settings, self.device = settings, device
        self.train_a, self.train_b = (domain(settings, p, source) for p in "AB")
        self.test_a, self.test_b = (domain(settings, p, source, "test") for p in "AB")
        larger = max(len(self.train_a), len(self.train_b))
        enough = settings.batch_size if larger < settings.batch_size else 1  # an epoch is over it
        folders.check(self.train_a, self.test_a, enough)
        folders.check(self.train_b, self.test_b, enough)
        self.looked_at = (looked_at(self.test_a, "a"), looked_at(self.test_b, "b"))
        self.extract = features.extractor(settings.features, device)
        window = (settings.load_size - settings.size) // 2
        middle = slice(window, window + settings.size)
        self.real = {
            "a": {
                "train": self.extract.cached(self.train_a.images[..., middle, middle]),
                "held_out": self.extract.cached(self.test_a.images),
            },
            "b": {
                "train": self.extract.cached(self.train_b.images[..., middle, middle]),
                "held_out": self.extract.cached(self.test_b.images),
            },
        }

    def callbacks(self, by_steps: bool) -> tuple:
        """What the training needs besides its step: the learning rate's schedule."""
        return (LinearDecay(by_steps),)

    def step(self) -> CycleGANStep:
        """Fresh networks, optimisers and pools."""
        return CycleGANStep(self.settings, self.device)

    def batches(self, step) -> PairBatches:
        """Both training sets, on the step's device."""
        a, b = (images.to(step.device) for images in (self.train_a, self.train_b))
        return pairs_of(a, b, self.settings)

    def first(self) -> list:
        """The inputs stand in front of the strip."""
        return [("input", torch.cat(self.looked_at))]

    def networks(self, step) -> dict:
        """What the record keeps: both generators, averaged weights where there are any."""
        return {"gen_ab": step.shown("gen_ab"), "gen_ba": step.shown("gen_ba")}

    @property
    def weights(self) -> str:
        """Which weights are looked at and kept."""
        return "average" if self.settings.ema else "last"

    def measure(self, step) -> dict:
        """Numbers of the held-out images' translations, of the weights that are looked at."""
        return {self.weights: self.numbers(step, average=True)}

    def numbers(self, step, average: bool) -> dict:
        """Both ways: distances to the target domain, way back, change, agreement of edges."""
        gen_ab, gen_ba = step.shown("gen_ab", average), step.shown("gen_ba", average)
        return {
            "a_to_b": self._one_way(gen_ab, gen_ba, self.test_a.images[:MANY], "b"),
            "b_to_a": self._one_way(gen_ba, gen_ab, self.test_b.images[:MANY], "a"),
        }

    def _one_way(self, there, back, inputs, target: str) -> dict:
        fake = translate(there, inputs)
        again = translate(back, fake)
        return {
            **self.distances(self.extract(fake), target),
            "reconstruction": recording.rounded(recording.l1(again, inputs)),
            "change": recording.rounded(recording.l1(fake, inputs)),
            "agreement": recording.agreement(inputs, fake),
        }

    def against_untouched(self, step) -> dict:
        """Each way: by how much KID to the held-out target changes, and how surely (paired)."""
        from gancourse_lab.uncertainty import paired_kid_test

        found = {}
        for way, gen, side, target in (
            ("a_to_b", step.shown("gen_ab"), "a", "b"),
            ("b_to_a", step.shown("gen_ba"), "b", "a"),
        ):
            inputs = {"a": self.test_a, "b": self.test_b}[side].images[:MANY]
            before = self.real[side]["held_out"][:MANY]
            after = self.extract(translate(gen, inputs))
            p, change = paired_kid_test(before, after, self.real[target]["held_out"])
            found[way] = recording.rounded({"change×10³": change * 1e3, "p": p})
        return found

    def distances(self, found, target: str) -> dict:
        """Distances of features ``found`` to the training and held-out images of ``target``."""
        return {
            side: recording.distances(self.extract, found, real)
            for side, real in self.real[target].items()
        }

    def baselines(self) -> dict:
        """The scale: untouched inputs, and training images of the target domain."""
        return {
            way: {
                "untouched inputs": self.distances(self.real[here]["held_out"], there)["held_out"],
                "training images": recording.distances(
                    self.extract, self.real[there]["train"], self.real[there]["held_out"]
                ),
            }
            for way, here, there in (("a_to_b", "a", "b"), ("b_to_a", "b", "a"))
        }

    def summary(self, step, history) -> dict:
        """Everything of a finished run that its record keeps, besides settings and curves."""
        final = {"last": self.numbers(step, average=False)}
        if self.settings.ema:
            final["average"] = self.numbers(step, average=True)

        def to_training(row) -> float:
            return row[self.weights]["a_to_b"]["train"][self.extract.kid][0]

        best = min(history.metrics, key=to_training)
        sets = {"a": (self.train_a, self.test_a), "b": (self.train_b, self.test_b)}
        return {
            "data": {
                "caption": f"{self.train_a.caption} and {self.train_b.caption}",
                "source": self.train_a.source,
                **{side: {"train": len(t), "held_out": len(h)} for side, (t, h) in sets.items()},
                "fingerprint": self.batches(step).fingerprint(),
            },
            "features": self.extract.name,
            "weights": self.weights,
            "best": {"chosen by": "KID of A→B to the training images of B", **best},
            "final": final,
            "against untouched": self.against_untouched(step),
            "baselines": self.baselines(),
        }
