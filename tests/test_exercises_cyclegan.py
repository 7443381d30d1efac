"""What the exercises of chapters 05 to 09 judge themselves."""

import pytest
import torch
from torch import nn

from gancourse import records
from gancourse.models import cyclegan
from gancourse_lab import exercises, faults
from gancourse_lab.exercises import chapter_05, chapter_07, chapter_08, chapter_09


@pytest.fixture
def generator():
    made = {"nn": nn, "cyclegan": cyclegan}
    exec(exercises.find("05.1").solution, made)
    return made["my_generator"]


def test_the_generator_is_compared_by_what_it_computes(generator):
    assert chapter_05.is_the_generator(generator) == ""
    assert "32,451" in chapter_05.is_the_generator(nn.Sequential(nn.Tanh()))
    for at, other in ((3, nn.Tanh()), (2, nn.Identity()), (0, nn.ZeroPad2d(3))):
        changed = nn.Sequential(*generator)
        changed[at] = other  # ReLU, norm, padding: none of them has weights
        assert "computes something else" in chapter_05.is_the_generator(changed)
    assert "should make" in chapter_05.is_the_generator(nn.Sequential(*list(generator)[:-2]))


def test_judging_a_generator_leaves_its_weights(generator):
    before = [p.clone() for p in generator.parameters()]
    chapter_05.is_the_generator(generator)
    assert all(map(torch.equal, before, generator.parameters()))


def test_a_mirror_moves_none_of_the_recorded_scores():
    assert chapter_08.moved_by_a_mirror(records.load("evaluation/horse2zebra")) == 0


def test_the_long_run_stopped_early_is_what_the_reason_says():
    total = records.load("horse2zebra/laptop-seed0").by_epoch("gen")
    assert chapter_07.stopped(total, 3) == [5, 2]
    assert "five epochs and keeps the second" in exercises.find("07.4").why


def test_a_repair_is_judged_by_the_monitor():
    images = faults.load("dcgan", "stand-in", 24)
    made = {"faults": faults}
    exec(exercises.find("09.2").solution, made)
    assert chapter_09.silenced(made["repair"], 0, images) == ""
    assert "norm's eps" in chapter_09.silenced(lambda step: None, 0, images)


def test_a_fault_that_is_asked_for_is_in_the_chapter_s_list():
    for question in exercises.find("09.1").questions:
        for name, _ in question.wrong:
            assert name in faults.FAULTS
