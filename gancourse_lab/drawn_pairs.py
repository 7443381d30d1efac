"""What a translator does to drawn horses, whose own zebras are known: kept, found, or neither."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gancourse import device
from gancourse.data import ImageSet, standins
from gancourse.errors import GancourseError
from gancourse.metrics.content import agreement
from gancourse.train.cyclegan import translate
from gancourse_lab import fcn_score

Against = tuple[float, float]  # the own partner, and another's
HEAD = ("", "meadow: own", "other", "zebra: own", "other", "edges: own", "other")


class PairScore(NamedTuple):
    """Three numbers of some translations, each against the own partner and another's."""

    meadow: Against  # mean difference outside the animal, in grey levels
    zebra: Against  # intersection over union of the zebra that a judge finds and the true one
    edges: Against  # correlation of the edges of G(x) and of x

    @property
    def meadow_gain(self) -> float:
        """By which share the own meadow is nearer than another's."""
        own, other = self.meadow
        return round(1 - own / other, 2) + 0.0  # no -0 %

    @property
    def zebra_gain(self) -> float:
        return self.zebra[0] - self.zebra[1]

    @property
    def edges_gain(self) -> float:
        return self.edges[0] - self.edges[1]


def zebra_judge(size: int, steps: int, n: int | None = None) -> fcn_score.FCN:
    """A network that finds the pixels of a zebra, trained on drawn ones that no test shows."""
    known = standins.make("horse2zebra", part="B", size=size, split="train", n=n, seed=1)
    torch.manual_seed(0)
    judge = fcn_score.FCN(2).to(device.pick())
    fcn_score.train(judge, known.images, known.truth["mask"][:, 0].long(), steps)
    return judge


def own_and_other(judge: fcn_score.FCN, images: Tensor, x: ImageSet, y: ImageSet) -> PairScore:
    """``images``, made of ``x``, against the own partners in ``y`` and against their neighbours."""
    called = fcn_score.predict(judge, images).bool()
    mask = y.truth["mask"]
    meadow, zebra = [], []
    for shift in (0, 1):
        partner, other = y.images.roll(shift, 0), mask.roll(shift, 0)
        outside = ~(mask | other)
        difference = (images.float() - partner.float()).abs().mean(1, keepdim=True)
        meadow.append(float(difference[outside].mean()))
        both, any_of = called & other[:, 0], called | other[:, 0]
        zebra.append(float(both.sum() / any_of.sum()))
    edges = agreement(x.images, images)
    of_edges = (float(edges.paired.mean()), float(edges.shuffled.mean()))
    return PairScore((meadow[0], meadow[1]), (zebra[0], zebra[1]), of_edges)


def places(pictures: Tensor, images: Tensor) -> list[int]:
    """Which of ``images`` (N, C, H, W) each of some recorded ``pictures`` is.

    A record's pictures are a little changed by compression. Raises ``GancourseError`` for one that
    is off by more than 10 grey levels from all of them.
    """
    found = []
    for picture in pictures:
        off = (images.float() - picture.float()).abs().mean((1, 2, 3))
        if off.min() > 10:
            raise GancourseError(f"Picture {len(found)} is none of the {len(images)} images.")
        found.append(int(off.argmin()))
    return found


def grey_levels(a: Tensor, b: Tensor) -> float:
    """Mean |a - b| of two uint8 tensors."""
    return float((a.float() - b.float()).abs().mean())


class Compared(NamedTuple):
    """What several settings make of the same horses."""

    images: dict[str, Tensor]  # with the scale: "own y" and "x untouched"
    scores: dict[str, PairScore]

    @property
    def rows(self) -> list[tuple]:
        """One row a setting, under ``HEAD``."""
        made = []
        for name, score in self.scores.items():
            meadow = [f"{value:.1f}" for value in score.meadow]
            others = [f"{value:.2f}" for value in score.zebra + score.edges]
            made.append((name, *meadow, *others))
        return made


def compared(generators: Mapping[str, nn.Module], x: ImageSet, y: ImageSet, judge) -> Compared:
    """Setting → G, each applied to ``x``, whose own partners are ``y``."""
    images = {"own y": y.images, "x untouched": x.images}
    images |= {name: translate(gen_ab, x.images) for name, gen_ab in generators.items()}
    scores = {name: own_and_other(judge, made, x, y) for name, made in images.items()}
    return Compared(images, scores)
