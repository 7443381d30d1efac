"""Every loss against its formula on probabilities, and the values theory demands."""

import math

import pytest
import torch
from torch.nn import functional as F

from gancourse import losses
from gancourse.errors import UnknownName

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


def test_unknown_loss():
    with pytest.raises(UnknownName, match="Did you mean 'wasserstein'"):
        losses.pair("wassertein")
