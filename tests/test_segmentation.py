"""The FCN score: hand-counted confusion matrices, label colours, and a network that learns."""

import pytest
import torch

from gancourse import data, profiles
from gancourse.data import standins
from gancourse.errors import GancourseError
from gancourse_lab import fcn_score as s
from gancourse_standins import FACADE_CLASSES
from gancourse_studies import cyclegan

TRUTH = torch.tensor([[0, 0, 0, 1], [1, 1, 2, 2]])
FOUND = torch.tensor([[0, 0, 1, 1], [1, 0, 2, 0]])
SPLITS = (("train", 60), ("test", 20))


# Scores


def test_the_confusion_matrix_counts_truth_in_rows_and_answers_in_columns():
    assert s.confusion(FOUND, TRUTH, 3).tolist() == [[2, 1, 0], [1, 2, 0], [1, 0, 1]]


def test_the_three_measures_by_hand():
    found = s.scores(FOUND, TRUTH, 3)
    assert found.pixel == pytest.approx(5 / 8)
    assert found.per_class == pytest.approx((2 / 3 + 2 / 3 + 1 / 2) / 3)
    assert found.iou == pytest.approx((2 / 5 + 2 / 4 + 1 / 2) / 3)


def test_a_perfect_answer_has_1_and_one_that_is_wrong_everywhere_0():
    assert s.scores(TRUTH, TRUTH, 3) == (1, 1, 1)
    assert s.scores((TRUTH + 1) % 3, TRUTH, 3) == (0, 0, 0)


def test_a_constant_answer_has_the_share_of_its_class():
    found = s.scores(torch.zeros_like(TRUTH), TRUTH, 3)
    assert found == pytest.approx((3 / 8, 1 / 3, 3 / 8 / 3))


def test_classes_absent_from_the_truth_are_left_out_of_the_means():
    assert s.scores(FOUND, TRUTH, 12) == s.scores(FOUND, TRUTH, 3)
    wrong = torch.where(FOUND == 2, 7, FOUND)  # an absent class, predicted
    found = s.scores(wrong, TRUTH, 12)
    assert found.per_class == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert found.iou == pytest.approx((2 / 5 + 2 / 4 + 0) / 3)


def test_pixels_of_all_images_count_together():
    """Not the mean over images: one pixel of class 1 in the first, three in the second."""
    truth, found = torch.tensor([[0, 1], [1, 1]]), torch.tensor([[0, 1], [0, 0]])
    assert s.scores(found, truth, 2).per_class == pytest.approx((1 + 1 / 3) / 2)


def test_exchanging_the_names_of_two_classes_changes_nothing():
    other = torch.tensor([1, 0, 2])
    assert s.scores(other[FOUND], other[TRUTH], 3) == pytest.approx(s.scores(FOUND, TRUTH, 3))


def test_bad_input_is_refused():
    with pytest.raises(GancourseError, match=r"Answers \[2, 4\] and truth \[2, 3\] differ"):
        s.scores(FOUND, TRUTH[:, :3], 3)
    with pytest.raises(GancourseError, match="Answers must be class numbers.*NaN"):
        s.scores(torch.where(FOUND == 2, torch.nan, FOUND.float()), TRUTH, 3)
    for truth in (TRUTH + 0.5, TRUTH - 1, TRUTH + 1):
        with pytest.raises(GancourseError, match="Truth must be class numbers 0 to 2"):
            s.scores(FOUND, truth, 3)
    with pytest.raises(GancourseError, match="class numbers 0 to 2"):
        s.scores(FOUND[:0], TRUTH[:0], 3)


# Label maps


def painted(kinds):
    """Classes (N, H, W) → label maps in the palette's colours."""
    colours = torch.tensor(list(s.FACADES.values()), dtype=torch.uint8)
    return colours[kinds].permute(0, 3, 1, 2)


def test_every_colour_of_the_palette_is_its_own_class_even_with_jpeg_noise():
    kinds = torch.arange(12).reshape(1, 3, 4).expand(200, 3, 4)
    noise = torch.randn(200, 3, 3, 4, generator=torch.Generator().manual_seed(0)) * 8
    noisy = (painted(kinds) + noise).round().clamp(0, 255).to(torch.uint8)
    assert torch.equal(s.classes_of(painted(kinds)), kinds)
    assert (s.classes_of(noisy) == kinds).float().mean() > 0.999


def test_a_blend_at_a_border_has_no_vote():
    """Half wall, half moulding has the colour nearest to shop, which is not there."""
    wall, moulding = (torch.tensor(s.FACADES[k]) for k in ("wall", "moulding"))
    columns = [wall, wall, wall, (wall + moulding) // 2, moulding, moulding]
    maps = torch.stack(columns, 1)[None, :, None].expand(1, 3, 6, 6).to(torch.uint8)
    names = list(s.FACADES)
    assert [names[k] for k in s.classes_of(maps)[0, 0]][3] == "shop"
    assert [names[k] for k in s.classes_of(maps, 3)[0, 0]] == ["wall", "wall", "moulding"]


def test_only_blends_still_get_a_class():
    kinds = s.classes_of(torch.full((1, 3, 4, 4), 128, dtype=torch.uint8), 2)
    assert kinds.shape == (1, 2, 2) and len(kinds.unique()) == 1


def test_the_colours_of_the_stand_ins_are_in_the_palette():
    found = data.load("facades", part="label", size=32, source="stand-in", limit=20)
    names = list(s.FACADES)
    as_cmp = {"cornice": "moulding"}  # the stand-ins' colour there is that of CMP's moulding
    wanted = [names.index(as_cmp.get(c, c)) for c in FACADE_CLASSES]
    assert torch.equal(s.classes_of(found.images), torch.tensor(wanted)[found.truth["classes"]])


def test_label_maps_must_be_uint8_colour():
    with pytest.raises(GancourseError, match="uint8.*not torch.float32"):
        s.classes_of(torch.zeros(1, 3, 4, 4))
    with pytest.raises(GancourseError, match=r"\[1, 1, 4, 4\]"):
        s.classes_of(torch.zeros(1, 1, 4, 4, dtype=torch.uint8))


# The network


def test_the_network_has_about_100_000_weights_and_keeps_the_size():
    net = s.FCN(12)
    assert 90_000 < sum(p.numel() for p in net.parameters()) < 110_000
    assert net(torch.zeros(2, 3, 24, 32)).shape == (2, 12, 24, 32)


def test_images_and_classes_must_fit():
    images = torch.zeros(4, 3, 16, 16, dtype=torch.uint8)
    with pytest.raises(GancourseError, match="do not fit classes"):
        s.train(s.FCN(2), images, torch.zeros(4, 8, 8, dtype=torch.long), 1)
    with pytest.raises(GancourseError, match="do not fit classes"):
        s.train(s.FCN(2), images, torch.zeros(3, 16, 16, dtype=torch.long), 1)


def test_broken_weights_are_not_hidden_by_argmax():
    net = s.FCN(2)
    net.heads[0].bias.data.fill_(torch.nan)
    with pytest.raises(GancourseError, match="NaN"):
        s.predict(net, torch.zeros(1, 3, 16, 16, dtype=torch.uint8))


def test_the_network_learns_stand_in_facades():
    """Held-out stand-ins, far above always answering the commonest class."""
    torch.manual_seed(0)
    sets = (standins.make("facades", part="photo", n=n, size=24, split=p) for p, n in SPLITS)
    train, test = ((x.images, x.truth["classes"]) for x in sets)
    net = s.FCN(6)
    losses = s.train(net, *train, steps=60)
    found = s.scores(s.predict(net, test[0]), test[1], 6)
    majority = s.scores(torch.full_like(test[1], int(train[1].flatten().mode()[0])), test[1], 6)
    assert losses[-1] < losses[0] / 2
    assert found.pixel > majority.pixel + 0.2 and found.iou > 2 * majority.iou


def test_training_repeats_with_its_seed():
    images = torch.randint(256, (8, 3, 16, 16), dtype=torch.uint8)
    truth = images[:, 0].long() // 128
    runs = []
    for _ in range(2):
        torch.manual_seed(1)
        runs.append(s.train(s.FCN(2, 4), images, truth, 3, 4, seed=5))
    assert runs[0] == runs[1]


# The experiment


@pytest.mark.parametrize("profile", ["smoke", "quick", "cpu", "full"])
def test_facades_go_from_label_to_photo(profile):
    settings = profiles.settings("facades", profile)
    assert settings.lambda_identity == 0 and settings.load_size > settings.size
    if profile == "smoke":
        domains = [cyclegan.load_domain(settings, part, "stand-in", "test") for part in "AB"]
        assert [d.part for d in domains] == ["label", "photo"]
        numbers = [[name.split("_")[-1] for name in d.names] for d in domains]
        assert numbers[0] == numbers[1]  # pair i is label i and photo i


def test_an_interval_holds_its_score_and_is_a_point_where_all_images_are_equal():
    truth = torch.randint(0, 3, (12, 8, 8), generator=torch.Generator().manual_seed(0))
    answers = truth.clone()
    answers[:4] = 0
    found = s.with_interval(answers, truth, 3)
    assert found.value == pytest.approx(s.scores(answers, truth, 3))
    assert all(low < value < high for value, low, high in zip(*found, strict=True))
    same = s.with_interval(answers[:1].expand(5, -1, -1), truth[:1].expand(5, -1, -1), 3)
    assert same.low == pytest.approx(same.high)


def test_a_difference_is_taken_on_the_same_images():
    """One more pixel right in every image, easy or hard: the gain is the same however one draws."""
    truth = torch.zeros(8, 4, 4, dtype=torch.long)
    truth[:, 2:] = 1
    other = truth.clone()
    for i in range(8):
        other[i].flatten()[: i + 1] = 1 - truth[i].flatten()[: i + 1]  # i + 1 pixels wrong
    one = other.clone()
    one[:, 0, 0] = 0
    found = s.difference(one, other, truth, 2)
    assert found.value.pixel == pytest.approx(1 / 16)
    assert found.low.pixel == pytest.approx(found.high.pixel) == found.value.pixel
    alone = s.with_interval(one, truth, 2)
    assert alone.high.pixel - alone.low.pixel > 0.1
    back = s.difference(other, one, truth, 2)
    assert back.value == pytest.approx([-value for value in found.value])
