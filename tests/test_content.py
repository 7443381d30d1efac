"""Content agreement: what it notices and what it does not."""

import pytest
import torch

from gancourse import data
from gancourse.errors import GancourseError
from gancourse.metrics.content import agreement, edges


@pytest.fixture(scope="module")
def cats():
    return data.load("grumpifycat", part="A", source="stand-in", size=48, limit=12).images


def test_an_untouched_image_agrees_with_itself(cats):
    same = agreement(cats, cats)
    assert torch.allclose(same.paired, torch.ones(12)) and same.top1 == 1.0
    assert 0 < same.kept < 1


def test_colours_and_contrast_do_not_matter(cats):
    changed = 255 - cats.flip(1) // 2  # channels exchanged, negative, half the contrast
    found = agreement(cats, changed)
    assert found.paired.min() > 0.75 and found.top1 == 1.0


def test_exchanged_outputs_are_noticed(cats):
    found = agreement(cats, cats.roll(1, 0))
    assert found.top1 == 0.0 and found.kept < 0
    assert torch.allclose(agreement(cats, cats).shuffled.mean(), found.shuffled.mean(), atol=0.1)


def test_outputs_that_ignore_the_input_have_no_agreement(cats):
    found = agreement(cats, cats[:1].expand_as(cats))
    assert found.kept == pytest.approx(0.0, abs=1e-5)


def test_an_edge_lies_where_the_step_is():
    image = torch.zeros(1, 3, 16, 16)
    image[..., 8:] = 255.0
    found = edges(image, blur=0)[0]
    assert (found[:, 7:9] > 0).all() and (found[:, :7] == 0).all() and (found[:, 9:] == 0).all()
    assert edges(image, blur=0).shape == (1, 16, 16)


def test_grey_pictures_agree_by_0_and_do_not_crash(cats):
    grey = torch.full_like(cats, 128)
    assert agreement(cats, grey).paired.abs().max() < 1e-5


def test_unequal_counts_and_single_images_are_refused(cats):
    with pytest.raises(GancourseError, match="at least two inputs"):
        agreement(cats[:1], cats[:1])
    with pytest.raises(GancourseError, match="not 12 and 5"):
        agreement(cats, cats[:5])
