"""The theory's quantities against closed forms, and against a second way of computing them."""

import math

import pytest
import torch
from torch.distributions import (
    AffineTransform,
    Gumbel,
    Normal,
    Poisson,
    TransformedDistribution,
    Uniform,
)

from gancourse.errors import GancourseError
from gancourse_lab import theory
from gancourse_lab.theory import NAMED

PAIRS = [("normal", "two humps"), ("uniform", "Laplace"), ("exponential", "normal")]


def double(value):
    return torch.tensor(value, dtype=torch.float64)


def normal(mean, spread=1.0):
    return Normal(double(mean), double(spread))


def uniform(low, high):
    return Uniform(double(low), double(high))


def on_steps(integrand, low=-40.0, high=40.0, n=800_001):
    """∫ by the trapezium rule on equal steps: nothing in common with the package's grid."""
    x = torch.linspace(low, high, n, dtype=torch.float64)
    return float(torch.trapezoid(integrand(x), x))


# D*


def test_the_optimal_discriminator_of_two_gaussians_is_logistic():
    """Equal spreads: log p - log q is linear, (μ_p - μ_q)(x - mean)/σ²."""
    x = torch.linspace(-30, 30, 41, dtype=torch.float64)
    found = theory.optimal_discriminator(normal(1.0, 2.0), normal(-1.0, 2.0), x)
    assert torch.allclose(found, torch.sigmoid(0.5 * x), atol=1e-12)
    assert torch.allclose(theory.optimal_logit(normal(1.0, 2.0), normal(-1.0, 2.0), x), 0.5 * x)


def test_d_star_is_a_half_where_they_agree_and_undefined_where_both_vanish():
    p, q = uniform(0.0, 1.0), uniform(0.5, 1.5)
    x = double([-1.0, 0.25, 0.75, 1.25, 2.0])
    found = theory.optimal_discriminator(p, q, x)
    assert found[1:4].tolist() == [1.0, 0.5, 0.0]
    assert found[[0, 4]].isnan().all()


def test_d_star_in_the_plane():
    p, q = theory.ring(8, 2.0, 0.3), theory.ring(8, 1.0, 0.3)
    x = torch.randn(7, 2, generator=torch.Generator().manual_seed(0))
    by_hand = p.log_prob(x).exp() / (p.log_prob(x).exp() + q.log_prob(x).exp())
    assert torch.allclose(theory.optimal_discriminator(p, q, x), by_hand, atol=1e-6)


# The value of the game


def test_overlapping_uniforms_in_closed_form():
    """U(0,1) and U(s,1+s) agree on 1 - s of their mass and part on the rest: JSD = s log 2."""
    for s in (0.0, 0.25, 0.5, 1.0, 7.0):
        p, q = uniform(0.0, 1.0), uniform(s, 1.0 + s)
        jsd = min(s, 1.0) * math.log(2)
        assert theory.jensen_shannon(p, q) == pytest.approx(jsd, abs=1e-6)
        value = theory.game_value(p, q, lambda x, p=p, q=q: theory.optimal_logit(p, q, x))
        assert value == pytest.approx(-math.log(4) + 2 * jsd, abs=1e-6)


@pytest.mark.parametrize("names", PAIRS, ids="-".join)
def test_the_divergence_agrees_with_its_definition_on_equal_steps(names):
    p, q = (NAMED[name] for name in names)

    def integrand(x):
        a, b = theory.log_density(p, x), theory.log_density(q, x)
        middle = torch.logaddexp(a, b) - math.log(2)
        terms = [torch.where(v > -math.inf, v.exp() * (v - middle), 0.0) for v in (a, b)]
        return 0.5 * sum(terms)

    assert theory.jensen_shannon(p, q) == pytest.approx(on_steps(integrand), abs=1e-4)
    assert theory.jensen_shannon(q, p) == pytest.approx(theory.jensen_shannon(p, q), abs=1e-9)


@pytest.mark.parametrize("names", PAIRS, ids="-".join)
def test_the_value_at_d_star_and_nowhere_higher(names):
    p, q = (NAMED[name] for name in names)

    def logit(x):
        return theory.optimal_logit(p, q, x)

    best = theory.game_value(p, q, logit)
    assert best == pytest.approx(-math.log(4) + 2 * theory.jensen_shannon(p, q), abs=1e-4)
    for bump in (torch.sin, torch.ones_like, lambda x: torch.exp(-x.square())):
        for size in (-0.5, -0.05, 0.05, 0.5):
            other = theory.game_value(p, q, lambda x, b=bump, s=size: logit(x) + s * b(x))
            assert other < best


def test_the_value_of_the_blind_discriminator_is_minus_log_4():
    p, q = NAMED["Cauchy"], NAMED["two humps"]
    assert theory.game_value(p, q, torch.zeros_like) == pytest.approx(-math.log(4), abs=1e-12)


def test_the_value_against_a_second_quadrature():
    p, q = NAMED["two humps"], NAMED["normal"]

    def integrand(x):
        p_x, q_x = p.log_prob(x).exp(), q.log_prob(x).exp()
        return p_x * torch.sigmoid(x).log() + q_x * torch.sigmoid(-x).log()

    assert theory.game_value(p, q, lambda x: x) == pytest.approx(on_steps(integrand), abs=1e-4)


@pytest.mark.parametrize("name", NAMED)
def test_means_on_cells_of_equal_probability(name):
    p = NAMED[name]
    assert theory.mean_over(p, torch.ones_like) == pytest.approx(1.0, abs=1e-12)
    if name != "Cauchy":  # which has no mean
        assert theory.mean_over(p, lambda x: x) == pytest.approx(float(p.mean), abs=1e-4)
    found = theory.mean_over(p, lambda x: torch.exp(-x.square()))
    wanted = on_steps(lambda x: theory.log_density(p, x).exp() * torch.exp(-x.square()))
    assert found == pytest.approx(wanted, abs=1e-4)


# Quantiles and W1


@pytest.mark.parametrize("name", NAMED)
def test_quantiles_undo_the_cumulative_distribution(name):
    u = torch.linspace(0.001, 0.999, 501, dtype=torch.float64)
    assert torch.allclose(NAMED[name].cdf(theory.quantile(NAMED[name], u)), u, atol=1e-9)


def test_the_root_finder_finds_what_icdf_finds():
    class OnlyCdf(Normal):
        def icdf(self, value):
            raise NotImplementedError

    u = torch.linspace(0.001, 0.999, 101, dtype=torch.float64)
    found = theory.quantile(OnlyCdf(double(3.0), double(20.0)), u)
    assert torch.allclose(found, normal(3.0, 20.0).icdf(u), atol=1e-9)


def test_shifted_copies_are_their_shift_apart():
    for shift in (-3.0, 0.0, 0.2, 5.0):
        for p, q in (
            (normal(0.0), normal(shift)),
            (Gumbel(double(0.0), double(1.0)), Gumbel(double(shift), double(1.0))),
            (uniform(0.0, 1.0), uniform(shift, shift + 1.0)),
        ):
            assert theory.wasserstein1(p, q) == pytest.approx(abs(shift), abs=1e-6)
        sample = torch.randn(50, dtype=torch.float64)
        assert theory.wasserstein1(sample, sample + shift) == pytest.approx(abs(shift), abs=1e-9)


def test_w1_of_two_spreads_and_of_samples_of_unequal_size():
    closed = (3.0 - 1.0) * math.sqrt(2 / math.pi)  # |σ_p - σ_q| E|z|
    assert theory.wasserstein1(normal(0.0, 3.0), normal(0.0, 1.0)) == pytest.approx(
        closed, abs=1e-4
    )
    x, y = double([0.0, 1.0]), double([0.0, 0.5, 2.0])
    # F_x - F_y is 1/6 on (0, 0.5), -1/6 on (0.5, 1) and 1/3 on (1, 2)
    assert theory.wasserstein1(x, y) == pytest.approx(0.5 / 6 + 0.5 / 6 + 1 / 3, abs=1e-12)
    assert theory.wasserstein1(x, y) == theory.wasserstein1(y, x)
    sample = theory.quantile(NAMED["normal"], (torch.arange(999) + 0.5).double() / 999)
    assert theory.wasserstein1(sample, NAMED["normal"]) < 0.01


def test_one_dimensional_critics_reach_w1():
    """The dual: f' = sign(F_q - F_p) has slope 1 and E_p f - E_q f = W1 (Kantorovich)."""
    p, q = NAMED["two humps"], NAMED["normal"]
    x = torch.linspace(-12, 12, 240_001, dtype=torch.float64)
    f = torch.cumulative_trapezoid(torch.sign(q.cdf(x) - p.cdf(x)), x)
    gap = torch.trapezoid((p.log_prob(x).exp() - q.log_prob(x).exp())[1:] * f, x[1:])
    assert theory.wasserstein1(p, q) == pytest.approx(float(gap), abs=1e-4)


# The ring


def test_the_ring_lies_on_its_circle():
    ring = theory.ring(5, 3.0, 0.1)
    centres = ring.component_distribution.mean
    assert centres.shape == (5, 2)
    assert torch.allclose(centres.norm(dim=1), torch.full((5,), 3.0))
    torch.manual_seed(0)
    points = ring.sample((4000,))
    assert points.shape == (4000, 2)
    nearest = torch.cdist(points, centres).min(1)
    assert nearest.values.square().mean().sqrt() == pytest.approx(0.1 * math.sqrt(2), rel=0.05)
    assert theory.modes_found(points, centres, 0.3) == 5


def test_modes_are_counted_by_their_share():
    centres = double([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    points = torch.cat([centres[:1].expand(97, 2), centres[1:2].expand(2, 2), centres[2:]])
    assert theory.modes_found(points, centres, 0.1) == 2  # 97, 2 and 1 per cent
    assert theory.modes_found(points, centres, 0.1, share=0.01) == 3
    assert theory.modes_found(points + 1.0, centres, 0.1) == 0
    assert theory.modes_found(points + 1.0, centres, 1.5) == 2


# Other distributions


def test_a_transformed_distribution_works():
    shifted = TransformedDistribution(NAMED["normal"], [AffineTransform(double(4.0), double(1.0))])
    assert theory.wasserstein1(shifted, NAMED["normal"]) == pytest.approx(4.0, abs=1e-9)
    assert theory.jensen_shannon(shifted, normal(4.0)) == pytest.approx(0.0, abs=1e-9)


def test_what_has_no_density_or_no_quantiles_is_refused():
    """Counts, points in the plane, and the (n, 1) that a network returns."""
    with pytest.raises(GancourseError, match="Poisson has no density.*two humps"):
        theory.jensen_shannon(Poisson(2.0), NAMED["normal"])
    with pytest.raises(GancourseError, match=r"over single numbers.*event \(2,\)"):
        theory.quantile(theory.ring(), double([0.5]))
    with pytest.raises(GancourseError, match=r"samples of shape \(n,\)"):
        theory.wasserstein1(torch.zeros(3, 1), torch.zeros(3, 1))
