"""What the study of synthetic steel found (chapter 11): its record, read and compared.

A cell is one classifier: a data set, ``n`` real pictures of the minority, an arm, a ratio of
synthetic to real pictures, a seed. Seeds are folds, so two arms are compared on the same pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import stats

from gancourse.errors import GancourseError, among
from gancourse_lab import paired
from gancourse_lab.imbalance import ARMS, CEILING, GENERATORS
from gancourse_lab.paired import Difference, Outcome

SCORES = tuple(paired.SCORES)
SCORE = SCORES[0]  # macro-F1, which alone decides the primary comparisons
BASELINES = ("classical", "over-sampling")  # what synthetic pictures have to beat


class Question(NamedTuple):
    """One comparison: the ``arm`` against the ``baseline`` of the same data and ``n``."""

    data: str
    n: int | str
    arm: str
    baseline: str


# Named on 2026-11-27, before a result of any arm with few pictures was seen: what synthetic
# pictures add to the cheapest remedies, where pictures are few and where they are not; in
# macro-F1. Against "classical" alone they would win by evening out the classes, which repeating
# real ones does, too.
CHEAPEST = "over-sampling+classical"
PRIMARY = (
    Question("neu", 20, "dcgan+classical", CHEAPEST),
    Question("neu", "all", "dcgan+classical", CHEAPEST),
    Question("tiles", 20, "cyclegan+classical", CHEAPEST),
    Question("tiles", "all", "cyclegan+classical", CHEAPEST),
)


class Results:
    """The cells, folds and generators of a record, or of ``steel_study.collected``.

    ``content``: the record's JSON. Folds of a data set hold "labels", "pieces" and the "minority";
    a cell holds "guessed", a class a picture, and "order", the pictures' rank by the odds that the
    classifier gave the minority (equal ranks: equal odds).
    """

    def __init__(self, content: dict):
        self.content = content
        self._cells = {}  # (data, n, arm, ratio, seed) → cell
        for cell in content["cells"]:
            self._cells[cell["data"], cell["n"], cell["arm"], cell["ratio"], cell["seed"]] = cell

    @cached_property
    def data(self) -> list[str]:
        """The data sets, in the record's order."""
        return list(self.content["folds"])

    def sizes(self, data: str) -> list[int | str]:
        """The numbers of real pictures of the minority, "all" last, whose arms are all there."""
        found = {n for d, n, arm, *_ in self._cells if d == data and arm != CEILING}
        return sorted(found, key=lambda n: (n == "all", 0 if n == "all" else n))

    @property
    def keys(self) -> list[tuple]:
        """(data, n, arm, ratio, seed) of every cell."""
        return list(self._cells)

    def ratios(self, data: str, n: int | str, arm: str) -> list[float]:
        """Synthetic pictures for each real one; [0] of an arm without them."""
        found = {r for d, m, a, r, _ in self._cells if (d, m, a) == (data, n, self._named(n, arm))}
        return sorted(found)

    def arms(self, data: str, n: int | str) -> list[str]:
        """The arms there are, plain ones first."""
        found = {a for d, m, a, *_ in self._cells if (d, m) == (data, n)}
        found = {"as-is" if arm == CEILING else arm for arm in found}
        return [arm for arm in ARMS if arm in found]

    def cells(self, data: str, n: int | str, arm: str, ratio: float | None = None) -> list[dict]:
        """One cell a seed, sorted; ``ratio`` None: the one ``chosen`` on validation pictures.

        ``n`` "all" with the arm "as-is" is the ceiling. Raises ``GancourseError`` where there is
        none.
        """
        if ratio is None:
            ratio = self.chosen(data, n, arm)
        key = (data, n, self._named(n, arm), ratio)
        found = sorted((k[-1], cell) for k, cell in self._cells.items() if k[:-1] == key)
        if not found:
            raise GancourseError(
                f"The record has no cell of {data} with n = {n}, arm {arm} and ratio {ratio:g}."
            )
        return [cell for _, cell in found]

    @staticmethod
    def _named(n: int | str, arm: str) -> str:
        return CEILING if n == "all" and arm == "as-is" else arm

    def chosen(self, data: str, n: int | str, arm: str) -> float:
        """The ratio with the best macro-F1 on validation pictures, a mean over the seeds."""
        ratios = self.ratios(data, n, arm)
        if not ratios:
            raise GancourseError(f"The record has no cell of {data} with n = {n} and arm {arm}.")
        means = [self._validated(self.cells(data, n, arm, ratio)) for ratio in ratios]
        return ratios[int(np.argmax(means))]

    @staticmethod
    def _validated(cells: Sequence[dict]) -> float:
        return float(np.mean([cell["validation"] for cell in cells]))

    def values(
        self, data: str, n: int | str, arm: str, score: str = SCORE, ratio: float | None = None
    ) -> np.ndarray:
        """The ``score`` of each seed: "macro-F1", "recall" or "PR-AUC"."""
        among("score", score, paired.SCORES)
        return np.array([cell["scores"][score] for cell in self.cells(data, n, arm, ratio)])

    def outcomes(self, data: str, first: Sequence[dict], second: Sequence[dict]) -> list[Outcome]:
        """What two arms, cells of the same seeds, said of each seed's test pictures."""
        folds, found = {fold["seed"]: fold for fold in self.content["folds"][data]}, []
        for a, b in zip(first, second, strict=True):
            if a["seed"] != b["seed"]:
                raise GancourseError("Two arms are compared seed by seed: one lacks a seed.")
            fold = folds[a["seed"]]
            guessed = np.array(a["guessed"]), np.array(b["guessed"])
            odds = np.array(a["order"], float), np.array(b["order"], float)
            labels, pieces = np.array(fold["labels"]), np.array(fold["pieces"])
            found.append(Outcome(labels, pieces, guessed, odds, fold["minority"]))
        return found

    def compare(
        self,
        data: str,
        n: int | str,
        arm: str,
        baseline: str,
        score: str = SCORE,
        comparisons: int = 1,
        against: int | str | None = None,
        left_out: Mapping[int, np.ndarray] | None = None,
    ) -> Difference:
        """``arm`` less ``baseline`` (with ``against`` real pictures, ``n`` if None), paired.

        ``left_out``: seed → test pictures, bool (N,), that do not count.
        """
        first = self.cells(data, n if against is None else against, baseline)
        second = self.cells(data, n, arm)
        outcomes = self.outcomes(data, first, second)
        if left_out is not None:
            pairs = zip(first, outcomes, strict=True)
            outcomes = [one.without(left_out[cell["seed"]]) for cell, one in pairs]
        return paired.difference(outcomes, score, comparisons)

    def family(self) -> list[Question]:
        """Every synthetic arm against each of ``BASELINES``, where all of their cells are there."""
        found = []
        for data in self.data:
            for n in self.sizes(data):
                for arm in self.arms(data, n):
                    if arm.split("+")[0] in GENERATORS:
                        found += [Question(data, n, arm, base) for base in BASELINES]
        return found

    def generators(self, data: str, model: str, n: int | str) -> list[dict]:
        """What is known of the generators, one a seed: "quality", "minutes", "steps"."""
        found = [
            one
            for one in self.content["generators"]
            if (one["data"], one["model"], one["n"]) == (data, model, n)
        ]
        return sorted(found, key=lambda one: one["seed"])

    def minority_pieces(self, data: str) -> list[list[int]]:
        """For each seed how many test pictures of the minority each piece has, as power needs."""
        found = []
        for fold in self.content["folds"][data]:
            labels, pieces = np.array(fold["labels"]), np.array(fold["pieces"])
            counts = np.unique(pieces[labels == fold["minority"]], return_counts=True)[1]
            found.append(counts.tolist())
        return found

    def benefits(self, baseline: str, score: str = SCORE) -> list[dict]:
        """For each generator its quality, and what its pictures added in its seed.

        The arm is the model's with classical augmentation, at the chosen ratio, less ``baseline``.
        """
        found = []
        for one in self.content["generators"]:
            data, n, arm = one["data"], one["n"], f"{one['model']}+classical"
            added = self.values(data, n, arm, score) - self.values(data, n, baseline, score)
            seeds = [cell["seed"] for cell in self.cells(data, n, baseline)]
            quality = one["quality"]
            found.append(
                {key: one[key] for key in ("data", "n", "model", "seed", "real")}
                | {"KID": quality["KID×10³"][0], "recall": quality["recall"]}
                | {"copying": quality["copying"]["auc"]}
                | {"benefit": float(added[seeds.index(one["seed"])])}
            )
        return found

    @staticmethod
    def rank_correlation(points: Sequence[dict], measure: str) -> tuple[float, float]:
        """Spearman's correlation of ``measure`` with the benefit, and its p by permutation.

        Ranks, and permutations, are within each data set, model and n. (nan, nan) where all of a
        measure's values are alike.
        """
        groups = {}
        for point in points:
            key = (point["data"], point["model"], point["n"])
            groups.setdefault(key, []).append((point[measure], point["benefit"]))
        ranked = [_centred_ranks(np.array(pairs)) for pairs in groups.values() if len(pairs) > 1]
        if not ranked:
            return float("nan"), float("nan")
        x, y = (np.concatenate([pair[:, k] for pair in ranked]) for k in (0, 1))
        scale = float(np.sqrt((x**2).sum() * (y**2).sum()))
        if not scale:
            return float("nan"), float("nan")
        rng, draws = np.random.default_rng(0), 2000
        shuffled = np.zeros(draws)
        for pair in ranked:
            order = rng.permuted(np.tile(pair[:, 1], (draws, 1)), axis=1)
            shuffled += order @ pair[:, 0]
        value = float(x @ y)
        p = (1 + int((np.abs(shuffled) >= abs(value) - 1e-9).sum())) / (1 + draws)
        return value / scale, p

    def summary(self, score: str = SCORE) -> str:
        """Every arm's mean score over the seeds, and the family of comparisons with intervals."""
        lines = []
        for data in self.data:
            for n in self.sizes(data):
                fold = self.content["folds"][data][0]
                few = fold["classes"][fold["minority"]]
                lines.append(f"{data}, {n} real pictures of {few}: mean over seeds (lowest)")
                lines.append("  " + "arm".ljust(30) + "".join(name.ljust(15) for name in SCORES))
                lines += [self._row(data, n, arm) for arm in self.arms(data, n)]
        family = self.family()
        lines.append(f"differences in {score}, intervals that hold for all {len(family)} at once:")
        for question in family:
            found = self.compare(*question, score, len(family))
            lines.append(f"  {said(question)}: {found.value:+.3f} {spread(found)}")
        return "\n".join(lines)

    def _row(self, data: str, n: int | str, arm: str) -> str:
        ratio = self.chosen(data, n, arm)
        name = f"{arm}, ratio {ratio:g}" if ratio else arm
        cells = []
        for score in SCORES:
            values = self.values(data, n, arm, score)
            cells.append(f"{values.mean():.3f} ({values.min():.3f})".ljust(15))
        return "  " + name.ljust(30) + "".join(cells)


def _centred_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks down each column, their mean taken off."""
    ranks = stats.rankdata(values, axis=0)
    return ranks - ranks.mean(0)


def said(question: Question) -> str:
    """Such as "neu, 20 real: dcgan+classical against classical"."""
    return f"{question.data}, {question.n} real: {question.arm} against {question.baseline}"


def spread(found: Difference) -> str:
    """The interval in brackets."""
    return f"[{found.low:+.3f}, {found.high:+.3f}]"
