"""The steel study: its plan is complete, its jobs do what they say, a leak stops a generator."""

import dataclasses

import pytest
import torch

from gancourse.errors import GancourseError
from gancourse_lab import imbalance
from gancourse_lab.imbalance import Leak
from gancourse_studies import steel_study, sweep
from gancourse_tools import cli

SMOKE = steel_study.grid("smoke", data=("tiles",), seeds=(0, 1), limit=25)


def test_the_full_grid_has_every_arm_for_every_size_ratio_and_seed():
    keys = [job.key for job in steel_study.jobs(steel_study.grid("full"))]
    assert len(set(keys)) == len(keys)
    for seed in range(5):
        for data, models in (("neu", ("dcgan",)), ("tiles", ("dcgan", "cyclegan"))):
            assert f"{data}-seed{seed}-nall-ceiling" in keys
            for n in (10, 20, 50, "all"):
                plain = set(imbalance.PLAIN) - ({"as-is"} if n == "all" else set())
                assert {f"{data}-seed{seed}-n{n}-{arm}" for arm in plain} <= set(keys)
                for model in models:
                    assert f"{data}-seed{seed}-n{n}-{model}" in keys
                    for arm in (model, f"{model}+classical"):
                        for ratio in ("0.5", "1", "2", "5"):
                            assert f"{data}-seed{seed}-n{n}-{arm}-r{ratio}" in keys
    # a seed: 2 folds, 56 and 88 classifiers, 12 generators; and a learning rate a data set
    counts = len(keys), sum("+classical-r" in key for key in keys)
    assert counts == (5 * (2 + 56 + 88 + 12) + 2, 5 * 4 * 4 * 3)


def test_a_smaller_grid_is_a_part_of_the_full_one():
    """So that what it computed counts there."""
    full = {job.key for job in steel_study.jobs(steel_study.grid("full"))}
    assert {job.key for job in steel_study.jobs(steel_study.grid("ten-hours"))} <= full


def test_comparisons_are_counted():
    assert steel_study.comparisons(steel_study.grid("full")) == (2 + 4) * 4 * 2
    assert steel_study.comparisons(SMOKE) == 4 * 1 * 2


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The jobs of one seed of drawn tiles, done."""
    out = tmp_path_factory.mktemp("steel")
    grid = dataclasses.replace(SMOKE, seeds=(0,))
    keep = ("fold", "tuning", "ceiling", "as-is", "cyclegan", "cyclegan-r1", "dcgan")
    keep += ("dcgan+classical-r1",)
    jobs = [job for job in steel_study.jobs(grid) if job.key.endswith(keep)]
    done = sweep.sweep(jobs, out, log=lambda text: None)
    assert done.failed == [] and done.ran == len(jobs) >= 8
    return out


def test_a_cell_holds_its_scores_and_its_answers(swept):
    fold = sweep.read(swept, "tiles-seed0-fold")
    cell = sweep.read(swept, "tiles-seed0-n4-dcgan+classical-r1")
    assert cell["shown"] == {"minority": 4, "synthetic": 4}
    assert set(cell["scores"]) == {"macro-F1", "recall", "PR-AUC"}
    n = len(fold["test"]["labels"])
    assert len(cell["guessed"]) == len(cell["odds"]) == len(fold["test"]["names"]) == n
    assert sum(fold["counts"]["test"]) == n and fold["classes"] == ["clean", "defective"]
    ceiling = sweep.read(swept, "tiles-seed0-nall-ceiling")
    assert ceiling["shown"]["minority"] == fold["counts"]["train"][1] > 4
    assert "stand-in" in fold["caption"]
    tuned = sweep.read(swept, "tiles-tuning")
    assert cell["recipe"]["lr"] == tuned["lr"] == 3e-3


def test_a_generator_is_judged_and_leaves_its_pictures(swept):
    for model in ("dcgan", "cyclegan"):
        found = sweep.read(swept, f"tiles-seed0-n4-{model}")
        assert found["real"] == 4 and found["steps"] == 2 and found["pictures"] == 128
        assert set(found["quality"]) >= {"KID×10³", "precision", "recall", "copying"}
        pictures = steel_study.read_pictures(swept / f"tiles-seed0-n4-{model}.safetensors")
        assert pictures.shape == (128, 1, 64, 64) and pictures.dtype == torch.uint8
    assert not list((swept / "checkpoints").glob("*"))


def test_a_cell_without_its_generator_s_pictures_says_so(swept, tmp_path):
    for name in ("tiles-tuning.json", "tiles-seed0-n4-dcgan.json"):
        (tmp_path / name).write_bytes((swept / name).read_bytes())
    with pytest.raises(GancourseError, match="holds no synthetic pictures"):
        steel_study.train_cell(tmp_path, SMOKE, "tiles", 0, 4, "dcgan", 1)


@pytest.mark.parametrize("model", ["dcgan", "cyclegan"])
def test_a_test_picture_planted_in_a_generator_s_training_set_stops_it(
    monkeypatch, tmp_path, model
):
    honest = imbalance.scarce

    def planted(train, n, seed):
        real = honest(train, n, seed)
        test = steel_study._fold(SMOKE, "tiles", 0).test
        stolen = test.of(1).images[:1]
        images = torch.cat([real.images[:-1], stolen])
        return dataclasses.replace(real, images=images)

    monkeypatch.setattr(imbalance, "scarce", planted)
    with pytest.raises(Leak, match="The generator sees 1 of the pictures held out"):
        steel_study.train_generator(tmp_path, SMOKE, "tiles", 0, 4, model)
    assert not list(tmp_path.glob("*"))


def test_a_generator_that_gives_a_test_picture_stops_the_study(monkeypatch, tmp_path):
    def copies(folder, grid, real, seed, count):
        test = steel_study._fold(SMOKE, "tiles", 0).test
        return test.of(1).images[:1].repeat(count, 1, 1, 1), None, None

    monkeypatch.setattr(steel_study, "_dcgan", copies)
    with pytest.raises(Leak, match="The classifier sees 1 of the pictures held out"):
        steel_study.train_generator(tmp_path, SMOKE, "tiles", 0, 4, "dcgan")


def test_a_generator_that_was_cut_off_goes_on_from_its_checkpoint(tmp_path):
    """Two steps, a checkpoint, two more: the pictures of four steps in one go, bit for bit."""

    def pictures(folder, *lengths):
        real = imbalance.scarce(steel_study._fold(SMOKE, "tiles", 0).train, 4, 0)
        for length in lengths:
            grid = dataclasses.replace(SMOKE, generator_steps=(("dcgan", length),))
            made, _, history = steel_study._dcgan(folder, grid, real, 0, 8)
        return made, len(history)

    whole, cut = pictures(tmp_path / "a", 4), pictures(tmp_path / "b", 2, 4)
    assert whole[1] == cut[1] == 4
    assert torch.equal(whole[0], cut[0])


def test_translations_start_from_clean_pictures_of_the_training_part():
    clean = torch.randint(0, 256, (5, 1, 64, 64), dtype=torch.uint8)
    state = torch.get_rng_state()
    made = steel_study._inputs(clean, 12, 0)
    assert torch.equal(state, torch.get_rng_state())
    assert len(made) == 12 and torch.equal(made, steel_study._inputs(clean, 12, 0))
    known = set(imbalance.digests(clean))
    assert set(imbalance.digests(made[:5])) == known
    assert not known & set(imbalance.digests(made[5:]))


def test_the_plan_prints_power_before_anything_runs(tmp_path, capsys):
    assert cli.main(["sweep", "steel", "--grid", "smoke", "--out", str(tmp_path), "--list"]) == 0
    said = capsys.readouterr().out
    assert "40 cells, 6 generators, about" in said and "0 are there" in said
    assert "power to find a gain in recall" in said and not list(tmp_path.glob("*.json"))


def test_own_pictures_need_a_minority(capsys):
    assert cli.main(["sweep", "steel", "--data", "here"]) == 1
    assert "need both --data DIR and --minority CLASS" in capsys.readouterr().err
