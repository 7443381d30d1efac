"""What the steel study's record says: ratios by validation, differences by seed, what lacks."""

import copy
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import average_precision_score

from gancourse import data, records
from gancourse.errors import GancourseError
from gancourse_lab import imbalance, paired, steel_figures
from gancourse_lab.steel_results import CHEAPEST, PRIMARY, Question, Results
from gancourse_studies import steel_study, sweep
from gancourse_tools import cli

GRID = steel_study.grid("smoke", data=("tiles",), seeds=(0, 1), limit=25)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """All jobs of two seeds of drawn tiles, done."""
    out = tmp_path_factory.mktemp("steel")
    done = sweep.sweep(steel_study.jobs(GRID), out, log=lambda text: None)
    assert done.failed == []
    return out


@pytest.fixture(scope="module")
def recorded(swept, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept") / "steel" / "smoke"
    return records.load(steel_study.record(GRID, swept, folder, "smoke"))


def test_a_record_holds_every_cell_and_its_scores_follow_from_its_answers(recorded, swept):
    results = Results(recorded.content)
    assert recorded["missing"] == {} and results.data == ["tiles"] and results.sizes("tiles") == [4]
    planned = sum(job.function is steel_study.train_cell for job in steel_study.jobs(GRID))
    assert len(recorded["cells"]) == len(set(results.keys)) == planned
    for cell in recorded["cells"]:
        fold = recorded["folds"]["tiles"][cell["seed"]]
        labels, guessed = np.array(fold["labels"]), np.array(cell["guessed"])
        hits = guessed[labels == fold["minority"]] == fold["minority"]
        assert cell["scores"]["recall"] == pytest.approx(hits.mean(), abs=1e-4)
        key = steel_study.cell_key(*(cell[k] for k in ("data", "seed", "n", "arm", "ratio")))
        odds = sweep.read(swept, key)["odds"]
        ranked, kept = (
            average_precision_score(labels == fold["minority"], x) for x in (odds, cell["order"])
        )
        assert kept == ranked
    assert len(recorded.columns) == 2 and recorded.strip.shape[0] == steel_study.SHOWN


def test_a_size_that_lacks_a_job_is_left_out_and_counted(swept, tmp_path):
    part = tmp_path / "part"
    shutil.copytree(swept, part)
    (part / "tiles-seed1-n4-classical.json").unlink()
    with pytest.raises(GancourseError, match="no finished part.*n=4.*1"):
        steel_study.collected(GRID, part)


def test_two_arms_are_compared_on_the_same_pictures(recorded):
    results = Results(recorded.content)
    found = results.compare("tiles", 4, "dcgan", "classical", comparisons=3)
    first, second = (results.values("tiles", 4, arm) for arm in ("classical", "dcgan"))
    assert found.value == pytest.approx((second - first).mean(), abs=1e-3)
    cells = [results.cells("tiles", 4, arm) for arm in ("classical", "dcgan")]
    assert found == paired.difference(results.outcomes("tiles", *cells), comparisons=3)
    lost = copy.deepcopy(recorded.content)
    lost["cells"] = [c for c in lost["cells"] if (c["arm"], c["seed"]) != ("classical", 1)]
    with pytest.raises(ValueError, match="zip"):
        Results(lost).compare("tiles", 4, "dcgan", "classical")


def _cell(ratio, validation, score, seed=0, arm="dcgan"):
    return {
        "data": "a", "n": 4, "arm": arm, "ratio": ratio, "seed": seed,
        "validation": validation, "scores": {"macro-F1": score},
    }  # fmt: skip


def test_the_ratio_is_chosen_by_validation_not_by_test_pictures():
    cells = [_cell(1, 0.9, 0.1), _cell(2, 0.3, 0.8), _cell(1, 0.5, 0.2, 1), _cell(2, 0.9, 0.9, 1)]
    results = Results({"folds": {"a": []}, "cells": cells, "generators": []})
    assert results.chosen("a", 4, "dcgan") == 1
    assert results.values("a", 4, "dcgan").tolist() == [0.1, 0.2]
    assert results.values("a", 4, "dcgan", ratio=2).tolist() == [0.8, 0.9]
    with pytest.raises(GancourseError, match="no cell of a with n = 4 and arm cyclegan"):
        results.cells("a", 4, "cyclegan")


def test_the_ceiling_is_as_is_with_all_pictures():
    cell = _cell(0, 0.9, 0.7, arm="ceiling") | {"n": "all"}
    results = Results({"folds": {"a": []}, "cells": [cell], "generators": []})
    assert results.values("a", "all", "as-is").tolist() == [0.7]
    assert results.arms("a", "all") == ["as-is"]


def _points(benefits, data="a"):
    return [
        {"data": data, "model": "dcgan", "n": 4, "KID": kid, "benefit": b}
        for kid, b in enumerate(benefits)
    ]


def test_quality_and_benefit_are_ranked_within_a_group():
    rank = Results.rank_correlation
    falling = _points([5, 4, 3, 2, 1]) + _points([9, 8, 7, 6, 5], "b")
    value, p = rank(falling, "KID")
    assert value == pytest.approx(-1) and p < 0.01
    # one group better in both: between groups only, which is no evidence
    apart = _points([1, 1, 1]) + [
        point | {"KID": point["KID"] + 9} for point in _points([5] * 3, "b")
    ]
    assert np.isnan(rank(apart, "KID")).all()
    few, p = rank(_points([2, 1]), "KID")
    assert few == pytest.approx(-1) and p > 0.5


def test_primary_questions_are_a_few_of_both_data_sets_against_the_cheapest_remedy():
    assert {(q.data, q.n) for q in PRIMARY} == {
        (data, n) for data in ("neu", "tiles") for n in (20, "all")
    }
    assert {q.baseline for q in PRIMARY} == {CHEAPEST}


def test_the_family_is_every_synthetic_arm_against_both_baselines(recorded):
    family = Results(recorded.content).family()
    assert len(family) == len(set(family)) == steel_study.comparisons(GRID)
    assert Question("tiles", 4, "cyclegan+classical", "over-sampling") in family


def test_a_finished_sweep_prints_what_it_found(swept, capsys):
    text = Results(steel_study.collected(GRID, swept)).summary()
    assert "tiles, 4 real pictures of defective" in text
    assert "cyclegan+classical, ratio 1" in text and text.count(" against ") == 8


def test_own_pictures_are_swept_from_the_command_line_to_the_printed_answer(tmp_path, capsys):
    classes = {"good": "inclusion", "scratched": "scratches"}
    for name, part in classes.items():
        drawn = data.load("NEU-DET", part=part, size=64, channels=1, source="stand-in", limit=30)
        (tmp_path / "parts" / name).mkdir(parents=True)
        for i, image in enumerate(drawn.images):
            Image.fromarray(image[0].numpy()).save(tmp_path / "parts" / name / f"{i}.png")
    words = ["sweep", "steel", "--grid", "smoke", "--out", str(tmp_path / "out"), "--minority"]
    words += ["scratched", "--data", str(tmp_path / "parts")]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert "23 jobs done, 0 were there, 0 failed" in said
    assert "parts, 4 real pictures of scratched" in said
    assert "parts, 4 real: dcgan+classical against over-sampling: " in said
    assert cli.main(words) == 0 and "0 jobs done, 23 were there" in capsys.readouterr().out


def test_a_record_is_written_from_the_command_line(monkeypatch, swept, tmp_path, capsys):
    monkeypatch.setattr(steel_study, "grid", lambda name, **given: GRID)
    words = ["sweep", "steel", "--grid", "smoke", "--out", str(swept), "--record"]
    assert cli.main([*words, str(tmp_path / "steel" / "mine")]) == 0
    assert records.load(tmp_path / "steel" / "mine").model == "measurement"


def test_figures_draw_every_arm_and_every_question(recorded):
    results = Results(recorded.content)
    figure = steel_figures.arms(results, ["tiles", "neu"], 4)
    assert len(figure.axes) == len([d for d in results.data if 4 in results.sizes(d)])
    assert len(figure.axes[0].get_yticklabels()) == 10
    rows = {"a": paired.Difference(0.1, 0.05, 0.15, 0.01), "b": paired.Difference(0, -1, 1, 0.9)}
    colours = [line.get_color() for line in steel_figures.differences(rows, "", "").axes[0].lines]
    assert colours[0] == "C5" and colours[2] == "C0"  # "b" cannot be told, "a" is found
    pale = {"a": (-0.2, 0.3), "b": (-2.0, 2.0)}
    lines = steel_figures.differences(rows, "", "", second=pale).axes[0].lines
    assert [list(line.get_xdata()) for line in lines if line.get_alpha()] == [[-2, 2], [-0.2, 0.3]]
    points = results.benefits("classical")
    assert len(points) == 4 and {p["model"] for p in points} == {"dcgan", "cyclegan"}
    axis = steel_figures.quality(points).axes[0]
    drawn = sorted(y for line in axis.lines[:-1] for y in line.get_ydata())
    assert drawn == pytest.approx(sorted(point["benefit"] for point in points))
    steel_figures.power({"tiles": results.minority_pieces("tiles")}, (1, 4), studies=20)


def test_the_grid_s_figures_show_each_seed_each_mean_and_each_comparison(recorded):
    results = Results(recorded.content)
    question = Question("tiles", 4, "dcgan", "classical")
    discs = steel_figures.by_seed(results, [question]).axes[0].lines
    first, second = (results.values("tiles", 4, arm) for arm in ("classical", "dcgan"))
    assert [line.get_xdata()[0] for line in discs[:2]] == pytest.approx(list(second - first))
    folds = {fold["seed"]: fold for fold in recorded["folds"]["tiles"]}
    odd = {seed: np.arange(len(fold["labels"])) % 2 == 1 for seed, fold in folds.items()}
    half = results.compare(*question, left_out=odd)
    cells = [results.cells("tiles", 4, arm) for arm in ("classical", "dcgan")]
    by_hand = [
        paired.Outcome(
            one.labels[::2],
            one.pieces[::2],
            *([x[::2] for x in pair] for pair in (one.guessed, one.odds)),
            one.minority,
        )
        for one in results.outcomes("tiles", *cells)
    ]
    assert half == paired.difference(by_hand) != results.compare(*question)
    counts = steel_figures.found_counts(results, question)
    defects = [np.array(f["labels"]) == f["minority"] for f in recorded["folds"]["tiles"]]
    assert sum(counts) == sum(few.sum() for few in defects)
    gains = [results.values("tiles", 4, arm, "recall") for arm in ("classical", "dcgan")]
    hits = [sum(r * few.sum() for r, few in zip(of, defects, strict=True)) for of in gains]
    assert [counts[0] + counts[1], counts[0] + counts[2]] == pytest.approx(hits, abs=0.01)
    bars = steel_figures.who_found(results, [question]).axes[0].patches
    assert [bar.get_width() for bar in bars] == pytest.approx([c / sum(counts) for c in counts])
    family = results.family()
    drawn = steel_figures.against(results, family).axes
    assert [axis.get_title() for axis in drawn] == [
        "against classical augmentation",
        "against over-sampling",
    ]
    for axis, baseline in zip(drawn, ("classical", "over-sampling"), strict=True):
        of = [
            results.compare(*q, comparisons=len(family)) for q in family if q.baseline == baseline
        ]
        middles = [line.get_xdata()[0] for line in axis.lines[1 : 2 * len(of) : 2]]
        assert middles == pytest.approx([one.value for one in reversed(of)])  # the first on top


def test_what_was_bought_counts_finds_and_false_alarms_over_all_seeds(recorded):
    results = Results(recorded.content)
    found, of, false, others = steel_figures.alarms(results, "tiles", 4, "under-sampling")
    by_hand = np.zeros(4, int)
    for cell in results.cells("tiles", 4, "under-sampling"):
        fold = recorded["folds"]["tiles"][cell["seed"]]
        pairs = list(zip(fold["labels"], cell["guessed"], strict=True))
        few = fold["minority"]
        by_hand += [
            sum(label == few == said for label, said in pairs),
            sum(label == few for label, _ in pairs),
            sum(label != few == said for label, said in pairs),
            sum(label != few for label, _ in pairs),
        ]
    assert [found, of, false, others] == by_hand.tolist() and of and others
    bars = steel_figures.bought(results, 4).axes[0].patches
    right, left = ([bar.get_width() for bar in bars[k::2]] for k in (0, 1))
    assert right == sorted(right) and max(left) <= 0 and found in right and -false in left


def test_marks_below_the_pictures_say_which_arm_recognised_them():
    images = torch.arange(4, dtype=torch.uint8).reshape(4, 1, 1, 1).expand(4, 1, 4, 4)
    labels = torch.tensor([1, 1, 1, 0])
    test = imbalance.Labelled(images, labels, list("abcd"), list("abcd"), ("clean", "bad"), 1)
    said = {"classical": [0, 1, 0, 1], "dcgan": [0, 1, 1, 1]}
    axes = steel_figures.seen_by(test, said, most=3).axes
    shown = [int(axis.images[0].get_array()[0, 0]) for axis in axes if axis.images]
    assert shown == [1, 2, 0]  # from what both recognise to what none does
    marks = axes[-1]
    assert [label.get_text() for label in marks.get_yticklabels()][0] == "DCGAN"
    found = {
        (int(line.get_xdata()[0]), int(line.get_ydata()[0])): line.get_marker()
        for line in marks.lines
    }
    assert found == {(0, 0): "o", (1, 0): "o", (2, 0): "x", (0, 1): "o", (1, 1): "x", (2, 1): "x"}


def test_an_answer_is_drawn_on_what_the_study_would_miss_beside_the_seeds_it_lacks():
    question = Question("tiles", 20, "dcgan", "classical")
    found = paired.Difference(0.02, -0.05, 0.09, 0.5)
    left, right = steel_figures.beside_the_seen({question: found}, 5, 0.03).axes
    least = paired.detectable(found, 5)
    assert left.patches[0].get_width() == pytest.approx(2 * least)
    filled = [line.get_fillstyle() == "full" for line in right.lines]
    assert sum(filled) == 5 and len(filled) == paired.seeds_needed(found, 5, 0.03)


def test_a_bet_pays_by_its_square_and_the_side_that_came_true_is_shaded():
    assert steel_figures.paid([100, 0], [True, False]) == 0
    assert steel_figures.paid([50, 90], [True, False]) == pytest.approx((0.25 + 0.81) / 2)
    sentences = [("one", True, "0.2"), ("two", False, "0.1")]
    axis = steel_figures.settled(sentences, {"you": [50, 90]}).axes[0]
    assert [bar.get_x() for bar in axis.patches[:2]] == [50, 0]
    assert [text.get_text() for text in axis.texts] == ["true: 0.2", "false: 0.1"]


def test_pictures_are_sorted_by_who_recognised_them():
    images = torch.arange(6, dtype=torch.uint8).reshape(6, 1, 1, 1).expand(6, 1, 4, 4)
    labels = torch.tensor([1, 1, 1, 1, 1, 0])
    test = imbalance.Labelled(images, labels, list("abcdef"), list("abcdef"), ("clean", "bad"), 1)
    said = {"classical": [1, 1, 1, 0, 0, 1], "dcgan": [1, 1, 0, 1, 0, 1]}
    rows = steel_figures.found_by(test, said, most=2)
    assert list(rows) == [
        "both: 2", "only classical augmentation: 1", "only DCGAN: 1", "neither: 1"
    ]  # fmt: skip
    assert [row[:, 0, 0, 0].tolist() for row in rows.values()] == [
        [0, 1], [2, 255], [3, 255], [4, 255]
    ]  # fmt: skip
