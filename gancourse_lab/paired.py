"""Whether one classifier is better than another on the same test pictures, and what can be seen.

Each seed is a fold: every picture is tested once. A bootstrap in two stages draws seeds, then
pieces of metal within each; its spread is that of the mean difference. Many comparisons are made:
intervals are as wide as Bonferroni asks for, so that all hold at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from gancourse.errors import GancourseError, among

DRAWS = 2000


class Difference(NamedTuple):
    """A mean difference over seeds, its interval, the two-sided p before correction."""

    value: float
    low: float
    high: float
    p: float

    @property
    def found(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, eq=False)
class Outcome:
    """What two classifiers said of one seed's test pictures; ``odds`` are the minority's."""

    labels: np.ndarray
    pieces: np.ndarray
    guessed: tuple[np.ndarray, np.ndarray]
    odds: tuple[np.ndarray, np.ndarray]
    minority: int

    def without(self, left_out: np.ndarray) -> Outcome:
        """The outcome on the other pictures; ``left_out`` is bool (N,)."""
        keep = ~np.asarray(left_out)
        first, second = (tuple(x[keep] for x in pair) for pair in (self.guessed, self.odds))
        return Outcome(self.labels[keep], self.pieces[keep], first, second, self.minority)


# Scores under weights (draws, N) of the pictures, as a bootstrap gives them; each (draws,)


def weighted_recall(weights, labels, guessed, odds, minority: int) -> np.ndarray:
    """Recall of the minority."""
    of = labels == minority
    return weights[:, of] @ (guessed[of] == minority) / np.maximum(weights[:, of].sum(1), 1)


def weighted_f1(weights, labels, guessed, odds, minority: int) -> np.ndarray:
    """Mean of the classes' F1; a class that a draw lacks and nobody says counts 0."""
    classes, found = int(max(labels.max(), guessed.max())) + 1, []
    for k in range(classes):
        hit = weights @ ((labels == k) & (guessed == k))
        said = weights @ (labels == k) + weights @ (guessed == k)
        found.append(2 * hit / np.maximum(said, 1e-9))
    return np.mean(found, 0)


def weighted_ap(weights, labels, guessed, odds, minority: int) -> np.ndarray:
    """Area under the minority's precision-recall curve, as scikit-learn's average precision."""
    order = np.argsort(-odds, kind="stable")
    drawn = weights[:, order]
    right = drawn * (labels[order] == minority)
    hits, seen = right.cumsum(1), drawn.cumsum(1)
    last = np.append(np.diff(odds[order]) != 0, True)  # equal odds share one threshold
    step = np.diff(hits[:, last], axis=1, prepend=0)
    precision = hits[:, last] / np.maximum(seen[:, last], 1e-9)
    return (step * precision).sum(1) / np.maximum(hits[:, -1], 1e-9)


SCORES: dict[str, Callable] = {
    "macro-F1": weighted_f1,
    "recall": weighted_recall,
    "PR-AUC": weighted_ap,
}


def difference(
    outcomes: Sequence[Outcome],
    score: str = "macro-F1",
    comparisons: int = 1,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Difference:
    """The second classifier's ``score`` less the first's, a mean over ``outcomes``, one a seed.

    The interval holds at ``level`` for all of ``comparisons`` at once. Raises ``GancourseError``
    for fewer than two seeds.
    """
    if len(outcomes) < 2:
        raise GancourseError("A difference between two arms needs two seeds or more.")
    measure = SCORES[among("score", score, SCORES)]
    rng, values, spread = np.random.default_rng(seed), [], []
    for one in outcomes:
        weights = np.concatenate([np.ones((1, len(one.labels))), _piecewise(one, draws, rng)])
        first, second = (
            measure(weights, one.labels, g, o, one.minority)
            for g, o in zip(one.guessed, one.odds, strict=True)
        )
        values.append(float(second[0] - first[0]))
        spread.append((second - first)[1:])
    error = two_stage(np.array(spread)[None], rng)[0]
    return interval(float(np.mean(values)), float(error), len(outcomes), comparisons, level)


def _piecewise(one: Outcome, draws: int, rng) -> np.ndarray:
    """Weights (draws, N): as many pieces as there are, drawn with replacement."""
    names, at = np.unique(one.pieces, return_inverse=True)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    return counts[:, at].astype(float)


def two_stage(spread: np.ndarray, rng) -> np.ndarray:
    """The standard error (studies,) of a mean over seeds from ``spread`` (studies, seeds, draws).

    ``spread`` are differences of each seed under drawn pieces; here the seeds are drawn, too.
    """
    _, seeds, draws = spread.shape
    chosen = rng.integers(seeds, size=(draws, seeds))
    within = rng.integers(draws, size=(draws, seeds))
    return spread[:, chosen, within].mean(2).std(1)


def interval(value, error, seeds: int, comparisons: int, level: float = 0.95) -> Difference:
    """``value`` ± t · ``error`` at Bonferroni's level, and the p that belongs to it.

    t has the degrees of freedom ``freedom(seeds)``: between those of few seeds and of many pieces.
    """
    t = stats.t(freedom(seeds))
    half = t.ppf(1 - (1 - level) / (2 * comparisons)) * error
    p = 2 * t.sf(abs(value) / error) if error > 0 else float(value == 0)
    return Difference(value, value - half, value + half, float(p))


def seeds_needed(
    found: Difference, seeds: int, gain: float, comparisons: int = 1, chance: float = 0.8
) -> int:
    """How many seeds it takes to find a true ``gain`` with ``chance``, by the spread in ``found``.

    ``found``: of ``seeds`` seeds and as many ``comparisons``. Its standard error is taken to shrink
    with the root of the number of seeds, which new splits of the same pictures do not quite keep.
    Raises ``GancourseError`` for a gain or a spread that is not above 0.
    """
    half = (found.high - found.low) / 2
    if not gain > 0 or not half > 0:
        raise GancourseError(
            f"A gain of {gain:g} and a half-width of {half:g}: both must be above 0."
        )

    def far(many: int) -> float:
        """The t that the interval of ``many`` seeds takes."""
        return stats.t(freedom(many)).ppf(1 - 0.05 / (2 * comparisons))

    one = half / far(seeds) * np.sqrt(seeds)  # the standard error of one seed
    many = 2
    while (far(many) + stats.norm.ppf(chance)) * one / np.sqrt(many) > gain:
        many += 1
    return many


def detectable(found: Difference, seeds: int, comparisons: int = 1, chance: float = 0.8) -> float:
    """The smallest true effect that a study with the spread in ``found`` finds with ``chance``.

    ``found``: of as many ``seeds`` and ``comparisons``; the inverse of ``seeds_needed``.
    """
    half = (found.high - found.low) / 2
    far = stats.t(freedom(seeds)).ppf(1 - 0.05 / (2 * comparisons))
    return half * (1 + float(stats.norm.ppf(chance)) / far)


def freedom(seeds: int) -> int:
    """Degrees of freedom of the interval: ``power`` shows the level that they keep."""
    return 3 * (seeds - 1)


# Power


@dataclass(frozen=True)
class Assumed:
    """What a study is assumed to meet, before it runs.

    ``recall`` of the baseline on the minority, the share ``moved`` of pictures that two trainings
    judge differently although neither is better, the share ``alike`` of a piece's pictures that
    are judged as one, and ``run``, the standard deviation of a training's recall from seed to seed.
    A pilot, two trainings each on validation pictures of fold 0 (20 real ones, over-sampling): of
    scratches and tiles 23 and 19 % moved, and the recalls were 0.58 and 0.68, 0.12 and 0.28.
    """

    recall: float = 0.6
    moved: float = 0.25
    alike: float = 0.5
    run: float = 0.07


def power(
    pieces: Sequence[Sequence[int]],
    gain: float,
    comparisons: int,
    assumed: Assumed = Assumed(),
    studies: int = 300,
    draws: int = 200,
    seed: int = 0,
) -> float:
    """The share of simulated studies that find a ``gain`` in recall by ``difference``'s interval.

    ``pieces``: for each seed the numbers of minority test pictures of its pieces. At ``gain`` 0 it
    is the share of false finds, which may not exceed 0.05 / ``comparisons``.
    """
    values, errors = simulated(pieces, gain, assumed, studies, draws, seed)
    return found_share(values, errors, len(pieces), comparisons)


def found_share(values, errors, seeds: int, comparisons: int) -> float:
    """The share of ``simulated`` studies whose interval leaves 0 out."""
    pairs = zip(values, np.maximum(errors, 1e-12), strict=True)
    return float(np.mean([interval(v, e, seeds, comparisons).found for v, e in pairs]))


def simulated(pieces, gain: float, assumed: Assumed, studies: int, draws: int, seed: int = 0):
    """(differences, standard errors) of ``studies`` studies, each (studies,); see ``power``."""
    rng, spread, values = np.random.default_rng(seed), [], []
    for sizes in pieces:
        sizes = np.asarray(sizes)
        right = _simulated(sizes, gain, assumed, studies, rng)  # (studies, pieces): B less A
        counts = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=draws)
        spread.append(right @ counts.T / (counts @ sizes))
        values.append(right.sum(1) / sizes.sum())
    return np.mean(values, 0), two_stage(np.stack(spread, 1), rng)


def _simulated(sizes, gain: float, assumed: Assumed, studies: int, rng) -> np.ndarray:
    """How many pictures of each piece B gets right less how many A does: (studies, pieces)."""
    shift = rng.normal(gain, 2**0.5 * assumed.run, (studies, 1))  # two trainings, each with a luck
    better = np.clip(assumed.moved / 2 + np.maximum(shift, 0), 0, 1 - assumed.recall)
    worse = np.clip(assumed.moved / 2 + np.maximum(-shift, 0), 0, assumed.recall)
    total = np.zeros((studies, len(sizes)))
    whole = rng.random((studies, len(sizes)))  # what the piece's alike pictures do
    for k in range(int(sizes.max())):
        own = rng.random((studies, len(sizes)))
        draw = np.where(rng.random((studies, len(sizes))) < assumed.alike, whole, own)
        each = np.where(draw < better, 1, np.where(draw > 1 - worse, -1, 0))
        total += each * (k < sizes)
    return total


GAINS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)


def power_table(
    pieces: dict[str, Sequence[Sequence[int]]], comparisons: int, assumed: Assumed = Assumed()
) -> str:
    """The power for ``GAINS`` of recall: two rows a data set, one comparison alone and of many."""
    lines = [
        f"power to find a gain in recall of the minority, assuming {assumed.recall} for the "
        f"baseline, {assumed.moved:.0%} of the",
        f"pictures judged differently by chance, {assumed.alike:.0%} of a piece alike, "
        f"and ±{assumed.run} from training to training",
        "data    pictures  pieces  comparisons  " + "  ".join(f"{gain:+.2f}" for gain in GAINS),
    ]
    for name, sizes in pieces.items():
        studies = [simulated(sizes, gain, assumed, 300, 200) for gain in GAINS]
        pictures, count = sum(map(sum, sizes)), sum(map(len, sizes))
        for many in (1, comparisons):
            found = [found_share(*one, len(sizes), many) for one in studies]
            row = "  ".join(f"{value:5.2f}" for value in found)
            lines.append(f"{name:7} {pictures:8} {count:7} {many:12}  {row}")
    return "\n".join(lines)
