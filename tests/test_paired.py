"""Paired differences over folds: against scikit-learn, closed forms, and their own level."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, f1_score, recall_score

from gancourse.errors import GancourseError, UnknownName
from gancourse_lab import paired
from gancourse_lab.paired import Assumed, Outcome


def outcome(seed, n=120, better=0.0, classes=3):
    """Guesses right in 60 % of the pictures; the second in ``better`` more of the minority's."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    first = np.where(rng.random(n) < 0.6, labels, (labels + 1) % classes)
    mend = (labels == 2) & (rng.random(n) < better / 0.4)
    odds = rng.normal(size=n).round(1) + (labels == 2)
    pieces = np.array([f"{i // 6}" for i in range(n)])
    return Outcome(labels, pieces, (first, np.where(mend, labels, first)), (odds, odds + mend), 2)


@pytest.mark.parametrize("seed", [0, 1])
def test_weighted_scores_are_scikit_learn_s(seed):
    """Weights are counts: as if a picture stood there so many times. Odds have ties."""
    one, rng = outcome(seed), np.random.default_rng(seed)
    weights = rng.integers(0, 3, (4, 120)).astype(float)
    guessed, odds = one.guessed[0], one.odds[0]
    theirs = {
        "macro-F1": lambda w: f1_score(one.labels, guessed, average="macro", sample_weight=w),
        "recall": lambda w: recall_score(one.labels == 2, guessed == 2, sample_weight=w),
        "PR-AUC": lambda w: average_precision_score(one.labels == 2, odds, sample_weight=w),
    }
    for name, score in paired.SCORES.items():
        mine = score(weights, one.labels, guessed, odds, 2)
        assert np.allclose(mine, [theirs[name](w) for w in weights], atol=1e-12), name


def test_a_difference_that_is_there_is_found_and_one_that_is_not_is_not():
    better = paired.difference([outcome(s, better=0.3) for s in range(5)], "recall")
    assert better.found and better.low > 0 and 0.2 < better.value < 0.4 and better.p < 1e-4
    none = paired.difference([outcome(s) for s in range(5)], "macro-F1")
    assert none.value == 0 and not none.found and none.p == 1


def test_more_comparisons_make_wider_intervals():
    every = [outcome(s, better=0.1) for s in range(5)]
    one, many = (paired.difference(every, "macro-F1", comparisons=m) for m in (1, 24))
    assert one.value == many.value and one.p == many.p
    t = stats.t(paired.freedom(5))
    wider = t.ppf(1 - 0.05 / 48) / t.ppf(0.975)
    assert (many.high - many.low) / (one.high - one.low) == pytest.approx(wider)


def test_the_seeds_that_a_gain_needs():
    """At the needed number t + z standard errors are the gain; a fourfold at half the gain."""
    error, comparisons = 0.04, 4
    found = paired.interval(0.01, error, 5, comparisons)
    needed = paired.seeds_needed(found, 5, 0.03, comparisons)

    def reach(seeds):  # the smallest gain found in four cases of five
        t = stats.t(paired.freedom(seeds)).ppf(1 - 0.05 / (2 * comparisons))
        return (t + stats.norm.ppf(0.8)) * error * np.sqrt(5 / seeds)

    assert reach(needed) <= 0.03 < reach(needed - 1)
    assert paired.seeds_needed(found, 5, 0.015, comparisons) == pytest.approx(4 * needed, rel=0.02)
    assert paired.seeds_needed(found, 5, reach(5), comparisons) == 5
    assert paired.detectable(found, 5, comparisons) == pytest.approx(reach(5))
    for bad in (0, -1, float("nan")):
        with pytest.raises(GancourseError, match="must be above 0"):
            paired.seeds_needed(found, 5, bad)


def test_what_does_not_fit():
    with pytest.raises(GancourseError, match="two seeds or more"):
        paired.difference([outcome(0)])
    with pytest.raises(UnknownName, match="Unknown score 'accuracy'"):
        paired.difference([outcome(0), outcome(1)], "accuracy")


TILES = [[6] * 11] * 5


@pytest.mark.parametrize("run", [0.0, 0.04, 0.08])
@pytest.mark.parametrize("alike", [0.0, 0.5])
def test_the_interval_keeps_its_level(run, alike):
    """Simulated studies without a gain: 5 % of them find one, and 1 % for the simulation."""
    assumed = Assumed(run=run, alike=alike)
    assert paired.power(TILES, 0.0, 1, assumed, studies=1000) <= 0.065


def test_power_grows_with_the_gain_and_shrinks_with_comparisons():
    gains = [paired.power(TILES, gain, 1, studies=300) for gain in (0.0, 0.1, 0.3)]
    assert gains == sorted(gains) and gains[-1] > 0.7
    assert paired.power(TILES, 0.3, 24, studies=300) < gains[-1]
    few = [[6] * 3] * 5
    assert paired.power(few, 0.15, 1, studies=300) < paired.power(TILES, 0.15, 1, studies=300)


def test_independent_pictures_have_the_power_of_the_normal_approximation():
    """No pieces, no luck of the training: the mean of 5·60 signs of variance ``moved``+gain."""
    assumed = Assumed(run=0.0, alike=0.0)
    found = paired.power([[1] * 60] * 5, 0.12, 1, assumed, studies=2000)
    sd = np.sqrt((assumed.moved + 0.12 - 0.12**2) / 300)
    # the second stage draws the seeds as well: 1.8 of the variance
    t = stats.t(paired.freedom(5)).ppf(0.975) * np.sqrt(1.8)
    assert found == pytest.approx(stats.norm.sf(t - 0.12 / sd), abs=0.06)


def test_the_table_has_two_rows_a_data_set():
    lines = paired.power_table({"tiles": TILES}, 24).split("\n")
    assert lines[2].split()[:4] == ["data", "pictures", "pieces", "comparisons"]
    rows = [line.split() for line in lines[3:]]
    assert [row[:4] for row in rows] == [["tiles", "330", "55", m] for m in ("1", "24")]
    assert all(float(one) >= float(many) for one, many in zip(*(r[4:] for r in rows), strict=True))
    alone = paired.power(TILES, paired.GAINS[-1], 1)
    assert float(rows[0][-1]) == pytest.approx(alone, abs=0.005)
