"""Augmentation: it changes what it should, keeps what it should, and is differentiable."""

import pytest
import torch

from gancourse import augment
from gancourse.errors import UnknownName


def images(n=16, size=32):
    torch.manual_seed(0)
    return torch.rand(n, 3, size, size) * 2 - 1


@pytest.mark.parametrize("policy", augment.POLICIES)
def test_shape_range_and_determinism(policy):
    x = images()
    torch.manual_seed(1)
    once = augment.classical(x, policy)
    torch.manual_seed(1)
    assert torch.equal(once, augment.classical(x, policy))
    assert once.shape == x.shape and once.dtype == x.dtype
    assert once.min() >= x.min() - 1e-5 and once.max() <= x.max() + 1e-5


def test_none_changes_nothing_and_every_other_policy_changes_every_image():
    """Mistake 9: a crop to the size that the image already has is no augmentation at all."""
    x = images()
    assert torch.equal(augment.classical(x, "none"), x)
    for policy in set(augment.POLICIES) - {"none"}:
        changed = (augment.classical(x, policy) - x).abs().amax((1, 2, 3))
        assert (changed > 0.05).all(), policy


def test_images_of_one_batch_are_changed_differently():
    x = images(1).expand(8, -1, -1, -1)
    out = augment.classical(x, "deluxe")
    distances = torch.cdist(out.flatten(1), out.flatten(1)) + torch.eye(8) * 99
    assert distances.min() > 0.5


def test_steel_flips_top_to_bottom_and_basic_does_not():
    ramp = torch.linspace(-1, 1, 32).reshape(1, 1, 32, 1).expand(64, 3, 32, 32)
    torch.manual_seed(0)
    rising = (
        augment.classical(ramp, "basic")[:, 0, -1, 0] > augment.classical(ramp, "basic")[:, 0, 0, 0]
    )
    assert rising.all()
    steel = augment.classical(ramp, "steel")
    share = (steel[:, 0, -1, 0] < steel[:, 0, 0, 0]).float().mean()
    assert 0.3 < share < 0.7


def test_enlarged_crop_shows_a_window_of_one_over_1_1():
    ramp = torch.linspace(-1, 1, 64).reshape(1, 1, 1, 64).expand(32, 1, 64, 64)
    out = augment.classical(ramp, "basic")
    span = (out[:, 0, 0, -1] - out[:, 0, 0, 0]).abs()
    assert span.mean().item() == pytest.approx(2 / 1.1, rel=0.02)


@pytest.mark.parametrize("policy", ["color", "translation", "cutout", "color,translation,cutout"])
def test_diffaugment_is_differentiable(policy):
    x = images(4).requires_grad_()
    augment.diffaugment(x, policy).square().sum().backward()
    assert torch.isfinite(x.grad).all()
    assert (x.grad.abs().amax((1, 2, 3)) > 0).all()


def test_translation_moves_by_at_most_an_eighth_and_fills_with_zero():
    x = torch.ones(200, 1, 32, 32)
    out = augment.diffaugment(x, "translation")
    assert set(out.unique().tolist()) <= {0.0, 1.0}
    rows = (out.amax((1, 3)) > 0).sum(1)
    assert rows.min() == 32 - 4 and rows.max() == 32


def test_cutout_sets_at_most_a_quarter_to_zero():
    out = augment.diffaugment(torch.ones(200, 1, 32, 32), "cutout")
    share = (out == 0).float().mean((1, 2, 3))
    assert share.max().item() == pytest.approx(0.25)
    assert share.min() > 0


def test_color_leaves_the_geometry_alone():
    x = images(8)
    out = augment.diffaugment(x, "color")
    assert torch.equal(x.mean(1).flatten(1).argmax(1), out.mean(1).flatten(1).argmax(1))


def test_unknown_words_get_a_suggestion():
    with pytest.raises(UnknownName, match="Did you mean 'deluxe'"):
        augment.classical(images(), "delux")
    with pytest.raises(UnknownName, match="Did you mean 'cutout'"):
        augment.diffaugment(images(), "cutuot")
