"""The real-or-fake study: its protocol and its interval."""

import math

import pytest
import torch

from gancourse.errors import GancourseError
from gancourse_lab.human_study import Study, d_prime, trials_needed, wilson


def pictures(value, n=20):
    return (
        torch.full((n, 3, 4, 4), value, dtype=torch.uint8)
        + torch.arange(n).byte()[:, None, None, None]
    )


def make(**options):
    return Study(pictures(0), pictures(100), **options)


def say(study, right):
    left, _ = study.pair()
    real_left = int(left[0, 0, 0]) < 100
    return study.answer("left" if real_left == right else "right")


def test_wilson_at_the_published_examples():
    # Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20
    for k, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
    ):
        share, a, b = wilson(k, n)
        assert (share, round(a, 4), round(b, 4)) == (k / n, low, high)


def test_wilson_covers():
    torch.manual_seed(0)
    draws = torch.distributions.Binomial(40, torch.tensor(0.27)).sample((4000,)).int().tolist()
    hit = [low <= 0.27 <= high for _, low, high in (wilson(k, 40) for k in draws)]
    assert abs(sum(hit) / 4000 - 0.95) < 0.03


@pytest.mark.parametrize("k, n", [(1, 0), (-1, 4), (5, 4)])
def test_no_proportion(k, n):
    with pytest.raises(GancourseError, match="no proportion"):
        wilson(k, n)


def test_d_prime_of_known_shares():
    """Φ(1/√2) = 0.7602: a viewer with d′ = 1 is fooled in 24 % of the trials."""
    assert d_prime(0.5) == 0
    assert d_prime(1 - 0.76024994) == pytest.approx(1, abs=1e-6)
    assert d_prime(0.2) == pytest.approx(-d_prime(0.8)) and d_prime(0.2) > 0


def test_d_prime_is_the_distance_of_the_two_impressions():
    torch.manual_seed(0)
    real, fake = torch.randn(2, 200_000, dtype=torch.float64)
    fooled = float((fake > real + 0.7).double().mean())
    assert d_prime(fooled) == pytest.approx(0.7, abs=0.02)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, math.nan])
def test_no_d_prime_at_the_ends(share):
    with pytest.raises(GancourseError, match="between 0 and 1"):
        d_prime(share)


def rejects(k, n, against):
    """The test of ``trials_needed``: k of n lies over 1.96 standard errors from ``against``."""
    return abs(k / n - against) > 1.959964 * math.sqrt(against * (1 - against) / n)


@pytest.mark.parametrize(
    "share, against, power", [(0.4, 0.5, 0.8), (0.268, 0.5, 0.9), (0.3, 0.2, 0.8)]
)
def test_trials_needed_give_the_power_asked_for(share, against, power):
    """The exact binomial probability that the test succeeds, summed up."""
    n = trials_needed(share, against, power)
    exact = sum(
        math.comb(n, k) * share**k * (1 - share) ** (n - k)
        for k in range(n + 1)
        if rejects(k, n, against)
    )
    assert exact == pytest.approx(power, abs=0.035)


def test_trials_needed_for_two_studies():
    """Fleiss 1981, section 3.2: 0.5 against 0.4 at power 0.8 takes 388 in each of the two."""
    assert trials_needed(0.4, 0.5) == 194
    assert trials_needed(0.4, 0.5, studies=2) == 388
    assert trials_needed(0.5, 0.4, studies=2) == 388
    assert trials_needed(0.45) > 3 * trials_needed(0.4)


@pytest.mark.parametrize(
    "wrong",
    [{"share": 0.5}, {"share": 0}, {"against": 1}, {"power": 1}, {"level": 0}, {"studies": 3}],
)
def test_trials_needed_says_what_it_takes(wrong):
    with pytest.raises(GancourseError, match="between 0 and 1"):
        trials_needed(**{"share": 0.4, **wrong})


def test_ten_practice_trials_with_feedback_then_forty_without():
    study = make()
    assert [say(study, True) for _ in range(10)] == [True] * 10
    assert not study.practising
    with pytest.raises(GancourseError, match="No counted trial"):
        study.fooled()
    assert [say(study, i % 4 != 0) for i in range(40)] == [None] * 40
    assert study.done and study.fooled()[0] == 10 / 40
    with pytest.raises(GancourseError, match="over"):
        study.pair()
    with pytest.raises(GancourseError, match="over"):
        study.answer("left")


def test_practice_does_not_count():
    study = make(practice=5, counted=5)
    for _ in range(5):
        assert say(study, False) is False
    for _ in range(5):
        say(study, True)
    assert study.fooled()[0] == 0.0


def test_sides_are_balanced_and_images_come_once_before_again():
    study = Study(pictures(0), pictures(100, 7), practice=0, counted=2000)
    lefts = sum(study._real_left)
    assert abs(lefts / 2000 - 0.5) < 0.05
    assert sorted(fake for _, fake in study._order[:7]) == list(range(7))
    assert sorted(real for real, _ in study._order[:20]) == list(range(20))


def test_a_seed_is_an_order():
    assert make(seed=1)._order == make(seed=1)._order != make(seed=2)._order


def test_bad_input():
    with pytest.raises(GancourseError, match="at least one"):
        Study(pictures(0), pictures(0)[:0])
    with pytest.raises(GancourseError, match="counted >= 1"):
        make(counted=0)
    with pytest.raises(GancourseError, match="'up'"):
        make().answer("up")
