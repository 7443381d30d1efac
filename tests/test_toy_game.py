"""What is read off games on the line, and the judges of fakes that stand still."""

import math

import pytest
import torch

from gancourse import losses
from gancourse_lab import ring_figures, theory, toy_game, toy_judges
from gancourse_lab.toy_game import X

HUMPS = theory.NAMED["two humps"]


def perfect(z):
    """A generator that has learnt the two humps: z runs evenly from -1 to 1."""
    return toy_game.humps().float()[: len(z), None]


def blind(x):
    return torch.zeros_like(x)


def test_a_perfect_generator_and_a_blind_discriminator_are_worth_minus_log_4():
    found = toy_game.look(7, perfect, blind, HUMPS)
    assert found["step"] == 7
    assert found["value"] == pytest.approx(-math.log(4), abs=0.01)
    assert found["W1"] == pytest.approx(0, abs=1e-4)
    assert (found["D"] == 0.5).all()
    middle = found["p"] > 0.1
    assert (found["best"][middle] - 0.5).abs().max() < 0.06  # q is smoothed


def test_no_discriminator_beats_the_best_one():
    far = toy_game.look(0, lambda z: 3 + 0.2 * z, lambda x: -x, HUMPS)
    assert far["value"] < far["most"] < 0
    assert far["best"][X < 0.5].min() > 0.9 and far["best"][(X - 3).abs() < 0.1].max() < 0.2


def test_the_smoothed_density_has_mass_one():
    q = toy_game.density(torch.tensor([-1.0, 0.0, 2.0]))
    assert float(q.sum() * (X[1] - X[0])) == pytest.approx(1, abs=1e-3)


def test_first_and_last_crossings_are_told_apart():
    away = torch.tensor([[4.0, 4.0], [0.5, 3.0], [2.0, 2.0], [0.5, 2.0], [0.5, 2.0]])
    assert toy_game.first_within(away, 1).tolist() == [1, 5]
    assert toy_game.within_for_good(away, 1).tolist() == [3, 5]


def test_both_losses_start_from_the_same_weights_and_draws():
    saturating = toy_game.chase(losses.bce_generator_saturating, 2, seed=3, copies=2)
    other = toy_game.chase(losses.bce_generator, 2, seed=3, copies=2)
    assert torch.equal(saturating.means[0], other.means[0])
    assert torch.equal(saturating.belief[0], other.belief[0])
    assert not torch.equal(saturating.means[1], other.means[1])
    early = saturating.belief[0]  # the slopes in the logit are D and 1 - D
    ratio = saturating.gradient[0] / other.gradient[0]
    assert torch.allclose(ratio, early / (1 - early), rtol=0.2)


SHIFTS = (0.5, 2.0)


def test_a_clipped_critic_keeps_its_weights_inside_and_the_other_has_no_bound():
    torch.manual_seed(0)
    clipped = toy_judges.train("wasserstein", SHIFTS, 30, clip=0.01)
    assert max(float(w.detach().abs().max()) for w in clipped.parameters()) <= 0.01
    assert toy_judges.at_bound(clipped, 0.01) > 0.5
    free = toy_judges.train("wasserstein", SHIFTS, 30)
    assert max(float(w.detach().abs().max()) for w in free.parameters()) > 0.1


def test_what_the_best_judges_say():
    """f(x) = -x1 has slope 1 and gap θ; a D that knows nothing says 0 and pulls at nobody."""
    square = torch.rand(2, 4000, 2)
    says, pulls = toy_judges.critic_says(lambda x: -x[..., :1], square, SHIFTS)
    assert torch.allclose(says, torch.tensor(SHIFTS), atol=1e-4)
    assert torch.allclose(pulls, torch.ones(2))
    says, pulls = toy_judges.discriminator_says(lambda x: 0 * x[..., :1], square, SHIFTS)
    assert torch.allclose(says, torch.zeros(2), atol=1e-6) and not pulls.any()
    sure = toy_judges.discriminator_says(lambda x: 40 * (1.5 - x[..., :1]), square, SHIFTS)
    assert float(sure[0][1]) == pytest.approx(1, abs=0.01)  # disjoint: JSD = log 2


def test_across_takes_the_judge_of_the_shift_that_is_asked_for():
    def judge(x):
        return x[..., :1] + torch.tensor([10.0, 20.0])[:, None, None]

    x, answers = toy_judges.across(judge, SHIFTS, 2.0)
    assert torch.allclose(answers, x + 20)
    assert toy_judges.across(judge, SHIFTS, 0.5, sigmoid=True)[1].max() <= 1


def test_a_game_on_the_ring_is_looked_at_25_times_and_is_the_seeds():
    one, again = (toy_game.ring_game((1e-3, 1e-3), 48, seed=2, copies=2) for _ in range(2))
    assert one.moments == list(range(0, 49, 2))
    assert one.looks.shape == (25, 2, 1000, 2) and one.looks.equal(again.looks)
    assert not one.looks[0, 0].equal(one.looks[0, 1])  # another game
    other = toy_game.ring_game((1e-3, 1e-3), 48, seed=2, copies=2, k=2)
    assert other.looks[0].equal(one.looks[0]) and not other.looks[-1].equal(one.looks[-1])


def test_the_brake_is_r1_on_the_reals():
    """Of one seed, the first look is the same, and D's slope is what the brake changes."""
    free, braked = (
        toy_game.ring_game((4e-3, 1e-3), 96, seed=2, copies=2, brake=gamma) for gamma in (0, 1)
    )
    assert braked.looks[0].equal(free.looks[0]) and not braked.looks[-1].equal(free.looks[-1])
    zero = toy_game.ring_game((4e-3, 1e-3), 96, seed=2, copies=2, brake=1e-30)
    assert torch.allclose(zero.looks[2], free.looks[2], atol=1e-3)


def test_a_point_behind_a_ridge_is_hidden_and_one_before_it_is_seen():
    """Chapter 00's landscape is seen from x1 > 0, x2 < 0: the ridge covers what lies beyond it."""
    x1, x2 = torch.meshgrid(ring_figures.AXIS, ring_figures.AXIS, indexing="xy")
    ridge = torch.where((x1 - x2).abs() < 0.2, 0.9, 0.1)  # along the diagonal
    points = torch.tensor([[-0.4, 0.4], [0.4, -0.4], [0.0, 0.0]])
    heights = torch.tensor([0.1, 0.1, 0.9])
    assert ring_figures.hidden(points, heights, ridge, 3.2).tolist() == [True, False, False]
    flat = torch.full((41, 41), 0.1)
    assert not ring_figures.hidden(points, heights, flat, 3.2).any()


def test_pairs_are_drawn_as_thick_as_they_are_alike():
    real, fakes = torch.zeros(300, 2), torch.full((300, 2), 9.0)
    axes = ring_figures.likenesses([{"step": 0, "real": real, "points": fakes}]).axes
    widths = [{round(line.get_linewidth(), 2) for line in axis.lines} for axis in axes]
    assert widths == [{2.65}, {2.65}, {0.15}]
    assert axes[2].get_title() == "across: k = 0.00 on average"
    assert float(ring_figures.alike(real[0], real[0] + torch.tensor([0.25, 0.0]))) == pytest.approx(
        math.exp(-0.5)
    )
