"""The real-or-fake study: its protocol and its interval."""

import pytest
import torch

from gancourse.errors import GancourseError
from gancourse.evaluation.study import Study, wilson


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
