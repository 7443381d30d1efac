"""A word as points: inside its letters, reproducible, and refused where there is none."""

import pytest
import torch

from gancourse.errors import GancourseError
from gancourse_lab.written import Written


def test_the_points_of_an_o_leave_its_middle_free_and_fill_both_sides():
    torch.manual_seed(0)
    points = Written("O")(2000)
    assert points.shape == (2000, 2)
    assert points.norm(dim=1).min() > 0.2  # the hole
    assert 0.4 < (points[:, 0] > 0).double().mean() < 0.6
    assert 1.1 < points.abs().max() <= 1.5


def test_a_longer_word_is_wider_than_high_and_drawn_anew_by_the_seed():
    word = Written("GAN")
    torch.manual_seed(1)
    first = word(300)
    torch.manual_seed(1)
    assert first.equal(word(300)) and not first.equal(word(300))
    assert first[:, 0].abs().max() > 1.4 > first[:, 1].abs().max()


@pytest.mark.parametrize("word", ["", "   ", "generator", "\u200b"])
def test_what_has_no_letters_or_too_many_is_refused(word):
    with pytest.raises(GancourseError):
        Written(word)
