"""Every loss against its formula on probabilities, and the values theory demands."""

import math

import pytest
import torch
from torch.nn import functional as F

from gancourse import losses
from gancourse.errors import GancourseError, UnknownName

REAL, FAKE = torch.tensor([1.5, -0.3, 0.0]), torch.tensor([-2.0, 0.4, 0.1])


def test_bce_is_binary_cross_entropy_on_the_sigmoid():
    real, fake = losses.bce_discriminator(REAL, FAKE)
    p, q = REAL.sigmoid(), FAKE.sigmoid()
    assert real == pytest.approx(F.binary_cross_entropy(p, torch.ones(3)).item(), rel=1e-6)
    assert fake == pytest.approx(F.binary_cross_entropy(q, torch.zeros(3)).item(), rel=1e-6)
    assert losses.bce_generator(FAKE) == pytest.approx(-q.log().mean().item(), rel=1e-6)
    minimax = (1 - q).log().mean().item()
    assert losses.bce_generator_saturating(FAKE) == pytest.approx(minimax, rel=1e-6)


def test_an_undecided_discriminator_loses_log_4():
    zero = torch.zeros(5)
    assert sum(losses.bce_discriminator(zero, zero)).item() == pytest.approx(math.log(4))


def test_bce_stays_finite_where_the_sigmoid_saturates():
    far = torch.tensor([200.0])
    assert losses.bce_discriminator(-far, far)[0].item() == pytest.approx(200)
    logit = (-far).requires_grad_()
    losses.bce_generator(logit).backward()
    assert logit.grad.item() == pytest.approx(-1)  # log of a float32 sigmoid would give 0 or NaN


def test_saturating_gradient_vanishes_and_the_other_does_not():
    logit = torch.tensor([-8.0], requires_grad=True)
    saturating = torch.autograd.grad(losses.bce_generator_saturating(logit), logit)[0]
    other = torch.autograd.grad(losses.bce_generator(logit), logit)[0]
    d = logit.detach().sigmoid()
    assert saturating.item() == pytest.approx(-d.item(), rel=1e-4)  # d/dl log(1 - D) = -D
    assert other.item() == pytest.approx(-(1 - d).item(), rel=1e-4)  # d/dl -log D = -(1 - D)


def test_lsgan_is_the_mean_of_real_and_fake_squared_errors():
    real, fake = losses.lsgan_discriminator(REAL, FAKE)
    together = ((REAL - 1) ** 2).mean() / 2 + (FAKE**2).mean() / 2
    assert (real + fake).item() == pytest.approx(together.item())
    assert losses.lsgan_generator(torch.ones(4)).item() == 0


def test_wasserstein_is_linear():
    real, fake = losses.wasserstein_discriminator(REAL, FAKE)
    assert (real + fake).item() == pytest.approx((FAKE.mean() - REAL.mean()).item())
    assert losses.wasserstein_generator(FAKE + 10).item() == pytest.approx(-FAKE.mean().item() - 10)


def test_mmd_is_zero_on_average_for_equal_laws_and_positive_otherwise():
    torch.manual_seed(0)
    same = [losses.mmd2(torch.randn(64, 1), torch.randn(64, 1)).item() for _ in range(200)]
    assert abs(sum(same) / 200) < 0.002
    assert min(same) < 0  # unbiased, so it must be able to go below zero
    # Gaussians at distance δ, kernel width 1: 2/√3 · (1 - exp(-δ²/6)) in one dimension
    delta = 2.0
    expected = 2 / math.sqrt(3) * (1 - math.exp(-(delta**2) / 6))
    found = losses.mmd2(torch.randn(4000, 1), torch.randn(4000, 1) + delta)
    assert found.item() == pytest.approx(expected, abs=0.03)


def test_the_penalty_of_a_linear_critic_is_its_slope_less_one_squared():
    w = torch.tensor([3.0, 4.0], requires_grad=True)  # |w| = 5
    real, fake = torch.randn(6, 2), torch.randn(6, 2, requires_grad=True)
    penalty = losses.gradient_penalty(lambda x: x @ w, real, fake)
    assert penalty.item() == pytest.approx((5 - 1) ** 2, abs=1e-5)
    penalty.backward()
    assert torch.allclose(w.grad, 2 * (5 - 1) * torch.tensor([0.6, 0.8]))  # 2 (|w| - 1) w/|w|
    assert fake.grad is None


def test_the_penalty_takes_one_norm_and_one_mixture_for_each_image():
    w = torch.full((3, 4, 4), 0.5)  # |w| = 0.5 · √48
    seen = []

    def critic(x):
        seen.append(x)
        return (x * w).sum((1, 2, 3))

    real, fake = torch.ones(8, 3, 4, 4), torch.full((8, 3, 4, 4), 3.0)
    expected = (0.5 * math.sqrt(48) - 1) ** 2
    assert losses.gradient_penalty(critic, real, fake).item() == pytest.approx(expected, rel=1e-5)
    share = seen[0].flatten(1)
    assert torch.equal(share.amin(1), share.amax(1))  # one ε an image ...
    assert len(share[:, 0].unique()) == 8  # ... and another for the next
    assert 1 <= share.min() and share.max() <= 3  # between the two


def test_the_penalty_of_a_flat_critic_can_be_followed():
    w = torch.zeros(2, requires_grad=True)
    penalty = losses.gradient_penalty(lambda x: x @ w, torch.ones(3, 2), torch.zeros(3, 2))
    penalty.backward()
    assert penalty.item() == 1 and w.grad.isfinite().all()


def test_the_penalty_needs_pairs():
    with pytest.raises(GancourseError, match=r"one shape, not \(4, 2\) and \(3, 2\)"):
        losses.gradient_penalty(torch.sum, torch.zeros(4, 2), torch.zeros(3, 2))


def test_unknown_loss():
    with pytest.raises(UnknownName, match="Did you mean 'wasserstein'"):
        losses.pair("wassertein")
