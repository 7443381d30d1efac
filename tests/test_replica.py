"""Drawn specimens at a contrast and light told, their judge, and the study of replica to metal."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from gancourse import records
from gancourse.data.sets import to_float
from gancourse_lab import specimen_figures, specimens
from gancourse_studies import recording, replica

TINY = replace(replica.RECIPE, size=32, load_size=32, width=4, width_d=4, blocks=1, steps=2)


def levels(pictures, mask):
    """Mean grey level of each picture's bar, and of its table."""
    grey = pictures.float().mean(1, keepdim=True)
    return [(grey * m).sum((1, 2, 3)) / m.sum((1, 2, 3)) for m in (mask, ~mask)]


def test_a_pair_is_one_bar_in_one_place_under_one_light():
    of = specimens.pairs(6, 48, 1.0, 0.0)
    away = (of.replica.float() - of.metal.float()).abs().mean(1, keepdim=True)
    inside = nn.functional.max_pool2d(of.mask.float(), 5, 1, 2) > 0  # its rim is half table
    assert away[~inside].max() == 0 and away[of.mask].mean() > 20
    one = of.replica.float().permute(1, 0, 2, 3)[:, of.mask[:, 0]].mean(1)
    assert (one / one[0]).tolist() == pytest.approx([1, 0.45 / 0.85, 0.2 / 0.85], rel=0.1)


def test_only_the_condition_that_is_told_changes():
    low, high = (specimens.pairs(8, 48, contrast, 0.0) for contrast in (0.05, 1.0))
    assert torch.equal(low.mask, high.mask)
    apart = [
        (bar - table).abs().mean()
        for bar, table in (levels(p.replica, p.mask) for p in (low, high))
    ]
    assert apart[1] > 4 * apart[0]
    dark, lit = (specimens.pairs(8, 48, 0.9, light) for light in (0.0, 1.0))
    assert torch.equal(dark.mask, lit.mask)
    assert (lit.metal.float() - dark.metal.float()).mean() > 15
    assert (lit.metal.float() - dark.metal.float()).min() >= 0


def test_no_bar_is_in_both_domains_and_none_of_the_test_in_the_training():
    replicas, metal = specimens.domains(12, 32)
    of = specimens.pairs(12, 32)
    masks = [
        m.flatten().tolist() for m in (*replicas.truth["mask"], *metal.truth["mask"], *of.mask)
    ]
    assert len({tuple(mask) for mask in masks}) == 36
    assert "stand-in" in replicas.caption and replicas.part == "A"


def test_errors_and_shares_count_the_bar_alone():
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    mask[..., 2:4, :] = True
    pictures, metal = torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.zeros(1, 3, 8, 8).byte()
    metal[:, 0, 2] = 30  # one of two rows, one of three channels
    metal[:, :, 5:] = 200
    assert specimens.error(pictures, metal, mask).tolist() == pytest.approx([5.0])

    class Bright(nn.Module):
        def forward(self, grey):
            return grey + 0.99

    assert specimens.metal_share(Bright(), metal, mask).tolist() == [0.5]


def test_the_judge_sees_no_colour():
    pictures = torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8)
    grey = specimens.greyed(pictures)
    assert (grey[:, 0] == grey[:, 2]).all() and grey.shape == pictures.shape
    assert (specimens.grey(pictures) - specimens.grey(grey)).abs().max() < 1 / 127
    pure = 255 * torch.eye(3, dtype=torch.uint8)[:, :, None, None]  # red, green, blue
    luma = specimens.grey(pure).flatten() / 2 + 0.5
    assert luma.tolist() == pytest.approx([0.299, 0.587, 0.114], abs=1e-4)


def test_the_judge_tells_metal_from_plastic():
    net = specimens.fit(steps=100, n=100, size=32)
    of = specimens.pairs(24, 32)
    metal = specimens.metal_share(net, of.metal, of.mask).mean()
    assert metal > 0.7 and specimens.metal_share(net, of.replica, of.mask).mean() < 0.3


class Copies(nn.Module):
    """Says of a replica what the metal picture is: shown ``of``, in its order."""

    def __init__(self, of):
        super().__init__()
        self.weight, self.of = nn.Parameter(torch.zeros(1)), of

    def forward(self, x):
        return to_float(self.of.metal[: len(x)])


def test_doing_nothing_is_never_nearer_and_the_truth_always_is():
    of = specimens.pairs(5, 32)
    found = replica.compared(specimens.judge(), [Nothing(), Copies(of)], of)
    assert found["translated"]["nearer"] == [0.0, 1.0]
    assert found["translated"]["error"][1] == 0 == found["metal"]["error"]
    assert found["translated"]["error"][0] == pytest.approx(found["replica"]["error"])
    assert found["translated"]["metal"][1] == found["metal"]["metal"]


class Nothing(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x


def test_a_study_can_be_read_and_the_same_seed_gives_the_same_network(tmp_path, monkeypatch):
    monkeypatch.setattr(replica, "TESTED", 2)
    monkeypatch.setattr(replica, "MOVED", {"contrast": (0.0, 1.0), "light": (0.5,)})
    monkeypatch.setattr(specimens, "fit", lambda size: specimens.judge())
    content, strip = replica.run(2, TINY, 8, replica.USUAL, log=lambda text: None)
    recording.save(tmp_path / "run", content | {"run": "run"}, strip)
    record = records.load(tmp_path / "run")
    assert "stand-in" in record.caption and len(record.columns) == 9
    for name, values in replica.MOVED.items():
        curve = record["curves over"][name]
        assert curve["values"] == list(values) and len(curve["at"]) == len(values)
        assert all(len(at["translated"]["error"]) == 2 for at in curve["at"])
    low, high = (at["replica"]["error"] for at in record["curves over"]["contrast"]["at"])
    assert low != high  # the condition moves
    first, again, other = (
        torch.cat([p.flatten() for p in step.shown("gen_ab").parameters()])
        for step, _ in (replica.trained(s, TINY, 8, replica.USUAL) for s in (1, 1, 2))
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_the_curves_are_means_over_the_trainings_on_a_ground_that_marks_the_training():
    record = records.load("specimens/replica-to-metal")
    contrast, light, *_ = specimen_figures.moved(record).axes
    for axis, name in ((contrast, "contrast"), (light, "light")):
        at = record["curves over"][name]["at"]
        means = [float(np.mean(one["translated"]["error"])) for one in at]
        assert axis.lines[-1].get_ydata().tolist() == pytest.approx(means)
        low, high = record["trained at"][name]
        ground = axis.patches[0]
        assert [ground.get_x(), ground.get_x() + ground.get_width()] == pytest.approx([low, high])
