"""Walks that keep a density, and what they are worth."""

import pytest
import torch

from gancourse_lab import walks
from gancourse_lab.theory import NAMED, wasserstein1


def test_hastings_keeps_the_law_under_lopsided_proposals():
    law = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    offer = torch.tensor([[0.2, 0.5, 0.3], [0.1, 0.6, 0.3], [0.4, 0.4, 0.2]]).double()
    moving = walks.hastings(law, offer)
    assert torch.allclose(moving.sum(1), torch.ones(3, dtype=torch.float64))
    assert torch.allclose(law @ moving, law) and not torch.allclose(law @ offer, law, atol=1e-3)
    flow = law[:, None] * moving
    assert torch.allclose(flow, flow.T)  # each pair is in balance


def test_the_walk_keeps_its_density_and_says_how_often_it_moved():
    torch.manual_seed(0)
    p = NAMED["normal"]
    states, moves = walks.metropolis(p, 2.5, chains=64, n=600, start=0.0)
    assert states.shape == (600, 64)
    assert wasserstein1(states[60:].flatten(), p) < 0.05
    stayed = (states[1:] == states[:-1]).double().mean()
    assert moves == pytest.approx(1 - float(stayed), abs=0.01)


def test_independent_states_count_in_full_and_geometric_ones_by_the_formula():
    torch.manual_seed(0)
    rho = walks.autocorrelation(torch.randn(4000, 8), 0.0, 1.0, 20)
    assert float(rho[0]) == pytest.approx(1, abs=0.02)
    assert walks.effective_share(rho) == pytest.approx(1, abs=0.06)
    falling = 0.9 ** torch.arange(400, dtype=torch.float64)
    assert walks.effective_share(falling) == pytest.approx(0.1 / 1.9, abs=0.002)


def test_a_study_leaves_out_the_start():
    torch.manual_seed(0)
    found = walks.walked(NAMED["normal"], 2.5, 200, chains=16, start=30.0)
    assert found.states.shape == (180, 16)
    assert len(found.rho) == 90 and 0 < found.share < 1
