"""How sure a score is: closed forms for the mean, new samples, the level of the test."""

import pytest
import torch

from gancourse.errors import GancourseError, UnknownName
from gancourse.metrics.distances import frechet, kid
from gancourse_lab.uncertainty import half_samples, jackknife, paired_kid_test, permutation_test


def normal(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def mean_difference(a, b):
    return float(a.mean() - b.mean())


def test_the_jackknife_of_a_mean_is_its_standard_error():
    a, b = normal(12, 1, 1).double(), normal(9, 1, 2).double() + 3
    found = jackknife(mean_difference, a, b)
    half = 1.96 * float(a.var() / 12 + b.var() / 9) ** 0.5
    assert found == pytest.approx((mean_difference(a, b), found.value - half, found.value + half))


def test_the_jackknife_of_kid_is_the_one_of_kid():
    a, b = normal(14, 3, 1), normal(11, 3, 2) + 0.5
    assert jackknife(lambda x, y: kid(x, y).value, a, b) == pytest.approx(kid(a, b), rel=1e-6)


def test_halves_of_a_mean_have_its_standard_error():
    a, b = normal(40, 1, 1).double(), normal(30, 1, 2).double()
    found = half_samples(mean_difference, a, b, draws=1500)
    half = 1.96 * float(a.var() / 40 + b.var() / 30) ** 0.5
    assert found.value == mean_difference(a, b)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.08)


@pytest.mark.parametrize("spread", [jackknife, half_samples])
def test_the_spread_of_a_frechet_distance_is_that_over_new_samples(spread):
    """Many samples of 40 and 50 rows tell the truth; one sample's interval should be as wide."""

    def pair(s):
        return normal(40, 4, 2 * s), normal(50, 4, 2 * s + 1) * 1.5 + 1

    truth = torch.tensor([frechet(*pair(s)) for s in range(150)]).std()
    found = [spread(frechet, *pair(s)) for s in range(4)]
    width = torch.tensor([(f.high - f.low) / 3.92 for f in found]).mean()
    assert width == pytest.approx(float(truth), rel=0.3)


def test_halves_repeat_no_row_and_follow_the_seed():
    a, b, seen = torch.arange(8.0)[:, None], torch.arange(7.0)[:, None] + 10, []

    def look(x, y):
        seen.append((len(x), len(x.unique()), len(y), len(y.unique())))
        return mean_difference(x, y)

    one = half_samples(look, a, b, draws=5, seed=3)
    assert set(seen) == {(4, 4, 3, 3), (8, 8, 7, 7)}
    assert half_samples(mean_difference, a, b, draws=5, seed=3) == one
    assert half_samples(mean_difference, a, b, draws=5, seed=4) != one


def test_too_few_rows_for_a_spread():
    with pytest.raises(GancourseError, match="3 rows or more"):
        jackknife(frechet, normal(2, 4), normal(9, 4))
    with pytest.raises(GancourseError, match="6 rows or more"):
        half_samples(frechet, normal(5, 4), normal(9, 4))
    with pytest.raises(GancourseError, match="2 draws"):
        half_samples(frechet, normal(9, 4), normal(9, 4), draws=1)
    with pytest.raises(GancourseError, match="two different extractors"):
        jackknife(frechet, normal(9, 4), normal(9, 5))


@pytest.mark.parametrize(
    "statistic, score", [("kid", lambda a, b: kid(a, b).value), ("frechet", frechet)]
)
@pytest.mark.parametrize("d", [3, 40])  # fewer and more features than rows
def test_the_permutation_test_knows_the_scores(statistic, score, d):
    a, b = normal(14, d, 1) + 2, normal(11, d, 2) * 1.3
    found = permutation_test(a, b, statistic=statistic)[1]
    assert found == pytest.approx(score(a, b), rel=1e-9)


@pytest.mark.parametrize("statistic", ["kid", "frechet"])
def test_the_permutation_test_over_all_deals(statistic):
    """Two and two rows in one dimension: three ways to deal; far apart, the given one is largest.

    So p is near 1/3, not 0: four rows can show no more.
    """
    a, b = torch.tensor([[0.0], [0.1]]), torch.tensor([[5.0], [5.1]])
    p, _ = permutation_test(a, b, shuffles=1500, statistic=statistic)
    assert p == pytest.approx(1 / 3, abs=0.04)


@pytest.mark.parametrize("statistic", ["kid", "frechet"])
def test_the_permutation_test_keeps_its_level_and_finds_a_shift(statistic):
    def rejected(shift):
        draws = [(normal(30, 4, 2 * s), normal(20, 4, 2 * s + 1) + shift) for s in range(100)]
        found = [permutation_test(*d, 39, seed=s, statistic=statistic) for s, d in enumerate(draws)]
        assert min(p for p, _ in found) >= 1 / 40
        return sum(p <= 0.05 for p, _ in found) / 100

    assert rejected(0.0) <= 0.12
    assert rejected(0.8) > 0.8


def test_a_shuffle_stream_may_be_handed_on():
    a, b, stream = normal(9, 2), normal(8, 2, 1), torch.Generator().manual_seed(3)
    assert permutation_test(a, b, 39, stream) == permutation_test(a, b, 39, 3)
    assert stream.get_state().ne(torch.Generator().manual_seed(3).get_state()).any()


def test_what_the_permutation_test_refuses():
    with pytest.raises(GancourseError, match="19 or more"):
        permutation_test(normal(5, 2), normal(5, 2, 1), shuffles=18)
    with pytest.raises(GancourseError, match="hold NaN"):
        permutation_test(normal(5, 2) * float("nan"), normal(5, 2, 1))
    with pytest.raises(UnknownName, match="Did you mean 'frechet'"):
        permutation_test(normal(5, 2), normal(5, 2, 1), statistic="fréchet")


def test_the_paired_test_has_kids_change_and_notices_a_shift_only():
    torch.manual_seed(0)
    before, target = torch.randn(20, 8), torch.randn(40, 8) + 1
    after = before + 0.3 * torch.randn(20, 8)
    p, change = paired_kid_test(before, after, target)
    expected = kid(after, target).value - kid(before, target).value
    assert change == pytest.approx(expected, abs=1e-9) and p > 0.05
    p, change = paired_kid_test(before, before + 0.8, target)
    assert change < 0 and p == 1 / 2000  # no swap changes as much as the pairs themselves
    with pytest.raises(GancourseError, match="two shapes"):
        paired_kid_test(before, after[:10], target)


def test_the_paired_test_is_rarely_sure_of_nothing():
    stream = torch.Generator().manual_seed(1)
    sure = 0
    for seed in range(100):
        x = torch.randn(20, 8, generator=stream)
        a, b = x + 0.3 * torch.randn(2, 20, 8, generator=stream)
        p, _ = paired_kid_test(a, b, torch.randn(30, 8, generator=stream), 199, seed)
        sure += p <= 0.05
    assert sure <= 12  # 5 expected; the swaps left out would make it 100
