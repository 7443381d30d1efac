"""The CycleGAN experiment: its two domains, its step, its numbers."""

from __future__ import annotations

import functools

import torch

from .. import augment, data, records
from ..errors import GancourseError
from ..training.cyclegan import CycleGANStep, LinearDecay, translate
from ..training.loop import PairBatches

ROWS = 4  # images of each domain in the strip
MANY = 256  # held-out images translated for a metric, at most


def load_domain(settings, part: str, source: str = "auto", split: str = "train"):
    """Domain ``part``, "A" or "B": training images at ``load_size``, held-out ones at ``size``."""
    parts = data.catalog.find(settings.data).parts  # facades call theirs label and photo
    named = dict(zip("AB", sorted(parts), strict=False))
    return data.load(
        settings.data,
        part=named[part],
        size=settings.load_size if split == "train" else settings.size,
        channels=settings.channels,
        split=split,
        source=source,
    )


def pairs_of(images_a, images_b, settings) -> PairBatches:
    """``PairBatches`` with the settings' random crop and flip."""
    change = functools.partial(augment.crop_and_flip, size=settings.size)
    return PairBatches(images_a, images_b, settings.batch_size, change, settings.seed)


class Experiment:
    """One CycleGAN run: distances both ways, reconstruction, content agreement."""

    terms = ("gen", "disc_a", "disc_b")

    def __init__(self, settings, source: str = "auto", device: str = "auto"):
        from ..evaluation import features

        self.settings, self.device = settings, device
        self.callbacks = (LinearDecay(),)
        self.train_a, self.train_b = (load_domain(settings, p, source) for p in "AB")
        self.test_a, self.test_b = (load_domain(settings, p, source, "test") for p in "AB")
        if len(self.test_a) < 2 or len(self.test_b) < 2:
            raise GancourseError("Measuring needs at least two held-out images a domain.")
        self.looked_at = tuple(s.images[spread(len(s), ROWS)] for s in (self.test_a, self.test_b))
        self.extract = features.extractor("auto", device)
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

    @staticmethod
    def run_name(settings) -> str:
        """Such as ``lambda10-seed0``, ``lambda10-idt0.5-forward-dc-seed2``."""
        s = settings
        words = [f"lambda{s.lambda_cycle:g}" if s.direction != "none" else "lambda0"]
        words += [f"idt{s.lambda_identity:g}"] * (s.lambda_identity > 0)
        words += [s.direction] * (s.direction in ("forward", "backward"))
        words += ["cycle-alone"] * (not s.adversarial) + [s.disc] * (s.disc != "patch")
        return "-".join([*words, f"seed{s.seed}"])

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
        """What the record keeps: both generators, last weights."""
        return {name: step.network(name) for name in ("gen_ab", "gen_ba")}

    def measure(self, step) -> dict:
        """Distances, reconstruction and agreement of the held-out images' translations."""
        found = {}
        for way, there, back, inputs, target in (
            ("a_to_b", "gen_ab", "gen_ba", self.test_a.images[:MANY], "b"),
            ("b_to_a", "gen_ba", "gen_ab", self.test_b.images[:MANY], "a"),
        ):
            fake = translate(step.network(there), inputs)
            again = translate(step.network(back), fake)
            found[way] = {
                **self.distances(self.extract(fake), target),
                "reconstruction": records.rounded(_l1(again, inputs)),
                "agreement": _agreement(inputs, fake),
            }
        return found

    def distances(self, found, target: str) -> dict:
        """Distances of features ``found`` to the training and held-out images of ``target``."""
        return {side: self._compare(found, real) for side, real in self.real[target].items()}

    def _compare(self, found, real) -> dict:
        from ..evaluation.distances import frechet, kid

        return {
            self.extract.metric: records.rounded(frechet(found, real)),
            "KID×10³": records.rounded([v * 1e3 for v in kid(found, real)]),
        }

    def baselines(self) -> dict:
        """The scale: untouched inputs, and training images of the target domain."""
        return {
            way: {
                "untouched inputs": self.distances(self.real[here]["held_out"], there)["held_out"],
                "training images": self._compare(
                    self.real[there]["train"], self.real[there]["held_out"]
                ),
            }
            for way, here, there in (("a_to_b", "a", "b"), ("b_to_a", "b", "a"))
        }

    def summary(self, step, history) -> dict:
        """Everything of a finished run that its record keeps, besides settings and curves."""
        best = min(history.metrics, key=lambda m: m["a_to_b"]["train"]["KID×10³"][0])
        sets = {"a": (self.train_a, self.test_a), "b": (self.train_b, self.test_b)}
        return {
            "data": {
                "caption": f"{self.train_a.caption} and {self.train_b.caption}",
                "source": self.train_a.source,
                **{side: {"train": len(t), "held_out": len(h)} for side, (t, h) in sets.items()},
                "fingerprint": self.batches(step).fingerprint(),
            },
            "features": self.extract.name,
            "best": {"chosen by": "KID of A→B to the training images of B", **best},
            "final": history.metrics[-1],
            "baselines": self.baselines(),
        }


def spread(n: int, count: int) -> torch.Tensor:
    """``count`` indices spread evenly over n."""
    return torch.arange(count) * n // count


def _l1(a: torch.Tensor, b: torch.Tensor) -> float:
    """Mean |a - b| on the networks' scale, [-1, 1], of two uint8 tensors."""
    return float((a.float() - b.float()).abs().mean() / 127.5)


def _agreement(inputs, outputs) -> dict:
    from ..evaluation.content import agreement

    found = agreement(inputs, outputs)
    return records.rounded(
        {
            "paired": float(found.paired.mean()),
            "shuffled": float(found.shuffled.mean()),
            "top1": found.top1,
        }
    )
