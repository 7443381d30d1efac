"""What translators of drawn horses are told about themselves."""

import pytest
import torch

from gancourse.data import standins
from gancourse.errors import GancourseError
from gancourse_lab import drawn_pairs

X, Y = standins.pairs("horse2zebra", size=32, split="test", n=8)


class Sees(torch.nn.Module):
    """A judge that calls zebra whatever is striped: it knows the masks by heart."""

    def __init__(self, mask):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.mask = mask

    def forward(self, image):
        called = self.mask[: len(image)].float() + 0 * self.weight
        return torch.cat([1 - called, called], dim=1)


class Lazy(torch.nn.Module):
    """A generator that changes nothing."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, image):
        return image + self.weight


JUDGE = Sees(Y.truth["mask"])


def test_the_own_partner_is_perfect_and_another_s_is_not():
    own = drawn_pairs.own_and_other(JUDGE, Y.images, X, Y)
    assert own.meadow[0] == 0 and own.meadow[1] > 5 and own.meadow_gain == 1
    assert own.zebra[0] == pytest.approx(1) and own.zebra_gain > 0.3
    assert own.edges_gain > 0.1


def test_an_output_that_does_not_depend_on_the_input_gains_nothing():
    same = Y.images[:1].expand(8, -1, -1, -1)
    score = drawn_pairs.own_and_other(Sees(Y.truth["mask"][:1].expand(8, -1, -1, -1)), same, X, Y)
    assert abs(score.zebra_gain) < 0.2 and abs(score.edges_gain) < 0.2
    assert abs(score.meadow_gain) < 0.2


def test_settings_are_compared_with_the_scale_in_front():
    found = drawn_pairs.compared({"lazy": Lazy()}, X, Y, JUDGE)
    assert list(found.images) == ["own y", "x untouched", "lazy"]
    assert torch.equal(found.images["lazy"], X.images)
    assert found.scores["lazy"] == found.scores["x untouched"]
    assert [len(row) for row in found.rows] == [len(drawn_pairs.HEAD)] * 3


def test_the_judge_learns_to_find_zebras():
    judge = drawn_pairs.zebra_judge(32, 40, n=64)
    on_zebras = drawn_pairs.own_and_other(judge, Y.images, X, Y).zebra[0]
    on_horses = drawn_pairs.own_and_other(judge, X.images, X, Y).zebra[0]
    assert on_zebras > on_horses + 0.2


def test_a_recorded_picture_is_found_among_its_images_and_a_strange_one_is_not():
    noise = torch.randint(-4, 5, X.images.shape)
    recorded = (X.images + noise).clamp(0, 255).to(torch.uint8)
    assert drawn_pairs.places(recorded[[5, 2]], X.images) == [5, 2]
    with pytest.raises(GancourseError, match="Picture 1 is none of the 8 images"):
        drawn_pairs.places(torch.stack([recorded[0], 255 - recorded[1]]), X.images)
